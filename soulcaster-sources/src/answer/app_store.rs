//! Customer reviews of App Store Connect.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use super::{Document, Element, Format, Page};
use crate::payload;

/// `GET /v1/apps/{app}/customerReviews`, `GET /v1/customerReviews/{id}`.
pub(crate) struct Reviews;

impl Format for Reviews {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        let elements = document.elements("data")?;
        let link = document.get("links").and_then(|links| payload::word(&links, "/next"));
        Some(Page { elements, link, ..Page::default() })
    }

    fn element(&self, review: &Value) -> Result<Element> {
        if let Some(kind) = payload::word(review, "/type").filter(|kind| kind != "customerReviews") {
            return Ok(Element::not_a_report(&kind));
        }
        let mut metadata = Map::new();
        let rating = review.pointer("/attributes/rating").and_then(Value::as_u64);
        payload::note(&mut metadata, "rating", rating);
        let territory = payload::word(review, "/attributes/territory");
        payload::note(&mut metadata, "territory", territory.clone());
        let mut tags = Vec::new();
        payload::tag(&mut tags, territory);
        let report = Inbound {
            source: "app_store".into(),
            external_id: Some(payload::required_id(review, "/id")?),
            title: payload::line(review, "/attributes/title"),
            body: payload::text(review, "/attributes/body"),
            author: payload::word(review, "/attributes/reviewerNickname"),
            severity: stars(rating),
            tags,
            metadata,
            occurred_at: self.time(review),
            ..Inbound::default()
        };
        Ok(report.into())
    }

    fn time(&self, review: &Value) -> Option<DateTime<Utc>> {
        payload::time(review, "/attributes/createdDate")
    }
}

/// How bad a review with so many stars is: one is critical, five are for information.
pub(super) fn stars(rating: Option<u64>) -> Option<Severity> {
    Some(match rating? {
        1 => Severity::Critical,
        2 => Severity::High,
        3 => Severity::Medium,
        4 => Severity::Low,
        5 => Severity::Info,
        _ => return None,
    })
}
