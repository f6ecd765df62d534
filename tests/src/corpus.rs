//! The gate against seeded bugs: it accepts right patches and no other.
//!
//! `SOULCASTER_CORPUS` has the names of bugs to try, separated by commas, or `all`; without it one small bug of each
//! language is tried. Python needs an interpreter with pytest in `SOULCASTER_PYTHON`; `tests/gate` makes one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use soulcaster_agents::sandbox::Sandbox;
use soulcaster_agents::workshop::LocalWorkshop;
use soulcaster_core::engine::policy;
use soulcaster_core::engine::proof::{needed, plan};
use soulcaster_core::flow::{ProofTask, prove};
use soulcaster_core::model::{FixSettings, ProofVerdict, TestCommand, TestDialect};
use soulcaster_core::port::agent::{AgentEvent, Budget, Transcript};

struct Bug {
    name: String,
    folder: PathBuf,
    language: String,
    /// Patches, and whether each is right.
    patches: BTreeMap<String, bool>,
}

fn bugs() -> Vec<Bug> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut found: Vec<Bug> = std::fs::read_dir(root)
        .unwrap()
        .filter_map(|entry| {
            let folder = entry.unwrap().path();
            let manifest: Value =
                serde_json::from_str(&std::fs::read_to_string(folder.join("manifest.json")).ok()?).unwrap();
            let patches = manifest["patches"].as_object().unwrap();
            Some(Bug {
                name: folder.file_name().unwrap().to_string_lossy().into_owned(),
                language: manifest["language"].as_str().unwrap().to_owned(),
                patches: patches.iter().map(|(name, label)| (name.clone(), label == "accept")).collect(),
                folder,
            })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

impl Bug {
    fn patch(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join("patches").join(format!("{name}.diff"))).unwrap()
    }

    fn contents(&self, patch: &str) -> BTreeMap<String, String> {
        let read = |path: &String| std::fs::read_to_string(self.folder.join("repo").join(path)).ok();
        needed(patch).into_iter().filter_map(|path| Some((path.clone(), read(&path)?))).collect()
    }
}

struct Silent;

#[async_trait::async_trait]
impl Transcript for Silent {
    async fn append(&self, _: Vec<AgentEvent>) -> soulcaster_core::Result<()> {
        Ok(())
    }
}

#[test]
fn reading_alone_holds_up_no_right_patch() {
    let bugs = bugs();
    assert!(bugs.len() >= 24, "{} bugs", bugs.len());
    let mut held = Vec::new();
    for bug in &bugs {
        for (name, _) in bug.patches.iter().filter(|(_, right)| **right) {
            let patch = bug.patch(name);
            if let Err(verdict) = plan(&patch, &bug.contents(&patch), true) {
                held.push(format!("{}/{name}: {verdict:?}", bug.name));
            }
            for refusal in policy::check(&patch, &FixSettings::default()) {
                held.push(format!("{}/{name}: {refusal:?}", bug.name));
            }
        }
    }
    assert_eq!(held, [""; 0]);
}

/// Copies a folder into a new repository, and gives its commit.
fn commit(from: &Path, to: &Path) -> String {
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).current_dir(to).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run("cp", &["-r", &format!("{}/.", from.display()), "."]);
    run("git", &["init", "-q"]);
    run("git", &["add", "-A"]);
    run("git", &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "base"]);
    run("git", &["rev-parse", "HEAD"])
}

/// The command for a bug; nothing where the machine lacks what it needs.
fn command(bug: &Bug) -> Option<TestCommand> {
    let (words, dialect) = match bug.language.as_str() {
        "rust" => ("cargo test --offline --no-fail-fast".to_owned(), TestDialect::Cargo),
        "javascript" => ("node --test --test-reporter=tap".to_owned(), TestDialect::Tap),
        _ => {
            let python = std::env::var("SOULCASTER_PYTHON").ok()?;
            (
                format!("{python} -B -m pytest -v -rA --tb=short --color=no -p no:cacheprovider"),
                TestDialect::Pytest,
            )
        }
    };
    Some(TestCommand { argv: words.split(' ').map(str::to_owned).collect(), dialect, folder: None })
}

