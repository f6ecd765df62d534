//! JSON Lines, arrays and single objects, one object at a time.
//!
//! Arrays are cut into elements by counting brackets outside strings, so that no more than one element is held.
//! An element that is broken may have swallowed those after it (a missing bracket or quote does that). Then it is
//! cut where a line starts with `{` no deeper than the element itself, and what follows is read again: only the
//! broken element is lost. While bytes are read again every such line starts an element, so the work stays linear.

use std::io::BufRead;

use super::input::{Input, LineCount};
use super::object::{Fault, object, too_long};
use super::sniff::Sniffed;
use super::{Format, Raw};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One object a line.
    Lines,
    /// Inside an array; `wrapped` when the array is inside an object.
    Array { wrapped: bool },
    /// Objects one after another.
    Objects,
    /// After the end of an array.
    After,
}

/// How the scan of an element ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// Another element starts before this one has ended.
    Next,
    Eof,
}

pub(super) struct JsonRows {
    input: Input,
    mode: Mode,
    end: u8,
    limit: usize,
    /// Lines that have ended so far.
    count: LineCount,
    /// Bytes before the first text of the current line; `None` after it.
    lead: Option<usize>,
    /// How deep the current element is indented.
    indent: usize,
    buffer: Vec<u8>,
}

impl JsonRows {
    pub(super) fn new(input: Input, sniffed: &Sniffed, lines: usize, limit: usize) -> Self {
        let mut count = LineCount::default();
        count.lines = lines;
        let (end, lead) = (sniffed.end, Some(0));
        let mode = match sniffed.format {
            Format::JsonArray => Mode::Array { wrapped: sniffed.wrapper.is_some() },
            Format::JsonObjects => Mode::Objects,
            _ => Mode::Lines,
        };
        let mut rows = Self { input, mode, end, limit, count, lead, indent: 0, buffer: Vec::new() };
        match (mode, sniffed.wrapper) {
            (_, Some(first)) => (0..first).for_each(|_| rows.step()),
            (Mode::Array { .. }, None) => {
                rows.skip_blank();
                rows.step();
            }
            _ => {}
        }
        rows
    }

    pub(super) fn next(&mut self) -> Option<Raw> {
        let row = match self.mode {
            Mode::Lines => self.next_line(),
            _ => self.next_element(),
        };
        row.or_else(|| Some(Raw::fault(self.count.lines + 1, self.input.failure(self.count.lines + 1)?)))
    }

    fn next_line(&mut self) -> Option<Raw> {
        loop {
            let line = self.input.line(self.end, self.limit, &mut self.buffer)?;
            let number = self.count.lines + 1;
            self.count.lines += usize::from(line.ended);
            if line.size > self.limit + 1 {
                return Some(Raw::fault(number, too_long(line.size, self.limit)));
            }
            let bytes = self.buffer.strip_suffix(b"\r").unwrap_or(&self.buffer);
            if bytes.len() > self.limit {
                return Some(Raw::fault(number, too_long(bytes.len(), self.limit)));
            }
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            if bytes.trim_ascii().is_empty() {
                continue;
            }
            let row = match object(bytes) {
                // The start of a line that is missing is not a broken line.
                Err(_) if !line.ended && self.input.is_cut() => return None,
                Err(fault) => Raw::fault(number, fault.describe(number)),
                Ok((values, warnings)) => {
                    Raw { line: number, values: Ok(values), bytes: bytes.to_vec(), warnings }
                }
            };
            return Some(row);
        }
    }

    fn next_element(&mut self) -> Option<Raw> {
        loop {
            let byte = self.skip_blank();
            match (self.mode, byte) {
                (Mode::Array { .. }, None) => {
                    self.mode = Mode::After;
                    if self.input.is_cut() {
                        return None;
                    }
                    let reason = "the array is not closed: reports after this place may be missing; add `]` or copy \
                                  the file anew";
                    return Some(Raw::fault(self.count.lines + 1, reason));
                }
                (_, None) => return None,
                (Mode::Array { wrapped }, Some(b']')) => {
                    self.step();
                    if wrapped {
                        self.skip_wrapper();
                    }
                    self.mode = Mode::After;
                }
                (Mode::After, Some(b'[')) => {
                    self.step();
                    self.mode = Mode::Array { wrapped: false };
                }
                (Mode::After, Some(_)) => {
                    self.mode = Mode::Lines;
                    return self.next_line();
                }
                (Mode::Array { .. } | Mode::Objects, Some(_)) => {
                    if let Some(row) = self.element() {
                        return Some(row);
                    }
                }
                (Mode::Lines, Some(_)) => return self.next_line(),
            }
        }
    }

    /// Consumes one byte and keeps count of lines and indentation.
    fn step(&mut self) {
        let Some(&byte) = self.input.fill().first() else { return };
        self.count.see(byte);
        self.lead = match (byte, self.lead) {
            (b'\n' | b'\r', _) => Some(0),
            (b' ' | b'\t' | b',' | b'[', Some(lead)) => Some(lead + 1),
            _ => None,
        };
        self.input.consume(1);
    }

    /// Passes blanks and commas between elements; the next byte, still to be consumed.
    fn skip_blank(&mut self) -> Option<u8> {
        loop {
            let &byte = self.input.fill().first()?;
            let comma = byte == b',' && matches!(self.mode, Mode::Array { .. });
            if !byte.is_ascii_whitespace() && !comma {
                return Some(byte);
            }
            self.step();
        }
    }

