//! Brings and keeps the data of the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | read reports from files | [`mod@file`] |
//! | verify who delivers | [`signature`] |
//! | keep records in one file, durably | [`SqliteStore`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks to.

pub mod discord;
pub mod file;
pub mod github;
pub mod pagerduty;
mod payload;
pub mod sentry;
pub mod signature;
pub mod slack;
pub mod sqlite;
mod time;

pub use sqlite::SqliteStore;
