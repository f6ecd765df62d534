//! Fixes: asking for one, working on it one at a time, ending it.
//!
//! A job is worked on by whoever holds its lease. What a job has made is kept step by step: who takes it over goes on
//! after the last step that was finished.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::ingest::TRIES;
use crate::id::{ClusterId, ProjectId, digest};
use crate::model::account::Limits;
use crate::model::cluster::{Cluster, ClusterStatus};
use crate::model::fix::{AgentJob, FixEvidence, FixStatus};
use crate::model::plan::PlanStatus;
use crate::port::store::{Expect, Order, Query, Write};
use crate::port::{AgentRunner, CodeHost, LanguageModel, Workshop};
use crate::soulcaster::Soulcaster;

/// What fixes need from outside.
#[derive(Clone)]
pub struct Hands {
    /// Where repositories are cloned from and pull requests go to.
    pub host: Arc<dyn CodeHost>,
    /// Where tests are run.
    pub workshop: Arc<dyn Workshop>,
    /// The agents to choose from; the first one is the default.
    pub runners: Vec<Arc<dyn AgentRunner>>,
    /// Writes plans, if there is one.
    pub model: Option<Arc<dyn LanguageModel>>,
}

impl fmt::Debug for Hands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runners: Vec<&str> = self.runners.iter().map(|runner| runner.name()).collect();
        f.debug_struct("Hands").field("runners", &runners).finish_non_exhaustive()
    }
}

impl Hands {
    /// The runner of that name, or the first one.
    ///
    /// # Errors
    /// `Invalid` naming those that there are.
    pub fn runner(&self, name: Option<&str>) -> Result<&Arc<dyn AgentRunner>> {
        let found = match name {
            Some(name) => self.runners.iter().find(|runner| runner.name() == name),
            None => self.runners.first(),
        };
        found.ok_or_else(|| {
            let names: Vec<&str> = self.runners.iter().map(|runner| runner.name()).collect();
            let there = if names.is_empty() { "none is configured".to_owned() } else { names.join(", ") };
            Error::invalid("fixes.runner", format!("no runner {:?}; there is: {there}", name.unwrap_or("")))
        })
    }
}

/// What to fix a group with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FixRequest {
    /// The runner; the project's, or the first one, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// `owner/name` of the repository; what the reports or the project say if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// A diff with tests that fail because of the problem; the patch must then make these pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproduction: Option<String>,
}

/// Longest reproduction, in bytes.
const MAX_REPRODUCTION: usize = 1 << 20;

