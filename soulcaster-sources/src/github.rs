//! GitHub: issues, discussions, their comments, and security alerts.
//!
//! | event | external id | title | body |
//! | --- | --- | --- | --- |
//! | `issues` | `{repository.id}#issue:{id}` | the issue's | the issue's |
//! | `issue_comment` | `{repository.id}#comment:{id}` | the issue's | the comment's |
//! | `discussion` | `{repository.id}#discussion:{id}` | the discussion's | the discussion's |
//! | `discussion_comment` | `{repository.id}#discussion_comment:{id}` | the discussion's | the comment's |
//! | `code_scanning_alert` | `{repository.id}#code_scanning:{number}` | the rule | what it means, and where |
//! | `dependabot_alert` | `{repository.id}#dependabot:{number}` | the advisory | its description |
//! | `secret_scanning_alert` | `{repository.id}#secret_scanning:{number}` | the kind of secret | its state |
//!
//! Signed is the raw body (`X-Hub-Signature-256`), not the time nor the headers: a replay shows only as a
//! known `X-GitHub-Delivery`. `X-GitHub-Event` names the event; without it the shape of the body does.
//!
//! `metadata.status` follows the thing: `open`, `closed`, `deleted`, `transferred`, … A deletion carries the
//! time of the last edit, so its `updated_at` is one millisecond later: it stays the last version in any
//! order. Severity comes from labels such as `P1`, `critical` or `severity: high`; the settings name others.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload;
use crate::settings;
use crate::signature::{self, Auth};

mod alert;

const SIGNATURE: &str = "X-Hub-Signature-256";

/// Events that are known and are no reports.
const OTHER_EVENTS: [&str; 27] = [
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "commit_comment",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "fork",
    "gollum",
    "installation",
    "installation_repositories",
    "label",
    "member",
    "milestone",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "release",
    "repository",
    "security_advisory",
    "star",
    "watch",
    "workflow_run",
];

/// What the GitHub source makes of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GithubSettings {
    /// Repositories as `owner/name`; all when empty.
    pub repositories: Vec<String>,
    /// Labels that mean a severity, beside the usual ones; case does not count.
    pub severities: BTreeMap<String, Severity>,
}

impl GithubSettings {
    /// Checks that each repository is an `owner/name`.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn check(&self) -> Result<()> {
        let named = |name: &String| {
            let parts: Vec<&str> = name.trim().split('/').collect();
            parts.len() == 2 && parts.iter().all(|part| !part.is_empty())
        };
        if self.repositories.iter().all(named) {
            return Ok(());
        }
        Err(settings::refused("github", "repositories holds an entry that is not owner/name"))
    }
}

/// Verifies and reads deliveries of GitHub.
///
/// ```
/// use soulcaster_core::port::{Decoded, Delivery, Webhook};
/// use soulcaster_sources::github::{GithubSettings, GithubWebhook};
/// use soulcaster_sources::signature::Auth;
/// let github = GithubWebhook::new(Auth::AllowUnsigned, GithubSettings::default())?;
/// let body = br#"{"action":"opened","repository":{"id":9},
///     "issue":{"id":1,"title":"Crash on save","body":null,"updated_at":"2025-01-01T00:00:00Z"}}"#;
/// let delivery = Delivery { body: body.to_vec(), ..Delivery::default() };
/// let Decoded::Reports(reports) = github.decode(&delivery, Default::default())? else { panic!() };
/// assert_eq!(reports[0].external_id.as_deref(), Some("9#issue:1"));
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GithubWebhook {
    auth: Auth,
    settings: GithubSettings,
}

impl GithubWebhook {
    /// Makes the source; the secrets are those of the webhook.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work.
    pub fn new(auth: Auth, settings: GithubSettings) -> Result<Self> {
        auth.check("github")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    fn read(&self, event: &str, value: &Value) -> Result<Option<Inbound>> {
        let item = match event {
            "issues" => self.thread(value, "issue")?,
            "discussion" => self.thread(value, "discussion")?,
            "issue_comment" => self.comment(value, "issue", "comment")?,
            "discussion_comment" => self.comment(value, "discussion", "discussion_comment")?,
            "code_scanning_alert" => alert::code_scanning(value)?,
            "dependabot_alert" => alert::dependabot(value)?,
            "secret_scanning_alert" => alert::secret_scanning(value)?,
            _ => return Ok(None),
        };
        Ok(Some(item))
    }

    /// An issue or a discussion.
    fn thread(&self, value: &Value, kind: &str) -> Result<Inbound> {
        let thread = part(value, kind)?;
        let mut item = started(value, kind, &payload::required_id(thread, "/id")?)?;
        item.title = payload::line(thread, "/title");
        self.told(&mut item, value, thread, thread);
        Ok(item)
    }

    /// A comment on either.
    fn comment(&self, value: &Value, kind: &str, name: &str) -> Result<Inbound> {
        let (thread, comment) = (part(value, kind)?, part(value, "comment")?);
        let mut item = started(value, name, &payload::required_id(comment, "/id")?)?;
        item.title = payload::line(thread, "/title");
        self.told(&mut item, value, comment, thread);
        Ok(item)
    }

    /// What a text says about itself, and the thread it is in.
    fn told(&self, item: &mut Inbound, value: &Value, text: &Value, thread: &Value) {
        item.body = payload::text(text, "/body");
        item.author = payload::word(text, "/user/login");
        item.url = payload::url(text, "/html_url");
        item.tags = payload::words(thread, "/labels", "/name");
        item.severity = item.tags.iter().filter_map(|label| self.severity(label)).max();
        let gone = ["deleted", "transferred"].into_iter().find(|gone| action(value) == *gone);
        times(item, text, gone.is_some());
        let state = || payload::word(text, "/state"); // a comment has none
        let status = gone.map(str::to_owned).or_else(state);
        payload::note(&mut item.metadata, "status", status);
        payload::note(&mut item.metadata, "status_reason", payload::word(text, "/state_reason"));
        payload::note(&mut item.metadata, "number", thread.get("number").and_then(Value::as_u64));
        payload::note(&mut item.metadata, "category", payload::word(thread, "/category/name"));
        payload::note(&mut item.metadata, "author_association", payload::word(text, "/author_association"));
    }

    fn severity(&self, label: &str) -> Option<Severity> {
        let known = self.settings.severities.iter().find(|(name, _)| name.eq_ignore_ascii_case(label));
        known.map(|(_, severity)| *severity).or_else(|| of_label(label))
    }
}

/// The severity that a label names: `P1`, `critical`, `severity: high`, `priority/low`.
///
/// Words that are as often a subject (`error`, `alert`, `debug`) count only behind such a prefix.
fn of_label(label: &str) -> Option<Severity> {
    let label = label.trim().to_ascii_lowercase();
    if let Some((prefix, word)) = label.split_once([':', '/', '=']) {
        let prefixes = ["severity", "sev", "priority", "prio", "impact", "level"];
        return prefixes.contains(&prefix.trim()).then(|| Severity::parse(word)).flatten();
    }
    let subjects = ["error", "err", "alert", "warning", "warn", "info", "informational", "debug", "trace"];
    let subjects = [&subjects[..], &["notice", "normal", "emergency", "emerg"]].concat();
    if subjects.contains(&label.as_str()) { None } else { Severity::parse(&label) }
}

fn action(value: &Value) -> &str {
    value.get("action").and_then(Value::as_str).unwrap_or_default()
}

fn part<'a>(value: &'a Value, name: &str) -> Result<&'a Value> {
    let part = value.get(name).filter(|part| part.is_object());
    part.ok_or_else(|| payload::invalid(format!("/{name} is missing")))
}

