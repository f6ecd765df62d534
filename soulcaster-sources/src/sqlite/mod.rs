//! Records in one SQLite file.

mod check;
#[cfg(test)]
mod error_tests;
mod failure;
mod inbox;
#[cfg(test)]
mod inbox_tests;
mod open;
mod reader;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use rusqlite::Connection;
use soulcaster_core::memory::Cursor;
use soulcaster_core::port::{Key, Page, Query, Store, Stored, Write};
use soulcaster_core::{Error, ErrorKind, ProjectId, Result};

pub use inbox::{Arrival, Inbox};

use failure::explain;
use open::Settings;
use writer::Job;

/// At most so many idle connections are kept for reading.
const IDLE_READERS: usize = 8;

/// A [`Store`] in one SQLite file, made for one machine.
///
/// What `commit` has acknowledged survives a crash of the process and a power cut: it is on disk (WAL,
/// `synchronous = FULL`). Commits that come at the same time share one disk flush. Readers never wait for
/// writers. Several processes may open one file: their commits take turns, one that waits longer than ten
/// seconds gets `Unavailable`. Keep the file on a local disk; network file systems do not lock reliably.
///
/// Beside the file SQLite keeps `FILE-wal` and `FILE-shm` while it is open; they belong to it. Drop the store
/// to fold them back into the file. The views `items`, `clusters`, `decisions` and `timeline` show the records
/// to any SQLite tool.
///
/// Reads do their work on the calling thread; commits wait for the store's own thread. No async runtime is
/// needed. To drop the future of a commit does not take it back.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use soulcaster_core::{ProjectId, model::Head, port::{Expect, Store, Write}};
/// use soulcaster_sources::SqliteStore;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("soulcaster.db");
/// let project = ProjectId::new("default")?;
/// let store = SqliteStore::open(&path)?;
/// store.commit(&project, vec![Write::put(&Head::empty(&project), Expect::Absent)?]).await?;
/// drop(store);
///
/// let store: &dyn Store = &SqliteStore::open(&path)?;
/// assert!(store.read::<Head>(&project, "head").await?.is_some());
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    settings: Settings,
    readers: Mutex<Vec<Connection>>,
    /// Absent when opened read-only.
    writer: Option<(Sender<Job>, JoinHandle<()>)>,
}

