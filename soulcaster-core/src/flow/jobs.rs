//! The book of grouping jobs.

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::flow::group::GroupReport;
use crate::id::ProjectId;
use crate::model::decision::Decision;
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
            let query = Query { order: Order::Sort, ..Query::all::<ClusterJob>() };
            let all = self.store.list(&job.project_id, &query).await?.records;
            let old = all.into_iter().skip(REMEMBERED).filter(|old| old.id != job.id);
            writes.extend(old.map(|old| Write {
                key: Key::of::<ClusterJob>(old.id),
                expect: Expect::Any,
                change: Change::Delete,
            }));
        }
        self.store.commit(&job.project_id, writes).await.map(|_| ())
    }

    /// Does a job: groups its project, and writes down how that went. Another run that is faster is no failure: the
    /// job then finds less to do, or nothing.
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
        match &grouped {
            Ok(report) => {
                job.status = JobStatus::Succeeded;
                job.error = None;
                job.stats = Some(stats(report));
            }
            Err(error) => {
                job.status = JobStatus::Failed;
                job.error = Some(error.message().to_owned());
            }
        }
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

    /// How many items of the project have not been grouped yet.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ungrouped(&self, project: &ProjectId) -> Result<usize> {
        let items = self.store.count(project, &Query::all::<FeedbackItem>()).await?;
        let decided = self.store.count(project, &Query::all::<Decision>()).await?;
        Ok(items.saturating_sub(decided))
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
    use super::*;
    use crate::model::item::Inbound;

    fn job(n: usize) -> ClusterJob {
        ClusterJob {
            id: format!("j{n}"),
            project_id: ProjectId::new("shop").unwrap(),
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
        let project = ProjectId::new("shop").unwrap();
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
    async fn old_jobs_are_forgotten() {
        let soulcaster = Soulcaster::in_memory();
        let project = ProjectId::new("shop").unwrap();
        for n in 0..=REMEMBERED + 2 {
            let at = DateTime::from_timestamp(n as i64, 0);
            soulcaster.note_job(&ClusterJob { finished_at: at, ..job(n) }).await.unwrap();
        }
        let jobs = soulcaster.jobs(&project, 0).await.unwrap();
        assert_eq!(jobs.len(), REMEMBERED);
        assert_eq!(jobs[0].id, format!("j{}", REMEMBERED + 2));
    }
}
