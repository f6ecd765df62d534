//! Fixes as their users meet them: the demonstration, and jobs through kills, two servers, double clicks and
//! cancellation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};
use soulcaster_agents::sandbox::WORK;
use soulcaster_core::model::{Proof, Scope};

use crate::agents;
use crate::agents::model::{Model, Turn};
use crate::binary::{Desk, finish};
use crate::server::{Client, Server, key, source};
use crate::signing;

/// For a job to end, after a kill too.
const PATIENCE: Duration = Duration::from_secs(180);

#[test]
fn the_demonstration_goes_all_the_way_and_leaves_a_readable_pull_request() {
    let desk = Desk::new();
    let run = desk.run(&["demo", "--out", "out", "--json"]).ok();
    let answer = run.json();
    assert_eq!(answer["status_after_merge"], "fixed");
    assert_eq!(answer["status_after_recurrence"], "regressed");
    assert_eq!(answer["job"]["verdict"]["kind"], "proven");
    for step in ["1.", "2.", "3.", "4.", "5.", "suite on the base", "draft pull request"] {
        assert!(run.err.contains(step), "{step}: {}", run.err);
    }
    let path = desk.path(answer["pull_request"].as_str().unwrap());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{e}: {}", path.display()));
    for part in [
        "## Proof",
        "| failed | passed |",
        "## Reports",
        "https://github.com/greengrocer/cart/issues/",
        "Roll back",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
    assert!(desk.path("out/report.html").is_file());
    desk.run(&["demo", "--out", "out"]).told(2, &["out is there already", "--out"]);
}

/// A project with a group and a repository, and the arguments that equip a server for it.
struct Scene {
    desk: Desk,
    repositories: PathBuf,
    cluster: String,
}

impl Scene {
    fn new() -> Self {
        let desk = Desk::new();
        // The demonstration's own repository and reports.
        desk.run(&["demo", "--out", "sample", "--json"]).ok();
        let repositories = desk.path("repositories");
        std::fs::create_dir_all(repositories.join("greengrocer")).unwrap();
        let bare = repositories.join("greengrocer/cart.git");
        git(
            &desk.path("sample"),
            &["clone", "-q", "--bare", "repositories/greengrocer/cart.git", bare.to_str().unwrap()],
        );
        // As it was before the fix was merged.
        let first = git(&bare, &["rev-list", "--max-parents=0", "main"]);
        git(&bare, &["update-ref", "refs/heads/main", first.trim()]);
        for branch in branches(&bare) {
            git(&bare, &["update-ref", "-d", &format!("refs/heads/{branch}")]);
        }
        desk.run(&["triage", "sample/reports.jsonl", "--json"]).ok();
        let clusters = desk.run(&["clusters", "--json"]).ok().json();
        let cluster = clusters["clusters"][0]["id"].as_str().unwrap().to_owned();
        desk.run(&["settings", "repository=greengrocer/cart", "repetitions=1"]).ok();
        Self { desk, repositories, cluster }
    }

    fn serve(&self, agent: &str) -> Server {
        let repositories = self.repositories.to_str().unwrap();
        Server::start(&self.desk, &["--repositories", repositories, "--agent", agent])
    }

    fn replay(&self) -> String {
        format!("replay:{}", self.desk.path("sample/replay.json").display())
    }

    fn bare(&self) -> PathBuf {
        self.repositories.join("greengrocer/cart.git")
    }

    fn pull_requests(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.repositories.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && path.extension().is_none_or(|e| e != "git") {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "md") {
                    found.push(path);
                }
            }
        }
        found
    }

    /// One branch, one pull request, nothing that sticks.
    fn is_done_once(&self, job: &Value) {
        assert_eq!(job["status"], "succeeded", "{job:#}");
        let branch = format!("triage/{}", job["id"].as_str().unwrap());
        assert_eq!(branches(&self.bare()), BTreeSet::from([branch]));
        assert_eq!(self.pull_requests().len(), 1);
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Branches besides the base.
fn branches(bare: &Path) -> BTreeSet<String> {
    let all = git(bare, &["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    all.lines().filter(|name| *name != "main").map(str::to_owned).collect()
}

fn start(client: &Client, cluster: &str) -> String {
    let job = client.post(&format!("/clusters/{cluster}/start_fix"), &json!({})).is(202).json();
    job["id"].as_str().unwrap().to_owned()
}

/// Waits until `wanted` holds of the job.
#[track_caller]
fn until(client: &Client, job: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let value = client.get(&format!("/jobs/{job}")).is(200).json();
        if wanted(&value) {
            return value;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not come to pass: {value:#}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_ended(job: &Value) -> bool {
    !matches!(job["status"].as_str(), Some("pending" | "running"))
}

#[test]
fn a_worker_killed_at_each_step_leaves_one_branch_and_one_pull_request() {
    for step in ["prepare", "agent", "prove", "publish"] {
        let scene = Scene::new();
        let admin = key(&scene.desk, "default", Scope::Admin, 1);
        let server = scene.serve(&scene.replay());
        let client = Client::with_key(&server, &admin);
        let job = start(&client, &scene.cluster);
        // A step may be over before it is seen.
        let seen = until(&client, &job, |job| job["step"] == step || has_ended(job));
        server.kill();
        let server = scene.serve(&scene.replay());
        let ended = until(&Client::with_key(&server, &admin), &job, has_ended);
        assert!(seen["status"] != "pending", "{step}: {seen:#}");
        scene.is_done_once(&ended);
        let server = server.stop();
        assert_eq!(server.0, Some(0));
    }
}

#[test]
fn two_servers_and_a_double_click_make_one_pull_request() {
    let scene = Scene::new();
    let admin = key(&scene.desk, "default", Scope::Admin, 1);
    let servers = [scene.serve(&scene.replay()), scene.serve(&scene.replay())];
    let clients = servers.each_ref().map(|server| Client::with_key(server, &admin));
    let asked: Vec<_> = (0..6)
        .map(|n| {
            let (client, cluster) = (clients[n % 2].clone(), scene.cluster.clone());
            std::thread::spawn(move || start(&client, &cluster))
        })
        .collect();
    let ids: BTreeSet<String> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
    assert_eq!(ids.len(), 1, "one job for all: {ids:?}");
    let job = ids.into_iter().next().unwrap();
    let ended = until(&clients[0], &job, has_ended);
    scene.is_done_once(&ended);
    assert_eq!(ended["attempts"], 1);
    let log = clients[1].get(&format!("/jobs/{job}/logs?limit=1000")).is(200).json();
    let steps = |text: &str| {
        log["lines"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["event"]["text"].as_str().is_some_and(|t| t.starts_with(text)))
            .count()
    };
    assert_eq!((steps("cloning"), steps("draft pull request")), (1, 1), "{log:#}");
}

#[test]
fn a_fix_is_cancelled_while_it_waits_and_while_an_agent_works() {
    let scene = Scene::new();
    let admin = key(&scene.desk, "default", Scope::Admin, 1);
    let server = scene.serve(r#"command:["sh","-c","echo at work; sleep 3600"]"#);
    let client = Client::with_key(&server, &admin);
    let job = start(&client, &scene.cluster);
    until(&client, &job, |job| job["step"] == "agent");
    let begun = Instant::now();
    client.post(&format!("/jobs/{job}/cancel"), &json!({})).is(202);
    let ended = until(&client, &job, has_ended);
    assert_eq!((&ended["status"], &ended["stop_reason"]), (&json!("cancelled"), &json!("cancelled")));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let cluster = client.get(&format!("/clusters/{}", scene.cluster)).is(200).json();
    assert_eq!(cluster["cluster"]["status"], "new");
    assert_eq!(client.post(&format!("/jobs/{job}/cancel"), &json!({})).is(202).json()["status"], "cancelled");
    assert!(branches(&scene.bare()).is_empty());
    // While the server is away it waits, and is cancelled from the command line.
    server.stop();
    let waiting = {
        let server = scene.serve(r#"command:["sh","-c","sleep 3600"]"#);
        let client = Client::with_key(&server, &admin);
        let job = start(&client, &scene.cluster);
        until(&client, &job, |job| job["step"] == "agent");
        server.stop();
        job
    };
    assert_eq!(
        scene.desk.run(&["jobs", &waiting, "--json"]).ok().json()["status"],
        "pending",
        "it was given back"
    );
    assert_eq!(scene.desk.run(&["cancel", &waiting, "--json"]).ok().json()["status"], "cancelled");
}

#[test]
fn the_log_of_a_fix_is_streamed_and_kept() {
    let scene = Scene::new();
    let admin = key(&scene.desk, "default", Scope::Admin, 1);
    let server = scene.serve(&scene.replay());
    let client = Client::with_key(&server, &admin);
    let job = start(&client, &scene.cluster);
    // The stream ends when the job does.
    let stream = client.clone().header("accept", "text/event-stream");
    let text = String::from_utf8(stream.get(&format!("/jobs/{job}/logs")).is(200).body).unwrap();
    let streamed: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    until(&client, &job, has_ended);
    let kept = client.get(&format!("/jobs/{job}/logs?limit=1000")).is(200).json();
    assert_eq!(kept["lines"].as_array().unwrap(), &streamed);
    assert_eq!(kept["ended"], true);
    assert_eq!(
        streamed.iter().map(|line| line["number"].as_u64().unwrap()).collect::<Vec<_>>(),
        (1..=streamed.len() as u64).collect::<Vec<_>>()
    );
    let later = client.clone().header("accept", "text/event-stream").header("last-event-id", "3");
    let rest = String::from_utf8(later.get(&format!("/jobs/{job}/logs")).is(200).body).unwrap();
    assert!(rest.contains("id:4\n") || rest.contains("id: 4\n"), "{rest}");
    assert_eq!(rest.matches("data: ").count(), streamed.len() - 3);
    let shown = scene.desk.run(&["logs", &job]).ok().out;
    assert!(shown.contains("draft pull request"), "{shown}");
    let evidence = client.get(&format!("/jobs/{job}/evidence")).is(200).json();
    assert!(evidence["patch"].as_str().unwrap().starts_with("diff --git"));
}

#[test]
fn the_command_line_fixes_a_group_and_plans_are_changed_and_approved() {
    let scene = Scene::new();
    let (desk, cluster) = (&scene.desk, scene.cluster.as_str());
    desk.run(&["settings", "needs_approval=true"]).ok();
    // As people write it: relative to where they are.
    let repositories = "repositories";
    let agent = scene.replay();
    let equipped = ["--repositories", repositories, "--agent", agent.as_str()];
    let fix = |more: &[&str]| desk.run(&[&["fix", cluster, "--json"], &equipped[..], more].concat());
    fix(&[]).told(1, &["approved first", "--approve"]);
    let plan = desk.run(&["plan", cluster, "--json"]).ok().json();
    assert_eq!(
        (&plan["author"]["kind"], &plan["brief"]["repository"]),
        (&json!("rule"), &json!("greengrocer/cart"))
    );
    let changed =
        desk.run(&["plan", cluster, "--title", "Fix: the totals", "--approve", "--json"]).ok().json();
    assert_eq!(
        (&changed["title"], &changed["status"], &changed["revision"]),
        (&json!("Fix: the totals"), &json!("approved"), &json!(plan["revision"].as_u64().unwrap() + 1))
    );
    let done = fix(&[]).ok();
    scene.is_done_once(&done.json());
    assert!(done.json()["plan"]["title"] == "Fix: the totals", "{:#}", done.json());
    desk.run(&["jobs"]).ok();
    desk.run(&["fix", cluster, "--agent", "nobody", "--repositories", repositories])
        .told(2, &["nobody", "kilo"]);
    desk.run(&["fix", cluster]).told(2, &["--repositories", "--github-token-file"]);
    desk.run(&["settings", "repetitions=99"]).told(2, &["repetitions is 1 to 10"]);
    desk.run(&["settings", "no.such=1"]).told(2, &["no.such"]);
}

#[test]
fn a_merge_that_a_webhook_tells_of_is_noticed_at_once() {
    let scene = Scene::new();
    let admin = key(&scene.desk, "default", Scope::Admin, 1);
    let proof = Proof::Signature;
    let secret = signing::secret("github", &proof);
    let inbox = source(&scene.desk, "default", "github", proof.clone(), &secret, 2);
    let server = scene.serve(&scene.replay());
    let client = Client::with_key(&server, &admin);
    let job = start(&client, &scene.cluster);
    scene.is_done_once(&until(&client, &job, has_ended));
    let file = scene.pull_requests().pop().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("state: open", "state: merged", 1)).unwrap();
    let delivery = json!({"action": "closed", "number": 1, "pull_request": {"number": 1, "merged": true},
                          "repository": {"full_name": "greengrocer/cart"}});
    let body = delivery.to_string();
    let mut sender =
        Client::new(&server).header("x-github-event", "pull_request").header("x-github-delivery", "1");
    for (name, value) in signing::headers("github", &proof, body.as_bytes()) {
        sender = sender.header(name, &value);
    }
    let told = sender.send("POST", &inbox, Some(body.as_bytes())).unwrap().is(202).json();
    assert_eq!(told["status"], "ignored", "{told:#}");
    // The round that asks by itself comes after five minutes.
    until(&client, &job, |job| job["merged_at"].is_string());
    let cluster = client.get(&format!("/clusters/{}", scene.cluster)).is(200).json();
    assert_eq!(cluster["cluster"]["status"], "fixed", "{cluster:#}");
}

#[test]
fn model_calls_are_counted_and_held_to_their_ceilings() {
    let scene = Scene::new();
    let (desk, cluster) = (&scene.desk, scene.cluster.as_str());
    // Without a model the rule writes, and a title stays.
    let by_rule = desk.run(&["summarize", cluster, "--json"]).ok().json();
    assert!(by_rule["summary"].as_str().unwrap().contains("reports"), "{by_rule:#}");
    desk.run(&["summarize", cluster, "--title"]).told(2, &["a model", "GEMINI_API_KEY"]);
    let model = Model::start(Vec::new(), WORK);
    let with_model = |args: &[&str]| {
        let mut command = desk.command(args);
        command.env("OPENAI_BASE_URL", &model.url).env("SOULCASTER_MODEL", "openai:gpt-5-mini");
        finish(command.output().unwrap())
    };
    let written = with_model(&["summarize", cluster, "--title", "--json"]).ok().json();
    assert_eq!((&written["title"], &written["summary"]), (&json!("About title."), &json!("About summary.")));
    let spent = desk.run(&["spend", "--json"]).ok().json();
    assert_eq!(spent["day"]["calls"], 2, "{spent:#}");
    assert!(spent["day"]["micro_usd"].as_u64().unwrap() > 0 && spent["month"] == spent["day"], "{spent:#}");
    // Nothing may be spent: the rule writes, and nobody is asked.
    desk.run(&["spend", "tokens_per_day=1"]).ok();
    let asked = model.asked().len();
    let held = with_model(&["summarize", cluster, "--json"]).ok().json();
    assert_eq!((&held["summary"], model.asked().len()), (&by_rule["summary"], asked));
    with_model(&["summarize", cluster, "--title"]).told(1, &["tokens"]);
    desk.run(&["spend", "tokens_per_year=1"]).told(2, &["tokens_per_year"]);
    // The server says the same.
    let server = scene.serve(&scene.replay());
    let client = Client::with_key(&server, &key(desk, "default", Scope::Admin, 1));
    let seen = client.get("/spend").is(200).json();
    assert_eq!((&seen["day"], &seen["ceilings"]["tokens_per_day"]), (&spent["day"], &json!(1)));
    let open = json!({"micro_usd_per_day": 5_000_000});
    let reply = client.send("PUT", "/ceilings", Some(open.to_string().as_bytes())).unwrap();
    assert_eq!(reply.is(200).json()["tokens_per_day"], Value::Null);
    let summarized = client.post(&format!("/clusters/{cluster}/summarize"), &json!({})).is(200).json();
    assert_eq!(summarized["summary"], by_rule["summary"]);
}

#[test]
fn agents_elsewhere_say_what_they_lack() {
    let scene = Scene::new();
    let args = ["fix", &scene.cluster, "--repositories", scene.repositories.to_str().unwrap(), "--agent"];
    let run = |more: &[&str], set: &[(&str, &str)]| {
        let mut command = scene.desk.command(&[&args[..], more].concat());
        command.envs(set.iter().copied());
        finish(command.output().unwrap())
    };
    let (key, template) = (("E2B_API_KEY", "e2b_swordfish"), ("E2B_TEMPLATE", "agents"));
    let model = ["e2b:kilo", "--agent-model", "m", "--agent-model-url", "https://gateway.example"];
    run(&["e2b:kilo"], &[]).told(2, &["E2B_API_KEY"]);
    run(&["e2b:kilo"], &[key]).told(2, &["E2B_TEMPLATE"]);
    run(&["e2b:kilo"], &[key, template]).told(2, &["--agent-model-url"]);
    run(&model, &[key, template]).told(2, &["E2B_MODEL_KEY", "limit"]);
    run(&["e2b:nobody"], &[key, template]).told(2, &["nobody", "e2b:NAME"]);
}

/// A real agent whose scripted model applies the recorded patch: an issue in, a proven pull request out.
fn goes_all_the_way(cli: &str) {
    let Some((program, _)) = agents::installed(cli) else { return };
    let scene = Scene::new();
    let recording = std::fs::read_to_string(scene.desk.path("sample/replay.json")).unwrap();
    let patch = serde_json::from_str::<Value>(&recording).unwrap()["patch"].as_str().unwrap().to_owned();
    let coded = base64::engine::general_purpose::STANDARD.encode(patch);
    let model = Model::start(vec![Turn::Shell(format!("echo {coded} | base64 -d | git apply"))], WORK);
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let args = ["fix", &scene.cluster, "--json", "--repositories", scene.repositories.to_str().unwrap()];
    let agent = ["--agent", cli, "--agent-model", "scripted-1", "--agent-model-url", &model.url];
    let mut command = scene.desk.command(&[&args[..], &agent[..]].concat());
    command.env("PATH", path).env("OPENAI_API_KEY", "sk-swordfish").env_remove("ANTHROPIC_API_KEY");
    let run = finish(command.output().unwrap()).ok();
    let job = run.json();
    scene.is_done_once(&job);
    assert_eq!((&job["verdict"]["kind"], &job["runner"]), (&json!("proven"), &json!(cli)));
    assert!(job["spend"]["calls"].as_u64().unwrap() >= 2, "{:#}", job["spend"]);
    assert!(!format!("{run:?}").contains("swordfish"));
    // It was told what the reports say, as data.
    let asked = model.asked();
    assert!(asked.iter().any(|(_, question)| question.to_string().contains("--- begin Report from")));
    assert!(asked.iter().all(|(_, question)| question["model"] == "scripted-1"));
}

#[test]
fn kilo_turns_a_group_into_a_proven_pull_request() {
    goes_all_the_way("kilo");
}

#[test]
fn codex_turns_a_group_into_a_proven_pull_request() {
    goes_all_the_way("codex");
}
