//! Pollers against servers on this machine.

mod client;
mod driver;
mod github;
mod reddit;
mod registry;
mod reviews;
mod sentry;
mod server;
mod vendors;

use soulcaster_core::Secret;

/// Stands for every credential; no message may show it.
const KEY: &str = "swordfish-1234";

fn key() -> Secret {
    Secret::new(KEY)
}

/// A recorded answer.
fn fixture(path: &str) -> String {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}
