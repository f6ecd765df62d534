//! Grouping in the background: a durable queue (apalis on SQLite), one job a project at a time.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use serde::{Deserialize, Serialize};
use soulcaster_core::id::digest;
use soulcaster_core::model::{ClusterJob, JobStatus};
use soulcaster_core::{Error, ErrorKind, ProjectId, Result};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::App;
use crate::secret;

/// Jobs that run at once.
const WORKERS: usize = 2;
/// Between two looks at the queue.
const POLL: Duration = Duration::from_millis(200);
/// Between two rounds that find work nobody has asked for, such as after a crash.
const SWEEP: Duration = Duration::from_secs(60);
/// A project that took long to group is left alone for so many times as long.
const REST: u32 = 2;
/// After a job that failed.
const RETRY: Duration = Duration::from_secs(10);

/// What the queue keeps of a job; the rest is in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Task {
    id: String,
    project: ProjectId,
}

/// The queue.
pub(crate) struct Jobs {
    path: PathBuf,
    pool: SqlitePool,
    debounce: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Jobs that have not begun, by project, in the order in which they were asked for.
    waiting: HashMap<ProjectId, Vec<ClusterJob>>,
    /// Projects that are being grouped.
    busy: HashSet<ProjectId>,
    /// How long a project took last.
    took: HashMap<ProjectId, Duration>,
}

impl State {
    /// A job waits; gives whether it did not before.
    fn add(&mut self, job: &ClusterJob) -> bool {
        let waiting = self.waiting.entry(job.project_id.clone()).or_default();
        let is_new = waiting.iter().all(|known| known.id != job.id);
        if is_new {
            waiting.push(job.clone());
        }
        is_new
    }

    /// A job of `project` waits no more.
    fn remove(&mut self, project: &ProjectId, id: &str) {
        if let Some(waiting) = self.waiting.get_mut(project) {
            waiting.retain(|job| job.id != id);
        }
    }
}

impl Jobs {
    /// Opens the queue at `path`, makes it if it is missing. A project is grouped `debounce` after something came.
    ///
    /// It begins empty: the book of jobs is in the store, and [`Jobs::resume`] fills the queue from it. So nothing is
    /// lost with the file.
    pub(crate) async fn open(path: &Path, debounce: Duration) -> Result<Self> {
        let failed = |e: String| {
            let message =
                format!("{} cannot be opened; it only holds jobs and may be deleted", path.display());
            Error::new(ErrorKind::Unavailable, "jobs.open", message).with_source(e)
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .map_err(|e| failed(e.to_string()))?;
        // Not `setup`, which switches syncing off: a power cut would leave a file that cannot be opened.
        SqliteStorage::migrations().run(&pool).await.map_err(|e| failed(e.to_string()))?;
        for sql in ["DELETE FROM Jobs", "DELETE FROM Workers"] {
            sqlx::query(sql).execute(&pool).await.map_err(|e| failed(e.to_string()))?;
        }
        Ok(Self { path: path.to_owned(), pool, debounce, state: Mutex::default() })
    }

    /// The file of the queue.
    pub(crate) fn pool(&self) -> SqlitePool {
        self.pool.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn storage(&self) -> SqliteStorage<Task> {
        SqliteStorage::new(&self.pool).with_config(Config::default().queue("group").batch_size(WORKERS))
    }

    /// Asks for a project to be grouped soon. Whoever asks again before it begins asks for the same job.
    pub(crate) async fn request(&self, app: &App, project: &ProjectId) {
        let rest = self.state().took.get(project).map_or(Duration::ZERO, |took| *took * REST);
        // If it cannot be queued, the next sweep asks again.
        let _ = self.start(app, project, false, self.debounce.max(rest)).await;
    }

    /// Queues a job that begins after `delay`, or gives the one that waits already.
    pub(crate) async fn start(
        &self,
        app: &App,
        project: &ProjectId,
        full: bool,
        delay: Duration,
    ) -> Result<ClusterJob> {
        let job = {
            let mut state = self.state();
            let waiting = state.waiting.entry(project.clone()).or_default();
            if let Some(last) = waiting.last()
                && (last.full || !full)
            {
                return Ok(last.clone());
            }
            let job = ClusterJob {
                id: digest(&[&secret::random()?], 10),
                project_id: project.clone(),
                full,
                status: JobStatus::Pending,
                created_at: app.now(),
                started_at: None,
                finished_at: None,
                error: None,
                stats: None,
            };
            waiting.push(job.clone());
            job
        };
        let queued = match app.soulcaster.note_job(&job).await {
            Ok(()) => self.push(&job, delay).await,
            Err(error) => Err(error),
        };
        if let Err(error) = queued {
            self.give_up(app, job, &error).await;
            return Err(error);
        }
        Ok(job)
    }

    /// A job that cannot be queued does not wait; the next sweep asks for its project again.
    async fn give_up(&self, app: &App, mut job: ClusterJob, error: &Error) {
        self.state().remove(&job.project_id, &job.id);
        tracing::error!(job = job.id, error = error.message(), "a grouping job cannot be queued");
        job.status = JobStatus::Failed;
        job.error = Some(error.message().to_owned());
        job.finished_at = Some(app.now());
        // Where even this cannot be written, the job is resumed at the next start.
        let _ = app.soulcaster.note_job(&job).await;
    }

    /// Queues the jobs that have not ended, such as those of a server that was killed.
    async fn resume(&self, app: &App) -> Result<()> {
        for project in app.soulcaster.projects().await? {
            for job in app.soulcaster.open_jobs(&project).await? {
                if self.state().add(&job) {
                    self.push(&job, Duration::ZERO).await?;
                }
            }
        }
        Ok(())
    }

    async fn push(&self, job: &ClusterJob, delay: Duration) -> Result<()> {
        let task = Task { id: job.id.clone(), project: job.project_id.clone() };
        let task = TaskBuilder::new(task).run_after(delay).max_attempts(1).build();
        self.storage().push_task(task).await.map_err(|e| {
            let message = format!("a job cannot be written to {}", self.path.display());
            Error::new(ErrorKind::Unavailable, "jobs.push", message).with_source(e.to_string())
        })
    }

    /// Takes a project for the job `id`; not while another job has it.
    fn begin(&self, project: &ProjectId, id: &str) -> bool {
        let mut state = self.state();
        if !state.busy.insert(project.clone()) {
            return false;
        }
        state.remove(project, id);
        true
    }

    fn end(&self, project: &ProjectId, took: Duration) {
        let mut state = self.state();
        state.busy.remove(project);
        state.took.insert(project.clone(), took);
    }

    /// Whether a project is being grouped or is about to be.
    pub(crate) fn is_busy(&self, project: &ProjectId) -> bool {
        let state = self.state();
        state.busy.contains(project) || state.waiting.get(project).is_some_and(|waiting| !waiting.is_empty())
    }

    /// Asks for every project that has something to group and nobody who does it; forgets jobs that are done.
    pub(crate) async fn sweep(&self, app: &App) -> Result<()> {
        for project in app.soulcaster.projects().await? {
            if !self.is_busy(&project) && !app.soulcaster.is_grouped(&project).await? {
                self.request(app, &project).await;
            }
        }
        let sql = "DELETE FROM Jobs WHERE status IN ('Done', 'Killed') OR (status = 'Failed' AND attempts >= max_attempts)";
        sqlx::query(sql).execute(&self.pool).await.map(|_| ()).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "jobs.sweep", "old jobs cannot be removed")
                .with_source(e.to_string())
        })
    }
}

