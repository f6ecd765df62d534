//! When to fetch again.

use std::time::Duration;

use soulcaster_core::port::Source;

/// No back-off is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);

/// When to fetch again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// How long to wait before the next fetch: what the server asks for, what the budget takes, or after a
    /// failure without word from the server a random part of 1, 2, 4 … seconds, of 15 minutes at most.
    pub wait: Duration,
    /// Whether the last fetch came to the end, so that the next one can wait for the usual interval.
    pub caught_up: bool,
}

/// A [`Source`] that says when to ask it again.
pub trait Poller: Source {
    /// What the last fetch, successful or not, means for the next one.
    fn pace(&self) -> Pace;
}

/// Full jitter: a random part of a span that doubles with each of `failures`, counted from 1.
pub(super) fn backoff(failures: u32, random: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    Duration::from_secs(1 << doublings).min(LONGEST_BACKOFF).mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_a_quarter_of_an_hour() {
        let waits: Vec<u64> =
            [0, 1, 2, 3, 10, 11, 12, u32::MAX].iter().map(|n| backoff(*n, 1.0).as_secs()).collect();
        assert_eq!(waits, [1, 1, 2, 4, 512, 900, 900, 900]);
    }

    #[test]
    fn jitter_is_full() {
        assert_eq!(backoff(9, 0.0), Duration::ZERO);
        assert_eq!(backoff(9, 0.5), Duration::from_secs(128));
    }
}
