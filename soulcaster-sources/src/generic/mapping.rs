//! Which part of a body is which field.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};

use crate::payload;
use crate::settings;

/// JSON pointers for each field, best first: the first that leads to a value is taken.
///
/// Pointers are relative to the report: to the body, or to one entry of `items`. In a file each field is one
/// pointer or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// Where the list of reports is; absent when the body is the report, or itself a list of them.
    pub items: Option<String>,
    /// The sender's own id.
    #[serde(deserialize_with = "one_or_many")]
    pub external_id: Vec<String>,
    /// One line; without it the first line of the body.
    #[serde(deserialize_with = "one_or_many")]
    pub title: Vec<String>,
    /// The rest.
    #[serde(deserialize_with = "one_or_many")]
    pub body: Vec<String>,
    /// Who reported it.
    #[serde(deserialize_with = "one_or_many")]
    pub author: Vec<String>,
    /// Where to read it; `http` and `https` only.
    #[serde(deserialize_with = "one_or_many")]
    pub url: Vec<String>,
    /// How bad it is, in a word that [`Severity::parse`] knows.
    #[serde(deserialize_with = "one_or_many")]
    pub severity: Vec<String>,
    /// Labels: a list of texts or of objects with a `name`, an object, or a text with commas.
    #[serde(deserialize_with = "one_or_many")]
    pub tags: Vec<String>,
    /// When it happened.
    #[serde(deserialize_with = "one_or_many")]
    pub occurred_at: Vec<String>,
    /// When it last changed; orders its versions.
    #[serde(deserialize_with = "one_or_many")]
    pub updated_at: Vec<String>,
    /// The state it is in, kept as `metadata.status`.
    #[serde(deserialize_with = "one_or_many")]
    pub status: Vec<String>,
    /// What else is kept as metadata: its name there, and where it is.
    pub metadata: BTreeMap<String, String>,
}

/// Longest pointer, in bytes.
const MAX_POINTER: usize = 256;

const IDS: &[&str] =
    &["external_id", "id", "uuid", "event_id", "MessageId", "message_id", "incident_id", "check_id"];
const TITLES: &[&str] =
    &["title", "subject", "Subject", "summary", "name", "check_name", "condition_name", "alert_name"];
const BODIES: &[&str] = &[
    "body",
    "text",
    "long_description",
    "description",
    "details",
    "message",
    "Message",
    "content",
    "comment",
    "feedback",
];
const AUTHORS: &[&str] =
    &["author", "author/name", "author/login", "user", "user/name", "user/login", "username", "reporter"];
const URLS: &[&str] = &["url", "link", "html_url", "permalink", "incident_url", "check_params/full_url"];
const SEVERITIES: &[&str] = &["severity", "level", "priority", "importance_level", "urgency"];
const TAGS: &[&str] = &["tags", "labels"];
const OCCURRED: &[&str] = &[
    "occurred_at",
    "created_at",
    "createdAt",
    "timestamp",
    "Timestamp",
    "time",
    "date",
    "state_changed_timestamp",
    "created",
];
const UPDATED: &[&str] = &["updated_at", "updatedAt", "resolved_at"];
const STATES: &[&str] = &["status", "state", "current_state"];

impl Default for Mapping {
    fn default() -> Self {
        Self::under(&[""])
    }
}

impl Mapping {
    /// The usual names below each of the `roots`, in this order.
    pub(crate) fn under(roots: &[&str]) -> Self {
        let below = |names: &[&str]| {
            roots.iter().flat_map(|root| names.iter().map(move |name| format!("{root}/{name}"))).collect()
        };
        Self {
            items: None,
            external_id: below(IDS),
            title: below(TITLES),
            body: below(BODIES),
            author: below(AUTHORS),
            url: below(URLS),
            severity: below(SEVERITIES),
            tags: below(TAGS),
            occurred_at: below(OCCURRED),
            updated_at: below(UPDATED),
            status: below(STATES),
            metadata: BTreeMap::new(),
        }
    }

