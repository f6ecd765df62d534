//! From named values to a report: which name means what, and what becomes of the rest.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};
use soulcaster_core::model::{Inbound, Severity};

use crate::time;

/// What a known name stands for, in the order in which names are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    Id,
    Title,
    Body,
    Source,
    Created,
    Url,
    Author,
    Severity,
    Tags,
}

/// The known names, best first within a field. Case, blanks, `_` and `-` do not count.
const NAMES: [(Field, &[&str]); 9] = [
    (Field::Id, &["externalid", "id", "key", "issueid", "number"]),
    (Field::Title, &["title", "subject", "summary", "message", "name"]),
    (Field::Body, &["body", "text", "description", "content", "comment", "review"]),
    (Field::Source, &["source"]),
    (Field::Created, &["createdat", "occurredat", "timestamp", "time", "date", "created"]),
    (Field::Url, &["url", "link", "permalink"]),
    (Field::Author, &["author", "user", "username", "reporter"]),
    (Field::Severity, &["severity", "level", "priority"]),
    (Field::Tags, &["tags", "labels"]),
];

/// The place of `message` among the names of a title: left of it a title has been given expressly.
const MESSAGE: usize = 3;

fn field_of(name: &str) -> Option<(Field, usize)> {
    let mut plain = [0u8; 11];
    let mut length = 0;
    for byte in name.bytes().filter(|b| !matches!(b, b'_' | b'-' | b' ')) {
        *plain.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = &plain[..length];
    NAMES.iter().find_map(|(field, names)| {
        names.iter().position(|known| known.as_bytes() == plain).map(|rank| (*field, rank))
    })
}

/// Whether `name` means anything here.
pub(super) fn is_known(name: &str) -> bool {
    field_of(name).is_some()
}

/// Whether two names mean the same.
pub(super) fn are_same(a: &str, b: &str) -> bool {
    a == b || field_of(a).is_some_and(|field| field_of(b) == Some(field))
}

/// Whether `name` can hold the text of a report.
pub(super) fn is_text(name: &str) -> bool {
    matches!(field_of(name), Some((Field::Title | Field::Body, _)))
}

/// A value that a known field could not use, and what to say about it.
type Unused = (Value, Option<String>);

/// Makes a report of `source` from named values; says in `warnings` what was left aside.
pub(super) fn report(
    values: Map<String, Value>,
    source: &str,
    warnings: &mut Vec<String>,
) -> Result<Inbound, String> {
    let mut item = Inbound::new(source, "");
    let mut known = Vec::new();
    for (name, value) in values {
        if value.is_null() {
            continue;
        }
        match field_of(&name) {
            Some((field, rank)) if !is_blank(&value) => known.push((field, rank, name, value)),
            Some(_) => {}
            None => drop(item.metadata.insert(name, value)),
        }
    }
    known.sort_by_key(|(field, rank, ..)| (*field, *rank));
    let has_body = known.iter().any(|(field, .., value)| *field == Field::Body && is_scalar(value));
    let has_title = known.iter().any(|(field, .., value)| *field == Field::Title && is_scalar(value));
    let mut found = Vec::new();
    if !has_title && !has_body {
        found.extend(known.iter().map(|(.., name, _)| name).chain(item.metadata.keys()).take(6).cloned());
    }
    let mut unread = Vec::new();
    let mut has_source = false;
    for (field, rank, name, value) in known {
        let spare_message = field == Field::Title && rank == MESSAGE && !item.title.is_empty() && !has_body;
        let taken = match field {
            _ if spare_message => !item.body.is_empty(),
            Field::Id => item.external_id.is_some(),
            Field::Title => !item.title.is_empty(),
            Field::Body => !item.body.is_empty(),
            Field::Source => has_source,
            Field::Created => item.occurred_at.is_some(),
            Field::Url => item.url.is_some(),
            Field::Author => item.author.is_some(),
            Field::Severity => item.severity.is_some(),
            Field::Tags => !item.tags.is_empty(),
        };
        if taken {
            item.metadata.insert(name, value);
            continue;
        }
        let used = match field {
            _ if spare_message => text(&name, value).map(|text| item.body = text),
            Field::Id => {
                exact(&name, &value)?;
                text(&name, value).map(|text| item.external_id = Some(trimmed(text)))
            }
            Field::Title => text(&name, value).map(|text| item.title = text),
            Field::Body => text(&name, value).map(|text| item.body = text),
            Field::Source => text(&name, value).map(|text| {
                has_source = true;
                item.source = trimmed(text);
            }),
            Field::Created => match time::read(&value) {
                Ok(time) => {
                    warnings.extend(early(&name, &value, time));
                    item.occurred_at = Some(time);
                    Ok(())
                }
                Err(reason) => {
                    unread.push((name, value, reason));
                    continue;
                }
            },
            Field::Url => text(&name, value).map(|text| item.url = Some(trimmed(text))),
            Field::Author => named(&name, value).map(|text| item.author = Some(trimmed(text))),
            Field::Severity => {
                item.severity = severity(&value);
                if item.severity.is_some() { Ok(()) } else { Err((value, None)) }
            }
            Field::Tags => tags(&name, value).map(|tags| item.tags = tags),
        };
        if let Err((value, warning)) = used {
            item.metadata.insert(name, value);
            warnings.extend(warning);
        }
    }
    keep_unread(&mut item, unread, warnings);
    item.check().map_err(|error| match error.message() {
        none if none.starts_with("no text") => no_text(&found, warnings),
        other => format!("{other}; correct it"),
    })?;
    Ok(item)
}

/// Keeps times that could not be read: the best one as `created_at`, with a warning if no other served.
fn keep_unread(item: &mut Inbound, unread: Vec<(String, Value, time::Unread)>, warnings: &mut Vec<String>) {
    for (at, (name, value, reason)) in unread.into_iter().enumerate() {
        let mut kept = name.clone();
        if at == 0 && item.occurred_at.is_none() {
            warnings.push(format!(
                "`{}` {} {}; the report is kept without a time",
                shorten(&name),
                shorten(&value.to_string()),
                reason.reason()
            ));
            if !item.metadata.contains_key("created_at") {
                "created_at".clone_into(&mut kept);
            }
        }
        item.metadata.insert(kept, value);
    }
}

fn no_text(found: &[String], warnings: &[String]) -> String {
    let wrong = warnings.iter().find(|warning| warning.contains(" is not a text"));
    let why = match (wrong, found) {
        (Some(warning), _) => warning.clone(),
        (None, []) => "there is no name with a text".to_owned(),
        (None, found) => {
            let found: Vec<String> = found.iter().map(|name| format!("`{}`", shorten(name))).collect();
            format!("it has {}", found.join(", "))
        }
    };
    format!("no text: title and body are missing or empty ({why}); give it a `title` or a `body`")
}

/// At most 40 characters of `text`.
pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
    .replace(char::is_control, "\u{fffd}")
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong(name: &str, value: Value, wanted: &str) -> Unused {
    let warning = format!("`{}` is {}, which is not {wanted}; kept in metadata", shorten(name), kind(&value));
    (value, Some(warning))
}

fn text(name: &str, value: Value) -> Result<String, Unused> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(wrong(name, other, "a text")),
    }
}

