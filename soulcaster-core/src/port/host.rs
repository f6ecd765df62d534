//! Code hosts: where repositories are cloned from and pull requests go to.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// A clean clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Its folder.
    pub path: PathBuf,
    /// The branch that it is the tip of.
    pub base: String,
    /// The commit, 40 hexadecimal digits.
    pub commit: String,
}

/// A checked patch on its way to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// `owner/name`.
    pub repository: String,
    /// The branch to make, `triage/<job id>`.
    pub branch: String,
    /// The branch to merge into.
    pub base: String,
    /// The commit that the patch is for.
    pub commit: String,
    /// Title of the pull request and of the commit.
    pub title: String,
    /// Its text, Markdown.
    pub body: String,
    /// The unified diff.
    pub patch: String,
}

/// A draft pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PullRequest {
    /// Where to read it.
    pub url: String,
    /// Its number.
    pub number: u64,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PullRequestState {
    /// Nobody has decided.
    Open,
    /// It was merged.
    Merged,
    /// It was closed without being merged.
    Closed,
}

/// Clones repositories and publishes checked patches; the only holder of a write token.
///
/// # Contract
/// - `checkout` runs nothing of the repository: no hook, filter, submodule or file monitor; symbolic links stay files.
/// - `publish` makes a branch and a **draft** pull request from a clean clone of its own, never from a folder that an
///   agent had. It writes no other branch than the one named, which begins with `triage/`, and never forces a push.
/// - `publish` is idempotent by branch: a second call finds the branch and the pull request of the first.
/// - `NotFound` for a repository or branch that is not there or may not be seen, `Unauthorized` for a bad token.
#[async_trait]
pub trait CodeHost: Send + Sync {
    /// Clones `repository` (`owner/name`) into the new folder `into`, at the tip of `base` or of the default branch.
    async fn checkout(&self, repository: &str, base: Option<&str>, into: &Path) -> Result<Checkout>;

    /// Makes the branch and a draft pull request.
    async fn publish(&self, publication: &Publication) -> Result<PullRequest>;

    /// What became of pull request `number`.
    async fn state(&self, repository: &str, number: u64) -> Result<PullRequestState>;
}
