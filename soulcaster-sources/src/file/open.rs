//! Opens a file or standard input, unpacks it and looks at what it holds.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use soulcaster_core::{Error, Result};

use super::Format;
use super::input::{Input, LineCount};
use super::sniff::{Sniffed, WINDOW, refuse_foreign, sniff};

const OPERATION: &str = "file.open";
const MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP: &[u8] = b"\x1f\x8b";

/// A file that is ready to be read.
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) sniffed: Sniffed,
    /// Blank lines before the first byte that counts.
    pub(super) lines: usize,
    pub(super) warning: Option<String>,
}

/// Opens `path`; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Opened> {
    let (reader, name) = source(path)?;
    start(reader, &name)
}

/// Opens `path`, or standard input for `-`, unpacked if it is gzipped.
///
/// # Errors
/// `NotFound` when there is no such file, with near names; `Invalid` for a folder or a file that may not be
/// read.
pub fn unpacked(path: impl AsRef<Path>) -> Result<Box<dyn Read + Send>> {
    let (reader, name) = source(path.as_ref())?;
    unpack(reader, &name).map(|(reader, _)| reader)
}

/// The bytes at `path` and what messages call them.
fn source(path: &Path) -> Result<(Box<dyn Read + Send>, String)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), "standard input".to_owned()));
    }
    let file = File::open(path).map_err(|error| refuse(path, error))?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Err(directory(path));
    }
    Ok((Box::new(file), path.display().to_string()))
}

/// How the bytes of a file are packed.
struct Packing {
    packed: bool,
    warning: Option<String>,
}

fn unpack(mut reader: Box<dyn Read + Send>, name: &str) -> Result<(Box<dyn Read + Send>, Packing)> {
    let mut head = Vec::new();
    take(&mut reader, GZIP.len() + 1, &mut head).map_err(|error| unreadable(name, false, error))?;
    let packed = head.starts_with(GZIP);
    let named_gz = name.to_ascii_lowercase().ends_with(".gz");
    let warning = (named_gz && !packed && !head.is_empty())
        .then(|| format!("{name} is not a gzip archive despite its name; it is read as it is"));
    let reader: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(reader));
    let reader = if packed { Box::new(MultiGzDecoder::new(io::BufReader::new(reader))) } else { reader };
    Ok((reader, Packing { packed, warning }))
}

