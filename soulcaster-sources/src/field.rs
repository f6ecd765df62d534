//! What several vendors' deliveries have in common: many reports in one, names of things, settings.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Decoded, Delivery, Ignored};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use crate::payload::{self, cut};
use crate::signature::Auth;

/// Longest text that is copied into the metadata of each report of a delivery.
const MAX_NOTE: usize = 1024;
/// Most bytes that the reports of one delivery keep of it as a whole.
const MAX_RAW: usize = 4 << 20;

/// The members at `pointer`, in order of their names; none when it is no object.
pub(crate) fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = value.pointer(pointer).and_then(Value::as_object);
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// `parts` under each other with a blank line between them; blank and repeated ones left out.
pub(crate) fn paragraphs<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in parts.into_iter().map(str::trim) {
        if !part.is_empty() && !kept.contains(&part) {
            kept.push(part);
        }
    }
    kept.join("\n\n")
}

/// A title made of a body: its first line, at most 200 bytes.
pub(crate) fn title_of(body: &str) -> String {
    cut(&payload::first_line(body), 200)
}

/// Adds the tag `name:value` if there is a value.
pub(crate) fn named_tag(tags: &mut Vec<String>, name: &str, value: Option<String>) {
    payload::tag(tags, value.map(|value| format!("{name}:{value}")));
}

/// Keeps `value` under `name` if there is one, cut to a length that any number of reports may carry.
pub(crate) fn note(metadata: &mut Map<String, Value>, name: &str, value: Option<String>) {
    payload::note(metadata, name, value.map(|value| cut(&value, MAX_NOTE)));
}

/// A stable name for `parts`: 32 hex digits.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The reports of a delivery of many; those without text are left out.
///
/// Each keeps the whole delivery, or, where that would be too much for their number, the bytes of its own
/// part; `parts` gives those, one for each of `items` in order.
///
/// # Errors
/// `Invalid` when `parts` gives none, or another number.
pub(crate) fn reports<'a>(
    items: Vec<Inbound>,
    delivery: &'a Delivery,
    strength: AuthStrength,
    parts: impl FnOnce() -> Option<Vec<&'a [u8]>>,
) -> Result<Decoded> {
    let (body, count) = (delivery.body.as_slice(), items.len());
    let raws = if count <= 1 || count.saturating_mul(body.len()) <= MAX_RAW {
        vec![body; count]
    } else {
        let parts = parts().filter(|parts| parts.len() == count);
        parts.ok_or_else(|| payload::invalid("the parts of the body cannot be told apart"))?
    };
    let kept = items.into_iter().zip(raws).filter(|(item, _)| item.has_text());
    let reports: Vec<Inbound> = kept
        .map(|(mut item, raw)| {
            item.auth_strength = strength;
            item.raw_payload = Some(raw.to_vec());
            item
        })
        .collect();
    Ok(if reports.is_empty() { Decoded::Ignored(Ignored::Empty) } else { Decoded::Reports(reports) })
}

/// Checks the credential of a source that signs nothing.
///
/// # Errors
/// `Invalid` when there is none, or when it is for signatures.
pub(crate) fn check_unsigned(auth: &Auth, source: &str) -> Result<()> {
    if matches!(auth, Auth::Signed { .. }) {
        let message = format!("{source}: deliveries are not signed; use a header secret");
        return Err(Error::invalid("webhook.check", message));
    }
    auth.check(source)
}

/// The scheme of a source that signs nothing.
///
/// # Errors
/// Always `Unauthorized`.
pub(crate) fn no_scheme(_: &[Secret]) -> Result<AuthStrength> {
    Err(Error::new(ErrorKind::Unauthorized, "webhook.verify", "this source has no signatures"))
}

/// Checks a list of names that a source keeps to.
///
/// # Errors
/// `Invalid` when one is blank.
pub(crate) fn check_names(names: Option<&Vec<String>>, setting: &str) -> Result<()> {
    if names.is_some_and(|names| names.iter().any(|name| name.trim().is_empty())) {
        return Err(Error::invalid("webhook.check", format!("{setting} holds a blank name")));
    }
    Ok(())
}

/// Checks how far a signed timestamp may lie from now: a second to a day.
///
/// # Errors
/// `Invalid` for anything else.
pub(crate) fn check_tolerance(seconds: i64, source: &str) -> Result<()> {
    if (1..=86_400).contains(&seconds) {
        return Ok(());
    }
    let message = format!("{source}: tolerance_seconds must be 1 to 86400, not {seconds}");
    Err(Error::invalid("webhook.check", message))
}
