//! Pulls reports from vendors' APIs.
//!
//! | options | what | goes by |
//! | --- | --- | --- |
//! | [`AppStoreOptions`] | customer reviews of apps | newest first, down to the mark |
//! | [`DatadogOptions`] | events | windows of time |
//! | [`GithubOptions`] | issues of repositories | time of the last change, upwards |
//! | [`GooglePlayOptions`] | reviews of the last seven days | all of them each round |
//! | [`IntercomOptions`] | conversations | windows of time |
//! | [`PosthogOptions`] | events of projects | windows of time |
//! | [`RedditOptions`] | posts and comments of subreddits | newest first, down to the mark |
//! | [`SentryOptions`] | issues of an organization | newest first, down to the mark |
//! | [`ZendeskOptions`] | tickets | the export's own cursor |
//!
//! [`source`] makes any of them from JSON. One fetch reads one page. The cursor it gives says where the next page
//! is, or, at the end of a round, from when the next round goes on, so it is never absent;
//! [`Batch::is_done`](soulcaster_core::port::Batch::is_done) says whether the end is reached and
//! [`wait`](soulcaster_core::port::Batch::wait) how long to leave the vendor alone. A round reads again what is
//! younger than its mark less an overlap: reports that show up late are found, and the ones that come twice have
//! the same `external_id`. Of several repositories, apps or subreddits one is read after the other.
//!
//! Nothing here sleeps, and nothing but a refused token is asked twice: what a server refuses is an error that
//! says how long to wait. A page that cannot be had three times in a row is left out and told as rejected, and
//! the next round comes by again. No link of a server is followed: only the place in it is taken, and a link to
//! another host is refused. Redirects are not followed either, so credentials stay with the configured host,
//! which is on the public network unless [`Connection::allow_private_network`] says otherwise.
//!
//! ```no_run
//! # async fn wait_until(_: chrono::DateTime<chrono::Utc>) {}
//! # fn now() -> chrono::DateTime<chrono::Utc> { Default::default() }
//! # async fn run(soulcaster: soulcaster_core::Soulcaster, token: String) -> soulcaster_core::Result<()> {
//! use soulcaster_core::engine::Schedule;
//! use soulcaster_core::{ProjectId, Secret};
//! use soulcaster_sources::pull::GithubOptions;
//!
//! let options = GithubOptions { repositories: vec!["octocat/hello-world".into()], ..Default::default() };
//! let mut issues = options.source(Some(Secret::new(token)))?;
//! let (project, schedule) = (ProjectId::new("shop")?, Schedule::default());
//! loop {
//!     if let Err(error) = soulcaster.pull(&project, "github-1", issues.as_mut(), now()).await {
//!         eprintln!("{error}");
//!     }
//!     let state = soulcaster.pull_state(&project, "github-1").await?.unwrap_or_default();
//!     wait_until(schedule.next_at(&state, 0.5)).await;
//! }
//! # }
//! ```

mod address;
mod app_store;
mod client;
mod clock;
mod connection;
mod cursor;
mod datadog;
mod endpoint;
#[cfg(test)]
pub(crate) mod fuzzed;
mod github;
mod google_play;
mod headers;
mod intercom;
mod jwt;
mod names;
mod poller;
mod posthog;
mod reddit;
mod registry;
mod round;
mod sentry;
#[cfg(test)]
mod tests;
mod token;
mod zendesk;

pub use app_store::AppStoreOptions;
pub use clock::Clock;
pub use connection::Connection;
pub use datadog::DatadogOptions;
pub use github::GithubOptions;
pub use google_play::GooglePlayOptions;
pub use intercom::IntercomOptions;
pub use posthog::PosthogOptions;
pub use reddit::{RedditOptions, RedditSort};
pub use registry::{VENDORS, source};
pub use sentry::SentryOptions;
pub use zendesk::ZendeskOptions;