/// Looks at the first bytes of `reader`; `name` is what messages call it.
pub(super) fn start(reader: Box<dyn Read + Send>, name: &str) -> Result<Opened> {
    let (mut reader, Packing { packed, warning }) = unpack(reader, name)?;

    let (mut window, mut count) = (Vec::new(), LineCount::default());
    let (mut first, mut has_blanks) = (true, false);
    loop {
        let read = take(&mut reader, WINDOW - window.len(), &mut window);
        let whole = !matches!(read, Ok(false));
        if std::mem::take(&mut first) {
            refuse_foreign(&window, name)?;
            if window.starts_with(MARK) {
                window.drain(..MARK.len());
            }
        }
        let text = window.iter().position(|b| !b.is_ascii_whitespace());
        // Blank lines go; the indentation of the first line stays.
        let before = &window[..text.unwrap_or(window.len())];
        let blank = if text.is_some() {
            before.iter().rposition(|b| is_end(*b)).map_or(0, |at| at + 1)
        } else {
            before.len()
        };
        has_blanks |= blank > 0;
        window.drain(..blank).for_each(|b| count.see(b));
        if text.is_none() && !whole {
            continue;
        }
        let rest: Box<dyn Read + Send> = match read {
            Err(error) if window.is_empty() => return Err(unreadable(name, packed, error)),
            Err(error) => Box::new(Fails(Some(error))),
            Ok(_) => reader,
        };
        let mut sniffed = sniff(&window, whole, name)?;
        if sniffed.format == Format::Empty && has_blanks {
            sniffed.format = Format::Blank;
        }
        let input = Input::new(Box::new(Cursor::new(window).chain(rest)), packed);
        return Ok(Opened { input, sniffed, lines: count.lines, warning });
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Reads up to `count` bytes; true when the stream has ended. What was read before an error stays.
fn take(reader: &mut impl Read, count: usize, into: &mut Vec<u8>) -> io::Result<bool> {
    Ok(reader.by_ref().take(count as u64).read_to_end(into)? < count)
}

/// Gives the error that ended the first look again, in its place.
struct Fails(Option<io::Error>);

impl Read for Fails {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn unreadable(name: &str, packed: bool, error: io::Error) -> Error {
    let message = match error.kind() {
        ErrorKind::IsADirectory => format!("{name} is a folder; name a file in it"),
        ErrorKind::UnexpectedEof if packed => {
            format!("{name} is a gzip archive that is cut short before its first report; copy it anew")
        }
        _ if packed => format!("{name} is a damaged gzip archive ({error}); copy it anew"),
        _ => format!("{name} cannot be read ({error}); check the file and the disk"),
    };
    Error::invalid(OPERATION, message).with_source(error)
}

/// Says why `path` cannot be opened.
fn refuse(path: &Path, error: io::Error) -> Error {
    let name = path.display();
    let refused = match error.kind() {
        ErrorKind::NotFound => Error::not_found(OPERATION, missing(path)),
        ErrorKind::PermissionDenied => {
            Error::invalid(OPERATION, format!("{name} may not be read by this user; give it read permission"))
        }
        ErrorKind::NotADirectory => {
            Error::not_found(OPERATION, format!("no file {name}: a part of its path is a file, not a folder"))
        }
        _ => Error::invalid(OPERATION, format!("{name} cannot be opened ({error})")),
    };
    refused.with_source(error)
}

/// How many names of a folder are looked at for a suggestion.
const MAX_NAMES: usize = 10_000;

fn names_in(folder: &Path) -> Option<Vec<String>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(folder).ok()?;
    let mut names: Vec<String> = entries
        .take(MAX_NAMES)
        .filter_map(|entry| entry.ok().filter(|e| !e.path().is_dir())?.file_name().into_string().ok())
        .collect();
    names.sort();
    Some(names)
}

fn missing(path: &Path) -> String {
    let name = path.display();
    let folder = path.parent().unwrap_or(Path::new(""));
    let Some(names) = names_in(folder) else {
        return format!("no file {name}: there is no folder {}", folder.display());
    };
    let wanted = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut near: Vec<(usize, String)> = names
        .into_iter()
        .map(|found| (distance(&wanted, &found.to_lowercase()), found))
        .filter(|(distance, _)| *distance <= 1 + wanted.chars().count() / 4)
        .collect();
    near.sort();
    match near.as_slice() {
        [] => format!("no file {name}; check the name and the current folder"),
        near => {
            let near: Vec<String> =
                near.iter().take(3).map(|(_, found)| folder.join(found).display().to_string()).collect();
            format!("no file {name}; did you mean {}", near.join(" or "))
        }
    }
}

fn directory(path: &Path) -> Error {
    let readable = |name: &String| {
        let name = name.trim_end_matches(".gz");
        [".jsonl", ".ndjson", ".json", ".csv", ".tsv"].iter().any(|ending| name.ends_with(ending))
    };
    let names: Vec<String> =
        names_in(path).unwrap_or_default().into_iter().filter(readable).take(3).collect();
    let such = if names.is_empty() { String::new() } else { format!(", such as {}", names.join(", ")) };
    Error::invalid(OPERATION, format!("{} is a folder; name a file in it{such}", path.display()))
}

/// How many letters must be added, dropped or changed to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_changes() {
        assert_eq!(distance("reports.jsonl", "reports.jsonl"), 0);
        assert_eq!(distance("report.jsonl", "reports.json"), 2);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn a_file_that_may_not_be_read_says_so() {
        let error = refuse(Path::new("a.jsonl"), ErrorKind::PermissionDenied.into());
        assert_eq!(
            error.to_string(),
            "file.open: a.jsonl may not be read by this user; give it read permission"
        );
        let error = unreadable("a.jsonl", false, io::Error::other("bad sector"));
        assert_eq!(error.message(), "a.jsonl cannot be read (bad sector); check the file and the disk");
    }
}
