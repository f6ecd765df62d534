//! The book of grouping jobs.

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::flow::group::GroupReport;
use crate::flow::ingest::is_busy;
use crate::id::ProjectId;
use crate::model::decision::Decision;
use crate::model::head::Head;
use crate::model::item::FeedbackItem;
use crate::model::job::{ClusterJob, JobStats, JobStatus};
use crate::port::store::{Change, Expect, Key, Order, Query, Write};
use crate::soulcaster::Soulcaster;

/// So many ended jobs of a project are remembered.
const REMEMBERED: usize = 100;

impl Soulcaster {
    /// Writes a job down, as it stands now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn note_job(&self, job: &ClusterJob) -> Result<()> {
        let mut writes = vec![Write::put(job, Expect::Any)?];
        if job.finished_at.is_some() {
            let others = self.jobs(&job.project_id, 0).await?;
            let ended = others.into_iter().filter(|other| other.finished_at.is_some() && other.id != job.id);
            writes.extend(ended.skip(REMEMBERED - 1).map(|old| Write {
                key: Key::of::<ClusterJob>(old.id),
                expect: Expect::Any,
                change: Change::Delete,
            }));
        }
        self.store.commit(&job.project_id, writes).await.map(|_| ())
    }

    /// Does a job: groups its project, and writes down how that went. Another run that is faster is no failure: the
    /// job then finds less to do, or nothing. Should others be faster each time, it is given back as one that waits.
    ///
    /// # Errors
    /// Those of [`Soulcaster::group`]; the job is written down as failed where the store still takes it.
    pub async fn run_job(
        &self,
        mut job: ClusterJob,
        now: impl Fn() -> DateTime<Utc> + Send + Sync,
    ) -> Result<ClusterJob> {
        job.status = JobStatus::Running;
        job.started_at = Some(now());
        self.note_job(&job).await?;
        let grouped = match job.full {
            true => self.recluster(&job.project_id, true, now()).await,
            false => self.group(&job.project_id, now()).await,
        };
        job.finished_at = Some(now());
        let grouped = match grouped {
            Ok(report) => {
                job.status = JobStatus::Succeeded;
                job.error = None;
                job.stats = Some(stats(&report));
                Ok(())
            }
            Err(error) if is_busy(&error) => {
                job.status = JobStatus::Pending;
                (job.started_at, job.finished_at) = (None, None);
                Ok(())
            }
            Err(error) => {
                job.status = JobStatus::Failed;
                job.error = Some(error.message().to_owned());
                Err(error)
            }
        };
        let noted = self.note_job(&job).await;
        grouped.and(noted).map(|()| job)
    }

    /// A job of the project.
    ///
    /// # Errors
    /// `NotFound`, and those of the store.
    pub async fn job(&self, project: &ProjectId, id: &str) -> Result<ClusterJob> {
        let found = self.store.read::<ClusterJob>(project, id).await?;
        found
            .map(|(job, _)| job)
            .ok_or_else(|| Error::not_found("jobs.show", format!("no job {id:?} in project {project}")))
    }

    /// Jobs of the project, latest first, at most `limit` (0 for all).
    ///
    /// # Errors
    /// Those of the store.
    pub async fn jobs(&self, project: &ProjectId, limit: usize) -> Result<Vec<ClusterJob>> {
        let query = Query { order: Order::Sort, limit, ..Query::all::<ClusterJob>() };
        self.store.read_all(project, &query).await
    }

    /// Jobs of the project that have not ended, oldest first: what is left of a server that was killed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open_jobs(&self, project: &ProjectId) -> Result<Vec<ClusterJob>> {
        let mut jobs = self.jobs(project, 0).await?;
        jobs.retain(|job| matches!(job.status, JobStatus::Pending | JobStatus::Running));
        jobs.reverse();
        Ok(jobs)
    }

    /// How many items of the project have not been grouped yet.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ungrouped(&self, project: &ProjectId) -> Result<usize> {
        let items = self.store.count(project, &Query::all::<FeedbackItem>()).await?;
        let decided = self.store.count(project, &Query::all::<Decision>()).await?;
        Ok(items.saturating_sub(decided))
    }

    /// Whether grouping the project would find nothing to do: no items have come since the last time, or come again.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_grouped(&self, project: &ProjectId) -> Result<bool> {
        let read_to = self.store.read::<Head>(project, "head").await?.map_or(0, |(head, _)| head.read_to);
        let since = Query { changed_after: Some(read_to), ..Query::all::<FeedbackItem>() };
        Ok(self.ungrouped(project).await? == 0 && self.store.count(project, &since).await? == 0)
    }
}

