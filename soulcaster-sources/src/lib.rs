//! Brings and keeps the data of the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | read reports from files | [`mod@file`] |
//! | verify who delivers | [`signature`] |
//! | GitHub: issues, discussions, comments, alerts | [`github`] |
//! | Sentry: issues, events, metric alerts, comments | [`sentry`] |
//! | Slack: messages | [`slack`] |
//! | Discord: messages | [`discord`] |
//! | PagerDuty: incidents, notes | [`pagerduty`] |
//! | Standard Webhooks (Svix) | [`standard_webhooks`] |
//! | any JSON, by a mapping | [`generic`] |
//! | reports written by hand | [`manual`] |
//! | keep records in one file, durably | [`SqliteStore`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks
//! to.

pub mod discord;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod generic;
pub mod github;
pub mod manual;
pub mod pagerduty;
mod payload;
pub mod sentry;
pub mod signature;
pub mod slack;
pub mod sqlite;
pub mod standard_webhooks;
mod time;

pub use sqlite::SqliteStore;

#[cfg(test)]
mod webhook_tests;
