//! The git program, run so that nothing of a repository runs with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use soulcaster_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

const OPERATION: &str = "git.run";

/// Settings that outrank whatever a repository or a person has set.
const SETTINGS: [&str; 24] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.untrackedCache=false",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.alternateRefsCommand=false",
    "credential.helper=",
    "protocol.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "safe.bareRepository=explicit",
    "init.templateDir=",
    "init.defaultBranch=main",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
];

/// Variables that are passed on: how to find git's own parts, and the network.
const PASSED_ON: [&str; 11] = [
    "PATH",
    "GIT_EXEC_PATH",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
    "TMPDIR",
    "SYSTEMROOT",
];

/// What git printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Whether it succeeded.
    pub success: bool,
    /// Its output.
    pub stdout: Vec<u8>,
    /// What it complains of.
    pub stderr: String,
}

/// Runs git in a folder.
///
/// Hooks, file monitors, submodules, symbolic links, credential helpers, every protocol that is not allowed and the
/// settings of system and user are off; nobody is asked for a password. What `.git/config` of the folder names as
/// filter or diff driver still counts: never run it on a `.git` that an agent had.
///
/// Dropping a future stops git.
///
/// ```
/// # use soulcaster_agents::git::Git;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> soulcaster_core::Result<()> {
/// let folder = tempfile::tempdir().unwrap();
/// let git = Git::new(folder.path());
/// git.run(&["init", "--quiet"]).await?;
/// assert_eq!(git.text(&["symbolic-ref", "HEAD"]).await?, "refs/heads/main");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Git {
    folder: PathBuf,
    git_dir: Option<PathBuf>,
    protocols: Vec<String>,
    settings: Vec<(String, String)>,
    env: Vec<(OsString, OsString)>,
    output_bytes: usize,
    deadline: Duration,
}

impl std::fmt::Debug for Git {
    /// Settings and variables may hold a token and are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Git")
            .field("folder", &self.folder)
            .field("git_dir", &self.git_dir)
            .finish_non_exhaustive()
    }
}

impl Git {
    /// Git in `folder`, with at most 64 MiB of output and ten minutes a command.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            git_dir: None,
            protocols: Vec::new(),
            settings: Vec::new(),
            env: Vec::new(),
            output_bytes: 64 << 20,
            deadline: Duration::from_secs(600),
        }
    }

    /// Uses the repository `git_dir`, with the folder as its work tree; needed for bare repositories too.
    #[must_use]
    pub fn git_dir(mut self, git_dir: impl Into<PathBuf>) -> Self {
        self.git_dir = Some(git_dir.into());
        self
    }

    /// Allows a protocol, such as `https`, or `file` for folders of this machine.
    #[must_use]
    pub fn allow(mut self, protocol: &str) -> Self {
        self.protocols.push(protocol.to_owned());
        self
    }

    /// Sets a setting; it is passed by the environment, where no list of processes shows it.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The most that a command may print; more is an error.
    #[must_use]
    pub fn output_bytes(mut self, bytes: usize) -> Self {
        self.output_bytes = bytes;
        self
    }

    /// How long a command may take.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs `git ARGS` and returns what it prints.
    ///
    /// # Errors
    /// `Unexpected` with git's last words when it fails, else as [`Git::output`].
    pub async fn run(&self, args: &[&str]) -> Result<Vec<u8>> {
        self.feed(args, b"").await
    }

    /// As [`Git::run`], for text; blanks at the end are cut.
    ///
    /// # Errors
    /// As [`Git::run`], and `Unexpected` for what is not UTF-8.
    pub async fn text(&self, args: &[&str]) -> Result<String> {
        let text = String::from_utf8(self.run(args).await?);
        let mut text = text.map_err(|e| unexpected("the output is not UTF-8").with_source(e))?;
        text.truncate(text.trim_end().len());
        Ok(text)
    }

    /// As [`Git::run`], with `input` on standard input.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub async fn feed(&self, args: &[&str], input: &[u8]) -> Result<Vec<u8>> {
        let output = self.output(args, input).await?;
        if output.success {
            return Ok(output.stdout);
        }
        let words: Vec<char> = output.stderr.trim().chars().collect();
        let words: String = words[words.len().saturating_sub(400)..].iter().collect();
        Err(unexpected(format!("git {} failed: {words}", args.first().unwrap_or(&""))))
    }

    /// Runs `git ARGS` with `input` on standard input, and returns what it prints, also when it fails.
    ///
    /// # Errors
    /// `Unavailable` when git is missing or takes too long, `TooLarge` when it prints too much.
    pub async fn output(&self, args: &[&str], input: &[u8]) -> Result<Output> {
        let mut command = self.command(args);
        let child = command.spawn().map_err(|e| {
            let what = if e.kind() == std::io::ErrorKind::NotFound {
                "git is missing; install it"
            } else {
                "git cannot be started"
            };
            Error::new(ErrorKind::Unavailable, OPERATION, what).with_source(e)
        })?;
        let mut group = Group(child);
        let work = async {
            let (stdin, stdout, stderr) =
                (group.0.stdin.take(), group.0.stdout.take(), group.0.stderr.take());
            let write = async {
                if let Some(mut stdin) = stdin {
                    // Git may end without reading everything; its exit code tells.
                    let _ = stdin.write_all(input).await;
                }
                Ok(())
            };
            let ((), stdout, stderr) =
                tokio::try_join!(write, read(stdout, self.output_bytes), read(stderr, 1 << 20))?;
            let status = group.0.wait().await.map_err(untalkable)?;
            let stderr = String::from_utf8_lossy(&stderr).into_owned();
            Ok(Output { success: status.success(), stdout, stderr })
        };
        tokio::time::timeout(self.deadline, work)
            .await
            .map_err(|_| Error::new(ErrorKind::Unavailable, OPERATION, "git takes too long"))?
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        command.envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "false"),
            ("GIT_SSH_COMMAND", "false"),
            ("GIT_EDITOR", "false"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_PROTOCOL_FROM_USER", "0"),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
            ("LC_ALL", "C"),
        ]);
        command.env("GIT_ALLOW_PROTOCOL", self.protocols.join(":"));
        if let Some(parent) = self.folder.parent() {
            // Nothing above the folder is taken for its repository.
            command.env("GIT_CEILING_DIRECTORIES", parent);
        }
        command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        for (number, (name, value)) in self.settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(["--no-pager", "--literal-pathspecs"]);
        if let Some(git_dir) = &self.git_dir {
            command.arg(option("--git-dir=", git_dir)).arg(option("--work-tree=", &self.folder));
        }
        command.args(args).current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).process_group(0);
        command
    }
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}

