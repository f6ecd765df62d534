//! Runs against a socket that speaks the few calls of a Docker engine that are used, and runs what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use soulcaster_core::port::agent::{AgentEvent, Budget};
use tempfile::TempDir;

use super::*;
use crate::git::Git;

#[derive(Default)]
struct State {
    calls: Vec<String>,
    created: Option<Value>,
    attached: Option<UnixStream>,
    child: Option<Child>,
    code: Option<i32>,
    removed: bool,
}

/// An engine, at a socket in a folder.
struct Engine {
    folder: TempDir,
    state: Arc<Mutex<State>>,
}

impl Engine {
    fn start(image: bool, oom: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                // A client that goes away is part of the tests.
                thread::spawn(move || drop(serve(stream.unwrap(), &shared, image, oom)));
            }
        });
        Self { folder, state }
    }

    fn runner(&self, script: &str) -> DockerRunner {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        let cli = Cli::Command { name: "script".into(), argv };
        let socket = self.folder.path().join("docker.sock");
        DockerRunner::new(DockerConfig { socket, ..DockerConfig::new("agents:1", cli) }).unwrap()
    }

    fn removed(&self) -> bool {
        self.state.lock().unwrap().removed
    }
}

fn serve(stream: UnixStream, state: &Mutex<State>, image: bool, oom: bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut parts = first.split_whitespace();
    let (method, target) = (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    // The version may stand before it, a query behind.
    let path = target.split('?').next().unwrap().trim_start_matches('/');
    let path =
        path.split_once('/').filter(|(version, _)| version.starts_with("v1.")).map_or(path, |(_, path)| path);
    let call = format!("{method} {path}");
    state.lock().unwrap().calls.push(call.clone());
    let mut stream = stream;
    let mut answer = |status: u16, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status} S\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    match call.as_str() {
        "POST containers/create" if !image => answer(404, json!({"message": "no such image"})),
        "POST containers/create" => {
            state.lock().unwrap().created = Some(serde_json::from_slice(&body)?);
            answer(201, json!({"Id": "c1", "Warnings": []}))
        }
        "POST containers/c1/attach" => {
            stream.write_all(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")?;
            state.lock().unwrap().attached = Some(stream);
            Ok(())
        }
        "POST containers/c1/start" => {
            answer(204, Value::Null)?;
            start(state)
        }
        "GET containers/c1/json" => {
            let code = state.lock().unwrap().code;
            let oom = oom && code.is_some();
            let status = json!({"Running": code.is_none(), "ExitCode": code.unwrap_or(0), "OOMKilled": oom});
            answer(200, json!({"Id": "c1", "State": status}))
        }
        "DELETE containers/c1" => {
            let mut state = state.lock().unwrap();
            if let Some(child) = &state.child {
                let group = rustix::process::Pid::from_child(child);
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            state.removed = true;
            answer(204, Value::Null)
        }
        _ => answer(404, json!({"message": call})),
    }
}

/// Runs the container's command in the bound checkout, and sends what it writes as an engine frames it.
fn start(state: &Mutex<State>) -> std::io::Result<()> {
    let mut guard = state.lock().unwrap();
    let created = guard.created.clone().unwrap();
    let texts = |name: &str| -> Vec<String> {
        created[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let argv = [texts("Entrypoint"), texts("Cmd")].concat();
    let bind = created["HostConfig"]["Binds"][0].as_str().unwrap().to_owned();
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).current_dir(bind.split(':').next().unwrap()).env_clear().process_group(0);
    command.envs(
        texts("Env")
            .iter()
            .filter_map(|pair| pair.split_once('=').map(|(a, b)| (a.to_owned(), b.to_owned()))),
    );
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let streams: [(u8, Box<dyn Read + Send>); 2] =
        [(1, Box::new(child.stdout.take().unwrap())), (2, Box::new(child.stderr.take().unwrap()))];
    let attached = guard.attached.take().unwrap();
    guard.child = Some(child);
    drop(guard);
    let readers = streams.map(|(number, mut from)| {
        let mut attached = attached.try_clone().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let length = u32::try_from(count).unwrap().to_be_bytes();
                let frame = [&[number, 0, 0, 0], &length[..], &buffer[..count]].concat();
                if attached.write_all(&frame).is_err() {
                    break;
                }
            }
        })
    });
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    attached.shutdown(std::net::Shutdown::Both)?;
    let status = loop {
        let status = state.lock().unwrap().child.as_mut().unwrap().try_wait()?;
        if let Some(status) = status {
            break status;
        }
        thread::sleep(Duration::from_millis(5));
    };
    state.lock().unwrap().code = Some(status.code().unwrap_or(137));
    Ok(())
}

#[derive(Default)]
struct Notes(Mutex<Vec<AgentEvent>>);

#[async_trait]
impl Transcript for Notes {
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }
}

