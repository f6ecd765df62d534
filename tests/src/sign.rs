//! Deliveries as the vendors prove them.

use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use soulcaster_core::model::Proof;

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

/// A secret of the form that the vendor's have; empty where it comes as a part of the path.
pub(crate) fn secret(vendor: &str, proof: &Proof) -> String {
    match (vendor, proof) {
        (_, Proof::PathToken) => String::new(),
        ("discord", _) => hex(signing_key().verifying_key().as_bytes()),
        ("standard_webhooks", _) => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
        _ => "one-secret-of-many".into(),
    }
}

/// The headers that prove `body`, sent now.
pub(crate) fn proof(vendor: &str, proof: &Proof, body: &[u8]) -> Vec<(&'static str, String)> {
    let (secret, now) = (secret(vendor, proof), DateTime::<Utc>::from(SystemTime::now()));
    let (key, stamp) = (secret.as_bytes(), now.timestamp().to_string());
    let signed = |parts: &[&[u8]]| hex(&sha256(key, parts));
    match (proof, vendor) {
        (Proof::Header { .. }, _) => vec![("authorization", format!("Bearer {secret}"))],
        (Proof::PathToken, _) => vec![],
        (_, "discord") => {
            let signature = signing_key().sign(&[stamp.as_bytes(), body].concat());
            let signature = hex(&signature.to_bytes());
            vec![("x-signature-timestamp", stamp), ("x-signature-ed25519", signature)]
        }
        (_, "github") => vec![("x-hub-signature-256", format!("sha256={}", signed(&[body])))],
        (_, "grafana") => vec![("x-grafana-alerting-signature", signed(&[body]))],
        (_, "intercom") => {
            let mac = Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(body).finalize();
            vec![("x-hub-signature", format!("sha1={}", hex(&mac.into_bytes())))]
        }
        (_, "pagerduty") => vec![("x-pagerduty-signature", format!("v1={}", signed(&[body])))],
        (_, "sentry") => vec![("sentry-hook-signature", signed(&[body]))],
        (_, "slack") => {
            let signature = format!("v0={}", signed(&[b"v0:", stamp.as_bytes(), b":", body]));
            vec![("x-slack-request-timestamp", stamp), ("x-slack-signature", signature)]
        }
        (_, "standard_webhooks") => {
            let key = STANDARD.decode(&secret["whsec_".len()..]).unwrap();
            let signature = STANDARD.encode(sha256(&key, &[b"msg_1.", stamp.as_bytes(), b".", body]));
            vec![
                ("webhook-id", "msg_1".into()),
                ("webhook-timestamp", stamp),
                ("webhook-signature", format!("v1,{signature}")),
            ]
        }
        (_, "zendesk") => {
            let stamp = now.to_rfc3339_opts(SecondsFormat::Secs, true);
            let signature = STANDARD.encode(sha256(key, &[stamp.as_bytes(), body]));
            vec![("x-zendesk-webhook-signature-timestamp", stamp), ("x-zendesk-webhook-signature", signature)]
        }
        (_, other) => panic!("{other} does not sign"),
    }
}
