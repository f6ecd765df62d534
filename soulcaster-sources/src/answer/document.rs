//! The outer shape of a document; what is inside is left as it came.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::payload;

/// An object or a list.
pub(crate) struct Document<'a> {
    whole: &'a str,
    shape: Shape<'a>,
}

enum Shape<'a> {
    List(Vec<&'a RawValue>),
    Object(BTreeMap<String, &'a RawValue>),
}

impl<'a> Document<'a> {
    /// Reads the shape of `body`, or gives the place where it is no JSON, or neither object nor list.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, String> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let whole = std::str::from_utf8(body).map_err(|e| format!("byte {}", e.valid_up_to()))?.trim();
        let shape = if whole.starts_with('[') {
            serde_json::from_str(whole).map(Shape::List)
        } else {
            serde_json::from_str(whole).map(Shape::Object)
        };
        // Without the source: it may show what the server sent.
        let shape = shape.map_err(|e| format!("line {} column {}", e.line(), e.column()))?;
        Ok(Self { whole, shape })
    }

    /// The document as one element.
    pub(crate) fn whole(&self) -> Vec<&'a str> {
        vec![self.whole]
    }

    /// Its elements, when it is a list.
    pub(crate) fn list(&self) -> Option<Vec<&'a str>> {
        match &self.shape {
            Shape::List(list) => Some(list.iter().map(|raw| raw.get()).collect()),
            Shape::Object(_) => None,
        }
    }

    /// The bytes of a member, unless it is null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        match &self.shape {
            Shape::List(_) => None,
            Shape::Object(members) => members.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null"),
        }
    }

    /// A member.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        payload::read(self.raw(name)?.as_bytes()).ok().flatten()
    }

    /// A member that is a text, unless it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.raw(name)?).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// A member that is a document.
    pub(crate) fn inner(&self, name: &str) -> Option<Document<'a>> {
        Self::read(self.raw(name)?.as_bytes()).ok()
    }

    /// The elements of a member that is a list, or the member itself when it is an object.
    pub(crate) fn elements(&self, name: &str) -> Option<Vec<&'a str>> {
        let inner = self.inner(name)?;
        Some(inner.list().unwrap_or_else(|| inner.whole()))
    }

    /// The names of the members, in their order; none for a list.
    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.shape {
            Shape::List(_) => Vec::new(),
            Shape::Object(members) => members.keys().map(String::as_str).collect(),
        }
    }
}
