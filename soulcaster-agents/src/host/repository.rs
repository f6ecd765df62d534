//! Clones to work in, and commits made without files.

use std::collections::BTreeSet;
use std::path::Path;

use soulcaster_core::engine::patch::Patch;
use soulcaster_core::port::host::{Checkout, Publication};
use soulcaster_core::{Error, ErrorKind, Result};

use super::Identity;
use crate::git::{Git, Output};

/// Where a repository is, and how git may get there.
pub(super) struct Remote {
    /// The address; never with a credential in it.
    pub(super) url: String,
    /// The protocol that may be used for it.
    pub(super) protocol: &'static str,
    /// Settings for git that hold the credential.
    pub(super) settings: Vec<(String, String)>,
}

impl Remote {
    pub(super) fn git(&self, folder: &Path) -> Git {
        let git = Git::new(folder).allow(self.protocol).setting("http.followRedirects", "false");
        self.settings.iter().fold(git, |git, (name, value)| git.setting(name, value))
    }

    /// Clones the tip of `base`, or of the default branch, into the new folder `into`.
    pub(super) async fn checkout(&self, base: Option<&str>, into: &Path) -> Result<Checkout> {
        const OPERATION: &str = "host.checkout";
        let parent = into.parent().filter(|parent| parent.is_dir());
        let name = into.file_name().and_then(|name| name.to_str());
        let (Some(parent), Some(name), false) = (parent, name, into.exists()) else {
            return Err(Error::invalid(
                OPERATION,
                "the folder for the checkout is there already or has no parent",
            ));
        };
        if let Some(base) = base
            && !super::is_ref(base)
        {
            return Err(Error::invalid(OPERATION, "the base is no name of a branch"));
        }
        let mut args =
            vec!["clone", "--quiet", "--no-local", "--no-recurse-submodules", "--no-tags", "--depth=1"];
        args.extend(["--single-branch", "--config", "core.symlinks=false", "--template="]);
        if let Some(base) = base {
            args.extend(["--branch", base]);
        }
        args.extend(["--", &self.url, name]);
        let output = self.git(parent).output(&args, b"").await?;
        if !output.success {
            return Err(fault(OPERATION, &output));
        }
        let git = Git::new(into);
        let commit = git.text(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).await;
        let commit = commit.map_err(|_| Error::not_found(OPERATION, "the repository has no commit yet"))?;
        let base = git.text(&["symbolic-ref", "--short", "HEAD"]).await?;
        // Whoever works here needs no address to send things to.
        git.run(&["remote", "remove", "origin"]).await?;
        Ok(Checkout { path: into.to_path_buf(), base, commit })
    }

