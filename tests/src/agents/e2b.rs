//! The client of E2B and the official one, against a server that takes both.

use std::time::{Duration, Instant};

use soulcaster_agents::e2b::{E2bConfig, E2bRunner};
use soulcaster_agents::local::Cli;
use soulcaster_core::port::agent::{AgentEvent, AgentOutcome, AgentRunner, AgentTask, Budget, StopReason};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::machine::{Fault, KEY, Machines};
use super::{Notes, checkout};

struct Run {
    result: Result<AgentOutcome>,
    events: Vec<AgentEvent>,
    machines: Machines,
}

fn config(machines: &Machines, folder: &std::path::Path, script: &str) -> E2bConfig {
    // The word by which the server knows the agent's process.
    let script = format!(": AGENT; {script}");
    let argv = ["sh".to_owned(), "-c".to_owned(), script, "sh".to_owned(), "{instructions_file}".to_owned()];
    let cli = Cli::Command { name: "script".into(), argv: argv.to_vec() };
    E2bConfig {
        api_url: Some(machines.url.clone()),
        sandbox_url: Some(machines.url.clone()),
        folder: folder.join("sandbox").to_str().unwrap().to_owned(),
        request_timeout: Duration::from_secs(20),
        margin: Duration::from_secs(20),
        env: vec![("GREETING".into(), "hello".into())],
        ..E2bConfig::new(Secret::new(KEY), "kilo-sandbox", cli)
    }
}

async fn task(folder: &std::path::Path, budget: Budget) -> AgentTask {
    let instructions = "Mend it.".into();
    AgentTask { job: "j1".into(), checkout: checkout(folder).await, instructions, budget }
}

async fn run(fault: Fault, script: &str, budget: Budget) -> Run {
    let machines = Machines::start(fault);
    let folder = tempfile::tempdir().unwrap();
    let runner = E2bRunner::new(config(&machines, folder.path(), script)).unwrap();
    let notes = Notes::default();
    let result = runner.run(&task(folder.path(), budget).await, &notes).await;
    Run { result, events: notes.0.into_inner().unwrap(), machines }
}

const MEND: &str = "cat \"$1\"; echo; echo $GREETING >greeting.txt; echo more >new.txt; git add -A; git commit -qm x; \
                    echo done";

/// What is deleted when a future is dropped is deleted a little later.
async fn deleted(machines: &Machines) -> Vec<String> {
    let begun = Instant::now();
    while machines.deleted().is_empty() && begun.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    machines.deleted()
}

#[tokio::test]
async fn run_in_a_machine_leads_from_instructions_to_a_patch() {
    let run = run(Fault::None, MEND, Budget::default()).await;
    let outcome = run.result.unwrap();
    assert_eq!((outcome.stop_reason, outcome.message), (StopReason::Finished, None));
    assert!(
        outcome.patch.contains("-helo\n+hello\n") && outcome.patch.contains("+more\n"),
        "{}",
        outcome.patch
    );
    let output = |text: &str| AgentEvent::Output { text: text.into() };
    assert_eq!(run.events, [output("Mend it."), output("done")]);
    assert_eq!(run.machines.deleted(), ["sbx1"]);
    let created = &run.machines.created()[0];
    let life = created["timeout"].as_u64().unwrap();
    assert!(life > Budget::default().wall_seconds, "the sandbox outlives the command");
    assert_eq!(created["templateID"], "kilo-sandbox");
    let calls = run.machines.calls();
    assert_eq!(calls[0], "POST /v2/sandboxes application/json");
    assert_eq!(calls[1], "POST /files multipart/form-data");
    assert_eq!(calls[3], "POST /process.Process/Start application/connect+json");
}

#[tokio::test]
async fn older_path_is_taken_where_the_newer_is_not_known() {
    let run = run(Fault::Old, MEND, Budget::default()).await;
    assert_eq!(run.result.unwrap().stop_reason, StopReason::Finished);
    assert_eq!(
        run.machines.calls()[..2],
        ["POST /v2/sandboxes application/json", "POST /sandboxes application/json"]
    );
}

