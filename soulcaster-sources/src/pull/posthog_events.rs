//! Events of PostHog, by `GET /api/projects/{project}/events/`.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
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
use super::endpoint::{Endpoint, check_name};
use super::pace::{Pace, Poller};
use super::round::Round;

const SOURCE: &str = "posthog";
const OPERATION: &str = "posthog.fetch";

/// What is pulled from PostHog, and how.
#[derive(Debug, Clone)]
pub struct PosthogOptions {
    /// The project's number.
    pub project: String,
    /// A personal API key that may read queries (`query:read`).
    pub key: Secret,
    /// Names of events that are read. Absent, every event is read; when empty, none. `$exception` and `survey
    /// sent` unless given.
    pub events: Option<Vec<String>>,
    /// How far back the first round goes; 30 days unless given.
    pub history: Duration,
    /// How PostHog is reached; the base URL is that of the region.
    pub connection: Connection,
}

impl PosthogOptions {
    /// Exceptions and answers to surveys of `project` at us.posthog.com.
    #[must_use]
    pub fn new(project: impl Into<String>, key: Secret) -> Self {
        Self {
            project: project.into(),
            key,
            events: Some(vec!["$exception".into(), "survey sent".into()]),
            history: Duration::from_secs(30 * 24 * 3600),
            connection: Connection::new("https://us.posthog.com", 240, Duration::from_secs(60)),
        }
    }
}

/// Pulls events of PostHog, newest first, down to the mark less the overlap.
///
/// PostHog continues strictly below the last event's time and would leave out its contemporaries, so its
/// `next` only says that there is more; the next page starts right above that time. The id is the event's
/// `uuid`, as the webhook has it.
pub struct PosthogEvents {
    client: Client,
    endpoint: Endpoint,
    of: String,
    options: PosthogOptions,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    #[serde(default)]
    next: Option<String>,
}

impl PosthogEvents {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: PosthogOptions) -> Result<Self> {
        check_name(OPERATION, "the project", &options.project)?;
        check_secret(OPERATION, "the key", &options.key)?;
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        let of = format!("{SOURCE}/{}", options.project);
        Ok(Self { client, endpoint, of, options })
    }

    async fn step(&mut self, round: &mut Round) -> Result<Step> {
        let now = self.client.now();
        let top = *round.top.get_or_insert(now);
        let floor = round.floor(self.client.connection.overlap);
        let floor = written(floor.unwrap_or_else(|| before(top, self.options.history)));
        let start = written(top);
        let query = [
            ("after", floor.as_str()),
            ("before", round.page.as_deref().unwrap_or(&start)),
            ("limit", "1000"),
            ("orderBy", r#"["-timestamp"]"#),
        ];
        let mut call_query = query.to_vec();
        if let Some([event]) = self.options.events.as_deref() {
            call_query.push(("event", event));
        }
        let url = self.endpoint.at(&["api", "projects", &self.options.project, "events", ""], call_query);
        let reply = match self.client.send(Call::get(url).bearer(&self.options.key)).await {
            Ok(reply) => reply,
            Err(failure) => return round.recover(failure),
        };
        // This clock may be ahead of PostHog's.
        round.top = Some(top.min(reply.at(now)));
        let page: Page<'_> = reply.json()?;
        let events = self.options.events.as_deref();
        let time = |event: &Value| event.time("/timestamp");
        let listing = Listing::read(&page.results, AuthStrength::SharedSecret, time, |event| {
            Ok(Some(report(event)?).filter(|_| is_wanted(events, event)))
        });
        let mut next = None;
        if let Some(link) = page.next.filter(|link| !link.is_empty()) {
            self.endpoint.own(&link)?;
            next = listing.times.iter().flatten().min().map(|oldest| {
                let above = written(*oldest + TimeDelta::milliseconds(1));
                // A page of contemporaries alone: only below them is there more to get.
                if round.page.as_ref() == Some(&above) { written(*oldest) } else { above }
            });
        }
        let more = round.proceed(next, OPERATION)?;
        Ok(Step { listing, more })
    }
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn is_wanted(events: Option<&[String]>, event: &Value) -> bool {
    let name = event.text("/event").unwrap_or_default();
    events.is_none_or(|events| events.iter().any(|wanted| wanted == name))
}

fn report(event: &Value) -> Result<Inbound, String> {
    let name = event.text("/event").unwrap_or_default();
    let exceptions: Vec<String> =
        event.list("/properties/$exception_list").iter().filter_map(exception).collect();
    let answer = match event.pointer("/properties/$survey_response") {
        Some(Value::String(answer)) => Some(answer.clone()),
        Some(Value::Array(answers)) => Some(texts(answers).join(", ")),
        Some(Value::Number(answer)) => Some(answer.to_string()),
        _ => None,
    };
    let title =
        exceptions.first().map(String::as_str).or(event.text("/properties/$survey_name")).unwrap_or(name);
    let body = if exceptions.is_empty() { answer.unwrap_or_default() } else { exceptions.join("\n") };
    let severity = event.text("/properties/$exception_level").and_then(Severity::parse);
    let url = event.text("/url").or(event.text("/properties/$current_url"));
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(event.id("/uuid").or_else(|_| event.id("/id"))?),
        title: title.to_owned(),
        body,
        author: event.word("/distinct_id"),
        url: url.map(str::to_owned),
        severity,
        tags: texts(
            ["/properties/$lib", "/properties/$current_url"].iter().filter_map(|place| event.pointer(place)),
        ),
        metadata: event.pick(&[
            ("event", "/event"),
            ("fingerprint", "/properties/$exception_fingerprint"),
            ("issue_id", "/properties/$exception_issue_id"),
            ("session_id", "/properties/$session_id"),
            ("current_url", "/properties/$current_url"),
            ("browser", "/properties/$browser"),
            ("os", "/properties/$os"),
            ("survey_id", "/properties/$survey_id"),
        ]),
        occurred_at: event.time("/timestamp"),
        ..Inbound::default()
    })
}

/// `type: value`, or the one of them that there is.
fn exception(exception: &Value) -> Option<String> {
    Some(match (exception.text("/type"), exception.text("/value")) {
        (Some(kind), Some(value)) => format!("{kind}: {value}"),
        (kind, value) => kind.or(value)?.to_owned(),
    })
}

#[async_trait]
impl Source for PosthogEvents {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut round = self.client.open(&self.of, cursor)?;
        let step = self.step(&mut round).await;
        self.client.close(step, &self.of, &round)
    }
}

impl Poller for PosthogEvents {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
