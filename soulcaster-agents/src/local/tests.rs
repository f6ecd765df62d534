//! Scripts as agents, shut in.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use soulcaster_core::port::agent::{AgentEvent, Budget};

use super::*;
use crate::git::Git;

/// Keeps events, and fails when there are too many.
struct Notes {
    events: Mutex<Vec<AgentEvent>>,
    most: usize,
}

#[async_trait]
impl Transcript for Notes {
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
        let mut kept = self.events.lock().unwrap();
        kept.extend(events);
        if kept.len() > self.most { Err(Error::conflict("test.append", "it was cancelled")) } else { Ok(()) }
    }
}

struct Run {
    result: Result<AgentOutcome>,
    events: Vec<AgentEvent>,
    checkout: TempDir,
}

async fn run(script: &str, budget: Budget, most: usize) -> Option<Run> {
    let sandbox = Sandbox::find();
    if let Some(trouble) = sandbox.trouble() {
        assert!(std::env::var_os("CI").is_none(), "{trouble}");
        eprintln!("SKIPPED: {trouble}");
        return None;
    }
    let checkout = tempfile::tempdir().unwrap();
    std::fs::write(checkout.path().join("a.txt"), "one\n").unwrap();
    let git = Git::new(checkout.path()).setting("user.name", "T").setting("user.email", "t@example.com");
    for args in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "first"]] {
        git.run(args).await.unwrap();
    }
    let argv = ["/bin/sh", "-c", script, "sh", "{instructions_file}"].map(str::to_owned).to_vec();
    let runner =
        LocalRunner::new(sandbox, LocalConfig::new(Cli::Command { name: "script".into(), argv })).unwrap();
    let task = AgentTask {
        job: "j".into(),
        checkout: checkout.path().into(),
        instructions: "Write two.".into(),
        budget,
    };
    let notes = Notes { events: Mutex::default(), most };
    let result = runner.run(&task, &notes).await;
    Some(Run { result, events: notes.events.into_inner().unwrap(), checkout })
}

#[tokio::test]
async fn instructions_go_in_and_a_patch_comes_out() {
    let script = "cat \"$1\"; echo; echo two >a.txt; git commit -qam x 2>/dev/null; echo '[core]' >.git/config; echo said";
    let Some(run) = run(script, Budget::default(), 100).await else { return };
    let outcome = run.result.unwrap();
    assert_eq!((outcome.stop_reason, outcome.message), (StopReason::Finished, None));
    assert!(outcome.patch.contains("-one\n+two\n"), "{}", outcome.patch);
    let output = |text: &str| AgentEvent::Output { text: text.into() };
    assert_eq!(run.events, [output("Write two."), output("said")]);
    assert!(!run.checkout.path().join(".git").exists(), "what the agent had of git is gone");
}

#[tokio::test]
async fn agent_that_fails_says_why_and_leaves_its_patch() {
    let Some(run) = run("echo two >a.txt; echo lost >&2; exit 3", Budget::default(), 100).await else {
        return;
    };
    let outcome = run.result.unwrap();
    assert_eq!(outcome.stop_reason, StopReason::AgentFailed);
    assert_eq!(outcome.message.as_deref(), Some("exit code 3: lost"));
    assert!(outcome.patch.contains("+two"));
}

#[tokio::test]
async fn budgets_end_a_run_and_keep_its_patch() {
    let budget = Budget { wall_seconds: 1, ..Budget::default() };
    let Some(slow) = run("echo two >a.txt; sleep 100", budget, 100).await else { return };
    let outcome = slow.result.unwrap();
    assert_eq!((outcome.stop_reason, outcome.patch.contains("+two")), (StopReason::WallClock, true));
    let budget = Budget { diff_lines: 10, ..Budget::default() };
    let large = run("seq 100 >b.txt", budget, 100).await.unwrap().result.unwrap();
    assert_eq!(large.stop_reason, StopReason::Diff);
    assert!(large.message.unwrap().contains("100 lines"));
}

#[tokio::test]
async fn transcript_that_fails_ends_the_run() {
    let begun = Instant::now();
    let Some(run) = run("while :; do echo x; sleep 0.05; done", Budget::default(), 3).await else { return };
    assert_eq!(run.result.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn agents_that_are_missing_or_not_shut_in_are_refused() {
    let cli = Cli::Command { name: "x".into(), argv: vec!["no-such-program-4711".into()] };
    let config = LocalConfig { least: Isolation::None, ..LocalConfig::new(cli) };
    let error = LocalRunner::new(Sandbox::open(), config.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error =
        LocalRunner::new(Sandbox::open(), LocalConfig { least: Isolation::Confined, ..config }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}
