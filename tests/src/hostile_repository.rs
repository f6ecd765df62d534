//! Repositories that want to run something on the machine that looks at them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use async_trait::async_trait;
use soulcaster_agents::host::LocalHost;
use soulcaster_agents::sandbox::Sandbox;
use soulcaster_agents::workshop::LocalWorkshop;
use soulcaster_core::Result;
use soulcaster_core::model::brief::Clues;
use soulcaster_core::model::{TestCommand, TestDialect};
use soulcaster_core::port::agent::{AgentEvent, Budget, Transcript};
use soulcaster_core::port::host::{CodeHost, Publication};
use soulcaster_core::port::workshop::{TestTask, Workshop};

struct Silent;

#[async_trait]
impl Transcript for Silent {
    async fn append(&self, _: Vec<AgentEvent>) -> Result<()> {
        Ok(())
    }
}

struct Trap {
    folder: tempfile::TempDir,
    commit: String,
}

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]).args(args).current_dir(folder);
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Trap {
    /// A repository in which everything that can be set a trap with is one; each would make the canary.
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut trap = Self { folder, commit: String::new() };
        let (work, canary) = (trap.path("work"), trap.path("canary"));
        std::fs::create_dir_all(&work).unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        let touch = format!("#!/bin/sh\ntouch {}\ncat\n", canary.display());
        let write = |name: &str, text: &str| {
            let path = work.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        for name in [".githooks/post-checkout", ".husky/post-checkout", "hooks/post-checkout", "evil.sh"] {
            write(name, &touch);
        }
        write("src/cart.py", "def total():\n    return 10\n");
        write(".gitattributes", "* filter=evil diff=evil merge=evil textconv=evil\n*.bin filter=lfs\n");
        write(
            ".gitconfig",
            &format!("[core]\n\tfsmonitor = {}/evil.sh\n\thooksPath = .githooks\n", work.display()),
        );
        write(".lfsconfig", "[lfs]\n\turl = https://attacker.invalid/lfs\n");
        write("large.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        let ext = format!("ext::sh -c touch% {}", canary.display());
        write(
            ".gitmodules",
            &format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {ext}\n\tupdate = !{}\n", "touch x"),
        );
        write("conftest.py", &format!("open({:?}, 'w')\n", canary.display().to_string()));
        git(&work, &["add", "-A"]);
        let (outside, hash) = (trap.path("outside"), "1".repeat(40));
        std::fs::create_dir_all(&outside).unwrap();
        let blob = |text: &str| {
            std::fs::write(trap.path("blob"), text).unwrap();
            git(&work, &["hash-object", "-w", trap.path("blob").to_str().unwrap()])
        };
        let link = format!("120000,{},link", blob(outside.to_str().unwrap()));
        git(&work, &["update-index", "--add", "--cacheinfo", &link]);
        let hooks = format!("120000,{},tohooks", blob(".git/hooks"));
        git(&work, &["update-index", "--add", "--cacheinfo", &hooks]);
        git(&work, &["update-index", "--add", "--cacheinfo", &format!("160000,{hash},sub")]);
        git(&work, &["commit", "-q", "-m", "first"]);
        trap.commit = git(&work, &["rev-parse", "HEAD"]);
        std::fs::create_dir_all(trap.path("srv/o")).unwrap();
        git(&trap.path("srv/o"), &["clone", "-q", "--bare", work.to_str().unwrap(), "r.git"]);
        trap.arm(&trap.path("srv/o/r.git"));
        trap
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets hooks and settings of a repository.
    fn arm(&self, git_dir: &Path) {
        let script = self.path("evil.sh");
        std::fs::write(&script, format!("#!/bin/sh\ntouch {}\ncat\n", self.path("canary").display()))
            .unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir_all(git_dir.join("hooks")).unwrap();
        for hook in [
            "post-checkout",
            "post-index-change",
            "post-merge",
            "pre-receive",
            "update",
            "post-receive",
            "post-update",
            "reference-transaction",
            "pre-commit",
            "post-commit",
            "fsmonitor-watchman",
            "pre-auto-gc",
            "applypatch-msg",
        ] {
            std::fs::copy(&script, git_dir.join("hooks").join(hook)).unwrap();
        }
        for name in [
            "core.fsmonitor",
            "core.sshCommand",
            "core.editor",
            "core.pager",
            "core.askPass",
            "core.alternateRefsCommand",
            "filter.evil.smudge",
            "filter.evil.clean",
            "filter.evil.process",
            "diff.evil.command",
            "diff.evil.textconv",
            "merge.evil.driver",
            "diff.external",
            "credential.helper",
            "uploadpack.packObjectsHook",
            "gpg.program",
            "filter.lfs.smudge",
            "filter.lfs.process",
        ] {
            git(git_dir, &["--git-dir", ".", "config", name, script.to_str().unwrap()]);
        }
        git(
            git_dir,
            &["--git-dir", ".", "config", "core.hooksPath", git_dir.join("hooks").to_str().unwrap()],
        );
    }

    #[track_caller]
    fn untouched(&self, after: &str) {
        assert!(!self.path("canary").exists(), "{after} ran something of the repository");
        let outside = std::fs::read_dir(self.path("outside")).unwrap().count();
        assert_eq!(outside, 0, "{after} wrote through a link");
    }
}

const PATCH: &str = "diff --git a/src/cart.py b/src/cart.py\n--- a/src/cart.py\n+++ b/src/cart.py\n@@ -1,2 +1,2 @@\n \
    def total():\n-    return 10\n+    return 9\n";

#[tokio::test]
async fn a_hostile_repository_runs_nothing_on_the_machine() {
    let trap = Trap::set();
    let host = LocalHost::new(trap.path("srv"));
    let into = trap.path("checkout");
    let checkout = host.checkout("o/r", None, &into).await.unwrap();
    trap.untouched("checkout");
    assert_eq!(checkout.commit, trap.commit);
    for link in ["link", "tohooks"] {
        assert!(into.join(link).symlink_metadata().unwrap().is_file(), "{link} is a link");
    }
    assert!(!into.join("sub/.git").exists());

    // As if whoever had the checkout before had set the same traps in it.
    trap.arm(&into.join(".git"));
    let workshop = LocalWorkshop::new(Sandbox::find());
    let clues = Clues { paths: vec!["src/cart.py".into()], symbols: vec!["total".into()], messages: vec![] };
    let found = workshop.search(&into, &clues, 5).await.unwrap();
    assert_eq!(found[0].path, "src/cart.py");
    trap.untouched("search");
    workshop.detect(&into).await.unwrap();
    trap.untouched("detect");
    assert!(workshop.read(&into, &trap.commit, "src/cart.py").await.unwrap().is_some());
    trap.untouched("read");

    let publication = Publication {
        repository: "o/r".into(),
        branch: "triage/job-1".into(),
        base: "main".into(),
        commit: trap.commit.clone(),
        title: "Take the rebate off".into(),
        body: String::new(),
        patch: PATCH.into(),
    };
    host.publish(&publication).await.unwrap();
    trap.untouched("publish");
    assert!(host.state("o/r", 1).await.is_ok());
    trap.untouched("state");
    for repository in
        ["ext::sh -c touch% canary", "../../o/r", "-u./evil.sh/r", "o/r --upload-pack=./evil.sh"]
    {
        assert!(host.checkout(repository, None, &trap.path("never")).await.is_err(), "{repository}");
    }
    trap.untouched("a name that is a command");

    // The traps are good ones: git without precautions runs into one.
    std::fs::write(into.join("src/cart.py"), "changed\n").unwrap();
    let _ = Command::new("git").args(["status"]).current_dir(&into).output().unwrap();
    assert!(trap.path("canary").exists(), "the traps catch nobody");
}

#[tokio::test]
async fn tests_of_a_hostile_repository_run_shut_in() {
    let trap = Trap::set();
    let sandbox = Sandbox::find();
    if let Some(trouble) = sandbox.trouble() {
        assert!(std::env::var_os("CI").is_none(), "nothing can be confined: {trouble}");
        eprintln!("SKIPPED: {trouble}");
        return;
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = LocalHost::new(trap.path("srv"));
    let into = trap.path("checkout");
    host.checkout("o/r", None, &into).await.unwrap();
    let script = format!(
        "touch {canary} {outside}/x; sh ./evil.sh </dev/null; cat /etc/shadow {canary}; git status
         bash -c 'echo hello >/dev/tcp/127.0.0.1/{port}' || echo no network; cat src/cart.py; echo done",
        canary = trap.path("canary").display(),
        outside = trap.path("outside").display(),
    );
    let argv = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let command = TestCommand { argv, dialect: TestDialect::ExitCode, folder: None };
    let budget = Budget { wall_seconds: 60, ..Budget::default() };
    let task = TestTask {
        checkout: &into,
        commit: &trap.commit,
        patches: vec![PATCH],
        command: &command,
        budget: &budget,
    };
    let run = LocalWorkshop::new(sandbox).test(&task, &Silent).await.unwrap();
    assert!(run.output.contains("return 9") && run.output.ends_with("done\n"), "{}", run.output);
    assert!(run.output.contains("no network") && !run.output.contains("root:"), "{}", run.output);
    assert!(listener.accept().is_err());
    trap.untouched("a run of tests");
}

#[tokio::test]
async fn trees_that_would_write_into_the_git_folder_are_not_checked_out() {
    for name in [".GIT", "git~1", ".git ", ".gi\u{200c}t"] {
        let trap = Trap::set();
        let bare = trap.path("srv/o/r.git");
        let plain = |args: &[&str], input: &str| {
            let mut command = Command::new("git");
            command.args(args).current_dir(&bare).env("GIT_DIR", ".").env("GIT_CONFIG_GLOBAL", "/dev/null");
            let mut child = command
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
            String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
        };
        let blob = plain(&["hash-object", "-w", "--stdin", "--no-filters"], "#!/bin/sh\ntouch canary\n");
        let hooks = plain(&["mktree"], &format!("100755 blob {blob}\tpost-checkout\n"));
        let inner = plain(&["mktree"], &format!("040000 tree {hooks}\thooks\n"));
        let tree = plain(&["mktree"], &format!("040000 tree {inner}\t{name}\n"));
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "commit-tree", "-m", "x", &tree];
        let commit = plain(&who, "");
        assert_eq!(commit.len(), 40, "{name}");
        std::fs::write(bare.join("refs/heads/evil"), format!("{commit}\n")).unwrap();
        let _ = std::fs::remove_file(trap.path("canary"));
        let into = trap.path("checkout");
        let done = LocalHost::new(trap.path("srv")).checkout("o/r", Some("evil"), &into).await;
        assert!(done.is_err(), "{name:?} is checked out");
        trap.untouched(name);
    }
}
