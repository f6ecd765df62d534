//! A workshop: where a checkout is searched and its tests are run, shut in.

use std::path::Path;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::brief::{Clues, Suspect};
use crate::model::proof::{TestCommand, TestRun};
use crate::port::agent::{Budget, Isolation, Transcript};

/// One run of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct TestTask<'a> {
    /// A clean clone; it is copied and stays as it is.
    pub checkout: &'a Path,
    /// The commit to begin from.
    pub commit: &'a str,
    /// Diffs that are applied to it, in order.
    pub patches: Vec<&'a str>,
    /// What to run.
    pub command: &'a TestCommand,
    /// The most that the run may use; tokens, money and diff do not count here.
    pub budget: &'a Budget,
}

/// Searches a checkout and runs commands on copies of it, shut in and without network.
///
/// # Contract
/// - `test` starts from a clean copy each time: nothing of one run is seen by the next, but build products that the
///   workshop itself made from the same commit.
/// - Tests that fail are a result, not an error; so is a command that cannot be started or runs out of budget.
///   An error means that the workshop itself cannot work, and `Invalid` that a diff does not apply.
/// - Dropping a future stops every process of it.
#[async_trait]
pub trait Workshop: Send + Sync {
    /// How well the commands are shut in.
    fn isolation(&self) -> Isolation;

    /// Looks for `clues` in the files of the checkout; the likeliest first, at most `limit`.
    async fn search(&self, checkout: &Path, clues: &Clues, limit: usize) -> Result<Vec<Suspect>>;

    /// Finds out how the checkout is tested (cargo, pytest, npm, go, maven); nothing when it cannot tell.
    async fn detect(&self, checkout: &Path) -> Result<Option<TestCommand>>;

    /// Reads a file of the commit; nothing if there is no such file, if it is not text, or if it is larger than 1 MiB.
    async fn read(&self, checkout: &Path, commit: &str, path: &str) -> Result<Option<String>>;

    /// Runs tests; what they print goes to the transcript.
    async fn test(&self, task: &TestTask<'_>, transcript: &dyn Transcript) -> Result<TestRun>;
}
