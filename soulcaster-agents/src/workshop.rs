//! Searches checkouts and runs their tests on this machine, shut in.
//!
//! A run has a folder of its own, written from the objects of the checkout with its diffs applied to an index, so that
//! neither settings nor filters of the checkout count and no diff is applied to files. Only then does anything of the
//! repository run, in a sandbox without network.

mod detect;
mod search;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use async_trait::async_trait;
use soulcaster_core::engine::testlog;
use soulcaster_core::model::brief::{Clues, Suspect};
use soulcaster_core::model::proof::{TestCommand, TestRun};
use soulcaster_core::port::agent::{AgentEvent, Isolation, Transcript};
use soulcaster_core::port::workshop::{TestTask, Workshop};
use soulcaster_core::{Error, ErrorKind, Result};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::sandbox::{Cell, Ended, Sandbox};
use tree::Tree;

/// Bytes of output that a run keeps.
const KEPT: usize = 16 << 10;

/// Lines that go into the transcript at one time.
const BATCH: usize = 200;

/// Folders of build products that are worth keeping from one run to the next.
const PRODUCTS: [&str; 1] = ["target"];

/// Variables that make test runners offline, plain and without traces.
const ENV: [(&str, &str); 9] = [
    ("CARGO_NET_OFFLINE", "true"),
    ("CARGO_TERM_COLOR", "never"),
    ("CARGO_INCREMENTAL", "0"),
    ("RUST_BACKTRACE", "0"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PIP_NO_INDEX", "1"),
    ("npm_config_offline", "true"),
    ("GOPROXY", "off"),
    ("TZ", "UTC"),
];

/// A workshop on this machine.
///
/// Build products (cargo's `target`) of the last commit that was tested without diffs are handed to later runs of the same commit,
/// each a copy of its own.
///
/// ```no_run
/// # async fn example() -> soulcaster_core::Result<()> {
/// use soulcaster_agents::sandbox::Sandbox;
/// use soulcaster_agents::workshop::LocalWorkshop;
/// use soulcaster_core::port::workshop::Workshop;
/// let workshop = LocalWorkshop::new(Sandbox::find());
/// println!("{:?}", workshop.detect("/tmp/checkout".as_ref()).await?);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LocalWorkshop {
    sandbox: Sandbox,
    least: Isolation,
    read_only: Vec<PathBuf>,
    /// The last commit that was tested as it is, and a folder with what that built.
    warm: Mutex<Option<(String, TempDir)>>,
}

impl LocalWorkshop {
    /// A workshop whose commands run in `sandbox`; they are refused where that does not confine.
    #[must_use]
    pub fn new(sandbox: Sandbox) -> Self {
        Self { sandbox, least: Isolation::Confined, read_only: Vec::new(), warm: Mutex::new(None) }
    }

    /// Says how well commands must be shut in at least; [`Isolation::None`] is for repositories that are trusted.
    #[must_use]
    pub fn least(mut self, least: Isolation) -> Self {
        self.least = least;
        self
    }

    /// Files and folders that tests may read besides, such as an interpreter with its packages.
    #[must_use]
    pub fn read_only(mut self, paths: Vec<PathBuf>) -> Self {
        self.read_only = paths;
        self
    }

    /// Puts a copy of the build products of `commit` into `folder`.
    async fn warm_up(&self, commit: &str, folder: &Path) -> Result<()> {
        let from = {
            let warm = self.warm.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            warm.as_ref().filter(|(of, _)| of == commit).map(|(_, kept)| kept.path().to_path_buf())
        };
        for name in PRODUCTS {
            let Some(from) = from.as_ref().map(|kept| kept.join(name)).filter(|from| from.is_dir()) else {
                continue;
            };
            // What is half copied is no build product.
            if !folder.join(name).exists() && copy(&from, &folder.join(name)).await.is_err() {
                crate::sandbox::remove(&folder.join(name));
            }
        }
        Ok(())
    }

    /// Keeps what a run of `commit` as it is has built.
    fn keep(&self, commit: &str, folder: &Path) -> Result<()> {
        let mut warm = self.warm.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if warm.as_ref().is_some_and(|(of, _)| of == commit) {
            return Ok(());
        }
        let kept = scratch()?;
        for name in PRODUCTS {
            let from = folder.join(name);
            if from.symlink_metadata().is_ok_and(|data| data.is_dir()) {
                // On the same disk this is one step; otherwise the next run builds again.
                let _ = std::fs::rename(from, kept.path().join(name));
            }
        }
        *warm = Some((commit.to_owned(), kept));
        Ok(())
    }

