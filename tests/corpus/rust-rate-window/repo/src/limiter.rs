use std::collections::{HashMap, VecDeque};

use crate::rule::Rule;
use crate::verdict::Verdict;

/// Remembers the requests of each client.
#[derive(Debug)]
pub struct Limiter {
    rule: Rule,
    clients: HashMap<String, VecDeque<u64>>,
}

impl Limiter {
    pub fn new(rule: Rule) -> Self {
        Self { rule, clients: HashMap::new() }
    }

    /// A client makes a request. The clock may stand still, but does not go back.
    pub fn request(&mut self, client: &str, now: u64) -> Verdict {
        let Rule { limit, window } = self.rule;
        if limit == 0 {
            return Verdict::Refused { retry_after: window };
        }
        let times = self.clients.entry(client.to_owned()).or_default();
        let start = now - now % window;
        times.retain(|time| *time >= start);
        times.push_back(now);
        if times.len() > limit {
            return Verdict::Refused { retry_after: start + window - now };
        }
        Verdict::Allowed { left: limit - times.len() }
    }

    /// Forgets clients that made no request within the last window.
    pub fn sweep(&mut self, now: u64) -> usize {
        let before = self.clients.len();
        let window = self.rule.window;
        self.clients.retain(|_, times| times.back().is_some_and(|last| last.saturating_add(window) > now));
        before - self.clients.len()
    }

    pub fn clients(&self) -> usize {
        self.clients.len()
    }
}
