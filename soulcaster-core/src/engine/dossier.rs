//! A brief in words: for a model to read, and for people where no model sums it up.

use std::fmt::Write as _;

use crate::engine::plan::{code, count, one_line, place};
use crate::model::brief::Brief;

/// Most characters of a line.
const LINE_CHARS: usize = 300;

/// Everything in `brief` that helps to understand the problem, as plain text.
///
/// It holds strangers' words as they are: a prompt takes it as a fenced value ([`Template::fill`]).
///
/// [`Template::fill`]: crate::engine::Template::fill
#[must_use]
pub fn dossier(brief: &Brief) -> String {
    let mut text = format!("Group: {}\n{}\n", one_line(&brief.title, LINE_CHARS), numbers(brief));
    if let Some(repository) = &brief.repository {
        let _ = writeln!(text, "Repository: {}", one_line(repository, LINE_CHARS));
    }
    if let Some(error) = &brief.error {
        let _ = writeln!(text, "Error that reports name most: {}", one_line(error, LINE_CHARS));
    }
    list(&mut text, "Frames that reports share, innermost first", brief.frames.iter().map(place));
    list(
        &mut text,
        "Files that may have to do with it",
        brief.suspects.iter().map(|suspect| format!("{}: {}", suspect.path, suspect.reasons.join(", "))),
    );
    list(
        &mut text,
        "Reports disagree about",
        brief.contradictions.iter().map(|contradiction| contradiction.about.clone()),
    );
    list(&mut text, "How reports say it can be seen", brief.reproduction.iter().cloned());
    list(&mut text, "What must stay as it is", brief.must_not_change.iter().cloned());
    for (n, report) in brief.reports.iter().enumerate() {
        let source = one_line(&report.source, 40);
        let copies = count(report.copies as u64, "report");
        let _ =
            write!(text, "\nReport {} ({source}, {copies} with this text):\n{}\n", n + 1, report.text.trim());
    }
    text
}

/// What is known about the group in one line or two, by rule.
#[must_use]
pub fn summary(brief: &Brief) -> String {
    let mut text = numbers(brief);
    if let Some(error) = &brief.error {
        let _ = write!(text, " The error they name most: {}.", code(error));
    }
    if let Some(frame) = brief.frames.first() {
        let _ = write!(text, " It comes from {}.", place(frame).replace('`', ""));
    }
    for contradiction in &brief.contradictions {
        let _ = write!(text, " They disagree about {}.", one_line(&contradiction.about, LINE_CHARS));
    }
    text
}

fn numbers(brief: &Brief) -> String {
    format!(
        "{} in {}, seen {}.",
        count(brief.reports_total as u64, "report"),
        count(brief.texts_total as u64, "wording"),
        count(brief.occurrences, "time")
    )
}

fn list(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        let _ = writeln!(text, "\n{title}:");
        lines.for_each(|line| {
            let _ = writeln!(text, "- {}", one_line(&line, LINE_CHARS));
        });
    }
}
