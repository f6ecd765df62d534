//! Conversations of Intercom, by `POST /conversations/search`.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Step, check_secret};
use super::clock::before;
use super::connection::Connection;
use super::element::{Fields, Listing, texts};
use super::endpoint::Endpoint;
use super::html;
use super::pace::{Pace, Poller};
use super::round::Round;

const SOURCE: &str = "intercom";
const OPERATION: &str = "intercom.fetch";
/// The version of the API that the fields are those of.
const VERSION: &str = "2.11";

/// What is pulled from Intercom, and how.
#[derive(Debug, Clone)]
pub struct IntercomOptions {
    /// An access token that may read conversations.
    pub token: Secret,
    /// How far back the first round goes; 30 days unless given.
    pub history: Duration,
    /// How Intercom is reached; the base URL is that of the region.
    pub connection: Connection,
}

impl IntercomOptions {
    /// All conversations at api.intercom.io.
    #[must_use]
    pub fn new(token: Secret) -> Self {
        Self {
            token,
            history: Duration::from_secs(30 * 24 * 3600),
            connection: Connection::new("https://api.intercom.io", 1000, Duration::from_secs(60)),
        }
    }
}

/// Pulls conversations of Intercom that are new or changed, the last changed first.
///
/// Each round reads what changed since its mark less the overlap; one that changes meanwhile comes again in
/// the next round. The body is the first message as plain text. The id is `conversation:{id}`, as the webhook
/// has it.
pub struct IntercomConversations {
    client: Client,
    endpoint: Endpoint,
    options: IntercomOptions,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    conversations: Vec<&'a RawValue>,
    #[serde(default)]
    pages: Value,
}

impl IntercomConversations {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: IntercomOptions) -> Result<Self> {
        check_secret(OPERATION, "the token", &options.token)?;
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        Ok(Self { client, endpoint, options })
    }

    async fn step(&mut self, round: &mut Round) -> Result<Step> {
        let now = self.client.now();
        let top = *round.top.get_or_insert(now);
        let floor = round.floor(self.client.connection.overlap);
        let floor = floor.unwrap_or_else(|| before(top, self.options.history));
        let mut pagination = json!({"per_page": 150});
        if let Some(page) = &round.page {
            pagination["starting_after"] = page.as_str().into();
        }
        let body = json!({
            "query": {"field": "updated_at", "operator": ">", "value": floor.timestamp() - 1},
            "sort": {"field": "updated_at", "order": "descending"},
            "pagination": pagination,
        });
        let url = self.endpoint.at(&["conversations", "search"], []);
        let call = Call::post(url, "application/json", body.to_string().into_bytes())
            .header(HeaderName::from_static("intercom-version"), HeaderValue::from_static(VERSION))
            .bearer(&self.options.token);
        let reply = match self.client.send(call).await {
            Ok(reply) => reply,
            Err(failure) => return round.recover(failure),
        };
        // This clock may be ahead of Intercom's.
        round.top = Some(top.min(reply.at(now)));
        let page: Page<'_> = reply.json()?;
        let time = |conversation: &Value| conversation.time("/updated_at");
        let listing = Listing::read(&page.conversations, AuthStrength::SharedSecret, time, |conversation| {
            report(conversation).map(Some)
        });
        let more = round.proceed(page.pages.text("/next/starting_after").map(str::to_owned), OPERATION)?;
        Ok(Step { listing, more })
    }
}

fn report(conversation: &Value) -> Result<Inbound, String> {
    let id = conversation.id("/id")?;
    let plain = |pointer: &str| conversation.text(pointer).map(html::to_text).filter(|text| !text.is_empty());
    let body = plain("/source/body").unwrap_or_default();
    let subject = plain("/source/subject").or_else(|| plain("/title"));
    let author = conversation.text("/source/author/name").or(conversation.text("/source/author/email"));
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(format!("conversation:{id}")),
        title: subject.unwrap_or_else(|| body.lines().next().unwrap_or_default().to_owned()),
        author: author.map(str::to_owned),
        url: conversation.text("/links/conversation_web").map(str::to_owned),
        tags: texts(conversation.list("/tags/tags").iter().filter_map(|tag| tag.get("name"))),
        metadata: conversation.pick(&[
            ("state", "/state"),
            ("priority", "/priority"),
            ("delivered_as", "/source/delivered_as"),
            ("author_type", "/source/author/type"),
            ("rating", "/conversation_rating/rating"),
        ]),
        occurred_at: conversation.time("/created_at"),
        updated_at: conversation.time("/updated_at"),
        body,
        ..Inbound::default()
    })
}

#[async_trait]
impl Source for IntercomConversations {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut round = self.client.open(SOURCE, cursor)?;
        let step = self.step(&mut round).await;
        self.client.close(step, SOURCE, &round)
    }
}

impl Poller for IntercomConversations {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
