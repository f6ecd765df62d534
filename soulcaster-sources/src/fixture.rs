//! Deliveries for the tests, from `fixtures/`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Decoded, Delivery, Webhook};

/// The bytes of a fixture.
pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fixture as JSON, to be changed.
pub(crate) fn json(path: &str) -> Value {
    serde_json::from_slice(&bytes(path)).unwrap()
}

/// The paths of the deliveries in a folder, sorted.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let path = format!("{}/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let names =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.filter(|name| !name.ends_with(".md")).collect();
    files.sort();
    files.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

/// A delivery of `body`.
pub(crate) fn delivery(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Delivery {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Delivery { headers, path: String::new(), body: body.into() }
}

/// A delivery of `body` without headers.
pub(crate) fn sent(body: impl Into<Vec<u8>>) -> Delivery {
    delivery(&[], body)
}

/// When the tests receive.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

pub(crate) fn at(rfc3339: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(rfc3339).unwrap().to_utc()
}

/// The answer to a body without headers.
#[track_caller]
pub(crate) fn decoded(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Decoded {
    webhook.decode(&sent(body), now()).unwrap()
}

/// The reports of `body`, each of which can be kept and holds the bytes.
#[track_caller]
pub(crate) fn reports(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Vec<Inbound> {
    let body = body.into();
    let Decoded::Reports(reports) = decoded(webhook, body.clone()) else { panic!("no report") };
    for report in &reports {
        report.check().unwrap();
        assert_eq!(report.source, webhook.name());
        assert_eq!(report.raw_payload.as_deref(), Some(body.as_slice()));
        assert_eq!(report.auth_strength, AuthStrength::None);
    }
    reports
}

/// The only report of a body.
#[track_caller]
pub(crate) fn report(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Inbound {
    let mut reports = reports(webhook, body);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// A report as JSON without its empty fields, to be compared whole.
pub(crate) fn shown(report: &Inbound) -> Value {
    let Value::Object(mut fields) = serde_json::to_value(report).unwrap() else { panic!() };
    fields.retain(|_, value| !(value.is_null() || *value == "" || *value == serde_json::json!([])));
    Value::Object(fields)
}

/// What a report is made of but for most metadata, one line each.
pub(crate) fn lines(report: &Inbound) -> String {
    let time = |time: Option<DateTime<Utc>>| time.map_or("-".into(), |time| time.to_rfc3339());
    let text = |text: &Option<String>| text.clone().unwrap_or("-".into());
    [
        format!("id: {}", text(&report.external_id)),
        format!("title: {}", report.title),
        format!("body: {}", report.body.replace('\n', "⏎")),
        format!("time: {} {}", time(report.occurred_at), time(report.updated_at)),
        format!("severity: {}", report.severity.map_or("-".into(), |s| format!("{s:?}"))),
        format!("tags: {}", report.tags.join(" | ")),
        format!("url: {}", text(&report.url)),
        format!("author: {}", text(&report.author)),
        format!("status: {}", report.metadata.get("status").and_then(|s| s.as_str()).unwrap_or("-")),
    ]
    .join("\n")
}
