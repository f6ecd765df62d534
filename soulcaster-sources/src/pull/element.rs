//! Elements of a list, read one by one.

use chrono::{DateTime, Datelike, Utc};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::Rejected;

/// What a page holds.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) items: Vec<Inbound>,
    pub(super) rejected: Vec<Rejected>,
    /// The time of each element that could be read, also of those that no report is made of.
    pub(super) times: Vec<Option<DateTime<Utc>>>,
}

impl Listing {
    /// Reads each element with `report`, which gives none for what is no report or left out, and a reason for
    /// what cannot be read. `time` tells where the element stands in the list's order.
    pub(super) fn read(
        elements: &[&RawValue],
        auth_strength: AuthStrength,
        time: impl Fn(&Value) -> Option<DateTime<Utc>>,
        report: impl Fn(&Value) -> Result<Option<Inbound>, String>,
    ) -> Self {
        let mut listing = Self::default();
        for (index, raw) in elements.iter().enumerate() {
            let raw = raw.get();
            let read = serde_json::from_str::<Value>(raw).map_err(|_| "is nested too deeply".to_owned());
            let read = read.and_then(|value| {
                listing.times.push(time(&value));
                let Some(mut inbound) = report(&value)? else { return Ok(None) };
                inbound.auth_strength = auth_strength;
                inbound.raw_payload = Some(raw.as_bytes().to_vec());
                inbound.check().map_err(|e| e.message().to_owned())?;
                Ok(Some(inbound))
            });
            match read {
                Ok(inbound) => listing.items.extend(inbound),
                Err(reason) => listing.rejected.push(Rejected { index, reason }),
            }
        }
        listing
    }
}

/// Lenient access: what is absent or of another type is absent.
pub(super) trait Fields {
    /// A text that is not empty.
    fn text(&self, pointer: &str) -> Option<&str>;
    /// A text or a whole number, as a text that is not empty.
    fn word(&self, pointer: &str) -> Option<String>;
    /// A time: RFC 3339, or seconds or milliseconds since 1970 as a number or a text.
    fn time(&self, pointer: &str) -> Option<DateTime<Utc>>;
    /// The elements of an array.
    fn list(&self, pointer: &str) -> &[Value];
    /// [`word`](Self::word), or why there is none.
    fn id(&self, pointer: &str) -> Result<String, String>;
    /// What there is at `pointers`, but for nulls, empty texts and empty lists.
    fn pick(&self, pointers: &[(&str, &str)]) -> Map<String, Value>;
}

impl Fields for Value {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    fn word(&self, pointer: &str) -> Option<String> {
        match self.pointer(pointer)? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Value::Number(number) if !number.is_f64() => Some(number.to_string()),
            _ => None,
        }
    }

    fn time(&self, pointer: &str) -> Option<DateTime<Utc>> {
        let time = match self.pointer(pointer)? {
            Value::String(text) => match DateTime::parse_from_rfc3339(text) {
                Ok(time) => time.with_timezone(&Utc),
                Err(_) => epoch(text.parse().ok()?)?,
            },
            Value::Number(number) => epoch(number.as_f64()?)?,
            _ => return None,
        };
        (1970..=2200).contains(&time.year()).then_some(time)
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn id(&self, pointer: &str) -> Result<String, String> {
        self.word(pointer)
            .ok_or_else(|| format!("has no {}", pointer.trim_start_matches('/').replace('/', ".")))
    }

    fn pick(&self, pointers: &[(&str, &str)]) -> Map<String, Value> {
        let picked = pointers.iter().filter_map(|(name, pointer)| {
            let value = self.pointer(pointer)?;
            let empty = match value {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                _ => false,
            };
            (!empty).then(|| ((*name).to_owned(), value.clone()))
        });
        picked.collect()
    }
}

