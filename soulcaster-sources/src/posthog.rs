//! PostHog exceptions, surveys and other events, pushed by a webhook destination.
//!
//! The default body is `{event, person}`; an event alone, one under `data` and the `{text}` of the old
//! action webhooks are read too.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `event.uuid`, else `distinct_id` and `timestamp` |
//! | title | the first exception as `type: value`; the survey's name; else the event's name |
//! | body | all exceptions with their frames; the survey's answers; else `message`, `text`, `feedback` or `comment` |
//! | time | `event.timestamp` |
//! | severity | `$exception_level` |
//! | tags | `lib:` and `url:`, the page it happened on |
//! | author | `distinct_id` |
//!
//! A survey that was shown or dismissed is no report. PostHog signs nothing: give the destination a header
//! with a secret.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::field;
use crate::payload::{self, first_word, word};
use crate::settings;
use crate::signature::Auth;

/// Most exceptions of a chain, and frames of each, that go into a body.
const MAX_EXCEPTIONS: usize = 20;
const MAX_FRAMES: usize = 50;
/// Most answers of a survey.
const MAX_ANSWERS: usize = 100;

/// Which deliveries of PostHog are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PosthogSettings {
    /// Names of events, such as `$exception`; all without a list, none with an empty one. An old action
    /// webhook names no event and counts as `action`.
    pub event_types: Option<Vec<String>>,
}

impl PosthogSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for a blank name.
    pub fn check(&self) -> Result<()> {
        settings::check_names("posthog", "event_types", self.event_types.as_deref().unwrap_or_default())
    }
}

/// Reads deliveries of PostHog webhook destinations.
#[derive(Debug, Clone)]
pub struct PosthogWebhook {
    auth: Auth,
    settings: PosthogSettings,
}

impl PosthogWebhook {
    /// Makes a reader; `auth` is a header secret, for PostHog signs nothing.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: PosthogSettings) -> Result<Self> {
        field::check_unsigned(&auth, "posthog")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }
}

impl Webhook for PosthogWebhook {
    fn name(&self) -> &str {
        "posthog"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, field::no_scheme)?;
        let Some(body) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let found = ["/event", "/data", ""].iter().filter_map(|pointer| body.pointer(pointer));
        let event = found.into_iter().find(|value| value.get("event").is_some_and(Value::is_string));
        let name = event.map_or_else(|| "action".to_owned(), |event| payload::line(event, "/event"));
        if let Some(types) = &self.settings.event_types
            && !types.iter().any(|known| known.trim() == name)
        {
            return Ok(payload::filtered("event_types"));
        }
        match event {
            Some(_) if matches!(name.as_str(), "survey shown" | "survey dismissed" | "survey abandoned") => {
                Ok(payload::not_a_report(&name))
            }
            Some(event) => Ok(payload::report(report(event, &name)?, delivery, strength)),
            None if body.get("text").is_some() => Ok(payload::report(action(&body), delivery, strength)),
            None => Ok(payload::unknown("")),
        }
    }
}

/// The `{text}` of an action webhook.
fn action(body: &Value) -> Inbound {
    let text = payload::text(body, "/text");
    Inbound { source: "posthog".into(), title: field::title_of(&text), body: text, ..Inbound::default() }
}

/// One event, as destinations and the API send it.
pub(crate) fn report(event: &Value, name: &str) -> Result<Inbound> {
    let get = |property: &str| word(event, &format!("/properties/{property}"));
    let (title, body) = match name {
        "$exception" => exception(event),
        "survey sent" => (get("$survey_name"), answers(event)),
        _ => (None, said(event)),
    };
    let author = payload::id(event, "/distinct_id")?;
    let time = word(event, "/timestamp");
    let external_id = match payload::id(event, "/uuid")? {
        None => author.as_ref().zip(time).map(|(author, time)| format!("{author}:{time}")),
        uuid => uuid,
    };
    let mut tags = Vec::new();
    field::named_tag(&mut tags, "lib", get("$lib"));
    field::named_tag(&mut tags, "url", get("$current_url"));
    let mut metadata = Map::new();
    field::note(&mut metadata, "event_type", Some(name.to_owned()));
    for (key, property) in [
        ("issue_id", "$exception_issue_id"),
        ("fingerprint", "$exception_fingerprint"),
        ("survey_id", "$survey_id"),
        ("session_id", "$session_id"),
        ("current_url", "$current_url"),
        ("lib_version", "$lib_version"),
        ("browser", "$browser"),
        ("os", "$os"),
    ] {
        field::note(&mut metadata, key, get(property));
    }
    Ok(Inbound {
        source: "posthog".into(),
        external_id: external_id.map(|id| payload::cut(&id, 512)),
        title: title.unwrap_or_else(|| name.to_owned()),
        body,
        author,
        url: payload::url(event, "/url"),
        severity: get("$exception_level").and_then(|word| Severity::parse(&word)),
        tags,
        metadata,
        occurred_at: payload::time(event, "/timestamp"),
        ..Inbound::default()
    })
}

/// `type: value`, or what there is of it.
fn headline(kind: Option<String>, value: Option<String>) -> Option<String> {
    match (kind, value) {
        (Some(kind), Some(value)) => Some(format!("{kind}: {value}")),
        (kind, value) => kind.or(value),
    }
}

fn exception(event: &Value) -> (Option<String>, String) {
    let mut title = None;
    let mut lines = Vec::new();
    for exception in payload::list(event, "/properties/$exception_list").iter().take(MAX_EXCEPTIONS) {
        let Some(head) = headline(word(exception, "/type"), word(exception, "/value")) else { continue };
        title.get_or_insert_with(|| head.clone());
        lines.push(head);
        let frames = payload::list(exception, "/stacktrace/frames");
        lines.extend(frames.iter().take(MAX_FRAMES).filter_map(frame));
    }
    // Before there was a list.
    let old = |name: &str| word(event, &format!("/properties/$exception_{name}"));
    let title = title.or_else(|| headline(old("type"), old("message")));
    if lines.is_empty() {
        lines.extend(title.clone());
        lines.push(payload::text(event, "/properties/$exception_stack_trace_raw"));
    }
    (title, payload::clean(lines.join("\n").trim_end()))
}

fn frame(frame: &Value) -> Option<String> {
    let function = first_word(frame, &["/resolved_name", "/function", "/mangled_name"]);
    let mut place = first_word(frame, &["/source", "/filename", "/abs_path", "/module"])?;
    for pointer in ["/line", "/column"] {
        let Some(number) = word(frame, pointer) else { break };
        place.push(':');
        place.push_str(&number);
    }
    Some(match function {
        Some(function) => format!("  at {function} ({place})"),
        None => format!("  at {place}"),
    })
}

/// The answers of a survey: `$survey_response`, `$survey_response_1`, `$survey_response_{question id}`.
fn answers(event: &Value) -> String {
    let mut answers: Vec<String> = Vec::new();
    let known = field::members(event, "/properties").filter(|(name, _)| name.starts_with("$survey_response"));
    for (_, answer) in known.take(MAX_ANSWERS) {
        let several: Vec<String> =
            payload::list(answer, "").iter().take(MAX_ANSWERS).map(payload::text_of).collect();
        answers.push(if several.is_empty() { payload::text_of(answer) } else { several.join(", ") });
    }
    field::paragraphs(answers.iter().map(String::as_str))
}

/// The text of an event that brings one.
fn said(event: &Value) -> String {
    let texts = ["message", "text", "feedback", "comment"];
    let mut texts = texts.iter().map(|name| payload::text(event, &format!("/properties/{name}")));
    texts.find(|text| !text.trim().is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
