//! Zendesk ticket events, and the bodies of triggers.
//!
//! Signed: `X-Zendesk-Webhook-Signature` is the base64 HMAC-SHA256 of `{timestamp}{body}`, nothing between
//! the two; the timestamp is ISO 8601.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `ticket:{detail.id}`: every event of a ticket is a version of it |
//! | title | `detail.subject` |
//! | body | `detail.description`, then the comment of this event if it is public |
//! | time | `time`, of the event; it orders the versions |
//! | severity | `detail.priority` |
//! | tags | `detail.tags` |
//! | url | the agent's page of the ticket, with [`ZendeskSettings::base_url`] |
//! | author | `detail.requester_id` |
//! | status | `detail.status`; `deleted` or `spam` after such an event |
//!
//! A trigger sends what its template says; `ticket_id` (else the end of `url`), `title`, `description`,
//! `priority`, `url`, `tags`, `status`, `requester`, `created_at` and `updated_at` are looked for, and a
//! template variable left unexpanded counts as absent.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Error, Result, Secret};

use crate::field;
use crate::payload::{self, word};
use crate::settings;
use crate::signature::{self, Auth, TOLERANCE_SECONDS};

const SIGNATURE: &str = "X-Zendesk-Webhook-Signature";
const TIMESTAMP: &str = "X-Zendesk-Webhook-Signature-Timestamp";
const TICKET: &str = "zen:event-type:ticket.";

/// Which deliveries of Zendesk are kept, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZendeskSettings {
    /// The address of the account, such as `https://acme.zendesk.com`; events do not name it.
    pub base_url: Option<String>,
    /// How far the signed timestamp may lie from now, in seconds.
    pub tolerance_seconds: i64,
}

impl Default for ZendeskSettings {
    fn default() -> Self {
        Self { base_url: None, tolerance_seconds: TOLERANCE_SECONDS }
    }
}

impl ZendeskSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for an address that is no web address, or a tolerance that is not 1 second to 1 hour.
    pub fn check(&self) -> Result<()> {
        if let Some(base) = &self.base_url
            && payload::url(&Value::String(base.clone()), "").is_none()
        {
            return Err(settings::refused("zendesk", "base_url is not a web address"));
        }
        signature::check_tolerance("zendesk", self.tolerance_seconds)
    }
}

/// Reads deliveries of Zendesk webhooks.
#[derive(Debug, Clone)]
pub struct ZendeskWebhook {
    auth: Auth,
    settings: ZendeskSettings,
}

impl ZendeskWebhook {
    /// Makes a reader; `auth` is the webhook's signing secret.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: ZendeskSettings) -> Result<Self> {
        auth.check("zendesk")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    fn signed(&self, delivery: &Delivery, now: DateTime<Utc>, secrets: &[Secret]) -> Result<AuthStrength> {
        let given = signature::required(delivery, SIGNATURE)?;
        let timestamp = signature::required(delivery, TIMESTAMP)?;
        let at = DateTime::parse_from_rfc3339(timestamp)
            .map_err(|_| Error::invalid("webhook.verify", format!("{TIMESTAMP} is not an ISO 8601 time")))?;
        signature::fresh(at.timestamp(), now, TimeDelta::seconds(self.settings.tolerance_seconds))?;
        signature::hmac_sha256_base64(secrets, &[timestamp.as_bytes(), &delivery.body], SIGNATURE, &[given])
    }
}

impl Webhook for ZendeskWebhook {
    fn name(&self) -> &str {
        "zendesk"
    }

    fn decode(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| self.signed(delivery, now, secrets))?;
        let Some(event) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let Some(kind) = word(&event, "/type").filter(|kind| kind.starts_with("zen:")) else {
            return Ok(payload::report(trigger(&event)?, delivery, strength));
        };
        if !kind.starts_with(TICKET) {
            return Ok(payload::unknown(&kind));
        }
        let Some(detail) = event.get("detail").filter(|detail| !detail.is_null()) else {
            return Ok(Decoded::Ignored(Ignored::Empty));
        };
        let report = ticket(&event, detail, &kind, self.settings.base_url.as_deref())?;
        Ok(payload::report(report, delivery, strength))
    }
}

