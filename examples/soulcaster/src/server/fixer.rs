//! Fixes in the background: a durable queue (apalis on SQLite), resumed from the store.
//!
//! The lease in the store decides who works on a fix, so a job that is queued twice, or by two servers, is done once.

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use serde::{Deserialize, Serialize};
use soulcaster_core::id::digest;
use soulcaster_core::model::FixStatus;
use soulcaster_core::{ProjectId, Result};
use sqlx::sqlite::SqlitePool;
use tokio::sync::Notify;

use super::App;
use crate::{fixing, secret};

/// Between two looks at the queue.
const POLL: Duration = Duration::from_millis(200);
/// Between two rounds that find fixes nobody works on, such as after a crash.
const SWEEP: Duration = Duration::from_secs(10);
/// Between two rounds that ask what became of pull requests, and forget old logs.
const WATCH: Duration = Duration::from_secs(5 * 60);
/// Between the news of a pull request and a look at it; no sender brings more than one look in this time.
const GATHER: Duration = Duration::from_secs(5);
/// Before a fix that was given back is begun again.
const RETRY: Duration = Duration::from_secs(20);

/// What the queue keeps of a fix; the rest is in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Task {
    id: String,
    project: ProjectId,
}

/// The queue of fixes.
pub(crate) struct Fixer {
    pool: SqlitePool,
    at_once: usize,
    /// Somebody says that a pull request has changed.
    news: Notify,
}

impl Fixer {
    /// A queue in the file of `pool`, of which `at_once` are worked on at one time.
    pub(crate) fn new(pool: SqlitePool, at_once: usize) -> Self {
        Self { pool, at_once, news: Notify::new() }
    }

    fn storage(&self) -> SqliteStorage<Task> {
        SqliteStorage::new(&self.pool).with_config(Config::default().queue("fix").batch_size(self.at_once))
    }

    /// Queues a fix. If that fails, the next sweep finds it.
    pub(crate) async fn push(&self, project: &ProjectId, id: &str, delay: Duration) {
        let task = Task { id: id.to_owned(), project: project.clone() };
        let task = TaskBuilder::new(task).run_after(delay).max_attempts(1).build();
        if let Err(error) = self.storage().push_task(task).await {
            tracing::warn!(job = id, %error, "a fix cannot be queued yet");
        }
    }

    /// Has pull requests looked after now, not at the next round.
    pub(crate) fn look_now(&self) {
        self.news.notify_one();
    }

    /// Queues the fixes that nobody works on.
    async fn sweep(&self, app: &App) -> Result<()> {
        for project in app.soulcaster.projects().await? {
            for job in app.soulcaster.open_fixes(&project).await? {
                if job.lease.is_none_or(|lease| lease.until <= app.now() || fixing::is_gone(&lease.holder)) {
                    self.push(&project, &job.id, Duration::ZERO).await;
                }
            }
        }
        Ok(())
    }
}

/// Works on fixes until the server stops. A queue that breaks is opened again.
pub(crate) async fn run(app: Arc<App>) {
    if !app.equipment.can_fix() {
        return;
    }
    let rounds = tokio::spawn(sweep(app.clone()));
    let watch = tokio::spawn(watch(app.clone()));
    let mut stop = app.stop.subscribe();
    while !*stop.borrow() {
        let mut stopped = app.stop.subscribe();
        let signal = async move {
            // The sender lives as long as the server.
            let _ = stopped.wait_for(|stop| *stop).await;
            Ok::<(), std::io::Error>(())
        };
        let name =
            secret::random().map_or_else(|_| std::process::id().to_string(), |random| digest(&[&random], 10));
        let worker = WorkerBuilder::new(format!("soulcaster-fix-{name}"))
            .backend(app.fixer.storage().poll_with_interval(POLL))
            .concurrency(app.fixer.at_once)
            .data(app.clone())
            .build(work);
        if let Err(error) = worker.run_until(signal).await {
            tracing::error!(%error, "the queue of fixes failed; it is opened again");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
    }
    rounds.abort();
    watch.abort();
}

async fn sweep(app: Arc<App>) {
    loop {
        if let Err(error) = app.fixer.sweep(&app).await {
            tracing::warn!(error = error.message(), "a sweep for fixes failed");
        }
        tokio::time::sleep(SWEEP).await;
    }
}

async fn watch(app: Arc<App>) {
    loop {
        // Deliveries of one push come together.
        let told = async {
            app.fixer.news.notified().await;
            tokio::time::sleep(GATHER).await;
        };
        let _ = tokio::time::timeout(WATCH, told).await;
        if let Err(error) = look_after(&app).await {
            tracing::warn!(error = error.message(), "pull requests cannot be looked after");
        }
    }
}

/// Asks what became of pull requests, and forgets old logs.
async fn look_after(app: &App) -> Result<()> {
    for project in app.soulcaster.projects().await? {
        let host = app.equipment.host()?;
        let report = app.soulcaster.watch_fixes(&project, host.as_ref(), app.now()).await?;
        for (job, why) in report.failed {
            tracing::warn!(job, %project, why, "nobody can be asked about a pull request");
        }
        app.soulcaster.forget_old_logs(&project, app.now()).await?;
    }
    Ok(())
}

async fn work(task: Task, app: Data<Arc<App>>) -> std::result::Result<(), BoxDynError> {
    let Task { id, project } = task;
    let mut stop = app.stop.subscribe();
    let stopped = async move {
        // The sender lives as long as the server.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let hands = match app.equipment.hands(&app.soulcaster, &project) {
        Ok(hands) => hands,
        Err(error) => {
            tracing::error!(job = id, error = error.message(), "a fix cannot be worked on");
            return Ok(());
        }
    };
    match fixing::work(&app.soulcaster, &hands, &project, &id, stopped).await {
        Ok(None) => {}
        Ok(Some(job)) if job.status == FixStatus::Pending => app.fixer.push(&project, &id, RETRY).await,
        Ok(Some(job)) => {
            metrics::counter!("soulcaster_fixes_total", "status" => format!("{:?}", job.status).to_lowercase()).increment(1);
            tracing::info!(job = id, %project, status = ?job.status, "a fix has ended");
        }
        Err(error) => {
            tracing::warn!(job = id, %project, error = error.message(), "a fix goes on elsewhere, or later");
        }
    }
    Ok(())
}
