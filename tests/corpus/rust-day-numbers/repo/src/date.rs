use std::fmt;

use crate::calendar::{days_in_month, is_leap, weekday, Weekday};

/// A day of the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    pub(crate) year: i32,
    pub(crate) month: u32,
    pub(crate) day: u32,
}

impl Date {
    /// Days since 1 January 1970; negative before it.
    pub fn number(&self) -> i64 {
        let years: i64 = if self.year >= 1970 {
            (1970..self.year).map(|year| if is_leap(year) { 366 } else { 365 }).sum()
        } else {
            -(self.year..1970).map(|year| if is_leap(year) { 366_i64 } else { 365 }).sum::<i64>()
        };
        let months: i64 = (1..self.month).map(|month| i64::from(days_in_month(self.year, month))).sum();
        years + months + i64::from(self.day) - 1
    }

    /// Days from this date to another; negative if that is earlier.
    pub fn days_until(&self, other: &Self) -> i64 {
        other.number() - self.number()
    }

    pub fn weekday(&self) -> Weekday {
        weekday(self.number())
    }

    /// The next day, or nothing after the last one.
    pub fn next(&self) -> Option<Self> {
        let Self { year, month, day } = *self;
        if day < days_in_month(year, month) {
            Some(Self { year, month, day: day + 1 })
        } else if month < 12 {
            Some(Self { year, month: month + 1, day: 1 })
        } else if year < 9999 {
            Some(Self { year: year + 1, month: 1, day: 1 })
        } else {
            None
        }
    }

    /// Working days from this date up to another, which does not count.
    pub fn working_days_until(&self, other: &Self) -> usize {
        let mut count = 0;
        let mut date = *self;
        while date < *other {
            if !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) {
                count += 1;
            }
            match date.next() {
                Some(next) => date = next,
                None => break,
            }
        }
        count
    }
}

impl fmt::Display for Date {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}
