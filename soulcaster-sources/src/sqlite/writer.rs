//! The one thread that writes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use soulcaster_core::memory::{rules, text};
use soulcaster_core::port::{Change, Document, Key, Write};
use soulcaster_core::{Error, ProjectId, Result};
use tokio::sync::oneshot;

use super::failure::{again, explain};
use super::{int, uint};

const OPERATION: &str = "sqlite.commit";

/// At most so many commits or writes share one transaction.
const MAX_COMMITS: usize = 256;
const MAX_WRITES: usize = 20_000;

/// A commit that waits for its turn.
pub(super) struct Job {
    project: ProjectId,
    writes: Vec<Write>,
    reply: oneshot::Sender<Result<u64>>,
}

impl Job {
    /// Checks `writes` and folds their texts, outside the writing thread.
    pub(super) fn new(
        project: &ProjectId,
        mut writes: Vec<Write>,
    ) -> Result<(Self, oneshot::Receiver<Result<u64>>)> {
        rules::check(&writes)?;
        for write in &mut writes {
            if let Change::Put(Document { text: Some(text), .. }) = &mut write.change {
                *text = text::fold(text);
            }
        }
        let (reply, answer) = oneshot::channel();
        Ok((Self { project: project.clone(), writes, reply }, answer))
    }
}

/// Why a commit was not applied.
enum Failure {
    /// The commit itself is at fault; others may go on.
    Refused(Error),
    /// The database is.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Writes until nobody can ask any more; then moves everything into the main file.
pub(super) fn run(connection: &Connection, path: &Path, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut writes = first.writes.len();
        let mut batch = vec![first];
        while batch.len() < MAX_COMMITS && writes < MAX_WRITES {
            let Ok(job) = queue.try_recv() else { break };
            writes += job.writes.len();
            batch.push(job);
        }
        answer(connection, path, batch);
    }
    // Should it fail, the next one to open the file does it.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

/// Applies each commit of `batch` on its own and makes all of them durable at once.
pub(super) fn answer(connection: &Connection, path: &Path, batch: Vec<Job>) {
    let (mut replies, mut jobs) = (Vec::new(), Vec::new());
    for Job { project, writes, reply } in batch {
        replies.push(reply);
        jobs.push((project, writes));
    }
    let results = commit(connection, path, jobs).unwrap_or_else(|error| {
        if !connection.is_autocommit() {
            // Should even this fail, the next BEGIN says so.
            let _ = connection.execute_batch("ROLLBACK");
        }
        let error = explain(OPERATION, path, error);
        replies.iter().map(|_| Err(again(&error))).collect()
    });
    for (reply, result) in replies.into_iter().zip(results) {
        // Nobody may be waiting any more; what is committed stays committed.
        let _ = reply.send(result);
    }
}

fn commit(
    connection: &Connection,
    path: &Path,
    jobs: Vec<(ProjectId, Vec<Write>)>,
) -> rusqlite::Result<Vec<Result<u64>>> {
    let run = |sql| connection.prepare_cached(sql)?.execute([]);
    run("BEGIN IMMEDIATE")?;
    let before: i64 = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'version'")?
        .query_row([], |row| row.get(0))?;
    let mut version = uint(before);
    let mut results = Vec::with_capacity(jobs.len());
    for (project, writes) in jobs {
        run("SAVEPOINT one")?;
        match (Commit { connection, project, version, spaces: HashMap::new() }).apply(writes) {
            Ok(last) => {
                version = last;
                results.push(Ok(last));
            }
            Err(Failure::Refused(error)) => {
                run("ROLLBACK TO one")?;
                results.push(Err(error));
            }
            Err(Failure::Database(error))
                if error.sqlite_error_code() == Some(ErrorCode::TooBig) && !connection.is_autocommit() =>
            {
                run("ROLLBACK TO one")?;
                results.push(Err(explain(OPERATION, path, error)));
            }
            Err(Failure::Database(error)) => return Err(error),
        }
        run("RELEASE one")?;
    }
    if int(version) != before {
        connection
            .prepare_cached("UPDATE meta SET value = ? WHERE key = 'version'")?
            .execute([int(version)])?;
    }
    run("COMMIT")?;
    Ok(results)
}

/// One commit on its way.
struct Commit<'a> {
    connection: &'a Connection,
    project: ProjectId,
    version: u64,
    spaces: HashMap<&'static str, Space>,
}

