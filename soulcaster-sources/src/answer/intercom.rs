//! Conversations and tickets of Intercom.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::Result;

use super::{Document, Element, Format, Page};
use crate::{intercom, payload};

/// `GET /conversations`, `POST /conversations/search`, `POST /tickets/search`, and one conversation or ticket.
pub(crate) struct Conversations;

impl Format for Conversations {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        let list = ["conversations", "tickets"].iter().find_map(|name| document.elements(name));
        let Some(elements) = list.filter(|_| document.raw("id").is_none()) else {
            let one = matches!(document.text("type").as_deref(), Some("conversation" | "ticket"));
            return one.then(|| document.whole().into());
        };
        let pages = document.get("pages").unwrap_or_default();
        Some(Page { elements, next: payload::word(&pages, "/next/starting_after"), ..Page::default() })
    }

    fn element(&self, element: &Value) -> Result<Element> {
        match payload::word(element, "/type").as_deref() {
            Some("ticket") => intercom::ticket(element).map(Element::from),
            None | Some("conversation") => intercom::conversation(element).map(Element::from),
            Some(other) => Ok(Element::not_a_report(other)),
        }
    }

    fn time(&self, element: &Value) -> Option<DateTime<Utc>> {
        payload::time(element, "/updated_at")
    }
}
