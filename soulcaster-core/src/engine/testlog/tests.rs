use proptest::prelude::*;

use super::*;
use TestOutcome::{Failed, Passed, Skipped};

fn outcomes(dialect: TestDialect, output: &str) -> Vec<(String, TestOutcome)> {
    read(dialect, output).into_iter().collect()
}

fn named(expected: &[(&str, TestOutcome)]) -> Vec<(String, TestOutcome)> {
    expected.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect()
}

#[test]
fn cargo_tests_are_named_by_target_without_hash_and_line() {
    let output = "   Compiling a v0.1.0 (/tmp/x)\n     Running unittests src/lib.rs (target/debug/deps/a-1f)\n\n\
        running 3 tests\ntest tests::one ... ok\ntest tests::two - should panic ... ok\n\
        test tests::three ... ignored, later\n\ntest result: ok. 2 passed; 0 failed; 1 ignored\n\n     \
        Running tests/it.rs (target/debug/deps/it-2e)\n\nrunning 1 test\ntest one ... \u{1b}[31mFAILED\u{1b}[0m\n\n   \
        Doc-tests a\n\nrunning 2 tests\ntest src/lib.rs - f (line 3) ... ok\ntest src/lib.rs - f (line 9) - compile ... ok\n\
        test src/lib.rs - f (line 30) ... ok\n";
    assert_eq!(
        outcomes(TestDialect::Cargo, output),
        named(&[
            ("doc a src/lib.rs - f", Passed),
            ("doc a src/lib.rs - f (2)", Passed),
            ("doc a src/lib.rs - f - compile", Passed),
            ("src/lib.rs tests::one", Passed),
            ("src/lib.rs tests::three", Skipped),
            ("src/lib.rs tests::two", Passed),
            ("tests/it.rs one", Failed),
        ])
    );
}

#[test]
fn a_line_printed_in_between_does_not_turn_a_failure_into_a_success() {
    let output = "test a ... FAILED\ntest a ... ok\ntest b ... ignored\ntest b ... ok\n";
    assert_eq!(outcomes(TestDialect::Cargo, output), named(&[("a", Failed), ("b", Skipped)]));
    let output = "t.py::a FAILED  [ 50%]\nPASSED t.py::a\n";
    assert_eq!(outcomes(TestDialect::Pytest, output), named(&[("t.py::a", Failed)]));
}

#[test]
fn pytest_is_read_from_its_progress_and_its_summary() {
    let output = "============ test session starts ============\ncollected 8 items\n\n\
        tests/test_a.py::test_one PASSED                     [ 12%]\n\
        tests/test_a.py::TestB::test_two[a b-1 - 2] FAILED   [ 25%]\n\
        tests/test_a.py::test_three SKIPPED (later)          [ 37%]\n\
        tests/test_a.py::test_four XFAIL (known)             [ 50%]\n\
        ============ short test summary info ============\n\
        PASSED tests/test_a.py::test_one\nPASSED tests/test_a.py::test_five[x y]\n\
        SKIPPED [1] tests/test_a.py:3: later\n\
        FAILED tests/test_a.py::TestB::test_two[a b-1 - 2] - assert 1 == 2\n\
        ERROR tests/test_a.py::test_six - fixture 'nope' not found\n\
        ERROR tests/test_c.py - ImportError: cannot import name 'x'\n\
        ==== 2 failed, 2 passed in 0.03s ====\n";
    assert_eq!(
        outcomes(TestDialect::Pytest, output),
        named(&[
            ("tests/test_a.py::TestB::test_two[a b-1 - 2]", Failed),
            ("tests/test_a.py::test_five[x y]", Passed),
            ("tests/test_a.py::test_four", Skipped),
            ("tests/test_a.py::test_one", Passed),
            ("tests/test_a.py::test_six", Failed),
            ("tests/test_a.py::test_three", Skipped),
        ])
    );
    let why = |name| reason(TestDialect::Pytest, output, name);
    assert_eq!(why("tests/test_a.py::TestB::test_two[a b-1 - 2]").unwrap(), "assert 1 == 2");
    assert_eq!(why("tests/test_a.py::test_one"), None);
}

const TAP: &str = "TAP version 13\n# Subtest: adds\nok 1 - adds\n  ---\n  duration_ms: 0.8\n  ...\n\
# Subtest: bad \\# hash\nnot ok 2 - bad \\# hash\n  ---\n  duration_ms: 0.8\n  error: '1 == 2'\n  code: 'ERR_ASSERTION'\n  ...\n\
# Subtest: later\nok 3 - later # SKIP\n  ---\n  duration_ms: 0.09\n  ...\n\
# Subtest: suite\n    # Subtest: inner\n    ok 1 - inner\n      ---\n      duration_ms: 0.1\n      ...\n    \
# Subtest: inner2\n    not ok 2 - inner2\n      ---\n      error: |-\n        total is not a function\n      ...\n    1..2\n\
not ok 5 - suite\n  ---\n  type: 'suite'\n  error: '1 subtest failed'\n  ...\n\
# file:///tmp/n/test/b.test.js:1\n# SyntaxError: no export named 'nope'\n\
# Subtest: /tmp/n/test/b.test.js\nnot ok 6 - /tmp/n/test/b.test.js\n  ---\n  failureType: 'testCodeFailure'\n  exitCode: 1\n  \
error: 'test failed'\n  ...\n\
# Subtest: /tmp/n/test/c.js\nok 7 - /tmp/n/test/c.js\n  ---\n  duration_ms: 146\n  ...\n1..7\n# pass 3\n";

