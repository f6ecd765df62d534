//! Deliveries for the tests, from `fixtures/`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::model::Inbound;
use soulcaster_core::port::{Decoded, Delivery, Webhook};

/// The bytes of a fixture.
pub(crate) fn bytes(path: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of the fixtures in a folder, sorted.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let path = format!("{}/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let names =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".json")).collect();
    files.sort();
    files.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

/// A delivery of `body`.
pub(crate) fn delivery(headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Delivery {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Delivery { headers, path: String::new(), body: body.into() }
}

/// When the tests receive.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

/// The answer to a body without headers.
pub(crate) fn decoded(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Decoded {
    webhook.decode(&delivery(&[], body), now()).unwrap()
}

/// The only report of a body, which it must keep.
pub(crate) fn report(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Inbound {
    let body = body.into();
    let Decoded::Reports(mut reports) = decoded(webhook, body.clone()) else { panic!("no report") };
    let report = reports.pop().unwrap();
    assert!(reports.is_empty());
    assert_eq!(report.raw_payload.as_deref(), Some(&body[..]));
    report.check().unwrap();
    report
}

/// A report as JSON without its empty fields, to be compared whole.
pub(crate) fn shown(report: &Inbound) -> Value {
    let Value::Object(mut fields) = serde_json::to_value(report).unwrap() else { panic!() };
    fields.retain(|_, value| !(value.is_null() || *value == "" || *value == serde_json::json!([])));
    Value::Object(fields)
}
