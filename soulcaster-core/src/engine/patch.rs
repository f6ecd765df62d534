//! Unified git diffs, read strictly.
//!
//! A patch of an agent is a stranger's text, and `git apply` is generous: it skips what it does not know and
//! also takes diffs without a git header. What is read here is the form that `git diff --binary` writes and nothing
//! else, line by line without a gap, so what the policy sees is what would be applied.

mod parse;
mod quote;
mod split;

use std::collections::BTreeSet;

use crate::error::Result;

pub use split::{Parts, apply, rewrite, split};

/// A diff of several files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch<'a> {
    /// Its files, in its order. No path is changed twice.
    pub files: Vec<FileDiff<'a>>,
}

/// What a patch does to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff<'a> {
    /// The path before; absent for a new file.
    pub old_path: Option<String>,
    /// The path after; absent for a file that is removed.
    pub new_path: Option<String>,
    /// Mode before, as far as the diff tells it.
    pub old_mode: Option<u32>,
    /// Mode after, as far as the diff tells it.
    pub new_mode: Option<u32>,
    /// Whether it is a copy, so that the old path stays.
    pub copied: bool,
    /// Whether it is a change of bytes that are no text.
    pub binary: bool,
    /// What changes in its lines.
    pub hunks: Vec<Hunk<'a>>,
    /// Its part of the patch as it stands there.
    pub text: &'a str,
}

/// Lines that change, with some that stay around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// First line before, from 1; the line it stands behind when it has no line before.
    pub old_start: usize,
    /// Lines before.
    pub old_count: usize,
    /// First line after, likewise.
    pub new_start: usize,
    /// Lines after.
    pub new_count: usize,
    /// The lines.
    pub lines: Vec<Line<'a>>,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It stays.
    Context,
    /// It is new.
    Added,
    /// It goes.
    Removed,
}

/// A line of a hunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// What becomes of it.
    pub change: Change,
    /// Its text without the line feed; it may end with a carriage return.
    pub text: &'a str,
    /// Whether a line feed follows it; only the last line of a file may lack one.
    pub terminated: bool,
}

impl<'a> Patch<'a> {
    /// Reads a patch; an empty one has no files.
    ///
    /// # Errors
    /// `Invalid`, with the number of the line, for whatever `git diff --binary` would not have written.
    ///
    /// ```
    /// use soulcaster_core::engine::patch::Patch;
    /// let text = "diff --git a/a.txt b/a.txt\nindex 1..2 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-a\n+b\n";
    /// let patch = Patch::parse(text)?;
    /// assert_eq!(patch.files[0].path(), "a.txt");
    /// assert!(Patch::parse("--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n").is_err());
    /// # Ok::<(), soulcaster_core::Error>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self> {
        parse::patch(text)
    }

    /// Lines that are added or removed.
    #[must_use]
    pub fn changed_lines(&self) -> usize {
        self.files.iter().map(|file| file.changed().count()).sum()
    }
}

impl<'a> FileDiff<'a> {
    /// The path after, or before for a file that is removed.
    #[must_use]
    pub fn path(&self) -> &str {
        self.new_path.as_deref().or(self.old_path.as_deref()).unwrap_or_default()
    }

    /// The paths it touches: one, or two for a file that moves.
    #[must_use]
    pub fn paths(&self) -> BTreeSet<&str> {
        [&self.old_path, &self.new_path].into_iter().flatten().map(String::as_str).collect()
    }

    /// Whether it has one of these types (`0o120000`, `0o160000`) before or after.
    fn has_type(&self, kind: u32) -> bool {
        [self.old_mode, self.new_mode].into_iter().flatten().any(|mode| mode & 0o170_000 == kind)
    }

    /// Whether it is a symbolic link before or after.
    #[must_use]
    pub fn is_symlink(&self) -> bool {
        self.has_type(0o120_000)
    }

    /// Whether it is a submodule before or after.
    #[must_use]
    pub fn is_submodule(&self) -> bool {
        self.has_type(0o160_000)
    }

    /// Whether it becomes executable.
    #[must_use]
    pub fn becomes_executable(&self) -> bool {
        self.new_mode == Some(0o100_755) && self.old_mode != Some(0o100_755)
    }

    /// Its lines that are added or removed.
    pub fn changed(&self) -> impl Iterator<Item = &Line<'a>> {
        self.hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.change != Change::Context)
    }

    /// Its lines that are added, with their number in the file after.
    pub fn added(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.hunks.iter().flat_map(|hunk| {
            let mut number = hunk.new_start;
            hunk.lines.iter().filter_map(move |line| {
                let at = number;
                number += usize::from(line.change != Change::Removed);
                (line.change == Change::Added).then_some((at, line.text))
            })
        })
    }
}

#[cfg(test)]
mod tests;
