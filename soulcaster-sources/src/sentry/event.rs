//! One event of an issue, as alerts and errors carry it, or as the legacy plugin does.

use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use crate::payload;

/// Most frames that the body names for each exception.
const MAX_FRAMES: usize = 10;

/// Most exceptions that the body names.
const MAX_EXCEPTIONS: usize = 5;

/// Tags whose values are addresses or names of people.
const PERSONAL: [&str; 2] = ["user", "ip"];

pub(super) fn part(value: &Value) -> Result<&Value> {
    let parts = ["/data/event", "/data/error", "/event"].iter().find_map(|at| value.pointer(at));
    parts.filter(|part| part.is_object()).ok_or_else(|| payload::invalid("/data/event is missing"))
}

/// The environment of an event or an issue: its field, else its tag.
pub(super) fn environment(event: &Value) -> Option<String> {
    payload::word(event, "/environment").or_else(|| {
        let mut tags = pairs(event);
        tags.find(|(name, _)| name == "environment").map(|(_, value)| value)
    })
}

pub(super) fn level(value: &Value, event: &Value) -> Option<String> {
    payload::word(event, "/level").or_else(|| payload::word(value, "/level"))
}

/// Tags as `[name, value]` or as `{"key": …, "value": …}`.
fn pairs(event: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    payload::list(event, "/tags").iter().filter_map(|tag| {
        let name = payload::first_word(tag, &["/0", "/key"])?;
        Some((name, payload::first_word(tag, &["/1", "/value"])?))
    })
}

/// The item of an event. It has the external id of its issue.
pub(super) fn item(value: &Value, event: &Value) -> Result<Inbound> {
    let event_id = payload::id(event, "/event_id")?;
    let issue = match payload::id(event, "/issue_id")? {
        Some(id) => Some(id),
        None if value.get("event").is_some() => payload::id(value, "/id")?, // the legacy plugin
        None => None,
    };
    let id = match (&issue, &event_id) {
        (Some(issue), _) => format!("sentry:{issue}"),
        (None, Some(event)) => format!("sentry:event:{event}"),
        (None, None) => return Err(payload::invalid("/data/event/issue_id is missing")),
    };
    let title = payload::first_word(event, &["/title", "/message", "/logentry/formatted"]);
    let title = title.or_else(|| payload::word(value, "/message")).unwrap_or_default();
    let mut item = Inbound::new("sentry", title).external_id(id).body(body(value, event));
    item.url = payload::url(event, "/web_url").or_else(|| payload::url(value, "/url"));
    item.severity = level(value, event).and_then(|level| Severity::parse(&level));
    item.author = payload::id(event, "/user/id").ok().flatten();
    for (name, value) in pairs(event).filter(|(name, _)| !PERSONAL.contains(&name.as_str())) {
        payload::tag(&mut item.tags, Some(format!("{name}:{value}")));
    }
    let times = ["/datetime", "/timestamp", "/dateCreated", "/received"];
    item.occurred_at = times.iter().find_map(|pointer| payload::time(event, pointer));
    payload::note(&mut item.metadata, "kind", Some("event"));
    payload::note(&mut item.metadata, "status", Some("unresolved"));
    payload::note(&mut item.metadata, "event_id", event_id);
    payload::note(&mut item.metadata, "environment", environment(event));
    for (name, pointer) in [("platform", "/platform"), ("release", "/release"), ("culprit", "/culprit")] {
        payload::note(&mut item.metadata, name, payload::word(event, pointer));
    }
    let project = payload::first_word(value, &["/project_slug", "/data/event/project_slug"]);
    payload::note(&mut item.metadata, "project", project);
    payload::note(&mut item.metadata, "rule", payload::word(value, "/data/triggered_rule"));
    Ok(item)
}

/// The exceptions, the one that was raised first; without any the message, else the culprit.
fn body(value: &Value, event: &Value) -> String {
    let raised = payload::list(event, "/exception/values");
    let told: Vec<_> = raised.iter().rev().take(MAX_EXCEPTIONS).map(exception).collect();
    let told = told.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\nCaused by: ");
    if !told.is_empty() {
        return told;
    }
    let message = ["/message", "/logentry/formatted", "/culprit"].iter().map(|at| payload::text(event, at));
    let outer = ["/message", "/culprit"].iter().map(|at| payload::text(value, at));
    message.chain(outer).find(|text| !text.is_empty()).unwrap_or_default()
}

fn exception(exception: &Value) -> String {
    let words = [payload::line(exception, "/type"), payload::text(exception, "/value")];
    let mut text = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(": ");
    let frames = payload::list(exception, "/stacktrace/frames");
    let own = |frame: &&Value| frame.get("in_app").and_then(Value::as_bool) == Some(true);
    let any_own = frames.iter().any(|frame| own(&frame));
    // Sentry puts the innermost frame last.
    let shown = frames.iter().rev().filter(|frame| !any_own || own(frame)).take(MAX_FRAMES);
    for frame in shown {
        let function = payload::word(frame, "/function").unwrap_or_else(|| "?".to_owned());
        let file = payload::first_word(frame, &["/filename", "/abs_path", "/module"]).unwrap_or_default();
        let line = payload::word(frame, "/lineno").map(|line| format!(":{line}")).unwrap_or_default();
        text.push_str(&format!("\n  at {function} ({file}{line})"));
    }
    text
}
