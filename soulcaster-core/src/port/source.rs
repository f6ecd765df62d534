//! Where reports come from.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{ErrorKind, Result};
use crate::model::item::Inbound;

/// What one fetch brought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The reports, in the source's order.
    pub items: Vec<Inbound>,
    /// Reports that could not be read: where, and why.
    pub rejected: Vec<Rejected>,
    /// Where to go on; absent when everything has been fetched.
    pub cursor: Option<String>,
    /// Whether there is nothing more for now, though the cursor says where to go on later.
    pub is_done: bool,
    /// How long the source wants to be left alone before the next fetch.
    pub wait: Duration,
}

/// A report that could not be read or kept.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rejected {
    /// Which one: for a file the line, counted from 1; otherwise its place in the call, counted from 0.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// Pulls reports.
///
/// # Contract
/// - Fetching twice with one cursor gives at least the same reports again: a caller commits the cursor with
///   the items, so a crash between the two loses nothing.
/// - What is wrong with one report is told in [`Batch::rejected`]; errors are for the source as a whole, and
///   say in [`Error::retry_after`](crate::Error::retry_after) how long to wait where the source does.
/// - Nothing sleeps and nothing is asked twice in a fetch: when to fetch again is for the caller, who goes by
///   [`Schedule`](crate::engine::Schedule).
#[async_trait]
pub trait Source: Send {
    /// The name that items carry as their source.
    fn name(&self) -> &str;

    /// Fetches what comes after `cursor`; from the beginning without one.
    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch>;
}

/// A delivery pushed by a vendor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delivery {
    /// Header names with their values; case does not count in names.
    pub headers: Vec<(String, String)>,
    /// The path and query it was sent to.
    pub path: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Delivery {
    /// The value of the first header of that `name`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What an authentic delivery holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// Its reports, at least one: all of them are kept or none.
    Reports(Vec<Inbound>),
    /// Nothing to keep.
    Ignored(Ignored),
    /// The sender wants this answered before it delivers, such as a challenge echoed.
    Handshake {
        /// The HTTP status of the answer: 200, or 204 where there is nothing to say.
        status: u16,
        /// The media type of the answer.
        content_type: &'static str,
        /// The answer.
        body: Vec<u8>,
    },
}

/// Why an authentic delivery holds nothing to keep.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "reason")]
#[non_exhaustive]
pub enum Ignored {
    /// The sender tests the connection.
    Ping,
    /// An event that no report is made of.
    UnknownEvent {
        /// Its name, as the vendor has it.
        event: String,
    },
    /// A known event about something that is no report, such as a pull request.
    NotAReport {
        /// What it is.
        what: String,
    },
    /// The source's settings leave it out.
    Filtered {
        /// Which setting.
        setting: String,
    },
    /// A delivery without content.
    Empty,
    /// An answer of the vendor's API that says that the call failed.
    Failure {
        /// What can be done about it.
        kind: ErrorKind,
        /// What the vendor says.
        message: String,
    },
}

/// Verifies and reads a vendor's deliveries in one call, so that nobody can skip the check.
///
/// # Contract
/// - Pure: the same delivery at the same time gives the same answer.
/// - A delivery that fails verification is `Unauthorized` and is not parsed.
/// - All of its reports or none.
/// - An authentic event of an unknown kind is [`Ignored`], not an error: vendors add events, and an error makes
///   many of them stop delivering.
pub trait Webhook: Send + Sync {
    /// The name that items carry as their source.
    fn name(&self) -> &str;

    /// Verifies and reads one delivery received at `now`.
    ///
    /// # Errors
    /// `Unauthorized` when verification fails, `Invalid` when it is not what the vendor sends.
    fn decode(&self, delivery: &Delivery, now: chrono::DateTime<chrono::Utc>) -> Result<Decoded>;
}
