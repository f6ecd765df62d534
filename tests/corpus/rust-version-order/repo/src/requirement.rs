use std::cmp::Ordering;

use crate::version::{ParseError, Version};

/// What versions will do: `1.2.3` exactly, `^1.2.3` compatible, `>=1.2.3` at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    Exact(Version),
    Compatible(Version),
    AtLeast(Version),
}

impl Requirement {
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if let Some(rest) = text.strip_prefix(">=") {
            return rest.trim().parse().map(Self::AtLeast);
        }
        match text.strip_prefix('^') {
            Some(rest) => rest.trim().parse().map(Self::Compatible),
            None => text.trim().parse().map(Self::Exact),
        }
    }

    /// Whether a version will do.
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Exact(wanted) => version.precedence(wanted) == Ordering::Equal,
            Self::AtLeast(least) => version.precedence(least) != Ordering::Less,
            Self::Compatible(least) => {
                let same = if least.major > 0 {
                    version.major == least.major
                } else {
                    (version.major, version.minor) == (0, least.minor)
                };
                same && version.precedence(least) != Ordering::Less
            }
        }
    }
}
