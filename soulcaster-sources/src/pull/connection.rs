//! How a vendor is reached.

use serde::{Deserialize, Serialize};
use soulcaster_core::{Error, Result};

use super::clock::Clock;

/// How a vendor is reached, and how much it may be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connection {
    /// Where the API is: https, without credentials and query.
    pub base_url: String,
    /// Whether the vendor may be on this machine (then with http, too) or in the private network. Unless it may,
    /// such addresses are not called, whatever name leads there, and no proxy of the system is used, as nobody
    /// knows what lies behind it.
    pub allow_private_network: bool,
    /// Most calls in any span of [`per_seconds`](Self::per_seconds); calls beyond are not made. One that is
    /// answered with "not modified" does not count.
    pub calls: u32,
    /// How long that span is.
    pub per_seconds: u32,
    /// How far before its mark a round starts; 10 minutes unless given.
    pub overlap_seconds: u64,
    /// How long one call may take, answer included; 30 seconds unless given.
    pub timeout_seconds: u64,
    /// Most bytes of one answer; 32 MiB unless given.
    pub body_bytes: usize,
    /// Where the time comes from.
    #[serde(skip)]
    pub clock: Clock,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new("", 60, 60)
    }
}

impl Connection {
    /// Reaches `base_url` with at most `calls` in `per_seconds`, everything else as usual.
    #[must_use]
    pub fn new(base_url: impl Into<String>, calls: u32, per_seconds: u32) -> Self {
        Self {
            base_url: base_url.into(),
            allow_private_network: false,
            calls,
            per_seconds,
            overlap_seconds: 600,
            timeout_seconds: 30,
            body_bytes: 32 << 20,
            clock: Clock::default(),
        }
    }

    pub(super) fn check(&self, operation: &'static str) -> Result<()> {
        let check = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(Error::invalid(operation, format!("connection: {rule}"))) }
        };
        check(self.calls > 0, "calls is at least 1")?;
        check((1..=86_400).contains(&self.per_seconds), "per_seconds is 1 to 86400")?;
        check(self.overlap_seconds <= 30 * 86_400, "overlap_seconds is 30 days at most")?;
        check((1..=600).contains(&self.timeout_seconds), "timeout_seconds is 1 to 600")?;
        check((1..=256 << 20).contains(&self.body_bytes), "body_bytes is 1 to 256 MiB")
    }
}
