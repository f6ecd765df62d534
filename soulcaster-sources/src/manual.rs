//! Reports that people or scripts write by hand.
//!
//! `{"title", "body" or "text", "external_id", "author", "url", "severity", "tags", "occurred_at",
//! "updated_at", "metadata"}`: a title or a body is required, the rest is optional. A body alone gives the
//! title: its first line, up to 80 characters. One report, a list of them, or `{"items": [...]}`; all are
//! kept or none.
//!
//! A known field of the wrong type is refused with its name; other fields become metadata. A `project_id` is
//! dropped: the project comes from the credential.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Webhook};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::payload;
use crate::signature::{self, Auth};

const SIGNATURE: &str = "X-Signature-256";

/// Longest title that is made of a body, in characters.
const TITLE: usize = 80;

/// Verifies and reads reports written by hand.
///
/// ```
/// use soulcaster_core::port::{Decoded, Delivery, Webhook};
/// use soulcaster_sources::manual::ManualWebhook;
/// use soulcaster_sources::signature::Auth;
/// let manual = ManualWebhook::new(Auth::AllowUnsigned)?;
/// let delivery = Delivery { body: br#"{"text": "Export hangs\nat 99 %"}"#.to_vec(), ..Delivery::default() };
/// let Decoded::Reports(reports) = manual.decode(&delivery, Default::default())? else { panic!() };
/// assert_eq!(reports[0].title, "Export hangs");
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ManualWebhook {
    auth: Auth,
}

impl ManualWebhook {
    /// Makes the source.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work.
    pub fn new(auth: Auth) -> Result<Self> {
        auth.check("manual")?;
        Ok(Self { auth })
    }
}

impl Webhook for ManualWebhook {
    fn name(&self) -> &str {
        "manual"
    }

    fn decode(&self, delivery: &Delivery, _now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let header = signature::required(delivery, SIGNATURE)?;
            let hex = signature::strip(header, "sha256=", SIGNATURE)?;
            signature::hmac_sha256_hex(secrets, &[&delivery.body], SIGNATURE, &[hex])
        })?;
        let Some(value) = payload::read(&delivery.body)? else {
            return Err(payload::invalid("the body is empty; send a title or a body as JSON"));
        };
        let (pointer, list) = match &value {
            Value::Array(list) => ("", list.as_slice()),
            Value::Object(object) => match object.get("items") {
                Some(Value::Array(list)) => ("/items", list.as_slice()),
                _ => {
                    return Ok(payload::report(report(object)?, delivery, strength));
                }
            },
            _ => return Err(payload::invalid("the body is neither an object nor a list")),
        };
        let mut items = Vec::with_capacity(list.len());
        for (index, entry) in list.iter().enumerate() {
            let Some(object) = entry.as_object() else {
                return Err(payload::invalid(format!("entry {index} is not an object")));
            };
            let item = report(object);
            items.push(item.map_err(|e| payload::invalid(format!("entry {index}: {}", e.message())))?);
        }
        payload::reports(items, delivery, strength, || payload::slices(&delivery.body, pointer))
    }
}

fn report(object: &Map<String, Value>) -> Result<Inbound> {
    let mut item = Inbound::new("manual", "");
    for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
        let wrong = |what: &str| Error::new(ErrorKind::Invalid, "webhook.read", format!("{name} {what}"));
        let text = || value.as_str().ok_or_else(|| wrong("is not text"));
        match name.as_str() {
            "title" => item.title = payload::one_line(&payload::clean(text()?)),
            "body" => item.body = payload::clean(text()?),
            "text" if object.get("body").is_none_or(Value::is_null) => item.body = payload::clean(text()?),
            "external_id" | "id" => {
                let id = payload::id(value, "").map_err(|_| wrong("is neither text nor a whole number"))?;
                item.external_id =
                    if name == "id" { item.external_id.or(id) } else { id.or(item.external_id) };
            }
            "author" => item.author = Some(payload::one_line(text()?)).filter(|author| !author.is_empty()),
            "url" => match text()?.trim() {
                "" => {}
                _ => item.url = Some(payload::url(value, "").ok_or_else(|| wrong("is not a web address"))?),
            },
            "severity" => {
                let word = "is not one of info, low, medium, high, critical";
                item.severity = Some(Severity::parse(text()?).ok_or_else(|| wrong(word))?);
            }
            "tags" => {
                let list = value.as_array().ok_or_else(|| wrong("is not a list of texts"))?;
                for tag in list {
                    let tag = payload::one_line(tag.as_str().ok_or_else(|| wrong("is not a list of texts"))?);
                    payload::tag(&mut item.tags, Some(tag).filter(|tag| !tag.is_empty()));
                }
            }
            "occurred_at" | "created_at" | "updated_at" => {
                let time = crate::time::read(value).map_err(|unread| wrong(unread.reason()))?;
                if name == "updated_at" {
                    item.updated_at = Some(time);
                } else {
                    item.occurred_at = Some(time);
                }
            }
            "metadata" => {
                let facts = value.as_object().ok_or_else(|| wrong("is not an object"))?;
                item.metadata.extend(facts.clone());
            }
            "source" | "project_id" => {}
            _ => {
                item.metadata.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    if item.title.is_empty() {
        let line = payload::first_line(&item.body);
        item.title = line.chars().take(TITLE).collect();
    }
    item.check()?;
    Ok(item)
}

#[cfg(test)]
mod tests;
