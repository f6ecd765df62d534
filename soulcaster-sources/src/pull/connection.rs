//! How a vendor is reached.

use std::time::Duration;

use soulcaster_core::{Error, Result};

use super::clock::Clock;

/// Most calls in any span of a given length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many, at least one.
    pub calls: u32,
    /// In how long.
    pub per: Duration,
}

/// How a vendor is reached, and how much it may be asked.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Where the API is: https, or http on this machine; without credentials and query.
    pub base_url: String,
    /// How long one call may take, answer included; 30 seconds unless given.
    pub timeout: Duration,
    /// Most bytes of one answer; 32 MiB unless given.
    pub body_bytes: usize,
    /// Calls beyond it are not made.
    pub budget: Budget,
    /// How far before its mark a round starts; 10 minutes unless given.
    pub overlap: Duration,
    /// Where time and chance come from.
    pub clock: Clock,
}

impl Connection {
    /// Reaches `base_url` with at most `calls` a `per`, everything else as usual.
    #[must_use]
    pub fn new(base_url: impl Into<String>, calls: u32, per: Duration) -> Self {
        Self {
            base_url: base_url.into(),
            timeout: Duration::from_secs(30),
            body_bytes: 32 * 1024 * 1024,
            budget: Budget { calls, per },
            overlap: Duration::from_secs(600),
            clock: Clock::default(),
        }
    }

    pub(super) fn check(&self, operation: &'static str) -> Result<()> {
        let check = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(Error::invalid(operation, rule)) }
        };
        check(!self.timeout.is_zero(), "the timeout is longer than zero")?;
        check(self.body_bytes > 0, "an answer has at least one byte")?;
        check(self.budget.calls > 0, "the budget is at least one call")
    }
}
