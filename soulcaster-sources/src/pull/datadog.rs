//! Events of Datadog, by `GET /api/v2/events`.

use async_trait::async_trait;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Source;
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::connection::Connection;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use crate::answer::Format;
use crate::answer::datadog::Events;

const OPERATION: &str = "datadog.fetch";

/// What is pulled from Datadog, and how.
///
/// Events are read window by window: each round reads from its mark less the overlap up to now, newest first. The
/// id is the event's own. A monitor's events are occurrences, so each is a report.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatadogOptions {
    /// A search in Datadog's own words; everything when empty.
    pub query: String,
    /// Ids of monitors whose events are read, `*` for any monitor. Absent, every event is read; when empty,
    /// none.
    pub monitors: Option<Vec<String>>,
    /// How far back the first round goes; 30 days unless given.
    pub history_days: u32,
    /// How Datadog is reached; the base URL is that of the site.
    pub connection: Connection,
}

impl Default for DatadogOptions {
    fn default() -> Self {
        let connection = Connection::new("https://api.datadoghq.com", 300, 3600);
        Self { query: String::new(), monitors: None, history_days: 30, connection }
    }
}

impl DatadogOptions {
    /// Makes the source; `application_key` may read events (`events_read`).
    ///
    /// # Errors
    /// `Invalid` when an option or a key is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, api_key: Secret, application_key: Secret) -> Result<Box<dyn Source>> {
        check_secret(OPERATION, "the API key", &api_key)?;
        check_secret(OPERATION, "the application key", &application_key)?;
        let client = Client::new(OPERATION, self.connection, None)?;
        let (query, history_days) = (self.query, self.history_days);
        let format = Events { monitors: self.monitors };
        let feeds = ["events".to_owned()];
        let datadog = Datadog { feeds, query, history_days, api_key, application_key, format };
        Ok(Box::new(Poller::new("datadog", client, datadog)))
    }
}

struct Datadog {
    feeds: [String; 1],
    query: String,
    history_days: u32,
    api_key: Secret,
    application_key: Secret,
    format: Events,
}

#[async_trait]
impl Vendor for Datadog {
    fn feeds(&self) -> &[String] {
        &self.feeds
    }

    async fn call(&mut self, client: &mut Client, _: usize, round: &mut Round) -> Result<Call, Failure> {
        let window = round.window(client.now(), client.overlap(), self.history_days);
        let [from, to] = window.map(|time| time.timestamp_millis().to_string());
        let mut query = vec![
            ("filter[from]", from.as_str()),
            ("filter[to]", to.as_str()),
            ("sort", "-timestamp"),
            ("page[limit]", "1000"),
        ];
        if !self.query.is_empty() {
            query.push(("filter[query]", &self.query));
        }
        query.extend(round.page.as_deref().map(|page| ("page[cursor]", page)));
        Ok(Call::get(client.api.at(&["api", "v2", "events"], query))
            .secret(HeaderName::from_static("dd-api-key"), "", &self.api_key)
            .secret(HeaderName::from_static("dd-application-key"), "", &self.application_key))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &self.format
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        round.pass(got, got.next())
    }
}
