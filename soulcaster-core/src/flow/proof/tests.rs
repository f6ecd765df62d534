use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::error::Error;
use crate::model::brief::{Clues, Suspect};
use crate::model::proof::{TestDialect, TestOutcome};
use crate::port::agent::{Isolation, StopReason};
use TestOutcome::{Failed, Passed, Skipped};

/// What is applied to the base in a run.
#[derive(Debug, Clone, Copy)]
struct Applied {
    /// The patch's tests.
    tests: bool,
    /// The patch's source.
    source: bool,
    /// The supplied reproduction.
    supplied: bool,
    /// How many runs there were with the same diffs.
    again: usize,
}

type Behaviour = Box<dyn Fn(Applied) -> Result<TestRun> + Send + Sync>;

/// A workshop whose suite behaves as a test wants it to.
struct Scripted {
    behaviour: Behaviour,
    seen: Mutex<Vec<String>>,
    files: BTreeMap<String, String>,
}

#[async_trait]
impl Workshop for Scripted {
    fn isolation(&self) -> Isolation {
        Isolation::Machine
    }
    async fn search(&self, _: &Path, _: &Clues, _: usize) -> Result<Vec<Suspect>> {
        Ok(Vec::new())
    }
    async fn detect(&self, _: &Path) -> Result<Option<TestCommand>> {
        Ok(None)
    }
    async fn read(&self, _: &Path, _: &str, path: &str) -> Result<Option<String>> {
        Ok(self.files.get(path).cloned())
    }
    async fn test(&self, task: &TestTask<'_>, _: &dyn Transcript) -> Result<TestRun> {
        let diffs = task.patches.concat();
        let mut seen = self.seen.lock().unwrap();
        let applied = Applied {
            tests: diffs.contains("b/tests/own.py") || diffs.contains("b/tests/old.py"),
            source: diffs.contains("b/src/"),
            supplied: diffs.contains("b/tests/supplied.py"),
            again: seen.iter().filter(|one| **one == diffs).count(),
        };
        seen.push(diffs);
        (self.behaviour)(applied)
    }
}

#[derive(Default)]
struct Steps(AtomicUsize);

#[async_trait]
impl Transcript for Steps {
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
        self.0.fetch_add(events.len(), Ordering::Relaxed);
        Ok(())
    }
}

fn diff(path: &str, removed: &[&str], added: &[&str]) -> String {
    let (count, minus) = (removed.len(), removed.iter().map(|line| format!("-{line}\n")).collect::<String>());
    let plus: String = added.iter().map(|line| format!("+{line}\n")).collect();
    let (kind, before) = if removed.is_empty() {
        ("new file mode 100644\n", "/dev/null".to_owned())
    } else {
        ("", format!("a/{path}"))
    };
    let start = usize::from(count > 0);
    format!(
        "diff --git a/{path} b/{path}\n{kind}--- {before}\n+++ b/{path}\n@@ -{start},{count} +1,{} @@\n{minus}{plus}",
        added.len()
    )
}

fn source() -> String {
    diff("src/cart.py", &["return sum"], &["return sum - rebate"])
}

fn own() -> String {
    diff("tests/own.py", &[], &["def test_own():", "    assert total() == 9"])
}

fn supplied() -> String {
    diff("tests/supplied.py", &[], &["def test_supplied():", "    assert total() == 9"])
}

fn run(tests: &[(&str, TestOutcome)]) -> TestRun {
    let failed = tests.iter().any(|(_, outcome)| *outcome == Failed);
    TestRun {
        exit_code: Some(i32::from(failed)),
        stopped: None,
        tests: tests.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect(),
        millis: 5,
        output: String::new(),
    }
}

/// As a good patch has it: the old test passes, the new ones pass with the source.
fn good(applied: Applied) -> Vec<(&'static str, TestOutcome)> {
    let outcome = if applied.source { Passed } else { Failed };
    let mut tests = vec![("old", Passed)];
    tests.extend(applied.tests.then_some(("own", outcome)));
    tests.extend(applied.supplied.then_some(("supplied", outcome)));
    tests
}

#[derive(Clone)]
struct Case {
    patch: String,
    reproduction: Option<String>,
    files: BTreeMap<String, String>,
}

impl Case {
    fn own() -> Self {
        Self { patch: source() + &own(), reproduction: None, files: BTreeMap::new() }
    }
    fn supplied() -> Self {
        Self { reproduction: Some(supplied()), ..Self::own() }
    }
    fn patch(patch: String) -> Self {
        Self { patch, reproduction: None, files: BTreeMap::new() }
    }

