//! The decisions of a proof: what must be run, and what the runs show.
//!
//! The reproduction is the set R of tests that fail on the base every time, though they are new or passed there. The
//! patch is proven when every R passes with it every time, when all that passed before still exists and passes, also
//! with the tests as they were before the patch, and when R fails again without the source of the patch.
//!
//! What this cannot see: a patch that computes the right answer for the inputs of the reproduction alone. Only a
//! supplied reproduction with several cases shows that.

mod inspect;
mod manifest;
mod suspicion;

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::patch::Patch;
use crate::engine::testlog;
use crate::model::proof::{ProofVerdict, TestDialect, TestOutcome, TestRun};

/// A finding, or the verdict that ends the proof.
pub type Judged<T> = Result<T, ProofVerdict>;

/// No evidence names more tests.
const MOST_NAMED: usize = 5;

/// A patch made ready for its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tests of the patch, as a diff; may be empty.
    pub tests: String,
    /// The rest of it, as a diff.
    pub source: String,
    /// Names that only the source of the patch has.
    fresh: BTreeSet<String>,
}

/// Paths of files whose content on the base [`plan`] needs, as far as they are there.
#[must_use]
pub fn needed(patch: &str) -> Vec<String> {
    Patch::parse(patch).map_or_else(|_| Vec::new(), |patch| inspect::needed(&patch))
}

/// Parts a patch into tests and source, and ends the proof where reading it is enough: it changes no code, it changes
/// how tests are run, its source asks whether it is under test, its tests read its source.
///
/// `contents` has what the files of [`needed`] hold on the base; `supplied` says that the reproduction comes from
/// somebody else, so that the patch's own tests prove nothing.
///
/// # Errors
/// The verdict, `Unproven` or `Refuted`.
pub fn plan(patch: &str, contents: &BTreeMap<String, String>, supplied: bool) -> Judged<Plan> {
    let patch = Patch::parse(patch)
        .map_err(|error| unproven(format!("the patch cannot be read: {}", error.message())))?;
    inspect::plan(&patch, contents, supplied)
}

/// Whether the suite on the base is something to compare with.
///
/// # Errors
/// `Unproven` if it does not run or names no tests.
pub fn check_base(run: &TestRun) -> Judged<()> {
    if let Some(why) = unfinished(run) {
        return Err(unproven(format!("the suite does not run on the base: {why}")));
    }
    let failed = run.tests.values().any(|outcome| *outcome == TestOutcome::Failed);
    if run.tests.is_empty() {
        return Err(unproven(format!(
            "the suite on the base names no tests, it ends with code {}; name a command whose output tells them",
            run.exit_code.unwrap_or_default()
        )));
    }
    if run.exit_code != Some(0) && !failed {
        return Err(unproven("the suite on the base ends with an error, and no test of it failed".into()));
    }
    Ok(())
}

/// R: the tests that fail in every run on the base though they are new or passed there.
///
/// # Errors
/// `Unproven` if there is none, if a new test fails only now and then, or if the reproduction does not build.
pub fn reproduction(
    plan: &Plan,
    base: &TestRun,
    runs: &[TestRun],
    dialect: TestDialect,
) -> Judged<BTreeSet<String>> {
    let candidate =
        |name: &str| !matches!(base.tests.get(name), Some(TestOutcome::Failed | TestOutcome::Skipped));
    let failed_in = |run: &TestRun| -> BTreeSet<String> {
        let failed =
            run.tests.iter().filter(|(name, outcome)| **outcome == TestOutcome::Failed && candidate(name));
        failed.map(|(name, _)| name.clone()).collect()
    };
    let sets: Vec<_> = runs.iter().map(failed_in).collect();
    let some: BTreeSet<String> = sets.iter().flatten().cloned().collect();
    let (all, flaky): (BTreeSet<_>, BTreeSet<_>) =
        some.into_iter().partition(|name| sets.iter().all(|set| set.contains(name)));
    let flaky: Vec<&String> = flaky.iter().filter(|name| !base.tests.contains_key(*name)).collect();
    if !flaky.is_empty() {
        return Err(unproven(format!(
            "the reproduction fails only now and then on the base: {}",
            list(flaky)
        )));
    }
    let own = |name: &String| {
        let reasons = runs.iter().filter_map(|run| testlog::reason(dialect, &run.output, name));
        suspicion::misses_only_new(reasons, &plan.fresh)
    };
    let (lacking, shown): (BTreeSet<_>, BTreeSet<_>) = all.into_iter().partition(own);
    if !shown.is_empty() {
        return Ok(shown);
    }
    Err(unproven(if !lacking.is_empty() {
        format!("on the base the reproduction lacks only what the patch itself brings: {}", list(&lacking))
    } else if let Some(why) = runs.iter().find_map(unfinished) {
        format!("the reproduction did not end on the base: {why}")
    } else if runs
        .iter()
        .any(|run| run.exit_code != Some(0) && run.exit_code != base.exit_code || run.tests.is_empty())
    {
        "the reproduction does not build or load on the base, which shows no problem".into()
    } else {
        "every test of the reproduction passes on the base, so nothing shows the problem".into()
    }))
}

