//! The tests of a patch and its source, each as a patch of its own.

use std::fmt::Write as _;

use super::{Change, FileDiff, Hunk, Line, Patch};

/// A patch in two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// What belongs to tests.
    pub tests: String,
    /// Everything else.
    pub source: String,
}

/// Parts a patch: each changed line goes where `is_test` sends it. Both parts are valid diffs against what the
/// whole is against.
///
/// `is_test` is given the file, the line, and the line's number: after the change for an added line, before it for
/// one that is removed. Asked for no line in particular, for a file without text lines, the answer is for all of it.
#[must_use]
pub fn split(
    patch: &Patch<'_>,
    is_test: impl Fn(&FileDiff<'_>, Option<(&Line<'_>, usize)>) -> bool,
) -> Parts {
    let mut parts = Parts::default();
    for file in &patch.files {
        let mut answers = Vec::new();
        each_change(file, |line, number| answers.push(is_test(file, Some((line, number)))));
        let whole = if answers.is_empty() { Some(is_test(file, None)) } else { None };
        if whole.unwrap_or_else(|| answers.iter().all(|answer| *answer)) {
            parts.tests.push_str(file.text);
        } else if whole.is_some() || !answers.contains(&true) {
            parts.source.push_str(file.text);
        } else {
            parts.tests.push_str(&restricted(file, &answers, true));
            parts.source.push_str(&restricted(file, &answers, false));
        }
    }
    parts
}

fn each_change<'a>(file: &FileDiff<'a>, mut visit: impl FnMut(&Line<'a>, usize)) {
    for hunk in &file.hunks {
        let (mut old, mut new) = (hunk.old_start, hunk.new_start);
        for line in &hunk.lines {
            match line.change {
                Change::Context => (old, new) = (old + 1, new + 1),
                Change::Added => {
                    visit(line, new);
                    new += 1;
                }
                Change::Removed => {
                    visit(line, old);
                    old += 1;
                }
            }
        }
    }
}

/// The diff of `file` with those changes alone whose answer is `wanted`.
fn restricted(file: &FileDiff<'_>, answers: &[bool], wanted: bool) -> String {
    let head = file.text.find("\n@@ ").map_or(file.text, |end| &file.text[..=end]);
    let mut text = head.to_owned();
    let mut answers = answers.iter();
    // How far lines have moved so far.
    let mut moved = 0_isize;
    for hunk in &file.hunks {
        let mut lines = Vec::new();
        for line in &hunk.lines {
            match line.change {
                Change::Context => lines.push(*line),
                _ if answers.next() == Some(&wanted) => lines.push(*line),
                Change::Removed => lines.push(Line { change: Change::Context, ..*line }),
                Change::Added => {}
            }
        }
        if lines.iter().all(|line| line.change == Change::Context) {
            continue;
        }
        let count = |side| lines.iter().filter(|line| line.change != side).count();
        let (old_count, new_count) = (count(Change::Added), count(Change::Removed));
        // A side without lines is named by the line it stands behind.
        let first = hunk.old_start + usize::from(hunk.old_count == 0);
        let new_start = first.saturating_add_signed(moved) - usize::from(new_count == 0);
        let _ = writeln!(text, "@@ -{},{old_count} +{new_start},{new_count} @@", hunk.old_start);
        for line in &lines {
            let mark = match line.change {
                Change::Context => ' ',
                Change::Added => '+',
                Change::Removed => '-',
            };
            let _ = writeln!(text, "{mark}{}", line.text);
            if !line.terminated {
                text.push_str("\\ No newline at end of file\n");
            }
        }
        moved += new_count.cast_signed() - old_count.cast_signed();
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
