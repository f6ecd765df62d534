//! What a fix costs beside its agent and its tests: time and memory of `soulcaster fix` on the demonstration's repository.
//!
//! `cargo bench -p soulcaster-benches --bench fix` builds the release binary and takes about a minute. The agent is a
//! recording that is replayed in no time, so all that is not a run of the tests is counted.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // it prints a table, and stops at the first surprise

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use soulcaster_benches::release_binary;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::SqliteStore;

const FIXES: usize = 9;

fn main() {
    let mut seen: Vec<(f64, f64, u64)> = (0..FIXES).map(|_| fix()).collect();
    println!("| | whole | tests | everything else | memory |\n|---|---|---|---|---|");
    seen.sort_by(|one, other| (one.0 - one.1).total_cmp(&(other.0 - other.1)));
    for (what, (whole, tests, memory)) in [("median of 9", seen[FIXES / 2]), ("slowest", seen[FIXES - 1])] {
        let rest = whole - tests;
        println!("| {what} | {whole:.2} s | {tests:.2} s | {rest:.2} s | {} MB |", memory / 1000);
    }
}

/// Makes one fix; seconds in all, seconds in tests, and the most memory of the process in kB.
fn fix() -> (f64, f64, u64) {
    let folder = tempfile::tempdir().unwrap();
    let desk = folder.path();
    // The demonstration's own repository and reports, as they were before the fix.
    soulcaster(desk, &["demo", "--out", "sample", "--json"]);
    let bare = "sample/repositories/greengrocer/cart.git";
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(desk.join(bare)).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let first = git(&["rev-list", "--max-parents=0", "main"]);
    git(&["update-ref", "refs/heads/main", first.trim()]);
    for branch in git(&["for-each-ref", "--format=%(refname)", "refs/heads/triage"]).lines() {
        git(&["update-ref", "-d", branch]);
    }
    soulcaster(desk, &["triage", "sample/reports.jsonl", "--json"]);
    soulcaster(desk, &["settings", "repository=greengrocer/cart"]);
    let clusters = soulcaster(desk, &["clusters", "--json"]);
    let clusters: Value = serde_json::from_str(&clusters).unwrap();
    let cluster = clusters["clusters"][0]["id"].as_str().unwrap();

    let args =
        ["fix", cluster, "--repositories", "sample/repositories", "--agent", "replay:sample/replay.json"];
    let mut command = Command::new(release_binary());
    command.args(args).args(["--json", "--db", "s.db"]).current_dir(desk);
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut memory = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        memory = memory.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    };
    let whole = begun.elapsed().as_secs_f64();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ended.success(), "{said}");
    (whole, tests(desk), memory)
}

/// Seconds that the tests ran, by the proof that is kept of the latest fix.
fn tests(folder: &Path) -> f64 {
    let store = Arc::new(SqliteStore::open(folder.join("s.db")).unwrap());
    let soulcaster = Soulcaster::builder(store).build().unwrap();
    let project = ProjectId::new("default").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let evidence = runtime.block_on(async {
        let job = soulcaster.fixes(&project, None, 1).await.unwrap().remove(0);
        soulcaster.fix_evidence(&project, &job.id).await.unwrap()
    });
    let proof = evidence.and_then(|evidence| evidence.proof).expect("a proof");
    proof.steps.iter().map(|step| step.run.millis as f64 / 1000.0).sum()
}

fn soulcaster(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new(release_binary());
    let output = command.args(args).args(["--db", "s.db"]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