/// Git and the helpers that it starts; dropping it ends them.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Its number is its own until it has been waited for.
        let pid = self.0.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Reads to the end, which must come before there are more than `most` bytes.
async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most as u64 + 1).read_to_end(&mut bytes).await.map_err(untalkable)?;
    }
    if bytes.len() > most {
        return Err(Error::new(ErrorKind::TooLarge, OPERATION, format!("git prints more than {most} bytes")));
    }
    Ok(bytes)
}

fn untalkable(error: std::io::Error) -> Error {
    unexpected("git cannot be talked to").with_source(error)
}

fn unexpected(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unexpected, OPERATION, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn repository(folder: &Path) -> Git {
        let git = Git::new(folder).setting("user.name", "Test").setting("user.email", "test@example.com");
        git.run(&["init", "--quiet"]).await.unwrap();
        std::fs::write(folder.join("a.txt"), "one\n").unwrap();
        git.run(&["add", "-A"]).await.unwrap();
        git.run(&["commit", "--quiet", "-m", "first"]).await.unwrap();
        git
    }

    #[tokio::test]
    async fn hooks_and_file_monitors_of_a_repository_do_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let git = repository(folder.path()).await;
        let canary = folder.path().join("canary");
        let script = format!("#!/bin/sh\ntouch {}\n", canary.display());
        let hook = folder.path().join(".git/hooks/pre-commit");
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        git.run(&["config", "core.fsmonitor", hook.to_str().unwrap()]).await.unwrap();
        std::fs::write(folder.path().join("a.txt"), "two\n").unwrap();
        git.run(&["status"]).await.unwrap();
        git.run(&["commit", "--quiet", "-a", "-m", "second"]).await.unwrap();
        assert!(!canary.exists());
        assert_eq!(git.text(&["log", "--format=%s"]).await.unwrap(), "second\nfirst");
        // The hook is one that runs where nothing forbids it.
        let plain = std::process::Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "commit",
                "--allow-empty",
                "-qm",
                "x",
            ])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(plain.status.success() && canary.exists());
    }

    #[tokio::test]
    async fn protocols_work_only_when_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        std::fs::create_dir_all(&from).unwrap();
        repository(&from).await;
        let args = ["clone", "--quiet", "--no-local", "--", from.to_str().unwrap(), to.to_str().unwrap()];
        let refused = Git::new(folder.path()).output(&args, b"").await.unwrap();
        assert!(!refused.success && refused.stderr.contains("not allowed"), "{}", refused.stderr);
        let other = Git::new(folder.path()).allow("https").run(&args).await;
        assert!(other.is_err());
        Git::new(folder.path()).allow("file").run(&args).await.unwrap();
        assert!(to.join("a.txt").exists());
        let ext = ["clone", "--quiet", "--", "ext::sh -c touch% canary", "x"];
        assert!(Git::new(folder.path()).allow("file").run(&ext).await.is_err());
        assert!(!folder.path().join("canary").exists());
    }

    #[tokio::test]
    async fn repository_above_the_folder_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        repository(folder.path()).await;
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        assert!(Git::new(&inner).run(&["status"]).await.is_err());
    }

    #[tokio::test]
    async fn too_much_output_and_too_long_a_run_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let git = repository(folder.path()).await;
        let error = git.clone().output_bytes(10).run(&["log"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let slow = git.deadline(Duration::from_millis(300));
        let error = slow.run(&["-c", "alias.nap=!sleep 60", "nap"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(!format!("{:?}", slow.setting("http.extraHeader", "swordfish")).contains("swordfish"));
    }
}
