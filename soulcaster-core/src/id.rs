//! Identifiers: newtypes over strings, and the rule that makes them.
//!
//! Ids are derived from content by SHA-256, never from a clock or a random source, so the same input gives
//! the same ids in Rust, Python and Node, on every machine.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One report inside its project.
    FeedbackId
);
id!(
    /// One group of reports inside its project. Survives re-clustering.
    ClusterId
);
id!(
    /// One correction that binds later runs, such as `k3`.
    ConstraintId
);
id!(
    /// One entry of a project's timeline, such as `e12`.
    EventId
);

/// A project: the wall between tenants. Comes from a credential or the command line, never from a payload.
///
/// ```
/// use soulcaster_core::ProjectId;
/// assert!(ProjectId::new("mobile-app").is_ok());
/// assert!(ProjectId::new("").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "schema",
    schema(description = "The name of a project, without blanks.", min_length = 1, max_length = 128)
)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectId(String);

impl ProjectId {
    /// Checks and makes a project id: 1 to 128 characters, none of them a control character or a blank, the
    /// first not `_`.
    ///
    /// # Errors
    /// `Invalid` with the reason.
    pub fn new(id: impl Into<String>) -> Result<Self> {
        let id = Self::restore(id)?;
        if id.0.starts_with('_') {
            return Err(Error::invalid("project.id", "a project id does not begin with an underscore"));
        }
        Ok(id)
    }

    /// Takes back the id of a project that a store keeps: also of the engine's own, which begins with `_`.
    ///
    /// # Errors
    /// `Invalid` with the reason.
    pub fn restore(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        let length = id.chars().count();
        if length == 0 || length > 128 {
            return Err(Error::invalid(
                "project.id",
                format!("a project id has 1 to 128 characters, not {length}"),
            ));
        }
        if id.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Error::invalid("project.id", "a project id has no blanks or control characters"));
        }
        Ok(Self(id))
    }

    /// Where records live that belong to no project, such as keys. [`ProjectId::new`] refuses its name, so no user
    /// can give it.
    #[must_use]
    pub fn system() -> Self {
        Self("_system".to_owned())
    }

    /// Reads a project id from a record that may belong to the engine itself.
    pub(crate) fn stored<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        Self::restore(String::deserialize(from)?).map_err(serde::de::Error::custom)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProjectId {
    type Error = Error;
    fn try_from(id: String) -> Result<Self> {
        Self::new(id)
    }
}

impl From<ProjectId> for String {
    fn from(id: ProjectId) -> Self {
        id.0
    }
}

impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A short name for `parts`: the first `length` (at most 51) letters of the base-32 form of a SHA-256 over
/// the length-prefixed parts. Five bits a letter; the alphabet has no `i`, `l`, `o`, `u` (Crockford).
pub fn digest(parts: &[&[u8]], length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let bytes = hasher.finalize();
    let mut out = String::with_capacity(52);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in bytes {
        bits = (bits << 8) | u32::from(byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            out.push(ALPHABET[((bits >> held) & 31) as usize] as char);
        }
        bits &= (1 << held) - 1;
    }
    out.truncate(length);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_separates_parts_and_is_stable() {
        assert_ne!(digest(&[b"ab", b"c"], 16), digest(&[b"a", b"bc"], 16));
        assert_eq!(digest(&[b"ab"], 16).len(), 16);
        assert_eq!(digest(&[b"soulcaster"], 16), digest(&[b"soulcaster"], 16));
    }

    #[test]
    fn project_ids_are_checked() {
        for bad in ["", "a b", "a\nb", "\u{7}", "_system"] {
            assert!(ProjectId::new(bad).is_err(), "{bad:?}");
        }
        assert!(ProjectId::new("x".repeat(129)).is_err());
        assert!(serde_json::from_str::<ProjectId>("\"a b\"").is_err());
    }
}
