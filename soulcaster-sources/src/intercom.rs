//! Intercom conversations and tickets, pushed by a developer app's webhooks.
//!
//! Signed: `X-Hub-Signature` is `sha1=` and the hex HMAC-SHA1 of the body under the app's client secret.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `conversation:{item.id}`: every topic of a conversation is a version of it |
//! | title | the subject or title, else the first line |
//! | body | the first message, then the public parts that came along; HTML to text |
//! | time | `created_at`; versions are ordered by the item's `updated_at` and the notification's `created_at` |
//! | tags | `tags.tags[].name` |
//! | url | `links.conversation_web` |
//! | author | name and address of whom the conversation is with |
//! | status | `state` |
//!
//! A ticket is `ticket:{id}`, titled by `_default_title_`, with `_default_description_` as body.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload::{self, first_word, word};
use crate::signature::{self, Auth};
use crate::{field, html};

const SIGNATURE: &str = "X-Hub-Signature";
/// Most parts of a conversation that are read, and bytes of their pages.
const MAX_PARTS: usize = 500;
const MAX_PAGES: usize = 1 << 20;

/// Reads deliveries of Intercom webhooks.
#[derive(Debug, Clone)]
pub struct IntercomWebhook {
    auth: Auth,
}

impl IntercomWebhook {
    /// Makes a reader; `auth` is the app's client secret.
    ///
    /// # Errors
    /// `Invalid` for a credential that cannot work.
    pub fn new(auth: Auth) -> Result<Self> {
        auth.check("intercom")?;
        Ok(Self { auth })
    }
}

impl Webhook for IntercomWebhook {
    fn name(&self) -> &str {
        "intercom"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let given = signature::required(delivery, SIGNATURE)?;
            let given = signature::strip(given, "sha1=", SIGNATURE)?;
            signature::hmac_sha1_hex(secrets, &[&delivery.body], SIGNATURE, &[given])
        })?;
        let Some(event) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let Some(topic) = word(&event, "/topic") else {
            return Ok(match word(&event, "/type") {
                Some(_) => payload::not_a_report("answer of the API"),
                None => payload::unknown(""),
            });
        };
        let kind = topic.split('.').next().unwrap_or_default();
        let item = event.pointer("/data/item").filter(|item| item.is_object());
        let report = match (kind, item) {
            ("ping", _) => return Ok(Decoded::Ignored(Ignored::Ping)),
            ("conversation" | "ticket", None) => return Ok(Decoded::Ignored(Ignored::Empty)),
            ("conversation", Some(_)) if topic == "conversation.deleted" => {
                return Ok(payload::not_a_report(&topic));
            }
            ("conversation", Some(item)) => conversation(item)?,
            ("ticket", Some(item)) => ticket(item.get("ticket").unwrap_or(item))?,
            _ => return Ok(payload::unknown(&topic)),
        };
        let told = payload::time(&event, "/created_at");
        let mut report = Inbound { updated_at: report.updated_at.max(told), ..report };
        field::note(&mut report.metadata, "topic", Some(topic));
        Ok(payload::report(report, delivery, strength))
    }
}

/// A conversation, as webhooks and the API send it.
pub(crate) fn conversation(item: &Value) -> Result<Inbound> {
    let id = payload::required_id(item, "/id")?;
    let first = ["/source", "/conversation_message", "/first_message"].map(|name| item.pointer(name));
    let first = first.into_iter().flatten().next().unwrap_or(&Value::Null);
    let parts = payload::list(item, "/conversation_parts/conversation_parts").iter().take(MAX_PARTS);
    let public = |kind: &str| !matches!(kind, "note" | "note_and_reopen");
    let public = parts.filter(|part| public(&payload::line(part, "/part_type")));
    let mut texts: Vec<String> = Vec::new();
    let mut read = 0;
    for part in std::iter::once(first).chain(public) {
        let page = payload::text(part, "/body");
        read += page.len();
        texts.push(html::to_text(&page));
        if read > MAX_PAGES {
            break;
        }
    }
    let body = field::paragraphs(texts.iter().map(String::as_str));
    let subject = [word(item, "/title"), word(first, "/subject")].into_iter().flatten().next();
    let title = subject.map(|subject| payload::one_line(&html::to_text(&subject)));
    let mut metadata = Map::new();
    field::note(&mut metadata, "status", word(item, "/state"));
    for (name, pointer) in [
        ("delivered_as", "/source/delivered_as"),
        ("channel", "/source/type"),
        ("rating", "/conversation_rating/rating"),
    ] {
        field::note(&mut metadata, name, word(item, pointer));
    }
    Ok(Inbound {
        source: "intercom".into(),
        external_id: Some(format!("conversation:{id}")),
        title: title.filter(|title| !title.is_empty()).unwrap_or_else(|| field::title_of(&body)),
        body,
        author: author(item.get("user").unwrap_or(&Value::Null))
            .or_else(|| author(first.get("author").unwrap_or(&Value::Null))),
        url: payload::url(item, "/links/conversation_web").or_else(|| payload::url(first, "/url")),
        severity: (word(item, "/priority").as_deref() == Some("priority")).then_some(Severity::High),
        tags: payload::words(item, "/tags/tags", "/name"),
        metadata,
        occurred_at: payload::time(item, "/created_at"),
        updated_at: payload::time(item, "/updated_at"),
        ..Inbound::default()
    })
}

/// A ticket, as webhooks and the API send it.
pub(crate) fn ticket(item: &Value) -> Result<Inbound> {
    let id = payload::required_id(item, "/id")?;
    let body = html::to_text(&payload::text(item, "/ticket_attributes/_default_description_"));
    let mut metadata = Map::new();
    field::note(
        &mut metadata,
        "status",
        first_word(item, &["/ticket_state/category", "/ticket_state"]).or_else(|| word(item, "/state")),
    );
    field::note(&mut metadata, "ticket_type", word(item, "/ticket_type/name"));
    field::note(&mut metadata, "number", payload::id(item, "/ticket_id")?);
    Ok(Inbound {
        source: "intercom".into(),
        external_id: Some(format!("ticket:{id}")),
        title: word(item, "/ticket_attributes/_default_title_").unwrap_or_else(|| field::title_of(&body)),
        body,
        author: first_word(item, &["/contacts/contacts/0/email", "/contacts/contacts/0/external_id"]),
        tags: payload::words(item, "/tags/tags", "/name"),
        metadata,
        occurred_at: payload::time(item, "/created_at"),
        updated_at: payload::time(item, "/updated_at"),
        ..Inbound::default()
    })
}

/// `Name <address>`, or the one there is, or the id.
fn author(person: &Value) -> Option<String> {
    match (word(person, "/name"), word(person, "/email")) {
        (Some(name), Some(email)) => Some(format!("{name} <{email}>")),
        (name, email) => name.or(email).or_else(|| word(person, "/id")),
    }
}

#[cfg(test)]
mod tests;
