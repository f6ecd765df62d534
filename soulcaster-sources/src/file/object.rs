//! One JSON object, and why bytes are none.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::row::shorten;

/// Why bytes are not an object.
#[derive(Debug, Default)]
pub(super) struct Fault {
    reason: String,
    /// Line, from 1, and column of broken JSON.
    place: Option<(usize, usize)>,
}

impl Fault {
    fn plain(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), place: None }
    }

    /// The reason for a text that starts in line `number`.
    pub(super) fn describe(&self, number: usize) -> String {
        match self.place {
            None => self.reason.clone(),
            Some((..=1, column)) => {
                format!("broken JSON at column {column}: {}; mend or remove it", self.reason)
            }
            Some((line, column)) => {
                let line = number + line - 1;
                format!("broken JSON at line {line}, column {column}: {}; mend or remove it", self.reason)
            }
        }
    }
}

/// What is said of a report over the limit.
pub(super) fn too_long(size: usize, limit: usize) -> String {
    format!("longer than the limit: {size} bytes, at most {limit}; split the report or raise the limit")
}

/// What is said of bytes that are not UTF-8; the place counts from 1.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        format!("byte {} is 0x{:02x}, which is not UTF-8; save the file as UTF-8", at + 1, bytes[at])
    })
}

/// Parses an object, and says which of its names occur twice.
pub(super) fn object(bytes: &[u8]) -> Result<(Map<String, Value>, Vec<String>), Fault> {
    let text = utf8(bytes).map_err(Fault::plain)?;
    let error = match serde_json::from_str::<Object>(text) {
        Ok(object) => return Ok((object.values, object.warnings)),
        Err(error) => error,
    };
    if !text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        let kind = match text.trim_start().as_bytes().first() {
            Some(b'[') => "an array",
            Some(b'"') => "a text",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        };
        return Err(Fault::plain(format!(
            "this is {kind}, not a JSON object; write a report as {{\"title\": …}}"
        )));
    }
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        return Err(Fault::plain(format!("byte {} is a NUL; remove it", at + 1)));
    }
    let reason = error.to_string();
    if reason.starts_with("recursion limit") {
        return Err(Fault::plain("nested more than 127 levels deep; flatten it"));
    }
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    Err(Fault { reason: reason.to_owned(), place: Some((error.line(), error.column())) })
}

#[derive(Default)]
struct Object {
    values: Map<String, Value>,
    warnings: Vec<String>,
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if object.values.contains_key(&name) && object.warnings.len() < MAX_WARNINGS {
                object
                    .warnings
                    .push(format!("`{}` occurs more than once; its last value is kept", shorten(&name)));
            }
            object.values.insert(name, value);
        }
        Ok(object)
    }
}

/// Most names that are told to occur twice.
const MAX_WARNINGS: usize = 8;
