//! `go test -v`.

use super::Tests;
use crate::model::proof::TestOutcome;

pub(super) fn read(output: &str, tests: &mut Tests) {
    // A package is named behind its tests.
    let mut waiting: Vec<(&str, TestOutcome)> = Vec::new();
    for line in output.lines() {
        if let Some(found) = result(line.trim_start()) {
            waiting.push(found);
        } else if let Some(package) = package(line) {
            for (name, outcome) in waiting.drain(..) {
                tests.add(format!("{package} {name}"), outcome);
            }
        }
    }
    for (name, outcome) in waiting {
        tests.add(name, outcome);
    }
}

/// `--- PASS: TestA/case (0.00s)`.
fn result(line: &str) -> Option<(&str, TestOutcome)> {
    let (word, rest) = line.strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" => TestOutcome::Passed,
        "FAIL" => TestOutcome::Failed,
        "SKIP" => TestOutcome::Skipped,
        _ => return None,
    };
    let (name, _) = rest.rsplit_once(" (")?;
    Some((name, outcome))
}

/// `ok  <tab>example.com/a<tab>0.01s`, `FAIL<tab>example.com/a<tab>0.01s`.
fn package(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("ok  \t").or_else(|| line.strip_prefix("FAIL\t"))?;
    let name = rest.split(['\t', ' ']).next()?;
    (!name.is_empty()).then_some(name)
}
