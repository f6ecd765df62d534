//! What may be published, and where to.

use super::{Refusals, check, hidden};
use crate::engine::secrets::{SecretFinding, secrets};
use crate::model::fix::{AgentJob, Refusal};
use crate::port::host::Publication;

/// No title is longer, in characters.
const LONGEST_TITLE: usize = 200;

/// No body is longer, in bytes; GitHub takes 65,536 characters.
const LONGEST_BODY: usize = 60_000;

/// Whether `name` is a branch that may be made: `triage/`, then 1 to 60 of `a` to `z`, `0` to `9` and `-`.
#[must_use]
pub fn is_branch_name(name: &str) -> bool {
    name.strip_prefix("triage/").is_some_and(|id| {
        (1..=60).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

/// Holds a publication against the job that it is for and its patch against [`check`].
#[must_use]
pub fn check_publication(publication: &Publication, job: &AgentJob) -> Vec<Refusal> {
    let mut refusals = Refusals { all: check(&publication.patch, &job.settings) };
    if !is_branch_name(&publication.branch) || publication.branch != job.branch_name() {
        refusals.add("branch", "the branch is not the job's");
    }
    if publication.repository != job.repository {
        refusals.add("repository", "the repository is not the job's");
    }
    if job.base.as_ref() != Some(&publication.base) || job.commit.as_ref() != Some(&publication.commit) {
        refusals.add("base", "the patch is not for the commit that the job began from");
    }
    let title = &publication.title;
    if title.trim().is_empty() || title.chars().count() > LONGEST_TITLE || title.contains(['\n', '\r']) {
        refusals.add("title", &format!("the title is not one line of 1 to {LONGEST_TITLE} characters"));
    }
    if publication.body.len() > LONGEST_BODY {
        refusals.add("body", &format!("the text has more than {LONGEST_BODY} bytes"));
    }
    for (what, text) in [
        ("title", title),
        ("body", &publication.body),
        ("branch", &publication.branch),
        ("base", &publication.base),
    ] {
        if let Some(found) = text.lines().find_map(hidden) {
            refusals.add("hidden_characters", &format!("{what}: {found}"));
        }
        for SecretFinding { kind, .. } in secrets(text) {
            refusals.add("secret", &format!("{what} ({kind})"));
        }
    }
    refusals.all
}
