//! What an agent changed, found out without trusting what it left behind.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use soulcaster_core::port::agent::Budget;
use soulcaster_core::{Error, ErrorKind, Result};
use tempfile::TempDir;

use crate::git::Git;

const OPERATION: &str = "agent.patch";

/// The commit that a checkout is at, kept where an agent cannot reach it.
pub(crate) struct Pristine {
    folder: TempDir,
}

/// A patch, and whether it is within the budget.
pub(crate) struct Patch {
    /// The diff; empty when it is too large to be kept.
    pub(crate) text: String,
    /// Which ceiling it breaks.
    pub(crate) excess: Option<String>,
}

impl Pristine {
    /// Keeps the commit that `checkout` is at. Nobody may have changed its `.git` yet.
    pub(crate) async fn keep(checkout: &Path) -> Result<Self> {
        let trouble =
            |e| Error::new(ErrorKind::Unavailable, OPERATION, "no folder can be made").with_source(e);
        let folder = tempfile::Builder::new().prefix("soulcaster-base-").tempdir().map_err(trouble)?;
        let from = checkout.canonicalize().ok().and_then(|path| path.to_str().map(str::to_owned));
        let from = from.ok_or_else(|| Error::invalid(OPERATION, "the checkout is not there"))?;
        let pristine = Self { folder };
        let git = pristine.git(checkout).allow("file");
        git.run(&["init", "--quiet"]).await?;
        let fetch = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", &from, "HEAD"];
        git.run(&fetch).await?;
        git.run(&["update-ref", "--no-deref", "HEAD", "FETCH_HEAD"]).await?;
        git.run(&["read-tree", "HEAD"]).await?;
        Ok(pristine)
    }

    /// Compares `checkout` with the commit that was kept. No process of the agent may be alive any more.
    ///
    /// Nothing that a `.git` in it says is looked at, links stay links, and what is neither file, folder nor link is
    /// no part of the patch. Files that are ignored are none either.
    pub(crate) async fn patch(&self, checkout: &Path, budget: &Budget) -> Result<Patch> {
        strip(checkout).map_err(|e| {
            Error::new(ErrorKind::Unexpected, OPERATION, "what the agent left cannot be read").with_source(e)
        })?;
        let git = self.git(checkout);
        // The agent's attributes neither make code binary nor name a driver.
        self.attributes("* !diff !filter !merge !ident\n")?;
        let added = git.output(&["add", "--all", "--ignore-errors", "--", "."], b"").await?;
        // A file with a name that git refuses is left out; anything else that is wrong is fatal.
        if !added.success && added.stderr.contains("fatal:") {
            return Err(Error::new(
                ErrorKind::Unexpected,
                OPERATION,
                "what the agent left cannot be compared",
            ));
        }
        self.measure(&git, budget).await
    }

    /// Takes over a patch that somebody says is for the commit that was kept. One that does not fit is an error of kind
    /// `Invalid`.
    pub(crate) async fn accept(&self, patch: &[u8], budget: &Budget) -> Result<Patch> {
        // The folder is not looked at: git works on its index alone.
        let git = self.git(self.folder.path());
        self.attributes("* !diff !filter !merge !ident\n")?;
        git.run(&["read-tree", "HEAD"]).await?;
        if !patch.is_empty() {
            let args = ["apply", "--cached", "--whitespace=nowarn", "-"];
            if !git.output(&args, patch).await?.success {
                return Err(Error::invalid(OPERATION, "the patch does not fit the commit that it is for"));
            }
        }
        self.measure(&git, budget).await
    }

    /// All files of the commit that was kept, as tar in gzip.
    pub(crate) async fn archive(&self) -> Result<Vec<u8>> {
        self.attributes("* !export-ignore !export-subst\n")?;
        self.git(self.folder.path()).output_bytes(ARCHIVE).run(&["archive", "--format=tgz", "HEAD"]).await
    }

