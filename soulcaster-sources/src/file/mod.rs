//! Reports from files: JSON Lines, JSON and tables, plain or compressed.
//!
//! [`FileReader`] yields a file's reports one by one; [`FileSource`] is the same as a
//! [`Source`](soulcaster_core::port::Source). Both hold one report, or one batch, at a time.
//!
//! # Formats
//! The content decides; the ending of the name only where the content leaves a choice.
//!
//! | format | reports |
//! | --- | --- |
//! | JSON Lines | one object a line |
//! | JSON | the elements of an array; of an array under `items`, `data`, `results`, `records`, `reports`, `feedback` or `issues` in an object that holds only plain values before it; otherwise the object itself |
//! | table | the records under a header; separated by comma, semicolon or tab; cells may be quoted |
//! | gzip | any of these inside, also in several members |
//!
//! A byte order mark is passed over; lines end with `\n`, `\r\n` or `\r`. UTF-16, UTF-32 and binary files are
//! refused as a whole.
//!
//! # Names
//! Case, blanks, `_` and `-` in names do not count: `createdAt`, `Created At` and `created_at` are one. Within a
//! row the first name that has a value of a fitting type is used.
//!
//! | field | names, best first |
//! | --- | --- |
//! | `external_id` | `external_id`, `id`, `key`, `issue_id`, `number` |
//! | `title` | `title`, `subject`, `summary`, `message`, `name` |
//! | `body` | `body`, `text`, `description`, `content`, `comment`, `review`; then a `message` beside a title |
//! | `source` | `source`; otherwise [`FileOptions::source`] |
//! | `occurred_at` | `created_at`, `occurred_at`, `timestamp`, `time`, `date`, `created` |
//! | `url` | `url`, `link`, `permalink` |
//! | `author` | `author`, `user`, `username`, `reporter`: a text, or an object with `login`, `username`, `name` or `email` |
//! | `severity` | `severity`, `level`, `priority`: a word that [`Severity::parse`](soulcaster_core::model::Severity::parse) knows, or an object with such a `name` |
//! | `tags` | `tags`, `labels`: a list of texts or of objects with a `name`, or a text with commas |
//!
//! Everything else is kept in `metadata` as it is, under its own name; so are known names that were not used. A null,
//! an empty cell and a known name with a blank text count as absent. Numbers are taken as text where text is wanted. A
//! value of a wrong type (an object as title) is kept in `metadata`, with a warning; a row whose text is missing for
//! that reason is refused. `raw_payload` holds the bytes of the line, element or record without the line's end.
//!
//! # Times
//! RFC 3339, RFC 2822, ISO with or without a zone (UTC then), `2024/01/03`, `03 Jan 2024`, `Jan 3, 2024 10:37 AM`,
//! `Wed Jan  3 10:37:00 2024`, and numbers since 1970 in seconds, milli-, micro- or nanoseconds by magnitude.
//! `01/25/2024` and `25/01/2024` are read; `01/02/2024` is not, for it has two meanings. A time that cannot be read,
//! or outside the years 1970 to 2200, is kept as `created_at` in `metadata`; the report goes in without a time, with
//! a warning.
//!
//! # Bad input
//! What is wrong with one row is that row's reason; rows after it are read. A broken element of an array, or a
//! quote that is never closed, costs one row and not the rest of the file. Of a name that occurs twice in one object
//! the last value is kept, and of two spellings the first in byte order is used; of a column that occurs twice the first is used and the later ones are kept as `title_2`,
//! `title_3`, …; both with a warning. A record with fewer cells than columns is read with a warning, one with more is
//! refused. An archive that is cut short gives what stands before the cut, then one row that says so. A row over
//! [`FileOptions::row_limit`] is passed over without being held. What is wrong with the file as a whole is an
//! [`Error`](soulcaster_core::Error) on opening it.

mod csv;
mod input;
mod json;
mod object;
mod open;
mod reader;
mod row;
mod sniff;
mod source;
#[cfg(test)]
mod tests;

use reader::Raw;

pub use open::unpacked;
pub use reader::{FileOptions, FileReader, Format, Row};
pub use source::{FileSource, Warning};