/// Groups until the server stops. A queue that breaks is opened again.
pub(crate) async fn run(app: Arc<App>) {
    if let Err(error) = app.jobs.resume(&app).await {
        // The sweep finds what they were to do.
        tracing::error!(error = error.message(), "jobs that have not ended cannot be resumed");
    }
    let sweeper = tokio::spawn(sweep(app.clone()));
    let mut stop = app.stop.subscribe();
    while !*stop.borrow() {
        let mut stopped = app.stop.subscribe();
        let signal = async move {
            // The sender lives as long as the server.
            let _ = stopped.wait_for(|stop| *stop).await;
            Ok::<(), std::io::Error>(())
        };
        // No two workers may share a name, not even with one of a process that was killed.
        let name =
            secret::random().map_or_else(|_| std::process::id().to_string(), |random| digest(&[&random], 10));
        let worker = WorkerBuilder::new(format!("soulcaster-{name}"))
            .backend(app.jobs.storage().poll_with_interval(POLL))
            .concurrency(WORKERS)
            .data(app.clone())
            .build(work);
        if let Err(error) = worker.run_until(signal).await {
            tracing::error!(%error, "the job queue failed; it is opened again");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }
    sweeper.abort();
}

async fn sweep(app: Arc<App>) {
    loop {
        if let Err(error) = app.jobs.sweep(&app).await {
            tracing::warn!(error = error.message(), "a sweep for projects to group failed");
        }
        app.limiter.sweep();
        tokio::time::sleep(SWEEP).await;
    }
}

async fn work(task: Task, app: Data<Arc<App>>) -> std::result::Result<(), BoxDynError> {
    let app = Arc::clone(&app);
    // Grouping computes for long; the queue is looked after by another thread meanwhile.
    tokio::spawn(async move { group(&app, task).await }).await?;
    Ok(())
}

async fn group(app: &App, task: Task) {
    let Task { id, project } = task;
    let job = match app.soulcaster.job(&project, &id).await {
        Ok(job) => job,
        Err(error) => {
            tracing::warn!(job = id, error = error.message(), "a job is not in the book and is left out");
            return;
        }
    };
    if !app.jobs.begin(&project, &id) {
        // Another job of the project runs: this one comes after it.
        again(app, &job, app.jobs.debounce).await;
        return;
    }
    let begun = Instant::now();
    let done = app.soulcaster.run_job(job.clone(), || app.now()).await;
    let took = begun.elapsed();
    app.jobs.end(&project, took);
    metrics::histogram!("soulcaster_group_seconds").record(took.as_secs_f64());
    match done {
        Ok(done) if done.status == JobStatus::Pending => {
            tracing::warn!(job = id, %project, "another process was faster each time; it is tried again");
            again(app, &job, app.jobs.debounce).await;
        }
        Ok(done) => {
            let clustered = done.stats.map_or(0, |stats| stats.clustered);
            tracing::info!(job = id, %project, clustered, millis = took.as_millis() as u64, "grouped");
        }
        Err(error) => {
            metrics::counter!("soulcaster_group_failures_total").increment(1);
            tracing::error!(job = id, %project, error = error.message(), "grouping failed; it is tried again");
            again(app, &job, RETRY).await;
        }
    }
}

/// Puts a job back. Whoever asks for the project meanwhile asks for this job.
async fn again(app: &App, job: &ClusterJob, delay: Duration) {
    app.jobs.state().add(job);
    if let Err(error) = app.jobs.push(job, delay).await {
        app.jobs.give_up(app, job.clone(), &error).await;
    }
}