#[test]
fn tap_names_hold_their_suites_and_files_are_no_tests() {
    assert_eq!(
        outcomes(TestDialect::Tap, TAP),
        named(&[
            ("adds", Passed),
            ("bad # hash", Failed),
            ("later", Skipped),
            ("suite", Failed),
            ("suite > inner", Passed),
            ("suite > inner2", Failed),
        ])
    );
    let why = |name| reason(TestDialect::Tap, TAP, name).unwrap();
    assert_eq!(why("bad # hash"), "1 == 2");
    assert_eq!(why("suite > inner2"), "total is not a function");
}

#[test]
fn tests_of_one_name_are_counted() {
    let output = "ok 1 - same\nok 2 - same\nnot ok 3 - same\n";
    assert_eq!(
        outcomes(TestDialect::Tap, output),
        named(&[("same", Passed), ("same (2)", Passed), ("same (3)", Failed)])
    );
}

#[test]
fn go_tests_are_named_by_package() {
    let output = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n    b_test.go:9: no\n--- FAIL: TestB (0.00s)\n    \
        --- FAIL: TestB/two_words (0.00s)\nFAIL\nFAIL\texample.com/m/a\t0.003s\n--- SKIP: TestA (0.00s)\nok  \t\
        example.com/m/b\t0.002s\nFAIL\texample.com/m/c [build failed]\n";
    assert_eq!(
        outcomes(TestDialect::Go, output),
        named(&[
            ("example.com/m/a TestA", Passed),
            ("example.com/m/a TestB", Failed),
            ("example.com/m/a TestB/two_words", Failed),
            ("example.com/m/b TestA", Skipped),
        ])
    );
}

#[test]
fn surefire_is_read_in_both_of_its_forms() {
    let output = "[INFO] Running com.a.CartTest\n[INFO] com.a.CartTest.adds -- Time elapsed: 0.01 s\n\
        [ERROR] com.a.CartTest.takes -- Time elapsed: 0.02 s <<< FAILURE!\n\
        rounds(com.a.CartTest)  Time elapsed: 0.001 s\nlater(com.a.CartTest) skipped\n\
        [ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 1, Time elapsed: 0.1 s <<< FAILURE! -- in com.a.CartTest\n";
    assert_eq!(
        outcomes(TestDialect::Maven, output),
        named(&[
            ("com.a.CartTest.adds", Passed),
            ("com.a.CartTest.later", Skipped),
            ("com.a.CartTest.rounds", Passed),
            ("com.a.CartTest.takes", Failed),
        ])
    );
}

#[test]
fn an_exit_code_names_no_test() {
    assert_eq!(outcomes(TestDialect::ExitCode, "test a ... ok\nok 1 - a\n"), []);
}

proptest! {
    #[test]
    fn no_output_makes_a_reader_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                Just("test a ... ok\n".to_owned()), Just("    not ok 1 - x # SKIP\n      ---\n".to_owned()),
                Just("# Subtest: x\n".to_owned()), Just("FAILED a.py::b[ - ä\n".to_owned()),
                Just("--- PASS: A (\n".to_owned()), Just("FAIL\t\n".to_owned()), Just("\u{1b}[3".to_owned()),
                Just("a(b) Time elapsed:\n".to_owned()), Just("      error: |-\n".to_owned()), any::<String>(),
            ],
            0..20,
        )
    ) {
        let output = pieces.concat();
        for dialect in [TestDialect::Cargo, TestDialect::Pytest, TestDialect::Tap, TestDialect::Go, TestDialect::Maven] {
            let tests = read(dialect, &output);
            prop_assert!(tests.keys().all(|name| !name.is_empty()));
            for name in tests.keys() {
                let _ = reason(dialect, &output, name);
            }
        }
    }
}

#[test]
fn unittest_is_read_in_both_forms_of_its_names() {
    let output = "test_a (tests.test_x.Case.test_a) ... ok\n\
        test_b (tests.test_x.Case.test_b)\nWhat it checks. ... FAIL\n\
        test_c (tests.test_x.Case) ... skipped 'no network'\n\
        test_d (tests.test_x.Case.test_d) ... printed in between\nok\n\
        tests.test_y (unittest.loader._FailedTest.tests.test_y) ... ERROR\n\
        test_e (tests.test_x.Case.test_e) ... expected failure\n\
        test_f (tests.test_x.Case.test_f) ... ok\n\
        ======\nFAIL: test_f (tests.test_x.Case.test_f) (part=3)\n------\nAssertionError: 1 != 2\n\n------\n\
        Ran 7 tests in 0.001s\n\nFAILED (failures=2, errors=1, skipped=1, expected failures=1)\n";
    let tests = read(TestDialect::Unittest, output);
    let seen: Vec<(&str, TestOutcome)> =
        tests.iter().map(|(name, outcome)| (name.as_str(), *outcome)).collect();
    use TestOutcome::{Failed, Passed, Skipped};
    let expected = [
        ("tests.test_x.Case.test_a", Passed),
        ("tests.test_x.Case.test_b", Failed),
        ("tests.test_x.Case.test_c", Skipped),
        ("tests.test_x.Case.test_d", Passed),
        ("tests.test_x.Case.test_e", Skipped),
        ("tests.test_x.Case.test_f", Failed),
    ];
    assert_eq!(seen, expected);
    let why = reason(TestDialect::Unittest, output, "tests.test_x.Case.test_f");
    assert_eq!(why.as_deref(), Some("AssertionError: 1 != 2"));
}
