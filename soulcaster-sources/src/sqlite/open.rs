//! Opening: finds out whose file it is before anything is changed.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use soulcaster_core::{Error, ErrorKind, Result};

use super::failure::explain;
use super::schema::{self, Format, Origin};

const OPERATION: &str = "sqlite.open";

/// How connections are opened.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// What kind of file it is.
    pub(super) format: &'static Format,
    /// How long to wait for another process.
    pub(super) patience: Duration,
    /// The file as it lies there, without looking for a writer: for a read-only disk.
    pub(super) immutable: bool,
    /// Greatest size in pages; none for as much as the disk holds.
    pub(super) max_pages: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { format: &schema::STORE, patience: Duration::from_secs(10), immutable: false, max_pages: None }
    }
}

/// Opens to write; makes what is missing.
pub(super) fn writable(path: &Path, settings: &Settings) -> Result<Connection> {
    refuse_directory(path)?;
    make_parent(OPERATION, path)?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |e| explain(OPERATION, path, e);
    let mut connection = Connection::open_with_flags(path, flags).map_err(told)?;
    if connection.is_readonly("main").map_err(told)? {
        let message = format!(
            "{} is read-only; make it and its directory writable, or open it read-only",
            path.display()
        );
        return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
    }
    connection.busy_timeout(settings.patience).map_err(told)?;
    connection.set_prepared_statement_cache_capacity(64);
    refuse_foreign(path, settings, schema::origin(&connection, settings.format).map_err(told)?)?;
    write_ahead(path, &connection, settings)?;
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(told)?;
    if let Some(pages) = settings.max_pages {
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(told)?;
    }
    schema::migrate(&mut connection, settings.format).map_err(told)?;
    // It may have been another program that was first to fill an empty file.
    refuse_foreign(path, settings, schema::origin(&connection, settings.format).map_err(told)?)?;
    Ok(connection)
}

/// Opens what another connection has made, to read.
pub(super) fn reader(path: &Path, settings: &Settings) -> Result<Connection> {
    connect(path, settings).map_err(|e| explain(OPERATION, path, e))
}

fn connect(path: &Path, settings: &Settings) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = if settings.immutable {
        Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)?
    } else {
        Connection::open_with_flags(path, flags)?
    };
    connection.busy_timeout(settings.patience)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;")?;
    Ok(connection)
}

/// Opens to read only; as it lies there if the disk forbids anything else and no log is left to read.
pub(super) fn read_only(path: &Path, mut settings: Settings) -> Result<(Connection, Settings)> {
    refuse_directory(path)?;
    if !path.exists() {
        return Err(Error::not_found(OPERATION, format!("{} does not exist", path.display())));
    }
    let open = |settings: &Settings| -> rusqlite::Result<_> {
        let connection = connect(path, settings)?;
        let origin = schema::origin(&connection, settings.format)?;
        Ok((connection, origin))
    };
    let opened = match open(&settings) {
        Err(e)
            if matches!(e.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
                && !has_log(path) =>
        {
            settings.immutable = true;
            open(&settings)
        }
        opened => opened,
    };
    let (connection, origin) = opened.map_err(|e| explain(OPERATION, path, e))?;
    refuse_foreign(path, &settings, origin)?;
    if origin != Origin::Ours(settings.format.version()) {
        let message = format!("{} was written by an older version; open it for writing once", path.display());
        return Err(Error::invalid(OPERATION, message));
    }
    Ok((connection, settings))
}

/// Makes the directory of `path`.
pub(super) fn make_parent(operation: &'static str, path: &Path) -> Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    fs::create_dir_all(parent).map_err(|e| {
        let message = format!("the directory {} cannot be made ({e}); name another", parent.display());
        Error::new(ErrorKind::Unavailable, operation, message).with_source(e)
    })
}

fn refuse_directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        let message = format!("{} is a directory; name a file in it, such as soulcaster.db", path.display());
        return Err(Error::invalid(OPERATION, message));
    }
    Ok(())
}

fn refuse_foreign(path: &Path, settings: &Settings, origin: Origin) -> Result<()> {
    let (path, known) = (path.display(), settings.format.version());
    match origin {
        Origin::Ours(version) if version > known => Err(Error::invalid(
            OPERATION,
            format!(
                "{path} was written by a newer version (format {version}, this one knows {known}); upgrade soulcaster"
            ),
        )),
        Origin::Foreign => Err(Error::invalid(
            OPERATION,
            format!("{path} is the database of another application; name another file"),
        )),
        Origin::Ours(_) | Origin::Empty => Ok(()),
    }
}

/// Switches to the write-ahead log. SQLite does not wait by itself while two do so at once.
fn write_ahead(path: &Path, connection: &Connection, settings: &Settings) -> Result<()> {
    let begun = Instant::now();
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(_) => {
                let message = format!(
                    "{} is on a file system without shared memory; keep it on a local disk",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
            }
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < settings.patience =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(e) => return Err(explain(OPERATION, path, e)),
        }
    }
}

/// Whether a log lies beside the file: without it the file is not all there is.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn immutable_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(uri, "%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