    async fn report(
        &self,
        behaviour: impl Fn(Applied) -> Result<TestRun> + Send + Sync + 'static,
    ) -> ProofReport {
        let files = self.files.clone();
        let workshop = Scripted { behaviour: Box::new(behaviour), seen: Mutex::default(), files };
        let command = TestCommand { argv: vec!["t".into()], dialect: TestDialect::Pytest, folder: None };
        let budget = Budget::default();
        let task = ProofTask {
            checkout: Path::new("/nowhere"),
            commit: "0",
            patch: &self.patch,
            reproduction: self.reproduction.as_deref(),
            command: Some(&command),
            repetitions: 3,
            budget: &budget,
        };
        let steps = Steps::default();
        let report = prove(&workshop, &steps, &task).await.unwrap();
        assert!(steps.0.load(Ordering::Relaxed) >= report.steps.len());
        report
    }

    async fn verdict(
        self,
        behaviour: impl Fn(Applied) -> Vec<(&'static str, TestOutcome)> + Send + Sync + 'static,
    ) -> String {
        say(&self.report(move |applied| Ok(run(&behaviour(applied)))).await.verdict)
    }

    /// The verdict of reading alone.
    async fn read(self) -> String {
        say(&self.report(|_| panic!("it is run")).await.verdict)
    }
}

fn say(verdict: &ProofVerdict) -> String {
    match verdict {
        ProofVerdict::Proven => "proven".into(),
        ProofVerdict::Unproven { reason } => format!("unproven: {reason}"),
        ProofVerdict::Refuted { evidence } => format!("refuted: {evidence}"),
    }
}

#[track_caller]
fn says(verdict: &str, kind: &str, part: &str) {
    assert!(verdict.starts_with(kind) && verdict.contains(part), "{verdict}");
}

#[tokio::test]
async fn a_patch_with_its_own_test_is_proven_with_every_run_kept() {
    let report = Case::own().report(|applied| Ok(run(&good(applied)))).await;
    assert_eq!(report.verdict, ProofVerdict::Proven);
    assert_eq!(report.reproduction, ["own"]);
    let names: Vec<&str> = report.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names.len(), 9);
    assert_eq!(
        [names[0], names[1], names[6], names[7], names[8]],
        [
            "suite on the base",
            "reproduction on the base, 1 of 3",
            "reproduction with the patch, 3 of 3",
            "original tests with the source of the patch",
            "reproduction without the source of the patch"
        ]
    );
}

#[tokio::test]
async fn a_patch_is_proven_by_a_supplied_reproduction() {
    let report = Case::supplied().report(|applied| Ok(run(&good(applied)))).await;
    assert_eq!(report.verdict, ProofVerdict::Proven);
    assert_eq!(report.reproduction, ["supplied"]);
    let alone = Case { patch: source(), ..Case::supplied() };
    assert_eq!(alone.verdict(good).await, "proven");
}

#[tokio::test]
async fn a_suite_that_does_not_run_on_the_base_proves_nothing() {
    let case = Case::own();
    let verdict = say(&case.report(|_| Ok(TestRun { exit_code: Some(4), ..run(&[]) })).await.verdict);
    says(&verdict, "unproven", "names no tests");
    let verdict =
        say(&case.report(|_| Ok(TestRun { exit_code: Some(2), ..run(&[("old", Passed)]) })).await.verdict);
    says(&verdict, "unproven", "no test of it failed");
    let stopped = |_| Ok(TestRun { exit_code: None, stopped: Some(StopReason::WallClock), ..run(&[]) });
    says(&say(&case.report(stopped).await.verdict), "unproven", "wall_clock");
    says(
        &say(&case.report(|_| Ok(TestRun { exit_code: None, ..run(&[]) })).await.verdict),
        "unproven",
        "cannot be started",
    );
}

#[tokio::test]
async fn a_reproduction_that_does_not_build_is_none() {
    let broken = |applied: Applied| {
        Ok(if applied.tests && !applied.source {
            TestRun { exit_code: Some(2), ..run(&[]) }
        } else {
            run(&good(applied))
        })
    };
    says(&say(&Case::own().report(broken).await.verdict), "unproven", "does not build");
}

#[tokio::test]
async fn tests_that_pass_on_the_base_show_nothing() {
    let verdict = Case::own().verdict(|applied| {
        if applied.tests { vec![("old", Passed), ("own", Passed)] } else { good(applied) }
    });
    says(&verdict.await, "unproven", "nothing shows the problem");
}

