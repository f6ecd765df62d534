//! Leaves a server alone that keeps failing.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which nothing is sent.
const FAILURES: u32 = 5;
/// How long.
const PAUSE: Duration = Duration::from_secs(30);

/// Closed, open for [`PAUSE`], then half open: one request each [`PAUSE`] until one succeeds.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Whether something may be sent now, or how long not.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        match self.open_until {
            Some(until) if now < until => Err(until - now),
            Some(_) => {
                // It is this one that tries; whatever becomes of it, others wait.
                self.open_until = Some(now + PAUSE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Takes note of an attempt.
    pub(super) fn note(&mut self, worked: bool, now: Instant) {
        if worked {
            *self = Self::default();
        } else {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= FAILURES {
                self.open_until = Some(now + PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_five_failures_in_a_row_and_tries_once_after_thirty_seconds() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::default();
        for round in 0..9 {
            assert_eq!(breaker.admit(at(0)), Ok(()), "{round}");
            breaker.note(round == 4, at(0)); // one success in between
        }
        breaker.note(false, at(1));
        assert_eq!(breaker.admit(at(1)), Err(Duration::from_secs(30)));
        assert_eq!(breaker.admit(at(30)), Err(Duration::from_secs(1)));
        // One tries, the others wait; it fails.
        assert_eq!(breaker.admit(at(31)), Ok(()));
        assert_eq!(breaker.admit(at(31)), Err(PAUSE));
        breaker.note(false, at(32));
        assert_eq!(breaker.admit(at(61)), Err(Duration::from_secs(1)));
        // One that is never heard of again blocks nobody for ever; the next one works.
        assert_eq!(breaker.admit(at(62)), Ok(()));
        assert_eq!(breaker.admit(at(92)), Ok(()));
        breaker.note(true, at(93));
        assert_eq!(breaker.admit(at(93)), Ok(()));
        assert_eq!(breaker.admit(at(93)), Ok(()));
    }
}
