//! Proof that a patch mends what it is to mend: a test that fails before and passes after.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::port::agent::StopReason;

/// How to run the tests of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TestCommand {
    /// Program and arguments; no shell reads them.
    pub argv: Vec<String>,
    /// How its output is read.
    pub dialect: TestDialect,
    /// The folder it runs in, relative to the repository; its root if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// The form in which a test runner tells what passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TestDialect {
    /// `cargo test`.
    Cargo,
    /// `pytest -rA` or `-v`.
    Pytest,
    /// `python -m unittest -v`.
    Unittest,
    /// TAP, as `node --test --test-reporter tap` writes it.
    Tap,
    /// `go test -v`.
    Go,
    /// Maven surefire.
    Maven,
    /// Only the exit code is known.
    ExitCode,
}

/// What became of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// It failed or could not be run.
    Failed,
    /// It was left out.
    Skipped,
}

/// What a test command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TestRun {
    /// The command's exit code; absent when it was stopped or could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended, when it did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<StopReason>,
    /// Each test that its output names.
    #[serde(default)]
    pub tests: BTreeMap<String, TestOutcome>,
    /// Milliseconds it took.
    pub millis: u64,
    /// The last of what it printed, at most 16 KiB.
    pub output: String,
}

/// What is known about whether a patch mends the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProofVerdict {
    /// A test fails without the source of the patch and passes with it, every time; everything else is as green.
    Proven,
    /// It cannot be told.
    Unproven {
        /// Why.
        reason: String,
    },
    /// It does not mend the problem, or breaks something else.
    Refuted {
        /// What shows it.
        evidence: String,
    },
}

/// One run during a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofStep {
    /// What was run on what, such as `suite on the base`.
    pub name: String,
    /// What came out.
    pub run: TestRun,
}

/// A proof, with everything that it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProofReport {
    /// What came out.
    pub verdict: ProofVerdict,
    /// Tests that fail without the source of the patch and pass with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reproduction: Vec<String>,
    /// Every run, in order.
    pub steps: Vec<ProofStep>,
}