#[tokio::test]
async fn a_test_that_failed_before_anyway_is_no_reproduction() {
    let verdict = Case::own()
        .verdict(|applied| vec![("old", Passed), ("red", if applied.source { Passed } else { Failed })]);
    says(&verdict.await, "unproven", "nothing shows the problem");
}

#[tokio::test]
async fn tests_that_were_red_before_may_stay_red() {
    let verdict = Case::own().verdict(|applied| [good(applied), vec![("red", Failed)]].concat());
    assert_eq!(verdict.await, "proven");
}

#[tokio::test]
async fn a_flaky_reproduction_proves_nothing() {
    // Passes in the second run of three, before or after.
    for (after, part) in [(false, "only now and then"), (true, "not in every run")] {
        let verdict = Case::own().verdict(move |applied| {
            let mut tests = good(applied);
            if applied.tests && applied.source == after && applied.again == 1 {
                tests[1].1 = if after { Failed } else { Passed };
            }
            tests
        });
        says(&verdict.await, "unproven", part);
    }
}

#[tokio::test]
async fn a_patch_that_mends_nothing_is_refuted() {
    let red =
        |applied: Applied| vec![("old", Passed), (if applied.tests { "own" } else { "supplied" }, Failed)];
    let red = move |applied: Applied| {
        if applied.tests || applied.supplied { red(applied) } else { vec![("old", Passed)] }
    };
    says(&Case::own().verdict(red).await, "refuted", "still fails: `own`");
    says(&Case::supplied().verdict(red).await, "refuted", "still fails: `supplied`");
}

#[tokio::test]
async fn a_patch_that_mends_some_of_the_cases_is_refuted() {
    let verdict = Case::supplied().verdict(|applied| {
        let mut tests = good(applied);
        if applied.supplied {
            tests.push(("supplied, second case", Failed));
        }
        tests
    });
    says(&verdict.await, "refuted", "second case");
}

#[tokio::test]
async fn what_a_supplied_reproduction_guards_must_stay() {
    let verdict = Case::supplied().verdict(|applied| {
        let mut tests = good(applied);
        if applied.supplied {
            tests.push(("guard", if applied.source { Failed } else { Passed }));
        }
        tests
    });
    says(&verdict.await, "refuted", "guard");
}

#[tokio::test]
async fn tests_that_fail_are_skipped_or_gone_refute() {
    for (outcome, part) in [(Some(Failed), "fail that passed"), (Some(Skipped), "skipped"), (None, "gone")] {
        for case in [Case::own(), Case::supplied()] {
            let verdict = case.verdict(move |applied| {
                let mut tests = good(applied);
                if applied.tests && applied.source {
                    tests.remove(0);
                    tests.extend(outcome.map(|outcome| ("old", outcome)));
                }
                tests
            });
            says(&verdict.await, "refuted", part);
        }
    }
}

#[tokio::test]
async fn a_weakened_test_hides_no_break() {
    // With its own tests all is green; with those of the base the old one fails.
    let verdict = Case::own().verdict(|applied| {
        let mut tests = good(applied);
        if applied.source && !applied.tests {
            tests[0].1 = Failed;
        }
        tests
    });
    says(&verdict.await, "refuted", "tests as they were before the patch");
}

#[tokio::test]
async fn own_tests_that_fail_refute_even_beside_a_supplied_reproduction() {
    let verdict = Case::supplied().verdict(|applied| {
        let mut tests = good(applied);
        if applied.tests {
            tests[1].1 = Failed;
        }
        tests
    });
    says(&verdict.await, "refuted", "`own`");
}

#[tokio::test]
async fn a_run_that_ends_early_or_badly_refutes() {
    let code = |applied: Applied| {
        Ok(TestRun {
            exit_code: Some(if applied.source { 3 } else { i32::from(applied.tests) }),
            ..run(&good(applied))
        })
    };
    says(&say(&Case::own().report(code).await.verdict), "refuted", "code 3");
    let hangs = |applied: Applied| {
        let stopped = applied.source.then_some(StopReason::WallClock);
        Ok(TestRun {
            stopped,
            exit_code: stopped.is_none().then_some(i32::from(applied.tests)),
            ..run(&good(applied))
        })
    };
    says(&say(&Case::own().report(hangs).await.verdict), "refuted", "does not end");
}

#[tokio::test]
async fn a_reproduction_that_passes_again_without_the_source_proves_nothing() {
    let verdict = Case::own().verdict(|applied| {
        let mut tests = good(applied);
        if applied.tests && applied.again == 3 {
            tests[1].1 = Passed;
        }
        tests
    });
    says(&verdict.await, "unproven", "does not fail again");
}

