//! What every store checks in the same words before it applies a commit.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::port::store::{Change, Expect, Key, Write};

/// Checks that `writes` make a commit: no key twice, no empty JSON.
///
/// # Errors
/// `Invalid` with the key.
pub fn check(writes: &[Write]) -> Result<()> {
    let mut keys = HashSet::with_capacity(writes.len());
    for Write { key, change, .. } in writes {
        let Key { collection, id } = key;
        if !keys.insert(key) {
            return Err(Error::invalid(
                "store.commit",
                format!("{collection} {id} occurs twice in one commit"),
            ));
        }
        if matches!(change, Change::Put(document) if document.json.is_empty()) {
            return Err(Error::invalid("store.commit", format!("{collection} {id} has no JSON")));
        }
    }
    Ok(())
}

/// Checks what a write expects against the version that is there.
///
/// # Errors
/// `Conflict` with the key and what was found.
pub fn expect(key: &Key, expect: Expect, found: Option<u64>) -> Result<()> {
    let Key { collection, id } = key;
    let message = match (expect, found) {
        (Expect::Any, _) | (Expect::Absent, None) => return Ok(()),
        (Expect::Version(version), Some(found)) if version == found => return Ok(()),
        (Expect::Absent, Some(_)) => format!("{collection} {id} exists already"),
        (Expect::Version(_), None) => format!("{collection} {id} is no longer there; read it again"),
        (Expect::Version(version), Some(found)) => {
            format!(
                "{collection} {id} was changed by another (version {found}, not {version}); read it again"
            )
        }
    };
    Err(Error::conflict("store.commit", message))
}
