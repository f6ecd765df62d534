//! `pytest -v` and the summary of `pytest -rA`.

use super::Tests;
use crate::model::proof::TestOutcome;

const WORDS: [(&str, TestOutcome); 6] = [
    ("PASSED", TestOutcome::Passed),
    ("FAILED", TestOutcome::Failed),
    ("ERROR", TestOutcome::Failed),
    ("SKIPPED", TestOutcome::Skipped),
    // Expected to fail, and did: it says nothing.
    ("XFAIL", TestOutcome::Skipped),
    ("XPASS", TestOutcome::Passed),
];

pub(super) fn read(output: &str, tests: &mut Tests) {
    for line in output.lines() {
        if let Some((name, outcome, _)) = summary(line).or_else(|| progress(line)) {
            tests.add(name, outcome);
        }
    }
}

pub(super) fn reason(output: &str, name: &str) -> Option<String> {
    output.lines().filter_map(summary).find_map(|(found, outcome, why)| {
        (found == name && outcome == TestOutcome::Failed && !why.is_empty()).then(|| why.to_owned())
    })
}

/// `FAILED tests/a.py::test_b[1 - 2] - AssertionError`: the name, the outcome and the reason.
fn summary(line: &str) -> Option<(&str, TestOutcome, &str)> {
    let (word, rest) = line.split_once(' ')?;
    let (_, outcome) = WORDS.iter().find(|(known, _)| *known == word)?;
    let mut open = 0_i32;
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        match c {
            '[' => open += 1,
            ']' => open -= 1,
            ' ' if open <= 0 && rest[at..].starts_with(" - ") => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let why = rest.get(end + 3..).unwrap_or_default();
    is_id(&rest[..end]).then_some((rest[..end].trim_end(), *outcome, why))
}

/// `tests/a.py::test_b PASSED    [ 50%]`.
fn progress(line: &str) -> Option<(&str, TestOutcome, &str)> {
    let line = line.trim_end();
    let line = match line.rsplit_once('[') {
        Some((before, share)) if share.ends_with("%]") => before.trim_end(),
        _ => line,
    };
    // A reason in parentheses may follow.
    let (at, word, outcome) = WORDS
        .iter()
        .filter_map(|(word, outcome)| Some((line.find(&format!(" {word}"))?, *word, *outcome)))
        .min_by_key(|(at, ..)| *at)?;
    let (name, after) = (&line[..at], &line[at + 1 + word.len()..]);
    (is_id(name) && (after.is_empty() || after.starts_with(" ("))).then_some((name, outcome, ""))
}

/// Whether it names a test and not a file, which cannot be collected.
fn is_id(name: &str) -> bool {
    name.split_once("::").is_some_and(|(file, test)| {
        file.trim_end().ends_with(".py") && !file.contains("  ") && !test.is_empty()
    })
}
