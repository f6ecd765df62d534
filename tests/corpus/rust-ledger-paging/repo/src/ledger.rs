use crate::page::{slice, Page};

/// One booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub text: String,
    pub cents: i64,
}

/// Bookings in the order in which they were made.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

impl Ledger {
    pub fn book(&mut self, text: &str, cents: i64) -> &mut Self {
        self.entries.push(Entry { text: text.to_owned(), cents });
        self
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The balance after so many entries.
    pub fn balance_after(&self, count: usize) -> i64 {
        self.entries.iter().take(count).map(|entry| entry.cents).sum()
    }

    /// One page; pages count from 1, and a page past the end is empty.
    pub fn page(&self, number: usize, size: usize) -> Page<'_, Entry> {
        slice(&self.entries, number, size)
    }
}
