//! Any JSON, by a mapping of JSON pointers to fields.
//!
//! The default [`Mapping`] knows the usual names (`title`, `subject`, `description`, `severity`,
//! `created_at`, …), so that most senders work as they are. A delivery is one report, or many where `items`
//! points to a list or the body is one, or where it is JSON Lines: one object a line, blank lines passed over.
//!
//! A delivery without any text is ignored as empty; one of many without text refuses the delivery, since all
//! of its reports are kept or none. A subscription confirmation of Amazon SNS is ignored: its link is never
//! fetched.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Error, Result};

use crate::payload;
use crate::settings;
use crate::signature::{self, Auth};

mod mapping;

pub use mapping::Mapping;

const SIGNATURE: &str = "X-Signature-256";

/// Verifies and reads deliveries of any JSON.
///
/// Signed deliveries carry `X-Signature-256: sha256=<hex>`, HMAC-SHA256 over the raw body. Senders that
/// cannot sign put a secret into a header ([`Auth::HeaderSecret`]).
///
/// ```
/// use soulcaster_core::port::{Decoded, Delivery, Webhook};
/// use soulcaster_sources::generic::{GenericWebhook, Mapping};
/// use soulcaster_sources::signature::Auth;
/// let mapping = Mapping { title: vec!["/what".into()], items: Some("/rows".into()), ..Mapping::default() };
/// let source = GenericWebhook::new("forms", Auth::AllowUnsigned, mapping)?;
/// let body = br#"{"rows": [{"what": "Cannot log in", "id": 1}, {"what": "Slow search", "id": 2}]}"#;
/// let delivery = Delivery { body: body.to_vec(), ..Delivery::default() };
/// let Decoded::Reports(reports) = source.decode(&delivery, Default::default())? else { panic!() };
/// assert_eq!(reports[1].title, "Slow search");
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GenericWebhook {
    name: String,
    auth: Auth,
    mapping: Mapping,
}

impl GenericWebhook {
    /// Makes a source of that `name`, which its items carry.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work.
    pub fn new(name: impl Into<String>, auth: Auth, mapping: Mapping) -> Result<Self> {
        let name = name.into();
        settings::check_source(&name)?;
        auth.check(&name)?;
        mapping.check(&name)?;
        Ok(Self { name, auth, mapping })
    }

    fn many_lines(&self, lines: &[&[u8]], delivery: &Delivery, strength: AuthStrength) -> Result<Decoded> {
        if lines.len() > MAX_LINES {
            return Err(payload::invalid(format!("the body holds more than {MAX_LINES} lines")));
        }
        let mut items = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let value = payload::read(line).map_err(|error| entry(index, &error))?.unwrap_or_default();
            items.push(item(&self.mapping, &self.name, &value).map_err(|error| entry(index, &error))?);
        }
        payload::reports(items, delivery, strength, || Some(lines.to_vec()))
    }
}

/// Most lines of a delivery.
const MAX_LINES: usize = 10_000;

/// The lines of a body that has one JSON object on its first line and more below, without blank ones.
fn json_lines(body: &[u8]) -> Option<Vec<&[u8]>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut lines = body.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (first, second) = (lines.next()?, lines.next()?);
    let whole = first.starts_with(b"{") && first.ends_with(b"}") && payload::read(first).is_ok();
    whole.then(|| [first, second].into_iter().chain(lines).collect())
}

/// One report of many, which has to have text.
fn item(mapping: &Mapping, source: &str, value: &Value) -> Result<Inbound> {
    let item = mapping.item(source, value)?;
    if item.has_text() {
        Ok(item)
    } else {
        Err(payload::invalid("no text: title and body are missing or empty"))
    }
}

/// What is wrong with one report of many.
fn entry(index: usize, error: &Error) -> Error {
    payload::invalid(format!("entry {index}: {}", error.message()))
}

impl Webhook for GenericWebhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn decode(&self, delivery: &Delivery, _now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let header = signature::required(delivery, SIGNATURE)?;
            let hex = signature::strip(header, "sha256=", SIGNATURE)?;
            signature::hmac_sha256_hex(secrets, &[&delivery.body], SIGNATURE, &[hex])
        })?;
        if self.mapping.items.is_none()
            && let Some(lines) = json_lines(&delivery.body)
        {
            return self.many_lines(&lines, delivery, strength);
        }
        let Some(value) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        let kind = value.get("Type").and_then(Value::as_str);
        if let Some(kind @ ("SubscriptionConfirmation" | "UnsubscribeConfirmation")) = kind
            && value.get("TopicArn").is_some()
        {
            return Ok(payload::not_a_report(kind));
        }
        decoded(&self.mapping, &self.name, &value, None, delivery, strength)
    }
}

/// Makes the reports of a body; `id` is for the one report that has none of its own.
pub(crate) fn decoded(
    mapping: &Mapping,
    source: &str,
    value: &Value,
    id: Option<&str>,
    delivery: &Delivery,
    strength: AuthStrength,
) -> Result<Decoded> {
    let list = match &mapping.items {
        Some(pointer) => Some((pointer.as_str(), value.pointer(pointer))),
        None => value.is_array().then_some(("", Some(value))),
    };
    let Some((pointer, list)) = list else {
        if !value.is_object() {
            return Err(payload::invalid("the body is neither an object nor a list"));
        }
        let mut item = mapping.item(source, value)?;
        item.external_id = item.external_id.or_else(|| id.map(str::to_owned));
        return Ok(payload::report(item, delivery, strength));
    };
    let Some(Value::Array(list)) = list else {
        return Err(payload::invalid(format!("{pointer} is not a list")));
    };
    let items = list.iter().enumerate();
    let items =
        items.map(|(index, value)| item(mapping, source, value).map_err(|error| entry(index, &error)));
    let items = items.collect::<Result<Vec<_>>>()?;
    payload::reports(items, delivery, strength, || payload::slices(&delivery.body, pointer))
}

#[cfg(test)]
mod tests;
