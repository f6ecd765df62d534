//! A caller that obeys.

use std::collections::BTreeMap;
use std::time::Duration;

use soulcaster_core::model::Inbound;
use soulcaster_core::port::Rejected;
use soulcaster_core::{Error, ErrorKind};

use super::KEY;
use super::server::Hand;
use crate::pull::Poller;

/// Fetches, commits and waits, by a clock that the test moves.
pub(super) struct Driver {
    pub(super) hand: Hand,
    pub(super) cursor: Option<String>,
    /// By external id: the version with the latest time.
    pub(super) kept: BTreeMap<String, Inbound>,
    pub(super) rejected: Vec<Rejected>,
    pub(super) errors: Vec<Error>,
    pub(super) fetches: usize,
    /// Every fetch is made twice, as after a crash before the commit.
    pub(super) crashes: bool,
}

impl Driver {
    pub(super) fn new(hand: &Hand) -> Self {
        Self {
            hand: hand.clone(),
            cursor: None,
            kept: BTreeMap::new(),
            rejected: Vec::new(),
            errors: Vec::new(),
            fetches: 0,
            crashes: false,
        }
    }

    /// Fetches until the poller has caught up.
    pub(super) async fn round(&mut self, poller: &mut dyn Poller) {
        for _ in 0..2000 {
            self.fetches += 1;
            if self.crashes {
                let _ = poller.fetch(self.cursor.as_deref()).await;
                self.hand.pass(poller.pace().wait);
            }
            match poller.fetch(self.cursor.as_deref()).await {
                Ok(batch) => {
                    self.cursor = Some(batch.cursor.expect("a poller always says where to go on"));
                    self.rejected.extend(batch.rejected);
                    for item in batch.items {
                        self.keep(item);
                    }
                }
                Err(error) => {
                    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
                    let passing = matches!(
                        error.kind(),
                        ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Unexpected
                    );
                    assert!(passing, "{error:?}");
                    self.errors.push(error);
                }
            }
            let pace = poller.pace();
            assert!(pace.wait <= Duration::from_secs(24 * 3600));
            self.hand.pass(pace.wait);
            if pace.caught_up {
                return;
            }
        }
        panic!("it never catches up");
    }

    fn keep(&mut self, item: Inbound) {
        let id = item.external_id.clone().unwrap();
        match self.kept.get(&id) {
            Some(known) if known.seen_at() > item.seen_at() => {}
            _ => drop(self.kept.insert(id, item)),
        }
    }

    pub(super) fn ids(&self) -> Vec<&str> {
        self.kept.keys().map(String::as_str).collect()
    }
}
