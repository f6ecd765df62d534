//! Standard Webhooks, as Svix and others send them.
//!
//! Signed are `{webhook-id}.{webhook-timestamp}.{body}`; `webhook-signature` lists `v1,<base64>`
//! (HMAC-SHA256) and `v1a,<base64>` (Ed25519) with blanks between. A secret `whsec_<base64>` of 24 to 64
//! bytes is for `v1`, a public key `whpk_<base64>` for `v1a`; a signature of one kind is never tried as the
//! other. The headers' older names (`svix-id`, …) are read when the new ones are absent.
//!
//! Fields are those of a [`Mapping`], by default looked for below `/data` and then at the top, with the
//! event's `/type` as the last title, its `/timestamp` as the time of the version, and the `webhook-id` where
//! there is no other id.

use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::VerifyingKey;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Error, Result, Secret};

use crate::generic::{self, Mapping};
use crate::payload;
use crate::settings;
use crate::signature::{self, Auth, TOLERANCE_SECONDS};

/// Most signatures that one header may list.
const MAX_SIGNATURES: usize = 16;

/// Verifies and reads deliveries of Standard Webhooks.
#[derive(Debug, Clone)]
pub struct StandardWebhook {
    name: String,
    auth: Auth,
    mapping: Mapping,
    tolerance: TimeDelta,
}

impl StandardWebhook {
    /// Makes a source of that `name`, which its items carry.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work, such as a secret of another form.
    pub fn new(name: impl Into<String>, auth: Auth, mapping: Mapping) -> Result<Self> {
        let name = name.into();
        settings::check_source(&name)?;
        auth.check(&name)?;
        mapping.check(&name)?;
        if let Auth::Signed { secrets } = &auth
            && secrets.iter().any(|secret| key(secret).is_none())
        {
            let form = "whsec_ with 24 to 64 bytes in base64, or whpk_ with an Ed25519 key in base64";
            return Err(settings::refused(&name, &format!("secrets holds one that is not {form}")));
        }
        Ok(Self { name, auth, mapping, tolerance: TimeDelta::seconds(TOLERANCE_SECONDS) })
    }

    /// Sets how far the signed time may lie from now, in seconds.
    ///
    /// # Errors
    /// `Invalid` unless it is 1 to 3600.
    pub fn tolerance(mut self, seconds: i64) -> Result<Self> {
        signature::check_tolerance(&self.name, seconds)?;
        self.tolerance = TimeDelta::seconds(seconds);
        Ok(self)
    }

    /// The mapping for the envelope that the specification recommends: `{type, timestamp, data}`.
    #[must_use]
    pub fn default_mapping() -> Mapping {
        let mut mapping = Mapping::under(&["/data", ""]);
        mapping.title.push("/type".to_owned());
        mapping.updated_at.push("/timestamp".to_owned());
        mapping.metadata.insert("event_type".to_owned(), "/type".to_owned());
        mapping
    }

    fn verify(&self, delivery: &Delivery, secrets: &[Secret], now: DateTime<Utc>) -> Result<AuthStrength> {
        let [id_header, time_header, header] = headers(delivery);
        let (id, stamp) =
            (signature::required(delivery, id_header)?, signature::required(delivery, time_header)?);
        let listed = signature::required(delivery, header)?;
        signature::fresh(signature::seconds(delivery, time_header)?, now, self.tolerance)?;
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", stamp.as_bytes(), b".", &delivery.body];
        let of = |prefix: &str| -> Vec<&str> {
            listed.split_whitespace().take(MAX_SIGNATURES).filter_map(|s| s.strip_prefix(prefix)).collect()
        };
        let keys: Vec<Key> = secrets.iter().filter_map(key).collect();
        let shared: Vec<&[u8]> = keys.iter().filter_map(Key::shared).collect();
        let public: Vec<VerifyingKey> = keys.iter().filter_map(Key::public).collect();
        let signatures: Vec<Vec<u8>> = of("v1a,").into_iter().filter_map(signature::base64).collect();
        let by_shared = signature::hmac_sha256_base64_keys(&shared, &parts, header, &of("v1,"));
        signature::ed25519_keys(&public, &parts, header, &signatures).or(by_shared)
    }
}

/// The three headers, by the names that this delivery uses.
fn headers(delivery: &Delivery) -> [&'static str; 3] {
    let old = delivery.header("webhook-id").is_none() && delivery.header("svix-id").is_some();
    if old {
        ["svix-id", "svix-timestamp", "svix-signature"]
    } else {
        ["webhook-id", "webhook-timestamp", "webhook-signature"]
    }
}

enum Key {
    Shared(Vec<u8>),
    Public(VerifyingKey),
}

impl Key {
    fn shared(&self) -> Option<&[u8]> {
        if let Self::Shared(bytes) = self { Some(bytes) } else { None }
    }

    fn public(&self) -> Option<VerifyingKey> {
        if let Self::Public(key) = self { Some(*key) } else { None }
    }
}

fn key(secret: &Secret) -> Option<Key> {
    let text = secret.expose().trim();
    if let Some(public) = text.strip_prefix("whpk_") {
        return Some(Key::Public(signature::ed25519_key(&signature::base64(public)?)?));
    }
    let bytes = signature::base64(text.strip_prefix("whsec_").unwrap_or(text))?;
    (24..=64).contains(&bytes.len()).then_some(Key::Shared(bytes))
}

impl Webhook for StandardWebhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn decode(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| self.verify(delivery, secrets, now))?;
        let Some(value) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let id = delivery.header(headers(delivery)[0]).map(str::trim).filter(|id| !id.is_empty());
        if id.is_some_and(|id| id.len() > 512 || id.chars().any(char::is_control)) {
            return Err(Error::invalid("webhook.read", "webhook-id is not an id"));
        }
        generic::decoded(&self.mapping, &self.name, &value, id, delivery, strength)
    }
}

#[cfg(test)]
mod tests;