/// Whether the runs with the patch are as they should be: every R passes, and all that passed in `before` (the suite
/// on the base, and the reproduction there) exists and passes.
///
/// # Errors
/// `Refuted` with what shows it; `Unproven` if it is not the same in every run.
pub fn check_patched(
    base: &TestRun,
    before: &[TestRun],
    wanted: &BTreeSet<String>,
    runs: &[TestRun],
) -> Judged<()> {
    let mut kept = passed(base);
    // New tests that pass on the base too guard what must not change.
    if let Some((first, rest)) = before.split_first() {
        kept.extend(passed(first).into_iter().filter(|name| {
            !base.tests.contains_key(*name) && rest.iter().all(|run| passed(run).contains(name))
        }));
    }
    let faults: Vec<Option<String>> = runs
        .iter()
        .map(|run| {
            let unmended: Vec<&String> =
                wanted.iter().filter(|name| run.tests.get(*name) != Some(&TestOutcome::Passed)).collect();
            if unfinished(run).is_none() && !unmended.is_empty() {
                return Some(format!("with the patch the reproduction still fails: {}", list(unmended)));
            }
            fault("with the patch", base, &kept, run)
        })
        .collect();
    settled(faults)
}

/// Whether the tests of the base still pass with the source of the patch alone.
///
/// # Errors
/// As [`check_patched`].
pub fn check_original(base: &TestRun, run: &TestRun) -> Judged<()> {
    settled(vec![fault("with the tests as they were before the patch", base, &passed(base), run)])
}

/// Whether every R fails again without the source of the patch.
///
/// # Errors
/// `Unproven` if one does not.
pub fn check_reverted(wanted: &BTreeSet<String>, run: &TestRun) -> Judged<()> {
    let passing: Vec<&String> =
        wanted.iter().filter(|name| run.tests.get(*name) != Some(&TestOutcome::Failed)).collect();
    if passing.is_empty() {
        return Ok(());
    }
    Err(unproven(format!(
        "without the source of the patch the reproduction does not fail again: {}",
        list(passing)
    )))
}

/// One verdict from what was wrong in each run.
fn settled(faults: Vec<Option<String>>) -> Judged<()> {
    let clean = faults.iter().any(Option::is_none);
    match faults.into_iter().flatten().next() {
        None => Ok(()),
        Some(evidence) if clean => Err(unproven(format!("not in every run, but in some: {evidence}"))),
        Some(evidence) => Err(refuted(evidence)),
    }
}

/// What is worse in a run than on the base.
fn fault(place: &str, base: &TestRun, kept: &BTreeSet<&String>, run: &TestRun) -> Option<String> {
    if let Some(why) = unfinished(run) {
        return Some(format!("{place} the suite does not end: {why}"));
    }
    let with = |outcome: Option<TestOutcome>| -> Vec<&String> {
        kept.iter().copied().filter(|name| run.tests.get(*name).copied() == outcome).collect()
    };
    for (outcome, what) in [
        (Some(TestOutcome::Failed), "tests fail that passed before"),
        (Some(TestOutcome::Skipped), "tests are skipped that passed before"),
        (None, "tests are gone, or do not build, that passed before"),
    ] {
        let names = with(outcome);
        if !names.is_empty() {
            return Some(format!("{place} {what}: {}", list(names)));
        }
    }
    let failing: Vec<&String> = run
        .tests
        .iter()
        .filter(|(name, outcome)| {
            **outcome == TestOutcome::Failed && base.tests.get(*name) != Some(&TestOutcome::Failed)
        })
        .map(|(name, _)| name)
        .collect();
    if !failing.is_empty() {
        return Some(format!("{place} tests fail: {}", list(failing)));
    }
    let code = run.exit_code.filter(|code| *code != 0 && base.exit_code == Some(0))?;
    Some(format!("{place} the suite ends with code {code}, on the base with 0"))
}

fn passed(run: &TestRun) -> BTreeSet<&String> {
    run.tests.iter().filter(|(_, outcome)| **outcome == TestOutcome::Passed).map(|(name, _)| name).collect()
}

/// Why a run has no end of its own.
fn unfinished(run: &TestRun) -> Option<String> {
    match (run.stopped, run.exit_code) {
        (Some(reason), _) => Some(format!("it was stopped ({})", serde_name(reason))),
        (None, None) => Some("the command cannot be started or was killed".into()),
        (None, Some(_)) => None,
    }
}

fn serde_name(reason: crate::port::agent::StopReason) -> String {
    serde_json::to_value(reason).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&String> = names.into_iter().collect();
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| format!("`{}`", short(name))).collect();
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A name as far as it is worth repeating.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(160).collect()
}

pub(crate) fn unproven(reason: String) -> ProofVerdict {
    ProofVerdict::Unproven { reason }
}

fn refuted(evidence: String) -> ProofVerdict {
    ProofVerdict::Refuted { evidence }
}

#[cfg(test)]
mod tests;
