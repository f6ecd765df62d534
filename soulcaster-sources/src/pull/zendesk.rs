//! Tickets of Zendesk, by `GET /api/v2/incremental/tickets/cursor.json`.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Source;
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::clock::{before, days};
use super::connection::Connection;
use super::endpoint::host;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use crate::answer::Format;
use crate::answer::zendesk::Tickets;

const OPERATION: &str = "zendesk.fetch";
/// Before the name of a page that is found by time and not by the server's cursor.
const BY_TIME: char = '@';

/// What is pulled from Zendesk, and how.
///
/// Tickets that are new or changed come in the order of their change. Zendesk keeps the place itself: its cursor
/// never ends, and goes on where the last page ended. When it is lost, the reading goes on from the last change
/// less the overlap. The id is `ticket:{id}`, as the webhook has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZendeskOptions {
    /// The address of the administrator whose API token it is; absent, the token is one of OAuth.
    pub email: Option<String>,
    /// How far back the first round goes; 30 days unless given.
    pub history_days: u32,
    /// How Zendesk is reached; the base URL is such as `https://acme.zendesk.com`.
    pub connection: Connection,
}

impl Default for ZendeskOptions {
    fn default() -> Self {
        Self { email: None, history_days: 30, connection: Connection::new("", 10, 60) }
    }
}

impl ZendeskOptions {
    /// Makes the source.
    ///
    /// # Errors
    /// `Invalid` when an option or the token is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, token: Secret) -> Result<Box<dyn Source>> {
        check_secret(OPERATION, "the token", &token)?;
        let client = Client::new(OPERATION, self.connection, None)?;
        let base = client.api.at(&[], []);
        let format = Tickets { base_url: Some(base.as_str().trim_end_matches('/').to_owned()) };
        let (email, history_days) = (self.email, self.history_days);
        let zendesk = Zendesk { feeds: [host(&base)], email, history_days, token, format };
        Ok(Box::new(Poller::new("zendesk", client, zendesk)))
    }
}

struct Zendesk {
    /// The account.
    feeds: [String; 1],
    email: Option<String>,
    history_days: u32,
    token: Secret,
    format: Tickets,
}

#[async_trait]
impl Vendor for Zendesk {
    fn feeds(&self) -> &[String] {
        &self.feeds
    }

    async fn call(&mut self, client: &mut Client, _: usize, round: &mut Round) -> Result<Call, Failure> {
        let floor = round.floor(client.overlap());
        let start =
            floor.unwrap_or_else(|| before(client.now(), days(self.history_days))).timestamp().to_string();
        let query = match round.page.as_deref() {
            None => ("start_time", start.as_str()),
            Some(page) => page.strip_prefix(BY_TIME).map_or(("cursor", page), |time| ("start_time", time)),
        };
        let call = Call::get(client.api.at(&["api", "v2", "incremental", "tickets", "cursor.json"], [query]));
        Ok(match &self.email {
            None => call.bearer(&self.token),
            Some(email) => call.basic(&format!("{email}/token"), &self.token),
        })
    }

    fn format(&self, _: usize) -> &dyn Format {
        &self.format
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        let next = got.next();
        if !got.page.is_last {
            if next.is_none() {
                let what = "the server says there is more and not where; try again later";
                return Err(Error::new(ErrorKind::Unexpected, OPERATION, what));
            }
            return round.ascend(got, next);
        }
        let page = if round.held { None } else { next.or(round.page.take()) };
        round.ascend(got, None)?;
        round.page = page;
        Ok(false)
    }

    /// An hour on.
    fn past(&self, round: &Round, now: DateTime<Utc>) -> Option<String> {
        let page = round.page.as_deref().and_then(|page| page.strip_prefix(BY_TIME)?.parse().ok());
        let read =
            page.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).or(round.top.max(round.mark));
        let from = read.unwrap_or_else(|| before(now, days(self.history_days)));
        let onward = from + TimeDelta::hours(1);
        // Zendesk takes no time of the last minute.
        (onward < now - TimeDelta::minutes(1)).then(|| format!("{BY_TIME}{}", onward.timestamp()))
    }
}
