//! The tables, and the steps that lead to them.

use rusqlite::{Connection, TransactionBehavior};

/// What tells one kind of file from others, and how to make it.
#[derive(Debug)]
pub(super) struct Format {
    /// Tells these files from those of another program (`PRAGMA application_id`).
    pub(super) application_id: i32,
    /// Each step leads from the version before it to its own; the first makes version 1 of an empty file.
    /// A step that has been released is never changed: add another.
    pub(super) steps: &'static [&'static str],
}

impl Format {
    /// The version that this program writes (`PRAGMA user_version`).
    pub(super) fn version(&self) -> usize {
        self.steps.len()
    }
}

/// Files of records; the id is "Soul" in ASCII.
pub(super) static STORE: Format = Format { application_id: 0x536f_756c, steps: &[STEP_1] };

/// Files of deliveries that wait; the id is "SoIn" in ASCII.
pub(super) static INBOX: Format = Format { application_id: 0x536f_496e, steps: &[INBOX_STEP_1] };

/// `seq` is never reused, so it says what came before what. `aside` keeps what could not be taken in.
const INBOX_STEP_1: &str = "
CREATE TABLE arrivals (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    json TEXT NOT NULL,
    raw BLOB NOT NULL
) STRICT;
CREATE TABLE aside (
    seq INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    json TEXT NOT NULL,
    raw BLOB NOT NULL,
    reason TEXT NOT NULL
) STRICT;
";

/// `records` are known by `created`, the version of their first write, everywhere.
/// `fields` carries `sort`, so that a list by a field comes in order from its key.
/// `texts` holds folded words behind the number of their space (`3xcrash`), so a search never sees those of
/// another project; the text itself is in the JSON. `words` shows which record holds which. `text_hash` tells
/// a text that is written again unchanged, as most are, from one to be indexed anew.
const STEP_1: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('version', 0);

CREATE TABLE spaces (
    id INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    collection TEXT NOT NULL,
    records INTEGER NOT NULL DEFAULT 0,
    texts INTEGER NOT NULL DEFAULT 0,
    words INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project, collection)
) STRICT;

CREATE TABLE records (
    created INTEGER PRIMARY KEY,
    space INTEGER NOT NULL REFERENCES spaces (id),
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    sort INTEGER NOT NULL,
    words INTEGER,
    text_hash INTEGER,
    fields TEXT NOT NULL,
    json TEXT NOT NULL,
    blob BLOB
) STRICT;
CREATE UNIQUE INDEX records_id ON records (space, id);
CREATE INDEX records_arrival ON records (space, created);
CREATE INDEX records_version ON records (space, version);
CREATE INDEX records_sort ON records (space, sort DESC, created);

CREATE TABLE fields (
    space INTEGER NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    sort INTEGER NOT NULL,
    record INTEGER NOT NULL,
    PRIMARY KEY (space, name, value, sort DESC, record)
) STRICT, WITHOUT ROWID;

CREATE TABLE traces (
    space INTEGER NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (space, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX traces_version ON traces (space, version);

CREATE VIRTUAL TABLE texts USING fts5(text, content = '', contentless_delete = 1, tokenize = 'ascii');
CREATE VIRTUAL TABLE words USING fts5vocab('texts', 'instance');

CREATE VIEW items AS SELECT
    s.project, r.id,
    r.json ->> '$.source' AS source, r.json ->> '$.external_id' AS external_id,
    r.json ->> '$.title' AS title, r.json ->> '$.body' AS body,
    r.json ->> '$.author' AS author, r.json ->> '$.url' AS url, r.json ->> '$.severity' AS severity,
    r.json ->> '$.occurrences' AS occurrences, r.json ->> '$.occurred_at' AS occurred_at,
    r.json ->> '$.received_at' AS received_at, r.json ->> '$.last_seen' AS last_seen, r.json
FROM records r JOIN spaces s ON s.id = r.space WHERE s.collection = 'item';

CREATE VIEW clusters AS SELECT
    s.project, r.id,
    r.json ->> '$.title' AS title, r.json ->> '$.summary' AS summary, r.json ->> '$.status' AS status,
    r.json ->> '$.size' AS size, r.json ->> '$.occurrences' AS occurrences,
    r.json ->> '$.severity' AS severity, r.json ->> '$.first_seen' AS first_seen,
    r.json ->> '$.last_seen' AS last_seen, r.json ->> '$.updated_at' AS updated_at, r.json
FROM records r JOIN spaces s ON s.id = r.space WHERE s.collection = 'cluster';

CREATE VIEW decisions AS SELECT
    s.project, r.id AS item_id,
    r.json ->> '$.verdict.kind' AS verdict, r.json ->> '$.verdict.cluster' AS cluster,
    r.json ->> '$.verdict.suggestion' AS suggestion, r.json ->> '$.evidence.regime' AS regime,
    r.json ->> '$.evidence.support' AS support, r.json ->> '$.decided_at' AS decided_at, r.json
FROM records r JOIN spaces s ON s.id = r.space WHERE s.collection = 'decision';

CREATE VIEW timeline AS SELECT
    s.project, r.id,
    r.json ->> '$.kind' AS kind, r.json ->> '$.at' AS at, r.json ->> '$.summary' AS summary,
    r.json ->> '$.moved' AS moved, r.json ->> '$.undone_by' AS undone_by, r.json
FROM records r JOIN spaces s ON s.id = r.space WHERE s.collection = 'event' ORDER BY r.space, r.created;
";

/// What a file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// No tables yet.
    Empty,
    /// This program's, at this version.
    Ours(usize),
    /// Another program's.
    Foreign,
}

/// Reads whose file it is.
pub(super) fn origin(connection: &Connection, format: &Format) -> rusqlite::Result<Origin> {
    // One transaction: another process may be filling the file.
    let transaction = connection.unchecked_transaction()?;
    let id: i32 = transaction.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(match (id, version, tables) {
        (0, 0, 0) => Origin::Empty,
        (id, 1.., _) if id == format.application_id => {
            Origin::Ours(usize::try_from(version).unwrap_or(usize::MAX))
        }
        _ => Origin::Foreign,
    })
}

/// Takes each step that the file lacks, one transaction each.
///
/// Two processes may try at once: each step looks again under the write lock.
pub(super) fn migrate(connection: &mut Connection, format: &Format) -> rusqlite::Result<()> {
    for (index, step) in format.steps.iter().enumerate() {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if usize::try_from(version) == Ok(index) {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "application_id", format.application_id)?;
            transaction.pragma_update(None, "user_version", i64::try_from(index + 1).unwrap_or(i64::MAX))?;
        }
        transaction.commit()?;
    }
    Ok(())
}
