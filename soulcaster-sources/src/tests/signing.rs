//! Signs as the vendors do, and reads what they published.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha1::Sha1;
use sha2::Sha256;
use soulcaster_core::port::{Decoded, Delivery};
use soulcaster_core::{Result, Secret};

use crate::fixture::{bytes, json, now};
use crate::signature::Auth;
use crate::vendor::configured;

/// The vendors that sign, with the headers of the signature and of the signed time.
pub(super) const SIGNING: [(&str, &str, Option<&str>); 13] = [
    ("discord", "X-Signature-Ed25519", Some("X-Signature-Timestamp")),
    ("generic", "X-Signature-256", None),
    ("github", "X-Hub-Signature-256", None),
    ("grafana", "X-Grafana-Alerting-Signature", None),
    ("grafana", "X-Grafana-Alerting-Signature", Some("X-Grafana-Alerting-Timestamp")),
    ("intercom", "X-Hub-Signature", None),
    ("manual", "X-Signature-256", None),
    ("pagerduty", "X-PagerDuty-Signature", None),
    ("sentry", "Sentry-Hook-Signature", None),
    ("slack", "X-Slack-Signature", Some("X-Slack-Request-Timestamp")),
    ("splunk", "X-SFX-Signature", None),
    ("standard_webhooks", "webhook-signature", Some("webhook-timestamp")),
    ("zendesk", "X-Zendesk-Webhook-Signature", Some("X-Zendesk-Webhook-Signature-Timestamp")),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

fn signing_key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

/// A secret of the form that the vendor's have.
pub(super) fn secret(vendor: &str) -> String {
    match vendor {
        "discord" => hex(signing_key().verifying_key().as_bytes()),
        "standard_webhooks" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        _ => "one-secret-of-many".into(),
    }
}

/// Another one of that form.
pub(super) fn other_secret(vendor: &str) -> String {
    match vendor {
        "discord" => hex(SigningKey::from_bytes(&[4; 32]).verifying_key().as_bytes()),
        _ => "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
    }
}

/// A delivery with all that verifying it takes.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) vendor: &'static str,
    pub(super) signature: &'static str,
    pub(super) timestamp: Option<&'static str>,
    pub(super) secret: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// When it was sent.
    pub(super) at: DateTime<Utc>,
}

impl Signed {
    /// Signs `body` as `SIGNING[scheme]` does.
    pub(super) fn new(scheme: usize, body: Vec<u8>) -> Self {
        let (vendor, signature, timestamp) = SIGNING[scheme];
        let (secret, at) = (secret(vendor), now());
        let (key, stamp) = (secret.as_bytes(), at.timestamp().to_string());
        let stamped = stamp.as_bytes();
        let mut headers = Vec::new();
        let value = match (vendor, timestamp) {
            ("discord", _) => hex(&signing_key().sign(&[stamped, &body].concat()).to_bytes()),
            ("generic" | "github" | "manual", _) => format!("sha256={}", hex(&sha256(key, &[&body]))),
            ("grafana", Some(_)) => hex(&sha256(key, &[stamped, b":", &body])),
            ("grafana" | "sentry", _) => hex(&sha256(key, &[&body])),
            ("intercom", _) => {
                let mac = Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(&body).finalize();
                format!("sha1={}", hex(&mac.into_bytes()))
            }
            ("pagerduty", _) => format!("v1={},v1={}", "0".repeat(64), hex(&sha256(key, &[&body]))),
            ("slack", _) => format!("v0={}", hex(&sha256(key, &[b"v0:", stamped, b":", &body]))),
            ("splunk", _) => STANDARD.encode(sha256(key, &[&body])),
            ("standard_webhooks", _) => {
                headers.push(("webhook-id".into(), "msg_1".into()));
                let key = STANDARD.decode(&secret["whsec_".len()..]).unwrap();
                format!("v1,{}", STANDARD.encode(sha256(&key, &[b"msg_1.", stamped, b".", &body])))
            }
            ("zendesk", _) => {
                let stamp = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                headers.push((timestamp.unwrap().into(), stamp.clone()));
                STANDARD.encode(sha256(key, &[stamp.as_bytes(), &body]))
            }
            (other, _) => panic!("{other} does not sign"),
        };
        if let Some(name) = timestamp.filter(|_| vendor != "zendesk") {
            headers.push((name.into(), stamp));
        }
        headers.push((signature.into(), value));
        Self { vendor, signature, timestamp, secret, headers, body, at }
    }

    /// The published signatures, and those computed for the vendors that published none.
    pub(super) fn published() -> Vec<Self> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let vectors = json("signature-vectors.json")["vectors"].as_array().unwrap().clone();
        let read = vectors.iter().map(|vector| {
            let headers = vector["headers"].as_object().unwrap();
            let headers: Vec<_> = headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            let name = text(&vector["provider"]).replace('-', "_");
            let has = |name: &str| headers.iter().any(|(known, _)| known == name);
            let &(vendor, signature, timestamp) = SIGNING
                .iter()
                .find(|(vendor, _, time)| {
                    *vendor == name && time.is_some_and(has) == vector["timestamp"].is_i64()
                })
                .unwrap();
            let body = text(&vector["body"]);
            let body = body.strip_prefix("@file:").map_or_else(|| body.clone().into_bytes(), bytes);
            let at =
                vector["timestamp"].as_i64().map_or_else(now, |at| DateTime::from_timestamp(at, 0).unwrap());
            Self { vendor, signature, timestamp, secret: text(&vector["secret"]), headers, body, at }
        });
        read.collect()
    }

    /// What the vendor's reader says to it under `secrets` at `now`.
    pub(super) fn answer(&self, secrets: &[&str], now: DateTime<Utc>) -> Result<Decoded> {
        let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let settings = match (self.vendor, self.timestamp) {
            ("grafana", Some(header)) => json!({ "timestamp_header": header }),
            _ => Value::Object(Map::new()),
        };
        let webhook =
            configured(self.vendor, Auth::Signed { secrets }, settings.as_object().unwrap()).unwrap();
        let delivery =
            Delivery { headers: self.headers.clone(), path: String::new(), body: self.body.clone() };
        webhook.decode(&delivery, now)
    }

    /// The value of a header.
    pub(super) fn header(&mut self, name: &str) -> &mut String {
        &mut self.headers.iter_mut().find(|(known, _)| known == name).unwrap().1
    }
}
