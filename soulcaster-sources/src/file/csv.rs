//! Tables with a header: one record at a time.
//!
//! Records are cut outside quotes, so that no more than one is held. A quote that is never closed would swallow the
//! reports after it; then only its first line is refused, and what follows is read again. While bytes are read again
//! a record spans at most [`MAX_LINES`] lines, so the work stays linear.

use std::collections::HashMap;
use std::io::{BufRead, Cursor};

use serde_json::{Map, Value};
use soulcaster_core::{Error, Result};

use super::Raw;
use super::input::{Input, LineCount};
use super::object::{too_long, utf8};
use super::row::{are_same, is_known, is_text, shorten};

/// Most lines of a record that is read again.
const MAX_LINES: usize = 100;

/// Most columns of a table.
const MAX_COLUMNS: usize = 1_000;

const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];

/// The delimiter under which the first record has the most known columns, then the most columns; `None` if none
/// of them holds text.
pub(super) fn header_delimiter(window: &[u8]) -> Option<u8> {
    let mut best = None;
    for delimiter in DELIMITERS {
        let mut scan = Scan::new(delimiter);
        let (end, _) = scan.step(window, usize::MAX);
        let header = String::from_utf8_lossy(&window[..end]);
        let mut splitter = Splitter::new(delimiter);
        let cells = splitter.split(header.trim_end_matches(['\r', '\n']));
        let known = (cells.iter().filter(|cell| is_known(cell.trim())).count(), cells.len());
        if cells.iter().any(|cell| is_text(cell.trim())) && best.is_none_or(|(most, _)| known > most) {
            best = Some((known, delimiter));
        }
    }
    best.map(|(_, delimiter)| delimiter)
}

/// Cuts records into cells.
struct Splitter {
    reader: ::csv::Reader<Cursor<Vec<u8>>>,
    cells: ::csv::StringRecord,
    delimiter: u8,
}

impl Splitter {
    fn new(delimiter: u8) -> Self {
        Self { reader: Self::reader(delimiter), cells: ::csv::StringRecord::new(), delimiter }
    }

    fn reader(delimiter: u8) -> ::csv::Reader<Cursor<Vec<u8>>> {
        let mut options = ::csv::ReaderBuilder::new();
        options.has_headers(false).flexible(true).delimiter(delimiter).from_reader(Cursor::default())
    }

    /// The cells of one record, given without its end of line.
    fn split(&mut self, record: &str) -> &::csv::StringRecord {
        let before = self.reader.position().byte();
        let source = self.reader.get_mut();
        source.set_position(0);
        source.get_mut().clear();
        source.get_mut().extend_from_slice(record.as_bytes());
        // With an end of line the reader never meets the end of its source, and goes on with the next record.
        source.get_mut().push(b'\n');
        let read = matches!(self.reader.read_record(&mut self.cells), Ok(true));
        if !read {
            self.cells.clear();
        }
        if !read || self.reader.position().byte() - before != record.len() as u64 + 1 {
            self.reader = Self::reader(self.delimiter);
        }
        &self.cells
    }
}

pub(super) struct TableRows {
    input: Input,
    delimiter: u8,
    splitter: Splitter,
    limit: usize,
    header: Vec<String>,
    /// Lines that have ended so far.
    lines: usize,
    buffer: Vec<u8>,
    /// Said with the first row.
    warnings: Vec<String>,
}

impl TableRows {
    /// Reads the header.
    pub(super) fn new(input: Input, delimiter: u8, lines: usize, limit: usize, name: &str) -> Result<Self> {
        let (header, buffer, warnings) = (Vec::new(), Vec::new(), Vec::new());
        let splitter = Splitter::new(delimiter);
        let mut rows = Self { input, delimiter, splitter, limit, header, lines, buffer, warnings };
        let refuse = |why: String| Error::invalid("file.open", format!("the header of {name}: {why}"));
        let header = match rows.record() {
            Some((_, Ok(()))) => utf8(&rows.buffer).map_err(refuse)?.to_owned(),
            Some((_, Err(why))) => return Err(refuse(why)),
            None => return Err(refuse("it is missing; copy the file anew".to_owned())),
        };
        let cells = rows.splitter.split(&header);
        if cells.len() > MAX_COLUMNS {
            return Err(refuse(format!("{} columns, at most {MAX_COLUMNS}; leave some out", cells.len())));
        }
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (at, cell) in cells.iter().enumerate() {
            let cell = cell.trim();
            let mut column = if cell.is_empty() { format!("column_{}", at + 1) } else { cell.to_owned() };
            let copies = seen.entry(column.clone()).or_default();
            *copies += 1;
            while rows.header.iter().any(|known| are_same(known, &column)) {
                *copies = (*copies).max(2);
                column = format!("{cell}_{copies}");
                *copies += 1;
            }
            if column != cell && !cell.is_empty() {
                let (cell, kept) = (shorten(cell), shorten(&column));
                rows.warnings
                    .push(format!("column `{cell}` occurs more than once; the later one is `{kept}`"));
            }
            rows.header.push(column);
        }
        Ok(rows)
    }

    pub(super) fn next(&mut self) -> Option<Raw> {
        let mut row = loop {
            let Some((line, record)) = self.record() else {
                break Raw::fault(self.lines + 1, self.input.failure(self.lines + 1)?);
            };
            if let Err(reason) = record {
                break Raw::fault(line, reason);
            }
            if let Some(row) = self.row(line) {
                break row;
            }
        };
        row.warnings.append(&mut self.warnings);
        Some(row)
    }

