//! Datadog monitors and events, pushed by the webhooks integration.
//!
//! A Datadog webhook sends what its template says, so each field is looked for under the names of the
//! default template, of the variables (`$ALERT_STATUS` as `alert_status`) and of common templates. A
//! variable that was left unexpanded (`$ID`) counts as absent. Bodies encoded as a form are read too.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `aggreg_key`, else `id`, else `event_id`, `monitor:{monitor_id}` or `monitor:{alert_id}` |
//! | title | `title`, `event_title`, `alert_title`; else the body's first line |
//! | body | `body`, `event_msg`, `text_only_msg`, `message`, `alert_status`; `%%%` fences stripped |
//! | time | `date`, `date_posix`, `timestamp`; versions are ordered by `last_updated` |
//! | severity | a priority P1 to P5, else `alert_type` |
//! | status | `resolved` for a recovery, `firing` for other transitions |
//!
//! Datadog signs nothing: give the webhook a header with a secret.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::field;
use crate::payload::{self, first_word};
use crate::settings;
use crate::signature::Auth;

/// Most fields of a form.
const MAX_FIELDS: usize = 100;

/// Which deliveries of Datadog are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatadogSettings {
    /// Monitors by id or name, `*` for any run of letters; all without a list, none with an empty one.
    pub monitors: Option<Vec<String>>,
}

impl DatadogSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for a blank monitor.
    pub fn check(&self) -> Result<()> {
        settings::check_names("datadog", "monitors", self.monitors.as_deref().unwrap_or_default())
    }
}

/// Reads deliveries of the Datadog webhooks integration.
#[derive(Debug, Clone)]
pub struct DatadogWebhook {
    auth: Auth,
    settings: DatadogSettings,
}

impl DatadogWebhook {
    /// Makes a reader; `auth` is a header secret, for Datadog signs nothing.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: DatadogSettings) -> Result<Self> {
        field::check_unsigned(&auth, "datadog")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    fn keeps(&self, event: &Value, title: &str) -> bool {
        let Some(monitors) = &self.settings.monitors else { return true };
        let mut names: Vec<String> =
            ["/monitor_id", "/alert_id", "/id"].iter().filter_map(|name| variable(event, &[name])).collect();
        names.push(title.to_owned());
        names.push(without_state(title).to_owned());
        monitors.iter().any(|pattern| names.iter().any(|name| matches(pattern.trim(), name)))
    }
}

impl Webhook for DatadogWebhook {
    fn name(&self) -> &str {
        "datadog"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, field::no_scheme)?;
        let Some(event) = body(delivery)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        if event.is_array() || event.get("data").is_some_and(|data| data.is_array() || data.is_object()) {
            return Ok(payload::not_a_report("answer of the API"));
        }
        let report = report(&event)?;
        if !self.keeps(&event, &report.title) {
            return Ok(payload::filtered("monitors"));
        }
        Ok(payload::report(report, delivery, strength))
    }
}

fn body(delivery: &Delivery) -> Result<Option<Value>> {
    let form = "application/x-www-form-urlencoded";
    let kind = delivery.header("content-type").unwrap_or_default().trim();
    if !kind.get(..form.len()).is_some_and(|kind| kind.eq_ignore_ascii_case(form)) {
        return payload::read(&delivery.body);
    }
    let fields = payload::form_fields(&delivery.body, MAX_FIELDS);
    let members: Map<String, Value> = fields.map(|(name, value)| (name, value.into())).collect();
    Ok((!members.is_empty()).then_some(Value::Object(members)))
}

/// The first of `pointers` with a text that is not a variable left unexpanded.
fn variable(event: &Value, pointers: &[&str]) -> Option<String> {
    let texts = pointers.iter().map(|pointer| payload::text(event, pointer).trim().to_owned());
    let mut found = texts.filter(|text| !text.is_empty() && !unexpanded(text));
    found.next()
}

fn unexpanded(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
}