impl Soulcaster {
    /// Asks for a fix of a cluster, and says whether the job is new: while one is open, that one is given. The plan is
    /// made by rule if there is none, and the job keeps it as it is now.
    ///
    /// # Errors
    /// `NotFound` for an unknown cluster; `Invalid` without a repository, for an unknown runner, and for one that is not
    /// shut in well enough; `Conflict` when the plan must be approved first; `QuotaExceeded` when the owner has had all
    /// their fixes; and those of the store.
    pub async fn start_fix(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        request: &FixRequest,
        hands: &Hands,
        limits: Limits,
        now: DateTime<Utc>,
    ) -> Result<(AgentJob, bool)> {
        if request.reproduction.as_ref().is_some_and(|diff| diff.len() > MAX_REPRODUCTION) {
            return Err(Error::new(ErrorKind::TooLarge, "fixes.start", "a reproduction has at most 1 MiB"));
        }
        for _ in 0..TRIES {
            let before = self.fixes(project, Some(id), 0).await?;
            if let Some(open) = before.iter().find(|job| !job.status.has_ended()) {
                return Ok((open.clone(), false));
            }
            let Some((mut cluster, version)) =
                self.store.read::<Cluster>(project, id.as_str()).await?.filter(|(c, _)| !c.is_retired())
            else {
                return Err(Error::not_found("fixes.start", format!("no cluster {id} in project {project}")));
            };
            let settings = self.fix_settings(project).await?;
            let plan = match self.plan(project, id).await? {
                Some(plan) => plan,
                None => self.make_plan(project, id, Vec::new(), None, now).await?,
            };
            if settings.needs_approval && plan.status != PlanStatus::Approved {
                let message =
                    format!("the plan of {id} must be approved first; `soulcaster plan {id} --approve`");
                return Err(Error::conflict("fixes.start", message));
            }
            let Some(repository) = request.repository.clone().or_else(|| plan.brief.repository.clone())
            else {
                let message =
                    "no report says which repository it is about; set one for the project, or name it";
                return Err(Error::invalid("fixes.start", message));
            };
            let Some(repository) = crate::engine::repository::name(&repository) else {
                let message = format!("repository {repository:?} is not of the form owner/name");
                return Err(Error::invalid("fixes.start", message));
            };
            let runner = hands.runner(request.runner.as_deref().or(settings.runner.as_deref()))?;
            settings.admits(&format!("runner {}", runner.name()), runner.isolation())?;
            settings.admits("the workshop", hands.workshop.isolation())?;
            self.check_fix_quota(project, limits).await?;
            // Whoever asks at the same time makes the same id, and one of both is told that the record is there.
            let number = (before.len() as u64).to_le_bytes();
            let parts = [b"fix", project.as_str().as_bytes(), id.as_str().as_bytes(), &number];
            let job_id = format!("j{}", digest(&parts, 11));
            let mut job = AgentJob::new(job_id, plan, settings, repository, runner.name(), now);
            job.reproduction.clone_from(&request.reproduction);
            cluster.status = ClusterStatus::Fixing;
            cluster.fixed_at = None;
            cluster.updated_at = now;
            let writes =
                vec![Write::put(&job, Expect::Absent)?, Write::put(&cluster, Expect::Version(version))?];
            match self.store.commit(project, writes).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| (job, true)),
            }
        }
        Err(Error::conflict("fixes.start", format!("cluster {id} keeps changing; try again")))
    }

    async fn check_fix_quota(&self, project: &ProjectId, limits: Limits) -> Result<()> {
        let usage = self.usage(project, limits).await?;
        match usage.fixes_limit {
            Some(limit) if usage.fixes >= limit => {
                let message = format!("all {limit} fixes have been used; raise the limit with --max-fixes");
                Err(Error::new(ErrorKind::QuotaExceeded, "fixes.start", message))
            }
            _ => Ok(()),
        }
    }

    /// A fix.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn fix(&self, project: &ProjectId, id: &str) -> Result<AgentJob> {
        let found = self.store.read::<AgentJob>(project, id).await?;
        found.map(|(job, _)| job).ok_or_else(|| unknown(project, id))
    }

    /// Fixes, latest first, of one cluster if wanted; at most `limit`, 0 for all.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn fixes(
        &self,
        project: &ProjectId,
        cluster: Option<&ClusterId>,
        limit: usize,
    ) -> Result<Vec<AgentJob>> {
        let mut query = Query { order: Order::Sort, limit, ..Query::all::<AgentJob>() };
        if let Some(cluster) = cluster {
            query = query.with("cluster", cluster.as_str());
        }
        self.store.read_all(project, &query).await
    }

    /// Fixes that have not ended, those that were asked for first coming first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open_fixes(&self, project: &ProjectId) -> Result<Vec<AgentJob>> {
        self.store.read_all(project, &Query::all::<AgentJob>().with("state", "open")).await
    }

    /// The patch and the proof of a fix, as far as there are.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn fix_evidence(&self, project: &ProjectId, id: &str) -> Result<Option<FixEvidence>> {
        Ok(self.store.read::<FixEvidence>(project, id).await?.map(|(evidence, _)| evidence))
    }

    /// Wants a fix to end. One that nobody works on ends at once; a running one when its holder hears of it, within
    /// [`HEARTBEAT`](crate::flow::lease::HEARTBEAT). One that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn cancel_fix(&self, project: &ProjectId, id: &str, now: DateTime<Utc>) -> Result<AgentJob> {
        for _ in 0..TRIES {
            let Some((mut job, version)) = self.store.read::<AgentJob>(project, id).await? else {
                return Err(unknown(project, id));
            };
            if job.status.has_ended() {
                return Ok(job);
            }
            let is_held = job.lease.as_ref().is_some_and(|lease| lease.until > now);
            job.cancel_requested = true;
            let written = match is_held {
                true => self
                    .store
                    .commit(project, vec![Write::put(&job, Expect::Version(version))?])
                    .await
                    .map(|_| ()),
                false => self.end(project, &mut job, version, FixStatus::Cancelled, None, now).await,
            };
            match written {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|()| job),
            }
        }
        Err(Error::conflict("fixes.cancel", format!("fix {id} keeps changing; try again")))
    }

    /// The cluster, or the one that took its items.
    pub(crate) async fn living(&self, project: &ProjectId, id: &ClusterId) -> Result<Option<(Cluster, u64)>> {
        let mut id = id.clone();
        for _ in 0..32 {
            let Some((cluster, version)) = self.store.read::<Cluster>(project, id.as_str()).await? else {
                return Ok(None);
            };
            match &cluster.lineage.merged_into {
                Some(next) if cluster.is_retired() => id = next.clone(),
                _ => return Ok(Some((cluster, version)).filter(|(cluster, _)| !cluster.is_retired())),
            }
        }
        Ok(None)
    }
}

pub(crate) fn unknown(project: &ProjectId, id: &str) -> Error {
    Error::not_found("fixes.show", format!("no fix {id} in project {project}; `soulcaster jobs` lists them"))
}

#[cfg(test)]
mod tests;
