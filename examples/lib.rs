//! The programs are the `*.rs` files beside this one; run one with
//! `cargo run -p soulcaster-examples --example quickstart`.
