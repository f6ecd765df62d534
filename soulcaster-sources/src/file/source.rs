//! The reader as a source.

use std::fmt;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use soulcaster_core::port::{Batch, Rejected, Source};
use soulcaster_core::{Error, Result};

use super::reader::{FileOptions, FileReader, Format};

/// A batch ends early when its reports hold this many bytes.
const BATCH_BYTES: usize = 64 * 1024 * 1024;

/// What was read otherwise than written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line in which the report starts, counted from 1.
    pub line: usize,
    /// What, and what became of it.
    pub message: String,
}

/// A file as a [`Source`].
///
/// A batch has [`FileOptions::batch`] rows, less where they hold more than 64 MiB. The cursor counts rows, so a
/// later process can go on; it then reads the file up to there again. Standard input cannot be read again: only the
/// last batch can be fetched once more.
///
/// Fetching blocks the thread while it reads; inside an async runtime put it where blocking is allowed.
///
/// ```
/// use soulcaster_core::port::Source;
/// use soulcaster_sources::file::FileSource;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("inbox.csv");
/// std::fs::write(&path, "id,title\n1,Crash on start\n2,\n").unwrap();
/// let mut source = FileSource::open(&path)?;
/// let batch = source.fetch(None).await?;
/// assert_eq!(batch.items[0].title, "Crash on start");
/// assert_eq!(batch.rejected[0].index, 3);
/// assert_eq!(batch.cursor, None);
/// # Ok::<(), soulcaster_core::Error>(())
/// # }).unwrap();
/// ```
pub struct FileSource {
    path: PathBuf,
    options: FileOptions,
    format: Format,
    reader: Peekable<FileReader>,
    /// Rows that `reader` has given.
    position: u64,
    warnings: Vec<Warning>,
    /// The last batch of standard input, and where it started.
    last: Option<(u64, Batch, Vec<Warning>)>,
}

impl FileSource {
    /// Opens `path` with default options; `-` is standard input.
    ///
    /// # Errors
    /// Like [`FileReader::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, FileOptions::default())
    }

    /// Opens `path` with `options`; `-` is standard input.
    ///
    /// # Errors
    /// Like [`FileReader::open_with`].
    pub fn open_with(path: impl AsRef<Path>, options: FileOptions) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let reader = FileReader::open_with(&path, options.clone())?;
        let format = reader.format();
        Ok(Self {
            path,
            options,
            format,
            reader: reader.peekable(),
            position: 0,
            warnings: Vec::new(),
            last: None,
        })
    }

    /// What the file holds; [`Format::is_empty`] tells an empty file.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The warnings of the last batch.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    fn is_stream(&self) -> bool {
        self.path.as_os_str() == "-"
    }

    /// Moves the reader to row `start`.
    fn seek(&mut self, start: u64) -> Result<()> {
        if start == self.position {
            return Ok(());
        }
        if self.is_stream() {
            let message = format!("standard input is at row {} and cannot go to row {start}", self.position);
            return Err(Error::invalid("file.fetch", message + "; write it to a file first"));
        }
        let reader = FileReader::open_with(&self.path, self.options.clone())?;
        self.format = reader.format();
        self.reader = reader.peekable();
        self.position = 0;
        while self.position < start {
            if self.reader.next().is_none() {
                let (name, rows) = (self.path.display(), self.position);
                let message =
                    format!("the cursor is at row {start} and {name} has {rows}: it has been replaced");
                return Err(Error::conflict("file.fetch", message + "; fetch without a cursor"));
            }
            self.position += 1;
        }
        Ok(())
    }

    fn read(&mut self) -> Batch {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        self.warnings.clear();
        for _ in 0..self.options.batch {
            if bytes >= BATCH_BYTES {
                break;
            }
            let Some(row) = self.reader.next() else { break };
            self.position += 1;
            let line = row.line;
            self.warnings.extend(row.warnings.into_iter().map(|message| Warning { line, message }));
            match row.result {
                Ok(item) => {
                    bytes += item.raw_payload.as_ref().map_or(0, Vec::len);
                    batch.items.push(item);
                }
                Err(reason) => batch.rejected.push(Rejected { index: line, reason }),
            }
        }
        batch.cursor = self.reader.peek().map(|_| format!("{CURSOR}{}", self.position));
        batch
    }
}

/// What a cursor starts with; the number of rows follows.
const CURSOR: &str = "row:";

fn position(cursor: &str) -> Result<u64> {
    cursor.strip_prefix(CURSOR).and_then(|rows| rows.parse().ok()).ok_or_else(|| {
        Error::invalid("file.fetch", format!("`{cursor}` is not a cursor of a file; fetch without a cursor"))
    })
}

#[async_trait]
impl Source for FileSource {
    fn name(&self) -> &str {
        &self.options.source
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let start = cursor.map_or(Ok(0), position)?;
        if let Some((at, batch, warnings)) = &self.last
            && *at == start
        {
            self.warnings.clone_from(warnings);
            return Ok(batch.clone());
        }
        self.seek(start)?;
        let batch = self.read();
        if self.is_stream() {
            self.last = Some((start, batch.clone(), self.warnings.clone()));
        }
        Ok(batch)
    }
}

impl fmt::Debug for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource").field("path", &self.path).field("position", &self.position).finish()
    }
}
