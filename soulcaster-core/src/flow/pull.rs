//! Pulling a source, page by page: reports and cursor in one commit.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::ingest::{IngestReport, TRIES, busy, is_lost_race};
use crate::id::ProjectId;
use crate::model::pull::PullState;
use crate::port::source::{Rejected, Source};
use crate::port::store::{Change, Expect, Key, Write};
use crate::soulcaster::Soulcaster;

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullReport {
    /// What became of the reports.
    pub report: IngestReport,
    /// Reports that the source could not read: place in the page, from 0, and why.
    pub unread: Vec<Rejected>,
    /// How far the source has been pulled now.
    pub state: PullState,
}

impl Soulcaster {
    /// Fetches one page of `source`, received at `now`, from where the last pull of `source_id` ended, and keeps
    /// its reports and its cursor in one commit.
    ///
    /// When anything fails the cursor stays, and the page is fetched again: nothing is lost, and reports that
    /// come twice are one item. Of two pulls at once only one moves the cursor. When to pull again,
    /// [`Schedule`](crate::engine::Schedule) says from [`PullReport::state`], or from
    /// [`pull_state`](Self::pull_state) after a failure.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use async_trait::async_trait;
    /// use soulcaster_core::engine::Schedule;
    /// use soulcaster_core::model::Inbound;
    /// use soulcaster_core::port::{Batch, Source};
    /// use soulcaster_core::{ProjectId, Result, Soulcaster};
    ///
    /// struct Letters;
    /// #[async_trait]
    /// impl Source for Letters {
    ///     fn name(&self) -> &str {
    ///         "letters"
    ///     }
    ///     async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
    ///         let (letter, next) = if cursor.is_none() { ("card declined", "2") } else { ("no login", "3") };
    ///         let items = vec![Inbound::new("letters", letter)];
    ///         Ok(Batch { items, cursor: Some(next.into()), is_done: cursor.is_some(), ..Batch::default() })
    ///     }
    /// }
    ///
    /// let (soulcaster, project) = (Soulcaster::in_memory(), ProjectId::new("shop")?);
    /// let now = chrono::DateTime::UNIX_EPOCH;
    /// let first = soulcaster.pull(&project, "letters-1", &mut Letters, now).await?;
    /// assert_eq!((first.report.accepted, first.state.is_done), (1, false));
    /// assert_eq!(Schedule::default().next_at(&first.state, 0.5), now);
    /// let second = soulcaster.pull(&project, "letters-1", &mut Letters, now).await?;
    /// assert_eq!((second.report.accepted, second.state.is_done), (1, true));
    /// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `Conflict` when another pull of the same source was faster; those of the source and of the store, which
    /// are noted in the state. Where the store takes no note either, [`PullState::fail`] gives the state to go
    /// by.
    pub async fn pull(
        &self,
        project: &ProjectId,
        source_id: &str,
        source: &mut dyn Source,
        now: DateTime<Utc>,
    ) -> Result<PullReport> {
        let result = self.try_pull(project, source_id, source, now).await;
        if let Err(error) = &result
            && error.kind() != ErrorKind::Conflict
        {
            // Why the pull failed is of more use than why that could not be noted.
            let _ = self.note_failure(project, source_id, error, now).await;
        }
        result
    }

    async fn try_pull(
        &self,
        project: &ProjectId,
        source_id: &str,
        source: &mut dyn Source,
        now: DateTime<Utc>,
    ) -> Result<PullReport> {
        let (mut state, expect) = self.read_pull(project, source_id).await?;
        let batch = source.fetch(state.cursor.as_deref()).await?;
        let is_done = batch.is_done || batch.cursor.is_none();
        state.succeed(batch.cursor, is_done, batch.wait, now);
        let write = Write::put(&state, expect)?;
        let reports: Vec<_> = batch.items.into_iter().map(|report| (report, now)).collect();
        for _ in 0..TRIES {
            match self.try_ingest(project, &reports, vec![write.clone()]).await {
                Err(error) if is_lost_race(&error) => {
                    if self.read_pull(project, source_id).await?.1 != expect {
                        let message = format!("another pull of source {source_id} was faster");
                        return Err(Error::conflict("pull", message));
                    }
                }
                kept => return kept.map(|report| PullReport { report, unread: batch.rejected, state }),
            }
        }
        Err(busy(project))
    }

    /// How far the source has been pulled; nothing when it never was.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn pull_state(&self, project: &ProjectId, source_id: &str) -> Result<Option<PullState>> {
        Ok(self.store.read(project, source_id).await?.map(|(state, _)| state))
    }

    /// Notes that pulling the source failed at `now`, and gives the state. [`pull`](Self::pull) does so itself;
    /// this is for a source that could not even be made, or a pull that was given up.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn note_failure(
        &self,
        project: &ProjectId,
        source_id: &str,
        error: &Error,
        now: DateTime<Utc>,
    ) -> Result<PullState> {
        for _ in 0..TRIES {
            let (mut state, expect) = self.read_pull(project, source_id).await?;
            state.fail(error, now);
            match self.store.commit(project, vec![Write::put(&state, expect)?]).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other.map(|_| state),
            }
        }
        Err(busy(project))
    }

    /// Forgets how far the source has been pulled, so that the next pull begins at the beginning. Reports that
    /// are kept already stay one item.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn restart_pull(&self, project: &ProjectId, source_id: &str) -> Result<()> {
        let key = Key::of::<PullState>(source_id);
        let write = Write { key, expect: Expect::Any, change: Change::Delete };
        self.store.commit(project, vec![write]).await.map(|_| ())
    }

    async fn read_pull(&self, project: &ProjectId, source_id: &str) -> Result<(PullState, Expect)> {
        let found = self.store.read(project, source_id).await?;
        Ok(found.map_or_else(
            || (PullState::new(source_id), Expect::Absent),
            |(state, version)| (state, Expect::Version(version)),
        ))
    }
}
