//! Maven surefire with `-Dsurefire.reportFormat=plain -Dsurefire.useFile=false`: every test with its time.

use super::Tests;
use crate::model::proof::TestOutcome;

pub(super) fn read(output: &str, tests: &mut Tests) {
    for line in output.lines() {
        let line = line.trim();
        let line = ["[INFO] ", "[ERROR] ", "[WARNING] "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))
            .unwrap_or(line);
        if let Some((name, outcome)) = result(line) {
            tests.add(name, outcome);
        }
    }
}

/// `com.a.CartTest.adds -- Time elapsed: 0.01 s <<< FAILURE!`, or `adds(com.a.CartTest)  Time elapsed: …`; a line
/// about the whole class begins with `Tests run:`.
fn result(line: &str) -> Option<(String, TestOutcome)> {
    if line.starts_with("Tests run:") {
        return None;
    }
    let (name, rest) =
        line.split_once("Time elapsed:").or_else(|| Some((line.split_once(" skipped")?.0, "skipped")))?;
    let name = name.trim_end_matches([' ', '-']).trim();
    let outcome = if rest.contains("<<< FAILURE!") || rest.contains("<<< ERROR!") {
        TestOutcome::Failed
    } else if rest.contains("skipped") {
        TestOutcome::Skipped
    } else {
        TestOutcome::Passed
    };
    let name = match name.strip_suffix(')').and_then(|name| name.rsplit_once('(')) {
        Some((method, class)) if class.contains('.') => format!("{class}.{method}"),
        _ => name.to_owned(),
    };
    (name.contains('.') && !name.contains("  ")).then_some((name, outcome))
}
