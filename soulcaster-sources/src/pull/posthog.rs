//! Events of PostHog, by `GET /api/projects/{project}/events/`.

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Source;
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::connection::Connection;
use super::names::paths;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use crate::answer::Format;
use crate::answer::posthog::Events;

const OPERATION: &str = "posthog.fetch";

/// What is pulled from PostHog, and how.
///
/// Events come newest first, down to the mark less the overlap. PostHog continues strictly below the last event's
/// time and would leave out its contemporaries, so its `next` only says that there is more; the next page starts
/// right above that time. The id is the event's `uuid`, as the webhook has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PosthogOptions {
    /// The projects' numbers.
    pub projects: Vec<String>,
    /// Names of events that are read. Absent, every event is read; when empty, none. `$exception` and `survey
    /// sent` unless given.
    pub events: Option<Vec<String>>,
    /// How far back the first round goes; 30 days unless given.
    pub history_days: u32,
    /// How PostHog is reached; the base URL is that of the region.
    pub connection: Connection,
}

impl Default for PosthogOptions {
    fn default() -> Self {
        Self {
            projects: Vec::new(),
            events: Some(vec!["$exception".into(), "survey sent".into()]),
            history_days: 30,
            connection: Connection::new("https://us.posthog.com", 240, 60),
        }
    }
}

impl PosthogOptions {
    /// Makes the source; `key` is a personal API key that may read queries (`query:read`).
    ///
    /// # Errors
    /// `Invalid` when an option or the key is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, key: Secret) -> Result<Box<dyn Source>> {
        let projects = paths(OPERATION, "projects", &self.projects)?;
        check_secret(OPERATION, "the key", &key)?;
        let event =
            self.events.as_ref().filter(|events| events.len() == 1).and_then(|one| one.first().cloned());
        let format = Events::new(self.events)?;
        let client = Client::new(OPERATION, self.connection, None)?;
        let posthog = Posthog { projects, event, history_days: self.history_days, key, format };
        Ok(Box::new(Poller::new("posthog", client, posthog)))
    }
}

struct Posthog {
    projects: Vec<String>,
    /// The name of the events that are read, when they have but one.
    event: Option<String>,
    history_days: u32,
    key: Secret,
    format: Events,
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[async_trait]
impl Vendor for Posthog {
    fn feeds(&self) -> &[String] {
        &self.projects
    }

    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure> {
        let [floor, top] = round.window(client.now(), client.overlap(), self.history_days).map(written);
        let mut query = vec![
            ("after", floor.as_str()),
            ("before", round.page.as_deref().unwrap_or(&top)),
            ("limit", "1000"),
            ("orderBy", r#"["-timestamp"]"#),
        ];
        query.extend(self.event.as_deref().map(|event| ("event", event)));
        let url = client.api.at(&["api", "projects", &self.projects[feed], "events", ""], query);
        Ok(Call::get(url).bearer(&self.key))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &self.format
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        let oldest = got.listing.times.iter().flatten().min().filter(|_| got.page.link.is_some());
        let next = oldest.map(|oldest| {
            let above = written(*oldest + TimeDelta::milliseconds(1));
            // A page of contemporaries alone: only below them is there more to get.
            if round.page.as_ref() == Some(&above) { written(*oldest) } else { above }
        });
        round.pass(got, next)
    }
}
