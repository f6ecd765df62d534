//! Repositories in folders, and pull requests as files beside them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use soulcaster_core::port::host::{Checkout, CodeHost, Publication, PullRequest, PullRequestState};
use soulcaster_core::{Error, ErrorKind, Result};

use super::repository::{Remote, fault};
use super::{Identity, check, parts};
use crate::git::Git;

/// Bare repositories under a folder, `<folder>/<owner>/<name>.git`; a pull request is a Markdown file in
/// `<folder>/<owner>/<name>.pulls` whose head says its state. Needs no network.
///
/// Somebody closes or merges a pull request by writing `state: closed` or `state: merged` into the file, or by merging
/// its branch. Hooks of the repositories do not run.
///
/// ```no_run
/// # async fn example() -> soulcaster_core::Result<()> {
/// use soulcaster_agents::host::LocalHost;
/// use soulcaster_core::port::host::CodeHost;
/// let host = LocalHost::new("/srv/git");
/// let checkout = host.checkout("acme/shop", None, "/tmp/shop".as_ref()).await?;
/// println!("{} at {}", checkout.base, checkout.commit);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LocalHost {
    folder: PathBuf,
    identity: Identity,
}

impl LocalHost {
    /// A host of the repositories under `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        // Git works in folders of its own, where a relative path leads elsewhere.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Self { folder, identity: Identity::default() }
    }

    /// Says who commits.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// The bare repository, if it is there.
    fn bare(&self, repository: &str) -> Result<PathBuf> {
        let (owner, name) = parts(repository)?;
        let bare = self.folder.join(owner).join(format!("{name}.git"));
        if bare.join("HEAD").is_file() {
            return Ok(bare);
        }
        Err(Error::not_found("host.repository", format!("no repository {repository}")))
    }

    fn remote(&self, repository: &str) -> Result<Remote> {
        let bare = std::path::absolute(self.bare(repository)?).map_err(|e| unreadable(e, "the folder"))?;
        let url = bare
            .to_str()
            .ok_or_else(|| Error::invalid("host.repository", "the folder's name is not UTF-8"))?;
        Ok(Remote { url: url.to_owned(), protocol: "file", settings: Vec::new() })
    }

    fn pulls(&self, repository: &str) -> Result<PathBuf> {
        Ok(self.bare(repository)?.with_extension("pulls"))
    }

    fn git(&self, repository: &str) -> Result<Git> {
        let bare = self.bare(repository)?;
        Ok(Git::new(&bare).git_dir(&bare).allow("file"))
    }
}

/// The head of a pull request's file.
struct Head {
    branch: String,
    base: String,
    commit: String,
    state: String,
}

impl Head {
    fn read(text: &str) -> Option<Self> {
        let (head, _) = text.strip_prefix("---\n")?.split_once("\n---\n")?;
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            let mut values = lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned());
            values.next()
        };
        Some(Self {
            branch: field("branch")?,
            base: field("base")?,
            commit: field("commit")?,
            state: field("state")?,
        })
    }
}

fn unreadable(error: std::io::Error, what: &str) -> Error {
    let kind = if error.kind() == std::io::ErrorKind::StorageFull {
        ErrorKind::Full
    } else {
        ErrorKind::Unavailable
    };
    Error::new(kind, "host.local", format!("{what} cannot be read or written")).with_source(error)
}

