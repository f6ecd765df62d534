//! Reviews of the Google Play Developer API.

use chrono::TimeDelta;
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::Inbound;

use super::app_store::stars;
use super::{Document, Element, Format, Page};
use crate::payload;

/// `GET /androidpublisher/v3/applications/{package}/reviews`, and one of them.
pub(crate) struct Reviews;

impl Format for Reviews {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        let elements = match document.elements("reviews") {
            Some(reviews) => reviews,
            // One review is the document itself; no reviews are an empty one.
            None if document.raw("reviewId").is_some() => return Some(document.whole().into()),
            None if document.list().is_some() => return None,
            None if document.names().iter().all(|name| matches!(*name, "tokenPagination" | "pageInfo")) => {
                Vec::new()
            }
            None => return None,
        };
        let pagination = document.get("tokenPagination").unwrap_or_default();
        Some(Page { elements, next: payload::word(&pagination, "/nextPageToken"), ..Page::default() })
    }

    fn element(&self, review: &Value) -> Result<Element> {
        let id = payload::required_id(review, "/reviewId")?;
        let comment =
            payload::list(review, "/comments").iter().find_map(|comment| comment.get("userComment"));
        let comment = comment.ok_or_else(|| payload::invalid("/comments has none of the user"))?;
        let text = payload::text(comment, "/text");
        let nanos = comment.pointer("/lastModified/nanos").and_then(Value::as_i64);
        let nanos = nanos.filter(|nanos| (0..1_000_000_000).contains(nanos)).unwrap_or_default();
        let modified = payload::time(comment, "/lastModified/seconds");
        let rating = comment.pointer("/starRating").and_then(Value::as_u64);
        let (mut metadata, mut tags) = (Map::new(), Vec::new());
        payload::note(&mut metadata, "rating", rating);
        for (name, pointer) in [
            ("language", "/reviewerLanguage"),
            ("original_text", "/originalText"),
            ("app_version", "/appVersionName"),
            ("app_version_code", "/appVersionCode"),
            ("android_os_version", "/androidOsVersion"),
            ("device", "/device"),
            ("product", "/deviceMetadata/productName"),
        ] {
            payload::note(&mut metadata, name, payload::word(comment, pointer));
        }
        for pointer in ["/appVersionName", "/device"] {
            payload::tag(&mut tags, payload::word(comment, pointer));
        }
        let report = Inbound {
            source: "google_play".into(),
            external_id: Some(id),
            title: text.split_once('\t').map(|(title, _)| payload::one_line(title)).unwrap_or_default(),
            body: text.trim().to_owned(),
            author: payload::word(review, "/authorName"),
            severity: stars(rating),
            tags,
            metadata,
            occurred_at: modified.map(|time| time + TimeDelta::nanoseconds(nanos)),
            ..Inbound::default()
        };
        Ok(report.into())
    }
}
