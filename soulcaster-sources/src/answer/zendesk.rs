//! Tickets of Zendesk.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use super::{Document, Element, Format, Page};
use crate::payload::{self, word};

/// `GET /api/v2/incremental/tickets/cursor.json`, `GET /api/v2/tickets.json`, and one ticket.
#[derive(Default)]
pub(crate) struct Tickets {
    /// The address of the account, for links.
    pub(crate) base_url: Option<String>,
}

impl Format for Tickets {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        let elements = document.elements("tickets").or_else(|| document.elements("ticket"))?;
        let is_last = document.raw("end_of_stream") == Some("true");
        Some(Page { elements, next: document.text("after_cursor"), is_last, ..Page::default() })
    }

    fn element(&self, ticket: &Value) -> Result<Element> {
        let id = payload::required_id(ticket, "/id")?;
        let mut metadata = Map::new();
        for (name, pointer) in [
            ("status", "/status"),
            ("ticket_type", "/type"),
            ("channel", "/via/channel"),
            ("organization_id", "/organization_id"),
            ("problem_id", "/problem_id"),
            ("satisfaction", "/satisfaction_rating/score"),
        ] {
            payload::note(&mut metadata, name, word(ticket, pointer));
        }
        let report = Inbound {
            source: "zendesk".into(),
            title: payload::line(ticket, "/subject"),
            body: payload::text(ticket, "/description"),
            author: payload::id(ticket, "/requester_id")?,
            url: self.base_url.as_ref().map(|base| format!("{base}/agent/tickets/{id}")),
            external_id: Some(format!("ticket:{id}")),
            severity: word(ticket, "/priority").and_then(|word| Severity::parse(&word)),
            tags: payload::words(ticket, "/tags", ""),
            metadata,
            occurred_at: payload::time(ticket, "/created_at"),
            updated_at: payload::time(ticket, "/updated_at"),
            ..Inbound::default()
        };
        Ok(report.into())
    }

    fn time(&self, ticket: &Value) -> Option<DateTime<Utc>> {
        payload::time(ticket, "/generated_timestamp").or_else(|| payload::time(ticket, "/updated_at"))
    }
}
