//! Deliveries that are acknowledged and not yet taken in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use soulcaster_core::model::Inbound;
use soulcaster_core::{Error, ErrorKind, ProjectId, Result};
use tokio::sync::oneshot;

use super::failure::{again, explain};
use super::open::{self, Settings};
use super::{int, schema, uint};

const PUT: &str = "inbox.put";
const READ: &str = "inbox.read";

/// At most so many changes share one disk flush.
const MAX_BATCH: usize = 512;

/// The reports of one verified delivery, and where they go.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The project, from the credential.
    pub project: ProjectId,
    /// When the delivery came.
    pub received_at: DateTime<Utc>,
    /// Its reports: all of them are kept or none.
    pub reports: Vec<Inbound>,
}

/// A durable queue in front of a [`SqliteStore`](crate::SqliteStore), in a file of its own.
///
/// A server acknowledges a delivery once [`Inbox::put`] returns: the delivery then survives a crash of the process
/// and a power cut (WAL, `synchronous = FULL`). Taking it into the store comes later, so that neither a long
/// commit there nor a grouping delays an answer. Deliveries that come at the same time share one disk flush.
///
/// Whoever empties it reads with [`Inbox::oldest`], keeps the reports, and only then calls [`Inbox::remove`]: a crash
/// in between repeats a delivery, which changes nothing, since an item is known by its source's id.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use chrono::DateTime;
/// use soulcaster_core::{ProjectId, model::Inbound};
/// use soulcaster_sources::{Arrival, Inbox};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("inbox.db");
/// let inbox = Inbox::open(&path, 1000)?;
/// let reports = vec![Inbound::new("mail", "cannot log in")];
/// let arrival = Arrival { project: ProjectId::new("shop")?, received_at: DateTime::UNIX_EPOCH, reports };
/// let seq = inbox.put(&arrival).await?;
/// let (first, waiting) = inbox.oldest(10, 1 << 20)?.remove(0);
/// assert_eq!((first, waiting?), (seq, arrival));
/// inbox.remove(seq).await?;
/// assert_eq!(inbox.waiting(), 0);
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Inbox {
    path: PathBuf,
    capacity: usize,
    waiting: AtomicUsize,
    reader: Mutex<Connection>,
    /// Absent only while it is dropped.
    writer: Option<(Sender<Job>, JoinHandle<()>)>,
}

impl Inbox {
    /// Opens `path`, makes it if it is missing. More than `capacity` deliveries never wait.
    ///
    /// # Errors
    /// As [`SqliteStore::open`](crate::SqliteStore::open).
    pub fn open(path: impl AsRef<Path>, capacity: usize) -> Result<Self> {
        Self::open_with(path.as_ref(), capacity, Settings::default())
    }

    pub(super) fn open_with(path: &Path, capacity: usize, settings: Settings) -> Result<Self> {
        let settings = Settings { format: &schema::INBOX, ..settings };
        let connection = open::writable(path, &settings)?;
        let reader = open::reader(path, &settings)?;
        let waiting: i64 = reader
            .query_row("SELECT count(*) FROM arrivals", [], |row| row.get(0))
            .map_err(|e| explain(READ, path, e))?;
        let (sender, queue) = mpsc::channel();
        let file = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("inbox-writer".to_owned())
            .spawn(move || run(&connection, &file, &queue))
            .map_err(|e| {
                let message = format!("no thread to write {}; the system has too many", path.display());
                Error::new(ErrorKind::Unavailable, "inbox.open", message).with_source(e)
            })?;
        Ok(Self {
            path: path.to_owned(),
            capacity,
            waiting: AtomicUsize::new(usize::try_from(waiting).unwrap_or(0)),
            reader: Mutex::new(reader),
            writer: Some((sender, thread)),
        })
    }

