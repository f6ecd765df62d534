//! Signatures as vendors make them.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use soulcaster_core::model::Proof;

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// Lower-case hex of HMAC-SHA256 over the concatenated `parts`.
pub(crate) fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    hex(&hmac(secret.as_bytes(), parts))
}

/// An Ed25519 key.
pub(crate) struct Ed25519(SigningKey);

impl Ed25519 {
    pub(crate) fn seeded(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    /// The public key in hex.
    pub(crate) fn public(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }

    /// The signature over the concatenated `parts` in hex.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> String {
        hex(&self.0.sign(&parts.concat()).to_bytes())
    }
}

fn moment() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Seconds since 1970, as text.
pub(crate) fn now() -> String {
    moment().timestamp().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn discord() -> Ed25519 {
    Ed25519::seeded(3)
}

/// A secret of the form that the vendor's have; empty where it comes as a part of the path.
pub(crate) fn secret(vendor: &str, proof: &Proof) -> String {
    match (proof, vendor) {
        (Proof::PathToken, _) => String::new(),
        (_, "discord") => discord().public(),
        (_, "standard_webhooks") => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        _ => "one-secret-of-many".into(),
    }
}

/// The headers that prove `body` under that secret, sent now.
pub(crate) fn headers(vendor: &str, proof: &Proof, body: &[u8]) -> Vec<(&'static str, String)> {
    let (secret, stamp) = (secret(vendor, proof), now());
    match (proof, vendor) {
        (Proof::Header { .. }, _) => vec![("authorization", format!("Bearer {secret}"))],
        (Proof::PathToken, _) => vec![],
        (_, "discord") => {
            let signature = discord().sign(&[stamp.as_bytes(), body]);
            vec![("x-signature-timestamp", stamp), ("x-signature-ed25519", signature)]
        }
        (_, "github") => vec![("x-hub-signature-256", format!("sha256={}", hmac_hex(&secret, &[body])))],
        (_, "grafana") => vec![("x-grafana-alerting-signature", hmac_hex(&secret, &[body]))],
        (_, "intercom") => {
            let mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any length is a key");
            let signature = hex(&mac.chain_update(body).finalize().into_bytes());
            vec![("x-hub-signature", format!("sha1={signature}"))]
        }
        (_, "pagerduty") => vec![("x-pagerduty-signature", format!("v1={}", hmac_hex(&secret, &[body])))],
        (_, "sentry") => vec![("sentry-hook-signature", hmac_hex(&secret, &[body]))],
        (_, "slack") => {
            let signature = hmac_hex(&secret, &[b"v0:", stamp.as_bytes(), b":", body]);
            vec![("x-slack-request-timestamp", stamp), ("x-slack-signature", format!("v0={signature}"))]
        }
        (_, "standard_webhooks") => {
            let key = STANDARD.decode(&secret["whsec_".len()..]).expect("it is Base64");
            let signature = STANDARD.encode(hmac(&key, &[b"msg_1.", stamp.as_bytes(), b".", body]));
            let signature = format!("v1,{signature}");
            vec![
                ("webhook-id", "msg_1".into()),
                ("webhook-timestamp", stamp),
                ("webhook-signature", signature),
            ]
        }
        (_, "zendesk") => {
            let stamp = moment().to_rfc3339_opts(SecondsFormat::Secs, true);
            let signature = STANDARD.encode(hmac(secret.as_bytes(), &[stamp.as_bytes(), body]));
            vec![("x-zendesk-webhook-signature-timestamp", stamp), ("x-zendesk-webhook-signature", signature)]
        }
        (_, other) => panic!("{other} does not sign"),
    }
}