fn ticket(event: &Value, detail: &Value, kind: &str, base_url: Option<&str>) -> Result<Inbound> {
    let id = payload::required_id(detail, "/id")?;
    let public = event.pointer("/event/comment/is_public").and_then(Value::as_bool).unwrap_or(true);
    let comment = if public { payload::text(event, "/event/comment/body") } else { String::new() };
    let body = field::paragraphs([payload::text(detail, "/description").as_str(), &comment]);
    let status = match kind.strip_prefix(TICKET) {
        Some("soft_deleted" | "permanently_deleted") => Some("deleted".into()),
        Some("marked_as_spam") => Some("spam".into()),
        _ => word(detail, "/status").map(|status| status.to_ascii_lowercase()),
    };
    let mut metadata = Map::new();
    field::note(&mut metadata, "status", status);
    field::note(&mut metadata, "event_type", Some(kind.to_owned()));
    for (name, pointer) in [
        ("ticket_type", "/type"),
        ("created_at", "/created_at"),
        ("channel", "/via/channel"),
        ("organization_id", "/organization_id"),
        ("assignee_id", "/assignee_id"),
    ] {
        field::note(&mut metadata, name, word(detail, pointer));
    }
    Ok(Inbound {
        source: "zendesk".into(),
        title: word(detail, "/subject").unwrap_or_else(|| field::title_of(&body)),
        body,
        author: payload::id(detail, "/requester_id")?,
        url: base_url.map(|base| format!("{}/agent/tickets/{id}", base.trim_end_matches('/'))),
        external_id: Some(format!("ticket:{id}")),
        severity: word(detail, "/priority").and_then(|word| Severity::parse(&word)),
        tags: payload::words(detail, "/tags", ""),
        metadata,
        occurred_at: payload::time(event, "/time"),
        ..Inbound::default()
    })
}

/// The body of a trigger's template.
fn trigger(body: &Value) -> Result<Inbound> {
    let get = |names: &[&str]| {
        let texts = names.iter().map(|name| payload::text(body, name).trim().to_owned());
        texts.into_iter().find(|text| !text.is_empty() && !text.contains("{{"))
    };
    let url = get(&["/url", "/link", "/ticket_url"]).and_then(|url| {
        let whole = if url.contains("://") { url } else { format!("https://{url}") };
        payload::url(&Value::String(whole), "")
    });
    let digits = |id: &&str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    let in_url = url.as_deref().and_then(|url| url.split(['?', '#']).next()?.rsplit("/tickets/").next());
    let given = match payload::id(body, "/ticket_id")? {
        None => payload::id(body, "/id")?,
        id => id,
    };
    let id = given.filter(|id| !id.contains("{{")).or_else(|| in_url.filter(digits).map(str::to_owned));
    let text = get(&["/description", "/body", "/comment", "/latest_comment", "/message"]).unwrap_or_default();
    let title = get(&["/title", "/subject"]).map(|title| payload::one_line(&title));
    let mut tags = payload::words(body, "/tags", "");
    for tag in get(&["/tags"]).unwrap_or_default().split([',', ' ']) {
        payload::tag(&mut tags, Some(payload::one_line(tag)).filter(|tag| !tag.is_empty()));
    }
    let mut metadata = Map::new();
    field::note(&mut metadata, "status", get(&["/status"]).map(|status| status.to_ascii_lowercase()));
    Ok(Inbound {
        source: "zendesk".into(),
        external_id: id.map(|id| format!("ticket:{id}")),
        title: title.unwrap_or_else(|| field::title_of(&text)),
        body: text,
        author: get(&["/requester_id", "/requester", "/requester_email", "/author"])
            .map(|author| payload::one_line(&author)),
        url,
        severity: get(&["/priority"]).and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        occurred_at: ["/created_at", "/date", "/time"].iter().find_map(|name| payload::time(body, name)),
        updated_at: payload::time(body, "/updated_at"),
        ..Inbound::default()
    })
}

#[cfg(test)]
mod tests;
