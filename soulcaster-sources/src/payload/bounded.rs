//! A JSON value that is built within bounds.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use soulcaster_core::{Error, Result};

use super::READ;

const MAX_DEPTH: usize = 64;
const MAX_VALUES: usize = 50_000;
const MAX_ENTRIES: usize = 10_000;
const MAX_KEY: usize = 256;

/// Parses `body`; where it holds half a surrogate pair, with U+FFFD in its place.
pub(super) fn parse(body: &[u8]) -> Result<Value> {
    attempt(body)
        .or_else(|error| match error.is_syntax().then(|| mended(body)).flatten() {
            Some(body) => attempt(&body),
            None => Err(error),
        })
        .map_err(|error| {
            // The parser's own words name a place and a rule, never the text.
            let what = if error.is_data() { limit_of(&error) } else { "is not JSON" };
            let (line, column) = (error.line(), error.column());
            Error::invalid(READ, format!("the body {what} at line {line} column {column}"))
        })
}

fn attempt(body: &[u8]) -> serde_json::Result<Value> {
    let count = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value = Bounded { depth: 0, count: &count }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

const LIMITS: [&str; 5] = [
    "goes deeper than 64 levels",
    "holds more than 50000 values",
    "holds a list of more than 10000 entries",
    "holds a key of more than 256 bytes",
    "holds a key twice in one object",
];

fn limit_of(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    LIMITS.iter().find(|limit| text.starts_with(**limit)).copied().unwrap_or("is not JSON")
}

struct Bounded<'a> {
    depth: usize,
    count: &'a Cell<usize>,
}

impl Bounded<'_> {
    fn deeper<E: serde::de::Error>(&self) -> std::result::Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(LIMITS[0]));
        }
        Ok(Self { depth: self.depth + 1, count: self.count })
    }

    fn counted<E: serde::de::Error>(&self, value: Value) -> std::result::Result<Value, E> {
        self.count.set(self.count.get() + 1);
        if self.count.get() > MAX_VALUES { Err(E::custom(LIMITS[1])) } else { Ok(value) }
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> std::result::Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<Value, E> {
        self.counted(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> std::result::Result<Value, E> {
        self.counted(Value::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> std::result::Result<Value, E> {
        self.counted(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> std::result::Result<Value, E> {
        self.counted(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Value, E> {
        self.counted(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> std::result::Result<Value, E> {
        self.counted(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> std::result::Result<Value, E> {
        self.counted(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element_seed(self.deeper()?)? {
            if list.len() >= MAX_ENTRIES {
                return Err(A::Error::custom(LIMITS[2]));
            }
            list.push(value);
        }
        self.counted(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key.len() > MAX_KEY {
                return Err(A::Error::custom(LIMITS[3]));
            }
            if object.contains_key(&key) {
                return Err(A::Error::custom(LIMITS[4]));
            }
            let value = map.next_value_seed(self.deeper()?)?;
            object.insert(key, value);
        }
        self.counted(Value::Object(object))
    }
}

/// The body with every `\uD800`-`\uDFFF` that has no partner made `\ufffd`; `None` when there is none.
fn mended(body: &[u8]) -> Option<Vec<u8>> {
    let unit = |at: usize| -> Option<u16> {
        let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let (mut mended, mut at) = (None, 0);
    while at < body.len() {
        if body[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                mended.get_or_insert_with(|| body.to_vec())[at..at + 6].copy_from_slice(b"\\ufffd");
                at += 6;
            }
            Some(_) => at += 6,
            None => at += 2, // an escape of one character, such as an escaped backslash
        }
    }
    mended
}
