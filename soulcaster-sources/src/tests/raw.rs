//! What was sent is kept, byte for byte, by one rule for every vendor.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use soulcaster_core::port::{Decoded, Delivery, Webhook};

use super::{open, recorded};
use crate::fixture::{bytes, now, sent};
use crate::signature::Auth;
use crate::vendor::{VENDORS, configured};

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The hash of what each report of `delivery` keeps.
fn kept(webhook: &dyn Webhook, delivery: &Delivery) -> Vec<[u8; 32]> {
    match webhook.decode(delivery, now()) {
        Ok(Decoded::Reports(reports)) => {
            reports.iter().map(|report| hash(report.raw_payload.as_deref().unwrap())).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn a_report_keeps_the_whole_body_of_its_delivery() {
    let mut several = 0;
    for (vendor, webhook) in open() {
        let mut bodies: Vec<Vec<u8>> = recorded(vendor).iter().map(|file| bytes(file)).collect();
        bodies.push(b"\xef\xbb\xbf {\"title\" : \"a\\u0041\",\r\n \"body\":\"\\ud800 b\" } ".to_vec());
        bodies.push(br#"[ {"title":"a"}, {"title":"b"} ]"#.to_vec());
        let mut reports = 0;
        for body in bodies {
            let delivery = sent(body);
            let kept = kept(webhook.as_ref(), &delivery);
            assert!(kept.iter().all(|kept| *kept == hash(&delivery.body)), "{vendor}");
            reports += kept.len();
            several += usize::from(kept.len() > 1);
        }
        assert!(reports > 0, "{vendor}");
    }
    assert!(several > 5, "{several}");
}

/// A vendor's settings, and a delivery of `n` reports with the part of the body that each comes from.
struct Several {
    vendor: &'static str,
    settings: Value,
    write: fn(&[String]) -> String,
    part: fn(usize, &str) -> String,
}

fn list(key: &str, parts: &[String]) -> String {
    format!("{{ \"{key}\" : [ {} ] }}", parts.join(" ,\n"))
}

const SEVERAL: fn() -> Vec<Several> = || {
    let alert: fn(usize, &str) -> String =
        |n, text| format!(r#"{{"labels": {{"alertname":"A{n}"}}, "annotations":{{"summary":"{text}"}}}}"#);
    let titled: fn(usize, &str) -> String = |n, text| format!(r#"{{ "title":"{n}","body" : "{text}"}}"#);
    let several = |vendor, settings, write, part| Several { vendor, settings, write, part };
    vec![
        several("alertmanager", json!({}), |parts| list("alerts", parts), alert),
        several("grafana", json!({}), |parts| list("alerts", parts), alert),
        several(
            "email",
            json!({}),
            |parts| list("items", parts),
            |n, text| format!(r#"{{"MessageId":"<{n}@x>", "Subject":"s","RawTextBody":"{text}"}}"#),
        ),
        several("generic", json!({}), |parts| format!("[{}]", parts.join(", ")), titled),
        several("generic", json!({}), |parts| parts.join("\r\n\n"), titled),
        several("generic", json!({"mapping": {"items": "/rows"}}), |parts| list("rows", parts), titled),
        several(
            "standard_webhooks",
            json!({"mapping": {"items": "/data", "title": "/title"}}),
            |parts| list("data", parts),
            titled,
        ),
        several("manual", json!({}), |parts| list("items", parts), titled),
        several(
            "otlp",
            json!({}),
            |parts| format!(r#"{{"resourceLogs":[{{"scopeLogs":[{}]}}]}}"#, list("logRecords", parts)),
            |n, text| format!(r#"{{"severityNumber":17, "body":{{"stringValue":"{n} {text}"}}}}"#),
        ),
    ]
};

#[test]
fn of_a_delivery_too_large_to_be_kept_by_each_report_each_keeps_its_own_part() {
    for Several { vendor, settings, write, part } in SEVERAL() {
        assert!(VENDORS.contains(&vendor));
        let settings: Map<String, Value> = settings.as_object().unwrap().clone();
        let webhook = configured(vendor, Auth::AllowUnsigned, &settings).unwrap();
        for (count, length, whole) in
            [(2, 1000, true), (40, 2000, true), (60, 2000, false), (2, 1 << 21, false)]
        {
            let text = "x".repeat(length);
            let parts: Vec<String> = (0..count).map(|n| part(n, &text)).collect();
            let delivery = sent(write(&parts));
            let expected: Vec<[u8; 32]> = if whole {
                vec![hash(&delivery.body); count]
            } else {
                parts.iter().map(|part| hash(part.as_bytes())).collect()
            };
            assert!(kept(webhook.as_ref(), &delivery) == expected, "{vendor} {count} x {length}");
        }
    }
}