#[tokio::test]
async fn budgets_end_the_agent_and_keep_its_patch() {
    let slow = "echo hello >greeting.txt; sleep 60";
    let begun = Instant::now();
    let slow = run(Fault::None, slow, Budget { wall_seconds: 1, ..Budget::default() }).await;
    let outcome = slow.result.unwrap();
    assert_eq!(outcome.stop_reason, StopReason::WallClock);
    assert!(outcome.patch.contains("+hello") && begun.elapsed() < Duration::from_secs(20));
    let loud = run(Fault::None, "yes", Budget { output_bytes: 100_000, ..Budget::default() }).await;
    assert_eq!(loud.result.unwrap().stop_reason, StopReason::Output);
    let large = run(Fault::None, MEND, Budget { diff_files: 1, ..Budget::default() }).await;
    assert_eq!(large.result.unwrap().stop_reason, StopReason::Diff);
    let failed = run(Fault::None, "echo broken >&2; exit 3", Budget::default()).await.result.unwrap();
    assert_eq!(failed.stop_reason, StopReason::AgentFailed);
    assert_eq!(failed.message.as_deref(), Some("exit code 3: broken"));
}

#[tokio::test]
async fn every_failure_is_told_apart_and_leaves_no_sandbox() {
    for (fault, kind, made) in [
        (Fault::Status(401), ErrorKind::Unauthorized, false),
        (Fault::Status(429), ErrorKind::RateLimited, false),
        (Fault::Status(500), ErrorKind::Unavailable, false),
        (Fault::NoProcess(502), ErrorKind::Unavailable, true),
        (Fault::NoProcess(404), ErrorKind::NotFound, true),
        (Fault::Drop, ErrorKind::Unavailable, true),
        (Fault::Killed, ErrorKind::Unavailable, true),
    ] {
        let run = run(fault, "echo begun; sleep 60", Budget::default()).await;
        let error: Error = run.result.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error}");
        assert!(!format!("{error:?}").contains(KEY));
        if fault == Fault::Status(429) {
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        }
        if made {
            assert_eq!(deleted(&run.machines).await, ["sbx1"], "{fault:?}");
        }
    }
}

#[tokio::test]
async fn dropped_run_deletes_its_sandbox() {
    let machines = Machines::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let runner = E2bRunner::new(config(&machines, folder.path(), "sleep 60")).unwrap();
    let task = task(folder.path(), Budget::default()).await;
    let notes = Notes::default();
    let run = tokio::time::timeout(Duration::from_secs(2), runner.run(&task, &notes));
    assert!(run.await.is_err());
    assert_eq!(deleted(&machines).await, ["sbx1"]);
}

#[test]
fn official_client_takes_the_same_server() {
    let Some(agents) = super::tools("e2b's client", "node_modules/e2b") else { return };
    let machines = Machines::start(Fault::None);
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "import {{Sandbox}} from 'e2b';
         const s = await Sandbox.create('kilo-sandbox', {{apiKey: '{KEY}', apiUrl: '{0}', sandboxUrl: '{0}', timeoutMs: 60000}});
         await s.files.write('{1}/a.txt', 'written\\n');
         const ran = await s.commands.run('cat {1}/a.txt; echo oops >&2', {{envs: {{A: '1'}}}});
         console.log(JSON.stringify([ran.exitCode, ran.stdout, ran.stderr, await s.files.read('{1}/a.txt')]));
         try {{ await s.commands.run('exit 3') }} catch (e) {{ console.log(e.exitCode) }}
         const slow = await s.commands.run('sleep 60', {{background: true}});
         console.log(await slow.kill(), await s.kill());",
        machines.url,
        folder.path().display()
    );
    let output = std::process::Command::new("node")
        .args(["--input-type=module", "-e", &script])
        .current_dir(agents)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = "[0,\"written\\n\",\"oops\\n\",\"written\\n\"]\n3\ntrue true\n";
    assert_eq!(said, expected, "{} {:#?}", String::from_utf8_lossy(&output.stderr), machines.calls());
    let ours = [
        "POST /v2/sandboxes application/json",
        "POST /files multipart/form-data",
        "GET /files",
        "POST /process.Process/Start application/connect+json",
        "POST /process.Process/SendSignal application/json",
        "DELETE /sandboxes/sbx1",
    ];
    for call in ours {
        assert!(machines.calls().contains(&call.to_owned()), "{call}: {:#?}", machines.calls());
    }
}