    /// The values of the record in the buffer; `None` for one whose cells are all blank.
    fn row(&mut self, line: usize) -> Option<Raw> {
        let text = match utf8(&self.buffer) {
            Ok(text) => text,
            Err(reason) => return Some(Raw::fault(line, reason)),
        };
        let cells = self.splitter.split(text);
        let width = cells.len() - cells.iter().rev().position(|cell| !cell.trim().is_empty())?;
        let (columns, mut warnings) = (self.header.len(), Vec::new());
        if width > columns {
            let delimiter = if self.delimiter == b'\t' {
                "a tab".to_owned()
            } else {
                format!("`{}`", self.delimiter as char)
            };
            let reason = format!(
                "{width} cells under {columns} columns; put cells that hold {delimiter} in double quotes"
            );
            return Some(Raw::fault(line, reason));
        }
        if cells.len() < columns {
            warnings.push(format!(
                "{} cells under {columns} columns; the last ones are taken as empty",
                cells.len()
            ));
        }
        let values: Map<String, Value> = self
            .header
            .iter()
            .zip(cells)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(column, cell)| (column.clone(), Value::from(cell)))
            .collect();
        Some(Raw { line, values: Ok(values), bytes: self.buffer.clone(), warnings })
    }

    /// Reads a record that is not blank into the buffer, without its end of line; its first line.
    fn record(&mut self) -> Option<(usize, Result<(), String>)> {
        loop {
            self.buffer.clear();
            let line = self.lines + 1;
            let mut scan = Scan::new(self.delimiter);
            let (mut size, mut done) = (0, None);
            while done.is_none() {
                let most = if self.input.again() { MAX_LINES } else { usize::MAX };
                let chunk = self.input.fill();
                if chunk.is_empty() {
                    break;
                }
                let (used, end) = scan.step(chunk, most);
                if size <= self.limit {
                    self.buffer.extend_from_slice(&chunk[..used]);
                }
                size += used;
                self.input.consume(used);
                done = end;
                if size > self.limit && done.is_none() {
                    if matches!(scan.state, State::Quoted | State::QuoteEnd) && scan.count.lines > 0 {
                        done = Some(End::Astray);
                    }
                    scan.state = State::Dropped;
                }
            }
            if done.is_some_and(|end| end == End::Record) && self.buffer.ends_with(b"\r") {
                self.skip_feed();
            }
            let open = done.is_none() && scan.state == State::Quoted;
            if size == self.buffer.len() && scan.count.lines > 0 && (open || done == Some(End::Astray)) {
                return Some((line, Err(self.retreat())));
            }
            self.lines += scan.count.lines + usize::from(done == Some(End::Record));
            if size == 0 || (done.is_none() && self.input.is_cut()) {
                return None;
            }
            if size > self.limit {
                let end = usize::from(done.is_some());
                if size - end > self.limit {
                    return Some((line, Err(too_long(size - end, self.limit))));
                }
            }
            if open {
                return Some((line, Err(OPEN_QUOTE.to_owned())));
            }
            let length = self.buffer.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
            if length > 0 {
                self.buffer.truncate(length);
                return Some((line, Ok(())));
            }
        }
    }

    /// Consumes the `\n` of a `\r\n` whose `\r` ended a record.
    fn skip_feed(&mut self) {
        if self.input.fill().first() == Some(&b'\n') {
            self.input.consume(1);
        }
    }

    /// Gives back all but the first line of a record whose quote is not closed.
    fn retreat(&mut self) -> String {
        let end = self
            .buffer
            .iter()
            .position(|b| matches!(b, b'\r' | b'\n'))
            .map_or(self.buffer.len(), |at| at + 1);
        let feed = self.buffer[end - 1] == b'\r' && self.buffer.get(end) == Some(&b'\n');
        let rest = end + usize::from(feed);
        self.lines += LineCount::of(&self.buffer[..rest]);
        self.input.give_back(&self.buffer[rest..]);
        OPEN_QUOTE.to_owned()
    }
}

const OPEN_QUOTE: &str = "a double quote is opened in this line and not closed before the next cell; close it, or write \
                          it twice if it is part of the text";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: the end of the cell, or a quote that is part of it.
    QuoteEnd,
    /// Over the limit: up to the end of the line.
    Dropped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Record,
    /// A quoted cell over several lines that does not end as such cells do.
    Astray,
}

/// Finds the end of a record.
struct Scan {
    delimiter: u8,
    state: State,
    /// Line ends inside the record.
    count: LineCount,
}

impl Scan {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::CellStart, count: LineCount::default() }
    }

    /// Goes on through `chunk`: how many bytes belong to the record with its end of line, and whether it ends.
    fn step(&mut self, chunk: &[u8], most: usize) -> (usize, Option<End>) {
        for (at, &byte) in chunk.iter().enumerate() {
            let ends_line = matches!(byte, b'\n' | b'\r');
            self.state = match self.state {
                State::Quoted => {
                    self.count.see(byte);
                    if self.count.lines > most {
                        return (at + 1, Some(End::Astray));
                    }
                    if byte == b'"' { State::QuoteEnd } else { State::Quoted }
                }
                State::QuoteEnd if byte == b'"' => State::Quoted,
                _ if ends_line => return (at + 1, Some(End::Record)),
                State::Dropped => State::Dropped,
                _ if byte == self.delimiter => State::CellStart,
                State::QuoteEnd if self.count.lines > 0 => return (at + 1, Some(End::Astray)),
                State::CellStart if byte == b'"' => State::Quoted,
                State::CellStart | State::Plain | State::QuoteEnd => State::Plain,
            };
        }
        (chunk.len(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_split_by_itself() {
        let mut splitter = Splitter::new(b',');
        for record in ["a,b", "", "\u{feff}", "a,\"open", "a,\"b\"c", "a\nb", "a,b"] {
            splitter.split(record);
            assert_eq!(splitter.split("x,\"y,z\""), vec!["x", "y,z"], "{record:?}");
        }
    }
}