/// Numbers and texts of the pull requests in a folder, in order.
fn files(pulls: &Path) -> Result<Vec<(u64, String)>> {
    let entries = match std::fs::read_dir(pulls) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(unreadable(e, "the folder of pull requests")),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(e, "the folder of pull requests"))?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".md")?.parse().ok());
        if let Some(number) = number {
            found
                .push((number, std::fs::read_to_string(&path).map_err(|e| unreadable(e, "a pull request"))?));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn link(path: &Path) -> Result<String> {
    let whole = path.canonicalize().map_err(|e| unreadable(e, "a pull request"))?;
    Ok(format!("file://{}", whole.display()))
}

fn name(pulls: &Path, number: u64) -> PathBuf {
    pulls.join(format!("{number:04}.md"))
}

#[async_trait]
impl CodeHost for LocalHost {
    async fn checkout(&self, repository: &str, base: Option<&str>, into: &Path) -> Result<Checkout> {
        self.remote(repository)?.checkout(base, into).await
    }

    async fn publish(&self, publication: &Publication) -> Result<PullRequest> {
        check(publication)?;
        let remote = self.remote(&publication.repository)?;
        let pulls = self.pulls(&publication.repository)?;
        let git = self.git(&publication.repository)?;
        let found = files(&pulls)?;
        let of_branch = |(_, text): &&(u64, String)| {
            Head::read(text).is_some_and(|head| head.branch == publication.branch)
        };
        if let Some((number, _)) = found.iter().find(of_branch) {
            return Ok(PullRequest { url: link(&name(&pulls, *number))?, number: *number });
        }
        let base = format!("refs/heads/{}", publication.base);
        if !git.output(&["rev-parse", "--verify", "--quiet", &base], b"").await?.success {
            return Err(Error::not_found("host.publish", format!("no branch {}", publication.base)));
        }
        let scratch = tempfile::tempdir().map_err(|e| unreadable(e, "a temporary folder"))?;
        let commit = remote.commit(scratch.path(), publication, &self.identity).await?;
        // Taken from here and not pushed: a push would run the hooks of the repository.
        match remote.tip(scratch.path(), &publication.branch).await? {
            Some(tip) if tip == commit => {}
            Some(_) => {
                return Err(Error::conflict(
                    "host.publish",
                    format!("{} is there already, at another commit", publication.branch),
                ));
            }
            None => {
                let from = scratch.path().to_str().unwrap_or_default();
                let to = format!("{commit}:refs/heads/{}", publication.branch);
                let fetch = [
                    "fetch",
                    "--quiet",
                    "--no-tags",
                    "--no-write-fetch-head",
                    "--no-recurse-submodules",
                    "--",
                    from,
                    &to,
                ];
                let output = git.output(&fetch, b"").await?;
                if !output.success {
                    return Err(fault("host.publish", &output));
                }
            }
        }
        let stat = git.text(&["diff-tree", "-r", "--stat=100", &publication.commit, &commit]).await?;
        std::fs::create_dir_all(&pulls).map_err(|e| unreadable(e, "the folder of pull requests"))?;
        let mut number = found.last().map_or(1, |(number, _)| number + 1);
        loop {
            let path = name(&pulls, number);
            let text = page(publication, number, &commit, &stat);
            match write_new(&path, &text) {
                Ok(()) => return Ok(PullRequest { url: link(&path)?, number }),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(unreadable(e, "a pull request")),
            }
        }
    }

    async fn state(&self, repository: &str, number: u64) -> Result<PullRequestState> {
        let text = match std::fs::read_to_string(name(&self.pulls(repository)?, number)) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::not_found(
                    "host.state",
                    format!("no pull request {number} in {repository}"),
                ));
            }
            Err(e) => return Err(unreadable(e, "a pull request")),
        };
        let head =
            Head::read(&text).filter(|head| super::is_commit(&head.commit) && super::is_ref(&head.base));
        let head = head.ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                "host.state",
                format!("the head of pull request {number} cannot be read"),
            )
        })?;
        match head.state.as_str() {
            "merged" => return Ok(PullRequestState::Merged),
            "closed" => return Ok(PullRequestState::Closed),
            _ => {}
        }
        let base = format!("refs/heads/{}", head.base);
        let git = self.git(repository)?;
        let within = git.output(&["merge-base", "--is-ancestor", &head.commit, &base], b"").await?;
        Ok(if within.success { PullRequestState::Merged } else { PullRequestState::Open })
    }
}

/// Writes a file that was not there, whole and durable.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

fn page(publication: &Publication, number: u64, commit: &str, stat: &str) -> String {
    let Publication { branch, base, title, body, commit: before, .. } = publication;
    // A fence that the names in it cannot close.
    let stat = stat.replace("```", "'''");
    format!(
        "---\nnumber: {number}\nbranch: {branch}\nbase: {base}\nbefore: {before}\ncommit: {commit}\nstate: open\ndraft: true\n---\n\
         # {}\n\n{}\n\n## Changes\n\n```\n{stat}\n```\n",
        title.trim(),
        body.trim()
    )
}

#[cfg(test)]
mod tests;