/// The first of `pointers` with an id.
fn id(event: &Value, pointers: &[&str]) -> Result<Option<String>> {
    for pointer in pointers {
        if let Some(id) = payload::id(event, pointer)?.filter(|id| !unexpanded(id)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn report(event: &Value) -> Result<Inbound> {
    let get = |names: &[&str]| variable(event, names);
    let body = get(&["/body", "/event_msg", "/text_only_msg", "/message", "/alert_status", "/description"]);
    let body = strip_fences(&body.unwrap_or_default());
    let title = get(&["/title", "/event_title", "/alert_title"]);
    let title = title.map_or_else(|| field::title_of(&body), |title| payload::one_line(&title));
    let external_id = match id(event, &["/aggreg_key", "/aggregation_key", "/id", "/event_id"])? {
        Some(id) => Some(id),
        None => id(event, &["/monitor_id", "/alert_id"])?.map(|id| format!("monitor:{id}")),
    };
    let transition = get(&["/alert_transition", "/transition"]);
    let kind = get(&["/alert_type"]);
    let severity = severity(event, kind.as_deref());
    let status = status(transition.as_deref(), kind.as_deref(), &title);
    let occurred_at = ["/date", "/date_posix", "/timestamp", "/last_updated", "/last_updated_posix"]
        .iter()
        .find_map(|name| payload::time(event, name));
    let updated_at =
        ["/last_updated", "/last_updated_posix"].iter().find_map(|name| payload::time(event, name));
    let mut metadata = Map::new();
    field::note(&mut metadata, "status", status.map(str::to_owned));
    for (name, pointers) in NOTES {
        field::note(&mut metadata, name, get(pointers));
    }
    Ok(Inbound {
        source: "datadog".into(),
        external_id,
        title,
        body,
        author: get(&["/user", "/username"]).map(|name| payload::one_line(&name)),
        url: ["/link", "/url", "/event_url"].iter().find_map(|name| payload::url(event, name)),
        severity,
        tags: tags(event),
        metadata,
        occurred_at,
        updated_at: updated_at.filter(|at| Some(*at) > occurred_at),
        ..Inbound::default()
    })
}

/// What else is kept, and where it stands.
const NOTES: [(&str, &[&str]); 13] = [
    ("event_id", &["/id", "/event_id"]),
    ("event_type", &["/event_type", "/type"]),
    ("alert_id", &["/alert_id", "/monitor_id"]),
    ("alert_cycle_key", &["/alert_cycle_key"]),
    ("alert_transition", &["/alert_transition", "/transition"]),
    ("alert_type", &["/alert_type"]),
    ("alert_metric", &["/alert_metric"]),
    ("alert_query", &["/alert_query", "/query"]),
    ("alert_scope", &["/alert_scope", "/scopes"]),
    ("alert_status", &["/alert_status"]),
    ("hostname", &["/hostname", "/host"]),
    ("org", &["/org/name", "/org_name", "/org_id", "/org/id"]),
    ("snapshot", &["/snapshot", "/snapshot_url"]),
];

/// A comma list, or an array.
fn tags(event: &Value) -> Vec<String> {
    let mut tags = payload::words(event, "/tags", "");
    for tag in variable(event, &["/tags"]).unwrap_or_default().split(',').map(payload::one_line) {
        payload::tag(&mut tags, Some(tag).filter(|tag| !tag.is_empty()));
    }
    tags
}

fn severity(event: &Value, kind: Option<&str>) -> Option<Severity> {
    let priority = first_word(event, &["/alert_priority", "/priority"]).and_then(|priority| {
        let level = priority.strip_prefix(['P', 'p']).unwrap_or(&priority);
        matches!(level, "1" | "2" | "3" | "4" | "5").then(|| Severity::parse(&format!("p{level}"))).flatten()
    });
    priority.or_else(|| match kind?.to_ascii_lowercase().as_str() {
        "success" => Some(Severity::Info),
        kind => Severity::parse(kind),
    })
}

fn status(transition: Option<&str>, kind: Option<&str>, title: &str) -> Option<&'static str> {
    let bracketed = || Some(title.strip_prefix('[')?.split_once(']')?.0);
    let word = match (transition.or_else(bracketed), kind) {
        (Some(word), _) => word.to_ascii_lowercase(),
        (None, Some(kind)) if kind.eq_ignore_ascii_case("success") => return Some("resolved"),
        (None, _) => return None,
    };
    if word.starts_with("recovered") {
        return Some("resolved");
    }
    let firing = ["triggered", "re-triggered", "warn", "re-warn", "no data", "re-no data", "renotify"];
    (transition.is_some() || firing.iter().any(|known| word.starts_with(known))).then_some("firing")
}

/// The title without its state, `[Triggered on {host:web-1}] `.
fn without_state(title: &str) -> &str {
    title.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(title, |(_, rest)| rest.trim())
}

/// The body without the `%%%` lines that mark Markdown.
fn strip_fences(body: &str) -> String {
    let body = body.trim();
    let body = body.strip_prefix("%%%").unwrap_or(body);
    let body = body.strip_suffix("%%%").unwrap_or(body);
    let lines: Vec<&str> = body.lines().filter(|line| line.trim() != "%%%").collect();
    lines.join("\n").trim().to_owned()
}

/// Whether `pattern`, in which `*` stands for any run of letters, is `text`; case counts.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == text.get(t) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, taken)) = star {
            (p, t) = (at + 1, taken + 1);
            star = Some((at, taken + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests;
