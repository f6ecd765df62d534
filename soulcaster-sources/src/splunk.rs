//! Splunk alerts: the webhook alert action of Splunk Enterprise and Cloud, and the detectors of Splunk
//! Observability Cloud. What a delivery holds tells the two apart.
//!
//! The alert action neither signs nor sends headers of one's own. It proves itself by a secret in the path,
//! `/ingest/splunk/{key id}/{secret}`, of which only a hash is kept here ([`Auth::PathToken`]); where a proxy can
//! add one, a header secret does as well. Observability signs: `X-SFX-Signature` is the base64 HMAC-SHA256
//! of the body under the integration's shared secret.
//!
//! | field | alert action | Observability |
//! | --- | --- | --- |
//! | external id | `sid`, `:`, a hash of `result`: a search that alerts for each result has one `sid` for all | `incident:{incidentId}`, else of `detectorId` and `rule` |
//! | title | `search_name`, else the body's first line, or `Splunk alert` where that is JSON | `messageTitle`, `rule`, `detector` |
//! | body | `result._raw`, else `result` as JSON | `messageBody`, `description` |
//! | time | `result._time` | `timestamp` of the notification; it orders the versions |
//! | severity | `result.severity`, `result.urgency` | `severity` |
//! | tags | `app`, `index`, `sourcetype`, `host` | the dimensions |
//! | url | `results_link`, to be shown and never fetched | `detectorUrl` |
//! | author | `owner` | |
//! | status | | `firing`; `resolved` when `ok`, stopped or resolved by hand |

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use soulcaster_core::Result;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload::{self, word};
use crate::settings;
use crate::signature::{self, Auth};

mod alert;
mod observability;

const SIGNATURE: &str = "X-SFX-Signature";

/// Which deliveries of Splunk are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplunkSettings {
    /// Names of saved searches, and of detectors or their rules; all without a list, none with an empty
    /// one.
    pub searches: Option<Vec<String>>,
}

impl SplunkSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for a blank search.
    pub fn check(&self) -> Result<()> {
        settings::check_names("splunk", "searches", self.searches.as_deref().unwrap_or_default())
    }
}

/// Reads deliveries of the Splunk webhook alert action.
#[derive(Debug, Clone)]
pub struct SplunkWebhook {
    auth: Auth,
    settings: SplunkSettings,
}

impl SplunkWebhook {
    /// Makes a reader of the alert action's deliveries with their secret in the path or in a header that a proxy
    /// adds, or of Observability's signed ones.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: SplunkSettings) -> Result<Self> {
        auth.check("splunk")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    fn verify(&self, delivery: &Delivery) -> Result<AuthStrength> {
        self.auth.verify(delivery, |secrets| {
            let given = signature::required(delivery, SIGNATURE)?;
            signature::hmac_sha256_base64(secrets, &[&delivery.body], SIGNATURE, &[given])
        })
    }
}

impl Webhook for SplunkWebhook {
    fn name(&self) -> &str {
        "splunk"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.verify(delivery)?;
        let Some(alert) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let detector = ["incidentId", "detectorId", "detector"].iter().any(|name| alert.get(name).is_some());
        let observed = detector && alert.get("sid").is_none();
        let names = if observed { ["/detector", "/rule"] } else { ["/search_name"; 2] };
        let names = names.map(|name| word(&alert, name));
        if let Some(searches) = &self.settings.searches
            && !searches.iter().any(|known| names.iter().flatten().any(|name| name == known.trim()))
        {
            return Ok(payload::filtered("searches"));
        }
        let [search, _] = names;
        let report = if observed { observability::report(&alert)? } else { alert::report(&alert, search)? };
        Ok(payload::report(report, delivery, strength))
    }
}

#[cfg(test)]
mod tests;
