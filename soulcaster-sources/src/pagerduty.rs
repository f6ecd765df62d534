//! PagerDuty, webhooks of version 3: incidents and their notes.
//!
//! An incident is its id; its title is the incident's, its body the details that come along, its severity the
//! priority (`P1`) or else the urgency, its tags service and teams, its author who acted. Every event of it
//! (`incident.triggered`, `.acknowledged`, `.resolved`, …) is a version as of `event.occurred_at` with the
//! status of that moment in `metadata.status`. A note (`incident.annotated`) is an item
//! `{incident}:note:{id}`.
//!
//! Signed is the raw body; `X-PagerDuty-Signature` lists one `v1=` a secret while they are rotated. A
//! redelivery shows as a known `X-Webhook-Id` or `event.id`. An event without its envelope is read by its
//! `type`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload;
use crate::signature::{self, Auth};

const SIGNATURE: &str = "X-PagerDuty-Signature";

/// Verifies and reads deliveries of PagerDuty.
#[derive(Debug, Clone)]
pub struct PagerdutyWebhook {
    auth: Auth,
}

impl PagerdutyWebhook {
    /// Makes the source; the secrets are those of the webhook subscriptions.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work.
    pub fn new(auth: Auth) -> Result<Self> {
        auth.check("pagerduty")?;
        Ok(Self { auth })
    }
}

impl Webhook for PagerdutyWebhook {
    fn name(&self) -> &str {
        "pagerduty"
    }

    fn decode(&self, delivery: &Delivery, _now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let header = signature::required(delivery, SIGNATURE)?;
            let signatures: Vec<&str> =
                header.split(',').filter_map(|entry| entry.trim().strip_prefix("v1=")).collect();
            signature::hmac_sha256_hex(secrets, &[&delivery.body], SIGNATURE, &signatures)
        })?;
        let Some(value) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        if !value.is_object() {
            return Err(payload::invalid("the body is not an object"));
        }
        let event = value.get("event").filter(|event| event.is_object());
        let data = event.map_or(Some(&value), |event| event.get("data").filter(|data| data.is_object()));
        let name = event.map(|event| payload::line(event, "/event_type")).unwrap_or_default();
        if name == "pagey.ping" {
            return Ok(Decoded::Ignored(Ignored::Ping));
        }
        let Some(data) = data else { return Ok(payload::unknown(&name)) };
        let item = match payload::line(data, "/type").as_str() {
            "incident" => incident(event, data)?,
            "incident_note" => note(event, data)?,
            "" => return Ok(payload::unknown(&name)),
            other => return Ok(payload::not_a_report(other)),
        };
        Ok(payload::report(item, delivery, strength))
    }
}

fn incident(event: Option<&Value>, data: &Value) -> Result<Inbound> {
    let title = payload::first_word(data, &["/title", "/summary"]).unwrap_or_default();
    let mut item = Inbound::new("pagerduty", title).external_id(payload::required_id(data, "/id")?);
    item.body = details(data);
    item.url = payload::url(data, "/html_url");
    let level = |pointer: &str| payload::word(data, pointer).and_then(|word| Severity::parse(&word));
    item.severity = level("/priority/summary").or_else(|| level("/urgency"));
    payload::tag(&mut item.tags, payload::word(data, "/service/summary"));
    payload::words(data, "/teams", "/summary")
        .into_iter()
        .for_each(|team| payload::tag(&mut item.tags, Some(team)));
    told(&mut item, event);
    if item.occurred_at.is_none() {
        item.occurred_at = payload::time(data, "/created_at");
    }
    payload::note(&mut item.metadata, "kind", Some("incident"));
    payload::note(&mut item.metadata, "status", payload::word(data, "/status"));
    payload::note(&mut item.metadata, "number", data.get("number").and_then(Value::as_u64));
    payload::note(&mut item.metadata, "incident_key", payload::word(data, "/incident_key"));
    payload::note(&mut item.metadata, "created_at", payload::word(data, "/created_at"));
    payload::note(&mut item.metadata, "resolve_reason", payload::word(data, "/resolve_reason/type"));
    Ok(item)
}

fn note(event: Option<&Value>, data: &Value) -> Result<Inbound> {
    let (incident, id) = (payload::required_id(data, "/incident/id")?, payload::required_id(data, "/id")?);
    let body = payload::text(data, "/content");
    let title = payload::word(data, "/incident/summary").unwrap_or_else(|| payload::first_line(&body));
    let mut item = Inbound::new("pagerduty", title).external_id(format!("{incident}:note:{id}")).body(body);
    item.url = payload::url(data, "/incident/html_url");
    told(&mut item, event);
    payload::note(&mut item.metadata, "kind", Some("note"));
    payload::note(&mut item.metadata, "incident", Some(incident));
    Ok(item)
}

/// What the envelope says: when, and who.
fn told(item: &mut Inbound, event: Option<&Value>) {
    if let Some(event) = event {
        item.occurred_at = payload::time(event, "/occurred_at");
        item.updated_at = item.occurred_at;
        item.author = payload::word(event, "/agent/summary");
        payload::note(&mut item.metadata, "event_type", payload::word(event, "/event_type"));
    }
}

/// The details of an incident, as text or as one `name: value` a line; then its notes.
fn details(data: &Value) -> String {
    let mut lines = Vec::new();
    match data.pointer("/body/details") {
        Some(Value::Object(facts)) => {
            lines.extend(facts.iter().map(|(name, fact)| format!("{name}: {}", payload::text_of(fact))));
        }
        Some(other) => lines.push(payload::text_of(other)),
        None => lines.push(payload::text(data, "/description")),
    }
    lines.extend(payload::list(data, "/notes").iter().map(|note| payload::text(note, "/content")));
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

#[cfg(test)]
mod tests;
