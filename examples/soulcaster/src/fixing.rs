//! Working on fixes: claims one, keeps its lease, stops when that is lost.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use soulcaster_core::flow::Hands;
use soulcaster_core::id::digest;
use soulcaster_core::model::AgentJob;
use soulcaster_core::{Error, ErrorKind, ProjectId, Result, Soulcaster};

use crate::secret;

/// Between two looks at whether the fix is still wanted, at which its lease is renewed.
const LOOK: Duration = Duration::from_secs(2);

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

/// Claims a fix and works on it until it ends, is cancelled, or is given back, which happens too when `stop` comes to
/// pass. Nothing when somebody else works on it.
pub(crate) async fn work(
    soulcaster: &Soulcaster,
    hands: &Hands,
    project: &ProjectId,
    id: &str,
    stop: impl Future<Output = ()>,
) -> Result<Option<AgentJob>> {
    let holder = holder()?;
    let Some(job) = soulcaster.claim_fix(project, id, &holder, &is_gone, now()).await? else {
        return Ok(None);
    };
    let token = job.tokens;
    let folder = Scratch::make(id)?;
    let ended = tokio::select! {
        ended = soulcaster.work_on_fix(job, hands, folder.path(), &now) => ended,
        lost = keep(soulcaster, project, id, token) => Err(lost),
        () = stop => return soulcaster.release_fix(project, id, token).await,
    };
    match ended {
        Ok(job) => Ok(Some(job)),
        // The work is dropped, and with it the agent.
        Err(error) => match soulcaster.end_cancelled_fix(project, id, token, now()).await? {
            Some(job) => Ok(Some(job)),
            None => Err(error),
        },
    }
}

/// A name for whoever works in this process: where it runs, its number and start, and something that is like no other.
fn holder() -> Result<String> {
    let pid = std::process::id();
    let random = digest(&[&secret::random()?], 8);
    Ok(format!("{}:{pid}:{}:{random}", place().unwrap_or_default(), started(pid).unwrap_or_default()))
}

/// Whether a holder is known to have died: it was a process of this machine that is not there any more.
pub(crate) fn is_gone(holder: &str) -> bool {
    let mut parts = holder.split(':');
    let (there, pid, start) = (parts.next(), parts.next(), parts.next());
    let (Some(pid), Some(start)) = (pid.and_then(|pid| pid.parse().ok()), start) else { return false };
    place().is_some_and(|here| there == Some(&here)) && started(pid).as_deref() != Some(start)
}

/// Names the run of this machine and the namespace in which its processes are numbered, where the system tells.
fn place() -> Option<String> {
    let boot = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(digest(&[&boot, namespace.as_os_str().as_encoded_bytes()], 10))
}

/// When a process began, in the system's own measure.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything; the start is the twentieth field after it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

/// Renews the lease until it is lost.
async fn keep(soulcaster: &Soulcaster, project: &ProjectId, id: &str, token: u64) -> Error {
    let mut failures = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        match soulcaster.renew_fix(project, id, token, now()).await {
            Ok(()) => failures = 0,
            // A busy disk is no reason to stop an agent; the lease outlives a few failures.
            Err(error) if error.kind() == ErrorKind::Unavailable && failures < 10 => failures += 1,
            Err(error) => return error,
        }
    }
}

/// An empty folder that is gone when this is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn make(job: &str) -> Result<Self> {
        let name = format!("soulcaster-{job}-{}", digest(&[&secret::random()?], 8));
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|e| {
            let message = format!("{} cannot be made; TMPDIR names another place", path.display());
            Error::new(ErrorKind::Unavailable, "fixes.folder", message).with_source(e)
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_holder_is_gone_when_its_process_is() {
        let own = holder().unwrap();
        assert!(!is_gone(&own));
        if place().is_none() {
            return;
        }
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let other = format!("{}:{}:{}:x", place().unwrap(), child.id(), started(child.id()).unwrap());
        assert!(!is_gone(&other));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&other));
        // Another process with the same number, another machine, and what nobody wrote.
        let reused = format!("{}:{}:1:x", place().unwrap(), std::process::id());
        assert!(is_gone(&reused));
        assert!(!is_gone(&format!("elsewhere:{}:1:x", std::process::id())));
        assert!(!is_gone("nonsense"));
    }
}