    /// The difference between the commit that was kept and the index.
    async fn measure(&self, git: &Git, budget: &Budget) -> Result<Patch> {
        let numbers = git.run(&["diff", "--cached", "--no-renames", "--numstat", "-z", "HEAD"]).await?;
        let (mut files, mut lines) = (0, 0_usize);
        for entry in numbers.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            files += 1;
            for number in entry.split(|byte| *byte == b'\t').take(2) {
                lines = lines.saturating_add(String::from_utf8_lossy(number).parse().unwrap_or(0));
            }
        }
        let mut excess = None;
        if files > budget.diff_files {
            excess = Some(format!("the patch touches {files} files, more than {}", budget.diff_files));
        } else if lines > budget.diff_lines {
            excess = Some(format!("the patch changes {lines} lines, more than {}", budget.diff_lines));
        }
        let bounded = git.clone().output_bytes(budget.diff_bytes);
        let mut diff = bounded.run(&DIFF).await;
        if diff.as_ref().is_ok_and(|diff| std::str::from_utf8(diff).is_err()) {
            // Text in another encoding: as binary it is UTF-8.
            self.attributes("* -diff !filter !merge !ident\n")?;
            diff = bounded.run(&DIFF).await;
        }
        match diff {
            Ok(diff) => {
                let text = String::from_utf8(diff);
                let text = text.map_err(|e| {
                    Error::new(ErrorKind::Unexpected, OPERATION, "the patch is not UTF-8").with_source(e)
                })?;
                Ok(Patch { text, excess })
            }
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                let most = budget.diff_bytes;
                let excess = excess.unwrap_or_else(|| format!("the patch is larger than {most} bytes"));
                Ok(Patch { text: String::new(), excess: Some(excess) })
            }
            Err(error) => Err(error),
        }
    }

    fn git(&self, checkout: &Path) -> Git {
        // Large files are stored as they are: they are compared once.
        Git::new(checkout).git_dir(self.folder.path().join("git")).setting("core.compression", "0")
    }

    fn attributes(&self, text: &str) -> Result<()> {
        let file = self.folder.path().join("git/info/attributes");
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(&file))?;
            fs::write(&file, text)
        };
        write().map_err(|e| {
            Error::new(ErrorKind::Unavailable, OPERATION, "no file can be written").with_source(e)
        })
    }
}

/// The most bytes of an archive.
const ARCHIVE: usize = 256 << 20;

const DIFF: [&str; 9] = [
    "diff",
    "--cached",
    "--binary",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-color",
    "HEAD",
];

