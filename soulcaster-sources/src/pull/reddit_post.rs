//! A post or a comment of Reddit.

use chrono::TimeDelta;
use serde_json::Value;
use soulcaster_core::model::Inbound;

use super::element::{Fields, texts};
use super::reddit::SOURCE;

/// Reads a post (`t3`) or a comment (`t1`); anything else is no report.
pub(super) fn report(thing: &Value) -> Result<Option<Inbound>, String> {
    let id = thing.id("/data/name")?;
    if !id.starts_with("t3_") && !id.starts_with("t1_") {
        return Ok(None);
    }
    let gone = |text: Option<&str>| matches!(text, Some("[deleted]" | "[removed]"));
    let author = thing.text("/data/author");
    let body = thing.text("/data/selftext").or(thing.text("/data/body"));
    let deleted = gone(body) || thing.text("/data/removed_by_category").is_some();
    let mut metadata = thing.pick(&[
        ("subreddit", "/data/subreddit"),
        ("link_title", "/data/link_title"),
        ("link_id", "/data/link_id"),
        ("parent_id", "/data/parent_id"),
        ("over_18", "/data/over_18"),
        ("link", "/data/url"),
    ]);
    let occurred_at = thing.time("/data/created_utc");
    let mut updated_at = thing.time("/data/edited");
    let mut title = thing.text("/data/title").unwrap_or_default();
    if deleted {
        metadata.insert("deleted".into(), true.into());
        // Nobody says when: a second later than the version that it takes the place of.
        updated_at = updated_at.max(occurred_at).map(|time| time + TimeDelta::seconds(1));
        if title.is_empty() {
            title = "[deleted]";
        }
    }
    Ok(Some(Inbound {
        source: SOURCE.into(),
        external_id: Some(id),
        title: title.to_owned(),
        body: body.filter(|_| !deleted).unwrap_or_default().to_owned(),
        author: author.filter(|_| !deleted && !gone(author)).map(str::to_owned),
        url: thing.text("/data/permalink").map(|path| format!("https://reddit.com{path}")),
        tags: texts(
            ["/data/link_flair_text", "/data/subreddit"].iter().filter_map(|place| thing.pointer(place)),
        ),
        metadata,
        occurred_at,
        updated_at,
        ..Inbound::default()
    }))
}
