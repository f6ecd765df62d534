//! A caller that obeys, and keeps what comes in an engine.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use soulcaster_core::engine::Schedule;
use soulcaster_core::flow::ItemQuery;
use soulcaster_core::model::{FeedbackItem, PullState};
use soulcaster_core::port::{Rejected, Source};
use soulcaster_core::{Error, ErrorKind, ProjectId, Soulcaster};

use super::KEY;
use super::server::Hand;

const ID: &str = "source-1";

/// Pulls and waits, by a clock that the test moves.
pub(super) struct Driver {
    pub(super) hand: Hand,
    soulcaster: Soulcaster,
    project: ProjectId,
    pub(super) unread: Vec<Rejected>,
    pub(super) errors: Vec<Error>,
    pub(super) pulls: usize,
    /// Every page is fetched twice, as after a crash before the commit.
    pub(super) crashes: bool,
}

impl Driver {
    pub(super) fn new(hand: &Hand) -> Self {
        Self {
            hand: hand.clone(),
            soulcaster: Soulcaster::in_memory(),
            project: ProjectId::new("test").unwrap(),
            unread: Vec::new(),
            errors: Vec::new(),
            pulls: 0,
            crashes: false,
        }
    }

    pub(super) async fn state(&self) -> PullState {
        self.soulcaster.pull_state(&self.project, ID).await.unwrap().unwrap_or_default()
    }

    pub(super) async fn cursor(&self) -> Option<String> {
        self.state().await.cursor
    }

    /// When the next page is due, with the longest back-off.
    pub(super) async fn due(&self) -> DateTime<Utc> {
        Schedule::default().next_at(&self.state().await, 1.0)
    }

    /// Pulls one page.
    pub(super) async fn pull(&mut self, source: &mut dyn Source) -> Result<PullState, ErrorKind> {
        self.pulls += 1;
        if self.crashes {
            let wait = match source.fetch(self.cursor().await.as_deref()).await {
                Ok(batch) => batch.wait,
                Err(error) => error.retry_after().unwrap_or_default(),
            };
            self.hand.pass(wait);
        }
        match self.soulcaster.pull(&self.project, ID, source, self.hand.now()).await {
            Ok(pulled) => {
                assert!(pulled.report.rejected.is_empty(), "{:?}", pulled.report.rejected);
                self.unread.extend(pulled.unread);
                Ok(pulled.state)
            }
            Err(error) => {
                assert!(!format!("{error:?}").contains(KEY), "{error:?}");
                let kind = error.kind();
                self.errors.push(error);
                Err(kind)
            }
        }
    }

    /// Pulls until the end of a round, each page when it is due.
    pub(super) async fn round(&mut self, source: &mut dyn Source) {
        for _ in 0..2000 {
            let pulled = self.pull(source).await;
            if let Ok(state) = pulled {
                if state.is_done {
                    self.hand.pass(
                        (state.not_before.unwrap_or_default() - self.hand.now()).to_std().unwrap_or_default(),
                    );
                    return;
                }
            } else if let Err(kind) = pulled {
                let passing = [ErrorKind::RateLimited, ErrorKind::Unavailable, ErrorKind::Unexpected];
                assert!(passing.contains(&kind), "{:?}", self.errors);
            }
            let wait = self.due().await - self.hand.now();
            self.hand.pass(wait.to_std().unwrap_or_default());
        }
        panic!("it never ends");
    }

    /// What is in the store, by external id. Nothing is there twice.
    pub(super) async fn kept(&self) -> BTreeMap<String, FeedbackItem> {
        let query = ItemQuery { limit: 0, ..ItemQuery::default() };
        let found = self.soulcaster.items(&self.project, &query).await.unwrap();
        let kept: BTreeMap<_, _> = found
            .items
            .into_iter()
            .map(|placed| (placed.item.external_id.clone().unwrap(), placed.item))
            .collect();
        assert_eq!(kept.len(), found.total, "something is there twice");
        kept
    }

    pub(super) async fn ids(&self) -> Vec<String> {
        self.kept().await.into_keys().collect()
    }
}
