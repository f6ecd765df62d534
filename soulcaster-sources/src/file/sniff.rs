//! What a file holds, told from its first bytes.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use soulcaster_core::{Error, Result};

use super::Format;
use super::csv::header_delimiter;
use super::input::LineCount;
use super::row::is_text;

/// How many bytes are looked at.
pub(super) const WINDOW: usize = 64 * 1024;

const OPERATION: &str = "file.open";

/// What the first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sniffed {
    pub(super) format: Format,
    /// Bytes before the first element of an array inside an object.
    pub(super) wrapper: Option<usize>,
    /// What ends a line.
    pub(super) end: u8,
}

/// Tells the format from the first bytes of a file, after a byte order mark and blank lines.
/// Blanks before the first text stay, for they may be empty columns.
///
/// `whole` says that these are all its bytes, `name` is the file's name.
pub(super) fn sniff(window: &[u8], whole: bool, name: &str) -> Result<Sniffed> {
    let returns = window.contains(&b'\r') && !window.contains(&b'\n');
    let end = if returns { b'\r' } else { b'\n' };
    let is = |format| Ok(Sniffed { format, wrapper: None, end });
    let lower = name.to_ascii_lowercase();
    let lower = lower.strip_suffix(".gz").unwrap_or(&lower);
    let named = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let table = window;
    let lead = blank(window);
    let window = &window[lead..];
    match window.first() {
        None => return is(Format::Empty),
        Some(b'{') => {
            let wrapper = wrapper(window).map(|at| at + lead);
            let format = match wrapper {
                Some(_) => Format::JsonArray,
                None if is_lines(window, whole, end) => Format::JsonLines,
                None => Format::JsonObjects,
            };
            return Ok(Sniffed { format, wrapper, end });
        }
        Some(b'[') if starts_array(&window[1..]) && !named(&[".csv", ".tsv"]) => {
            return is(Format::JsonArray);
        }
        Some(_) => {}
    }
    if !named(&[".csv", ".tsv"])
        && (named(&[".jsonl", ".ndjson", ".json"]) || has_object_line(window, whole, end))
    {
        return is(Format::JsonLines);
    }
    if looks_binary(window) {
        return Err(binary(name, "binary data"));
    }
    match header_delimiter(table) {
        Some(delimiter) => is(Format::Table { delimiter: delimiter as char }),
        None => Err(Error::invalid(
            OPERATION,
            format!(
                "{name} is neither JSON nor a table with a header: its first line names no column that holds text; \
                 add a header line with a column `title` or `body`"
            ),
        )),
    }
}

fn binary(name: &str, what: &str) -> Error {
    Error::invalid(OPERATION, format!("{name} holds {what}, not text; export it as JSON Lines or CSV"))
}

/// Refuses what is known not to be text in UTF-8; expects the very first bytes.
pub(super) fn refuse_foreign(head: &[u8], name: &str) -> Result<()> {
    let known: [(&[u8], &str); 16] = [
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PK\x03\x04", "a ZIP archive or an office document"),
        (b"%PDF-", "a PDF document"),
        (b"\x7fELF", "a program"),
        (b"MZ\x90\0", "a program"),
        (b"PAR1", "a Parquet table"),
        (b"Obj\x01", "an Avro file"),
        (b"ARROW1\0", "an Arrow file"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
        (b"\xfd7zXZ\0", "an XZ archive"),
        (b"BZh", "a bzip2 archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive inside a gzip archive"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(binary(name, what));
    }
    let encoding = match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16",
        _ if is_wide(head) => "UTF-16",
        _ => return Ok(()),
    };
    Err(Error::invalid(
        OPERATION,
        format!(
            "{name} is in {encoding}, not UTF-8; convert it, such as with `iconv -f {encoding} -t UTF-8`"
        ),
    ))
}

/// Latin text in UTF-16 without a mark: a NUL in every second place.
fn is_wide(head: &[u8]) -> bool {
    let head = &head[..head.len().min(64) & !1];
    let nuls = |odd: usize| head.iter().skip(odd).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd, half) = (nuls(0), nuls(1), head.len() / 2);
    half >= 4 && ((even == 0 && odd * 10 >= half * 9) || (odd == 0 && even * 10 >= half * 9))
}

fn looks_binary(window: &[u8]) -> bool {
    let strange = |b: u8| (b < 0x20 && !b.is_ascii_whitespace() && b != 0x1b) || b == 0x7f;
    let count = window.iter().filter(|&&b| strange(b)).count();
    count * 10 > window.len()
}

fn blank(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// Whether what follows a `[` can be the first element of an array.
fn starts_array(rest: &[u8]) -> bool {
    let rest = &rest[blank(rest)..];
    matches!(rest.first(), None | Some(b'{' | b'[' | b']' | b'"' | b'-' | b'0'..=b'9'))
        || [&b"null"[..], b"true", b"false"].iter().any(|word| rest.starts_with(word))
}

fn is_object(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.starts_with(b"{") && line.ends_with(b"}") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// Whether a whole line is an object by itself.
fn has_object_line(window: &[u8], whole: bool, end: u8) -> bool {
    let complete = match window.iter().rposition(|&b| b == end) {
        _ if whole => window,
        Some(last) => &window[..last],
        None => return false,
    };
    complete.split(|&b| b == end).any(|line| line.starts_with(b"{") && is_object(line))
}

/// Whether a file that starts with `{` holds an object a line, not objects spread over lines.
fn is_lines(window: &[u8], whole: bool, end: u8) -> bool {
    let mut values = serde_json::Deserializer::from_slice(window).into_iter::<IgnoredAny>();
    if let Some(Ok(_)) = values.next() {
        return LineCount::of(&window[..values.byte_offset()]) == 0;
    }
    // The first object is broken or longer than the window.
    has_object_line(window, whole, end) || !window.contains(&end)
}

/// Names under which services list what they return.
const LISTS: [&str; 7] = ["items", "data", "results", "records", "reports", "feedback", "issues"];

/// Where the list starts in `{"total": 2, "items": [{…`, when only plain values come before it.
fn wrapper(window: &[u8]) -> Option<usize> {
    if let Some((whole, used)) = leading::<BTreeMap<String, IgnoredAny>>(window) {
        let rest = &window[used..];
        if whole.keys().any(|name| is_text(name)) || rest.get(blank(rest)) == Some(&b'{') {
            return None;
        }
    }
    let mut at = 1;
    loop {
        at += blank(&window[at..]);
        let (name, used): (String, usize) = leading(&window[at..])?;
        at += used;
        at += blank(&window[at..]);
        at += usize::from(*window.get(at)? == b':');
        at += blank(&window[at..]);
        if LISTS.contains(&name.as_str()) && *window.get(at)? == b'[' {
            let first = at + 1 + blank(&window[at + 1..]);
            return (*window.get(first)? == b'{').then_some(at + 1);
        }
        if is_text(&name) || matches!(window.get(at)?, b'{' | b'[') {
            return None;
        }
        let (_, used): (IgnoredAny, usize) = leading(&window[at..])?;
        at += used;
        at += blank(&window[at..]);
        if *window.get(at)? != b',' {
            return None;
        }
        at += 1;
    }
}

fn leading<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<T>();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}
