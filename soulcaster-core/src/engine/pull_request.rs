//! What a pull request says: rebuilt from what is known, never from what a model wrote.

use std::fmt::Write as _;

use crate::engine::mask::mask;
use crate::engine::sanitise::sanitise;
use crate::model::fix::AgentJob;
use crate::model::item::FeedbackItem;
use crate::model::proof::{ProofReport, TestOutcome, TestRun};

/// Reports that are linked one by one.
const LINKED: usize = 100;
/// Most characters of a title.
const TITLE_CHARS: usize = 100;

/// Title and Markdown body of the pull request of `job`: why, the proof, what it took, and a link to every report
/// (at most 100). Words of strangers stand in it as plain text that notifies nobody and loads nothing.
#[must_use]
pub fn describe<'a>(
    job: &AgentJob,
    proof: Option<&ProofReport>,
    items: impl Iterator<Item = &'a FeedbackItem>,
) -> (String, String) {
    let brief = &job.plan.brief;
    let title = plain(&mask(&job.plan.title).text, TITLE_CHARS);
    let mut body = format!(
        "{} reports in {} different wordings, seen {} times, are about this problem (group `{}`).\n",
        brief.reports_total, brief.texts_total, brief.occurrences, job.cluster_id
    );
    if let Some(error) = &brief.error {
        let _ = writeln!(body, "\nThe error they name: {}", plain(&mask(error).text, 200));
    }
    body.push_str(
        "\n## Proof\n\n| run | before: without the change | after: with it |\n| --- | --- | --- |\n",
    );
    if let Some(proof) = proof {
        for test in proof.reproduction.iter().take(20) {
            let _ = writeln!(body, "| {} | failed | passed |", plain(test, 120));
        }
        let suite = |name: &str| {
            proof.steps.iter().find(|step| step.name.starts_with(name)).map(|step| tally(&step.run))
        };
        let (before, after) = (suite(SUITE_BEFORE), suite(SUITE_AFTER));
        if let (Some(before), Some(after)) = (before, after) {
            let _ = writeln!(body, "| all tests | {before} | {after} |");
        }
    }
    let _ = writeln!(
        body,
        "\nEach new test was run {} times on either side. Reverting the source part of the change makes it fail again.",
        job.settings.repetitions
    );
    let spend = &job.spend;
    let _ = write!(
        body,
        "\n## Made by\n\n| | used | ceiling |\n| --- | --- | --- |\n| runner | `{}` | |\n| tokens | {} | {} |\n\
         | US dollars | {} | {} |\n| model calls | {} | |\n| commit it began from | `{}` | |\n| job | `{}` | |\n",
        plain(&job.runner, 60),
        spend.tokens(),
        job.settings.budget.tokens,
        dollars(spend.micro_usd),
        dollars(job.settings.budget.micro_usd),
        spend.calls,
        job.commit.as_deref().unwrap_or_default(),
        job.id,
    );
    body.push_str("\n## Reports\n\n");
    let mut rest = 0usize;
    for (n, item) in items.enumerate() {
        if n >= LINKED {
            rest += 1;
            continue;
        }
        let name = format!("`{}` ({})", item.id, plain(&item.source, 40));
        let _ = match item.url.as_deref().and_then(link) {
            Some(url) => writeln!(body, "- {name} <{url}>"),
            None => writeln!(body, "- {name}"),
        };
    }
    if rest > 0 {
        let _ = writeln!(body, "- and {rest} more");
    }
    body.push_str(
        "\n## Roll back\n\nRevert the one commit of this branch. The group is watched: a report after the merge \
         reopens it.\n",
    );
    (title, body)
}

/// Name of the proof's run of all tests on the base.
pub const SUITE_BEFORE: &str = "suite on the base";
/// How the names of the proof's runs of all tests with the whole patch begin.
pub const SUITE_AFTER: &str = "reproduction with the patch";

fn tally(run: &TestRun) -> String {
    let of = |outcome| run.tests.values().filter(|have| **have == outcome).count();
    match run.tests.is_empty() {
        true => run.exit_code.map_or("stopped".to_owned(), |code| format!("exit code {code}")),
        false => format!("{} passed, {} failed", of(TestOutcome::Passed), of(TestOutcome::Failed)),
    }
}

fn dollars(micro: u64) -> String {
    format!("{}.{:04}", micro / 1_000_000, micro % 1_000_000 / 100)
}

/// One line of a stranger's words as plain Markdown text: no markup, no mention, no link.
fn plain(text: &str, most: usize) -> String {
    let line = sanitise(text, most * 4).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(line.len());
    for c in line.chars().take(most) {
        match c {
            '|' | '<' | '>' | '[' | ']' | '`' | '*' | '\\' => out.push(' '),
            // A mark of no width would be hidden text; a full-width sign notifies nobody.
            '@' => out.push('＠'),
            c => out.push(c),
        }
    }
    out.replace("://", ": //").replace('#', "no. ").trim().to_owned()
}

/// An address that may stand in a link: http or https, and nothing that ends the link.
fn link(url: &str) -> Option<&str> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_plain = url.len() <= 500
        && url.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '`' | '"' | '|'));
    (is_web && is_plain).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_words_are_text_and_their_addresses_only_web_links() {
        let evil = "@admin ![x](https://evil.example/?q=1) <img src=x> #1 `code` | cell\n# head";
        let text = plain(evil, 200);
        for part in ["@", "](", "<", "://", "#", "`", "|", "\n"] {
            assert!(!text.contains(part), "{part:?} in {text}");
        }
        assert_eq!(link("https://github.com/a/b/issues/1"), Some("https://github.com/a/b/issues/1"));
        for bad in ["javascript:alert(1)", "https://a b", "https://a/>x", "ftp://a", "file:///etc"] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn money_has_four_decimals() {
        assert_eq!(
            (dollars(0), dollars(1_234_567), dollars(900)),
            ("0.0000".into(), "1.2345".into(), "0.0009".into())
        );
    }
}