    /// Keeps a delivery; gives its place in the queue. When it returns `Ok` the delivery is on disk.
    ///
    /// # Errors
    /// `Unavailable` when as many wait as may, or the disk fails; `Full` when it is full. Nothing is kept then, but for
    /// an error that says that the outcome is unknown.
    pub async fn put(&self, arrival: &Arrival) -> Result<u64> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let message = format!("{} deliveries wait already; try again later", self.capacity);
            return Err(Error::new(ErrorKind::Unavailable, PUT, message));
        }
        let kept = match Row::of(arrival) {
            Ok(row) => self.change(Change::Put(row)).await,
            Err(error) => Err(error),
        };
        if kept.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        kept
    }

    /// The deliveries that have waited longest, oldest first: at most `limit`, and no more when they have reached
    /// `bytes`. For one that cannot be read any more, why.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read.
    pub fn oldest(&self, limit: usize, bytes: usize) -> Result<Vec<(u64, Result<Arrival>)>> {
        let rows: Vec<(i64, Row)> = self.read(|reader| {
            let sql = "SELECT seq, project, received_at, json, raw FROM arrivals ORDER BY seq LIMIT ?";
            let mut statement = reader.prepare_cached(sql)?;
            let read = |row: &rusqlite::Row<'_>| {
                let (project, received_at) = (row.get(1)?, row.get(2)?);
                Ok((row.get(0)?, Row { project, received_at, json: row.get(3)?, raw: row.get(4)? }))
            };
            let mut rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], read)?;
            let (mut taken, mut size) = (Vec::new(), 0);
            while size < bytes
                && let Some(row) = rows.next()
            {
                let (seq, row): (i64, Row) = row?;
                size += row.json.len() + row.raw.len();
                taken.push((seq, row));
            }
            Ok(taken)
        })?;
        Ok(rows.into_iter().map(|(seq, row)| (uint(seq), row.arrival())).collect())
    }

    /// Removes every delivery up to and including `seq`.
    ///
    /// # Errors
    /// `Unavailable` when the disk fails or is full; the deliveries then come again.
    pub async fn remove(&self, seq: u64) -> Result<()> {
        let removed = self.change(Change::Remove(seq)).await?;
        self.waiting.fetch_sub(usize::try_from(removed).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// Takes one delivery out of the queue and keeps it aside, with the reason, for somebody to look at.
    ///
    /// # Errors
    /// As [`Inbox::remove`].
    pub async fn set_aside(&self, seq: u64, reason: &str) -> Result<()> {
        let moved = self.change(Change::SetAside(seq, reason.to_owned())).await?;
        self.waiting.fetch_sub(usize::try_from(moved).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    /// How many deliveries wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// How many reports wait, by project.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read.
    pub fn waiting_reports(&self) -> Result<BTreeMap<ProjectId, u64>> {
        let sql = "SELECT project, sum(iif(json_valid(json), json_array_length(json, '$.reports'), 0)) \
                   FROM arrivals GROUP BY project";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or(0)));
        let counts: Vec<(String, i64)> =
            self.read(|reader| reader.prepare(sql)?.query_map([], read)?.collect())?;
        counts.into_iter().map(|(project, count)| Ok((ProjectId::restore(project)?, uint(count)))).collect()
    }

    /// Checks the file, and that what waits can be read. Gives one line for each problem; none when all is well.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>> {
        let whole: Vec<String> = self.read(|reader| {
            reader.prepare("PRAGMA integrity_check")?.query_map([], |row| row.get(0))?.collect()
        })?;
        if whole != ["ok"] {
            return Ok(whole.into_iter().map(|line| format!("damaged: {line}")).collect());
        }
        let waiting = self.oldest(usize::MAX, usize::MAX)?.into_iter();
        let unread = waiting.filter_map(|(seq, arrival)| Some((seq, arrival.err()?)));
        Ok(unread.map(|(seq, error)| format!("delivery {seq}: {}", error.message())).collect())
    }

    /// How many deliveries have been put aside.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read.
    pub fn aside(&self) -> Result<usize> {
        let count: i64 =
            self.read(|reader| reader.query_row("SELECT count(*) FROM aside", [], |row| row.get(0)))?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        work(&reader).map_err(|e| explain(READ, &self.path, e))
    }

    async fn change(&self, change: Change) -> Result<u64> {
        let stopped = || {
            let message =
                format!("the writer of {} has stopped; the outcome is unknown", self.path.display());
            Error::new(ErrorKind::Unavailable, PUT, message)
        };
        let (reply, answer) = oneshot::channel();
        let (sender, _) = self.writer.as_ref().ok_or_else(stopped)?;
        sender.send(Job { change, reply }).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for Inbox {
    /// Waits for what is queued.
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.writer.take() {
            drop(sender);
            // A writer that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// What the writing thread does.
enum Change {
    /// Answers with the place in the queue.
    Put(Row),
    /// Up to this place; answers with how many there were.
    Remove(u64),
    /// This place; answers with how many there were.
    SetAside(u64, String),
}

struct Job {
    change: Change,
    reply: oneshot::Sender<Result<u64>>,
}

/// An arrival as it is kept.
struct Row {
    project: String,
    received_at: i64,
    json: String,
    raw: Vec<u8>,
}

/// The `json` of a row: reports, and for each where its bytes lie in `raw`.
#[derive(Serialize, Deserialize)]
struct Envelope {
    reports: Vec<Inbound>,
    raw: Vec<Option<(usize, usize)>>,
}

impl Row {
    fn of(arrival: &Arrival) -> Result<Self> {
        let (mut bytes, mut places): (Vec<u8>, Vec<Option<(usize, usize)>>) = (Vec::new(), Vec::new());
        for report in &arrival.reports {
            let Some(raw) = &report.raw_payload else {
                places.push(None);
                continue;
            };
            // The reports of a delivery mostly keep the same bytes.
            let last = places.last().copied().flatten();
            places.push(match last {
                Some((start, len)) if bytes[start..start + len] == raw[..] => Some((start, len)),
                _ => {
                    bytes.extend_from_slice(raw);
                    Some((bytes.len() - raw.len(), raw.len()))
                }
            });
        }
        let envelope = Envelope { reports: arrival.reports.clone(), raw: places };
        let json = serde_json::to_string(&envelope).map_err(|e| {
            Error::new(ErrorKind::Unexpected, PUT, "a report has no JSON form").with_source(e)
        })?;
        let (project, received_at) = (arrival.project.to_string(), arrival.received_at.timestamp_micros());
        Ok(Self { project, received_at, json, raw: bytes })
    }

    fn arrival(self) -> Result<Arrival> {
        let damaged = |what: &str| {
            Error::new(ErrorKind::Unexpected, READ, format!("a delivery that waits has no readable {what}"))
        };
        let Envelope { mut reports, raw } =
            serde_json::from_str(&self.json).map_err(|e| damaged("reports").with_source(e))?;
        for (report, place) in reports.iter_mut().zip(raw) {
            if let Some((start, len)) = place {
                let bytes = start.checked_add(len).and_then(|end| self.raw.get(start..end));
                report.raw_payload = Some(bytes.ok_or_else(|| damaged("bytes"))?.to_vec());
            }
        }
        let received_at = DateTime::from_timestamp_micros(self.received_at).ok_or_else(|| damaged("time"))?;
        Ok(Arrival { project: ProjectId::restore(self.project)?, received_at, reports })
    }
}

/// Writes until nobody can ask any more.
fn run(connection: &Connection, path: &Path, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let (mut changes, mut replies) = (vec![first.change], vec![first.reply]);
        while changes.len() < MAX_BATCH {
            let Ok(job) = queue.try_recv() else { break };
            changes.push(job.change);
            replies.push(job.reply);
        }
        let results = commit(connection, &changes).map_err(|error| {
            if !connection.is_autocommit() {
                // Should even this fail, the next BEGIN says so.
                let _ = connection.execute_batch("ROLLBACK");
            }
            explain(PUT, path, error)
        });
        for (at, reply) in replies.into_iter().enumerate() {
            // Nobody may be waiting any more; what is kept stays kept.
            let _ = reply.send(match &results {
                Ok(results) => Ok(results[at]),
                Err(error) => Err(again(error)),
            });
        }
    }
}

fn commit(connection: &Connection, changes: &[Change]) -> rusqlite::Result<Vec<u64>> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE")?;
    let mut results = Vec::with_capacity(changes.len());
    for change in changes {
        results.push(match change {
            Change::Put(row) => {
                let sql = "INSERT INTO arrivals (project, received_at, json, raw) VALUES (?, ?, ?, ?)";
                let values = params![row.project, row.received_at, row.json, row.raw];
                uint(connection.prepare_cached(sql)?.insert(values)?)
            }
            Change::Remove(seq) => {
                let sql = "DELETE FROM arrivals WHERE seq <= ?";
                connection.prepare_cached(sql)?.execute([int(*seq)])? as u64
            }
            Change::SetAside(seq, reason) => {
                let sql = "INSERT INTO aside SELECT seq, project, received_at, json, raw, ?2 FROM arrivals \
                           WHERE seq = ?1";
                connection.prepare_cached(sql)?.execute(params![int(*seq), reason])?;
                connection.prepare_cached("DELETE FROM arrivals WHERE seq = ?")?.execute([int(*seq)])? as u64
            }
        });
    }
    run("COMMIT")?;
    Ok(results)
}
