//! The log of a fix: lines that are kept as they come, and forgotten after a week.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::secrets::secrets;
use crate::error::Result;
use crate::id::ProjectId;
use crate::model::fix::{AgentJob, LogLine};
use crate::port::agent::{AgentEvent, Transcript};
use crate::port::store::{Change, Expect, Key, Query, Write};
use crate::soulcaster::Soulcaster;

/// How many days a log is kept after its job has ended.
pub const LOG_DAYS: i64 = 7;
/// Lines of a job at most; what comes after is not kept.
const MAX_LINES: u64 = 50_000;
/// Lines that are forgotten in one commit.
const BATCH: usize = 1000;

/// Adds lines to the log of a job, in the name of its holder.
pub(crate) struct JobLog<'a> {
    soulcaster: &'a Soulcaster,
    project: &'a ProjectId,
    job: String,
    token: u64,
    next: AtomicU64,
    now: &'a (dyn Fn() -> DateTime<Utc> + Send + Sync),
}

impl<'a> JobLog<'a> {
    /// Goes on where the log of `job` ends.
    pub(crate) async fn open(
        soulcaster: &'a Soulcaster,
        project: &'a ProjectId,
        job: &str,
        token: u64,
        now: &'a (dyn Fn() -> DateTime<Utc> + Send + Sync),
    ) -> Result<Self> {
        let kept = soulcaster.store.count(project, &Query::all::<LogLine>().with("job", job)).await?;
        Ok(Self {
            soulcaster,
            project,
            job: job.to_owned(),
            token,
            next: AtomicU64::new(kept as u64 + 1),
            now,
        })
    }
}

#[async_trait]
impl Transcript for JobLog<'_> {
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
        let at = (self.now)();
        let mut writes = Vec::with_capacity(events.len());
        for event in events {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number > MAX_LINES {
                break;
            }
            let line = LogLine { job: self.job.clone(), number, at, event: safe(event) };
            writes.push(Write::put(&line, Expect::Absent)?);
        }
        // Nobody else may work on the job, and nobody may have cancelled it.
        let touch = |_: &mut AgentJob| {};
        self.soulcaster.advance(self.project, &self.job, self.token, touch, writes).await.map(|_| ())
    }
}

/// The event without secrets in it.
fn safe(event: AgentEvent) -> AgentEvent {
    let hide = |mut text: String| {
        for found in secrets(&text).into_iter().rev() {
            text.replace_range(found.range, "***");
        }
        text
    };
    match event {
        AgentEvent::Step { text } => AgentEvent::Step { text: hide(text) },
        AgentEvent::Text { text } => AgentEvent::Text { text: hide(text) },
        AgentEvent::Output { text } => AgentEvent::Output { text: hide(text) },
        AgentEvent::Refused { text } => AgentEvent::Refused { text: hide(text) },
        AgentEvent::Tool { name, input, output } => {
            AgentEvent::Tool { name, input: hide(input), output: output.map(hide) }
        }
        AgentEvent::Spend { spend } => AgentEvent::Spend { spend },
    }
}

impl Soulcaster {
    /// The log of a fix after line number `after`, at most `limit` lines (0 for all).
    ///
    /// # Errors
    /// `NotFound` for an unknown fix, and those of the store.
    pub async fn fix_log(
        &self,
        project: &ProjectId,
        id: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<LogLine>> {
        self.fix(project, id).await?;
        let mut lines: Vec<LogLine> =
            self.store.read_all(project, &Query::all::<LogLine>().with("job", id)).await?;
        lines.retain(|line| line.number > after);
        lines.sort_by_key(|line| line.number);
        if limit > 0 {
            lines.truncate(limit);
        }
        Ok(lines)
    }

    /// Forgets the logs of fixes that ended more than [`LOG_DAYS`] ago, and gives how many lines that were.
    ///
    /// # Errors
    /// Those of the store; what was forgotten before stays so.
    pub async fn forget_old_logs(&self, project: &ProjectId, now: DateTime<Utc>) -> Result<usize> {
        let before = now - TimeDelta::days(LOG_DAYS);
        let mut forgotten = 0;
        for job in self.fixes(project, None, 0).await? {
            if job.finished_at.is_none_or(|ended| ended >= before) {
                continue;
            }
            loop {
                let query = Query { limit: BATCH, ..Query::all::<LogLine>() }.with("job", &job.id);
                let lines = self.store.list(project, &query).await?.records;
                if lines.is_empty() {
                    break;
                }
                forgotten += lines.len();
                let delete = |id: String| Write {
                    key: Key::of::<LogLine>(id),
                    expect: Expect::Any,
                    change: Change::Delete,
                };
                self.store.commit(project, lines.into_iter().map(|line| delete(line.id)).collect()).await?;
            }
        }
        Ok(forgotten)
    }
}
