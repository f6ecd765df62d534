//! Reads the JSON of a stranger: bounded, exact, and without surprises for what is made of it.
//!
//! - Bounds: [`MAX_BODY`] bytes, 64 levels, 50,000 values, 10,000 entries a list, 256 bytes a key.
//! - A key twice in one object is refused, so that no two readers of a delivery can see different things.
//! - Numbers that JSON programs disagree about are never rounded into an id; half a surrogate pair becomes
//!   U+FFFD; a byte order mark is skipped.
//! - Accessors take a JSON pointer and give nothing for what is missing or of another type.
//! - Text loses NUL and the other control characters (line breaks and tabs stay in bodies, become blanks in
//!   titles) and is cut at 256 KiB with a mark, also where it is put together of several. What was sent stays as
//!   it was in `raw_payload`; [`raw`] has the rule.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::port::{Decoded, Delivery, Ignored};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::time as clock;

mod bounded;
mod form;
mod raw;
mod slices;

pub(crate) use form::{field as form_field, fields as form_fields};
pub(crate) use raw::{report, reports};
pub(crate) use slices::slices;

/// Longest body that any source reads.
pub(crate) const MAX_BODY: usize = 25 * 1024 * 1024;

/// Longest text that is kept, in bytes.
const MAX_TEXT: usize = 256 * 1024;

/// Longest id, in bytes. An external id is made of up to three.
const MAX_ID: usize = 256;

/// Most tags that an item gets.
const MAX_TAGS: usize = 100;

const READ: &str = "webhook.read";

/// Checks the size of a body before anything else is done with it.
///
/// # Errors
/// `TooLarge`.
pub(crate) fn check_size(delivery: &Delivery) -> Result<()> {
    if delivery.body.len() > MAX_BODY {
        return Err(Error::new(ErrorKind::TooLarge, READ, format!("the body is over {MAX_BODY} bytes")));
    }
    Ok(())
}

/// Reads the body; `None` when it is empty.
///
/// # Errors
/// `Invalid` when it is not JSON or not within the bounds; the message holds a place and no text of the body.
pub(crate) fn read(body: &[u8]) -> Result<Option<Value>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    bounded::parse(body).map(Some)
}

/// An error for a delivery that is not what the vendor sends.
pub(crate) fn invalid(reason: impl Into<String>) -> Error {
    Error::invalid(READ, reason)
}

/// Text of several lines; empty when there is none. Numbers count as text.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).map(text_of).unwrap_or_default()
}

/// As [`text`], of the value itself.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Text in one line; empty when there is none.
pub(crate) fn line(value: &Value, pointer: &str) -> String {
    one_line(&text(value, pointer))
}

/// One line, or `None` when it is empty.
pub(crate) fn word(value: &Value, pointer: &str) -> Option<String> {
    Some(line(value, pointer)).filter(|text| !text.is_empty())
}

/// The first of several pointers that leads to a line.
pub(crate) fn first_word(value: &Value, pointers: &[&str]) -> Option<String> {
    pointers.iter().find_map(|pointer| word(value, pointer))
}

/// An id: text without control characters, or a whole number. `None` when it is missing, null or empty.
///
/// # Errors
/// `Invalid` for a number that cannot be kept exactly, an overlong text or another type.
pub(crate) fn id(value: &Value, pointer: &str) -> Result<Option<String>> {
    let id = match value.pointer(pointer) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) if number.is_u64() || number.is_i64() => number.to_string(),
        Some(Value::Number(_)) => {
            return Err(invalid(format!("{pointer} is a number that cannot be kept exactly")));
        }
        Some(Value::String(text)) => {
            let text: String = text.chars().filter(|c| !c.is_control()).collect();
            text.trim().to_owned()
        }
        Some(_) => return Err(invalid(format!("{pointer} is neither text nor a number"))),
    };
    if id.len() > MAX_ID {
        return Err(invalid(format!("{pointer} is longer than {MAX_ID} bytes")));
    }
    Ok(Some(id).filter(|id| !id.is_empty()))
}

/// An id that has to be there.
///
/// # Errors
/// `Invalid` as for [`id`], and when it is missing.
pub(crate) fn required_id(value: &Value, pointer: &str) -> Result<String> {
    id(value, pointer)?.ok_or_else(|| invalid(format!("{pointer} is missing")))
}

/// A link that may be shown: `http` or `https`, without blanks and control characters.
pub(crate) fn url(value: &Value, pointer: &str) -> Option<String> {
    let text = value.pointer(pointer)?.as_str()?.trim();
    let (scheme, rest) = text.split_once("://")?;
    let web = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    (web && plain && !rest.is_empty() && text.len() <= 2048).then(|| text.to_owned())
}

/// A time in any form that [`clock::read`] knows.
pub(crate) fn time(value: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    clock::read(value.pointer(pointer)?).ok()
}

/// A list; empty when there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The lines at `inner` of each entry of a list, without blanks and repetitions.
pub(crate) fn words(value: &Value, pointer: &str, inner: &str) -> Vec<String> {
    let mut words = Vec::new();
    list(value, pointer).iter().for_each(|entry| tag(&mut words, word(entry, inner)));
    words
}

/// Adds a tag unless it is empty or there already.
pub(crate) fn tag(tags: &mut Vec<String>, word: Option<String>) {
    if let Some(word) = word
        && tags.len() < MAX_TAGS
    {
        let word = cut(&word, 256);
        if !tags.contains(&word) {
            tags.push(word);
        }
    }
}

/// Adds what a vendor said beside the known fields, if it did.
pub(crate) fn note(metadata: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        metadata.insert(name.to_owned(), value.into());
    }
}

/// The first line that holds text.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().map(one_line).find(|line| !line.is_empty()).unwrap_or_default()
}

/// Everything in one line, blanks made single.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Without control characters other than line breaks and tabs, and no longer than is kept.
pub(crate) fn clean(text: &str) -> String {
    let keep = |c: &char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.len() <= MAX_TEXT {
        return text.chars().filter(keep).collect();
    }
    let end = text.floor_char_boundary(MAX_TEXT);
    let mut cut: String = text[..end].chars().filter(keep).collect();
    cut.push_str("\n[cut]");
    cut
}

/// At most `limit` bytes of it.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    text[..text.floor_char_boundary(limit)].to_owned()
}

/// An authentic event that no report is made of.
pub(crate) fn unknown(event: &str) -> Decoded {
    let event = cut(&one_line(event), 100);
    Decoded::Ignored(Ignored::UnknownEvent { event: if event.is_empty() { "unnamed".into() } else { event } })
}

/// A known event about something that is no report.
pub(crate) fn not_a_report(what: &str) -> Decoded {
    Decoded::Ignored(Ignored::NotAReport { what: cut(&one_line(what), 100) })
}

/// What the settings leave out.
pub(crate) fn filtered(setting: &str) -> Decoded {
    Decoded::Ignored(Ignored::Filtered { setting: setting.to_owned() })
}

#[cfg(test)]
mod tests;