async fn task(folder: &Path, budget: Budget) -> AgentTask {
    std::fs::write(folder.join("a.txt"), "one\n").unwrap();
    let git = Git::new(folder).setting("user.name", "T").setting("user.email", "t@example.com");
    for args in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "first"]] {
        git.run(args).await.unwrap();
    }
    AgentTask { job: "j1".into(), checkout: folder.into(), instructions: "Write two.".into(), budget }
}

async fn run(engine: &Engine, script: &str, budget: Budget) -> (Result<AgentOutcome>, Vec<AgentEvent>) {
    let folder = tempfile::tempdir().unwrap();
    let notes = Notes::default();
    let result = engine.runner(script).run(&task(folder.path(), budget).await, &notes).await;
    (result, notes.0.into_inner().unwrap())
}

#[tokio::test]
async fn run_in_a_container_leads_to_a_patch_and_leaves_no_container() {
    let engine = Engine::start(true, false);
    let (result, events) = run(&engine, "echo two >a.txt; echo said; echo $HOME", Budget::default()).await;
    let outcome = result.unwrap();
    assert_eq!((outcome.stop_reason, outcome.message), (StopReason::Finished, None));
    assert!(outcome.patch.contains("-one\n+two\n"), "{}", outcome.patch);
    let output = |text: &str| AgentEvent::Output { text: text.into() };
    assert_eq!(events, [output("said"), output("/tmp/home")]);
    assert!(engine.removed());
}

#[tokio::test]
async fn container_has_no_network_no_capability_and_bounds() {
    let engine = Engine::start(true, false);
    let budget = Budget { memory_bytes: 123 << 20, processes: 45, ..Budget::default() };
    run(&engine, "true", budget).await.0.unwrap();
    let created = engine.state.lock().unwrap().created.clone().unwrap();
    let host = &created["HostConfig"];
    let expected = json!({"NetworkMode": "none", "ReadonlyRootfs": true, "CapDrop": ["ALL"], "PidsLimit": 45,
        "SecurityOpt": ["no-new-privileges:true"], "Memory": 123 << 20, "MemorySwap": 123 << 20});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&host[name], value, "{name}");
    }
    assert_eq!((&created["NetworkDisabled"], &created["Image"]), (&json!(true), &json!("agents:1")));
    assert!(host["Privileged"].is_null());
    let binds: Vec<&str> = host["Binds"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        binds.len() == 2 && binds[0].ends_with(":/checkout:rw") && binds[1].ends_with(":ro"),
        "{binds:?}"
    );
}

#[tokio::test]
async fn budgets_end_a_container_and_keep_its_patch() {
    let engine = Engine::start(true, false);
    let begun = Instant::now();
    let slow =
        run(&engine, "echo two >a.txt; sleep 100", Budget { wall_seconds: 1, ..Budget::default() }).await;
    let outcome = slow.0.unwrap();
    assert_eq!((outcome.stop_reason, outcome.patch.contains("+two")), (StopReason::WallClock, true));
    assert!(engine.removed() && begun.elapsed() < Duration::from_secs(10));
    for (script, budget, reason) in [
        ("yes", Budget { output_bytes: 100_000, ..Budget::default() }, StopReason::Output),
        (
            "head -c 9000000 /dev/zero >z; sleep 100",
            Budget { disk_bytes: 4 << 20, ..Budget::default() },
            StopReason::Disk,
        ),
        ("seq 100 >b.txt", Budget { diff_lines: 9, ..Budget::default() }, StopReason::Diff),
        ("echo lost >&2; exit 3", Budget::default(), StopReason::AgentFailed),
    ] {
        let engine = Engine::start(true, false);
        assert_eq!(run(&engine, script, budget).await.0.unwrap().stop_reason, reason);
        assert!(engine.removed(), "{reason:?}");
    }
    let engine = Engine::start(true, true);
    let outcome = run(&engine, "exit 137", Budget::default()).await.0.unwrap();
    assert_eq!(outcome.stop_reason, StopReason::Memory);
}

#[tokio::test]
async fn missing_image_and_missing_engine_are_told() {
    let engine = Engine::start(false, false);
    let error = run(&engine, "true", Budget::default()).await.0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let cli = Cli::Command { name: "x".into(), argv: vec!["x".into()] };
    let config = DockerConfig { socket: "/no/such/socket".into(), ..DockerConfig::new("x", cli) };
    assert_eq!(DockerRunner::new(config).unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn dropped_run_removes_its_container() {
    let engine = Engine::start(true, false);
    let folder = tempfile::tempdir().unwrap();
    let task = task(folder.path(), Budget::default()).await;
    let (runner, notes) = (engine.runner("sleep 100"), Notes::default());
    let started = async {
        while engine.state.lock().unwrap().child.is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        outcome = runner.run(&task, &notes) => panic!("it ended by itself: {outcome:?}"),
        () = started => {}
    }
    let begun = Instant::now();
    while !engine.removed() && begun.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(engine.removed());
}
