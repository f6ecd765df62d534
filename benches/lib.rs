//! Benches live in `benches/`; run one with `cargo bench -p soulcaster-benches --bench embed`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The release binary `soulcaster`, built when it is first asked for.
///
/// # Panics
/// When it cannot be built.
pub fn release_binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let args = [
            "build",
            "--offline",
            "--release",
            "--quiet",
            "--package",
            "soulcaster",
            "--message-format",
            "json",
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        let built = Command::new(cargo).args(args).current_dir(folder).output().expect("cargo runs");
        let lines = String::from_utf8_lossy(&built.stdout).into_owned();
        let messages = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let path =
            messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
        path.expect("soulcaster is built")
    });
    &BINARY
}