/// Text, or the name inside an object.
fn named(name: &str, value: Value) -> Result<String, Unused> {
    let inner = value.as_object().and_then(|object| {
        ["login", "username", "name", "email"].iter().find_map(|key| object.get(*key)?.as_str())
    });
    match inner {
        Some(inner) if !inner.trim().is_empty() => Ok(inner.to_owned()),
        _ => text(name, value),
    }
}

/// Refuses an id whose digits a JSON number cannot hold: two reports would become one.
fn exact(name: &str, value: &Value) -> Result<(), String> {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.abs() >= 9_007_199_254_740_992.0 => {
            Err(format!("`{}` is a number too great to be kept exactly; write it in quotes", shorten(name)))
        }
        _ => Ok(()),
    }
}

/// Spaces at the ends are how tables are padded; anything else is for the check of ids to judge.
fn trimmed(text: String) -> String {
    let cut = text.trim_matches(' ');
    if cut.len() == text.len() { text } else { cut.to_owned() }
}

/// A small number is more likely a duration than seconds since 1970.
fn early(name: &str, value: &Value, time: DateTime<Utc>) -> Option<String> {
    (time.year() < 1973 && !value.as_str().is_some_and(|text| text.contains(['-', '/', ' ']))).then(|| {
        format!(
            "`{}` {value} is taken as seconds since 1970; write times as 2024-01-31T10:37:00Z",
            shorten(name)
        )
    })
}

fn severity(value: &Value) -> Option<Severity> {
    Severity::parse(value.as_str().or_else(|| value.get("name")?.as_str())?)
}

fn tags(name: &str, value: Value) -> Result<Vec<String>, Unused> {
    let list: Option<Vec<String>> = match &value {
        Value::String(text) => Some(text.split(',').map(str::to_owned).collect()),
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(tag).collect(),
        _ => None,
    };
    let clean = |list: Vec<String>| {
        list.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).map(str::to_owned).collect()
    };
    list.map(clean).ok_or_else(|| wrong(name, value, "a list of texts"))
}

fn tag(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        other => other.get("name")?.as_str().map(str::to_owned),
    }
}