    /// Makes the commit of a publication in the empty repository `folder`, and returns it. The same publication is
    /// the same commit whenever it is made.
    pub(super) async fn commit(
        &self,
        folder: &Path,
        publication: &Publication,
        identity: &Identity,
    ) -> Result<String> {
        const OPERATION: &str = "host.publish";
        let patch = Patch::parse(&publication.patch)?;
        if patch.files.is_empty() {
            return Err(Error::invalid(OPERATION, "the patch is empty"));
        }
        let git = self.git(folder);
        git.run(&["init", "--quiet", "--template="]).await?;
        let commit = publication.commit.as_str();
        let fetch = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--depth=1",
            "--no-recurse-submodules",
            "--",
            &self.url,
            commit,
        ];
        let output = git.output(&fetch, b"").await?;
        if !output.success {
            return Err(fault(OPERATION, &output));
        }
        git.run(&["read-tree", commit]).await?;
        let applied = git
            .output(&["apply", "--cached", "--whitespace=nowarn", "-"], publication.patch.as_bytes())
            .await?;
        if !applied.success {
            return Err(Error::invalid(OPERATION, "the patch does not apply to the commit it is for"));
        }
        let changed =
            git.run(&["diff-index", "--cached", "--no-renames", "--name-only", "-z", commit]).await?;
        let changed: BTreeSet<&[u8]> =
            changed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
        let named: BTreeSet<&[u8]> =
            patch.files.iter().flat_map(|file| file.paths()).map(str::as_bytes).collect();
        if changed.is_empty() || !changed.is_subset(&named) {
            return Err(Error::invalid(OPERATION, "the patch changes nothing, or what it does not name"));
        }
        let tree = git.text(&["write-tree"]).await?;
        // By plumbing alone: what shows commits to people reads settings that the repository brings.
        let header = git.run(&["cat-file", "commit", commit]).await?;
        let date = committed(&header).ok_or_else(|| Error::invalid(OPERATION, "the commit has no date"))?;
        let date = format!("@{date} +0000");
        let git =
            [("AUTHOR", &identity.name, &identity.email), ("COMMITTER", &identity.name, &identity.email)]
                .into_iter()
                .fold(git, |git, (who, name, email)| {
                    git.env(format!("GIT_{who}_NAME"), name)
                        .env(format!("GIT_{who}_EMAIL"), email)
                        .env(format!("GIT_{who}_DATE"), &date)
                });
        let message = format!("{}\n", publication.title.trim());
        let made = git.feed(&["commit-tree", &tree, "-p", commit, "-F", "-"], message.as_bytes()).await?;
        let made = String::from_utf8_lossy(&made).trim().to_owned();
        if super::is_commit(&made) {
            return Ok(made);
        }
        Err(Error::new(ErrorKind::Unexpected, OPERATION, "git names no commit"))
    }

    /// The commit that a branch is at.
    pub(super) async fn tip(&self, folder: &Path, branch: &str) -> Result<Option<String>> {
        let name = format!("refs/heads/{branch}");
        let output = self.git(folder).output(&["ls-remote", "--quiet", "--", &self.url, &name], b"").await?;
        if !output.success {
            return Err(fault("host.publish", &output));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines.find(|(_, found)| *found == name).map(|(commit, _)| commit.to_owned()))
    }

    /// Makes the branch at `commit`, unless it is there; never moves it.
    ///
    /// `Conflict` if the branch is at another commit.
    pub(super) async fn push(&self, folder: &Path, commit: &str, branch: &str) -> Result<()> {
        const OPERATION: &str = "host.publish";
        let other = || Error::conflict(OPERATION, format!("{branch} is there already, at another commit"));
        match self.tip(folder, branch).await? {
            Some(tip) if tip == commit => return Ok(()),
            Some(_) => return Err(other()),
            None => {}
        }
        // The lease says that the branch must not be there: nobody's work is moved.
        let (to, lease) =
            (format!("{commit}:refs/heads/{branch}"), format!("--force-with-lease=refs/heads/{branch}:"));
        let args = ["push", "--quiet", "--no-follow-tags", "--no-signed", &lease, "--", &self.url, &to];
        let output = self.git(folder).output(&args, b"").await?;
        if output.success {
            return Ok(());
        }
        match self.tip(folder, branch).await? {
            Some(tip) if tip == commit => Ok(()),
            Some(_) => Err(other()),
            None => Err(fault(OPERATION, &output)),
        }
    }
}

/// The second in which a commit was made.
fn committed(header: &[u8]) -> Option<u64> {
    let header = String::from_utf8_lossy(header);
    let line =
        header.lines().take_while(|line| !line.is_empty()).find(|line| line.starts_with("committer "))?;
    line.rsplit(' ').nth(1)?.parse().ok()
}

/// What git's complaint means; it is not repeated, for it may hold what a stranger's server says.
pub(super) fn fault(operation: &'static str, output: &Output) -> Error {
    let said = output.stderr.to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| said.contains(sign));
    if says(&[
        "authentication failed",
        "could not read username",
        "could not read password",
        "error: 401",
        "invalid credentials",
    ]) {
        Error::new(ErrorKind::Unauthorized, operation, "the code host does not take the token")
    } else if says(&["error: 403", "permission to", "not allowed to push", "write access"]) {
        Error::new(ErrorKind::Unauthorized, operation, "the token may not do this")
    } else if says(&["remote rejected", "hook declined", "rule violations"]) {
        Error::invalid(operation, "a rule of the repository refuses the branch")
    } else if says(&["remote branch", "couldn't find remote ref", "not our ref", "no such ref"]) {
        Error::not_found(operation, "the branch or commit is not there")
    } else if says(&["not found", "does not exist", "does not appear to be a git repository", "error: 404"]) {
        Error::not_found(operation, "the repository is not there or may not be seen")
    } else if says(&["error: 429", "rate limit"]) {
        Error::new(ErrorKind::RateLimited, operation, "the code host wants to be left alone for a while")
    } else if says(&[
        "could not resolve",
        "failed to connect",
        "connection",
        "timed out",
        "error: 5",
        "early eof",
        "hung up",
    ]) {
        Error::new(ErrorKind::Unavailable, operation, "the code host does not answer")
    } else {
        Error::new(ErrorKind::Unexpected, operation, "git failed at the code host")
    }
}
