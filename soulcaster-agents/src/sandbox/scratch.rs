//! Folders that live as long as a run.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use rustix::io::Errno;
use soulcaster_core::Result;

use super::unavailable;

/// A new folder with a home, a `/tmp`, a `/run` with the gate that programs wait at, and the few files of `/etc` that must not be the machine's own.
/// It is removed when it is dropped, whatever is in it by then.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn make() -> Result<Self> {
        let make = || {
            let folder = tempfile::Builder::new().prefix("soulcaster-").tempdir()?;
            for name in ["home", "tmp", "shm", "run", "etc"] {
                std::fs::create_dir(folder.path().join(name))?;
            }
            let etc = folder.path().join("etc");
            std::fs::write(
                etc.join("passwd"),
                "root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
            )?;
            std::fs::write(etc.join("group"), "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n")?;
            std::fs::write(etc.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
            std::fs::write(etc.join("nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files\n")?;
            let gate = folder.path().join("run/gate");
            mknodat(CWD, gate, FileType::Fifo, Mode::RWXU, 0)?;
            std::io::Result::Ok(folder.keep())
        };
        make().map(Self).map_err(|e| unavailable("no folder can be made for the run").with_source(e))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Lets the program begin that waits inside the cell. Says whether it has come so far as to wait.
    pub(super) fn open_gate(&self) -> std::io::Result<bool> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        match OpenOptions::new().write(true).custom_flags(flags).open(self.path("run/gate")) {
            Ok(mut gate) => gate.write_all(b"\n").map(|()| true),
            Err(e) if e.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => Ok(false),
            Err(e) => Err(e),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes a folder that an agent had: it may be too deep to walk by recursion and closed to its owner.
pub(crate) fn remove(folder: &Path) {
    if std::fs::remove_dir_all(folder).is_ok() {
        return;
    }
    for (program, first) in [("chmod", &["-R", "u+rwX"][..]), ("rm", &["-rf"])] {
        let mut command = Command::new(program);
        command.args(first).arg("--").arg(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Nothing more can be done about what stays.
        let _ = command.status();
    }
}
