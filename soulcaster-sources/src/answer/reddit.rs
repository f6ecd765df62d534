//! Posts and comments of Reddit.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::Inbound;

use super::{Document, Element, Format, Page};
use crate::payload::{self, word};

/// Listings such as `GET /r/{subreddit}/new`, `GET /comments/{post}` and `GET /api/info`; answers of writing calls
/// hold no report.
pub(crate) struct Things;

impl Format for Things {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        match document.list() {
            // A post and its comments.
            Some(listings) => {
                let mut elements = Vec::new();
                for listing in listings {
                    elements.extend(listing_of(&Document::read(listing.as_bytes()).ok()?)?.elements);
                }
                Some(elements.into())
            }
            None if document.raw("json").is_some() => Some(document.whole().into()),
            None => listing_of(document),
        }
    }

    fn element(&self, thing: &Value) -> Result<Element> {
        if thing.get("json").is_some() {
            return Ok(Element::not_a_report("answer of a writing call"));
        }
        let id = payload::required_id(thing, "/data/name")?;
        if !id.starts_with("t3_") && !id.starts_with("t1_") {
            return Ok(Element::not_a_report(
                word(thing, "/kind").as_deref().unwrap_or("neither post nor comment"),
            ));
        }
        Ok(report(thing, id).into())
    }

    fn time(&self, thing: &Value) -> Option<DateTime<Utc>> {
        payload::time(thing, "/data/created_utc")
    }
}

fn listing_of<'a>(document: &Document<'a>) -> Option<Page<'a>> {
    let data = document.inner("data")?;
    Some(Page { elements: data.elements("children")?, next: data.text("after"), ..Page::default() })
}

/// A post (`t3`) or a comment (`t1`).
fn report(thing: &Value, id: String) -> Inbound {
    let is_gone = |text: &str| matches!(text, "[deleted]" | "[removed]");
    let author = word(thing, "/data/author");
    let texts = ["/data/selftext", "/data/body"].map(|pointer| payload::text(thing, pointer));
    let body = texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let deleted = is_gone(&body) || word(thing, "/data/removed_by_category").is_some();
    let (mut metadata, mut tags) = (Map::new(), Vec::new());
    for (name, pointer) in [
        ("subreddit", "/data/subreddit"),
        ("link_title", "/data/link_title"),
        ("link_id", "/data/link_id"),
        ("parent_id", "/data/parent_id"),
        ("link", "/data/url"),
    ] {
        payload::note(&mut metadata, name, word(thing, pointer));
    }
    payload::note(&mut metadata, "over_18", thing.pointer("/data/over_18").and_then(Value::as_bool));
    for pointer in ["/data/link_flair_text", "/data/subreddit"] {
        payload::tag(&mut tags, word(thing, pointer));
    }
    let occurred_at = payload::time(thing, "/data/created_utc");
    let mut updated_at = payload::time(thing, "/data/edited");
    let mut title = payload::line(thing, "/data/title");
    if deleted {
        metadata.insert("deleted".into(), true.into());
        // Nobody says when: a second later than the version that it takes the place of.
        updated_at = updated_at.max(occurred_at).map(|time| time + TimeDelta::seconds(1));
        if title.is_empty() {
            title = "[deleted]".into();
        }
    }
    Inbound {
        source: "reddit".into(),
        external_id: Some(id),
        title,
        body: if deleted { String::new() } else { body },
        author: author.filter(|author| !deleted && !is_gone(author)),
        url: word(thing, "/data/permalink").map(|path| format!("https://reddit.com{path}")),
        tags,
        metadata,
        occurred_at,
        updated_at,
        ..Inbound::default()
    }
}
