//! Starts a run, watches it from a thread of its own, and ends it.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions};
use soulcaster_core::port::agent::StopReason;
use soulcaster_core::{Error, Result};
use tokio::sync::{mpsc as lines, oneshot};

use super::cgroup::Cgroup;
use super::lines::{Line, Meter};
use super::realm::Realm;
use super::scratch::Scratch;
use super::{Cell, Ended, Stream, cell, unavailable};

/// The variable that marks what belongs to a run.
pub(super) const MARKER: &str = "SOULCASTER_CELL";

/// How often it is looked at what the run uses.
const TICK: Duration = Duration::from_millis(100);

/// Folders are weighed no less often, however much is in them.
const SELDOMEST: Duration = Duration::from_millis(1500);

/// How long it may take until the cell is made and found in `/proc`.
const SETUP: Duration = Duration::from_secs(60);

/// How long the kernel may take to end what was killed.
const DYING: Duration = Duration::from_secs(10);

/// Lines that wait to be taken.
const QUEUE: usize = 32;

/// What is said to the thread that watches.
pub(super) enum Message {
    /// Nobody wants the result any more.
    Stop,
    /// More was written than may be.
    Flood,
    /// An output has ended.
    Silent,
}

/// What the thread holds the run to.
pub(super) struct Limits {
    wall: Duration,
    output: u64,
    processes: usize,
    threads: u64,
    memory: u64,
    disk: u64,
    work: std::path::PathBuf,
}

impl Limits {
    pub(super) fn of(cell: &Cell) -> Self {
        Self {
            wall: cell.budget.wall(),
            output: cell.budget.output_bytes,
            processes: cell.budget.processes,
            threads: tasks(cell.budget.processes),
            memory: cell.budget.memory_bytes,
            disk: cell.budget.disk_bytes,
            work: cell.work.clone(),
        }
    }
}

/// Threads that so many processes may have together.
pub(super) fn tasks(processes: usize) -> u64 {
    (processes as u64).saturating_mul(16).max(256)
}

/// How a run came to its end.
pub(super) struct Finish {
    pub(super) ended: Ended,
    /// Whether the program itself was reached.
    pub(super) began: bool,
}

/// A run. Dropping it ends every process and returns when they are gone.
pub(super) struct Supervisor {
    messages: mpsc::Sender<Message>,
    result: oneshot::Receiver<Result<Finish>>,
    /// Closed by the thread when all is done.
    done: mpsc::Receiver<()>,
}

impl Supervisor {
    /// Starts `command`. It is started by the thread that watches it, for the death of the thread that started it
    /// would end it.
    pub(super) fn start(
        mut command: Command,
        confined: bool,
        limits: Limits,
        scratch: Scratch,
        group: Option<Cgroup>,
    ) -> Result<(Self, lines::Receiver<Line>)> {
        let (messages, inbox) = mpsc::channel();
        let (result_sender, result) = oneshot::channel();
        let (done_sender, done) = mpsc::channel::<()>();
        let (line_sender, line_receiver) = lines::channel(QUEUE);
        let outbox = messages.clone();
        let run = move || {
            let finish = watch(
                &mut command,
                confined,
                &limits,
                &scratch,
                group.as_ref(),
                (line_sender, outbox),
                &inbox,
            );
            drop(group);
            drop(scratch);
            // Whoever waited may have gone.
            let _ = result_sender.send(finish);
            drop(done_sender);
        };
        thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(run)
            .map_err(|e| unavailable("no thread can be started").with_source(e))?;
        Ok((Self { messages, result, done }, line_receiver))
    }

    /// Waits for the end.
    pub(super) async fn finish(&mut self) -> Result<Finish> {
        let gone = |_| unavailable("the thread that watched the run is gone");
        (&mut self.result).await.map_err(gone)?
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // Both fail once the thread has ended, which is what is wanted.
        let _ = self.messages.send(Message::Stop);
        let _ = self.done.recv_timeout(2 * DYING);
    }
}

fn watch(
    command: &mut Command,
    confined: bool,
    limits: &Limits,
    scratch: &Scratch,
    group: Option<&Cgroup>,
    (lines, outbox): (lines::Sender<Line>, mpsc::Sender<Message>),
    inbox: &mpsc::Receiver<Message>,
) -> Result<Finish> {
    let trouble = |what: &str| {
        let what = what.to_owned();
        move |e: std::io::Error| unavailable(what).with_source(e)
    };
    // The name of the folder is like no other.
    let marker = scratch.root().to_string_lossy().into_owned();
    cell::mark(command, &marker);
    let started = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(trouble("the program that makes the cell cannot be started"))?;
    let mut realm = match Realm::new(&marker, child.id(), confined) {
        Ok(realm) => realm,
        Err(e) => {
            let _ = child.kill();
            let _ = child.wait();
            return Err(unavailable("processes cannot be watched: /proc is not there").with_source(e));
        }
    };
    let written = Arc::new(AtomicU64::new(0));
    let meter = Meter { written: written.clone(), ceiling: limits.output };
    let readers = [
        child
            .stdout
            .take()
            .map(|out| super::lines::read(Stream::Out, out, meter.clone(), lines.clone(), outbox.clone())),
        child.stderr.take().map(|err| super::lines::read(Stream::Err, err, meter, lines, outbox)),
    ];
    let readers: std::io::Result<Vec<_>> = readers.into_iter().flatten().collect();
    let watched = match &readers {
        Ok(_) => {
            let mut watch = Watch { child: &child, realm: &mut realm, limits, scratch, group, started };
            watch.until_begin(inbox).and_then(|began| {
                let stopped = if began { watch.until_end(inbox)? } else { None };
                Ok((began, stopped))
            })
        }
        Err(e) => Err(unavailable(format!("no thread can be started: {e}"))),
    };
    // Whatever happened, nothing stays alive.
    end(&mut child, &mut realm)?;
    let status = child.wait().map_err(trouble("the run cannot be waited for"))?;
    for reader in readers.into_iter().flatten() {
        // It reads to the end of a pipe that nobody holds any more.
        let _ = reader.join();
    }
    let (began, mut stopped) = watched?;
    let over = |ceiling| !matches!(folders(limits, scratch, ceiling), Ok(bytes) if bytes <= ceiling);
    if stopped.is_none() && written.load(Ordering::Relaxed) > limits.output {
        stopped = Some(StopReason::Output);
    }
    if stopped.is_none() && over(limits.disk) {
        stopped = Some(StopReason::Disk);
    }
    Ok(Finish {
        began,
        ended: Ended {
            exit_code: if stopped.is_some() { None } else { Some(code(status)) },
            stopped,
            took: started.elapsed(),
            output_bytes: written.load(Ordering::Relaxed),
        },
    })
}