impl SqliteStore {
    /// Opens `path` to read and write; makes the file and its directory if they are missing.
    ///
    /// A file of an older version is brought up to date.
    ///
    /// # Errors
    /// `Invalid` for a directory, a file that is no database, another application's database, or one that a
    /// newer version has written. `Unavailable` for a file that cannot be created, is read-only, damaged, or
    /// being written by another process, `Full` for a full disk. Each names the file and the remedy.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), Settings::default())
    }

    /// Opens `path` to read only; `commit` is then `Invalid`.
    ///
    /// Also reads a file on a read-only disk, if no process writes it.
    ///
    /// # Errors
    /// `NotFound` without a file; `Invalid` also for a file of an older version, which [`SqliteStore::open`]
    /// brings up to date; otherwise those of [`SqliteStore::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let (connection, settings) = open::read_only(&path, Settings::default())?;
        Ok(Self { path, settings, readers: Mutex::new(vec![connection]), writer: None })
    }

    fn open_with(path: &Path, settings: Settings) -> Result<Self> {
        let connection = open::writable(path, &settings)?;
        let (sender, queue) = mpsc::channel();
        let file = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || writer::run(&connection, &file, &queue))
            .map_err(|e| {
                let message = format!("no thread to write {}; the system has too many", path.display());
                Error::new(ErrorKind::Unavailable, "sqlite.open", message).with_source(e)
            })?;
        Ok(Self {
            path: path.to_owned(),
            settings,
            readers: Mutex::default(),
            writer: Some((sender, thread)),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks the file, and that what is indexed is what is kept. Gives one line for each problem; none when
    /// all is well.
    ///
    /// Reads everything: about two seconds for 100,000 records.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>> {
        let connection = self.connection()?;
        let problems = check::problems(&connection);
        if problems.is_empty() {
            self.put_back(connection);
        }
        Ok(problems)
    }

    /// Writes a compact copy to `target`, as of now, while others go on reading and writing.
    ///
    /// The copy appears whole or not at all.
    ///
    /// # Errors
    /// `Invalid` when `target` is there already; `Unavailable` when it cannot be written.
    pub fn backup_to(&self, target: impl AsRef<Path>) -> Result<()> {
        const OPERATION: &str = "sqlite.backup";
        let target = target.as_ref();
        if target.exists() {
            let message =
                format!("{} is there already; name another file, or move it away", target.display());
            return Err(Error::invalid(OPERATION, message));
        }
        open::make_parent(OPERATION, target)?;
        let mut partial = target.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let failed = |e: std::io::Error| {
            let message = format!("the backup {} cannot be written; choose another place", target.display());
            Error::new(ErrorKind::Unavailable, OPERATION, message).with_source(e)
        };
        if partial.exists() {
            fs::remove_file(&partial).map_err(failed)?;
        }
        let name = partial.to_str().ok_or_else(|| {
            Error::invalid(OPERATION, format!("{} is not Unicode; name another file", target.display()))
        })?;
        let copied = self.connection().and_then(|connection| {
            let copied = connection.execute("VACUUM INTO ?", [name]);
            self.put_back(connection);
            copied.map_err(|e| explain(OPERATION, &partial, e))
        });
        let kept = copied
            .and_then(|_| {
                let file = fs::File::options().write(true).open(&partial);
                file.and_then(|file| file.sync_all()).map_err(failed)
            })
            .and_then(|()| fs::rename(&partial, target).map_err(failed));
        if kept.is_err() {
            // What is left of a failed copy is of no use; should it stay, the next backup replaces it.
            let _ = fs::remove_file(&partial);
        }
        kept
    }

    fn connection(&self) -> Result<Connection> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open::reader(&self.path, &self.settings), Ok)
    }

    fn put_back(&self, connection: Connection) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
    }

    /// Reads in one transaction: `work` sees one state of the store.
    fn read<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let connection = self.connection()?;
        let run = |sql| connection.prepare_cached(sql)?.execute([]);
        // A connection that failed is closed, not kept: it may be in the middle of something.
        let value = run("BEGIN")
            .and_then(|_| work(&connection))
            .and_then(|value| run("COMMIT").map(|_| value))
            .map_err(|e| explain(operation, &self.path, e))?;
        self.put_back(connection);
        Ok(value)
    }
}

impl Drop for SqliteStore {
    /// Waits for what is queued and folds the log into the file.
    fn drop(&mut self) {
        self.readers.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some((sender, thread)) = self.writer.take() {
            drop(sender);
            // A writer that panicked has said so already.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, project: &ProjectId, keys: &[Key], blobs: bool) -> Result<Vec<Option<Stored>>> {
        self.read("sqlite.get", |connection| reader::get(connection, project, keys, blobs))
    }

    async fn list(&self, project: &ProjectId, query: &Query) -> Result<Page> {
        let after = Cursor::of(query)?;
        self.read("sqlite.list", |connection| reader::list(connection, project, query, after))
    }

    async fn count(&self, project: &ProjectId, query: &Query) -> Result<usize> {
        self.read("sqlite.count", |connection| reader::count(connection, project, query))
    }

    async fn commit(&self, project: &ProjectId, writes: Vec<Write>) -> Result<u64> {
        const OPERATION: &str = "sqlite.commit";
        let Some((sender, _)) = &self.writer else {
            let message = format!("{} was opened read-only; open it for writing", self.path.display());
            return Err(Error::invalid(OPERATION, message));
        };
        let stopped = || {
            let message =
                format!("the writer of {} has stopped; the outcome is unknown", self.path.display());
            Error::new(ErrorKind::Unavailable, OPERATION, message)
        };
        let (job, answer) = Job::new(project, writes)?;
        sender.send(job).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    async fn projects(&self) -> Result<Vec<ProjectId>> {
        let names = self.read("sqlite.projects", reader::projects)?;
        names.into_iter().map(ProjectId::restore).collect()
    }
}

/// A version as SQLite keeps it.
fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A version as SQLite kept it.
fn uint(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
