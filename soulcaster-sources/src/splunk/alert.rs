//! The webhook alert action of Splunk Enterprise and Cloud.

use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use crate::field;
use crate::payload::{self, first_word, word};

/// One row of a search's result.
pub(super) fn report(alert: &Value, search: Option<String>) -> Result<Inbound> {
    let result = alert.pointer("/result").filter(|result| result.is_object() || result.is_array());
    let json = result.map(Value::to_string).unwrap_or_default();
    let raw = payload::text(alert, "/result/_raw");
    let lines: Vec<String> = payload::list(alert, "/result/_raw").iter().map(payload::text_of).collect();
    let body = if !raw.trim().is_empty() {
        raw
    } else if !lines.is_empty() {
        lines.join("\n")
    } else {
        payload::clean(if matches!(json.as_str(), "{}" | "[]") { "" } else { &json })
    };
    let mut tags = Vec::new();
    field::named_tag(&mut tags, "app", word(alert, "/app"));
    for name in ["index", "sourcetype", "host"] {
        field::named_tag(&mut tags, name, word(alert, &format!("/result/{name}")));
    }
    let severity = first_word(alert, &["/result/severity", "/result/urgency"]);
    let mut metadata = Map::new();
    for (name, pointer) in [("sid", "/sid"), ("search_name", "/search_name"), ("source", "/result/source")] {
        field::note(&mut metadata, name, word(alert, pointer));
    }
    let title = search.unwrap_or_else(|| match body.chars().next() {
        Some('{' | '[') => "Splunk alert".to_owned(),
        _ => field::title_of(&body),
    });
    let row = field::fingerprint(&[json.as_bytes()]);
    Ok(Inbound {
        source: "splunk".into(),
        external_id: payload::id(alert, "/sid")?.map(|sid| format!("{sid}:{}", &row[..16])),
        title,
        body,
        author: word(alert, "/owner"),
        url: payload::url(alert, "/results_link"),
        severity: severity.and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        occurred_at: payload::time(alert, "/result/_time"),
        ..Inbound::default()
    })
}
