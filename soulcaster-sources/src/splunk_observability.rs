//! Splunk Observability Cloud detectors, pushed by its webhook integration (formerly SignalFx).
//!
//! Signed: `X-SFX-Signature` is the base64 HMAC-SHA256 of the body under the integration's shared secret.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `incidentId`, else `detectorId` and `rule` |
//! | title | `messageTitle`, else `rule`, else `detector` |
//! | body | `messageBody`, `description` |
//! | time | `timestamp`, of this notification; it orders the versions |
//! | severity | `severity` |
//! | tags | the dimensions |
//! | status | `firing` while anomalous, `resolved` when `ok`, stopped or resolved by hand |

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::field;
use crate::payload::{self, first_word, word};
use crate::signature::{self, Auth};

const SIGNATURE: &str = "X-SFX-Signature";

/// Which deliveries of Splunk Observability are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplunkObservabilitySettings {
    /// Whether anything is kept.
    pub enabled: bool,
}

impl Default for SplunkObservabilitySettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Reads deliveries of the Splunk Observability webhook integration.
#[derive(Debug, Clone)]
pub struct SplunkObservability {
    auth: Auth,
    settings: SplunkObservabilitySettings,
}

impl SplunkObservability {
    /// Makes a reader; `auth` is the shared secret of the integration.
    ///
    /// # Errors
    /// `Invalid` for a credential that cannot work.
    pub fn new(auth: Auth, settings: SplunkObservabilitySettings) -> Result<Self> {
        auth.check("splunk_observability")?;
        Ok(Self { auth, settings })
    }
}

impl Webhook for SplunkObservability {
    fn name(&self) -> &str {
        "splunk_observability"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let given = signature::required(delivery, SIGNATURE)?;
            signature::hmac_sha256_base64(secrets, &[&delivery.body], SIGNATURE, &[given])
        })?;
        if !self.settings.enabled {
            return Ok(payload::filtered("enabled"));
        }
        match payload::read(&delivery.body)? {
            Some(alert) => Ok(payload::report(report(&alert)?, delivery, strength)),
            None => Ok(Decoded::Ignored(Ignored::Empty)),
        }
    }
}

fn report(alert: &Value) -> Result<Inbound> {
    let external_id = match (payload::id(alert, "/incidentId")?, payload::id(alert, "/detectorId")?) {
        (None, Some(detector)) => Some(format!("{detector}:{}", payload::line(alert, "/rule"))),
        (incident, _) => incident,
    };
    let (message, description) = (payload::text(alert, "/messageBody"), payload::text(alert, "/description"));
    let body = field::paragraphs([message.as_str(), &description]);
    let mut metadata = Map::new();
    let state = word(alert, "/status").map(|state| state.to_ascii_lowercase());
    let status = state.as_deref().map(|state| match state {
        "ok" | "stopped" | "resolved" | "manually resolved" | "manually_resolved" => "resolved",
        _ => "firing",
    });
    field::note(&mut metadata, "status", status.map(str::to_owned));
    for (name, pointer) in [
        ("state", "/statusExtended"),
        ("detector", "/detector"),
        ("rule", "/rule"),
        ("event_type", "/eventType"),
        ("metric", "/originatingMetric"),
        ("runbook_url", "/runbookUrl"),
        ("tip", "/tip"),
        ("image_url", "/imageUrl"),
    ] {
        field::note(&mut metadata, name, word(alert, pointer));
    }
    let mut tags = Vec::new();
    for (name, value) in field::members(alert, "/dimensions") {
        field::named_tag(&mut tags, name, word(value, ""));
    }
    Ok(Inbound {
        source: "splunk_observability".into(),
        external_id: external_id.map(|id| payload::cut(&id, 512)),
        title: first_word(alert, &["/messageTitle", "/rule", "/detector"])
            .unwrap_or_else(|| field::title_of(&body)),
        body,
        url: payload::url(alert, "/detectorUrl"),
        severity: word(alert, "/severity").and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        occurred_at: payload::time(alert, "/timestamp"),
        ..Inbound::default()
    })
}

#[cfg(test)]
mod tests;