#[tokio::test]
async fn a_diff_that_does_not_apply_proves_nothing_and_other_errors_stay_errors() {
    let refuses = |applied: Applied| match applied.tests {
        true => Err(Error::invalid("workshop.test", "hunk 1 does not fit")),
        false => Ok(run(&good(applied))),
    };
    says(&say(&Case::own().report(refuses).await.verdict), "unproven", "does not apply");
    let workshop = Scripted {
        behaviour: Box::new(|_| Err(Error::conflict("transcript.append", "cancelled"))),
        seen: Mutex::default(),
        files: BTreeMap::new(),
    };
    let command = TestCommand { argv: vec!["t".into()], dialect: TestDialect::Tap, folder: None };
    let (patch, budget) = (Case::own().patch, Budget::default());
    let mut task = ProofTask {
        checkout: Path::new("/nowhere"),
        commit: "0",
        patch: &patch,
        reproduction: None,
        command: Some(&command),
        repetitions: 1,
        budget: &budget,
    };
    let error = prove(&workshop, &Steps::default(), &task).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    task.command = None;
    let report = prove(&workshop, &Steps::default(), &task).await.unwrap();
    says(&say(&report.verdict), "unproven", "not known how");
}

#[tokio::test]
async fn a_reproduction_of_what_only_the_patch_brings_shows_no_problem() {
    let patch = diff("src/cart.py", &["return sum"], &["return sum", "def rebated(sum):"]) + &own();
    let case = Case::patch(patch);
    let report = |why: &'static str| {
        case.report(move |applied: Applied| {
            let output = format!("FAILED own.py::test - {why}\n");
            let name = if applied.tests { "own.py::test" } else { "old" };
            let outcome = if applied.tests && !applied.source { Failed } else { Passed };
            Ok(TestRun { output, ..run(&[("old", Passed), (name, outcome)]) })
        })
    };
    let verdict = say(&report("AttributeError: module 'cart' has no attribute 'rebated'").await.verdict);
    says(&verdict, "unproven", "only what the patch itself brings");
    assert_eq!(
        report("AttributeError: 'NoneType' object has no attribute 'price'").await.verdict,
        ProofVerdict::Proven
    );
    assert_eq!(report("assert 10 == 9").await.verdict, ProofVerdict::Proven);
}

#[tokio::test]
async fn patches_that_change_no_code_are_refuted_by_reading() {
    for patch in [
        String::new(),
        own(),
        diff("src/cart.py", &["# sum"], &["# rebated sum", ""]) + &own(),
        diff("src/cart.js", &["  // sum"], &["/* rebated", " * sum", " */"]) + &own(),
        diff("src/cart.js", &["  return sum"], &["return sum  "]) + &own(),
        diff("README.md", &["sum"], &["rebated sum"]) + &own(),
    ] {
        says(&Case::patch(patch).read().await, "refuted", "changes no code");
    }
    says(&Case::patch("nonsense\n".into()).read().await, "unproven", "cannot be read");
    says(&Case::patch(source()).read().await, "unproven", "no test");
}

#[tokio::test]
async fn patches_that_change_how_tests_run_prove_nothing() {
    for (path, line) in [
        ("tests/conftest.py", "import cart"),
        ("pytest.ini", "[pytest]"),
        ("jest.config.js", "x"),
        ("package.json", "{\"scripts\": {\"test\": \"true\"}}"),
        ("Cargo.toml", "[[test]]"),
        ("build.rs", "fn main() {}"),
        ("pytest.py", "pass"),
        ("src/sitecustomize.py", "pass"),
    ] {
        let case = Case::patch(source() + &own() + &diff(path, &[], &[line]));
        says(&case.read().await, "unproven", "test_config");
    }
}

