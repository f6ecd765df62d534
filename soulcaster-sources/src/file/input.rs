//! Bytes in: buffered, read line by line, put back where a scanner went too far.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

const BUFFER: usize = 256 * 1024;

/// A stream that never fails: a failure ends it, and [`Input::failure`] tells of it.
pub(super) struct Input {
    inner: BufReader<Box<dyn Read + Send>>,
    ended: bool,
    failure: Option<io::Error>,
    packed: bool,
    /// Bytes given back, read again before `inner`.
    again: Vec<u8>,
    at: usize,
}

/// A line as it was read; its bytes are in the caller's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Its bytes without the end of line, also those that were not kept.
    pub(super) size: usize,
    /// Whether an end of line followed.
    pub(super) ended: bool,
}

impl Input {
    pub(super) fn new(inner: Box<dyn Read + Send>, packed: bool) -> Self {
        let inner = BufReader::with_capacity(BUFFER, inner);
        Self { inner, ended: false, failure: None, packed, again: Vec::new(), at: 0 }
    }

    /// The bytes that come next; none at the end.
    pub(super) fn fill(&mut self) -> &[u8] {
        if self.at < self.again.len() {
            return &self.again[self.at..];
        }
        while !self.ended && self.inner.buffer().is_empty() {
            match self.inner.fill_buf() {
                Ok(bytes) => {
                    self.ended = bytes.is_empty();
                    break;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.failure = Some(error);
                }
            }
        }
        self.inner.buffer()
    }

    /// Whether the bytes that come next were read before and given back.
    pub(super) fn again(&self) -> bool {
        self.at < self.again.len()
    }

    /// Puts back the last bytes consumed.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        if self.again() && self.at >= bytes.len() {
            self.at -= bytes.len();
        } else {
            let rest = self.again.split_off(self.at);
            self.again = [bytes, &rest].concat();
            self.at = 0;
        }
    }

    /// Whether the stream broke off instead of ending.
    pub(super) fn is_cut(&self) -> bool {
        self.failure.is_some()
    }

    /// Says, once, why the stream broke off near `line`.
    pub(super) fn failure(&mut self, line: usize) -> Option<String> {
        let error = self.failure.take()?;
        Some(match error.kind() {
            ErrorKind::UnexpectedEof if self.packed => format!(
                "the archive is cut short at about line {line}: the reports before it are read, the rest is \
                 missing; copy the archive anew"
            ),
            _ if self.packed => format!(
                "the archive is damaged at about line {line} ({error}): the reports before it are read; copy the \
                 archive anew"
            ),
            _ => format!(
                "reading broke off at about line {line} ({error}): the reports before it are read; try again"
            ),
        })
    }

    /// Reads a line into `buffer`, at most a little over `limit` bytes of it; `None` at the end.
    pub(super) fn line(&mut self, end: u8, limit: usize, buffer: &mut Vec<u8>) -> Option<Line> {
        buffer.clear();
        let most = limit.saturating_add(2) as u64;
        // `fill` never fails, so neither does this.
        let _ = self.by_ref().take(most).read_until(end, buffer);
        if buffer.last() == Some(&end) {
            buffer.pop();
            return Some(Line { size: buffer.len(), ended: true });
        }
        if buffer.is_empty() {
            return None;
        }
        let mut line = Line { size: buffer.len(), ended: false };
        while buffer.len() as u64 == most && !line.ended {
            let bytes = self.fill();
            let end = bytes.iter().position(|&b| b == end);
            let (kept, used) = end.map_or((bytes.len(), bytes.len()), |at| (at, at + 1));
            line.size += kept;
            line.ended = end.is_some();
            self.consume(used);
            if used == 0 {
                break;
            }
        }
        Some(line)
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill();
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.fill())
    }

    fn consume(&mut self, count: usize) {
        if !self.again() {
            return self.inner.consume(count);
        }
        self.at += count;
        if !self.again() {
            (self.again, self.at) = (Vec::new(), 0);
        }
    }
}

/// Counts line ends: `\n`, `\r\n` and `\r` alone.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LineCount {
    pub(super) lines: usize,
    after_return: bool,
}

impl LineCount {
    pub(super) fn see(&mut self, byte: u8) {
        self.lines += usize::from(byte == b'\r' || (byte == b'\n' && !self.after_return));
        self.after_return = byte == b'\r';
    }

    pub(super) fn of(bytes: &[u8]) -> usize {
        let mut count = Self::default();
        bytes.iter().for_each(|&b| count.see(b));
        count.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input::new(Box::new(io::Cursor::new(bytes.to_vec())), false)
    }

    #[test]
    fn lines_over_the_limit_are_measured_but_not_kept() {
        let mut text = vec![b'x'; 1_000_000];
        text.extend_from_slice(b"\nshort\nlast");
        let (mut input, mut buffer) = (input(&text), Vec::new());
        assert_eq!(input.line(b'\n', 10, &mut buffer), Some(Line { size: 1_000_000, ended: true }));
        assert!(buffer.len() < 20);
        assert_eq!(input.line(b'\n', 10, &mut buffer), Some(Line { size: 5, ended: true }));
        assert_eq!(buffer, b"short");
        assert_eq!(input.line(b'\n', 10, &mut buffer), Some(Line { size: 4, ended: false }));
        assert_eq!(input.line(b'\n', 10, &mut buffer), None);
    }

    #[test]
    fn bytes_given_back_come_again_in_order() {
        let mut input = input(b"abcdef");
        assert_eq!(input.fill(), b"abcdef");
        input.consume(4);
        input.give_back(b"bcd");
        assert_eq!(input.fill(), b"bcd");
        assert!(input.again());
        input.consume(2);
        input.give_back(b"c");
        assert_eq!(input.fill(), b"cd");
        input.consume(2);
        assert_eq!(input.fill(), b"ef");
        assert!(!input.again());
        input.consume(1);
        input.give_back(b"e");
        input.give_back(b"d");
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "def");
    }

    #[test]
    fn a_failure_ends_the_stream_and_is_told_once() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(io::Error::other("disk on fire"));
                }
                into[..3].copy_from_slice(b"a\nb");
                Ok(3)
            }
        }
        let (mut input, mut buffer) = (Input::new(Box::new(Broken(false)), false), Vec::new());
        assert_eq!(input.line(b'\n', 10, &mut buffer), Some(Line { size: 1, ended: true }));
        assert_eq!(input.line(b'\n', 10, &mut buffer), Some(Line { size: 1, ended: false }));
        assert_eq!(input.line(b'\n', 10, &mut buffer), None);
        assert_eq!(
            input.failure(2).unwrap(),
            "reading broke off at about line 2 (disk on fire): the reports before it are read; try again"
        );
        assert_eq!(input.failure(2), None);
    }

    #[test]
    fn every_kind_of_line_end_counts_once() {
        assert_eq!(LineCount::of(b"a\nb\r\nc\rd\n\n"), 5);
    }
}
