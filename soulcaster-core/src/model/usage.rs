//! What model calls cost.

use chrono::{DateTime, Datelike, Days, Months, NaiveTime, Utc};
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
        vec![("day", Period::Day.key(self.at)), ("month", Period::Month.key(self.at))]
    }
    fn sort(&self) -> i64 {
        self.at.timestamp_micros()
    }
}

/// A stretch of time that [`Ceilings`] are for, by UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// A day.
    Day,
    /// A calendar month.
    Month,
}

impl Period {
    /// The one that `at` lies in, such as `2026-03-01` or `2026-03`.
    #[must_use]
    pub fn key(self, at: DateTime<Utc>) -> String {
        let format = match self {
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
        };
        at.format(format).to_string()
    }

    /// When the one that `at` lies in is over.
    #[must_use]
    pub fn end(self, at: DateTime<Utc>) -> DateTime<Utc> {
        let day = at.date_naive();
        let next = match self {
            Self::Day => day.checked_add_days(Days::new(1)),
            Self::Month => day.with_day(1).and_then(|first| first.checked_add_months(Months::new(1))),
        };
        next.map_or(DateTime::<Utc>::MAX_UTC, |next| next.and_time(NaiveTime::MIN).and_utc())
    }
}

/// The most that model calls of a project may take; without a limit as much as they take. There is one a project.
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

impl Record for Ceilings {
    const COLLECTION: &'static str = "ceilings";
    fn key(&self) -> String {
        "settings".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_with_the_day_and_the_month() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let last = at("2027-12-31T23:59:59.5Z");
        assert_eq!((Period::Day.key(last), Period::Month.key(last)), ("2027-12-31".into(), "2027-12".into()));
        assert_eq!(Period::Day.end(last), at("2028-01-01T00:00:00Z"));
        assert_eq!(Period::Month.end(last), at("2028-01-01T00:00:00Z"));
        assert_eq!(Period::Month.end(at("2028-02-01T00:00:00Z")), at("2028-03-01T00:00:00Z"));
        assert_eq!(Period::Day.end(DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MAX_UTC);
    }
}
