//! What model calls cost.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::ProjectId;
use crate::port::agent::Spend;
use crate::port::store::Record;

/// One call of a language model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UsageEvent {
    /// Its id.
    pub id: String,
    /// The project that it was for.
    pub project_id: ProjectId,
    /// What it was for, such as `plan`.
    pub task: String,
    /// The model.
    pub model: String,
    /// The job it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What it took.
    pub spend: Spend,
    /// When it ended.
    pub at: DateTime<Utc>,
}

impl Record for UsageEvent {
    const COLLECTION: &'static str = "usage";
    fn key(&self) -> String {
        self.id.clone()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("day", self.at.format("%Y-%m-%d").to_string())]
    }
    fn sort(&self) -> i64 {
        self.at.timestamp_micros()
    }
}

/// The most that model calls of a project may take; without a limit as much as they take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Ceilings {
    /// Millionths of a US dollar a day (UTC).
    pub micro_usd_per_day: Option<u64>,
    /// Millionths of a US dollar a calendar month (UTC).
    pub micro_usd_per_month: Option<u64>,
    /// Tokens a day (UTC).
    pub tokens_per_day: Option<u64>,
}