    /// Checks that every entry is a JSON pointer of at most 256 bytes, and that there is one for text.
    ///
    /// # Errors
    /// `Invalid` naming the field.
    pub fn check(&self, source: &str) -> Result<()> {
        let fields = [
            ("external_id", &self.external_id),
            ("title", &self.title),
            ("body", &self.body),
            ("author", &self.author),
            ("url", &self.url),
            ("severity", &self.severity),
            ("tags", &self.tags),
            ("occurred_at", &self.occurred_at),
            ("updated_at", &self.updated_at),
            ("status", &self.status),
        ];
        let listed = fields.iter().flat_map(|(name, pointers)| pointers.iter().map(move |p| (*name, p)));
        let more =
            self.items.iter().map(|p| ("items", p)).chain(self.metadata.values().map(|p| ("metadata", p)));
        for (name, pointer) in listed.chain(more) {
            if !pointer.is_empty() && !pointer.starts_with('/') {
                return Err(settings::refused(source, &format!("{name}: {pointer:?} must begin with /")));
            }
            if pointer.len() > MAX_POINTER {
                let why = format!("{name}: a pointer is longer than {MAX_POINTER} bytes");
                return Err(settings::refused(source, &why));
            }
        }
        if self.title.is_empty() && self.body.is_empty() {
            return Err(settings::refused(source, "neither title nor body has a pointer"));
        }
        Ok(())
    }

    /// Reads one report; its text may be empty.
    pub(crate) fn item(&self, source: &str, value: &Value) -> Result<Inbound> {
        let word = |pointers: &[String]| pointers.iter().find_map(|at| payload::word(value, at));
        let time = |pointers: &[String]| pointers.iter().find_map(|at| payload::time(value, at));
        let mut item = Inbound::new(source, word(&self.title).unwrap_or_default());
        for pointer in &self.external_id {
            item.external_id = payload::id(value, pointer)?;
            if item.external_id.is_some() {
                break;
            }
        }
        let bodies = self.body.iter().map(|at| payload::text(value, at));
        item.body = bodies.into_iter().find(|text| !text.trim().is_empty()).unwrap_or_default();
        if item.title.is_empty() {
            item.title = payload::first_line(&item.body);
        }
        item.author = word(&self.author);
        item.url = self.url.iter().find_map(|at| payload::url(value, at));
        item.severity = word(&self.severity).and_then(|word| Severity::parse(&word));
        let tags = self.tags.iter().find_map(|at| value.pointer(at)).map(labels);
        item.tags = tags.unwrap_or_default();
        item.occurred_at = time(&self.occurred_at);
        item.updated_at = time(&self.updated_at);
        payload::note(&mut item.metadata, "status", word(&self.status));
        for (name, pointer) in &self.metadata {
            payload::note(&mut item.metadata, name, value.pointer(pointer).cloned());
        }
        Ok(item)
    }
}

fn labels(value: &Value) -> Vec<String> {
    let mut tags = Vec::new();
    match value {
        Value::Array(list) => {
            for entry in list {
                payload::tag(&mut tags, payload::first_word(entry, &["", "/name", "/label", "/value"]));
            }
        }
        Value::Object(pairs) => {
            for (name, value) in pairs {
                let text = payload::text_of(value);
                payload::tag(&mut tags, Some(payload::one_line(&format!("{name}:{text}"))));
            }
        }
        other => {
            for word in payload::text_of(other).split(',').map(payload::one_line) {
                payload::tag(&mut tags, Some(word).filter(|word| !word.is_empty()));
            }
        }
    }
    tags
}

fn one_or_many<'de, D: Deserializer<'de>>(reader: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Pointers {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Pointers::deserialize(reader)? {
        Pointers::One(pointer) => vec![pointer],
        Pointers::Many(pointers) => pointers,
    })
}