/// A collection, and by how much the commit changes its totals.
#[derive(Clone, Copy)]
struct Space {
    id: i64,
    records: i64,
    texts: i64,
    words: i64,
}

/// What is there before a write.
struct Found {
    created: i64,
    version: u64,
    sort: i64,
    words: Option<i64>,
    text_hash: Option<i64>,
    fields: String,
}

impl Commit<'_> {
    fn apply(mut self, writes: Vec<Write>) -> Result<u64, Failure> {
        for Write { key, expect, change } in writes {
            self.version += 1;
            let space = self.space(key.collection)?;
            let found = self.find(space, &key.id)?;
            rules::expect(&key, expect, found.as_ref().map(|found| found.version))
                .map_err(Failure::Refused)?;
            match (change, found) {
                (Change::Put(document), None) => self.insert(space, &key, &document)?,
                (Change::Put(document), Some(found)) => self.update(space, &key, &document, &found)?,
                (Change::Delete, Some(found)) => self.delete(space, &key, &found)?,
                (Change::Delete, None) => {}
            }
        }
        let mut totals = self.connection.prepare_cached(
            "UPDATE spaces SET records = records + ?, texts = texts + ?, words = words + ? WHERE id = ?",
        )?;
        for Space { id, records, texts, words } in self.spaces.values() {
            if (*records, *texts, *words) != (0, 0, 0) {
                totals.execute([records, texts, words, id])?;
            }
        }
        Ok(self.version)
    }

    /// The number of a collection of this project; makes it when it is new.
    fn space(&mut self, collection: &'static str) -> rusqlite::Result<i64> {
        if let Some(space) = self.spaces.get(collection) {
            return Ok(space.id);
        }
        let key = params![self.project.as_str(), collection];
        let found = self
            .connection
            .prepare_cached("SELECT id FROM spaces WHERE project = ? AND collection = ?")?
            .query_row(key, |row| row.get(0))
            .optional()?;
        let id = match found {
            Some(id) => id,
            None => self
                .connection
                .prepare_cached("INSERT INTO spaces (project, collection) VALUES (?, ?) RETURNING id")?
                .query_row(key, |row| row.get(0))?,
        };
        self.spaces.insert(collection, Space { id, records: 0, texts: 0, words: 0 });
        Ok(id)
    }

    fn totals(&mut self, key: &Key, records: i64, texts: i64, words: i64) {
        if let Some(space) = self.spaces.get_mut(key.collection) {
            space.records += records;
            space.texts += texts;
            space.words += words;
        }
    }

    fn find(&self, space: i64, id: &str) -> rusqlite::Result<Option<Found>> {
        self.connection
            .prepare_cached(
                "SELECT created, version, sort, words, text_hash, fields FROM records WHERE space = ? AND id = ?",
            )?
            .query_row(params![space, id], |row| {
                Ok(Found {
                    created: row.get(0)?,
                    version: uint(row.get(1)?),
                    sort: row.get(2)?,
                    words: row.get(3)?,
                    text_hash: row.get(4)?,
                    fields: row.get(5)?,
                })
            })
            .optional()
    }

    fn insert(&mut self, space: i64, key: &Key, document: &Document) -> rusqlite::Result<()> {
        let created = int(self.version);
        let fields = flat(&document.fields);
        let words = document.text.as_deref().map(|text| int(text::count(text)));
        let text_hash = document.text.as_deref().map(hash);
        self.connection
            .prepare_cached("DELETE FROM traces WHERE space = ? AND id = ?")?
            .execute(params![space, key.id])?;
        self.connection
            .prepare_cached(
                "INSERT INTO records (created, space, id, version, sort, words, text_hash, fields, json, blob) \
                 VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                created,
                space,
                key.id,
                document.sort,
                words,
                text_hash,
                fields,
                document.json,
                document.blob
            ])?;
        self.index_fields(space, created, document.sort, &document.fields)?;
        if let Some(text) = &document.text {
            self.index_text(space, created, text)?;
        }
        self.totals(key, 1, i64::from(words.is_some()), words.unwrap_or(0));
        Ok(())
    }

    fn update(&mut self, space: i64, key: &Key, document: &Document, found: &Found) -> rusqlite::Result<()> {
        let created = found.created;
        let fields = flat(&document.fields);
        let words = document.text.as_deref().map(|text| int(text::count(text)));
        let text_hash = document.text.as_deref().map(hash);
        self.connection
            .prepare_cached(
                "UPDATE records SET version = ?2, sort = ?3, words = coalesce(?4, words), \
                 text_hash = coalesce(?5, text_hash), fields = ?6, json = ?7, blob = coalesce(?8, blob) WHERE created = ?1",
            )?
            .execute(params![
                created,
                int(self.version),
                document.sort,
                words,
                text_hash,
                fields,
                document.json,
                document.blob
            ])?;
        if (found.sort, &found.fields) != (document.sort, &fields) {
            self.forget_fields(space, found)?;
            self.index_fields(space, created, document.sort, &document.fields)?;
        }
        if let Some(text) = &document.text
            && (text_hash, words) != (found.text_hash, found.words)
        {
            self.forget_text(found)?;
            self.index_text(space, created, text)?;
            let (before, now) = (found.words.unwrap_or(0), words.unwrap_or(0));
            self.totals(key, 0, i64::from(found.words.is_none()), now - before);
        }
        Ok(())
    }

    fn delete(&mut self, space: i64, key: &Key, found: &Found) -> rusqlite::Result<()> {
        self.forget_fields(space, found)?;
        self.forget_text(found)?;
        self.connection.prepare_cached("DELETE FROM records WHERE created = ?")?.execute([found.created])?;
        self.connection
            .prepare_cached("INSERT INTO traces (space, id, version, created) VALUES (?, ?, ?, ?)")?
            .execute(params![space, key.id, int(self.version), found.created])?;
        self.totals(key, -1, -i64::from(found.words.is_some()), -found.words.unwrap_or(0));
        Ok(())
    }

    fn index_fields(
        &self,
        space: i64,
        created: i64,
        sort: i64,
        fields: &[(&'static str, String)],
    ) -> rusqlite::Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO fields (space, name, value, sort, record) VALUES (?, ?, ?, ?, ?)",
        )?;
        for (name, value) in fields {
            insert.execute(params![space, name, value, sort, created])?;
        }
        Ok(())
    }

    fn forget_fields(&self, space: i64, found: &Found) -> rusqlite::Result<()> {
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM fields WHERE space = ? AND name = ? AND value = ? AND sort = ? AND record = ?",
        )?;
        for (name, value) in unflat(&found.fields) {
            delete.execute(params![space, name, value, found.sort, found.created])?;
        }
        Ok(())
    }

    /// Puts the number of the space before each word.
    fn index_text(&self, space: i64, created: i64, text: &str) -> rusqlite::Result<()> {
        let prefix = format!("{space}x");
        let mut words = String::with_capacity(text.len() * 2);
        for word in text.split_terminator(' ') {
            words.push_str(&prefix);
            words.push_str(word);
            words.push(' ');
        }
        let mut insert = self.connection.prepare_cached("INSERT INTO texts (rowid, text) VALUES (?, ?)")?;
        insert.execute(params![created, words]).map(|_| ())
    }

    fn forget_text(&self, found: &Found) -> rusqlite::Result<()> {
        if found.words.is_some() {
            self.connection.prepare_cached("DELETE FROM texts WHERE rowid = ?")?.execute([found.created])?;
        }
        Ok(())
    }
}

/// Tells one folded text from another. Should the hash change with the compiler, texts are indexed once more.
fn hash(text: &str) -> i64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish().cast_signed()
}

/// Fields as the record keeps them, so that a later write can take them out of the index.
fn flat(fields: &[(&'static str, String)]) -> String {
    // Strings in a list always have a JSON form.
    serde_json::to_string(fields).unwrap_or_default()
}

/// Reads what [`flat`] wrote.
pub(super) fn unflat(fields: &str) -> Vec<(String, String)> {
    serde_json::from_str(fields).unwrap_or_default()
}
