//! The one error type of all Soulcaster crates.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an [`Error`].
///
/// | kind | HTTP | exit code | meaning |
/// | --- | --- | --- | --- |
/// | `Invalid` | 400 | 2 | the input is wrong; mend it |
/// | `Unauthorized` | 401 | 1 | no or wrong credential |
/// | `QuotaExceeded` | 402 | 1 | a limit that money or patience lifts |
/// | `NotFound` | 404 | 1 | no such thing in this project |
/// | `Conflict` | 409 | 1 | somebody else changed it, or it contradicts what is there |
/// | `TooLarge` | 413 | 1 | over a stated limit |
/// | `RateLimited` | 429 | 1 | try later |
/// | `Unavailable` | 503 | 1 | a store, disk or service cannot answer now |
/// | `Full` | 507 | 1 | the disk is full; make room |
/// | `Unexpected` | 500 | 1 | a fault; report it |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input is wrong; mend it.
    Invalid,
    /// No credential, or a wrong one.
    Unauthorized,
    /// A limit of the plan or budget is reached.
    QuotaExceeded,
    /// No such thing in this project.
    NotFound,
    /// Somebody else changed it first, or it contradicts what is there.
    Conflict,
    /// Over a stated size limit.
    TooLarge,
    /// Too many requests; try later.
    RateLimited,
    /// A store, disk or service cannot answer now.
    Unavailable,
    /// The disk is full; make room.
    Full,
    /// A fault of this program or of a service.
    Unexpected,
}

impl ErrorKind {
    /// The HTTP status that stands for this kind.
    #[must_use]
    pub fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorized => 401,
            Self::QuotaExceeded => 402,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::TooLarge => 413,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
            Self::Full => 507,
            Self::Unexpected => 500,
        }
    }

    /// The exit code of a command that fails with this kind: 2 when the command itself is wrong, else 1.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        if self == Self::Invalid { 2 } else { 1 }
    }
}

/// What went wrong, where, and what a caller can do about it.
///
/// `operation` names the part that failed (`sqlite.commit`), `message` the thing and, where there is one,
/// the remedy. Neither ever holds a secret or the text of a report.
///
/// ```
/// use soulcaster_core::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::NotFound, "clusters.show", "no cluster c4 in project default");
/// assert_eq!(error.to_string(), "clusters.show: no cluster c4 in project default");
/// assert_eq!(error.kind().http_status(), 404);
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct Error {
    kind: ErrorKind,
    operation: &'static str,
    message: String,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind` in `operation`.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        Self { kind, operation, message: message.into(), retry_after: None, source: None }
    }

    /// Shorthand for [`ErrorKind::Invalid`].
    #[must_use]
    pub fn invalid(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, operation, message)
    }

    /// Shorthand for [`ErrorKind::NotFound`].
    #[must_use]
    pub fn not_found(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, operation, message)
    }

    /// Shorthand for [`ErrorKind::Conflict`].
    #[must_use]
    pub fn conflict(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, operation, message)
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says how long whoever failed wants to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What a caller can do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The part that failed, as `area.verb`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What happened, without the operation.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
    /// How long to wait before trying again, where whoever failed has said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
