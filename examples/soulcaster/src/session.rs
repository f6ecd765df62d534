//! One run of the program: the project, the database, what to say and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use soulcaster_core::{Error, ErrorKind, ProjectId, Result, Soulcaster};
use soulcaster_sources::SqliteStore;

use crate::args::{Global, When};
use crate::output;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Done, but parts of the input were refused, or something was found wrong.
    Faults,
}

/// What a command works with.
pub(crate) struct Session {
    pub(crate) project: ProjectId,
    pub(crate) now: DateTime<Utc>,
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    quiet: bool,
    db: Option<PathBuf>,
}

impl Session {
    pub(crate) fn new(global: Global) -> Result<Self> {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let colours = |is_terminal: bool| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && !plain,
        };
        console::set_colors_enabled(colours(console::user_attended()));
        console::set_colors_enabled_stderr(colours(console::user_attended_stderr()));
        if let Some(threads) = global.threads {
            rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global().map_err(
                |e| {
                    Error::new(
                        ErrorKind::Unavailable,
                        "threads",
                        format!("{threads} threads cannot be started; give fewer"),
                    )
                    .with_source(e)
                },
            )?;
        }
        Ok(Self {
            project: ProjectId::new(global.project)?,
            now: SystemTime::now().into(),
            json: global.json,
            verbose: global.verbose > 0,
            quiet: global.quiet,
            db: global.db,
        })
    }

    /// The same session on another database and project, from now on.
    pub(crate) fn in_database(&self, db: PathBuf, project: ProjectId) -> Self {
        let Self { json, verbose, quiet, .. } = *self;
        Self { project, now: SystemTime::now().into(), json, verbose, quiet, db: Some(db) }
    }

    /// The database file.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        if let Some(path) = &self.db {
            return Ok(path.clone());
        }
        let home = dirs::data_local_dir().ok_or_else(|| {
            Error::invalid("db", "the user has no data directory here; name a database with --db PATH")
        })?;
        Ok(home.join("soulcaster").join("soulcaster.db"))
    }

    /// Opens the database to change it; makes it if it is not there.
    pub(crate) fn open_or_make(&self) -> Result<Soulcaster> {
        Soulcaster::builder(Arc::new(SqliteStore::open(self.path()?)?)).build()
    }

    /// Opens the database to change it.
    pub(crate) fn open(&self) -> Result<Soulcaster> {
        self.existing()?;
        self.open_or_make()
    }

    /// Opens the database to look things up.
    pub(crate) fn look(&self) -> Result<Soulcaster> {
        Soulcaster::builder(Arc::new(self.store()?)).build()
    }

    /// The database, which must be there; one that may not or cannot be written is only read.
    pub(crate) fn store(&self) -> Result<SqliteStore> {
        let path = self.existing()?;
        match SqliteStore::open(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Full) => {
                SqliteStore::open_read_only(&path)
            }
            opened => opened,
        }
    }

    /// The database file, which must be there.
    pub(crate) fn existing(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if path.exists() {
            return Ok(path);
        }
        let message = format!(
            "there is no database {}; `soulcaster triage FILE` makes one, --db names another",
            path.display()
        );
        Err(Error::not_found("db", message))
    }

    /// Says something on standard error, unless asked to be quiet.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{}", crate::text::plain(text));
        }
    }

    /// Says several lines on standard error, each made harmless before, unless asked to be quiet.
    pub(crate) fn say_lines(&self, text: &str) {
        if !self.quiet {
            eprintln!("{}", text.trim_end());
        }
    }

    /// Prints `value` as JSON if asked to, else what `text` makes of it.
    pub(crate) fn answer<T: Serialize>(&self, value: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json { output::print_json(value) } else { output::print(&text(value)) }
    }

    /// Shows that work goes on; on a terminal only.
    pub(crate) fn progress(&self, what: impl Into<String>) -> Progress {
        if self.quiet || !console::user_attended_stderr() {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(looks) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(looks);
        }
        bar.set_message(what.into());
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress(bar)
    }
}

/// A line on the terminal that says what is being done; gone when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn set(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
