//! Events and incidents of Datadog.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::Ignored;

use super::{Document, Element, Format, Page};
use crate::payload::{self, word};

/// `GET /api/v2/events`, `GET /api/v2/incidents` and one of them; monitors as `GET /api/v1/monitor` lists them.
#[derive(Default)]
pub(crate) struct Events {
    /// Ids of monitors whose events are read, `*` for any monitor. Absent, every event is read; when empty, none.
    pub(crate) monitors: Option<Vec<String>>,
}

impl Format for Events {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        if let Some(monitors) = document.list() {
            return Some(monitors.into());
        }
        let elements = document.elements("data")?;
        let meta = document.get("meta").unwrap_or_default();
        // The page after the last one is empty.
        let next = word(&meta, "/page/after").filter(|_| !elements.is_empty());
        Some(Page { elements, next, ..Page::default() })
    }

    fn element(&self, element: &Value) -> Result<Element> {
        match word(element, "/type").as_deref() {
            Some("incidents") => incident(element).map(Element::from),
            Some("event") => self.event(element),
            None if element.get("attributes").is_some() => self.event(element),
            _ if element.get("query").is_some() => Ok(Element::not_a_report("monitor")),
            kind => Ok(Element::Other(Ignored::UnknownEvent {
                event: payload::cut(kind.unwrap_or("unnamed"), 100),
            })),
        }
    }

    fn time(&self, event: &Value) -> Option<DateTime<Utc>> {
        payload::time(event, "/attributes/timestamp")
    }
}

impl Events {
    fn event(&self, event: &Value) -> Result<Element> {
        let get = |name: &str| word(event, &format!("/attributes/attributes/{name}"));
        if let Some(monitors) = &self.monitors {
            let id = get("monitor_id").or_else(|| get("monitor/id"));
            let wanted =
                |id: String| monitors.iter().any(|wanted| wanted.trim() == "*" || wanted.trim() == id);
            if !id.is_some_and(wanted) {
                return Ok(Element::Other(Ignored::Filtered { setting: "monitors".into() }));
            }
        }
        let mut metadata = Map::new();
        for name in ["status", "service", "hostname", "priority", "aggregation_key", "monitor_id"] {
            payload::note(&mut metadata, name, get(name));
        }
        let occurred_at =
            payload::time(event, "/attributes/attributes/timestamp").or_else(|| self.time(event));
        let report = Inbound {
            source: "datadog".into(),
            external_id: Some(payload::required_id(event, "/id")?),
            title: get("title").unwrap_or_default(),
            body: payload::text(event, "/attributes/message"),
            severity: get("status").and_then(|status| Severity::parse(&status)),
            tags: payload::words(event, "/attributes/tags", ""),
            metadata,
            occurred_at,
            ..Inbound::default()
        };
        Ok(report.into())
    }
}

fn incident(incident: &Value) -> Result<Inbound> {
    let id = payload::required_id(incident, "/id")?;
    let get = |name: &str| word(incident, &format!("/attributes/{name}"));
    let mut metadata = Map::new();
    payload::note(&mut metadata, "kind", Some("incident"));
    payload::note(&mut metadata, "status", get("state").or_else(|| get("fields/state/value")));
    payload::note(&mut metadata, "number", get("public_id"));
    payload::note(&mut metadata, "customer_impact", get("customer_impact_scope"));
    let severity = get("severity").or_else(|| get("fields/severity/value")).unwrap_or_default();
    let level = severity.strip_prefix("SEV-").map_or_else(|| severity.clone(), |level| format!("sev{level}"));
    Ok(Inbound {
        source: "datadog".into(),
        external_id: Some(format!("incident:{id}")),
        title: get("title").unwrap_or_default(),
        body: payload::text(incident, "/attributes/fields/summary/value"),
        severity: Severity::parse(&level),
        tags: payload::words(incident, "/attributes/fields/services/value", ""),
        metadata,
        occurred_at: payload::time(incident, "/attributes/created"),
        updated_at: payload::time(incident, "/attributes/modified"),
        ..Inbound::default()
    })
}