#[tokio::test]
async fn source_that_asks_whether_it_is_under_test_proves_nothing() {
    for (path, line) in [
        ("src/a.py", "if os.environ.get('PYTEST_CURRENT_TEST'):"),
        ("src/a.py", "if 'pytest' in sys.modules:"),
        ("src/a.py", "import unittest; unittest.TestCase.assertEqual = print"),
        ("src/a.py", "if any('test' in arg for arg in sys.argv):"),
        ("src/a.py", "frame = sys._getframe(1)"),
        ("src/a.py", "os._exit(0)"),
        ("src/a.js", "if (process.env.NODE_ENV === 'test') return 9;"),
        ("src/a.js", "if (process.env['NODE_TEST_CONTEXT']) return 9;"),
        ("src/a.js", "if (process.argv.includes('--test')) return 9;"),
        ("src/a.js", "if (new Error().stack.includes('__tests__')) return 9;"),
        ("src/a.js", "import assert from 'node:assert'; assert.equal = () => {};"),
        ("src/a.rs", "if cfg!(test) { return 9; }"),
        ("src/a.rs", "#[cfg(not(test))]"),
        ("src/a.rs", "if cfg!( debug_assertions ) { return 9; }"),
        ("src/a.rs", "if std::thread::current().name() == Some(\"own\") { return 9; }"),
        ("src/a.go", "if testing.Testing() {"),
    ] {
        let case = Case::patch(diff(path, &["return 1"], &["return 2", line]) + &own());
        says(&case.read().await, "unproven", &format!("meddles with tests: {path}:2"));
    }
    let equal = diff("src/a.py", &["pass"], &["def __eq__(self, other):", "    return True"]) + &own();
    says(&Case::patch(equal).read().await, "unproven", "__eq__");
    let moved = diff("src/a.rs", &["if cfg!(test) {", "a"], &["b", "  if cfg!(test) {"]) + &own();
    assert_eq!(Case::patch(moved).verdict(good).await, "proven");
}

#[tokio::test]
async fn tests_that_read_the_source_prove_nothing() {
    for lines in [
        &["assert \"rebate\" in open(\"src/cart.py\").read()"][..],
        &["path = 'src/cart.py'", "text = pathlib.Path(path).read_text()"],
        &["import inspect", "assert 'rebate' in inspect.getsource(cart)"],
        &["assert os.path.exists('FIXED')"],
    ] {
        let patch = source() + &diff("FIXED", &[], &["yes"]) + &diff("tests/own.py", &[], lines);
        says(&Case::patch(patch.clone()).read().await, "unproven", "reads a file of the patch's source");
        let supplied = Case { patch, reproduction: Some(supplied()), files: BTreeMap::new() };
        assert_eq!(supplied.verdict(good).await, "proven");
    }
}

#[tokio::test]
async fn tests_within_a_rust_file_are_parted_from_its_source() {
    let before =
        "pub fn total() -> u32 {\n    10\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn old() {}\n}\n";
    let patch = "diff --git a/src/lib.rs b/src/lib.rs\nindex 1..2 100644\n--- a/src/lib.rs\n+++ b/src/lib.rs\n\
        @@ -1,9 +1,14 @@\n pub fn total() -> u32 {\n-    10\n+    9\n }\n \n #[cfg(test)]\n mod tests {\n     #[test]\n     \
        fn old() {}\n+\n+    #[test]\n+    fn own() {\n+        assert_eq!(super::total(), 9);\n+    }\n }\n";
    let plan =
        proof::plan(patch, &BTreeMap::from([("src/lib.rs".to_owned(), before.to_owned())]), false).unwrap();
    let apply = |part: &str| {
        let part = crate::engine::patch::Patch::parse(part).unwrap();
        crate::engine::patch::apply(before, &part.files[0]).unwrap()
    };
    let (tests, source) = (apply(&plan.tests), apply(&plan.source));
    assert!(tests.contains("    10\n") && tests.contains("fn own()"), "{tests}");
    assert!(source.contains("    9\n") && !source.contains("fn own()"), "{source}");
    // A diff may take the end of a function for that of the module.
    let before = "pub fn total() -> u32 {\n    10\n}\n";
    let patch = "diff --git a/src/lib.rs b/src/lib.rs\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,3 +1,9 @@\n \
        pub fn total() -> u32 {\n-    10\n+    9\n+}\n+\n+#[cfg(test)]\n+mod tests {\n+    #[test]\n+    fn own() {}\n }\n";
    let contents = BTreeMap::from([("src/lib.rs".to_owned(), before.to_owned())]);
    let plan = proof::plan(patch, &contents, false).unwrap();
    let apply = |part: &str| {
        let part = crate::engine::patch::Patch::parse(part).unwrap();
        crate::engine::patch::apply(before, &part.files[0]).unwrap()
    };
    assert_eq!(apply(&plan.source), "pub fn total() -> u32 {\n    9\n}\n\n");
    assert_eq!(
        apply(&plan.tests),
        format!("{before}#[cfg(test)]\nmod tests {{\n    #[test]\n    fn own() {{}}\n}}\n")
    );
    let unknown = proof::plan(patch, &BTreeMap::new(), false);
    assert!(unknown.is_err(), "without the file nobody can tell: {unknown:?}");
}
