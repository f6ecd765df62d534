//! The reader and the source as a whole.

mod bad_files;
mod bad_rows;
mod formats;
mod properties;
mod source;

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use soulcaster_core::Error;
use soulcaster_core::model::Inbound;

use super::{FileOptions, FileReader, Format, Row};

fn reader(bytes: &[u8], name: &str, limit: usize) -> Result<FileReader, Error> {
    let options = FileOptions { row_limit: limit, ..FileOptions::default() };
    FileReader::from_reader(Cursor::new(bytes.to_vec()), name, options)
}

fn rows(bytes: impl AsRef<[u8]>) -> Vec<Row> {
    reader(bytes.as_ref(), "inbox", 16 << 20).unwrap().collect()
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    reader(bytes.as_ref(), "inbox", 16 << 20).unwrap_err().to_string()
}

fn format(bytes: impl AsRef<[u8]>) -> Format {
    reader(bytes.as_ref(), "inbox", 16 << 20).unwrap().format()
}

#[track_caller]
fn only(bytes: impl AsRef<[u8]>) -> Inbound {
    let mut rows = rows(bytes);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0).result.unwrap()
}

/// Line and title, or line and reason, of each row.
fn outline(rows: &[Row]) -> Vec<(usize, &str)> {
    rows.iter()
        .map(|row| (row.line, row.result.as_ref().map_or_else(String::as_str, |item| item.title.as_str())))
        .collect()
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}
