//! Grafana alerting: the webhook contact point of versions 9 to 12, and the legacy alerts before them.
//!
//! A notification of today is that of [`alertmanager`] with more to it; the values that were
//! measured (`valueString`) end the body, and a relative `generatorURL` is joined to `externalURL`.
//!
//! | field of a legacy alert | from |
//! | --- | --- |
//! | external id | `rule:{ruleId}` |
//! | title | `ruleName`, else `title` |
//! | body | `message`, then what was measured |
//! | tags | `tags` and the tags of what was measured |
//! | url | `ruleUrl` |
//! | status | `resolved` for `ok`, else `firing`; `pending` and `paused` as they are |
//!
//! A legacy alert says no time: of two versions the later arrival stands.
//!
//! Signed if the contact point has a secret: lower-case hex HMAC-SHA256 in `X-Grafana-Alerting-Signature`
//! over the body, or over `{timestamp}:{body}` if a timestamp header is configured. Both names can be
//! changed, there and here.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Result, Secret};

use crate::payload::{self, word};
use crate::signature::{self, Auth, TOLERANCE_SECONDS};
use crate::{alertmanager, field, settings};

/// Which deliveries of Grafana are kept, and how they are signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GrafanaSettings {
    /// The header of the signature.
    pub signature_header: String,
    /// The header of the signed timestamp, if the contact point has one.
    pub timestamp_header: Option<String>,
    /// How far the signed timestamp may lie from now, in seconds.
    pub tolerance_seconds: i64,
}

impl Default for GrafanaSettings {
    fn default() -> Self {
        Self {
            signature_header: "X-Grafana-Alerting-Signature".into(),
            timestamp_header: None,
            tolerance_seconds: TOLERANCE_SECONDS,
        }
    }
}

impl GrafanaSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for a blank header or a tolerance that is not 1 second to 1 hour.
    pub fn check(&self) -> Result<()> {
        let headers = self.timestamp_header.iter().chain([&self.signature_header]);
        for header in headers {
            if header.is_empty() || !header.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
                return Err(settings::refused("grafana", &format!("{header:?} is not a header name")));
            }
        }
        signature::check_tolerance("grafana", self.tolerance_seconds)
    }
}

/// Reads notifications of Grafana alerting.
#[derive(Debug, Clone)]
pub struct GrafanaWebhook {
    auth: Auth,
    settings: GrafanaSettings,
}

impl GrafanaWebhook {
    /// Makes a reader; `auth` is the contact point's secret, or a header secret.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: GrafanaSettings) -> Result<Self> {
        auth.check("grafana")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    fn signed(&self, delivery: &Delivery, now: DateTime<Utc>, secrets: &[Secret]) -> Result<AuthStrength> {
        let header = self.settings.signature_header.as_str();
        let given = signature::required(delivery, header)?;
        let Some(timestamp) = &self.settings.timestamp_header else {
            return signature::hmac_sha256_hex(secrets, &[&delivery.body], header, &[given]);
        };
        let seconds = signature::seconds(delivery, timestamp)?;
        let text = signature::required(delivery, timestamp)?;
        signature::fresh(seconds, now, TimeDelta::seconds(self.settings.tolerance_seconds))?;
        signature::hmac_sha256_hex(secrets, &[text.as_bytes(), b":", &delivery.body], header, &[given])
    }
}

impl Webhook for GrafanaWebhook {
    fn name(&self) -> &str {
        "grafana"
    }

    fn decode(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| self.signed(delivery, now, secrets))?;
        let Some(body) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        if body.get("alerts").is_none() && (body.get("ruleId").is_some() || body.get("ruleName").is_some()) {
            return Ok(payload::report(legacy(&body)?, delivery, strength));
        }
        let alerts = alertmanager::alerts("grafana", &body)?;
        payload::reports(alerts, delivery, strength, || payload::slices(&delivery.body, "/alerts"))
    }
}

fn legacy(alert: &Value) -> Result<Inbound> {
    let mut tags = Vec::new();
    for (name, value) in field::members(alert, "/tags") {
        field::named_tag(&mut tags, name, word(value, ""));
    }
    let mut measured = Vec::new();
    for found in payload::list(alert, "/evalMatches").iter().take(100) {
        if let (Some(metric), Some(value)) = (word(found, "/metric"), word(found, "/value")) {
            measured.push(format!("{metric} = {value}"));
        }
        for (name, value) in field::members(found, "/tags") {
            field::named_tag(&mut tags, name, word(value, ""));
        }
    }
    let message = payload::text(alert, "/message");
    let body = field::paragraphs([message.as_str(), &measured.join("\n")]);
    let state = word(alert, "/state").map(|state| state.to_ascii_lowercase());
    let status = state.as_deref().map(|state| match state {
        "ok" => "resolved",
        "pending" | "paused" => state,
        _ => "firing",
    });
    let mut metadata = Map::new();
    field::note(&mut metadata, "status", status.map(str::to_owned));
    for (name, pointer) in [("state", "/state"), ("headline", "/title"), ("image_url", "/imageUrl")] {
        field::note(&mut metadata, name, word(alert, pointer));
    }
    for (name, pointer) in [("dashboard_id", "/dashboardId"), ("panel_id", "/panelId"), ("org_id", "/orgId")]
    {
        field::note(&mut metadata, name, payload::id(alert, pointer)?);
    }
    Ok(Inbound {
        source: "grafana".into(),
        external_id: payload::id(alert, "/ruleId")?.map(|id| format!("rule:{id}")),
        title: payload::first_word(alert, &["/ruleName", "/title"]).unwrap_or_else(|| field::title_of(&body)),
        body,
        url: payload::url(alert, "/ruleUrl"),
        severity: word(alert, "/tags/severity").and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        ..Inbound::default()
    })
}

#[cfg(test)]
mod tests;
