//! The operations of an OpenAPI document, and requests made from them.

use serde_json::{Map, Value, json};

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) method: String,
    /// With its parameters in braces.
    pub(super) path: String,
    /// Whether it asks for a key.
    pub(super) secured: bool,
    query: Vec<String>,
    body: Option<Value>,
    /// The schemas of the document.
    schemas: Value,
}

impl Operation {
    /// Every operation of the document.
    pub(super) fn all(document: &Value) -> Vec<Self> {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
                let query = parameters.iter().filter(|p| p["in"] == "query");
                let open = described["security"].as_array().is_some_and(|s| s.contains(&json!({})));
                operations.push(Self {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    secured: !open,
                    query: query.map(|p| p["name"].as_str().unwrap().to_owned()).collect(),
                    body: described.pointer("/requestBody/content/application~1json/schema").cloned(),
                    schemas: document["components"]["schemas"].clone(),
                });
            }
        }
        operations
    }

    /// Whether it may change something.
    pub(super) fn changes(&self) -> bool {
        self.method != "GET"
    }

    /// Whether its path names something of a project.
    pub(super) fn named(&self) -> bool {
        self.path.contains('{') && self.path != "/ingest/{vendor}"
    }

    pub(super) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// The path with `id` for every parameter, and a body with `other` for every text.
    pub(super) fn aimed(&self, id: &str, other: &str) -> (String, Option<Value>) {
        self.filled(&[id, other, other, other], true)
    }

    /// The path with the first value for its first parameter and the second for others, a query of the third, and a
    /// body of the fourth.
    pub(super) fn filled(&self, values: &[&str], with_query: bool) -> (String, Option<Value>) {
        let mut parts = Vec::new();
        let mut given = [values[0], values[1]].into_iter().chain(std::iter::repeat(values[1]));
        for part in self.path.split('/') {
            parts.push(match part {
                "{vendor}" => "manual",
                named if named.starts_with('{') => given.next().unwrap(),
                plain => plain,
            });
        }
        let mut path = parts.join("/");
        if with_query && !self.query.is_empty() {
            let value = |name: &str| match name {
                "limit" => "1000",
                "singles" => "true",
                // The values of these are enumerated, and `unsure` would hide what is sure.
                "sort" | "status" | "severity" | "unsure" => "",
                _ => values[2],
            };
            let query =
                self.query.iter().map(|name| (name, value(name))).filter(|(_, value)| !value.is_empty());
            // All at once would mostly be refused for the cursor; `q` is there alone.
            let some: Vec<String> = query.map(|(name, value)| format!("{name}={value}")).collect();
            let at = values[2].len() % some.len();
            let chosen =
                if self.query.iter().any(|name| name == "q") { some.join("&") } else { some[at].clone() };
            path = format!("{path}?{chosen}");
        }
        (path, self.body.as_ref().map(|schema| self.body_of(schema, values[3], 0)))
    }

    /// A value of that schema with `text` wherever a text may be.
    fn body_of(&self, schema: &Value, text: &str, depth: usize) -> Value {
        if depth > 8 {
            return Value::Null;
        }
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap();
            return self.body_of(&self.schemas[name], text, depth + 1);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[text.len() % values.len()].clone();
        }
        for any in ["oneOf", "anyOf", "allOf"] {
            if let Some(some) = schema[any].as_array() {
                let some: Vec<&Value> = some.iter().filter(|s| s["type"] != "null").collect();
                return self.body_of(some[text.len() % some.len()], text, depth + 1);
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("string") => text.into(),
            Some("boolean") => true.into(),
            Some("integer" | "number") => 1.into(),
            Some("array") => json!([self.body_of(&schema["items"], text, depth + 1)]),
            Some("object") => {
                let none = Map::new();
                let properties = schema["properties"].as_object().unwrap_or(&none).iter();
                let members = properties.map(|(name, s)| (name.clone(), self.body_of(s, text, depth + 1)));
                Value::Object(members.collect())
            }
            // Anything: a report.
            _ => json!({"text": text, "title": text, "id": text, "project_id": text}),
        }
    }
}
