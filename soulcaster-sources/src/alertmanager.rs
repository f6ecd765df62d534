//! Prometheus Alertmanager notifications, version 4: any number of alerts in one delivery.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `fingerprint` (a hash of the labels where it is missing), `:`, `startsAt` in UTC |
//! | title | `labels.alertname`, else `annotations.summary`, else the body's first line, else the labels |
//! | body | `annotations.summary`, `annotations.description` or `message` |
//! | time | `startsAt`; a resolution is ordered by `endsAt` |
//! | severity | `labels.severity` |
//! | tags | all labels as `name:value` |
//! | url | `generatorURL` |
//! | status | `firing` or `resolved`, of the alert and not of the group |
//!
//! A resolution that says no later time counts as one microsecond after the start, so that it stands
//! whatever arrives first. Alertmanager signs nothing: have `http_config` send a header secret.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::field;
use crate::payload::{self, word};
use crate::signature::Auth;

/// Reads notifications of Prometheus Alertmanager.
#[derive(Debug, Clone)]
pub struct AlertmanagerWebhook {
    auth: Auth,
}

impl AlertmanagerWebhook {
    /// Makes a reader; `auth` is a header secret, for Alertmanager signs nothing.
    ///
    /// # Errors
    /// `Invalid` for a credential that cannot work.
    pub fn new(auth: Auth) -> Result<Self> {
        field::check_unsigned(&auth, "alertmanager")?;
        Ok(Self { auth })
    }
}

impl Webhook for AlertmanagerWebhook {
    fn name(&self) -> &str {
        "alertmanager"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, field::no_scheme)?;
        let Some(group) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let alerts = alerts("alertmanager", &group)?;
        payload::reports(alerts, delivery, strength, || payload::slices(&delivery.body, "/alerts"))
    }
}

/// What the alerts of a notification share.
struct Group {
    status: String,
    metadata: Map<String, Value>,
    /// The address of who notifies.
    address: Option<String>,
}

/// The alerts of a notification, in order.
pub(crate) fn alerts(source: &str, body: &Value) -> Result<Vec<Inbound>> {
    let Some(alerts) = body.get("alerts").and_then(Value::as_array) else {
        return Err(payload::invalid("/alerts is not a list"));
    };
    let mut metadata = Map::new();
    for (name, pointer) in [("group_key", "/groupKey"), ("external_url", "/externalURL")] {
        field::note(&mut metadata, name, word(body, pointer));
    }
    let status = word(body, "/status").map_or_else(|| "firing".into(), |status| payload::cut(&status, 64));
    let group = Group { status, metadata, address: payload::url(body, "/externalURL") };
    alerts.iter().map(|alert| self::alert(source, &group, alert)).collect()
}

fn alert(source: &str, group: &Group, alert: &Value) -> Result<Inbound> {
    if !alert.is_object() {
        return Err(payload::invalid("an entry of /alerts is no object"));
    }
    let starts = payload::time(alert, "/startsAt");
    let ends = payload::time(alert, "/endsAt");
    let status = word(alert, "/status").unwrap_or_else(|| group.status.clone());
    let resolved = status.eq_ignore_ascii_case("resolved");
    let after_start = starts.and_then(|at| at.checked_add_signed(TimeDelta::microseconds(1)));
    let fingerprint = payload::id(alert, "/fingerprint")?.unwrap_or_else(|| {
        let labels = alert.get("labels").map(Value::to_string).unwrap_or_default();
        field::fingerprint(&[labels.as_bytes()])
    });
    let external_id = match starts {
        Some(at) => format!("{fingerprint}:{}", at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        None => fingerprint.clone(),
    };
    let texts = ["summary", "description", "message"]
        .map(|name| payload::text(alert, &format!("/annotations/{name}")));
    let values = payload::text(alert, "/valueString");
    let body = field::paragraphs(texts.iter().map(String::as_str).chain([values.as_str()]));
    let title = word(alert, "/labels/alertname").or_else(|| word(alert, "/annotations/summary"));
    let mut tags = Vec::new();
    for (name, value) in field::members(alert, "/labels") {
        field::named_tag(&mut tags, name, word(value, ""));
    }
    let labels = || Some(payload::cut(&tags.join(", "), 200)).filter(|_| body.is_empty());
    let title = title.or_else(labels).unwrap_or_else(|| field::title_of(&body));
    let mut metadata = group.metadata.clone();
    field::note(&mut metadata, "status", Some(status.to_ascii_lowercase()));
    field::note(&mut metadata, "fingerprint", Some(fingerprint));
    field::note(&mut metadata, "ends_at", ends.filter(|_| resolved).map(|at| at.to_rfc3339()));
    for (name, pointer) in [
        ("runbook_url", "/annotations/runbook_url"),
        ("dashboard_url", "/dashboardURL"),
        ("panel_url", "/panelURL"),
        ("silence_url", "/silenceURL"),
        ("image_url", "/imageURL"),
    ] {
        field::note(&mut metadata, name, word(alert, pointer));
    }
    Ok(Inbound {
        source: source.to_owned(),
        external_id: Some(payload::cut(&external_id, 1024)),
        title,
        body,
        url: link(group, alert),
        severity: word(alert, "/labels/severity").and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        occurred_at: starts,
        updated_at: if resolved { ends.max(after_start) } else { None },
        ..Inbound::default()
    })
}

/// Where to look at the alert; Grafana may give a link relative to its own address.
fn link(group: &Group, alert: &Value) -> Option<String> {
    let given = word(alert, "/generatorURL");
    payload::url(alert, "/generatorURL").or_else(|| {
        let (base, given) = (group.address.as_deref()?, given?);
        let relative = given.starts_with('?') || (given.starts_with('/') && !given.starts_with("//"));
        let joined = format!("{}/{}", base.trim_end_matches('/'), given.trim_start_matches('/'));
        relative.then(|| payload::url(&joined.into(), "")).flatten()
    })
}

#[cfg(test)]
mod tests;
