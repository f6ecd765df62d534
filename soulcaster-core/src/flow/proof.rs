//! Proving a patch: run, ask the engine, go on or stop.

use std::collections::BTreeMap;
use std::path::Path;

use crate::engine::proof::{self, Judged, Plan, unproven};
use crate::error::{ErrorKind, Result};
use crate::model::proof::{ProofReport, ProofStep, ProofVerdict, TestCommand, TestRun};
use crate::port::agent::{AgentEvent, Budget, Transcript};
use crate::port::workshop::{TestTask, Workshop};

/// A patch to be proven.
#[derive(Debug, Clone, Copy)]
pub struct ProofTask<'a> {
    /// A clean clone; it stays as it is.
    pub checkout: &'a Path,
    /// The commit that the patch is for.
    pub commit: &'a str,
    /// The patch.
    pub patch: &'a str,
    /// A diff with tests that show the problem, from somebody other than the author of the patch.
    pub reproduction: Option<&'a str>,
    /// How the tests are run; the workshop finds out if absent.
    pub command: Option<&'a TestCommand>,
    /// How often a test must fail before and pass after, 1 to 10.
    pub repetitions: u32,
    /// The most that one run may use.
    pub budget: &'a Budget,
}

/// Finds out whether a patch mends what its reproduction shows, by running tests with and without parts of it.
///
/// The reproduction is the supplied one; without one it is the test part of the patch. A supplied one is run with the
/// source of the patch, so the patch's own tests cannot weaken it; they must pass too, but prove nothing. Every run
/// is in the report. Takes `2 * repetitions + 3` runs of the suite, and ends with the first that decides.
///
/// # Errors
/// Those of the workshop and of the transcript. A patch that does not apply is `Unproven`.
pub async fn prove(
    workshop: &dyn Workshop,
    transcript: &dyn Transcript,
    task: &ProofTask<'_>,
) -> Result<ProofReport> {
    let mut proof = Proof { workshop, transcript, task, reproduction: Vec::new(), steps: Vec::new() };
    let verdict = match proof.run().await? {
        Ok(()) => ProofVerdict::Proven,
        Err(verdict) => verdict,
    };
    Ok(ProofReport { verdict, reproduction: proof.reproduction, steps: proof.steps })
}

struct Proof<'a> {
    workshop: &'a dyn Workshop,
    transcript: &'a dyn Transcript,
    task: &'a ProofTask<'a>,
    reproduction: Vec<String>,
    steps: Vec<ProofStep>,
}

/// Ends with the verdict, if there is one.
macro_rules! judged {
    ($judged:expr) => {
        match $judged {
            Ok(value) => value,
            Err(verdict) => return Ok(Err(verdict)),
        }
    };
}

impl Proof<'_> {
    async fn run(&mut self) -> Result<Judged<()>> {
        let task = self.task;
        let plan = judged!(self.plan().await?);
        let Some(command) = self.command().await? else {
            return Ok(Err(unproven(
                "it is not known how the tests are run; name a command for the project".into(),
            )));
        };
        let times = task.repetitions.clamp(1, 10);
        let before = [task.reproduction.unwrap_or(&plan.tests)];
        let after = match task.reproduction {
            Some(supplied) => vec![plan.source.as_str(), supplied],
            None => vec![task.patch],
        };

        let base = judged!(self.step("suite on the base".into(), &command, &[]).await?);
        judged!(proof::check_base(&base));
        let failing = judged!(self.repeat("reproduction on the base", times, &command, &before).await?);
        let wanted = judged!(proof::reproduction(&plan, &base, &failing, command.dialect));
        self.reproduction = wanted.iter().cloned().collect();
        let passing = judged!(self.repeat("reproduction with the patch", times, &command, &after).await?);
        judged!(proof::check_patched(&base, &failing, &wanted, &passing));
        if task.reproduction.is_some() && !plan.tests.is_empty() {
            let whole = judged!(
                self.step("suite with the patch and its own tests".into(), &command, &[task.patch]).await?
            );
            judged!(proof::check_patched(&base, &[], &Default::default(), &[whole]));
        }
        if task.reproduction.is_none() {
            let name = "original tests with the source of the patch".into();
            let original = judged!(self.step(name, &command, &[&plan.source]).await?);
            judged!(proof::check_original(&base, &original));
        }
        let name = "reproduction without the source of the patch".into();
        let reverted = judged!(self.step(name, &command, &before).await?);
        Ok(proof::check_reverted(&wanted, &reverted))
    }

    async fn plan(&self) -> Result<Judged<Plan>> {
        let mut contents = BTreeMap::new();
        for path in proof::needed(self.task.patch) {
            if let Some(content) = self.workshop.read(self.task.checkout, self.task.commit, &path).await? {
                contents.insert(path, content);
            }
        }
        Ok(proof::plan(self.task.patch, &contents, self.task.reproduction.is_some()))
    }

    async fn command(&self) -> Result<Option<TestCommand>> {
        match self.task.command {
            Some(command) => Ok(Some(command.clone())),
            None => self.workshop.detect(self.task.checkout).await,
        }
    }

    async fn repeat(
        &mut self,
        name: &str,
        times: u32,
        command: &TestCommand,
        patches: &[&str],
    ) -> Result<Judged<Vec<TestRun>>> {
        let mut runs = Vec::new();
        for number in 1..=times {
            runs.push(judged!(self.step(format!("{name}, {number} of {times}"), command, patches).await?));
        }
        Ok(Ok(runs))
    }

    /// One run of the suite with these diffs, kept in the report.
    async fn step(
        &mut self,
        name: String,
        command: &TestCommand,
        patches: &[&str],
    ) -> Result<Judged<TestRun>> {
        self.transcript.append(vec![AgentEvent::Step { text: name.clone() }]).await?;
        let task = TestTask {
            checkout: self.task.checkout,
            commit: self.task.commit,
            patches: patches.to_vec(),
            command,
            budget: self.task.budget,
        };
        match self.workshop.test(&task, self.transcript).await {
            Ok(run) => {
                self.steps.push(ProofStep { name, run: run.clone() });
                Ok(Ok(run))
            }
            Err(error) if error.kind() == ErrorKind::Invalid && !patches.is_empty() => {
                Ok(Err(unproven(format!("a diff does not apply ({name}): {}", error.message()))))
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
