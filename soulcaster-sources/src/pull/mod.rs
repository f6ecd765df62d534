//! Pulls reports from vendors' APIs.
//!
//! | vendor | what | goes by |
//! | --- | --- | --- |
//! | [`AppStore`] | customer reviews | newest first, down to the mark |
//! | [`DatadogEvents`] | events | windows of time |
//! | [`GithubIssues`] | issues of a repository | time of the last change, upwards |
//! | [`GooglePlay`] | reviews of the last seven days | all of them each round |
//! | [`IntercomConversations`] | conversations | windows of time |
//! | [`PosthogEvents`] | events | windows of time |
//! | [`Reddit`] | posts and comments of subreddits | newest first, down to the mark |
//! | [`SentryIssues`] | issues of an organization | newest first, down to the mark |
//! | [`ZendeskTickets`] | tickets | the export's own cursor |
//!
//! One fetch reads one page. The cursor it gives says where the next page is, or, at the end of a round, from
//! when the next round goes on, so it is never absent; [`Poller::pace`] says whether the end is reached and
//! how long to wait. A round reads again what is younger than its mark less an overlap: reports that show up
//! late are found, and the ones that come twice have the same `external_id`.
//!
//! Nothing here sleeps or asks twice: what a server refuses is an error, and the wait is for the caller to
//! keep. No link of a server is followed: only the place in it is taken, and a link to another host is
//! refused. Redirects are not followed either, so credentials stay with the configured host.
//!
//! ```no_run
//! # async fn wait(_: std::time::Duration) {}
//! # async fn run(token: String) -> soulcaster_core::Result<()> {
//! use soulcaster_core::{Secret, port::Source};
//! use soulcaster_sources::pull::{GithubIssues, GithubOptions, Poller};
//!
//! let options = GithubOptions::new("octocat/hello-world");
//! let options = GithubOptions { token: Some(Secret::new(token)), ..options };
//! let mut issues = GithubIssues::new(options)?;
//! let mut cursor: Option<String> = None; // the committed one
//! loop {
//!     match issues.fetch(cursor.as_deref()).await {
//!         Ok(batch) => cursor = batch.cursor, // committed together with batch.items
//!         Err(error) => eprintln!("{error}"),
//!     }
//!     let pace = issues.pace();
//!     let rest = if pace.caught_up { std::time::Duration::from_secs(300) } else { pace.wait };
//!     wait(rest.max(pace.wait)).await;
//! }
//! # }
//! ```

mod app_store;
mod client;
mod clock;
mod connection;
mod cursor;
mod datadog_events;
mod element;
mod endpoint;
#[cfg(test)]
pub(crate) mod fuzzed;
mod github_issues;
mod google_play;
mod headers;
mod html;
mod intercom_conversations;
mod jwt;
mod pace;
mod posthog_events;
mod reddit;
mod reddit_post;
mod round;
mod sentry_issues;
#[cfg(test)]
mod tests;
mod zendesk_tickets;

pub use app_store::{AppStore, AppStoreOptions};
pub use clock::Clock;
pub use connection::{Budget, Connection};
pub use datadog_events::{DatadogEvents, DatadogOptions};
pub use github_issues::{GithubIssues, GithubOptions};
pub use google_play::{GooglePlay, GooglePlayOptions};
pub use intercom_conversations::{IntercomConversations, IntercomOptions};
pub use pace::{Pace, Poller};
pub use posthog_events::{PosthogEvents, PosthogOptions};
pub use reddit::{Listing as RedditListing, Reddit, RedditOptions};
pub use sentry_issues::{SentryIssues, SentryOptions};
pub use zendesk_tickets::{ZendeskLogin, ZendeskOptions, ZendeskTickets};