fn stats(report: &GroupReport) -> JobStats {
    JobStats {
        clustered: report.diff.moves.len(),
        new_clusters: report.diff.created.len(),
        retired_clusters: report.diff.retired.len(),
        unchanged: report.diff.unchanged,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::ingest::TRIES;
    use crate::flow::overtaken::overtaken_by;
    use crate::memory::MemoryStore;
    use crate::model::item::Inbound;

    fn project() -> ProjectId {
        ProjectId::new("shop").unwrap()
    }

    fn job(n: usize) -> ClusterJob {
        ClusterJob {
            id: format!("j{n}"),
            project_id: project(),
            full: false,
            status: JobStatus::Pending,
            created_at: DateTime::from_timestamp(n as i64, 0).unwrap(),
            started_at: None,
            finished_at: None,
            error: None,
            stats: None,
        }
    }

    #[tokio::test]
    async fn a_job_groups_and_says_what_it_did() {
        let soulcaster = Soulcaster::in_memory();
        let project = project();
        let now = || DateTime::from_timestamp(500, 0).unwrap();
        let texts = ["card was declined", "my card got declined", "cannot log in"];
        let reports = texts.into_iter().map(|text| Inbound::new("mail", text)).collect();
        soulcaster.ingest(&project, reports, now()).await.unwrap();
        assert_eq!(soulcaster.ungrouped(&project).await.unwrap(), 3);
        let done = soulcaster.run_job(job(1), now).await.unwrap();
        assert_eq!((done.status, done.stats.unwrap().clustered), (JobStatus::Succeeded, 3));
        assert_eq!(soulcaster.job(&project, "j1").await.unwrap(), done);
        assert_eq!(soulcaster.ungrouped(&project).await.unwrap(), 0);
        let again = soulcaster.run_job(job(2), now).await.unwrap();
        assert_eq!(again.stats.unwrap(), JobStats { unchanged: 3, ..JobStats::default() });
    }

    #[tokio::test]
    async fn a_job_that_others_overtake_each_time_waits_again() {
        let store = Arc::new(MemoryStore::new());
        let (soulcaster, project) = (Soulcaster::builder(store.clone()).build().unwrap(), project());
        let now = || DateTime::from_timestamp(500, 0).unwrap();
        let report = |n: usize| Inbound::new("mail", format!("problem number {n} of many"));
        soulcaster.ingest(&project, vec![report(0)], now()).await.unwrap();
        assert!(!soulcaster.is_grouped(&project).await.unwrap());
        // The engine commits at most twice a try: new vectors, and its decisions.
        let rivals = (1..=2 * TRIES + 1).map(|n| {
            let (fast, project) = (soulcaster.clone(), project.clone());
            async move {
                fast.ingest(&project, vec![report(n)], now()).await.unwrap();
                fast.group(&project, now()).await.unwrap();
            }
        });
        let job = ClusterJob { full: true, ..job(1) };
        let waits = overtaken_by(&store, rivals).run_job(job.clone(), now).await.unwrap();
        assert_eq!((&waits, soulcaster.open_jobs(&project).await.unwrap()), (&job, vec![job.clone()]));
        let done = soulcaster.run_job(job, now).await.unwrap();
        assert_eq!(
            (done.status, soulcaster.open_jobs(&project).await.unwrap()),
            (JobStatus::Succeeded, vec![])
        );
        assert!(soulcaster.is_grouped(&project).await.unwrap());
        // The same thing reported again is nothing to place, but something to count.
        let again = Inbound { body: "it is worse now".into(), ..report(0) }.external_id("a");
        soulcaster.ingest(&project, vec![report(0).external_id("a")], now()).await.unwrap();
        soulcaster.group(&project, now()).await.unwrap();
        soulcaster.ingest(&project, vec![again], now()).await.unwrap();
        assert_eq!(soulcaster.ungrouped(&project).await.unwrap(), 0);
        assert!(!soulcaster.is_grouped(&project).await.unwrap());
    }

    #[tokio::test]
    async fn old_jobs_are_forgotten() {
        let soulcaster = Soulcaster::in_memory();
        let project = project();
        for n in 0..=REMEMBERED + 2 {
            let at = DateTime::from_timestamp(n as i64, 0);
            soulcaster.note_job(&ClusterJob { finished_at: at, ..job(n) }).await.unwrap();
        }
        let jobs = soulcaster.jobs(&project, 0).await.unwrap();
        assert_eq!(jobs.len(), REMEMBERED);
        assert_eq!(jobs[0].id, format!("j{}", REMEMBERED + 2));
    }
}
