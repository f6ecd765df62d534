//! The form of a git diff.

use std::collections::BTreeSet;

use super::quote;
use super::{Change, FileDiff, Hunk, Line, Patch};
use crate::error::{Error, Result};

/// No line of a file has a higher number.
const LAST_LINE: usize = 100_000_000;

/// What stands before the hunks of a file.
#[derive(Default)]
struct Header {
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    is_new: bool,
    is_deleted: bool,
    copied: bool,
    from: Option<String>,
    to: Option<String>,
    seen: BTreeSet<&'static str>,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    number: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        rest.find('\n').map(|end| &rest[..end])
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.at += line.len() + 1;
        self.number += 1;
        Some(line)
    }

    fn fault(&self, what: &str) -> Error {
        Error::invalid("patch.parse", format!("line {} of the patch {what}", self.number.max(1)))
    }
}

pub(super) fn patch(text: &str) -> Result<Patch<'_>> {
    let mut reader = Reader { text, at: 0, number: 0 };
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Error::invalid("patch.parse", "the last line of the patch has no end"));
    }
    let mut files = Vec::new();
    let (mut old, mut new) = (BTreeSet::new(), BTreeSet::new());
    while reader.peek().is_some() {
        let file = file(&mut reader)?;
        let twice = file.old_path.clone().is_some_and(|path| !file.copied && !old.insert(path))
            || file.new_path.clone().is_some_and(|path| !new.insert(path));
        if twice {
            return Err(reader.fault("ends a second change of one path"));
        }
        files.push(file);
    }
    Ok(Patch { files })
}

fn file<'a>(reader: &mut Reader<'a>) -> Result<FileDiff<'a>> {
    let begin = reader.at;
    let names = reader.next().and_then(|line| line.strip_prefix("diff --git "));
    let names = names.ok_or_else(|| reader.fault("is not `diff --git`"))?;
    let header = header(reader)?;
    let renamed = header.from.as_deref().zip(header.to.as_deref());
    if renamed.is_some() != (header.from.is_some() || header.to.is_some()) {
        return Err(reader.fault("ends a renaming of which one half is missing"));
    }
    let pair =
        quote::pair(names, renamed).ok_or_else(|| reader.fault("follows paths that cannot be read"))?;
    if pair.0 != pair.1 && renamed != Some((&pair.0, &pair.1)) || renamed.is_some_and(|(from, to)| from == to)
    {
        return Err(reader.fault("follows paths that differ"));
    }
    if header.is_new && header.is_deleted || renamed.is_some() && (header.is_new || header.is_deleted) {
        return Err(reader.fault("ends a header that contradicts itself"));
    }
    let mut file = FileDiff {
        old_path: (!header.is_new).then_some(pair.0),
        new_path: (!header.is_deleted).then_some(pair.1),
        old_mode: header.old_mode,
        new_mode: header.new_mode,
        copied: header.copied,
        binary: false,
        hunks: Vec::new(),
        text: "",
    };
    match reader.peek() {
        Some(line) if line.starts_with("--- ") => {
            sides(reader, &file)?;
            while reader.peek().is_some_and(|line| line.starts_with("@@ ")) {
                let hunk = hunk(reader)?;
                let after = file.hunks.last().map_or(0, |last| last.old_start + last.old_count);
                if hunk.old_start < after {
                    return Err(reader.fault("ends a hunk that stands before the one above it"));
                }
                file.hunks.push(hunk);
            }
            if file.hunks.is_empty() {
                return Err(reader.fault("is followed by no hunk"));
            }
        }
        Some("GIT binary patch") => {
            reader.next();
            file.binary = true;
            bytes(reader)?;
            if reader.peek().is_some_and(|line| !line.starts_with("diff --git ")) {
                bytes(reader)?;
            }
        }
        Some(line) if line.starts_with("Binary files ") && line.ends_with(" differ") => {
            reader.next();
            file.binary = true;
        }
        _ => {}
    }
    file.text = &reader.text[begin..reader.at];
    Ok(file)
}

fn header(reader: &mut Reader<'_>) -> Result<Header> {
    let mut header = Header::default();
    while let Some(line) = reader.peek() {
        let Some((kind, value)) = KINDS.iter().find_map(|kind| Some((*kind, line.strip_prefix(kind)?)))
        else {
            break;
        };
        reader.next();
        if !header.seen.insert(kind) {
            return Err(reader.fault("repeats one of the header"));
        }
        let unreadable = || reader.fault("has no readable value");
        let mode = || mode(value).ok_or_else(unreadable);
        let name = || quote::path(value, "").ok_or_else(unreadable);
        match kind {
            "old mode " => header.old_mode = Some(mode()?),
            "new mode " => header.new_mode = Some(mode()?),
            "new file mode " => (header.is_new, header.new_mode) = (true, Some(mode()?)),
            "deleted file mode " => (header.is_deleted, header.old_mode) = (true, Some(mode()?)),
            "copy from " => (header.copied, header.from) = (true, Some(name()?)),
            "copy to " => (header.copied, header.to) = (true, Some(name()?)),
            "rename from " => header.from = Some(name()?),
            "rename to " => header.to = Some(name()?),
            "index " => {
                let (hashes, both) = value.split_once(' ').map_or((value, None), |(h, m)| (h, Some(m)));
                let (one, other) = hashes.split_once("..").ok_or_else(unreadable)?;
                if ![one, other].iter().all(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit())) {
                    return Err(unreadable());
                }
                if let Some(both) = both {
                    header.seen.insert("index with a mode");
                    let mode = self::mode(both).ok_or_else(unreadable)?;
                    (header.old_mode, header.new_mode) = (Some(mode), Some(mode));
                }
            }
            _ => {
                let percent = value.strip_suffix('%').and_then(|n| n.parse::<u8>().ok());
                percent.filter(|n| *n <= 100).ok_or_else(unreadable)?;
            }
        }
    }
    let seen = |kind| header.seen.contains(kind);
    let renamed = seen("rename from ") || seen("rename to ");
    // Of several words on the mode git takes now the one, now the other.
    let modes = ["old mode ", "new file mode ", "deleted file mode ", "index with a mode"]
        .map(seen)
        .iter()
        .filter(|s| **s)
        .count();
    if renamed && header.copied || seen("old mode ") != seen("new mode ") || modes > 1 {
        return Err(reader.fault("ends a header that contradicts itself"));
    }
    Ok(header)
}

