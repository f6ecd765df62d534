//! A round: from the newest report, or the end of a window, back to where the last round began.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use soulcaster_core::{Error, ErrorKind, Result};

use super::clock::{before, days};
use super::poller::Got;

/// How often in a round a lost place is taken up from the start.
const MAX_RESETS: u32 = 3;

/// Where a round is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Round {
    /// Everything up to here has been read, but for what shows up late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<DateTime<Utc>>,
    /// The mark once this round is through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) top: Option<DateTime<Utc>>,
    /// The name of the next page; absent at the start of a round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<String>,
    /// Pages read in this round.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) pages: u32,
    /// Other names for the next page, the best last, for when the server has lost the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) spare: Vec<String>,
    /// How often it was taken up from its start.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) resets: u32,
    /// Pages in a row that were left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) leaps: u32,
    /// A page of this round was left out, so the mark stays.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) held: bool,
    /// Names the last answer, if the next round starts with the same question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Round {
    /// Back to when this round reads.
    pub(super) fn floor(&self, overlap: Duration) -> Option<DateTime<Utc>> {
        self.mark.map(|mark| before(mark, overlap))
    }

    pub(super) fn is_start(&self) -> bool {
        self.page.is_none()
    }

    /// From when to when a round reads whose first one goes back so many days.
    pub(super) fn window(
        &mut self,
        now: DateTime<Utc>,
        overlap: Duration,
        history_days: u32,
    ) -> [DateTime<Utc>; 2] {
        let top = *self.top.get_or_insert(now);
        [self.floor(overlap).unwrap_or_else(|| before(top, days(history_days))), top]
    }

    /// Takes a page of a list that goes from the newest down. The round ends with the page that reaches below the
    /// floor, or when there is no `next` one. Says whether it goes on.
    ///
    /// # Errors
    /// Like [`proceed`](Self::proceed).
    pub(super) fn descend(&mut self, got: &Got<'_>, next: Option<String>) -> Result<bool> {
        if self.is_start() {
            // A time in the future would hide what comes until then.
            self.top = got.newest().map(|newest| newest.min(got.now));
        }
        let last = got.listing.times.iter().flatten().next_back();
        let through = last.zip(self.floor(got.overlap)).is_some_and(|(last, floor)| *last < floor);
        self.proceed(got, next.filter(|_| !through))
    }

    /// Takes a page of a list that goes up to the newest.
    ///
    /// # Errors
    /// Like [`proceed`](Self::proceed).
    pub(super) fn ascend(&mut self, got: &Got<'_>, next: Option<String>) -> Result<bool> {
        self.top = self.top.max(self.mark).max(got.newest().map(|newest| newest.min(got.now)));
        self.proceed(got, next)
    }

    /// Takes a page of a window of time.
    ///
    /// # Errors
    /// Like [`proceed`](Self::proceed).
    pub(super) fn pass(&mut self, got: &Got<'_>, next: Option<String>) -> Result<bool> {
        // This clock may be ahead of the server's.
        self.top = self.top.map(|top| top.min(got.now));
        self.proceed(got, next)
    }

    /// Goes to the `next` page, or ends the round without one. Says whether it goes on.
    ///
    /// # Errors
    /// `Unexpected` when the server keeps naming the page that was just read.
    pub(super) fn proceed(&mut self, got: &Got<'_>, next: Option<String>) -> Result<bool> {
        self.pages = self.pages.saturating_add(1);
        self.leaps = 0;
        self.spare.clear();
        match next {
            None => self.finish(),
            Some(next) if self.page.as_ref() == Some(&next) => {
                if !self.restart() {
                    let what = "the server names the page just read as the next one; try again later";
                    return Err(Error::new(ErrorKind::Unexpected, got.operation, what));
                }
            }
            next => self.page = next,
        }
        Ok(!self.is_start() || self.resets > 0)
    }

    /// Ends the round.
    pub(super) fn finish(&mut self) {
        let mark = if self.held { self.mark } else { self.mark.max(self.top) };
        *self = Self { mark, ..Self::default() };
    }

    /// Takes the round up from its start; not when that did not help before.
    pub(super) fn restart(&mut self) -> bool {
        let again = self.resets < MAX_RESETS;
        if again {
            *self = Self { mark: self.mark, resets: self.resets + 1, ..Self::default() };
        }
        again
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
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::answer::{Listing, Page};

    fn at(minute: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(1_700_000_000 + 60 * minute, 0)
    }

    /// A page with the times of its elements, got at minute 1000.
    fn take(minutes: &[i64], then: impl FnOnce(&Got<'_>) -> Result<bool>) -> Result<bool> {
        let times = minutes.iter().map(|minute| at(*minute)).collect();
        then(&Got {
            page: Page::default(),
            listing: Listing { times, ..Listing::default() },
            headers: &HeaderMap::new(),
            operation: "test",
            now: at(1000).unwrap(),
            overlap: Duration::from_secs(600),
        })
    }

    fn descend(round: &mut Round, minutes: &[i64], next: Option<&str>) -> bool {
        take(minutes, |got| round.descend(got, next.map(str::to_owned))).unwrap()
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
    fn upwards_the_mark_is_the_newest_of_all_pages() {
        let mut round = Round { mark: at(50), ..Round::default() };
        assert!(take(&[45, 60], |got| round.ascend(got, Some("b".into()))).unwrap());
        assert!(!take(&[70, 20_000], |got| round.ascend(got, None)).unwrap());
        assert_eq!(round.mark, at(1000));
        assert!(!take(&[], |got| round.ascend(got, None)).unwrap());
        assert_eq!(round.mark, at(1000));
    }

    #[test]
    fn round_that_left_a_page_out_keeps_its_mark() {
        let mut round = Round { mark: at(50), ..Round::default() };
        assert!(descend(&mut round, &[90, 80], Some("b")));
        round.held = true;
        assert!(!descend(&mut round, &[39], None));
        assert_eq!((round.mark, round.held), (at(50), false));
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
        assert!(take(&[50], |got| round.descend(got, Some("b".into()))).is_err());
        assert_eq!(round.mark, at(1));
    }
}
