//! The loop that all vendors share: one page a fetch, feed by feed, round by round.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Batch, Rejected, Source};
use soulcaster_core::{Error, ErrorKind, Result};

use super::client::{Call, Client, Failure};
use super::cursor;
use super::endpoint::parameter;
use super::headers::next_link;
use super::round::Round;
use crate::answer::{Document, Format, Listing, Page};

/// How often a page is asked for that cannot be had.
const MAX_TRIES: u32 = 3;
/// How many pages in a row are left out, before the round ends.
const MAX_LEAPS: u32 = 3;

/// What differs between vendors.
#[async_trait]
pub(super) trait Vendor: Send {
    /// What is read, one after the other.
    fn feeds(&self) -> &[String];

    /// The call for the page of feed number `feed` that `round` is at.
    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure>;

    /// How answers about feed number `feed` are read.
    fn format(&self, feed: usize) -> &dyn Format;

    /// Moves `round` past the page that was `got`. Says whether it goes on.
    fn advance(&self, feed: usize, round: &mut Round, got: &Got<'_>) -> Result<bool>;

    /// Names the page behind the one that `round` is at and that cannot be had.
    fn past(&self, _round: &Round, _now: DateTime<Utc>) -> Option<String> {
        None
    }

    /// Forgets the token that was refused. Says whether a new one may help.
    fn renew(&mut self) -> bool {
        false
    }

    /// How sure it is that reports come from the vendor.
    fn strength(&self) -> AuthStrength {
        AuthStrength::SharedSecret
    }
}

/// A page, and what was read of it.
pub(super) struct Got<'a> {
    pub(super) page: Page<'a>,
    pub(super) listing: Listing,
    pub(super) headers: &'a HeaderMap,
    pub(super) operation: &'static str,
    /// When the server answered, by whichever clock is earlier.
    pub(super) now: DateTime<Utc>,
    pub(super) overlap: Duration,
}

impl Got<'_> {
    /// The time of the last change on the page.
    pub(super) fn newest(&self) -> Option<DateTime<Utc>> {
        self.listing.times.iter().flatten().max().copied()
    }

    /// The server's name for the next page.
    pub(super) fn next(&self) -> Option<String> {
        self.page.next.clone()
    }
}

/// Where the reading is: which feed is next, and where in each of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Places {
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    feeds: BTreeMap<String, Round>,
}

#[derive(Default)]
struct Step {
    listing: Listing,
    more: bool,
}

impl Step {
    /// Nothing was read, for a reason.
    fn left_out(reason: String, more: bool) -> Self {
        let rejected = vec![Rejected { index: 0, reason }];
        Self { listing: Listing { rejected, ..Listing::default() }, more }
    }
}

/// Pulls from a vendor.
pub(super) struct Poller<V> {
    source: &'static str,
    client: Client,
    vendor: V,
    /// Failures in a row that are the page's.
    tries: u32,
}

impl<V: Vendor> Poller<V> {
    pub(super) fn new(source: &'static str, client: Client, vendor: V) -> Self {
        Self { source, client, vendor, tries: 0 }
    }

    /// Asks for the page that `round` is at and reads it.
    async fn page(&mut self, feed: usize, round: &mut Round) -> Result<Step, Failure> {
        let call = self.vendor.call(&mut self.client, feed, round).await?;
        let reply = match self.client.send(call).await {
            Err(Failure { status: Some(401), .. }) if self.vendor.renew() => {
                let call = self.vendor.call(&mut self.client, feed, round).await?;
                self.client.send(call).await?
            }
            reply => reply?,
        };
        if reply.unchanged {
            return Ok(Step::default());
        }
        let format = self.vendor.format(feed);
        let link = next_link(&reply.headers).filter(|link| link.get("results") != Some("false"));
        let read = Document::read(&reply.body);
        let read = read.and_then(|document| format.page(&document).ok_or_else(|| "its beginning".into()));
        let (mut page, unread) = match read.map_err(|place| reply.unreadable(&place)) {
            Ok(page) => (page, None),
            // Where the next page is named beside this one, the reading goes on without it.
            Err(error) if link.is_some() && self.tries + 1 >= MAX_TRIES => (Page::default(), Some(error)),
            Err(error) => return Err(error.into()),
        };
        page.link = page.link.or(link.map(|link| link.url));
        if let Some(link) = &page.link {
            let url = self.client.api.own(link)?;
            page.next = page.next.or_else(|| parameter(&url, "cursor"));
        }
        round.held |= unread.is_some();
        let listing = Listing::read(format, &page.elements, self.vendor.strength());
        let now = reply.at(self.client.now());
        let (headers, operation, overlap) = (&reply.headers, self.client.operation(), self.client.overlap());
        let mut got = Got { page, listing, headers, operation, now, overlap };
        let more = self.vendor.advance(feed, round, &got)?;
        got.listing.rejected.extend(unread.map(|error| left_out(&self.vendor.feeds()[feed], &error)));
        Ok(Step { listing: got.listing, more })
    }