/// The folders of `SOULCASTER_PYTHON`: its environment, and the installation that it was made from.
fn python_folders() -> Vec<PathBuf> {
    let Ok(python) = std::env::var("SOULCASTER_PYTHON") else { return Vec::new() };
    let output = Command::new(&python)
        .args(["-c", "import sys; print(sys.prefix); print(sys.base_prefix)"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{python} does not start");
    String::from_utf8(output.stdout).unwrap().lines().map(PathBuf::from).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_accepts_right_patches_and_no_other() {
    let sandbox = Sandbox::find();
    if let Some(trouble) = sandbox.trouble() {
        assert!(std::env::var_os("CI").is_none(), "nothing can be confined: {trouble}");
        eprintln!("SKIPPED: the gate ({trouble})");
        return;
    }
    let wanted = std::env::var("SOULCASTER_CORPUS")
        .unwrap_or_else(|_| "rust-version-order,python-bill-split,javascript-url-join".into());
    let bugs: Vec<Bug> = bugs()
        .into_iter()
        .filter(|bug| wanted == "all" || wanted.split(',').any(|name| name == bug.name))
        .collect();
    assert!(!bugs.is_empty(), "no bug is called {wanted}");
    let (mut accepted, mut refused, mut errors) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut right = (0, 0);
    for bug in &bugs {
        let Some(command) = command(bug) else {
            eprintln!("SKIPPED: {} (SOULCASTER_PYTHON is not set)", bug.name);
            continue;
        };
        let folder = tempfile::tempdir().unwrap();
        let commit = commit(&bug.folder.join("repo"), folder.path());
        let workshop = LocalWorkshop::new(sandbox.clone()).read_only(python_folders());
        let reproduction = std::fs::read_to_string(bug.folder.join("reproduction.diff")).unwrap();
        let budget = Budget { wall_seconds: 120, ..Budget::default() };
        for (name, is_right) in &bug.patches {
            let patch = bug.patch(name);
            let task = ProofTask {
                checkout: folder.path(),
                commit: &commit,
                patch: &patch,
                reproduction: Some(&reproduction),
                command: Some(&command),
                repetitions: 1,
                budget: &budget,
            };
            let report = prove(&workshop, &Silent, &task).await.unwrap();
            let kind = name
                .split_once(|c: char| c == '-' && name.starts_with("right"))
                .map_or(name.as_str(), |(kind, _)| kind);
            let kind = kind.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-').to_owned();
            let (verdict, why) = match &report.verdict {
                ProofVerdict::Proven => (true, String::new()),
                ProofVerdict::Unproven { reason } => (false, format!("unproven: {reason}")),
                ProofVerdict::Refuted { evidence } => (false, format!("refuted: {evidence}")),
            };
            eprintln!("{}/{name}: {}", bug.name, if verdict { "proven" } else { &why });
            *if verdict { accepted.entry(kind) } else { refused.entry(kind) }.or_insert(0) += 1;
            right.0 += usize::from(*is_right && verdict);
            right.1 += usize::from(*is_right);
            if *is_right != verdict {
                errors.push(format!("{}/{name}: {}", bug.name, if verdict { "accepted" } else { &why }));
            }
        }
    }
    eprintln!("accepted {accepted:?}\nrefused {refused:?}");
    let accepted_wrong = errors.iter().filter(|error| error.ends_with(": accepted")).count();
    assert_eq!(accepted_wrong, 0, "{errors:#?}");
    assert!(
        right.0 * 100 >= right.1 * 95,
        "{} of {} right patches are accepted: {errors:#?}",
        right.0,
        right.1
    );
}
