//! The tests of a patch and its source, each as a patch of its own.

use std::fmt::Write as _;

use super::{Change, FileDiff, Hunk, Patch};

/// A patch in two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// What belongs to tests.
    pub tests: String,
    /// Everything else.
    pub source: String,
}

/// Parts a patch, file by file. Both parts are valid diffs against what the whole is against.
#[must_use]
pub fn split(patch: &Patch<'_>, is_test: impl Fn(&FileDiff<'_>) -> bool) -> Parts {
    let mut parts = Parts::default();
    for file in &patch.files {
        let part = if is_test(file) { &mut parts.tests } else { &mut parts.source };
        part.push_str(file.text);
    }
    parts
}

/// The diff that makes `after` of `before`, line for line, under the header of `file`; empty if they are the same.
#[must_use]
pub fn rewrite(file: &FileDiff<'_>, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let mut text = file.text.find("\n@@ ").map_or(file.text, |end| &file.text[..=end]).to_owned();
    let span = |text: &str| {
        let count = text.split_inclusive('\n').count();
        (usize::from(count > 0), count)
    };
    let ((old_start, old_count), (new_start, new_count)) = (span(before), span(after));
    let _ = writeln!(text, "@@ -{old_start},{old_count} +{new_start},{new_count} @@");
    for (mark, side) in [('-', before), ('+', after)] {
        for line in side.split_inclusive('\n') {
            text.push(mark);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    text
}

/// The file after the change, if `content` is the file before it; nothing where they do not fit, and for changes
/// that are not of text.
#[must_use]
pub fn apply(content: &str, file: &FileDiff<'_>) -> Option<String> {
    if file.binary {
        return None;
    }
    let mut before = content.split_inclusive('\n');
    let mut taken = 0;
    let mut after = String::with_capacity(content.len());
    for hunk in &file.hunks {
        let start = first_line(hunk);
        while taken + 1 < start {
            after.push_str(before.next()?);
            taken += 1;
        }
        for line in &hunk.lines {
            let whole = if line.terminated { format!("{}\n", line.text) } else { line.text.to_owned() };
            if line.change != Change::Added {
                if before.next()? != whole {
                    return None;
                }
                taken += 1;
            }
            if line.change != Change::Removed {
                after.push_str(&whole);
            }
        }
    }
    after.extend(before);
    Some(after)
}

/// The number of the first line before that a hunk is about, or that it stands in front of.
fn first_line(hunk: &Hunk<'_>) -> usize {
    hunk.old_start + usize::from(hunk.old_count == 0)
}
