//! Conversations of Intercom, by `POST /conversations/search`.

use async_trait::async_trait;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::json;
use soulcaster_core::port::Source;
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::connection::Connection;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use crate::answer::Format;
use crate::answer::intercom::Conversations;

const OPERATION: &str = "intercom.fetch";
/// The version of the API that the fields are those of.
const VERSION: &str = "2.11";

/// What is pulled from Intercom, and how.
///
/// Each round reads the conversations that changed since its mark less the overlap, the last changed first; one
/// that changes meanwhile comes again in the next round. The id is `conversation:{id}`, as the webhook has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntercomOptions {
    /// How far back the first round goes; 30 days unless given.
    pub history_days: u32,
    /// How Intercom is reached; the base URL is that of the region.
    pub connection: Connection,
}

impl Default for IntercomOptions {
    fn default() -> Self {
        Self { history_days: 30, connection: Connection::new("https://api.intercom.io", 1000, 60) }
    }
}

impl IntercomOptions {
    /// Makes the source; `token` may read conversations.
    ///
    /// # Errors
    /// `Invalid` when an option or the token is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, token: Secret) -> Result<Box<dyn Source>> {
        check_secret(OPERATION, "the token", &token)?;
        let client = Client::new(OPERATION, self.connection, None)?;
        let intercom =
            Intercom { feeds: ["conversations".to_owned()], history_days: self.history_days, token };
        Ok(Box::new(Poller::new("intercom", client, intercom)))
    }
}

struct Intercom {
    feeds: [String; 1],
    history_days: u32,
    token: Secret,
}

#[async_trait]
impl Vendor for Intercom {
    fn feeds(&self) -> &[String] {
        &self.feeds
    }

    async fn call(&mut self, client: &mut Client, _: usize, round: &mut Round) -> Result<Call, Failure> {
        let [floor, _] = round.window(client.now(), client.overlap(), self.history_days);
        let mut pagination = json!({"per_page": 150});
        if let Some(page) = &round.page {
            pagination["starting_after"] = page.as_str().into();
        }
        let body = json!({
            "query": {"field": "updated_at", "operator": ">", "value": floor.timestamp() - 1},
            "sort": {"field": "updated_at", "order": "descending"},
            "pagination": pagination,
        });
        let url = client.api.at(&["conversations", "search"], []);
        Ok(Call::post(url, "application/json", body.to_string().into_bytes())
            .header(HeaderName::from_static("intercom-version"), HeaderValue::from_static(VERSION))
            .bearer(&self.token))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &Conversations
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        round.pass(got, got.next())
    }
}