    /// Goes on though the page that `round` is at cannot be had, unless the failure is of the source as a whole.
    fn go_on(&mut self, failure: Failure, feed: usize, round: &mut Round) -> Result<Step> {
        let Failure { error, status, is_whole } = failure;
        if is_whole {
            return Err(error);
        }
        let (feeds, kind) = (self.vendor.feeds(), error.kind());
        let is_lost = matches!(kind, ErrorKind::Invalid | ErrorKind::NotFound) && status.is_some();
        let is_refused =
            matches!(status, Some(300..400 | 403 | 404 | 410 | 451)) && kind != ErrorKind::RateLimited;
        // A server that does not answer at all has no trouble with this page.
        let is_bad = match kind {
            ErrorKind::Unexpected | ErrorKind::TooLarge => true,
            ErrorKind::Unavailable => status.is_some(),
            _ => false,
        };
        self.tries += u32::from(is_bad);
        let is_start = round.is_start();
        if is_lost && !is_start && round.restart() {
            return Ok(Step { more: true, ..Step::default() });
        }
        let is_worn = is_bad && self.tries >= MAX_TRIES;
        if is_start && !(feeds.len() > 1 && (is_refused || is_worn)) {
            return Err(error);
        }
        if !is_start && !is_worn && !is_lost {
            return Err(error);
        }
        // The mark stays, so the next round comes by again.
        round.held = true;
        let leaps = !is_start && round.leaps < MAX_LEAPS;
        let past = if leaps { self.vendor.past(round, self.client.now()) } else { None };
        let more = past.is_some();
        match past {
            Some(page) => (round.page, round.leaps) = (Some(page), round.leaps + 1),
            None => round.finish(),
        }
        let left_out = left_out(&feeds[feed], &error);
        Ok(Step::left_out(left_out.reason, more))
    }

    async fn step(&mut self, places: &mut Places) -> Result<Step> {
        let feeds = self.vendor.feeds();
        places.feeds.retain(|name, _| feeds.contains(name));
        let feed = feeds.iter().position(|name| Some(name) == places.next.as_ref()).unwrap_or(0);
        let name = feeds[feed].clone();
        let before = places.feeds.get(&name).cloned().unwrap_or_default();
        let mut round = before.clone();
        let mut step = match self.page(feed, &mut round).await {
            Ok(step) => step,
            Err(failure) => {
                round = before;
                self.go_on(failure, feed, &mut round)?
            }
        };
        self.tries = 0;
        places.feeds.insert(name, round);
        let feeds = self.vendor.feeds();
        let feed = if step.more { feed } else { feed + 1 };
        step.more = feed < feeds.len();
        places.next = feeds.get(feed).cloned();
        Ok(step)
    }
}

fn left_out(feed: &str, error: &Error) -> Rejected {
    Rejected { index: 0, reason: format!("{feed}: a page is left out: {}", error.message()) }
}

#[async_trait]
impl<V: Vendor> Source for Poller<V> {
    fn name(&self) -> &str {
        self.source
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut places: Places = cursor::read(self.client.operation(), self.source, cursor)?;
        let step = self.step(&mut places).await;
        let wait = self.client.wait();
        match step {
            Ok(Step { listing, more }) => Ok(Batch {
                items: listing.items,
                rejected: listing.rejected,
                cursor: Some(cursor::write(self.client.operation(), self.source, &places)?),
                is_done: !more,
                wait: wait.unwrap_or_default(),
            }),
            Err(error) => Err(wait.into_iter().fold(error, Error::with_retry_after)),
        }
    }
}