/// Kills until nothing is left alive.
fn end(child: &mut Child, realm: &mut Realm) -> Result<()> {
    let begun = Instant::now();
    // Should `/proc` fail: this one takes the whole cell with it.
    let first = child.kill();
    loop {
        if realm.kill().map_err(unwatched)? {
            return Ok(());
        }
        if begun.elapsed() > DYING {
            let error = unavailable("processes that were killed do not end");
            return Err(match first {
                Ok(()) => error,
                Err(e) => error.with_source(e),
            });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn unwatched(error: impl Into<std::io::Error>) -> Error {
    unavailable("processes cannot be watched").with_source(error.into())
}

/// Whether the process has ended. It is not taken leave of yet, so that its number stays its own.
fn has_ended(child: &Child) -> Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = Pid::from_child(child);
    Ok(rustix::process::waitid(WaitId::Pid(pid), options).map_err(unwatched)?.is_some())
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

struct Watch<'a> {
    child: &'a Child,
    realm: &'a mut Realm,
    limits: &'a Limits,
    scratch: &'a Scratch,
    group: Option<&'a Cgroup>,
    started: Instant,
}

impl Watch<'_> {
    /// Waits until the cell stands and its processes are found, and lets the program begin. Says whether it has.
    fn until_begin(&mut self, inbox: &mpsc::Receiver<Message>) -> Result<bool> {
        while !has_ended(self.child)? {
            self.realm.members(usize::MAX).map_err(unwatched)?;
            if self.realm.is_found() && self.scratch.open_gate().map_err(unwatched)? {
                return Ok(true);
            }
            if self.started.elapsed() > SETUP {
                return Err(unavailable("the cell does not come to be, or is not to be seen in /proc"));
            }
            if matches!(inbox.recv_timeout(Duration::from_millis(3)), Ok(Message::Stop)) {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Returns when the program has ended, with what it used too much of.
    fn until_end(&mut self, inbox: &mpsc::Receiver<Message>) -> Result<Option<StopReason>> {
        let mut talking = 2;
        let mut weigh_at = Instant::now() + TICK;
        let mut look_at = Instant::now();
        loop {
            if has_ended(self.child)? {
                return Ok(None);
            }
            let left = self.limits.wall.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return Ok(Some(StopReason::WallClock));
            }
            // Once both outputs have ended, so has the program, usually.
            let tick = if talking == 0 { TICK / 20 } else { TICK };
            match inbox.recv_timeout(tick.min(left)) {
                Ok(Message::Stop) => return Ok(Some(StopReason::Cancelled)),
                Ok(Message::Flood) => return Ok(Some(StopReason::Output)),
                Ok(Message::Silent) => talking -= 1,
                Err(_) => {}
            }
            if Instant::now() < look_at {
                continue;
            }
            look_at = Instant::now() + TICK / 2;
            let weigh = Instant::now() >= weigh_at;
            let before = Instant::now();
            if let Some(reason) = self.look(weigh).map_err(unwatched)? {
                return Ok(Some(reason));
            }
            if weigh {
                weigh_at = Instant::now() + (before.elapsed() * 10).clamp(2 * TICK, SELDOMEST);
            }
        }
    }

    fn look(&mut self, weigh: bool) -> std::io::Result<Option<StopReason>> {
        if self.group.is_some_and(Cgroup::is_full) {
            return Ok(Some(StopReason::Processes));
        }
        // The two that make the cell come on top.
        let members = self.realm.members(self.limits.processes.saturating_add(2))?;
        let mut load = self.realm.load(&members, false);
        let mut disk = 0;
        if weigh {
            let (memory, nameless) = self.realm.nameless(&members);
            load.memory += memory;
            disk = nameless;
        }
        if load.memory > self.limits.memory {
            load = self.realm.load(&members, true);
            load.memory += self.realm.nameless(&members).0;
        }
        Ok(if load.processes > self.limits.processes || load.threads > self.limits.threads {
            Some(StopReason::Processes)
        } else if load.memory > self.limits.memory {
            Some(StopReason::Memory)
        } else if weigh {
            match folders(self.limits, self.scratch, self.limits.disk) {
                Ok(bytes) if bytes + disk <= self.limits.disk => None,
                // What cannot be weighed may be anything.
                _ => Some(StopReason::Disk),
            }
        } else {
            None
        })
    }
}

fn folders(limits: &Limits, scratch: &Scratch, ceiling: u64) -> std::io::Result<u64> {
    super::weight::weigh(&[limits.work.clone(), scratch.root().to_path_buf()], ceiling)
}
