//! The processes of a run, as `/proc` shows them.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

use super::supervisor::MARKER;

/// A process.
pub(super) struct Member {
    pid: i32,
    parent: i32,
    zombie: bool,
    threads: u64,
    resident: u64,
}

/// What processes take together.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Load {
    pub(super) processes: usize,
    pub(super) threads: u64,
    pub(super) memory: u64,
}

/// Knows which processes belong to a run: those of its PID namespace, and those whose environment has its marker.
pub(super) struct Realm {
    marker: Vec<u8>,
    /// The process that was started.
    first: i32,
    confined: bool,
    own: OsString,
    /// The PID namespace of the cell and the first process in it, once there is one.
    namespace: Option<(OsString, i32)>,
    page: u64,
}

impl Realm {
    pub(super) fn new(marker: &str, first: u32, confined: bool) -> io::Result<Self> {
        Ok(Self {
            marker: format!("{MARKER}={marker}").into_bytes(),
            first: i32::try_from(first).map_err(io::Error::other)?,
            confined,
            own: namespace("self")?,
            namespace: None,
            page: rustix::param::page_size() as u64,
        })
    }

    /// Whether it is known which processes belong to the run.
    pub(super) fn is_found(&self) -> bool {
        !self.confined || self.namespace.is_some()
    }

    /// Finds the processes of the run; no further ones once there are more than `most`, for to find them all while they
    /// multiply may take for ever.
    pub(super) fn members(&mut self, most: usize) -> io::Result<Vec<Member>> {
        let mut members = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            if self.has(pid)
                && let Some(member) = member(pid, self.page)
            {
                members.push(member);
                if members.len() > most {
                    break;
                }
            }
        }
        Ok(members)
    }

    fn has(&mut self, pid: i32) -> bool {
        if pid == self.first {
            return true;
        }
        if !self.confined {
            return self.is_marked(pid);
        }
        let Ok(namespace) = namespace(&pid.to_string()) else { return false };
        if namespace == self.own {
            return false;
        }
        if self.namespace.is_none() && self.is_marked(pid) {
            self.namespace = Some((namespace.clone(), pid));
        }
        self.namespace.as_ref().is_some_and(|(known, _)| *known == namespace)
    }

    fn is_marked(&self, pid: i32) -> bool {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == self.marker))
    }

    /// What `members` take; `exact` counts shared memory once, which takes longer.
    pub(super) fn load(&self, members: &[Member], exact: bool) -> Load {
        // Those that make and watch the cell are not the program's.
        let inside = |m: &&Member| !self.confined || (m.pid != self.first && m.parent != self.first);
        let mut load = Load::default();
        for member in members.iter().filter(inside) {
            load.processes += 1;
            load.threads += member.threads;
            let proportional = exact.then(|| proportional(member.pid)).flatten();
            load.memory += proportional.unwrap_or(member.resident);
        }
        load
    }

    /// Bytes in files that have no name any more: in memory (`memfd`), and on disk.
    pub(super) fn nameless(&self, members: &[Member]) -> (u64, u64) {
        let mut seen = HashSet::new();
        let (mut memory, mut disk) = (0, 0);
        for member in members {
            let Ok(descriptors) = fs::read_dir(format!("/proc/{}/fd", member.pid)) else { continue };
            for path in descriptors.flatten().map(|entry| entry.path()) {
                let Ok(target) = fs::read_link(&path) else { continue };
                let target = target.as_os_str().as_encoded_bytes();
                if !target.ends_with(b" (deleted)") {
                    continue;
                }
                let Ok(data) = fs::metadata(&path) else { continue };
                if seen.insert((data.dev(), data.ino())) {
                    let bytes = data.blocks() * 512;
                    *(if target.starts_with(b"/memfd:") { &mut memory } else { &mut disk }) += bytes;
                }
            }
        }
        (memory, disk)
    }

    /// Kills every process of the run. Says whether none was left to kill.
    pub(super) fn kill(&mut self) -> io::Result<bool> {
        // What was killed may have ended meanwhile.
        let kill = |pid: i32| Pid::from_raw(pid).map(|pid| rustix::process::kill_process(pid, Signal::KILL));
        if let Some((known, first)) = &self.namespace {
            // It takes all others with it, and nothing begins any more.
            if namespace(&first.to_string()).is_ok_and(|namespace| namespace == *known) {
                kill(*first);
            }
        } else if let Some(group) = Pid::from_raw(self.first).filter(|_| !self.confined) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let mut members = self.members(usize::MAX)?;
        members.retain(|member| !member.zombie);
        for member in &members {
            kill(member.pid);
        }
        Ok(members.is_empty())
    }
}

fn namespace(pid: &str) -> io::Result<OsString> {
    fs::read_link(Path::new("/proc").join(pid).join("ns/pid")).map(PathBuf::into_os_string)
}

/// Reads `/proc/PID/stat`; nothing once the process is gone.
fn member(pid: i32, page: u64) -> Option<Member> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything, brackets too.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 2..)?).ok()?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Member {
        pid,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        threads: fields.get(17)?.parse().ok()?,
        resident: fields.get(21)?.parse::<u64>().ok()?.saturating_mul(page),
    })
}

/// The proportional set size, in bytes.
fn proportional(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}
