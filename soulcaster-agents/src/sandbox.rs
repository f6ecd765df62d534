//! Shuts programs in, and stops them when they use too much.
//!
//! [`Sandbox::find`] looks for bubblewrap and proves by a trial that it works. A program that runs in a [`Cell`] sees
//! the system read-only, the compilers and interpreters of `PATH`, its own home, `/tmp` and the work folder at
//! [`WORK`], and no network but the broker's. Nothing else of the machine is in sight.
//!
//! The budget is held from outside, by a thread of its own that looks at `/proc` and the folders several times a second;
//! whatever it cannot measure ends the run. Over the budget, and when the future is dropped, the first process of the
//! cell's PID namespace is killed, and the kernel ends every other with it, whatever they did to get away.

mod cell;
mod cgroup;
mod lines;
mod realm;
mod scratch;
mod supervisor;
#[cfg(test)]
mod tests;
mod toolchains;
mod weight;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use soulcaster_core::port::agent::{Budget, Isolation, StopReason};
use soulcaster_core::{Error, ErrorKind, Result};

use cgroup::Cgroup;
use lines::Line;
use scratch::Scratch;
pub(crate) use scratch::remove;
use supervisor::{Limits, Supervisor};
use toolchains::Toolchains;

#[cfg(feature = "docker")]
pub(crate) use cell::{bare_prelude, usual};
pub(crate) use toolchains::{in_system, which};
#[cfg(feature = "docker")]
pub(crate) use weight::weigh;

/// Where the work folder is inside a confined cell.
pub const WORK: &str = "/checkout";

/// The home folder inside a confined cell.
pub const HOME: &str = "/home/agent";

/// The port of the broker inside a confined cell, on the loopback address.
pub const BROKER_PORT: u16 = 8797;

const OPERATION: &str = "sandbox.run";

/// Which of its two outputs a program wrote a line to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a program may see and use.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The folder it works in and may change.
    pub work: PathBuf,
    /// Files and folders that it may read, at the same path as outside.
    pub read_only: Vec<PathBuf>,
    /// Variables of its environment besides the usual ones, which they replace.
    pub env: Vec<(String, String)>,
    /// A unix socket that is reached at [`BROKER_PORT`] from a confined cell; needs `socat`.
    pub broker: Option<PathBuf>,
    /// The most it may use; tokens, money and diff do not count here.
    pub budget: Budget,
    /// The weakest that it may be shut in; the run is refused below.
    pub least: Isolation,
}

impl Cell {
    /// A cell of at least [`Isolation::Confined`] around `work`, with the usual budget.
    #[must_use]
    pub fn new(work: impl Into<PathBuf>) -> Self {
        Self {
            work: work.into(),
            read_only: Vec::new(),
            env: Vec::new(),
            broker: None,
            budget: Budget::default(),
            least: Isolation::Confined,
        }
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, 128 and the signal when a signal ended it; absent when it was stopped.
    pub exit_code: Option<i32>,
    /// What it used too much of.
    pub stopped: Option<StopReason>,
    /// How long it ran.
    pub took: Duration,
    /// Bytes that it wrote, as far as they were counted.
    pub output_bytes: u64,
}

/// Runs programs, shut in as well as this machine can.
///
/// ```no_run
/// # async fn example() -> soulcaster_core::Result<()> {
/// use soulcaster_agents::sandbox::{Cell, Sandbox};
/// let cell = Cell::new("/tmp/checkout");
/// let ended = Sandbox::find().run(&cell, &["cargo", "test"], &mut |_, line| println!("{line}")).await?;
/// assert_eq!(ended.exit_code, Some(0));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sandbox(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    Confined(Confinement),
    Open {
        /// Why there is nothing better.
        reason: String,
    },
}

/// What is needed to confine.
#[derive(Debug)]
struct Confinement {
    bwrap: PathBuf,
    /// Whether this bubblewrap can forbid further user namespaces.
    disable_userns: bool,
    socat: Option<PathBuf>,
    toolchains: Toolchains,
}

impl Sandbox {
    /// Looks for bubblewrap and for toolchains on `PATH`, and tries them. Where they do not work the level is
    /// [`Isolation::None`], and [`Sandbox::run`] says why when it refuses. Blocks for some milliseconds.
    #[must_use]
    pub fn find() -> Self {
        Self(Arc::new(match Confinement::find() {
            Ok(confinement) => Kind::Confined(confinement),
            Err(reason) => Kind::Open { reason },
        }))
    }

    /// A sandbox that confines nothing, for programs that are trusted: an environment and a home of their own, the
    /// budget, and an end to every process that kept its environment.
    #[must_use]
    pub fn open() -> Self {
        Self(Arc::new(Kind::Open { reason: "confinement is switched off".to_owned() }))
    }