/// A time in seconds, or in milliseconds when it is too great for seconds.
fn epoch(number: f64) -> Option<DateTime<Utc>> {
    if !number.is_finite() || number < 0.0 {
        return None;
    }
    let millis = if number < 1e11 { number * 1e3 } else { number };
    (millis < 1e15).then(|| DateTime::from_timestamp_millis(millis.round() as i64)).flatten()
}

/// The texts in `values`.
pub(super) fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for text in values.into_iter().filter_map(Value::as_str).filter(|text| !text.trim().is_empty()) {
        if !texts.iter().any(|known| known == text) {
            texts.push(text.to_owned());
        }
    }
    texts
}

/// How bad a review with so many stars is: one is critical, five are for information.
pub(super) fn stars(value: Option<&Value>) -> Option<Severity> {
    Some(match value?.as_u64()? {
        1 => Severity::Critical,
        2 => Severity::High,
        3 => Severity::Medium,
        4 => Severity::Low,
        5 => Severity::Info,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_of_another_type_are_absent() {
        let value = json!({"a": 7, "b": "x", "c": null, "d": "", "e": [1], "f": 1.5, "g": "  "});
        assert_eq!((value.text("/a"), value.text("/b"), value.text("/d")), (None, Some("x"), None));
        assert_eq!(value.word("/a").as_deref(), Some("7"));
        assert_eq!((value.word("/f"), value.word("/e"), value.word("/g")), (None, None, None));
        assert_eq!(value.id("/h/i"), Err("has no h.i".into()));
        assert_eq!(value.list("/a").len() + value.list("/e").len(), 1);
        let picked = value.pick(&[("one", "/a"), ("two", "/c"), ("three", "/d"), ("four", "/x")]);
        assert_eq!(Value::Object(picked), json!({"one": 7}));
    }

    #[test]
    fn times_are_read_in_the_forms_of_vendors() {
        let value = json!([
            "2024-05-02T07:14:22-07:00",
            1714659262,
            1714659262.0,
            1714659262000u64,
            "1714659262",
            "1714659262000",
            "soon",
            -1,
            1e300,
            "9999-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            null,
            true,
            "inf",
            "nan"
        ]);
        for index in 0..6 {
            let time = value.time(&format!("/{index}")).unwrap();
            assert_eq!(time.to_rfc3339(), "2024-05-02T14:14:22+00:00", "{index}");
        }
        for index in 6..15 {
            assert_eq!(value.time(&format!("/{index}")), None, "{index}");
        }
    }

    #[test]
    fn one_bad_element_leaves_the_others() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let body = format!(
            r#"[{{"id": "1", "t": "x"}}, {deep}, {{"t": "y"}}, {{"id": "2"}}, {{ "id":3,"t":"z" }}]"#
        );
        let elements: Vec<&RawValue> = serde_json::from_str(&body).unwrap();
        let listing = Listing::read(
            &elements,
            AuthStrength::SharedSecret,
            |_| None,
            |value| {
                Ok(Some(
                    Inbound::new("test", value.text("/t").unwrap_or_default()).external_id(value.id("/id")?),
                ))
            },
        );
        let ids: Vec<_> = listing.items.iter().filter_map(|item| item.external_id.as_deref()).collect();
        assert_eq!(ids, ["1", "3"]);
        assert_eq!(listing.items[1].raw_payload.as_deref(), Some(br#"{ "id":3,"t":"z" }"#.as_slice()));
        assert_eq!(listing.items[1].auth_strength, AuthStrength::SharedSecret);
        let rejected: Vec<_> = listing.rejected.iter().map(|r| (r.index, r.reason.as_str())).collect();
        assert_eq!(rejected[..2], [(1, "is nested too deeply"), (2, "has no id")]);
        assert_eq!((rejected[2].0, rejected.len()), (3, 3));
    }

    proptest::proptest! {
        #[test]
        fn any_number_is_a_time_or_not(number: f64, text in "[0-9eE.+:TZ-]{0,30}") {
            let _ = json!([number]).time("/0");
            let _ = json!([text]).time("/0");
        }
    }
}
