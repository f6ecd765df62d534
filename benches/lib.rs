//! Benches live in `benches/`; run one with `cargo bench -p soulcaster-benches --bench embed`.
