//! After the pull request: merged means fixed, and a report that comes later means that the problem is back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, Result};
use crate::flow::ingest::TRIES;
use crate::id::{ClusterId, ProjectId};
use crate::model::cluster::{Cluster, ClusterStatus};
use crate::model::fix::{AgentJob, FixStatus};
use crate::port::CodeHost;
use crate::port::host::PullRequestState;
use crate::port::store::{Expect, Write};
use crate::soulcaster::Soulcaster;

/// What became of published fixes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct WatchReport {
    /// Jobs whose pull request has been merged.
    pub merged: Vec<String>,
    /// Jobs whose pull request has been closed without being merged.
    pub closed: Vec<String>,
    /// Jobs whose problem has come back.
    pub regressed: Vec<String>,
    /// Pull requests that nobody could be asked about: job and why.
    pub failed: Vec<(String, String)>,
}

/// What came of the fixes that one runner made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunnerRecord {
    /// The runner.
    pub runner: String,
    /// Jobs that have ended, cancelled ones left out.
    pub ended: usize,
    /// Those with a pull request.
    pub published: usize,
    /// Those whose pull request was merged.
    pub merged: usize,
    /// Those of the merged ones whose problem came back.
    pub regressed: usize,
}

impl Soulcaster {
    /// Asks `host` about every published fix that nobody has decided on, and notes what has become of it.
    ///
    /// # Errors
    /// Those of the store; a host that does not answer is told in the report.
    pub async fn watch_fixes(
        &self,
        project: &ProjectId,
        host: &dyn CodeHost,
        now: DateTime<Utc>,
    ) -> Result<WatchReport> {
        let mut report = WatchReport::default();
        for job in self.fixes(project, None, 0).await? {
            let Some(pull_request) = job.pull_request.as_ref().filter(|_| job.status == FixStatus::Succeeded)
            else {
                continue;
            };
            if job.merged_at.is_some() {
                if self.note_regression(project, &job, now).await? {
                    report.regressed.push(job.id);
                }
                continue;
            }
            match host.state(&job.repository, pull_request.number).await {
                Ok(PullRequestState::Open) => {}
                Ok(state) => {
                    self.note_pull_request(project, &job.id, state, now).await?;
                    let list = match state {
                        PullRequestState::Merged => &mut report.merged,
                        _ => &mut report.closed,
                    };
                    list.push(job.id);
                }
                Err(error) => report.failed.push((job.id, error.message().to_owned())),
            }
        }
        Ok(report)
    }

    /// Notes what has become of the pull request of a fix, such as a webhook tells it: merged makes its cluster
    /// `fixed`, closed makes it `failed`.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn note_pull_request(
        &self,
        project: &ProjectId,
        id: &str,
        state: PullRequestState,
        now: DateTime<Utc>,
    ) -> Result<AgentJob> {
        for _ in 0..TRIES {
            let Some((mut job, version)) = self.store.read::<AgentJob>(project, id).await? else { break };
            if state == PullRequestState::Open
                || job.merged_at.is_some()
                || job.status != FixStatus::Succeeded
            {
                return Ok(job);
            }
            let stands = if state == PullRequestState::Merged {
                job.merged_at = Some(now);
                ClusterStatus::Fixed
            } else {
                job.status = FixStatus::Failed;
                job.error = Some("the pull request was closed without being merged".into());
                ClusterStatus::Failed
            };
            let mut writes = Vec::new();
            if let Some((mut cluster, version)) = self.living(project, &job.cluster_id).await?
                && cluster.status == ClusterStatus::PrOpened
            {
                cluster.status = stands;
                cluster.fixed_at = job.merged_at;
                cluster.updated_at = now;
                writes.push(Write::put(&cluster, Expect::Version(version))?);
            }
            writes.push(Write::put(&job, Expect::Version(version))?);
            match self.store.commit(project, writes).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| job),
            }
        }
        self.fix(project, id).await
    }

    /// Writes a regression of its cluster down in the job that should have mended it, once.
    async fn note_regression(&self, project: &ProjectId, job: &AgentJob, now: DateTime<Utc>) -> Result<bool> {
        if job.regressed_at.is_some() {
            return Ok(false);
        }
        let found = self.living(project, &job.cluster_id).await?;
        if found.is_none_or(|(cluster, _)| cluster.status != ClusterStatus::Regressed) {
            return Ok(false);
        }
        let Some((mut job, version)) = self.store.read::<AgentJob>(project, &job.id).await? else {
            return Ok(false);
        };
        job.regressed_at = Some(now);
        match self.store.commit(project, vec![Write::put(&job, Expect::Version(version))?]).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// Writes the regressions that a grouping found down in the jobs that should have mended them.
    pub(crate) async fn note_regressions(
        &self,
        project: &ProjectId,
        clusters: impl Iterator<Item = &Cluster>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let back: Vec<&ClusterId> =
            clusters.filter(|cluster| cluster.status == ClusterStatus::Regressed).map(|c| &c.id).collect();
        for id in back {
            let jobs = self.fixes(project, Some(id), 0).await?;
            if let Some(job) = jobs.iter().find(|job| job.merged_at.is_some()) {
                self.note_regression(project, job, now).await?;
            }
        }
        Ok(())
    }

    /// What came of the fixes, by runner, in the order of their names.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn runner_records(&self, project: &ProjectId) -> Result<Vec<RunnerRecord>> {
        let mut records: BTreeMap<String, RunnerRecord> = BTreeMap::new();
        for job in self.fixes(project, None, 0).await? {
            if !job.status.has_ended() || job.status == FixStatus::Cancelled {
                continue;
            }
            let record = records
                .entry(job.runner.clone())
                .or_insert_with(|| RunnerRecord { runner: job.runner.clone(), ..RunnerRecord::default() });
            record.ended += 1;
            record.published += usize::from(job.pull_request.is_some());
            record.merged += usize::from(job.merged_at.is_some());
            record.regressed += usize::from(job.regressed_at.is_some());
        }
        Ok(records.into_values().collect())
    }
}
