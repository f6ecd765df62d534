//! `cargo test`, that is libtest behind cargo's headings.

use super::Tests;
use crate::model::proof::TestOutcome;

pub(super) fn read(output: &str, tests: &mut Tests) {
    let mut target = String::new();
    let mut doc = false;
    for line in output.lines() {
        let trimmed = line.trim_start();
        if let Some(rest) = trimmed.strip_prefix("Running ") {
            // `unittests src/lib.rs (target/debug/deps/name-hash)`; without the path it is some program's line.
            if let Some((name, _)) = rest.split_once(" (") {
                (target, doc) = (name.strip_prefix("unittests ").unwrap_or(name).replace('\\', "/"), false);
            }
        } else if let Some(rest) = trimmed.strip_prefix("Doc-tests ") {
            (target, doc) = (format!("doc {}", rest.trim()), true);
        } else if let Some((name, outcome)) = result(line) {
            let name = if target.is_empty() { name.to_owned() } else { format!("{target} {name}") };
            if doc {
                tests.add_another(without_line(&name), outcome);
            } else {
                tests.add(name, outcome);
            }
        }
    }
}

/// `test name ... ok`.
fn result(line: &str) -> Option<(&str, TestOutcome)> {
    let rest = line.strip_prefix("test ")?;
    let (name, outcome) = rest.rsplit_once(" ... ")?;
    // With `--report-time` a time follows.
    let word = outcome.split([' ', ',']).next().unwrap_or_default();
    let outcome = match word {
        "ok" => TestOutcome::Passed,
        "FAILED" => TestOutcome::Failed,
        "ignored" => TestOutcome::Skipped,
        _ => return None,
    };
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    (!name.is_empty()).then_some((name, outcome))
}

/// Leaves out the line that a documentation test stands in, which moves with every change above it.
fn without_line(name: &str) -> String {
    match name.split_once(" (line ") {
        Some((before, after)) => {
            let tail = after.split_once(')').map_or("", |(_, tail)| tail);
            format!("{before}{tail}")
        }
        None => name.to_owned(),
    }
}
