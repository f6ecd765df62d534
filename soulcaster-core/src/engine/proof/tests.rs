use super::*;

fn run(code: i32, tests: &[(&str, TestOutcome)]) -> TestRun {
    TestRun {
        exit_code: Some(code),
        stopped: None,
        tests: tests.iter().map(|(name, outcome)| ((*name).to_owned(), *outcome)).collect(),
        millis: 1,
        output: String::new(),
    }
}

#[test]
fn evidence_names_a_few_tests_and_counts_the_rest() {
    let names: Vec<String> = (0..8).map(|n| format!("t{n}")).collect();
    let tests: Vec<(&str, TestOutcome)> =
        names.iter().map(|name| (name.as_str(), TestOutcome::Passed)).collect();
    let base = run(0, &tests);
    let Err(ProofVerdict::Refuted { evidence }) = check_original(&base, &run(1, &[])) else { panic!() };
    assert!(evidence.ends_with("`t0`, `t1`, `t2`, `t3`, `t4` and 3 more"), "{evidence}");
}

#[test]
fn names_of_tests_cannot_steer_a_terminal() {
    let base = run(0, &[("a\u{1b}[31m\nb", TestOutcome::Passed)]);
    let Err(ProofVerdict::Refuted { evidence }) = check_original(&base, &run(1, &[])) else { panic!() };
    assert!(evidence.ends_with("`a[31mb`"), "{evidence}");
}

#[test]
fn files_to_be_read_are_those_whose_meaning_depends_on_the_rest_of_them() {
    let change = |path: &str| {
        format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n")
    };
    let patch = ["src/a.rs", "src/a.py", "package.json", "x/Cargo.toml"].map(change).concat();
    assert_eq!(needed(&patch), ["src/a.rs", "package.json", "x/Cargo.toml"]);
    assert!(needed("nonsense").is_empty());
}
