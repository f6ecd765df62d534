//! Code hosts: the only place that holds a token which can write.
//!
//! Everything here runs on the machine itself, never in a sandbox, and so touches as little of a repository as it can:
//! a checkout writes files and runs nothing, a publication has no files at all, only an index and objects. What is
//! published is what the patch says, checked against the paths it names, and goes to the one branch it may make.

mod github;
mod local;
mod repository;

pub use github::{GitHub, GitHubAccess, GitHubSettings};
pub use local::LocalHost;

use soulcaster_core::engine::policy::is_branch_name;
use soulcaster_core::port::host::Publication;
use soulcaster_core::{Error, Result};

/// Who commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: String,
    /// The address of e-mail.
    pub email: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { name: "Soulcaster".into(), email: "soulcaster@users.noreply.github.com".into() }
    }
}

/// `owner` and `name` of a repository; neither can be a path, an option or an address.
fn parts(repository: &str) -> Result<(&str, &str)> {
    let fits = |part: &str| {
        let letters = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        letters && (1..=100).contains(&part.len()) && !part.starts_with(['-', '.'])
    };
    let parts = repository.split_once('/').filter(|(owner, name)| {
        fits(owner)
            && fits(name)
            && !name.to_ascii_lowercase().ends_with(".git")
            && !repository.contains("..")
    });
    parts.ok_or_else(|| Error::invalid("host.repository", "the repository is not of the form owner/name"))
}

/// Whether git takes `name` for a branch and for nothing else.
fn is_ref(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && !name.starts_with(['-', '/', '.', '+'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && !name.contains("/.")
        && name != "@"
        && name != "HEAD"
        && !name.split('/').any(|part| part.ends_with(".lock"))
        && name.chars().all(|c| c.is_ascii_graphic() && !"~^:?*[\\".contains(c))
}

/// What makes a publication fit to be made, whatever checked it before.
fn check(publication: &Publication) -> Result<()> {
    let refuse = |what: &str| Err(Error::invalid("host.publish", what.to_owned()));
    parts(&publication.repository)?;
    if !is_branch_name(&publication.branch) {
        return refuse("the branch is not triage/ and 1 to 60 of a-z, 0-9 and -");
    }
    if !is_ref(&publication.base) || publication.base == publication.branch {
        return refuse("the base is no name of another branch");
    }
    if !is_commit(&publication.commit) {
        return refuse("the commit is not 40 hexadecimal digits");
    }
    let title = publication.title.trim();
    if title.is_empty() || title.chars().any(char::is_control) || title.chars().count() > 200 {
        return refuse("the title is not one line of 1 to 200 characters");
    }
    Ok(())
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_and_branches_that_mean_something_else_to_git_are_refused() {
        for good in ["o/r", "soulcaster/sample.js", "a-b/c_d"] {
            assert!(parts(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "o",
            "o/",
            "/r",
            "o/r/s",
            "../r",
            "o/..",
            "-o/r",
            "o/-r",
            "o/r.git",
            "o/.r",
            "o r/s",
            "o/r\n",
            "ext::sh/x",
            "o@h/r",
            "https://x/y",
            "o/a..b",
        ] {
            assert!(parts(bad).is_err(), "{bad}");
        }
        for good in ["main", "release/1.2", "a-b_c"] {
            assert!(is_ref(good), "{good}");
        }
        for bad in [
            "",
            "-f",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a:b",
            "+main",
            "HEAD",
            "@",
            "a.lock",
            "a/.b",
            "a//b",
            "ä",
        ] {
            assert!(!is_ref(bad), "{bad}");
        }
    }

    #[test]
    fn unfit_publications_are_refused() {
        let good = Publication {
            repository: "o/r".into(),
            branch: "triage/j1".into(),
            base: "main".into(),
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            title: "Fix the total".into(),
            body: String::new(),
            patch: String::new(),
        };
        check(&good).unwrap();
        for (what, change) in [
            ("branch", Publication { branch: "main".into(), ..good.clone() }),
            ("branch", Publication { branch: "triage/../main".into(), ..good.clone() }),
            ("base", Publication { base: "--force".into(), ..good.clone() }),
            ("base", Publication { base: "triage/j1".into(), ..good.clone() }),
            ("commit", Publication { commit: "HEAD".into(), ..good.clone() }),
            ("title", Publication { title: "a\nb".into(), ..good.clone() }),
            ("repository", Publication { repository: "o".into(), ..good.clone() }),
        ] {
            let error = check(&change).unwrap_err();
            assert!(error.message().contains(what), "{what}: {error}");
        }
    }
}
