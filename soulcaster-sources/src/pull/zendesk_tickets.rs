//! Tickets of Zendesk, by `GET /api/v2/incremental/tickets/cursor.json`.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::client::{Call, Client, Step, check_secret};
use super::clock::before;
use super::connection::Connection;
use super::element::{Fields, Listing, texts};
use super::endpoint::Endpoint;
use super::pace::{Pace, Poller};

const SOURCE: &str = "zendesk";
const OPERATION: &str = "zendesk.fetch";

/// Who reads tickets.
#[derive(Debug, Clone)]
pub enum ZendeskLogin {
    /// An OAuth token.
    Bearer(Secret),
    /// An administrator's API token.
    ApiToken {
        /// The administrator's address.
        email: String,
        /// The token.
        token: Secret,
    },
}

/// What is pulled from Zendesk, and how.
#[derive(Debug, Clone)]
pub struct ZendeskOptions {
    /// Who reads.
    pub login: ZendeskLogin,
    /// How far back the first round goes; 30 days unless given.
    pub history: Duration,
    /// How Zendesk is reached.
    pub connection: Connection,
}

impl ZendeskOptions {
    /// Tickets at `base_url`, such as `https://acme.zendesk.com`.
    #[must_use]
    pub fn new(base_url: impl Into<String>, login: ZendeskLogin) -> Self {
        Self {
            login,
            history: Duration::from_secs(30 * 24 * 3600),
            connection: Connection::new(base_url, 10, Duration::from_secs(60)),
        }
    }
}

/// Pulls tickets of Zendesk that are new or changed, in the order of their change.
///
/// Zendesk keeps the place itself: its cursor never ends, and goes on where the last page ended. When it is
/// lost, the reading goes on from the last change less the overlap. The id is `ticket:{id}`, as the webhook
/// has it.
pub struct ZendeskTickets {
    client: Client,
    endpoint: Endpoint,
    of: String,
    options: ZendeskOptions,
}

/// Where the reading is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    after: Option<String>,
    /// The last change that was read.
    mark: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    tickets: Vec<&'a RawValue>,
    #[serde(default)]
    after_cursor: Option<String>,
    #[serde(default)]
    end_of_stream: bool,
}

impl ZendeskTickets {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: ZendeskOptions) -> Result<Self> {
        match &options.login {
            ZendeskLogin::Bearer(token) | ZendeskLogin::ApiToken { token, .. } => {
                check_secret(OPERATION, "the token", token)?;
            }
        }
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        let of = format!("{SOURCE}/{}", super::endpoint::host(&endpoint.at(&[], [])));
        Ok(Self { client, endpoint, of, options })
    }

    async fn step(&mut self, place: &mut Place) -> Result<Step> {
        let now = self.client.now();
        let (overlap, history) = (self.client.connection.overlap, self.options.history);
        let start = place.mark.map_or_else(|| before(now, history), |mark| before(mark, overlap));
        let start = start.timestamp().to_string();
        let query = match &place.after {
            Some(after) => ("cursor", after.as_str()),
            None => ("start_time", start.as_str()),
        };
        let call =
            Call::get(self.endpoint.at(&["api", "v2", "incremental", "tickets", "cursor.json"], [query]));
        let call = match &self.options.login {
            ZendeskLogin::Bearer(token) => call.bearer(token),
            ZendeskLogin::ApiToken { email, token } => call.basic(&format!("{email}/token"), token),
        };
        let reply = match self.client.send(call).await {
            Ok(reply) => reply,
            Err(failure) => {
                let lost = matches!(failure.error.kind(), ErrorKind::Invalid | ErrorKind::NotFound);
                if lost && place.after.take().is_some() {
                    return Ok(Step { more: true, ..Step::default() });
                }
                return Err(failure.error);
            }
        };
        let page: Page<'_> = reply.json()?;
        let time = |ticket: &Value| ticket.time("/generated_timestamp").or(ticket.time("/updated_at"));
        let base = self.endpoint.at(&["agent", "tickets"], []);
        let listing = Listing::read(&page.tickets, AuthStrength::SharedSecret, time, |ticket| {
            report(base.as_str(), ticket).map(Some)
        });
        let newest = listing.times.iter().flatten().max().map(|newest| (*newest).min(now));
        place.mark = place.mark.max(newest);
        let after = page.after_cursor.filter(|after| !after.is_empty());
        if !page.end_of_stream && (after.is_none() || after == place.after) {
            let what = "the server says there is more and not where; try again later";
            return Err(Error::new(ErrorKind::Unexpected, OPERATION, what));
        }
        place.after = after.or(place.after.take());
        Ok(Step { listing, more: !page.end_of_stream })
    }
}

fn report(base: &str, ticket: &Value) -> Result<Inbound, String> {
    let id = ticket.id("/id")?;
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(format!("ticket:{id}")),
        title: ticket.text("/subject").unwrap_or_default().to_owned(),
        body: ticket.text("/description").unwrap_or_default().to_owned(),
        author: ticket.word("/requester_id"),
        url: Some(format!("{base}/{id}")),
        severity: ticket.text("/priority").and_then(Severity::parse),
        tags: texts(ticket.list("/tags")),
        metadata: ticket.pick(&[
            ("status", "/status"),
            ("type", "/type"),
            ("via", "/via/channel"),
            ("organization_id", "/organization_id"),
            ("problem_id", "/problem_id"),
            ("satisfaction", "/satisfaction_rating/score"),
        ]),
        occurred_at: ticket.time("/created_at"),
        updated_at: ticket.time("/updated_at"),
        ..Inbound::default()
    })
}

#[async_trait]
impl Source for ZendeskTickets {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut place = self.client.open(&self.of, cursor)?;
        let step = self.step(&mut place).await;
        self.client.close(step, &self.of, &place)
    }
}

impl Poller for ZendeskTickets {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
