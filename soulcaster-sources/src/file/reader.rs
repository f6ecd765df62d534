//! The blocking reader.

use std::fmt;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};
use soulcaster_core::model::Inbound;
use soulcaster_core::{Error, Result};

use super::csv::TableRows;
use super::json::JsonRows;
use super::open::{self, Opened};
use super::row::report;

/// What a file holds, as its content shows; a compressed file has the format of what is inside.
///
/// ```
/// use soulcaster_sources::file::{FileReader, Format};
/// let table = FileReader::from_reader("id;title\n1;Crash\n".as_bytes(), "inbox", Default::default())?;
/// assert_eq!(table.format(), Format::Table { delimiter: ';' });
/// let nothing = FileReader::from_reader("\n\n".as_bytes(), "inbox", Default::default())?;
/// assert!(nothing.format().is_empty());
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Not a single byte.
    Empty,
    /// Blanks and line ends only.
    Blank,
    /// One JSON object a line.
    JsonLines,
    /// One JSON array of objects, alone or as `items`, `data`, `results`, … of an object.
    JsonArray,
    /// One JSON object, or several one after another, each over any number of lines.
    JsonObjects,
    /// A table with a header.
    Table {
        /// What separates its columns.
        delimiter: char,
    },
}

impl Format {
    /// Whether there is nothing in the file.
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty | Self::Blank)
    }
}

/// How a file is read.
///
/// ```
/// use soulcaster_sources::file::FileOptions;
/// let options = FileOptions { source: "app-store".into(), ..FileOptions::default() };
/// assert!(options.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// The source of reports that name none.
    pub source: String,
    /// Longest report, in bytes of a line, an element or a record after unpacking.
    pub row_limit: usize,
    /// Most rows of one [`Batch`](soulcaster_core::port::Batch).
    pub batch: usize,
}

impl Default for FileOptions {
    /// Source `file`, reports up to 16 MiB, 2,000 rows a batch.
    fn default() -> Self {
        Self { source: "file".into(), row_limit: 16 * 1024 * 1024, batch: 2_000 }
    }
}

impl FileOptions {
    /// Checks that reports can be read and kept with these options.
    ///
    /// # Errors
    /// `Invalid` with the option and what it must be.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::invalid("file.options", message));
        if let Err(error) = Inbound::new(self.source.as_str(), "text").check() {
            return refuse(error.message().to_owned());
        }
        if self.row_limit == 0 || self.row_limit > 1 << 30 {
            return refuse(format!("row_limit must be 1 to 1073741824 bytes, not {}", self.row_limit));
        }
        if self.batch == 0 {
            return refuse("batch must be 1 or more".into());
        }
        Ok(())
    }
}

/// One report of a file, or why it could not be read.
///
/// ```
/// use soulcaster_sources::file::FileReader;
/// let text = "{\"title\": \"Crash\", \"date\": \"01/02/2024\"}";
/// let row = FileReader::from_reader(text.as_bytes(), "inbox", Default::default())?.next().unwrap();
/// assert_eq!(row.line, 1);
/// assert_eq!(row.result.unwrap().occurred_at, None);
/// assert!(row.warnings[0].contains("may be month/day or day/month"));
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The line in which it starts, counted from 1.
    pub line: usize,
    /// The report, or the reason: what is wrong, where in the line, and what to do.
    pub result: Result<Inbound, String>,
    /// What was read otherwise than written, such as a time that could not be read.
    pub warnings: Vec<String>,
}

/// A row before its values have a meaning.
pub(super) struct Raw {
    pub(super) line: usize,
    pub(super) values: Result<Map<String, Value>, String>,
    pub(super) bytes: Vec<u8>,
    pub(super) warnings: Vec<String>,
}

impl Raw {
    pub(super) fn fault(line: usize, reason: impl Into<String>) -> Self {
        Self { line, values: Err(reason.into()), bytes: Vec::new(), warnings: Vec::new() }
    }
}

enum Rows {
    None,
    Json(Box<JsonRows>),
    Table(Box<TableRows>),
}

/// Reads the reports of a file one by one, in its order.
///
/// Holds one report at a time, however long the file. Blocks while it reads. See the [module](super) for formats,
/// names and what happens to bad input.
///
/// ```
/// use soulcaster_sources::file::FileReader;
///
/// let text = "{\"title\": \"Crash on start\"}\n{\"title\":\n{\"title\": \"Cannot log in\"}\n";
/// let rows: Vec<_> = FileReader::from_reader(text.as_bytes(), "inbox.jsonl", Default::default())?.collect();
/// assert_eq!(rows[0].result.as_ref().unwrap().title, "Crash on start");
/// assert_eq!(rows[1].line, 2);
/// assert!(rows[1].result.as_ref().unwrap_err().starts_with("broken JSON at column 9"));
/// assert_eq!(rows[2].result.as_ref().unwrap().title, "Cannot log in");
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
pub struct FileReader {
    rows: Rows,
    format: Format,
    options: FileOptions,
    /// Said with the first row.
    warning: Option<String>,
}

impl FileReader {
    /// Opens `path` with default options; `-` is standard input.
    ///
    /// Waits for the first 64 KiB, or all of a shorter file, to tell the format.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, with near names; `Invalid` for a folder, a file that may not be
    /// read, that is not text in UTF-8, or that is neither JSON nor a table with a header.
    ///
    /// ```
    /// use soulcaster_sources::file::FileReader;
    /// let error = FileReader::open("no-such.jsonl").unwrap_err();
    /// assert_eq!(error.kind(), soulcaster_core::ErrorKind::NotFound);
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, FileOptions::default())
    }

    /// Opens `path` with `options`; `-` is standard input.
    ///
    /// # Errors
    /// Like [`FileReader::open`], and `Invalid` for options that fail [`FileOptions::check`].
    pub fn open_with(path: impl AsRef<Path>, options: FileOptions) -> Result<Self> {
        options.check()?;
        let path = path.as_ref();
        Self::new(open::open(path)?, &path.display().to_string(), options)
    }

    /// Reads from `reader`; messages call it `name`, whose ending helps where the content leaves a choice.
    ///
    /// # Errors
    /// Like [`FileReader::open_with`].
    pub fn from_reader(reader: impl Read + Send + 'static, name: &str, options: FileOptions) -> Result<Self> {
        options.check()?;
        Self::new(open::start(Box::new(reader), name)?, name, options)
    }

    fn new(opened: Opened, name: &str, options: FileOptions) -> Result<Self> {
        let Opened { input, sniffed, lines, warning } = opened;
        let (format, limit) = (sniffed.format, options.row_limit);
        let rows = match format {
            Format::Empty | Format::Blank => Rows::None,
            Format::Table { delimiter } => {
                Rows::Table(Box::new(TableRows::new(input, delimiter as u8, lines, limit, name)?))
            }
            _ => Rows::Json(Box::new(JsonRows::new(input, &sniffed, lines, limit))),
        };
        Ok(Self { rows, format, options, warning })
    }

    /// What the file holds; [`Format::is_empty`] tells a file without a single report from one that was read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader").field("format", &self.format).field("options", &self.options).finish()
    }
}

impl Iterator for FileReader {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let Raw { line, values, bytes, mut warnings } = match &mut self.rows {
            Rows::None => return None,
            Rows::Json(rows) => rows.next()?,
            Rows::Table(rows) => rows.next()?,
        };
        warnings.extend(self.warning.take());
        let result =
            values.and_then(|values| report(values, &self.options.source, &mut warnings)).map(|mut item| {
                item.raw_payload = Some(bytes);
                item
            });
        Some(Row { line, result, warnings })
    }
}
