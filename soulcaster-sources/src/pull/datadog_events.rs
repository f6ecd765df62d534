//! Events of Datadog, by `GET /api/v2/events`.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Step, check_secret};
use super::clock::before;
use super::connection::Connection;
use super::element::{Fields, Listing, texts};
use super::endpoint::Endpoint;
use super::pace::{Pace, Poller};
use super::round::Round;

const SOURCE: &str = "datadog";
const OPERATION: &str = "datadog.fetch";

/// What is pulled from Datadog, and how.
#[derive(Debug, Clone)]
pub struct DatadogOptions {
    /// The API key.
    pub api_key: Secret,
    /// An application key that may read events (`events_read`).
    pub application_key: Secret,
    /// A search in Datadog's own words; everything when empty.
    pub query: String,
    /// Ids of monitors whose events are read, `*` for any monitor. Absent, every event is read; when empty,
    /// none.
    pub monitors: Option<Vec<String>>,
    /// How far back the first round goes; 30 days unless given.
    pub history: Duration,
    /// How Datadog is reached; the base URL is that of the site.
    pub connection: Connection,
}

impl DatadogOptions {
    /// All events at datadoghq.com.
    #[must_use]
    pub fn new(api_key: Secret, application_key: Secret) -> Self {
        Self {
            api_key,
            application_key,
            query: String::new(),
            monitors: None,
            history: Duration::from_secs(30 * 24 * 3600),
            connection: Connection::new("https://api.datadoghq.com", 300, Duration::from_secs(3600)),
        }
    }
}

/// Pulls events of Datadog, window by window: each round reads from its mark less the overlap up to now.
///
/// The id is the event's own. A monitor's events are occurrences, so each is a report.
pub struct DatadogEvents {
    client: Client,
    endpoint: Endpoint,
    options: DatadogOptions,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    meta: Value,
}

impl DatadogEvents {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: DatadogOptions) -> Result<Self> {
        check_secret(OPERATION, "the API key", &options.api_key)?;
        check_secret(OPERATION, "the application key", &options.application_key)?;
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        Ok(Self { client, endpoint, options })
    }

    async fn step(&mut self, round: &mut Round) -> Result<Step> {
        let now = self.client.now();
        let top = *round.top.get_or_insert(now);
        let floor = round.floor(self.client.connection.overlap);
        let floor = floor.unwrap_or_else(|| before(top, self.options.history));
        let (from, to) = (floor.timestamp_millis().to_string(), top.timestamp_millis().to_string());
        let mut query = vec![
            ("filter[from]", from.as_str()),
            ("filter[to]", to.as_str()),
            ("sort", "timestamp"),
            ("page[limit]", "1000"),
        ];
        if !self.options.query.is_empty() {
            query.push(("filter[query]", &self.options.query));
        }
        query.extend(round.page.as_deref().map(|page| ("page[cursor]", page)));
        let call = Call::get(self.endpoint.at(&["api", "v2", "events"], query))
            .secret(HeaderName::from_static("dd-api-key"), "", &self.options.api_key)
            .secret(HeaderName::from_static("dd-application-key"), "", &self.options.application_key);
        let reply = match self.client.send(call).await {
            Ok(reply) => reply,
            Err(failure) => return round.recover(failure),
        };
        // This clock may be ahead of Datadog's.
        round.top = Some(top.min(reply.at(now)));
        let page: Page<'_> = reply.json()?;
        let monitors = self.options.monitors.as_deref();
        let time = |event: &Value| event.time("/attributes/timestamp");
        let listing = Listing::read(&page.data, AuthStrength::SharedSecret, time, |event| {
            Ok(Some(report(event)?).filter(|_| is_wanted(monitors, event)))
        });
        // The page after the last one is empty.
        let next = page.meta.text("/page/after").filter(|_| !page.data.is_empty()).map(str::to_owned);
        let more = round.proceed(next, OPERATION)?;
        Ok(Step { listing, more })
    }
}

fn is_wanted(monitors: Option<&[String]>, event: &Value) -> bool {
    let Some(monitors) = monitors else { return true };
    let id =
        event.word("/attributes/attributes/monitor_id").or(event.word("/attributes/attributes/monitor/id"));
    id.is_some_and(|id| monitors.iter().any(|wanted| wanted.trim() == "*" || wanted.trim() == id))
}

fn report(event: &Value) -> Result<Inbound, String> {
    let status = event.text("/attributes/attributes/status");
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(event.id("/id")?),
        title: event.text("/attributes/attributes/title").unwrap_or_default().to_owned(),
        body: event.text("/attributes/message").unwrap_or_default().to_owned(),
        severity: status.and_then(Severity::parse),
        tags: texts(event.list("/attributes/tags")),
        metadata: event.pick(&[
            ("status", "/attributes/attributes/status"),
            ("service", "/attributes/attributes/service"),
            ("hostname", "/attributes/attributes/hostname"),
            ("priority", "/attributes/attributes/priority"),
            ("aggregation_key", "/attributes/attributes/aggregation_key"),
            ("monitor_id", "/attributes/attributes/monitor_id"),
        ]),
        occurred_at: event.time("/attributes/attributes/timestamp").or(event.time("/attributes/timestamp")),
        ..Inbound::default()
    })
}

#[async_trait]
impl Source for DatadogEvents {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut round = self.client.open(SOURCE, cursor)?;
        let step = self.step(&mut round).await;
        self.client.close(step, SOURCE, &round)
    }
}

impl Poller for DatadogEvents {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
