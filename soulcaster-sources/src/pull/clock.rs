//! Time and chance, passed in.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};

/// Where a poller takes time and chance from; the system's unless given.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Clock {
    /// Takes the time from `now`, and from `random` numbers from 0 up to and without 1.
    pub fn new(
        now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
        random: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), random: Arc::new(random) }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    pub(super) fn random(&self) -> f64 {
        let number = (self.random)();
        if number.is_finite() { number.clamp(0.0, 1.0) } else { 1.0 }
    }
}

impl Default for Clock {
    fn default() -> Self {
        // Each state of the standard hasher has keys of its own: enough to spread retries.
        let random = || (RandomState::new().build_hasher().finish() >> 11) as f64 / (1u64 << 53) as f64;
        Self::new(|| SystemTime::now().into(), random)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// `span` before `time`, but not before 1970.
pub(super) fn before(time: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    let span = TimeDelta::from_std(span).ok();
    let earlier = span.and_then(|span| time.checked_sub_signed(span));
    earlier.unwrap_or_default().max(DateTime::default())
}

/// `span` after `time`, as far as times go.
pub(super) fn after(time: DateTime<Utc>, span: Duration) -> DateTime<Utc> {
    let span = TimeDelta::from_std(span).ok();
    span.and_then(|span| time.checked_add_signed(span)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// From `now` until `time`; nothing when it is past.
pub(super) fn until(time: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (time - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_in_range() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        assert_eq!(before(now, Duration::MAX), DateTime::<Utc>::default());
        assert_eq!(before(DateTime::<Utc>::MIN_UTC, Duration::from_secs(1)), DateTime::<Utc>::default());
        assert_eq!(after(now, Duration::MAX), DateTime::<Utc>::MAX_UTC);
        assert_eq!(until(now, now + TimeDelta::seconds(1)), Duration::ZERO);
    }

    #[test]
    fn chance_differs_and_stays_below_one() {
        let clock = Clock::default();
        let numbers: Vec<f64> = (0..50).map(|_| clock.random()).collect();
        assert!(numbers.iter().all(|n| (0.0..1.0).contains(n)));
        assert!(numbers.windows(2).any(|two| two[0] != two[1]));
        assert_eq!(Clock::new(DateTime::default, || f64::NAN).random(), 1.0);
    }
}
