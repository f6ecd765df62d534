//! TAP 13 and 14, as `node --test` writes it: subtests are indented by four blanks and stand before their parent.

use super::Tests;
use crate::model::proof::TestOutcome;

/// No test lies deeper.
const DEEPEST: usize = 64;

pub(super) fn read(output: &str, tests: &mut Tests) {
    each(output, |name, outcome, _| tests.add_another(name, outcome));
}

pub(super) fn reason(output: &str, wanted: &str) -> Option<String> {
    let mut found = None;
    each(output, |name, outcome, why| {
        if name == wanted && outcome == TestOutcome::Failed && found.is_none() {
            found = why.map(str::to_owned);
        }
    });
    found
}

fn each(output: &str, mut visit: impl FnMut(String, TestOutcome, Option<&str>)) {
    let lines: Vec<&str> = output.lines().collect();
    let mut parents: Vec<&str> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_start_matches(' ');
        let depth = (line.len() - text.len()) / 4;
        if depth > DEEPEST || (line.len() - text.len()) % 4 != 0 {
            continue;
        }
        if let Some(name) = text.strip_prefix("# Subtest: ") {
            parents.truncate(depth);
            parents.resize(depth, "");
            parents.push(name);
        } else if let Some((name, outcome)) = result(text) {
            let above = parents.get(..depth.min(parents.len())).unwrap_or_default();
            let (ended, why) = details(&lines[at + 1..], depth);
            // A file that could not be loaded, or that has no tests, is told as if it were one.
            let is_file = ended || name.contains('/') && !name.contains(' ') && is_module(name);
            if depth > 0 || !is_file {
                let whole: Vec<String> = above.iter().copied().chain([name]).map(unescape).collect();
                visit(whole.join(" > "), outcome, why);
            }
        }
    }
}

/// `not ok 3 - name # SKIP why`.
fn result(text: &str) -> Option<(&str, TestOutcome)> {
    let (failed, rest) = match text.strip_prefix("not ok ") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix("ok ")?),
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let rest = rest[digits..].trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let (name, directive) = directive(rest);
    let outcome = match (directive, failed) {
        (Some(_), _) => TestOutcome::Skipped,
        (None, true) => TestOutcome::Failed,
        (None, false) => TestOutcome::Passed,
    };
    let name = name.trim();
    (digits > 0 && !name.is_empty()).then_some((name, outcome))
}

/// Parts a name from `# SKIP` or `# TODO` behind it.
fn directive(rest: &str) -> (&str, Option<&str>) {
    let mut from = 0;
    while let Some(found) = rest[from..].find(" # ") {
        let at = from + found;
        let word = rest[at + 3..].get(..4).unwrap_or_default();
        if ["skip", "todo"].iter().any(|known| word.eq_ignore_ascii_case(known)) {
            return (&rest[..at], Some(&rest[at + 3..]));
        }
        from = at + 3;
    }
    (rest, None)
}

/// Whether the block of details behind a result says that a process of its own ended, and its error.
fn details<'a>(lines: &[&'a str], depth: usize) -> (bool, Option<&'a str>) {
    let indent = depth * 4 + 2;
    let inner = |line: &'a str| line.get(indent..).filter(|_| line.bytes().take(indent).all(|b| b == b' '));
    if lines.first().copied().and_then(inner) != Some("---") {
        return (false, None);
    }
    let (mut ended, mut error, mut folded) = (false, None, false);
    for line in lines[1..].iter().take(200) {
        let Some(line) = inner(line) else { continue };
        if line == "..." {
            break;
        }
        if folded && line.starts_with("  ") {
            (error, folded) = (Some(line.trim()), false);
        }
        if line.starts_with("exitCode:") {
            ended = true;
        } else if let Some(text) = line.strip_prefix("error: ") {
            folded = text.starts_with(['|', '>']);
            error = Some(text.trim_matches(['\'', '"']));
        }
    }
    (ended, error)
}

fn is_module(name: &str) -> bool {
    let extension = name.rsplit('.').next().unwrap_or_default();
    matches!(extension, "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx")
}

fn unescape(name: &str) -> String {
    name.replace("\\#", "#").replace("\\\\", "\\")
}
