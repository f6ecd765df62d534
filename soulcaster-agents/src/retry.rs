//! When to ask again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use soulcaster_core::Error;

/// No wait between two attempts is longer; a server that asks for more gets no further attempt.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// An attempt that failed.
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) next: Next,
    /// What the server answered, if it did.
    pub(crate) status: Option<u16>,
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: another attempt would fail as well.
    Stop,
    /// Another attempt after [`backoff`].
    Backoff,
    /// Another attempt after the time that the server named.
    After(Duration),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, next: Next::Stop, status: None }
    }
}

/// Counts attempts and waits between them.
pub(crate) struct Tries {
    left: u32,
    done: u32,
}

impl Tries {
    /// At most `attempts` attempts.
    pub(crate) fn new(attempts: u32) -> Self {
        Self { left: attempts, done: 0 }
    }

    /// Waits until it is time for another attempt, or gives back the error when there is none.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), Error> {
        self.done += 1;
        self.left = self.left.saturating_sub(1);
        match failure.next.wait(self.done) {
            Some(wait) if self.left > 0 => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            _ => Err(failure.error),
        }
    }
}

impl Next {
    /// How long to wait after attempt number `attempt`, counted from 1; nothing when there is no other.
    pub(crate) fn wait(self, attempt: u32) -> Option<Duration> {
        match self {
            Self::Stop => None,
            Self::Backoff => Some(backoff(attempt)),
            Self::After(wait) => (wait <= LONGEST_WAIT).then_some(wait),
        }
    }
}

/// Half a second after the first attempt, twice as long after each further one, up to [`LONGEST_WAIT`].
fn backoff(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    Duration::from_millis(500 << doublings).min(LONGEST_WAIT)
}

/// Reads the header `Retry-After`: whole seconds, or an HTTP date, which gives nothing to wait for once past.
pub(crate) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(value).ok()?;
    Some((date.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let waits: Vec<u64> = [1, 2, 3, 4, 7, 8, 9, u32::MAX]
            .iter()
            .map(|attempt| Next::Backoff.wait(*attempt).unwrap().as_millis().try_into().unwrap())
            .collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 32_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn server_names_the_wait_up_to_the_longest() {
        let seconds = |n| Next::After(Duration::from_secs(n)).wait(1);
        assert_eq!(seconds(0), Some(Duration::ZERO));
        assert_eq!(seconds(60), Some(LONGEST_WAIT));
        assert_eq!(seconds(61), None);
        assert_eq!(Next::Stop.wait(1), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let read = |value| retry_after(value, now).map(|wait| wait.as_secs());
        assert_eq!(read("0"), Some(0));
        assert_eq!(read(" 17 "), Some(17));
        assert_eq!(read("Sun, 01 Mar 2026 12:00:09 GMT"), Some(9));
        assert_eq!(read("Sun, 01 Mar 2026 11:59:00 GMT"), Some(0));
        for odd in ["", "-1", "1.5", "soon", "99999999999999999999"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }
}