/// Removes every `.git`, however it is written, and what is neither file, folder nor link, and makes the rest
/// readable. Follows no link.
fn strip(folder: &Path) -> io::Result<()> {
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if entry.file_name().eq_ignore_ascii_case(".git") {
                if kind.is_dir() {
                    crate::sandbox::remove(&path);
                } else {
                    fs::remove_file(&path)?;
                }
            } else if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                let mode = entry.metadata()?.permissions().mode();
                if mode & 0o400 == 0 {
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o400))?;
                }
            } else if !kind.is_symlink() {
                fs::remove_file(&path)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn checkout() -> (TempDir, Pristine) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("src")).unwrap();
        fs::write(path.join("src/a.txt"), "one\ntwo\n").unwrap();
        fs::write(path.join(".gitignore"), "build\n").unwrap();
        fs::write(path.join("kept.log"), "x\n").unwrap();
        let git = Git::new(path).setting("user.name", "T").setting("user.email", "t@example.com");
        git.run(&["init", "-q"]).await.unwrap();
        git.run(&["add", "-A"]).await.unwrap();
        git.run(&["commit", "-qm", "first"]).await.unwrap();
        let pristine = Pristine::keep(path).await.unwrap();
        (folder, pristine)
    }

    async fn patch(folder: &TempDir, pristine: &Pristine) -> String {
        let patch = pristine.patch(folder.path(), &Budget::default()).await.unwrap();
        assert_eq!(patch.excess, None);
        patch.text
    }

    #[tokio::test]
    async fn patch_has_what_was_changed_added_and_removed() {
        let (folder, pristine) = checkout().await;
        assert_eq!(patch(&folder, &pristine).await, "");
        fs::write(folder.path().join("src/a.txt"), "one\nthree\n").unwrap();
        fs::write(folder.path().join("new.txt"), "new\n").unwrap();
        fs::write(folder.path().join("bin"), [0, 1, 2, 255]).unwrap();
        fs::remove_file(folder.path().join("kept.log")).unwrap();
        fs::create_dir(folder.path().join("build")).unwrap();
        fs::write(folder.path().join("build/out"), "ignored").unwrap();
        let text = patch(&folder, &pristine).await;
        for part in ["-two\n+three\n", "+new\n", "GIT binary patch", "deleted file mode 100644"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("ignored"));
        // It can be applied to the same commit.
        let clean = checkout().await.0;
        Git::new(clean.path()).feed(&["apply", "-"], text.as_bytes()).await.unwrap();
        assert_eq!(fs::read(clean.path().join("bin")).unwrap(), [0, 1, 2, 255]);
    }

    #[tokio::test]
    async fn nothing_that_an_agent_plants_runs_or_is_followed() {
        let (folder, pristine) = checkout().await;
        let path = folder.path();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "swordfish\n").unwrap();
        let canary = outside.path().join("canary");
        let command = format!("touch {}; cat", canary.display());
        // Its own repository: hooks, monitor, filters, diff drivers.
        let config = format!(
            "[core]\n\tfsmonitor = {command}\n\tworktree = {0}\n[filter \"evil\"]\n\tclean = {command}\n\tsmudge = \
             {command}\n[diff \"evil\"]\n\ttextconv = {command}\n\tcommand = {command}\n[include]\n\tpath = {0}/x\n",
            outside.path().display()
        );
        fs::write(path.join(".git/config"), &config).unwrap();
        fs::write(path.join(".gitattributes"), "* filter=evil diff=evil\n*.txt -diff\n").unwrap();
        // A repository inside, and links out of the tree.
        for name in ["inner/.git", "other/.GIT"] {
            fs::create_dir_all(path.join(name)).unwrap();
            fs::write(path.join(name).join("HEAD"), "ref: refs/heads/main\n").unwrap();
            fs::write(path.join(name).join("config"), &config).unwrap();
        }
        fs::write(path.join("inner/file"), "inner\n").unwrap();
        std::os::unix::fs::symlink(outside.path(), path.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), path.join("src/link")).unwrap();
        fs::create_dir(path.join("linked")).unwrap();
        std::os::unix::fs::symlink(outside.path(), path.join("linked/.git")).unwrap();
        fs::write(path.join("git~1"), "odd\n").unwrap();
        fs::write(path.join("src/a.txt"), "changed\n").unwrap();
        fs::set_permissions(path.join("src/a.txt"), fs::Permissions::from_mode(0o000)).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let text = patch(&folder, &pristine).await;
        assert!(text.contains("+changed\n") && text.contains("+inner\n"), "{text}");
        assert!(text.contains("new file mode 120000"), "a link is shown as a link: {text}");
        assert!(!text.contains("swordfish") && !text.contains("160000") && !text.contains("pipe"), "{text}");
        assert!(!canary.exists());
        assert!(outside.path().join("secret").exists());
    }

    #[tokio::test]
    async fn patches_of_others_are_taken_over_if_they_fit() {
        let (folder, pristine) = checkout().await;
        fs::write(folder.path().join("src/a.txt"), "one\nthree\n").unwrap();
        let text = patch(&folder, &pristine).await;
        let (_, other) = checkout().await;
        let accepted = other.accept(text.as_bytes(), &Budget::default()).await.unwrap();
        assert_eq!((accepted.text, accepted.excess), (text.clone(), None));
        assert_eq!(other.accept(b"", &Budget::default()).await.unwrap().text, "");
        for odd in
            [text.replace("-two", "-four"), "nonsense".to_owned(), text.replace("src/a.txt", "../a.txt")]
        {
            assert_eq!(
                other.accept(odd.as_bytes(), &Budget::default()).await.err().unwrap().kind(),
                ErrorKind::Invalid
            );
        }
        assert!(other.archive().await.unwrap().starts_with(&[0x1f, 0x8b]));
    }

    #[tokio::test]
    async fn other_encodings_become_binary() {
        let (folder, pristine) = checkout().await;
        fs::write(folder.path().join("latin"), b"caf\xe9\n").unwrap();
        let text = patch(&folder, &pristine).await;
        assert!(text.contains("GIT binary patch"), "{text}");
        let clean = checkout().await.0;
        Git::new(clean.path()).feed(&["apply", "-"], text.as_bytes()).await.unwrap();
        assert_eq!(fs::read(clean.path().join("latin")).unwrap(), b"caf\xe9\n");
    }

    #[tokio::test]
    async fn patches_beyond_the_budget_are_told() {
        let (folder, pristine) = checkout().await;
        fs::write(folder.path().join("b"), "x\n".repeat(30)).unwrap();
        fs::write(folder.path().join("c"), "y\n").unwrap();
        for (budget, told, kept) in [
            (Budget { diff_lines: 30, ..Budget::default() }, "31 lines", true),
            (Budget { diff_files: 1, ..Budget::default() }, "2 files", true),
            (Budget { diff_bytes: 200, ..Budget::default() }, "200 bytes", false),
        ] {
            let patch = pristine.patch(folder.path(), &budget).await.unwrap();
            assert!(patch.excess.as_ref().is_some_and(|excess| excess.contains(told)), "{:?}", patch.excess);
            assert_eq!(!patch.text.is_empty(), kept);
        }
    }
}
