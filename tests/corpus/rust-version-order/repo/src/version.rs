use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A version such as `1.4.0-rc.1+build5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    /// Dot-separated; empty for a release.
    pub pre: String,
    /// Says nothing about the order.
    pub build: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError(pub String);

impl FromStr for Version {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fault = || ParseError(text.to_owned());
        let (rest, build) = text.split_once('+').unwrap_or((text, ""));
        let (core, pre) = rest.split_once('-').unwrap_or((rest, ""));
        let numbers: Vec<u64> =
            core.split('.').map(|part| part.parse().map_err(|_| fault())).collect::<Result<_, _>>()?;
        let &[major, minor, patch] = numbers.as_slice() else { return Err(fault()) };
        let legal = |part: &str| part.split('.').all(|word| !word.is_empty() && word.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-'));
        if (rest.contains('-') && !legal(pre)) || (text.contains('+') && !legal(build)) {
            return Err(fault());
        }
        Ok(Self { major, minor, patch, pre: pre.to_owned(), build: build.to_owned() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(out, "-{}", self.pre)?;
        }
        if !self.build.is_empty() {
            write!(out, "+{}", self.build)?;
        }
        Ok(())
    }
}

impl Version {
    /// Which of two versions came first.
    pub fn precedence(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch, &self.pre, &self.build)
            .cmp(&(other.major, other.minor, other.patch, &other.pre, &other.build))
    }

    pub fn is_release(&self) -> bool {
        self.pre.is_empty()
    }
}
