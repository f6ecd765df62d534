//! Brings and keeps the data of the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | read reports from files | [`mod@file`] |
//! | verify who delivers | [`signature`] |
//! | a webhook by its vendor's name | [`vendor`] |
//! | Prometheus Alertmanager | [`alertmanager`] |
//! | Datadog webhooks | [`datadog`] |
//! | e-mail, raw and from Postmark and Brevo | [`email`] |
//! | Grafana alerting | [`grafana`] |
//! | Intercom conversations | [`intercom`] |
//! | OpenTelemetry logs | [`otlp`] |
//! | PostHog destinations | [`posthog`] |
//! | Splunk: alert action, Observability detectors | [`splunk`] |
//! | Zendesk tickets | [`zendesk`] |
//! | GitHub: issues, discussions, comments, alerts | [`github`] |
//! | Sentry: issues, events, metric alerts, comments | [`sentry`] |
//! | Slack: messages | [`slack`] |
//! | Discord: messages | [`discord`] |
//! | PagerDuty: incidents, notes | [`pagerduty`] |
//! | Standard Webhooks (Svix) | [`standard_webhooks`] |
//! | any JSON, by a mapping | [`generic`] |
//! | reports written by hand | [`manual`] |
//! | read what vendors' APIs answer | [`answer`] |
//! | pull reports from vendors' APIs | `pull`, with the feature of that name |
//! | keep records in one file, durably | [`SqliteStore`] |
//! | keep deliveries until they are taken in, durably | [`Inbox`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks
//! to.

pub mod alertmanager;
pub mod answer;
pub mod datadog;
pub mod discord;
pub mod email;
mod field;
pub mod file;
#[cfg(test)]
mod fixture;
pub mod generic;
pub mod github;
pub mod grafana;
mod html;
pub mod intercom;
pub mod manual;
pub mod otlp;
pub mod pagerduty;
mod payload;
pub mod posthog;
#[cfg(feature = "pull")]
pub mod pull;
pub mod sentry;
mod settings;
pub mod signature;
pub mod slack;
pub mod splunk;
pub mod sqlite;
pub mod standard_webhooks;
mod time;
pub mod vendor;
pub mod zendesk;

pub use sqlite::{Arrival, Inbox, SqliteStore};

#[cfg(test)]
mod tests;
