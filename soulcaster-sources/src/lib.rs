//! Brings and keeps the data of the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | read reports from files | [`mod@file`] |
//! | pull reports from vendors' APIs | `pull`, with the feature of that name |
//! | keep records in one file, durably | [`SqliteStore`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks to.

pub mod file;
#[cfg(feature = "pull")]
pub mod pull;
pub mod sqlite;

pub use sqlite::SqliteStore;