    /// Runs the command in `folder`; its output goes to the transcript as it comes.
    async fn run(
        &self,
        task: &TestTask<'_>,
        folder: &Path,
        transcript: &dyn Transcript,
    ) -> Result<(Ended, String)> {
        let mut cell = Cell::new(folder);
        cell.least = self.least;
        cell.read_only.clone_from(&self.read_only);
        cell.budget = task.budget.clone();
        cell.env = ENV.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        // One pipe for both outputs, so that their order is what it was.
        let work = self.sandbox.work(&cell).join(task.command.folder.as_deref().unwrap_or("."));
        let work = work.to_str().unwrap_or(".").to_owned();
        let script = "cd \"$1\" || exit 126; shift; exec \"$@\" 2>&1";
        let mut argv: Vec<&str> = vec!["/bin/sh", "-c", script, "sh", &work];
        argv.extend(task.command.argv.iter().map(String::as_str));
        let (sender, mut lines) = mpsc::unbounded_channel();
        let mut log = String::new();
        let mut on_line = |_, line: &str| {
            log.push_str(line);
            log.push('\n');
            // Nobody listens any more only when the run is over.
            let _ = sender.send(AgentEvent::Output { text: line.to_owned() });
        };
        let ended = {
            let run = self.sandbox.run(&cell, &argv, &mut on_line);
            tokio::pin!(run);
            loop {
                tokio::select! {
                    biased;
                    Some(first) = lines.recv() => {
                        let mut batch = vec![first];
                        while batch.len() < BATCH && let Ok(next) = lines.try_recv() {
                            batch.push(next);
                        }
                        transcript.append(batch).await?;
                    }
                    ended = &mut run => break ended?,
                }
            }
        };
        let mut rest = Vec::new();
        while let Ok(next) = lines.try_recv() {
            rest.push(next);
        }
        if !rest.is_empty() {
            transcript.append(rest).await?;
        }
        Ok((ended, log))
    }
}

#[async_trait]
impl Workshop for LocalWorkshop {
    fn isolation(&self) -> Isolation {
        self.sandbox.isolation()
    }

    async fn search(&self, checkout: &Path, clues: &Clues, limit: usize) -> Result<Vec<Suspect>> {
        search::search(checkout, clues, limit).await
    }

    async fn detect(&self, checkout: &Path) -> Result<Option<TestCommand>> {
        detect::detect(checkout).await
    }

    async fn read(&self, checkout: &Path, commit: &str, path: &str) -> Result<Option<String>> {
        Tree::of(checkout, commit).await?.read(path).await
    }

    async fn test(&self, task: &TestTask<'_>, transcript: &dyn Transcript) -> Result<TestRun> {
        check(task.command)?;
        let mut tree = Tree::of(task.checkout, task.commit).await?;
        for patch in task.patches.iter().filter(|patch| !patch.is_empty()) {
            tree.apply(patch).await?;
        }
        let folder = Used(scratch()?);
        let path = folder.0.path();
        tree.write(path).await?;
        self.warm_up(task.commit, path).await?;
        let (ended, log) = self.run(task, path, transcript).await?;
        if task.patches.is_empty() && ended.stopped.is_none() {
            self.keep(task.commit, path)?;
        }
        let tests = testlog::read(task.command.dialect, &log);
        let start = log.ceil_char_boundary(log.len().saturating_sub(KEPT));
        // A program that cannot be found is not a test that failed.
        let exit_code = ended.exit_code.filter(|code| !matches!(code, 126 | 127));
        Ok(TestRun {
            exit_code,
            stopped: ended.stopped,
            tests,
            millis: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
            output: log[start..].to_owned(),
        })
    }
}

/// A folder that tests had: not everything in it may be as easy to remove as it was to make.
struct Used(TempDir);

impl Drop for Used {
    fn drop(&mut self) {
        crate::sandbox::remove(self.0.path());
    }
}

fn check(command: &TestCommand) -> Result<()> {
    let refuse = |what: &str| Err(Error::invalid("workshop.test", what.to_owned()));
    if command.argv.first().is_none_or(|program| program.is_empty())
        || command.argv.iter().any(|a| a.contains('\0'))
    {
        return refuse("the test command names no program");
    }
    let inside = |folder: &str| {
        let mut parts = Path::new(folder).components();
        parts.all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir))
    };
    if command.folder.as_deref().is_some_and(|folder| !inside(folder) || folder.contains('\0')) {
        return refuse("the folder of the test command is not inside the repository");
    }
    Ok(())
}

fn scratch() -> Result<TempDir> {
    tempfile::Builder::new().prefix("soulcaster-").tempdir().map_err(|e| {
        let kind = if e.kind() == std::io::ErrorKind::StorageFull {
            ErrorKind::Full
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, "workshop.test", "no folder can be made for the run").with_source(e)
    })
}

/// Copies a folder with its times, sharing what is on disk where the file system can.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    let fault = || Error::new(ErrorKind::Unavailable, "workshop.test", "build products cannot be copied");
    let mut command = tokio::process::Command::new("cp");
    command.args(["-a", "--reflink=auto", "--"]).arg(from).arg(to);
    command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::null()).kill_on_drop(true);
    let status = command.status().await.map_err(|e| fault().with_source(e))?;
    if status.success() { Ok(()) } else { Err(fault()) }
}

#[cfg(test)]
mod tests;
