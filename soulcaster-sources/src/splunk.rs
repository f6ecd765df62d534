//! Splunk alerts: the webhook alert action of Splunk Enterprise and Cloud, and the detectors of Splunk
//! Observability Cloud. What a delivery holds tells the two apart.
//!
//! The alert action neither signs nor sends headers of one's own. It proves itself by a secret in the path,
//! `/ingest/splunk/{key id}/{secret}`, of which only a hash is kept here ([`PathToken`]); where a proxy can
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
use sha2::{Digest, Sha256};
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Error, ErrorKind, Result, Secret};
use subtle::{Choice, ConstantTimeEq};

use crate::payload::{self, word};
use crate::settings;
use crate::signature::{self, Auth};

mod alert;
mod observability;

const SIGNATURE: &str = "X-SFX-Signature";

/// The hash of a secret that stands in the path of a delivery; the secret itself is not kept.
///
/// ```
/// use soulcaster_core::Secret;
/// use soulcaster_sources::splunk::PathToken;
/// let token = PathToken::of(&Secret::new("h7Jd0…"));
/// assert_eq!(PathToken::parse(&token.to_string()).unwrap(), token);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathToken([u8; 32]);

impl PathToken {
    /// The hash of `secret`.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose()).into())
    }

    /// Reads a stored hash: 64 lower-case hex digits.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = signature::hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| Error::invalid("webhook.check", "a path token is 64 lower-case hex digits"))
    }
}

impl std::fmt::Display for PathToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

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

#[derive(Debug, Clone)]
enum Proof {
    Path(Vec<PathToken>),
    Header(Auth),
}

/// Reads deliveries of the Splunk webhook alert action.
#[derive(Debug, Clone)]
pub struct SplunkWebhook {
    proof: Proof,
    settings: SplunkSettings,
}

impl SplunkWebhook {
    /// Makes a reader whose deliveries bring one of the active `tokens` as the last part of their path.
    ///
    /// # Errors
    /// `Invalid` without a token, or for settings that cannot work.
    pub fn with_path_token(tokens: Vec<PathToken>, settings: SplunkSettings) -> Result<Self> {
        if tokens.is_empty() {
            return Err(Error::invalid("webhook.check", "splunk: path tokens is empty; give one"));
        }
        if tokens.contains(&PathToken::of(&Secret::new(""))) {
            return Err(Error::invalid("webhook.check", "splunk: a path token is of an empty secret"));
        }
        settings.check()?;
        Ok(Self { proof: Proof::Path(tokens), settings })
    }

    /// Makes a reader of Observability's signed deliveries, or of deliveries that pass a proxy which adds a
    /// header secret, or that are not verified.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: SplunkSettings) -> Result<Self> {
        auth.check("splunk")?;
        settings.check()?;
        Ok(Self { proof: Proof::Header(auth), settings })
    }

    fn verify(&self, delivery: &Delivery) -> Result<AuthStrength> {
        match &self.proof {
            Proof::Header(auth) => auth.verify(delivery, |secrets| {
                let given = signature::required(delivery, SIGNATURE)?;
                signature::hmac_sha256_base64(secrets, &[&delivery.body], SIGNATURE, &[given])
            }),
            Proof::Path(tokens) => {
                payload::check_size(delivery)?;
                path_token(&delivery.path, tokens)
            }
        }
    }
}

/// Compares the last part of the path; a query is never looked at.
fn path_token(path: &str, tokens: &[PathToken]) -> Result<AuthStrength> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let offered = Sha256::digest(last);
    let mut found = Choice::from(0);
    for token in tokens {
        found |= token.0.as_slice().ct_eq(&offered);
    }
    if !last.is_empty() && bool::from(found) {
        return Ok(AuthStrength::SharedSecret);
    }
    let message = "the path does not end in an active token";
    Err(Error::new(ErrorKind::Unauthorized, "webhook.verify", message))
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
