//! `serve`: the engine behind HTTP.
//!
//! In the request: verify, write down, answer. What was written down is taken into the store by one thread
//! ([`drain`]), and grouped by others ([`jobs`]); both give way to requests.

mod accounts;
mod cluster_jobs;
mod clusters;
mod corrections;
mod document;
mod drain;
mod extract;
mod feedback;
mod fixer;
mod fixes;
mod health;
mod idempotency;
mod ingest;
mod jobs;
mod key;
mod keys;
mod language;
mod listen;
mod page;
mod patience;
mod pending;
mod priority;
mod problem;
mod pull;
mod request;
mod router;
mod sources;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use soulcaster_core::model::{Limits, Proof};
use soulcaster_core::{Error, ErrorKind, Result, Soulcaster};
use soulcaster_sources::{Inbox, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use self::fixer::Fixer;
use self::idempotency::UnderWay;
use self::jobs::Jobs;
use self::key::Limiter;
use self::listen::Timeouts;
use self::pending::Pending;
use self::priority::Priority;
use crate::hands::Equipment;

/// Seconds that the histograms tell apart.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Threads that group: one computes while the other looks after the queue.
const GROUPING_THREADS: usize = 3;

/// Threads that look after fixes, whose work is done by other programs.
const FIXING_THREADS: usize = 2;

/// For the workers to end, once the last request has been answered.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// What the server was told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Greatest body, in bytes, also after decompression.
    pub(crate) body_limit: usize,
    /// Requests a second and key; 0 for no limit.
    pub(crate) rate: u32,
    /// Deliveries that may wait to be taken in.
    pub(crate) backlog: usize,
    /// Connections at once.
    pub(crate) connections: usize,
    /// From a delivery to the grouping of its project.
    pub(crate) debounce: Duration,
    /// From the end of one round of pulling a source to the next.
    pub(crate) pull_interval: Duration,
    /// Whether whoever has a key to a project may have the private network called.
    pub(crate) private_network: bool,
    /// What a user may have.
    pub(crate) limits: Limits,
    /// Fixes that are worked on at one time.
    pub(crate) fixes_at_once: usize,
}

/// What every request and worker shares.
pub(crate) struct App {
    soulcaster: Soulcaster,
    inbox: Inbox,
    jobs: Jobs,
    fixer: Fixer,
    equipment: Equipment,
    settings: Settings,
    limiter: Limiter,
    /// Reports that are acknowledged and not yet taken in.
    pending: Pending,
    /// Something has arrived in the inbox.
    arrived: Notify,
    /// Deliveries taken in since the start.
    taken: AtomicU64,
    in_flight: AtomicUsize,
    /// Changes with an `Idempotency-Key` that are being answered.
    under_way: UnderWay,
    /// Something has changed about the sources that are pulled.
    pullers: Notify,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// Becomes true when the server is to stop.
    stop: watch::Sender<bool>,
}

impl App {
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }
}

/// The files beside the database: `soulcaster.db` has `soulcaster.inbox.db` and `soulcaster.jobs.db`.
pub(crate) fn beside(db: &Path, what: &str) -> PathBuf {
    db.with_extension(format!("{what}.db"))
}

