//! What the fields of several vendors have in common, and sources that sign nothing.

use std::collections::HashSet;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use soulcaster_core::model::AuthStrength;
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use crate::payload::{self, cut};
use crate::settings;
use crate::signature::Auth;

/// Longest text that is copied into the metadata of each report of a delivery.
const MAX_NOTE: usize = 1024;

/// The members at `pointer`, in order of their names; none when it is no object.
pub(crate) fn members<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let members = value.pointer(pointer).and_then(Value::as_object);
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// `parts` under each other with a blank line between them; blank and repeated ones left out.
pub(crate) fn paragraphs<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut seen = HashSet::new();
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty() && seen.insert(*part));
    parts.collect::<Vec<_>>().join("\n\n")
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

/// Checks the credential of a source that signs nothing.
///
/// # Errors
/// `Invalid` when there is none, or when it is for signatures.
pub(crate) fn check_unsigned(auth: &Auth, source: &str) -> Result<()> {
    if matches!(auth, Auth::Signed { .. }) {
        return Err(settings::refused(source, "deliveries are not signed; use a header secret"));
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