/// The beginning of each item: the repository and the thing's id within it.
fn started(value: &Value, kind: &str, id: &str) -> Result<Inbound> {
    let repository = payload::required_id(value, "/repository/id")?;
    let mut item = Inbound::new("github", "").external_id(format!("{repository}#{kind}:{id}"));
    payload::note(&mut item.metadata, "kind", Some(kind));
    payload::note(&mut item.metadata, "repository", payload::word(value, "/repository/full_name"));
    Ok(item)
}

/// The times of a version; the last one of all when the thing is `gone`.
fn times(item: &mut Inbound, text: &Value, gone: bool) {
    item.occurred_at = payload::time(text, "/created_at");
    let later = ["/updated_at", "/fixed_at", "/dismissed_at", "/resolved_at", "/auto_dismissed_at"];
    item.updated_at = later.iter().filter_map(|pointer| payload::time(text, pointer)).max();
    if gone {
        item.updated_at = item.seen_at().map(|last| last + TimeDelta::milliseconds(1));
    }
}

/// The event that a body without the header's word looks like.
fn event_of(value: &Value) -> &'static str {
    let has = |name: &str| value.get(name).is_some_and(Value::is_object);
    match () {
        () if has("hook") && value.get("zen").is_some() => "ping",
        () if has("issue") => {
            if has("comment") {
                "issue_comment"
            } else {
                "issues"
            }
        }
        () if has("discussion") => {
            if has("comment") {
                "discussion_comment"
            } else {
                "discussion"
            }
        }
        () if value.pointer("/alert/rule").is_some() => "code_scanning_alert",
        () if value.pointer("/alert/security_advisory").is_some() => "dependabot_alert",
        () if value.pointer("/alert/secret_type").is_some() => "secret_scanning_alert",
        () if has("pull_request") => "pull_request",
        () if has("workflow_run") => "workflow_run",
        () if has("security_advisory") => "security_advisory",
        () => "",
    }
}

impl Webhook for GithubWebhook {
    fn name(&self) -> &str {
        "github"
    }

    fn decode(&self, delivery: &Delivery, _now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let header = signature::required(delivery, SIGNATURE)?;
            let hex = signature::strip(header, "sha256=", SIGNATURE)?;
            signature::hmac_sha256_hex(secrets, &[&delivery.body], SIGNATURE, &[hex])
        })?;
        let value = match payload::form_field(&delivery.body, "payload") {
            Some(form) => payload::read(form.as_bytes())?,
            None => payload::read(&delivery.body)?,
        };
        let Some(value) = value else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        if !value.is_object() {
            return Err(payload::invalid("the body is not an object"));
        }
        let event = delivery.header("X-GitHub-Event").map_or_else(|| event_of(&value), str::trim);
        if event == "ping" {
            return Ok(Decoded::Ignored(Ignored::Ping));
        }
        if OTHER_EVENTS.contains(&event) {
            return Ok(payload::not_a_report(event));
        }
        let of_pull = value.pointer("/issue/pull_request").is_some_and(Value::is_object);
        if of_pull && matches!(event, "issues" | "issue_comment") {
            return Ok(payload::not_a_report("pull_request"));
        }
        let Some(item) = self.read(event, &value)? else { return Ok(payload::unknown(event)) };
        let wanted = &self.settings.repositories;
        let repository = payload::line(&value, "/repository/full_name");
        if !wanted.is_empty() && !wanted.iter().any(|name| name.trim().eq_ignore_ascii_case(&repository)) {
            return Ok(payload::filtered("repositories"));
        }
        Ok(payload::report(item, delivery, strength))
    }
}

#[cfg(test)]
mod tests;