/// Serves until it is told to stop.
///
/// # Errors
/// `Invalid` for a source that cannot prove itself, and what hinders the start.
pub(crate) fn serve(db: &Path, settings: Settings, equipment: Equipment) -> Result<()> {
    let failed = |what: &str, e: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "serve", what.to_owned()).with_source(e)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| failed("the system has no threads left", e))?;
    let app = runtime.block_on(open(db, settings, equipment))?;
    let listener = runtime.block_on(TcpListener::bind(app.settings.listen)).map_err(|e| {
        let what = format!("{} cannot be listened at; name another with --listen", app.settings.listen);
        failed(&what, e)
    })?;
    rayon::broadcast(|_| priority::lower(Priority::Grouping));
    let workers = [
        worker("take-in", Priority::TakingIn, 1, drain::run(app.clone())),
        worker("pull", Priority::TakingIn, 1, pull::run(app.clone())),
        worker("group", Priority::Grouping, GROUPING_THREADS, jobs::run(app.clone())),
        worker("fix", Priority::Grouping, FIXING_THREADS, fixer::run(app.clone())),
    ];
    let address = listener.local_addr().map_err(|e| failed("the address is not known", e))?;
    let served: std::io::Result<()> = runtime.block_on(async {
        // Whoever reads that it listens may end it at once.
        tokio::spawn(stop_on_signal(app.clone(), Signals::new()?));
        tracing::info!(%address, db = %db.display(), "listening");
        eprintln!("listening on http://{address}");
        let router = router::router(app.clone());
        listen::run(listener, router, Timeouts::default(), app.settings.connections, app.stop.subscribe())
            .await;
        Ok(())
    });
    served.map_err(|e| failed("signals cannot be received", e))?;
    // A grouping that is under way is given up: it had written nothing yet, and begins anew at the next start.
    for worker in workers {
        wait_for(&worker?);
    }
    runtime.shutdown_background();
    tracing::info!("stopped");
    Ok(())
}

/// Opens the files and checks that every source can prove itself.
async fn open(db: &Path, settings: Settings, equipment: Equipment) -> Result<Arc<App>> {
    let path = db.to_owned();
    let opened = priority::spawn("open", Priority::TakingIn, move || SqliteStore::open(path));
    let store = opened.ok().and_then(|thread| thread.join().ok()).unwrap_or_else(|| SqliteStore::open(db))?;
    let soulcaster = Soulcaster::builder(Arc::new(store)).build()?;
    for config in soulcaster.all_sources().await? {
        config.check()?;
        if config.proof == Proof::Unsigned {
            tracing::warn!(source = config.id, vendor = config.vendor, "anybody may deliver to this source");
        }
    }
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&BUCKETS)
        .map_err(|e| Error::new(ErrorKind::Unexpected, "serve", "bad buckets").with_source(e))?
        .build_recorder();
    let metrics = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "serve", "metrics are set up twice").with_source(e.to_string())
    })?;
    let inbox = Inbox::open(beside(db, "inbox"), settings.backlog)?;
    let jobs = Jobs::open(&beside(db, "jobs"), settings.debounce).await?;
    Ok(Arc::new(App {
        soulcaster,
        fixer: Fixer::new(jobs.pool(), settings.fixes_at_once),
        equipment,
        jobs,
        limiter: Limiter::new(settings.rate),
        settings,
        pending: Pending::of_waiting(inbox.waiting_reports()?),
        inbox,
        arrived: Notify::new(),
        taken: AtomicU64::new(0),
        in_flight: AtomicUsize::new(0),
        under_way: UnderWay::default(),
        pullers: Notify::new(),
        metrics,
        stop: watch::Sender::new(false),
    }))
}

/// Runs `work` on threads of its own until it ends.
fn worker(
    name: &'static str,
    priority: Priority,
    threads: usize,
    work: impl Future<Output = ()> + Send + 'static,
) -> Result<JoinHandle<()>> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "serve", "the system has no threads left").with_source(e)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name(name)
        .on_thread_start(move || priority::lower(priority))
        .enable_all()
        .build()
        .map_err(failed)?;
    let run = move || {
        runtime.block_on(work);
        runtime.shutdown_background();
    };
    priority::spawn(name, priority, run).map_err(failed)
}

/// Gives a worker a moment to end.
fn wait_for(worker: &JoinHandle<()>) {
    let begun = Instant::now();
    while !worker.is_finished() && begun.elapsed() < LAST_MOMENT {
        std::thread::sleep(Duration::from_millis(10));
    }
}

async fn stop_on_signal(app: Arc<App>, mut signals: Signals) {
    signals.next().await;
    tracing::info!("stopping: no new connections, requests in flight are finished");
    app.stop.send_replace(true);
    signals.next().await;
    tracing::warn!("stopping at once");
    std::process::exit(1);
}

/// Somebody wants to end the process; once this is made, that does not end it by itself.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}