    /// Passes what follows the array inside an object, up to the end of the object.
    fn skip_wrapper(&mut self) {
        let mut scan = Scan { depth: 1, ..Scan::default() };
        loop {
            let chunk = self.input.fill();
            let (used, end) = scan.step(chunk, 0, true, false);
            let ended = end.is_some() || chunk.is_empty();
            self.input.consume(used);
            if ended {
                self.count.lines += scan.count.lines;
                return;
            }
        }
    }

    /// Reads one element; `None` for one whose end is missing because the stream broke off.
    fn element(&mut self) -> Option<Raw> {
        self.indent = self.lead.take().unwrap_or(self.indent);
        self.count.see(b'{');
        let before = self.count.lines;
        let in_array = self.mode != Mode::Objects;
        self.buffer.clear();
        let mut scan = Scan::default();
        let mut size = 0;
        let end = loop {
            let again = self.input.again();
            let chunk = self.input.fill();
            if chunk.is_empty() {
                break End::Eof;
            }
            let (used, end) = scan.step(chunk, self.indent, in_array, again);
            if size <= self.limit {
                self.buffer.extend_from_slice(&chunk[..used]);
            }
            size += used;
            self.input.consume(used);
            if let Some(end) = end {
                break end;
            }
            if size > self.limit && !scan.broken {
                if next_element(&self.buffer, self.indent).is_some() {
                    break End::Next;
                }
                scan.broken = true;
            }
        };
        self.count.lines += scan.count.lines;
        let number = before + 1;
        if end == End::Next {
            self.lead = scan.fresh;
        }
        let held = size == self.buffer.len();
        let whole = held && size <= self.limit && end == End::Closed;
        let result = if whole { object(&self.buffer) } else { Err(Fault::default()) };
        if let Ok((values, warnings)) = result {
            return Some(Raw { line: number, values: Ok(values), bytes: self.buffer.clone(), warnings });
        }
        // Other elements may stand inside the broken one.
        let cut = next_element(&self.buffer, self.indent).filter(|_| held);
        if let Some(at) = cut {
            self.input.give_back(&self.buffer[at..]);
            self.buffer.truncate(at);
            self.count.lines = before + LineCount::of(&self.buffer);
            self.lead = Some(0);
        } else if end == End::Eof && self.input.is_cut() {
            return None;
        }
        let size = if cut.is_some() { self.buffer.trim_ascii_end().len() } else { size };
        if size > self.limit {
            return Some(Raw::fault(number, too_long(size, self.limit)));
        }
        let text = self.buffer.trim_ascii_end();
        let fault = object(text.strip_suffix(b",").unwrap_or(text)).err().unwrap_or_default();
        Some(Raw::fault(number, fault.describe(number)))
    }
}

/// Where the next element starts inside a broken one: at a line that begins with `{` no deeper than `indent`.
fn next_element(bytes: &[u8], indent: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(end) = bytes[from..].iter().position(|b| matches!(b, b'\n' | b'\r')) {
        from += end + 1;
        let lead = bytes[from..].iter().take_while(|b| matches!(b, b' ' | b'\t' | b',')).count();
        if lead <= indent && bytes.get(from + lead) == Some(&b'{') {
            return Some(from);
        }
    }
    None
}

/// Finds the end of an element.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    started: bool,
    /// A string ran over the end of its line, or the element over the limit.
    broken: bool,
    /// Blanks since the start of the line; `None` after its first text.
    fresh: Option<usize>,
    count: LineCount,
}

impl Scan {
    /// Goes on through `chunk`: the bytes that belong to the element, and whether it ends there.
    ///
    /// Bytes that are read `again` follow a broken element: there a line that starts with `{` ends this one.
    fn step(&mut self, chunk: &[u8], indent: usize, in_array: bool, again: bool) -> (usize, Option<End>) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            if self.in_string {
                at += self.string(&chunk[at..]);
                if !self.in_string && self.depth == 0 {
                    return (at, Some(End::Closed));
                }
                continue;
            }
            if self.depth == 0 && self.started {
                // A bare word or number, or rubbish.
                let ends = matches!(byte, b'\n' | b'\r') || (in_array && matches!(byte, b',' | b']' | b'{'));
                if ends {
                    return (at, Some(End::Closed));
                }
                at += 1;
                continue;
            }
            self.started = true;
            match byte {
                b'"' => self.in_string = true,
                b'{' if (again || self.broken)
                    && self.depth > 0
                    && self.fresh.is_some_and(|lead| lead <= indent) =>
                {
                    return (at, Some(End::Next));
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return (at + 1, Some(End::Closed));
                    }
                }
                b'\n' | b'\r' => {
                    self.count.see(byte);
                    self.fresh = Some(0);
                    at += 1;
                    continue;
                }
                b' ' | b'\t' | b',' => {
                    self.fresh = self.fresh.map(|lead| lead + 1);
                    at += 1;
                    continue;
                }
                _ => {}
            }
            self.fresh = None;
            at += 1;
        }
        (at, None)
    }

    /// Goes on inside a string, which ends at its quote or, broken, before the end of the line.
    fn string(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if matches!(byte, b'\n' | b'\r') {
                (self.in_string, self.escaped, self.broken) = (false, false, true);
                return at;
            }
            at += 1;
            if std::mem::take(&mut self.escaped) {
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = false;
                    return at;
                }
                b'\\' => self.escaped = true,
                _ => {}
            }
        }
        at
    }
}
