//! The webhook integration of Splunk Observability Cloud, formerly SignalFx.

use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use crate::field;
use crate::payload::{self, first_word, word};

/// What a detector says.
pub(super) fn report(alert: &Value) -> Result<Inbound> {
    let external_id = match (payload::id(alert, "/incidentId")?, payload::id(alert, "/detectorId")?) {
        (None, Some(detector)) => Some(format!("{detector}:{}", payload::line(alert, "/rule"))),
        (incident, _) => incident,
    };
    let (message, description) = (payload::text(alert, "/messageBody"), payload::text(alert, "/description"));
    let body = field::paragraphs([message.as_str(), &description]);
    let mut metadata = Map::new();
    let state = word(alert, "/status").map(|state| state.to_ascii_lowercase());
    let status = state.as_deref().map(|state| match state {
        "ok" | "stopped" | "resolved" | "manually resolved" | "manually_resolved" => "resolved",
        _ => "firing",
    });
    field::note(&mut metadata, "status", status.map(str::to_owned));
    for (name, pointer) in [
        ("state", "/statusExtended"),
        ("detector", "/detector"),
        ("rule", "/rule"),
        ("event_type", "/eventType"),
        ("metric", "/originatingMetric"),
        ("runbook_url", "/runbookUrl"),
        ("tip", "/tip"),
        ("image_url", "/imageUrl"),
    ] {
        field::note(&mut metadata, name, word(alert, pointer));
    }
    let mut tags = Vec::new();
    for (name, value) in field::members(alert, "/dimensions") {
        field::named_tag(&mut tags, name, word(value, ""));
    }
    Ok(Inbound {
        source: "splunk".into(),
        external_id: external_id.map(|id| format!("incident:{}", payload::cut(&id, 512))),
        title: first_word(alert, &["/messageTitle", "/rule", "/detector"])
            .unwrap_or_else(|| field::title_of(&body)),
        body,
        url: payload::url(alert, "/detectorUrl"),
        severity: word(alert, "/severity").and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        occurred_at: payload::time(alert, "/timestamp"),
        ..Inbound::default()
    })
}
