//! The lease of a fix: who works on it, and what is written in the name of whoever does.
//!
//! A lease has a token that grows with each holder, and everything a holder writes names it, so one that was thought
//! dead changes nothing any more.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::fix::unknown;
use crate::flow::ingest::TRIES;
use crate::id::ProjectId;
use crate::model::account::FixSuccess;
use crate::model::cluster::ClusterStatus;
use crate::model::fix::{AgentJob, FixStatus, Lease};
use crate::port::agent::StopReason;
use crate::port::store::{Expect, Write};
use crate::soulcaster::Soulcaster;

/// A lease that is not renewed for so long is free.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a holder renews its lease.
pub const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often a job is begun before it counts as failed.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

impl Soulcaster {
    /// Takes the lease of an open fix that nobody holds, for `holder`. Nothing when somebody holds it, it has ended,
    /// or it was begun too often, which ends it. `is_gone` says of a holder whether it is known to have died, so that
    /// nobody waits for its lease to run out.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn claim_fix(
        &self,
        project: &ProjectId,
        id: &str,
        holder: &str,
        is_gone: &(dyn Fn(&str) -> bool + Send + Sync),
        now: DateTime<Utc>,
    ) -> Result<Option<AgentJob>> {
        let is_held = |job: &AgentJob| {
            job.lease.as_ref().is_some_and(|lease| lease.until > now && !is_gone(&lease.holder))
        };
        for _ in 0..TRIES {
            let Some((mut job, version)) = self.store.read::<AgentJob>(project, id).await? else {
                return Err(unknown(project, id));
            };
            if job.status.has_ended() || is_held(&job) {
                return Ok(None);
            }
            if job.cancel_requested || job.attempts >= MAX_ATTEMPTS {
                let (status, error) = match job.cancel_requested {
                    true => (FixStatus::Cancelled, None),
                    false => (
                        FixStatus::Failed,
                        Some(format!("it was begun {MAX_ATTEMPTS} times and never ended")),
                    ),
                };
                self.end(project, &mut job, version, status, error, now).await?;
                return Ok(None);
            }
            job.tokens += 1;
            job.lease = Some(Lease { holder: holder.to_owned(), token: job.tokens, until: now + term() });
            job.status = FixStatus::Running;
            job.attempts += 1;
            job.started_at.get_or_insert(now);
            match self.store.commit(project, vec![Write::put(&job, Expect::Version(version))?]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| Some(job)),
            }
        }
        Ok(None)
    }

    /// Renews the lease `token`.
    ///
    /// # Errors
    /// `Conflict` when the job was cancelled or somebody else holds it now, and those of the store.
    pub async fn renew_fix(
        &self,
        project: &ProjectId,
        id: &str,
        token: u64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let renew = |job: &mut AgentJob| {
            if let Some(lease) = &mut job.lease {
                lease.until = now + term();
            }
        };
        self.advance(project, id, token, renew, Vec::new()).await.map(|_| ())
    }

    /// Gives a fix back that its holder has no more time for, such as a server that stops; this was no attempt. Nothing
    /// when it is not the holder's any more.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn release_fix(&self, project: &ProjectId, id: &str, token: u64) -> Result<Option<AgentJob>> {
        let release = |job: &mut AgentJob| {
            job.lease = None;
            job.status = FixStatus::Pending;
            job.attempts = job.attempts.saturating_sub(1);
        };
        match self.advance(project, id, token, release, Vec::new()).await {
            Err(error) if is_lost(&error) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Ends a fix that was cancelled while the lease `token` was held, once the work on it has stopped. Nothing when it
    /// was not cancelled, or is somebody else's now.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn end_cancelled_fix(
        &self,
        project: &ProjectId,
        id: &str,
        token: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<AgentJob>> {
        let job = self.fix(project, id).await?;
        if !job.cancel_requested || job.lease.is_none_or(|lease| lease.token != token) {
            return Ok(None);
        }
        let stop = |job: &mut AgentJob| job.stop_reason = Some(StopReason::Cancelled);
        self.finish(project, id, token, (FixStatus::Cancelled, None), now, stop).await.map(Some)
    }

    /// Changes a job in the name of the lease `token`, together with the writes `with` it.
    pub(crate) async fn advance(
        &self,
        project: &ProjectId,
        id: &str,
        token: u64,
        change: impl Fn(&mut AgentJob) + Send + Sync,
        with: Vec<Write>,
    ) -> Result<AgentJob> {
        for _ in 0..TRIES {
            let (mut job, version) = self.held(project, id, token).await?;
            if job.cancel_requested {
                return Err(lost("it was cancelled"));
            }
            change(&mut job);
            let mut writes = vec![Write::put(&job, Expect::Version(version))?];
            writes.extend(with.iter().cloned());
            match self.store.commit(project, writes).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| job),
            }
        }
        Err(Error::conflict("fixes.change", format!("fix {id} keeps changing; try again")))
    }

    /// Ends a job in the name of the lease `token`; `change` is told what it came to.
    pub(crate) async fn finish(
        &self,
        project: &ProjectId,
        id: &str,
        token: u64,
        (status, error): (FixStatus, Option<String>),
        now: DateTime<Utc>,
        change: impl Fn(&mut AgentJob) + Send + Sync,
    ) -> Result<AgentJob> {
        for _ in 0..TRIES {
            let (mut job, version) = self.held(project, id, token).await?;
            change(&mut job);
            match self.end(project, &mut job, version, status, error.clone(), now).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|()| job),
            }
        }
        Err(Error::conflict("fixes.finish", format!("fix {id} keeps changing; try again")))
    }

    /// Gives a job back, to be begun again.
    pub(crate) async fn give_back(
        &self,
        project: &ProjectId,
        id: &str,
        token: u64,
        error: &Error,
    ) -> Result<AgentJob> {
        let change = |job: &mut AgentJob| {
            job.lease = None;
            job.status = FixStatus::Pending;
            job.error = Some(error.message().to_owned());
        };
        self.advance(project, id, token, change, Vec::new()).await
    }

    /// The job, if `token` still holds it.
    async fn held(&self, project: &ProjectId, id: &str, token: u64) -> Result<(AgentJob, u64)> {
        let Some((job, version)) = self.store.read::<AgentJob>(project, id).await? else {
            return Err(unknown(project, id));
        };
        if job.status.has_ended() || job.lease.as_ref().is_none_or(|lease| lease.token != token) {
            return Err(lost("somebody else works on it, or it has ended"));
        }
        Ok((job, version))
    }

    /// Writes down that `job` has ended, and what that is to its cluster.
    pub(crate) async fn end(
        &self,
        project: &ProjectId,
        job: &mut AgentJob,
        version: u64,
        status: FixStatus,
        error: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        job.status = status;
        job.error = error;
        job.lease = None;
        job.finished_at = Some(now);
        let mut writes = Vec::new();
        if status == FixStatus::Succeeded {
            let success = FixSuccess { job: job.id.clone(), cluster: job.cluster_id.clone(), at: now };
            writes.push(Write::put(&success, Expect::Any)?);
        }
        let stands = match status {
            FixStatus::Succeeded => ClusterStatus::PrOpened,
            FixStatus::Cancelled => ClusterStatus::New,
            _ => ClusterStatus::Failed,
        };
        if let Some((mut cluster, version)) = self.living(project, &job.cluster_id).await?
            && cluster.status == ClusterStatus::Fixing
        {
            cluster.status = stands;
            cluster.updated_at = now;
            writes.push(Write::put(&cluster, Expect::Version(version))?);
        }
        writes.push(Write::put(job, Expect::Version(version))?);
        self.store.commit(project, writes).await.map(|_| ())
    }
}

/// How a lease is lost; the holder stops at once.
const LOST: &str = "fixes.lease";

fn lost(why: &str) -> Error {
    Error::conflict(LOST, format!("this fix goes on no further here: {why}"))
}

/// Whether a job is no longer its holder's.
#[must_use]
pub(crate) fn is_lost(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict && error.operation() == LOST
}

fn term() -> TimeDelta {
    TimeDelta::seconds(i64::try_from(LEASE.as_secs()).unwrap_or(60))
}
