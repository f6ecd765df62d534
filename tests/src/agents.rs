//! Real coding agents, shut in, with no network but the broker: instructions in, patch out.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use soulcaster_agents::broker::{Upstream, UpstreamConfig};
use soulcaster_agents::git::Git;
use soulcaster_agents::local::{Cli, LocalConfig, LocalRunner};
use soulcaster_agents::sandbox::{Sandbox, WORK};
use soulcaster_core::port::agent::{
    AgentEvent, AgentOutcome, AgentRunner, AgentTask, Budget, StopReason, Transcript,
};
use soulcaster_core::{Result, Secret};

use crate::agents::model::{Model, Turn, USAGE};

mod e2b;
mod machine;
pub(crate) mod model;

const KEY: &str = "sk-swordfish";

/// The folder into which `tests/agents` installs, if `path` is there. Without it a test is left out, loudly; in CI that
/// is a failure.
pub(crate) fn tools(what: &str, path: &str) -> Option<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let agents = target.join("agents");
    if agents.join("complete").exists() && agents.join(path).exists() {
        return Some(agents);
    }
    skip(&format!("{what} is not installed; tests/agents installs it"));
    None
}

fn skip(trouble: &str) {
    assert!(std::env::var_os("CI").is_none(), "{trouble}");
    eprintln!("SKIPPED: {trouble}");
}

/// The program of an agent, and a sandbox to run it in; as [`tools`].
pub(crate) fn installed(program: &str) -> Option<(PathBuf, Sandbox)> {
    let file = format!("node_modules/.bin/{program}");
    let agents = tools(program, &file)?;
    let sandbox = Sandbox::find();
    if let Some(trouble) = sandbox.trouble() {
        skip(trouble);
        return None;
    }
    Some((agents.join(file), sandbox))
}

/// A runner of an agent whose model is `model`.
pub(crate) fn runner(cli: Cli, program: PathBuf, sandbox: Sandbox, model: &Model) -> LocalRunner {
    let upstream = UpstreamConfig {
        key: Some(Secret::new(KEY)),
        price: std::sync::Arc::new(|_, input, output| input + 3 * output),
        ..UpstreamConfig::new(&model.url, "scripted-1")
    };
    let config = LocalConfig {
        program: Some(program),
        upstream: Some(Upstream::new(upstream).unwrap()),
        ..LocalConfig::new(cli)
    };
    LocalRunner::new(sandbox, config).unwrap()
}

/// A checkout with one file in one commit.
pub(crate) async fn checkout(folder: &Path) -> PathBuf {
    let checkout = folder.join("checkout");
    std::fs::create_dir(&checkout).unwrap();
    std::fs::write(checkout.join("greeting.txt"), "helo\n").unwrap();
    let git = Git::new(&checkout).setting("user.name", "Test").setting("user.email", "test@example.com");
    git.run(&["init", "--quiet"]).await.unwrap();
    git.run(&["add", "--all"]).await.unwrap();
    git.run(&["commit", "--quiet", "--message", "first"]).await.unwrap();
    checkout
}

/// Keeps events in memory.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Mutex<Vec<AgentEvent>>);

#[async_trait]
impl Transcript for Notes {
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }
}

fn mend() -> Vec<Turn> {
    let look =
        "cat greeting.txt; wget -T 3 -q http://192.0.2.1/ || echo no network; env | grep -c sword[f]ish"
            .to_owned();
    vec![Turn::Shell(look), Turn::Write { path: "greeting.txt".into(), content: "hello\n".into() }]
}

async fn run(
    cli: Cli,
    turns: Vec<Turn>,
    budget: Budget,
) -> Option<(AgentOutcome, Vec<AgentEvent>, Model, Duration)> {
    let (program, sandbox) = installed(cli.name())?;
    let model = Model::start(turns, WORK);
    let runner = runner(cli, program, sandbox, &model);
    let folder = tempfile::tempdir().unwrap();
    let task = AgentTask {
        job: "j1".into(),
        checkout: checkout(folder.path()).await,
        instructions: "Mend the greeting in greeting.txt.".into(),
        budget,
    };
    let notes = Notes::default();
    let begun = Instant::now();
    let outcome = runner.run(&task, &notes).await.unwrap();
    let took = begun.elapsed();
    eprintln!("{} took {took:?}: {:?} {:?}", runner.name(), outcome.stop_reason, outcome.message);
    Some((outcome, notes.0.into_inner().unwrap(), model, took))
}

async fn mends(cli: Cli) {
    // A loaded machine takes a minute and a half for it.
    let budget = Budget { wall_seconds: 240, ..Budget::default() };
    let Some((outcome, events, model, _)) = run(cli, mend(), budget).await else { return };
    assert_eq!(outcome.stop_reason, StopReason::Finished, "{:?} {events:#?}", outcome.message);
    assert!(outcome.patch.contains("-helo\n+hello\n"), "{}", outcome.patch);
    assert_eq!(outcome.patch.matches("diff --git").count(), 1, "{}", outcome.patch);
    let calls = outcome.spend.calls;
    assert!(calls >= 3, "{:?}", outcome.spend);
    assert_eq!((outcome.spend.input_tokens, outcome.spend.output_tokens), (calls * USAGE.0, calls * USAGE.1));
    assert_eq!(outcome.spend.micro_usd, calls * (USAGE.0 + 3 * USAGE.1));
    let last = events.iter().rev().find(|event| matches!(event, AgentEvent::Spend { .. }));
    assert_eq!(last, Some(&AgentEvent::Spend { spend: outcome.spend }));
    let tools: Vec<String> = events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::Tool { output, .. } => output.clone(),
            _ => None,
        })
        .collect();
    assert!(tools.iter().any(|output| output.contains("helo\nno network\n0")), "{events:#?}");
    assert!(events.contains(&AgentEvent::Text { text: "Done.".into() }), "{events:#?}");
    let asked = model.asked();
    assert!(asked.iter().all(|(_, question)| question["model"] == "scripted-1"));
    assert!(asked.iter().any(|(_, question)| question.to_string().contains("Mend the greeting")));
    assert!(!format!("{events:?}").contains("swordfish"));
}

#[tokio::test]
async fn kilo_mends_a_file_with_no_network_but_the_broker() {
    mends(Cli::Kilo).await;
}

#[tokio::test]
async fn codex_mends_a_file_with_no_network_but_the_broker() {
    mends(Cli::Codex).await;
}

#[tokio::test]
async fn agent_that_never_stops_is_stopped_when_its_money_is_spent() {
    let turns = vec![Turn::Shell("echo again".into()); 1000];
    // Four calls of 25.
    let budget = Budget { wall_seconds: 240, micro_usd: 100, ..Budget::default() };
    let Some((outcome, ..)) = run(Cli::Codex, turns, budget).await else { return };
    assert_eq!(outcome.stop_reason, StopReason::Cost);
    assert_eq!((outcome.spend.calls, outcome.spend.micro_usd), (4, 100));
}
