//! `python -m unittest -v`.

use super::Tests;
use crate::model::proof::TestOutcome;

pub(super) fn read(output: &str, tests: &mut Tests) {
    // A test whose outcome stands on a later line: it has a description, or something was printed in between.
    let mut open: Option<String> = None;
    for line in output.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: ")) {
            // The summary, which names the parts of a test that failed, too.
            if let Some(name) = name(rest) {
                tests.add(name, TestOutcome::Failed);
            }
            continue;
        }
        let (head, end) = line.rsplit_once(" ... ").unwrap_or((line, ""));
        if let Some(name) = name(head).or_else(|| name(line)) {
            match outcome(end) {
                Some(outcome) => tests.add(name, outcome),
                None => open = Some(name),
            }
        } else if let Some(outcome) = outcome(end).or_else(|| outcome(line))
            && let Some(name) = open.take()
        {
            tests.add(name, outcome);
        }
    }
}

/// The last line of the trace in the summary.
pub(super) fn reason(output: &str, wanted: &str) -> Option<String> {
    let mut lines = output.lines();
    lines.find(|line| {
        let rest = line.strip_prefix("FAIL: ").or_else(|| line.strip_prefix("ERROR: "));
        rest.and_then(name).is_some_and(|name| name == wanted)
    })?;
    let block = lines.skip(1).take_while(|line| !line.starts_with("======") && !line.starts_with("------"));
    block.filter(|line| !line.trim().is_empty() && !line.starts_with(' ')).last().map(str::to_owned)
}

/// `test_a (tests.test_cart.CartTest.test_a)` as `tests.test_cart.CartTest.test_a`, which older versions write without
/// its last part.
fn name(text: &str) -> Option<String> {
    let (method, rest) = text.split_once(" (")?;
    let (id, _) = rest.split_once(')')?;
    let is_word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    if !is_word(method) || !is_word(id) {
        return None;
    }
    // A file that cannot be loaded is no test.
    if id.starts_with("unittest.loader.") {
        return None;
    }
    Some(if id.ends_with(&format!(".{method}")) { id.to_owned() } else { format!("{id}.{method}") })
}

fn outcome(word: &str) -> Option<TestOutcome> {
    match word.trim() {
        "ok" => Some(TestOutcome::Passed),
        "FAIL" | "ERROR" => Some(TestOutcome::Failed),
        // It says nothing.
        "expected failure" => Some(TestOutcome::Skipped),
        "unexpected success" => Some(TestOutcome::Failed),
        word if word.starts_with("skipped") => Some(TestOutcome::Skipped),
        _ => None,
    }
}
