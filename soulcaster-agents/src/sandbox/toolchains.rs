//! Compilers and interpreters outside the system folders that a confined program may run.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

/// Folders that hold the system; they are in every cell.
pub(super) const SYSTEM: [&str; 8] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

/// Programs whose installation belongs into the cell.
const PROGRAMS: [&str; 16] = [
    "node", "npm", "python3", "python", "go", "java", "mvn", "gradle", "git", "make", "cc", "ruby", "php",
    "deno", "bun", "uv",
];

/// What of them is bound, and how they are found.
#[derive(Debug, Default, Clone)]
pub(super) struct Toolchains {
    /// Folders to read, at the same path.
    pub(super) folders: BTreeSet<PathBuf>,
    /// `PATH` inside the cell.
    pub(super) path: String,
    /// `RUSTUP_HOME`, if there is one.
    pub(super) rustup: Option<PathBuf>,
    /// The folder `registry` of cargo, if there is one; never the one with credentials around it.
    pub(super) registry: Option<PathBuf>,
}

impl Toolchains {
    pub(super) fn find() -> Self {
        let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let mut found = Self::default();
        let folder = |variable: &str, usual: &str| {
            let folder = env::var_os(variable).map_or_else(|| home.join(usual), PathBuf::from);
            (folder.is_absolute() && folder.is_dir()).then_some(folder)
        };
        if let Some(cargo) = folder("CARGO_HOME", ".cargo") {
            found.add(cargo.join("bin"));
            found.registry = Some(cargo.join("registry")).filter(|r| r.is_dir());
        }
        found.rustup = folder("RUSTUP_HOME", ".rustup");
        if let Some(rustup) = found.rustup.clone() {
            found.add(rustup);
        }
        if let Some(pyenv) = folder("PYENV_ROOT", ".pyenv") {
            found.add(pyenv);
        }
        for program in PROGRAMS {
            if let Some(prefix) = which(program).and_then(|file| prefix(&file, &home)) {
                found.add(prefix);
            }
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let mut seen = BTreeSet::new();
        let kept: Vec<String> = env::split_paths(&path)
            .filter(|entry| found.shows(entry) && seen.insert(entry.clone()))
            .filter_map(|entry| entry.to_str().map(str::to_owned))
            .collect();
        found.path = if kept.is_empty() { "/usr/local/bin:/usr/bin:/bin".to_owned() } else { kept.join(":") };
        found
    }

    fn add(&mut self, folder: PathBuf) {
        if folder.is_dir() && !in_system(&folder) {
            self.folders.insert(folder);
        }
    }

    /// Whether a path is in sight inside the cell.
    fn shows(&self, path: &Path) -> bool {
        path.is_absolute()
            && path.is_dir()
            && (in_system(path) || self.folders.iter().any(|f| path.starts_with(f)))
    }
}

/// Looks for an executable file on `PATH`.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = env::var_os("PATH")?;
    env::split_paths(&path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(program)).find(
        |file| file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0),
    )
}

/// The installation that a program belongs to: what its `bin` is in. Never a folder that more lives in than one
/// installation, such as the home.
fn prefix(program: &Path, home: &Path) -> Option<PathBuf> {
    let file = program.canonicalize().ok()?;
    let bin = file.parent()?;
    let prefix = if bin.file_name()? == "bin" { bin.parent()? } else { bin };
    let shared = home.starts_with(prefix)
        || prefix.parent() == Some(home)
        || prefix == home.join(".local")
        || prefix.components().count() < 3;
    (!shared).then(|| prefix.to_path_buf())
}

/// Whether a path is in every cell anyway.
pub(crate) fn in_system(path: &Path) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installation_is_no_folder_that_more_lives_in() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let home = root.join("home/ada");
        let make = |path: &str| {
            let file = home.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, "").unwrap();
            prefix(&file, &home)
        };
        assert_eq!(make(".nvm/versions/node/v20/bin/node"), Some(home.join(".nvm/versions/node/v20")));
        assert_eq!(make("bin/node"), None);
        assert_eq!(make(".local/bin/uv"), None);
        assert_eq!(make(".cargo/bin/cargo"), None);
        assert_eq!(make("node"), None);
        assert_eq!(prefix(Path::new("/bin/sh"), &home), None);
    }
}
