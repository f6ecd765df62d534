//! Whether JSON is what a schema says, for the part of JSON Schema that prompts use.

use serde_json::{Map, Value};

/// Checks `value` against `schema`.
///
/// Of JSON Schema it knows `type` (one or a list), `enum`, `properties`, `required`, `additionalProperties: false`,
/// `items`, `minItems`, `maxItems`, `minLength`, `maxLength` (in characters), `minimum` and `maximum`; other words say
/// nothing.
///
/// # Errors
/// The first fault, with its place, fit to be told to whoever wrote the JSON: names of properties are those of the
/// schema, and values are not repeated.
///
/// ```
/// use serde_json::json;
/// use soulcaster_core::engine::conform::conform;
/// let schema = json!({"type": "object", "required": ["title"], "properties": {"title": {"maxLength": 5}}});
/// assert_eq!(conform(&json!({"title": "short"}), &schema), Ok(()));
/// assert_eq!(conform(&json!({"title": "longer"}), &schema), Err("$.title is longer than 5 characters".into()));
/// ```
pub fn conform(value: &Value, schema: &Value) -> Result<(), String> {
    at("$", value, schema)
}

fn at(place: &str, value: &Value, schema: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    let refuse = |why: String| Err(format!("{place} {why}"));
    if let Some(kind) = schema.get("type") {
        let kinds: Vec<&str> = kind.as_array().map_or_else(
            || kind.as_str().into_iter().collect(),
            |kinds| kinds.iter().filter_map(Value::as_str).collect(),
        );
        if !kinds.iter().any(|kind| is_of(value, kind)) {
            return refuse(format!("is not of the type {}", kinds.join(" or ")));
        }
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        return refuse("is none of the allowed values".into());
    }
    let bound = |word: &str| schema.get(word).and_then(Value::as_u64);
    match value {
        Value::String(text) => {
            let length = text.chars().count() as u64;
            match (bound("minLength"), bound("maxLength")) {
                (_, Some(most)) if length > most => refuse(format!("is longer than {most} characters")),
                (Some(least), _) if length < least => refuse(format!("is shorter than {least} characters")),
                _ => Ok(()),
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let bound = |word: &str| schema.get(word).and_then(Value::as_f64);
            match (bound("minimum"), bound("maximum")) {
                (Some(least), _) if number < least => refuse(format!("is less than {least}")),
                (_, Some(most)) if number > most => refuse(format!("is more than {most}")),
                _ => Ok(()),
            }
        }
        Value::Array(items) => {
            let count = items.len() as u64;
            match (bound("minItems"), bound("maxItems")) {
                (_, Some(most)) if count > most => return refuse(format!("has more than {most} items")),
                (Some(least), _) if count < least => return refuse(format!("has fewer than {least} items")),
                _ => {}
            }
            let Some(schema) = schema.get("items") else { return Ok(()) };
            items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| at(&format!("{place}[{index}]"), item, schema))
        }
        Value::Object(fields) => object(place, fields, schema),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn object(place: &str, fields: &Map<String, Value>, schema: &Map<String, Value>) -> Result<(), String> {
    let empty = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            return Err(format!("{place} has no {name}"));
        }
    }
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    if closed && fields.keys().any(|name| !known.contains_key(name)) {
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        return Err(format!("{place} has a property other than {}", names.join(", ")));
    }
    known.iter().try_for_each(|(name, schema)| match fields.get(name) {
        Some(value) => at(&format!("{place}.{name}"), value, schema),
        None => Ok(()),
    })
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["a", "c"],
            "additionalProperties": false,
            "properties": {
                "a": {"type": "string", "minLength": 1, "maxLength": 3},
                "b": {"type": ["integer", "null"], "minimum": -2, "maximum": 5},
                "c": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"enum": ["x", "y"]}},
            },
        })
    }

    #[test]
    fn faults_are_named_by_their_place() {
        for (value, fault) in [
            (json!({"a": "x", "c": ["x"]}), None),
            (json!({"a": "日本語", "b": null, "c": ["x", "y"]}), None),
            (json!([]), Some("$ is not of the type object")),
            (json!({"a": "x"}), Some("$ has no c")),
            (json!({"a": "", "c": ["x"]}), Some("$.a is shorter than 1 characters")),
            (json!({"a": "wxyz", "c": ["x"]}), Some("$.a is longer than 3 characters")),
            (json!({"a": "x", "b": 6, "c": ["x"]}), Some("$.b is more than 5")),
            (json!({"a": "x", "b": -3, "c": ["x"]}), Some("$.b is less than -2")),
            (json!({"a": "x", "b": 1.5, "c": ["x"]}), Some("$.b is not of the type integer or null")),
            (json!({"a": "x", "c": []}), Some("$.c has fewer than 1 items")),
            (json!({"a": "x", "c": ["x", "x", "x"]}), Some("$.c has more than 2 items")),
            (json!({"a": "x", "c": ["x", "evil"]}), Some("$.c[1] is none of the allowed values")),
            (json!({"a": "x", "c": ["x"], "evil": 1}), Some("$ has a property other than a, b, c")),
        ] {
            assert_eq!(conform(&value, &schema()).err().as_deref(), fault, "{value}");
        }
    }

    proptest! {
        #[test]
        fn it_says_what_a_whole_implementation_says(
            a in prop_oneof![Just(json!(1)), "[a-zé]{0,5}".prop_map(Value::from)],
            b in prop_oneof![
                Just(Value::Null),
                (-4i64..8).prop_map(Value::from),
                Just(json!(1.5)),
                Just(json!(true)),
            ],
            c in prop::collection::vec(prop::sample::select(vec!["x", "y", "z"]), 0..4),
            leave in 0usize..4,
            more in any::<bool>(),
        ) {
            let mut value = json!({"a": a, "b": b, "c": c});
            if let Some(name) = ["a", "b", "c"].get(leave) {
                value.as_object_mut().unwrap().remove(*name);
            }
            if more {
                value["d"] = json!(0);
            }
            let whole = jsonschema::validator_for(&schema()).unwrap();
            prop_assert_eq!(conform(&value, &schema()).is_ok(), whole.is_valid(&value), "{}", value);
        }
    }
}
