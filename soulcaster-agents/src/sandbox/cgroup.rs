//! A control group that holds how many tasks a cell may have, where this process may make one.
//!
//! For a program of an ordinary user the kernel counts by user (`ulimit -u`). It never does so for root's, whatever
//! namespace they are in: a fork bomb would fill the machine before anybody looks. So root makes a control group.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A group of its own, removed when dropped.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

/// Tells groups of this process apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Cgroup {
    /// Makes a group with room for so many tasks (processes and threads); nothing where that is not to be had.
    pub(super) fn make(tasks: u64) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let name = format!("soulcaster-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        parents(&mounts, &own).into_iter().find_map(|parent| {
            let folder = parent.join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Self(folder);
            // Of the second version a group has the controller only where its parent hands it down.
            fs::write(group.0.join("pids.max"), tasks.to_string()).ok()?;
            Some(group)
        })
    }

    /// The file that a process writes its number to in order to join.
    pub(super) fn door(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }

    /// Whether a task was refused for want of room.
    pub(super) fn is_full(&self) -> bool {
        let events = fs::read_to_string(self.0.join("pids.events")).unwrap_or_default();
        events.lines().any(|line| line.strip_prefix("max ").is_some_and(|count| count != "0"))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // It is empty by now; otherwise it stays, and holds nobody but its own.
        let _ = fs::remove_dir(&self.0);
    }
}

/// The groups that a new one may be made in: where this process is in the hierarchies that count tasks.
fn parents(mounts: &str, own: &str) -> Vec<PathBuf> {
    let place = |controller: &str| {
        own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (names, path) = (parts.next()?, parts.next()?);
            names.split(',').any(|name| name == controller).then(|| path.trim_start_matches('/').to_owned())
        })
    };
    let mut found = Vec::new();
    for line in mounts.lines() {
        // `36 35 0:29 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids`
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let Some(mount) = before.split(' ').nth(4) else { continue };
        let mut after = after.split(' ');
        let (kind, options) = (after.next().unwrap_or_default(), after.nth(1).unwrap_or_default());
        let controller = match kind {
            "cgroup" if options.split(',').any(|option| option == "pids") => "pids",
            "cgroup2" => "",
            _ => continue,
        };
        if let Some(place) = place(controller) {
            found.push(Path::new(mount).join(place));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_made_where_this_process_is() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      36 30 0:29 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n\
                      37 30 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      38 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = "8:pids:/a/b\n4:memory:/c\n0::/d\n";
        let expected = [Path::new("/sys/fs/cgroup/pids/a/b"), Path::new("/sys/fs/cgroup/unified/d")];
        assert_eq!(parents(mounts, own), expected);
        assert!(parents("", own).is_empty());
    }
}
