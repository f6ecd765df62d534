//! Brings and keeps the data of the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | read reports from files | [`mod@file`] |
//! | verify who delivers | [`signature`] |
//! | Prometheus Alertmanager | [`alertmanager`] |
//! | Datadog webhooks | [`datadog`] |
//! | e-mail, raw and from Postmark and Brevo | [`email`] |
//! | Grafana alerting | [`grafana`] |
//! | Intercom conversations | [`intercom`] |
//! | OpenTelemetry logs | [`otlp`] |
//! | PostHog destinations | [`posthog`] |
//! | Splunk alerts | [`splunk`] |
//! | Splunk Observability detectors | [`splunk_observability`] |
//! | Zendesk tickets | [`zendesk`] |
//! | keep records in one file, durably | [`SqliteStore`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks to.

pub mod alertmanager;
#[cfg(test)]
mod corpus;
pub mod datadog;
pub mod email;
mod field;
pub mod file;
pub mod grafana;
mod html;
pub mod intercom;
pub mod otlp;
mod payload;
pub mod posthog;
pub mod signature;
pub mod splunk;
pub mod splunk_observability;
pub mod sqlite;
mod time;
pub mod zendesk;

pub use sqlite::SqliteStore;