const KINDS: [&str; 11] = [
    "old mode ",
    "new mode ",
    "deleted file mode ",
    "new file mode ",
    "copy from ",
    "copy to ",
    "rename from ",
    "rename to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
];

/// The modes that git knows.
fn mode(text: &str) -> Option<u32> {
    match text {
        "100644" => Some(0o100_644),
        "100755" => Some(0o100_755),
        "120000" => Some(0o120_000),
        "160000" => Some(0o160_000),
        _ => None,
    }
}

/// The lines `---` and `+++`, which must say what the header says.
fn sides(reader: &mut Reader<'_>, file: &FileDiff<'_>) -> Result<()> {
    for (mark, prefix, expected) in [("--- ", "a/", &file.old_path), ("+++ ", "b/", &file.new_path)] {
        let line = reader.next().and_then(|line| line.strip_prefix(mark));
        let line = line.ok_or_else(|| reader.fault("names no file"))?;
        // Behind a name with blanks git writes a tab.
        let name = if line.starts_with('"') { line } else { line.strip_suffix('\t').unwrap_or(line) };
        let found = if name == "/dev/null" { None } else { quote::path(name, prefix) };
        if found != *expected || found.is_none() && name != "/dev/null" {
            return Err(reader.fault("names another file than the header"));
        }
    }
    Ok(())
}

fn hunk<'a>(reader: &mut Reader<'a>) -> Result<Hunk<'a>> {
    let head = reader.next().unwrap_or_default();
    let spans =
        head.strip_prefix("@@ -").and_then(|rest| rest.split_once(" @@")).and_then(|(spans, section)| {
            let (old, new) = spans.split_once(" +")?;
            (section.is_empty() || section.starts_with(' ')).then_some((span(old)?, span(new)?))
        });
    let ((old_start, old_count), (new_start, new_count)) =
        spans.ok_or_else(|| reader.fault("is no head of a hunk"))?;
    let (mut old, mut new) = (old_count, new_count);
    let mut lines: Vec<Line<'a>> = Vec::new();
    while old > 0 || new > 0 {
        let line = reader.next().ok_or_else(|| reader.fault("is the last, within a hunk"))?;
        // An empty line is an empty one that stays, as some write it.
        let change = match line.as_bytes().first() {
            Some(b' ') | None => Change::Context,
            Some(b'+') => Change::Added,
            Some(b'-') => Change::Removed,
            Some(b'\\') if line.starts_with("\\ ") => {
                unterminated(&mut lines).ok_or_else(|| reader.fault("ends no line"))?;
                continue;
            }
            _ => return Err(reader.fault("is no line of a hunk")),
        };
        for (left, side) in [(&mut old, Change::Added), (&mut new, Change::Removed)] {
            if change != side {
                *left = left.checked_sub(1).ok_or_else(|| reader.fault("is more than its hunk has"))?;
            }
        }
        lines.push(Line { change, text: line.get(1..).unwrap_or_default(), terminated: true });
    }
    if reader.peek().is_some_and(|line| line.starts_with("\\ ")) {
        reader.next();
        unterminated(&mut lines).ok_or_else(|| reader.fault("ends no line"))?;
    }
    if lines.iter().all(|line| line.change == Change::Context) {
        return Err(reader.fault("ends a hunk that changes nothing"));
    }
    Ok(Hunk { old_start, old_count, new_start, new_count, lines })
}

/// Takes the line feed from the last line, once.
fn unterminated(lines: &mut [Line<'_>]) -> Option<()> {
    let last = lines.last_mut().filter(|line| line.terminated)?;
    last.terminated = false;
    Some(())
}

/// `12,3`, or `12` for one line.
fn span(text: &str) -> Option<(usize, usize)> {
    let number = |text: &str| -> Option<usize> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| digits && *n <= LAST_LINE)
    };
    let (start, count) = match text.split_once(',') {
        Some((start, count)) => (number(start)?, number(count)?),
        None => (number(text)?, 1),
    };
    (start > 0 || count == 0).then_some((start, count))
}

/// One half of a binary patch: its head, lines in base 85, an empty line.
fn bytes(reader: &mut Reader<'_>) -> Result<()> {
    let head = reader.next().unwrap_or_default();
    let size = head.strip_prefix("literal ").or_else(|| head.strip_prefix("delta "));
    if !size.is_some_and(|size| !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit())) {
        return Err(reader.fault("is no head of binary data"));
    }
    loop {
        match reader.next() {
            Some("") => return Ok(()),
            Some(line)
                if line.bytes().all(|b| b.is_ascii_graphic()) && line.as_bytes()[0].is_ascii_alphabetic() => {
            }
            _ => return Err(reader.fault("is no binary data")),
        }
    }
}
