//! When to pull a source again.
//!
//! Back-off with full jitter: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::pull::PullState;

/// Seconds from one round to the next: the fewest and the most there may be.
const INTERVALS: std::ops::RangeInclusive<u64> = 60..=7 * 24 * 3600;
/// No back-off is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// When to pull a source again.
///
/// ```
/// use chrono::{DateTime, TimeDelta, Utc};
/// use soulcaster_core::engine::Schedule;
/// use soulcaster_core::model::PullState;
///
/// let now = DateTime::<Utc>::UNIX_EPOCH;
/// let state = PullState { is_done: true, last_success: Some(now), ..PullState::new("reddit") };
/// assert_eq!(Schedule::default().next_at(&state, 0.5), now + TimeDelta::minutes(5));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// From the end of one round to the next, in seconds.
    pub interval_seconds: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { interval_seconds: 300 }
    }
}

impl Schedule {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for an interval under a minute or over a week.
    pub fn check(&self) -> Result<()> {
        if INTERVALS.contains(&self.interval_seconds) {
            return Ok(());
        }
        let (least, most) = INTERVALS.into_inner();
        let message = format!("interval_seconds is {least} to {most}, not {}", self.interval_seconds);
        Err(Error::invalid("schedule.check", message))
    }

    /// When a source in `state` is to be pulled again; a time in the past means at once.
    ///
    /// Where there are more pages that is when the last one was kept, and otherwise an interval later. After
    /// failures it is a part `jitter`, from 0 to 1 and at random, of a span that begins with a second, doubles
    /// with each failure and ends at 15 minutes. The source's own word is kept in any case.
    #[must_use]
    pub fn next_at(&self, state: &PullState, jitter: f64) -> DateTime<Utc> {
        let failure = state.last_failure.as_ref().filter(|_| state.failures > 0);
        let (from, wait) = match (failure, state.last_success) {
            (Some(failure), _) => (failure.at, backoff(state.failures, jitter)),
            (None, Some(success)) if state.is_done => (success, Duration::from_secs(self.interval_seconds)),
            (None, success) => (success.unwrap_or_default(), Duration::ZERO),
        };
        let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        let due = from.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC);
        state.not_before.map_or(due, |time| due.max(time))
    }
}

/// A part `jitter` of a span that doubles with each of `failures`, counted from 1.
fn backoff(failures: u32, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let jitter = if jitter.is_nan() { 1.0 } else { jitter.clamp(0.0, 1.0) };
    Duration::from_secs(1 << doublings).min(LONGEST_BACKOFF).mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_772_366_400, 0).unwrap()
    }

    fn failed(times: u32, wait: Option<u64>) -> PullState {
        let mut state = PullState::new("s");
        state.succeed(Some("c".into()), true, Duration::ZERO, now() - TimeDelta::hours(1));
        let error = Error::new(ErrorKind::Unavailable, "test", "down");
        let error = match wait {
            Some(wait) => error.with_retry_after(Duration::from_secs(wait)),
            None => error,
        };
        (0..times).for_each(|_| state.fail(&error, now()));
        state
    }

    fn wait(state: &PullState, jitter: f64) -> i64 {
        (Schedule::default().next_at(state, jitter) - now()).num_milliseconds()
    }

    #[test]
    fn never_pulled_is_due() {
        assert!(Schedule::default().next_at(&PullState::new("s"), 1.0) < now());
    }

    #[test]
    fn more_pages_come_at_once_and_rounds_at_the_interval() {
        for (is_done, pause, expected) in
            [(false, 0, 0), (true, 0, 300), (false, 7, 7), (true, 7, 300), (true, 900, 900)]
        {
            let mut state = failed(3, Some(10_000));
            state.succeed(None, is_done, Duration::from_secs(pause), now());
            assert_eq!(wait(&state, 1.0), expected * 1000, "{is_done} {pause}");
            assert_eq!(state.failures, 0);
        }
    }

    #[test]
    fn backoff_doubles_up_to_a_quarter_of_an_hour() {
        let waits: Vec<i64> =
            [1, 2, 3, 10, 11, 12, 40].iter().map(|n| wait(&failed(*n, None), 1.0) / 1000).collect();
        assert_eq!(waits, [1, 2, 4, 512, 900, 900, 900]);
        assert_eq!(backoff(u32::MAX, 1.0), LONGEST_BACKOFF);
    }

    #[test]
    fn jitter_is_full() {
        let state = failed(9, None);
        assert_eq!((wait(&state, 0.0), wait(&state, 0.5), wait(&state, 1.0)), (0, 128_000, 256_000));
        assert_eq!((wait(&state, f64::NAN), wait(&state, -3.0), wait(&state, 9.0)), (256_000, 0, 256_000));
    }

    #[test]
    fn word_of_the_source_is_kept_up_to_a_day() {
        assert_eq!(wait(&failed(1, Some(17)), 1.0), 17_000);
        assert_eq!(wait(&failed(9, Some(17)), 1.0), 256_000, "a server that is down says little");
        assert_eq!(wait(&failed(1, Some(u64::MAX)), 1.0), 86_400_000);
    }

    #[test]
    fn intervals_have_bounds() {
        for (seconds, holds) in [(0, false), (59, false), (60, true), (604_800, true), (604_801, false)] {
            assert_eq!(Schedule { interval_seconds: seconds }.check().is_ok(), holds, "{seconds}");
        }
        assert!(Schedule::default().check().is_ok());
    }
}
