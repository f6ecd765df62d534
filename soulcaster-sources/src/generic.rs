//! Any JSON, by a mapping of JSON pointers to fields.
//!
//! The default [`Mapping`] knows the usual names (`title`, `subject`, `description`, `severity`,
//! `created_at`, …), so that most senders work as they are. A delivery is one report, or many where `items`
//! points to a list or the body is one. Each of many keeps its own bytes of the delivery as its raw payload,
//! one alone the whole body.
//!
//! A delivery without any text is ignored as empty; one of many without text refuses the delivery, since all
//! of its reports are kept or none. A subscription confirmation of Amazon SNS is ignored: its link is never
//! fetched.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload;
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
        check_name(&name)?;
        auth.check(&name)?;
        mapping.check(&name)?;
        Ok(Self { name, auth, mapping })
    }
}

/// Checks the name that items carry as their source.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
        return Err(payload::invalid("name of the source must be 1 to 128 bytes without control characters"));
    }
    Ok(())
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
    let slices = payload::slices(&delivery.body, pointer).filter(|slices| slices.len() == list.len());
    let mut items = Vec::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        let place =
            |error: soulcaster_core::Error| payload::invalid(format!("entry {index}: {}", error.message()));
        let mut item = mapping.item(source, entry).map_err(place)?;
        if !item.has_text() {
            return Err(payload::invalid(format!(
                "entry {index}: no text: title and body are missing or empty"
            )));
        }
        item.auth_strength = strength;
        item.raw_payload = Some(slices.as_ref().map_or(&delivery.body[..], |slices| slices[index]).to_vec());
        items.push(item);
    }
    Ok(if items.is_empty() { Decoded::Ignored(Ignored::Empty) } else { Decoded::Reports(items) })
}

#[cfg(test)]
mod tests;
