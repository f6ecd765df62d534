//! How far a source has been pulled.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::port::store::Record;

/// No source's word keeps a caller waiting for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Why a pull failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PullFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// What can be done about it.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
}

/// How far a source has been pulled, and how that went. It changes in the commit that keeps the reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PullState {
    /// The source.
    pub source_id: String,
    /// Where the next fetch goes on; absent for the beginning.
    pub cursor: Option<String>,
    /// Whether the last successful fetch came to the end.
    pub is_done: bool,
    /// When reports were last fetched and kept, were it none.
    pub last_success: Option<DateTime<Utc>>,
    /// What failed last, also when it has worked since.
    pub last_failure: Option<PullFailure>,
    /// Failures since the last success.
    pub failures: u32,
    /// Until when the source wants to be left alone.
    pub not_before: Option<DateTime<Utc>>,
}

impl PullState {
    /// The state of a source that has never been pulled.
    #[must_use]
    pub fn new(source_id: impl Into<String>) -> Self {
        Self { source_id: source_id.into(), ..Self::default() }
    }

    /// Notes that a fetch at `now` failed. The cursor stays.
    pub fn fail(&mut self, error: &Error, now: DateTime<Utc>) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure =
            Some(PullFailure { at: now, kind: error.kind(), message: error.message().to_owned() });
        self.not_before = error.retry_after().map(|wait| after(now, wait));
    }

    /// Notes that a fetch at `now` came to `cursor` and is kept.
    pub(crate) fn succeed(
        &mut self,
        cursor: Option<String>,
        is_done: bool,
        wait: Duration,
        now: DateTime<Utc>,
    ) {
        (self.cursor, self.is_done, self.failures) = (cursor, is_done, 0);
        self.last_success = Some(now);
        self.not_before = (!wait.is_zero()).then(|| after(now, wait));
    }
}

fn after(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    let wait = TimeDelta::from_std(wait.min(LONGEST_WAIT)).unwrap_or_default();
    now.checked_add_signed(wait).unwrap_or(now)
}

impl Record for PullState {
    const COLLECTION: &'static str = "cursor";
    fn key(&self) -> String {
        self.source_id.clone()
    }
}
