//! The files of a commit, with diffs applied, without a work tree.

use std::path::{Path, PathBuf};

use soulcaster_core::{Error, ErrorKind, Result};
use tempfile::TempDir;

use super::scratch;
use crate::git::Git;

/// No file that is read is larger.
const LARGEST: usize = 1 << 20;

/// An index of its own over the objects of a checkout. Settings, attributes and hooks of the checkout do not count.
pub(super) struct Tree {
    git: Git,
    commit: String,
    /// Holds the repository.
    _folder: TempDir,
}

impl Tree {
    pub(super) async fn of(checkout: &Path, commit: &str) -> Result<Self> {
        if !(4..=64).contains(&commit.len()) || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::invalid("workshop.tree", "the commit is not hexadecimal digits"));
        }
        let folder = scratch()?;
        let objects = absolute(&checkout.join(".git/objects"))?;
        let git = Git::new(folder.path()).env("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects);
        git.run(&["init", "--quiet", "--template="]).await?;
        if !git.output(&["read-tree", commit], b"").await?.success {
            return Err(Error::not_found("workshop.tree", format!("the checkout has no commit {commit}")));
        }
        Ok(Self { git, commit: commit.to_owned(), _folder: folder })
    }

    /// A file of the commit, if it is text and not too large.
    pub(super) async fn read(&self, path: &str) -> Result<Option<String>> {
        let name = format!("{}:{path}", self.commit);
        let size = self.git.output(&["cat-file", "-s", &name], b"").await?;
        let size = String::from_utf8_lossy(&size.stdout).trim().parse::<usize>();
        if !size.is_ok_and(|size| size <= LARGEST) {
            return Ok(None);
        }
        let output = self.git.output(&["cat-file", "blob", &name], b"").await?;
        Ok(String::from_utf8(output.stdout).ok().filter(|_| output.success))
    }

    /// Applies a diff.
    ///
    /// `Invalid` if it does not fit.
    pub(super) async fn apply(&mut self, patch: &str) -> Result<()> {
        let output =
            self.git.output(&["apply", "--cached", "--whitespace=nowarn", "-"], patch.as_bytes()).await?;
        if output.success {
            return Ok(());
        }
        Err(Error::invalid("workshop.apply", "a diff does not fit the files that it changes"))
    }

    /// Writes the files into an empty folder; links become files.
    pub(super) async fn write(&self, folder: &Path) -> Result<()> {
        let to = folder
            .to_str()
            .ok_or_else(|| Error::invalid("workshop.write", "the folder's name is not UTF-8"))?;
        // Nothing that is ignored is in the index, so what is there is all there is.
        self.git.run(&["checkout-index", "--all", "--quiet", &format!("--prefix={to}/")]).await?;
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|e| {
        let kind = if e.kind() == std::io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::Unavailable
        };
        Error::new(kind, "workshop.tree", "the folder is no checkout").with_source(e)
    })
}