    /// How well programs are shut in.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        match *self.0 {
            Kind::Confined(_) => Isolation::Confined,
            Kind::Open { .. } => Isolation::None,
        }
    }

    /// Says why nothing is confined; nothing when it is.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        match &*self.0 {
            Kind::Confined(_) => None,
            Kind::Open { reason } => Some(reason),
        }
    }

    /// The work folder as a program in the cell sees it.
    #[must_use]
    pub fn work<'a>(&self, cell: &'a Cell) -> &'a Path {
        if self.isolation() == Isolation::None { &cell.work } else { Path::new(WORK) }
    }

    /// Runs `argv` in the work folder until it ends or has used too much, and hands each line that it writes to
    /// `on_line` (at most 256 KiB of it). Standard input is empty. When it returns, every process is gone; so it is
    /// after the future is dropped.
    ///
    /// A program that cannot be found ends with code 127, as in a shell.
    ///
    /// # Errors
    /// `Invalid` for an empty `argv` and where nothing is at `work`; `Unavailable` when this machine cannot confine as
    /// well as the cell demands, has no `socat` for a broker, or the cell cannot be set up.
    pub async fn run(
        &self,
        cell: &Cell,
        argv: &[impl AsRef<str> + Sync],
        on_line: &mut (dyn FnMut(Stream, &str) + Send),
    ) -> Result<Ended> {
        if self.isolation() < cell.least {
            let reason = self.trouble().unwrap_or("it is not a machine of its own");
            return Err(unavailable(format!(
                "this must be shut in at least at the level {:?}, and is not: {reason}",
                cell.least
            )));
        }
        let argv: Vec<&str> = argv.iter().map(AsRef::as_ref).collect();
        if argv.first().is_none_or(|program| program.is_empty()) || argv.iter().any(|a| a.contains('\0')) {
            return Err(Error::invalid(OPERATION, "no command to run"));
        }
        if !cell.work.is_dir() {
            return Err(Error::invalid(OPERATION, "the work folder is not there"));
        }
        let scratch = Scratch::make()?;
        let group = Cgroup::make(supervisor::tasks(cell.budget.processes));
        let command = match &*self.0 {
            Kind::Confined(confinement) => {
                confinement.command(cell, &scratch, group.as_ref(), &argv, true)?
            }
            Kind::Open { .. } => cell::open_command(cell, &scratch, group.as_ref(), &argv),
        };
        let confined = self.isolation() == Isolation::Confined;
        let limits = Limits::of(cell);
        // When this future is dropped the lines go first, so that nobody waits for them to be taken.
        let (mut supervisor, mut lines) = Supervisor::start(command, confined, limits, scratch, group)?;
        // Bubblewrap says on its error output why it could not start.
        let mut last_words = String::new();
        while let Some(Line { stream, text }) = lines.recv().await {
            if stream == Stream::Err && text.starts_with("bwrap: ") {
                last_words.clone_from(&text);
            }
            on_line(stream, &text);
        }
        let finish = supervisor.finish().await?;
        if !finish.began && finish.ended.stopped.is_none() {
            let why = if last_words.is_empty() { "it ended at once" } else { &last_words };
            return Err(unavailable(format!("the cell could not be set up: {why}")));
        }
        Ok(finish.ended)
    }
}

impl Confinement {
    fn find() -> Result<Self, String> {
        let bwrap = which("bwrap")
            .ok_or("bubblewrap is missing; install it (Debian and Ubuntu: apt install bubblewrap)")?;
        let help = Command::new(&bwrap).arg("--help").stdin(Stdio::null()).output();
        let help = help.map_err(|e| format!("bubblewrap cannot be started: {e}"))?;
        let help = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).into_owned();
        let found = Self {
            bwrap,
            disable_userns: help.contains("--disable-userns"),
            socat: which("socat"),
            toolchains: Toolchains::find(),
        };
        found.try_it()?;
        Ok(found)
    }

    /// Runs a program that succeeds, in a cell like those to come.
    fn try_it(&self) -> Result<(), String> {
        let trial = || {
            let scratch = Scratch::make()?;
            let cell = Cell::new(scratch.path("tmp"));
            let mut command = self.command(&cell, &scratch, None, &["true"], false)?;
            command.output().map_err(|e| unavailable(e.to_string()))
        };
        let output = trial().map_err(|e| format!("bubblewrap cannot be tried: {}", e.message()))?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let words: String = words.trim().chars().take(300).collect();
        Err(format!(
            "bubblewrap does not work here ({words}); it needs user namespaces (sysctl user.max_user_namespaces, \
             kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
        ))
    }
}

fn unavailable(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unavailable, OPERATION, message)
}
