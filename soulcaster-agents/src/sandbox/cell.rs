//! The command lines that make cells.

use std::path::Path;
use std::process::{Command, Stdio};

use soulcaster_core::Result;
use soulcaster_core::port::agent::Budget;

use super::cgroup::Cgroup;
use super::scratch::Scratch;
use super::supervisor::{MARKER, tasks};
use super::toolchains::SYSTEM;
use super::{BROKER_PORT, Cell, Confinement, HOME, WORK, unavailable};

/// Files and folders of `/etc` that programs need and that hold no secret.
const ETC: [&str; 20] = [
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "ssl/certs",
    "ssl/openssl.cnf",
    "ca-certificates",
    "ca-certificates.conf",
    "pki/tls/certs",
    "pki/ca-trust",
    "crypto-policies",
    "localtime",
    "timezone",
    "os-release",
    "debian_version",
    "mime.types",
    "services",
    "protocols",
    "maven",
    "python3",
];

/// What of `/proc` root may write without any capability, or what tells more than it should.
const PROC: [&str; 10] =
    ["sys", "sysrq-trigger", "irq", "bus", "mtrr", "acpi", "scsi", "fs", "asound", "driver"];

/// Runs inside the cell before the program: `$1` is the gate that opens once it is watched, `$2` and `$3` are limits, `$4` is the port of the
/// broker and `$5` the same as the kernel writes it. When memory runs out the kernel ends these processes first, and who watches them goes before them.
const PRELUDE: &str = r#"
gate=$1 blocks=$2 tasks=$3 port=$4 listening=$5
shift 5
{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
ulimit -c 0 2>/dev/null
ulimit -f "$blocks" 2>/dev/null
if [ "$tasks" != 0 ]; then
  ulimit -u "$tasks" 2>/dev/null || ulimit -p "$tasks" 2>/dev/null
fi
if [ -n "$gate" ]; then
  read -r _ <"$gate"
fi
if [ -n "$port" ]; then
  socat -t 30 "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr,backlog=64" UNIX-CONNECT:/run/broker.sock \
    >/dev/null 2>&1 &
  turns=0
  until grep -q "$listening" /proc/net/tcp; do
    turns=$((turns + 1))
    if [ "$turns" -gt 600 ]; then
      echo "the way to the broker does not open" >&2
      exit 125
    fi
    sleep 0.05
  done
fi
exec nice -n 10 "$@"
"#;

impl Confinement {
    /// The command that runs `argv` in a confined cell.
    /// `watched`, it waits until the gate is opened.
    pub(super) fn command(
        &self,
        cell: &Cell,
        scratch: &Scratch,
        group: Option<&Cgroup>,
        argv: &[&str],
        watched: bool,
    ) -> Result<Command> {
        let mut command = joining(group, &self.bwrap);
        command.env_clear().stdin(Stdio::null()).current_dir("/");
        command.args(["--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000"]);
        if self.disable_userns {
            command.arg("--disable-userns");
        }
        command.args(["--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]);
        command.args(["--hostname", "soulcaster"]);
        let mut bind = |how: &str, from: &Path, to: &Path| {
            command.arg(how).arg(from).arg(to);
        };
        for folder in SYSTEM.map(Path::new) {
            match folder.read_link() {
                Ok(target) => bind("--symlink", &target, folder),
                Err(_) => bind("--ro-bind-try", folder, folder),
            }
        }
        for name in ETC {
            let path = Path::new("/etc").join(name);
            bind("--ro-bind-try", &path, &path);
        }
        for name in ["passwd", "group", "hosts", "nsswitch.conf"] {
            bind("--ro-bind", &scratch.path("etc").join(name), &Path::new("/etc").join(name));
        }
        command.args(["--proc", "/proc"]);
        let mut bind = |how: &str, from: &Path, to: &Path| {
            command.arg(how).arg(from).arg(to);
        };
        for name in PROC {
            let path = Path::new("/proc").join(name);
            bind("--ro-bind-try", &path, &path);
        }
        command.args(["--dev", "/dev"]);
        let mut bind = |how: &str, from: &Path, to: &str| {
            command.arg(how).arg(from).arg(to);
        };
        // All that can be written lies on disk, where it is counted: no tmpfs takes memory unseen.
        bind("--bind", &scratch.path("shm"), "/dev/shm");
        bind("--bind", &scratch.path("tmp"), "/tmp");
        bind("--bind", &scratch.path("run"), "/run");
        bind("--bind", &scratch.path("home"), HOME);
        if let Some(registry) = &self.toolchains.registry {
            bind("--ro-bind", registry, &format!("{HOME}/.cargo/registry"));
        }
        if let Some(socket) = &cell.broker {
            if self.socat.is_none() {
                return Err(unavailable(
                    "socat is missing; install it (Debian and Ubuntu: apt install socat)",
                ));
            }
            bind("--ro-bind", socket, "/run/broker.sock");
        }
        bind("--bind", &cell.work, WORK);
        // These may lie in a folder that is replaced above.
        for folder in self.toolchains.folders.iter().chain(&cell.read_only) {
            command.arg("--ro-bind").arg(folder).arg(folder);
        }
        command.args(["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]);
        for (name, value) in self.environment(cell) {
            command.args(["--setenv", &name, &value]);
        }
        let port = if cell.broker.is_some() { BROKER_PORT.to_string() } else { String::new() };
        let tasks = tasks(cell.budget.processes).to_string();
        let gate = if watched { "/run/gate" } else { "" };
        command.args(prelude(&cell.budget, gate, &tasks, &port)).args(argv);
        Ok(command)
    }

    fn environment(&self, cell: &Cell) -> Vec<(String, String)> {
        let mut env = usual(HOME, "/tmp", &self.toolchains.path);
        let mut add = |name: &str, value: &str| env.push((name.to_owned(), value.to_owned()));
        add("CARGO_HOME", &format!("{HOME}/.cargo"));
        add("CARGO_NET_OFFLINE", "true");
        if let Some(rustup) = self.toolchains.rustup.as_deref().and_then(Path::to_str) {
            add("RUSTUP_HOME", rustup);
        }
        env.extend(cell.env.iter().cloned());
        env
    }
}

/// `program`, which begins as a member of `group`.
fn joining(group: Option<&Cgroup>, program: &Path) -> Command {
    let Some(group) = group else { return Command::new(program) };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"echo $$ >"$0" && exec "$@""#]).arg(group.door()).arg(program);
    command
}

/// The command that runs `argv` with an environment and a home of its own, and otherwise sees everything.
pub(super) fn open_command(cell: &Cell, scratch: &Scratch, group: Option<&Cgroup>, argv: &[&str]) -> Command {
    use std::os::unix::process::CommandExt;
    let text = |name: &str| scratch.path(name).to_string_lossy().into_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = joining(group, Path::new("/bin/sh"));
    command.args(&prelude(&cell.budget, &text("run/gate"), "0", "")[1..]);
    command.args(argv).current_dir(&cell.work).stdin(Stdio::null()).process_group(0);
    command.env_clear().envs(usual(&text("home"), &text("tmp"), &path));
    for variable in ["RUSTUP_HOME", "CARGO_HOME", "PYENV_ROOT"] {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        } else if let Some(home) = std::env::var_os("HOME") {
            let usual = Path::new(&home).join(format!(".{}", variable[..5].to_lowercase()));
            command.env(variable, usual);
        }
    }
    command.envs(cell.env.iter().cloned());
    command
}

#[cfg(feature = "docker")]
/// What a program is run through that is shut in by something else, and that reaches its broker at the socket
/// `/run/broker.sock` if it has one.
pub(crate) fn bare_prelude(budget: &Budget, broker: bool) -> Vec<String> {
    let port = if broker { BROKER_PORT.to_string() } else { String::new() };
    prelude(budget, "", "0", &port)
}

fn prelude(budget: &Budget, gate: &str, tasks: &str, port: &str) -> Vec<String> {
    let blocks = (budget.disk_bytes / 512).max(1).to_string();
    let listening = format!(":{BROKER_PORT:04X} 00000000:0000 0A");
    ["/bin/sh", "-c", PRELUDE, "sh", gate, &blocks, tasks, port, &listening].map(str::to_owned).to_vec()
}

/// The environment of every program.
pub(crate) fn usual(home: &str, temporary: &str, path: &str) -> Vec<(String, String)> {
    [
        ("PATH", path.to_owned()),
        ("HOME", home.to_owned()),
        ("USER", "agent".to_owned()),
        ("LOGNAME", "agent".to_owned()),
        ("SHELL", "/bin/sh".to_owned()),
        ("TMPDIR", temporary.to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TERM", "dumb".to_owned()),
        ("NO_COLOR", "1".to_owned()),
        ("CI", "true".to_owned()),
        ("XDG_CONFIG_HOME", format!("{home}/.config")),
        ("XDG_CACHE_HOME", format!("{home}/.cache")),
        ("XDG_DATA_HOME", format!("{home}/.local/share")),
        ("XDG_STATE_HOME", format!("{home}/.local/state")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Marks the environment of what belongs to a run.
pub(super) fn mark(command: &mut Command, marker: &str) {
    command.env(MARKER, marker);
}
