//! Who may depend on whom, read from `cargo tree`.

use std::collections::BTreeSet;
use std::process::Command;

/// The names of all crates that `package` is built with, development aside.
fn crates(package: &str, extra: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "tree",
        "--offline",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        package,
    ]);
    let output =
        command.args(extra).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn core_has_no_runtime_no_socket_and_no_database() {
    let found = crates("soulcaster-core", &["--all-features"]);
    assert!(found.contains("rayon"), "the tree was not read: {found:?}");
    for outside in [
        "tokio",
        "async-std",
        "smol",
        "reqwest",
        "hyper",
        "mio",
        "socket2",
        "rusqlite",
        "libsqlite3-sys",
        "clap",
        "tempfile",
    ] {
        assert!(!found.contains(outside), "soulcaster-core depends on {outside}");
    }
    assert!(!found.iter().any(|name| name.starts_with("soulcaster-") && name != "soulcaster-core"));
}

#[test]
fn core_has_fewer_than_ten_direct_dependencies() {
    let direct = crates("soulcaster-core", &["--depth", "1"]);
    assert!(direct.len() <= 10, "{direct:?}"); // itself among them
}

#[test]
fn adapters_know_core_and_not_each_other() {
    let sources = crates("soulcaster-sources", &[]);
    let agents = crates("soulcaster-agents", &[]);
    assert!(sources.contains("soulcaster-core") && agents.contains("soulcaster-core"));
    assert!(!sources.contains("soulcaster-agents") && !agents.contains("soulcaster-sources"));
    assert!(!sources.contains("reqwest"), "the embedded store needs no network");
}

#[test]
fn core_reads_no_file_and_starts_no_task() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../soulcaster-core/src");
    let mut folders = vec![std::path::PathBuf::from(source)];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            read += 1;
            for outside in [
                "std::fs",
                "std::net",
                "std::process",
                "std::env",
                "thread::spawn",
                "SystemTime::now",
                "Utc::now",
                "Instant::now",
            ] {
                assert!(!code.contains(outside), "{} uses {outside}", path.display());
            }
        }
    }
    assert!(read > 30);
}
