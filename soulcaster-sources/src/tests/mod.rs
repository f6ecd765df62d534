//! What holds for every vendor's deliveries.

pub(crate) mod fuzz;
mod hostile;
mod order;
mod raw;
mod signatures;
mod signing;
mod values;

use serde_json::{Value, json};
use soulcaster_core::port::{Decoded, Webhook};

use crate::fixture::{bytes, files, now, sent};
use crate::signature::Auth;
use crate::vendor::{VENDORS, webhook};

/// A reader of each vendor that takes what anybody sends.
fn open() -> Vec<(&'static str, Box<dyn Webhook>)> {
    VENDORS.map(|vendor| (vendor, webhook(vendor, Auth::AllowUnsigned).unwrap())).into()
}

/// The recorded deliveries of a vendor; none for what people write by hand.
fn recorded(vendor: &str) -> Vec<String> {
    if vendor == "manual" { Vec::new() } else { files(vendor) }
}

/// The recorded deliveries that become reports, as JSON, the shortest first.
fn samples(vendor: &str, webhook: &dyn Webhook) -> Vec<Value> {
    if vendor == "manual" {
        return vec![
            json!({"title": "t", "body": "b", "external_id": "1", "author": "a", "url": "https://x.example",
            "severity": "high", "tags": ["x"], "occurred_at": "2024-01-01T00:00:00Z", "metadata": {"a": 1}}),
        ];
    }
    let bodies = recorded(vendor).into_iter().map(|file| bytes(&file));
    let read =
        bodies.filter(|body| matches!(webhook.decode(&sent(body.clone()), now()), Ok(Decoded::Reports(_))));
    let mut samples: Vec<Value> = read.filter_map(|body| serde_json::from_slice(&body).ok()).collect();
    samples.sort_by_key(|value| value.to_string().len());
    samples
}

fn sample(vendor: &str, webhook: &dyn Webhook) -> Value {
    samples(vendor, webhook).remove(0)
}

/// Every place in a JSON value.
fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (name, inner) in members {
                    walk(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(index, inner)| walk(inner, &format!("{at}/{index}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}
