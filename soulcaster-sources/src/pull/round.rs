//! A round: from the newest report, or the end of a window, back to where the last round began.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use soulcaster_core::{Error, ErrorKind, Result};

use super::client::{Failure, Step};
use super::clock::before;

/// How often in a round a lost place is taken up from the start.
const MAX_RESETS: u8 = 3;

/// Where a round is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Round {
    /// Everything up to here has been read, but for what shows up late.
    pub(super) mark: Option<DateTime<Utc>>,
    /// The mark once this round is through.
    pub(super) top: Option<DateTime<Utc>>,
    /// The server's name for the next page; absent at the start of a round.
    pub(super) page: Option<String>,
    /// Pages read in this round.
    pub(super) pages: u32,
    /// Other names for the next page, the best last, for when the server has lost the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) spare: Vec<String>,
    /// How often it was taken up from its start.
    pub(super) resets: u8,
}

impl Round {
    /// Back to when this round reads.
    pub(super) fn floor(&self, overlap: Duration) -> Option<DateTime<Utc>> {
        self.mark.map(|mark| before(mark, overlap))
    }

    pub(super) fn is_start(&self) -> bool {
        self.page.is_none()
    }

    /// Takes a page that lists newest first, with the times in it. The round ends with the page that reaches
    /// below the floor, or when there is no `next` one. Says whether it goes on.
    ///
    /// # Errors
    /// Like [`proceed`](Self::proceed).
    pub(super) fn descend(
        &mut self,
        times: &[Option<DateTime<Utc>>],
        next: Option<String>,
        overlap: Duration,
        now: DateTime<Utc>,
        operation: &'static str,
    ) -> Result<bool> {
        if self.is_start() {
            // A time in the future would hide what comes until then.
            self.top = times.iter().flatten().max().map(|newest| (*newest).min(now));
        }
        let last = times.iter().flatten().next_back();
        let through = last.zip(self.floor(overlap)).is_some_and(|(last, floor)| *last < floor);
        self.proceed(next.filter(|_| !through), operation)
    }

    /// Goes to the `next` page, or ends the round without one. Says whether it goes on.
    ///
    /// # Errors
    /// `Unexpected` when the server keeps naming the page that was just read.
    pub(super) fn proceed(&mut self, next: Option<String>, operation: &'static str) -> Result<bool> {
        self.pages = self.pages.saturating_add(1);
        self.spare.clear();
        match next {
            None => self.finish(),
            Some(next) if self.page.as_ref() == Some(&next) => {
                if !self.restart() {
                    let what = "the server names the page just read as the next one; try again later";
                    return Err(Error::new(ErrorKind::Unexpected, operation, what));
                }
            }
            next => self.page = next,
        }
        Ok(!self.is_start() || self.resets > 0)
    }

    /// Ends the round.
    pub(super) fn finish(&mut self) {
        *self = Self { mark: self.mark.max(self.top), ..Self::default() };
    }

    /// Takes the round up from its start; not when that did not help before.
    pub(super) fn restart(&mut self) -> bool {
        let again = self.resets < MAX_RESETS;
        if again {
            *self = Self { mark: self.mark, resets: self.resets + 1, ..Self::default() };
        }
        again
    }

    /// Takes the round up from its start when the server does not know the page any more.
    pub(super) fn recover(&mut self, failure: Failure) -> Result<Step> {
        let lost = matches!(failure.error.kind(), ErrorKind::Invalid | ErrorKind::NotFound);
        if !self.is_start() && lost && self.restart() {
            return Ok(Step { more: true, ..Step::default() });
        }
        Err(failure.error)
    }

    /// Takes another name for the page that the server has lost, or else takes the round up from its start.
    pub(super) fn fall_back(&mut self) -> bool {
        let spare = self.spare.pop();
        let found = spare.is_some();
        if found {
            self.page = spare;
        }
        found || self.restart()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(1_700_000_000 + 60 * minute, 0)
    }

    fn descend(round: &mut Round, minutes: &[i64], next: Option<&str>) -> bool {
        let times: Vec<_> = minutes.iter().map(|minute| at(*minute)).collect();
        let now = at(1000).unwrap();
        round.descend(&times, next.map(str::to_owned), Duration::from_secs(600), now, "test").unwrap()
    }

    #[test]
    fn mark_is_the_newest_of_the_first_page_once_the_round_is_through() {
        let mut round = Round::default();
        assert!(descend(&mut round, &[50, 40], Some("b")));
        assert!(descend(&mut round, &[60, 30], Some("c")), "moved while it was read");
        assert_eq!(round.mark, None);
        assert!(!descend(&mut round, &[20], None));
        assert_eq!((round.mark, round.page.as_deref(), round.pages), (at(50), None, 0));
    }

    #[test]
    fn round_reads_down_to_the_overlap() {
        let mut round = Round { mark: at(50), ..Round::default() };
        assert!(descend(&mut round, &[90, 41], Some("b")));
        assert!(!descend(&mut round, &[40, 39], Some("c")), "below 50 less 10");
        assert_eq!(round.mark, at(90));
        assert!(!descend(&mut round, &[], None));
        assert_eq!(round.mark, at(90), "an empty round moves nothing");
    }

    #[test]
    fn future_times_do_not_move_the_mark_beyond_now() {
        let mut round = Round::default();
        assert!(!descend(&mut round, &[100_000, 5], None));
        assert_eq!(round.mark, at(1000));
    }

    #[test]
    fn repeated_page_is_taken_up_from_the_start_and_then_an_error() {
        let mut round = Round { mark: at(1), ..Round::default() };
        for _ in 0..MAX_RESETS {
            assert!(descend(&mut round, &[50], Some("b")));
            assert!(descend(&mut round, &[50], Some("b")));
            assert!(round.is_start());
        }
        assert!(descend(&mut round, &[50], Some("b")));
        assert!(round.proceed(Some("b".into()), "test").is_err());
        assert_eq!(round.mark, at(1));
    }
}
