//! What test runners print, read test by test.
//!
//! Names are the same from run to run: no folder of the machine, hash, time or number of a line is part of them.
//! Where a name is told twice the worse outcome counts, so a line that a program prints in between cannot turn a
//! failure into a success.

mod cargo;
mod go;
mod maven;
mod pytest;
mod tap;
mod unittest;

use std::collections::BTreeMap;

use crate::model::proof::{TestDialect, TestOutcome};

/// The outcome of each test that `output` names; standard output and errors as one text, in their order.
///
/// ```
/// use soulcaster_core::engine::testlog::read;
/// use soulcaster_core::model::{TestDialect, TestOutcome};
/// let output = "     Running unittests src/lib.rs (target/debug/deps/a-0123456789abcdef)\n\
///     running 2 tests\ntest one ... ok\ntest two ... FAILED\n";
/// let tests = read(TestDialect::Cargo, output);
/// assert_eq!(tests["src/lib.rs one"], TestOutcome::Passed);
/// assert_eq!(tests["src/lib.rs two"], TestOutcome::Failed);
/// ```
#[must_use]
pub fn read(dialect: TestDialect, output: &str) -> BTreeMap<String, TestOutcome> {
    let plain = plain(output);
    let mut tests = Tests::default();
    match dialect {
        TestDialect::Cargo => cargo::read(&plain, &mut tests),
        TestDialect::Pytest => pytest::read(&plain, &mut tests),
        TestDialect::Tap => tap::read(&plain, &mut tests),
        TestDialect::Unittest => unittest::read(&plain, &mut tests),
        TestDialect::Go => go::read(&plain, &mut tests),
        TestDialect::Maven => maven::read(&plain, &mut tests),
        TestDialect::ExitCode => {}
    }
    tests.all
}

/// Why the test `name` failed, in one line, as far as `output` says.
#[must_use]
pub fn reason(dialect: TestDialect, output: &str, name: &str) -> Option<String> {
    let plain = plain(output);
    match dialect {
        TestDialect::Pytest => pytest::reason(&plain, name),
        TestDialect::Tap => tap::reason(&plain, name),
        TestDialect::Unittest => unittest::reason(&plain, name),
        _ => None,
    }
}

/// Outcomes on the way.
#[derive(Default)]
struct Tests {
    all: BTreeMap<String, TestOutcome>,
    /// How often each name came up.
    named: BTreeMap<String, usize>,
}

impl Tests {
    /// Keeps an outcome; of two the worse one.
    fn add(&mut self, name: impl Into<String>, outcome: TestOutcome) {
        let kept = self.all.entry(name.into()).or_insert(outcome);
        if rank(outcome) > rank(*kept) {
            *kept = outcome;
        }
    }

    /// Keeps an outcome under a name that several tests may have: the second is `name (2)`.
    fn add_another(&mut self, name: String, outcome: TestOutcome) {
        let count = self.named.entry(name.clone()).or_insert(0);
        *count += 1;
        let name = if *count == 1 { name } else { format!("{name} ({count})") };
        self.add(name, outcome);
    }
}

fn rank(outcome: TestOutcome) -> u8 {
    match outcome {
        TestOutcome::Passed => 0,
        TestOutcome::Skipped => 1,
        TestOutcome::Failed => 2,
    }
}

/// `output` without colours and carriage returns.
fn plain(output: &str) -> String {
    let mut plain = String::with_capacity(output.len());
    let mut rest = output.chars();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => {
                // A control sequence ends with a letter; nothing else is known to be printed here.
                if rest.next() == Some('[') {
                    rest.by_ref().find(|c| c.is_ascii_alphabetic() || *c == '\n');
                }
            }
            '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
