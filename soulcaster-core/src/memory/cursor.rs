//! Where a page of a list ended.

use std::fmt;

use crate::error::{Error, Result};
use crate::memory::text::{self, Match, Relevance};
use crate::port::store::{Order, Query};

/// Where a page ended: the text of [`Page::next`](crate::port::Page::next) and [`Query::after`].
///
/// It names the last record by what the list is ordered by, never by a count, so records that come, go or
/// change between two pages move no other one.
#[derive(Debug, Clone, PartialEq)]
pub enum Cursor {
    /// In arrival order, after the record created at this version.
    Arrival(u64),
    /// In version order, after this version.
    Version(u64),
    /// Greatest first, after the record with this `sort`, created at this version.
    Sort(i64, u64),
    /// Best match first, after the record with this score, created at this version. The statistics are those
    /// of the first page, so a record keeps its score while others come and go.
    Relevance(Relevance, f64, u64),
}

impl Cursor {
    /// Reads [`Query::after`]; `None` for a first page.
    ///
    /// # Errors
    /// `Invalid` when it is no cursor, or one of another order or text.
    pub fn of(query: &Query) -> Result<Option<Self>> {
        let Some(after) = &query.after else { return Ok(None) };
        let cursor = Self::parse(after).filter(|cursor| match cursor {
            Self::Version(_) => query.changed_after.is_some(),
            _ if query.changed_after.is_some() => false,
            Self::Arrival(_) => {
                query.order == Order::Arrival || (query.order == Order::Relevance && query.text.is_none())
            }
            Self::Sort(..) => query.order == Order::Sort,
            Self::Relevance(relevance, ..) => {
                let words = query.text.as_deref().map(text::query_words);
                query.order == Order::Relevance && words.is_some_and(|words| words.len() == relevance.words())
            }
        });
        cursor.map(Some).ok_or_else(|| {
            Error::invalid("store.list", "`after` is not the end of a page of this list; begin without it")
        })
    }

    fn parse(after: &str) -> Option<Self> {
        let mut parts = after.split('.');
        let mut part = || parts.next();
        let cursor = match part()? {
            "a" => Self::Arrival(part()?.parse().ok()?),
            "v" => Self::Version(part()?.parse().ok()?),
            "s" => Self::Sort(part()?.parse().ok()?, part()?.parse().ok()?),
            "r" => {
                let (documents, length) = (part()?.parse().ok()?, part()?.parse().ok()?);
                let found = part()?.split('-').map(str::parse).collect::<Result<Vec<_>, _>>().ok()?;
                let score = f64::from_bits(u64::from_str_radix(part()?, 16).ok()?);
                Self::Relevance(Relevance { documents, length, found }, score, part()?.parse().ok()?)
            }
            _ => return None,
        };
        part().is_none().then_some(cursor)
    }
}

impl Relevance {
    /// The page of `matches` after (score, created), best first, equal ones as they arrived; `limit` 0 for
    /// all. Gives what each was created at, and where the page ended if more follow.
    #[must_use]
    pub fn page(
        self,
        matches: &[Match],
        after: Option<(f64, u64)>,
        limit: usize,
    ) -> (Vec<u64>, Option<Cursor>) {
        let best_first = |a: &(f64, u64), b: &(f64, u64)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let mut scored: Vec<(f64, u64)> = matches.iter().map(|hit| (self.score(hit), hit.created)).collect();
        scored.retain(|hit| after.as_ref().is_none_or(|after| best_first(after, hit).is_lt()));
        scored.sort_unstable_by(best_first);
        let mut next = None;
        if limit > 0 && scored.len() > limit {
            scored.truncate(limit);
            next = scored.last().map(|(score, created)| Cursor::Relevance(self, *score, *created));
        }
        (scored.into_iter().map(|(_, created)| created).collect(), next)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrival(created) => write!(f, "a.{created}"),
            Self::Version(version) => write!(f, "v.{version}"),
            Self::Sort(sort, created) => write!(f, "s.{sort}.{created}"),
            Self::Relevance(Relevance { documents, length, found }, score, created) => {
                let found: Vec<String> = found.iter().map(u64::to_string).collect();
                write!(f, "r.{documents}.{length}.{}.{:x}.{created}", found.join("-"), score.to_bits())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cursor_reads_back_what_it_wrote() {
        let relevance = Relevance { documents: 3, length: 20, found: vec![1, 2] };
        for cursor in [
            Cursor::Arrival(7),
            Cursor::Version(0),
            Cursor::Sort(-5, 9),
            Cursor::Relevance(relevance, 0.3, 4),
        ] {
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let list = |order, after: &str| Query { order, after: Some(after.into()), ..Query::default() };
        for bad in ["", "a", "a.x", "a.1.2", "s.1.1", "v.1", "r.1.1.1.0.1"] {
            assert!(Cursor::of(&list(Order::Arrival, bad)).is_err(), "{bad:?}");
        }
        assert_eq!(Cursor::of(&list(Order::Sort, "s.1.2")).unwrap(), Some(Cursor::Sort(1, 2)));
    }
}
