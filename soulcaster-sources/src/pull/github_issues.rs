//! Issues of GitHub, by `GET /repos/{owner}/{name}/issues`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::header::{HeaderName, HeaderValue, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::client::{Call, Client, Reply, Step, check_secret};
use super::clock::before;
use super::connection::Connection;
use super::element::{Fields, Listing, texts};
use super::endpoint::{Endpoint, check_name};
use super::headers::{self, next_link};
use super::pace::{Pace, Poller};

const SOURCE: &str = "github";
const OPERATION: &str = "github.fetch";
/// Elements of a full page.
const PAGE: u32 = 100;
/// By how many elements pages overlap at most.
const PAGE_OVERLAP: u32 = 25;

/// What is pulled from GitHub, and how.
#[derive(Debug, Clone)]
pub struct GithubOptions {
    /// `owner/name`.
    pub repository: String,
    /// A token that may read issues. Without one GitHub takes 60 calls an hour, and public repositories
    /// alone.
    pub token: Option<Secret>,
    /// What labels, in lower case, say about severity; asked before the usual words, such as `critical`,
    /// `P1`, `severity: high` and `priority/low`.
    pub severities: BTreeMap<String, Severity>,
    /// How GitHub is reached.
    pub connection: Connection,
}

impl GithubOptions {
    /// Issues of `repository` (`owner/name`) at github.com.
    #[must_use]
    pub fn new(repository: impl Into<String>) -> Self {
        Self {
            repository: repository.into(),
            token: None,
            severities: BTreeMap::new(),
            connection: Connection::new("https://api.github.com", 5000, Duration::from_secs(3600)),
        }
    }
}

/// Pulls issues of a repository in the order of their last change.
///
/// The first round reads open issues alone. Later ones read everything that changed since, less the overlap:
/// closed and reopened issues come again, with `metadata.state`. Pull requests are left out. While nothing
/// changes, a round is one call that GitHub answers with 304 and does not count.
///
/// Pages are found by the time of the last change and not by number, so issues that change meanwhile move to
/// the end and nothing slips from one page to the other. Only among more than a hundred issues changed in the
/// same second are pages counted; they then overlap.
///
/// The id is `{repository.id}#issue:{issue.id}`, as the webhook has it; the first fetch asks for the
/// repository's.
///
/// ```no_run
/// # async fn run(token: String) -> soulcaster_core::Result<()> {
/// use soulcaster_core::{Secret, port::Source};
/// use soulcaster_sources::pull::{GithubIssues, GithubOptions};
///
/// let options = GithubOptions::new("octocat/hello-world");
/// let options = GithubOptions { token: Some(Secret::new(token)), ..options };
/// let batch = GithubIssues::new(options)?.fetch(None).await?;
/// # Ok(()) }
/// ```
pub struct GithubIssues {
    client: Client,
    endpoint: Endpoint,
    of: String,
    options: GithubOptions,
}

/// Where the reading is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// The repository's id.
    repository: Option<u64>,
    /// Whether the first round, of open issues, is through.
    following: bool,
    /// Every change up to here has been read, but for what shows up late.
    mark: Option<DateTime<Utc>>,
    /// When the first round began.
    began: Option<DateTime<Utc>>,
    /// From when the next page lists.
    since: Option<DateTime<Utc>>,
    /// The number of the next page; 0 at the start of a round.
    page: u32,
    /// A page of this round was left out, so the mark stays.
    held: bool,
    /// Names the last answer, if the next round starts with the same question.
    etag: Option<String>,
}

impl GithubIssues {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(mut options: GithubOptions) -> Result<Self> {
        options.repository = options.repository.trim().to_ascii_lowercase();
        let (owner, name) = options
            .repository
            .split_once('/')
            .ok_or_else(|| Error::invalid(OPERATION, "the repository is owner/name"))?;
        check_name(OPERATION, "the owner", owner)?;
        check_name(OPERATION, "the repository's name", name)?;
        if let Some(token) = &options.token {
            check_secret(OPERATION, "the token", token)?;
        }
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        let of = format!("{SOURCE}/{}", options.repository);
        Ok(Self { client, endpoint, of, options })
    }

    async fn get(&mut self, path: &[&str], query: &[(&str, &str)], etag: Option<&str>) -> Result<Reply> {
        let (owner, name) = self.options.repository.split_once('/').unwrap_or_default();
        let path = [&["repos", owner, name], path].concat();
        let mut call = Call::get(self.endpoint.at(&path, query.iter().copied()))
            .header(reqwest::header::ACCEPT, HeaderValue::from_static("application/vnd.github+json"))
            .header(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
        if let Some(token) = &self.options.token {
            call = call.bearer(token);
        }
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            call = call.header(IF_NONE_MATCH, etag);
        }
        Ok(self.client.send(call).await?)
    }

    /// The repository's id, which names its issues.
    async fn repository(&mut self) -> Result<u64> {
        let repository: Value = self.get(&[], &[], None).await?.json()?;
        let id = repository.pointer("/id").and_then(Value::as_u64);
        id.ok_or_else(|| {
            Error::new(
                ErrorKind::Unexpected,
                OPERATION,
                "the server gives a repository without id; check the base URL",
            )
        })
    }

    async fn step(&mut self, place: &mut Place) -> Result<Step> {
        let repository = match place.repository {
            Some(id) => id,
            None => self.repository().await?,
        };
        place.repository = Some(repository);
        let overlap = self.client.connection.overlap;
        let starts = place.page == 0;
        let since = if starts { place.mark.map(|mark| before(mark, overlap)) } else { place.since };
        let page = place.page.max(1);
        // Each page reaches a little further back into the one before it.
        let size = PAGE - (page - 1).min(PAGE_OVERLAP);

        let written = since.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
        let (size_text, page_text) = (size.to_string(), page.to_string());
        let mut query = vec![
            ("state", if place.following { "all" } else { "open" }),
            ("sort", "updated"),
            ("direction", "asc"),
            ("per_page", size_text.as_str()),
            ("page", page_text.as_str()),
        ];
        query.extend(written.as_deref().map(|since| ("since", since)));
        let etag = place.etag.take().filter(|_| starts);
        let reply = self.get(&["issues"], &query, etag.as_deref()).await?;
        if reply.unchanged {
            place.etag = etag;
            return Ok(Step::default());
        }

        let (elements, unread) = self.client.elements(&reply)?;
        let strength =
            if self.options.token.is_some() { AuthStrength::SharedSecret } else { AuthStrength::None };
        let mut listing = Listing::read(
            &elements,
            strength,
            |issue| issue.time("/updated_at"),
            |issue| self.report(repository, issue),
        );
        let link = next_link(&reply.headers);
        if let Some(link) = &link {
            self.endpoint.own(&link.url)?;
        }
        let untold = headers::text(&reply.headers, "link").is_none();
        let more = link.is_some() || (untold && elements.len() >= size as usize);

        let now = reply.at(self.client.now());
        if starts && !place.following {
            place.began = Some(now);
        }
        place.held |= unread.is_some();
        let newest = listing.times.iter().flatten().max().copied();
        if more {
            // A second back: whether `since` takes in its own second is for the server to say.
            let onward = newest.map(|newest| newest - TimeDelta::seconds(1));
            (place.since, place.page) =
                if onward > since { (onward, 1) } else { (since, page.saturating_add(1)) };
        } else if place.held {
            let Place { repository, following, mark, .. } = *place;
            *place = Place { repository, following, mark, ..Place::default() };
        } else if place.following {
            let mark = place.mark.max(newest.map(|newest| newest.min(now)));
            let same = starts && mark.map(|mark| before(mark, overlap)) == since;
            place.etag = headers::text(&reply.headers, "etag").filter(|_| same).map(str::to_owned);
            (place.mark, place.since, place.page) = (mark, None, 0);
        } else {
            // What was closed since the first round began was not in it.
            let mark = place.began.take().or(Some(now));
            *place = Place { repository: Some(repository), following: true, mark, ..Place::default() };
        }
        listing.rejected.extend(unread);
        Ok(Step { listing, more })
    }

    fn report(&self, repository: u64, issue: &Value) -> Result<Option<Inbound>, String> {
        if issue.get("pull_request").is_some() {
            return Ok(None);
        }
        let tags = issue.list("/labels").iter().filter_map(|label| match label {
            Value::String(_) => Some(label),
            _ => label.get("name"),
        });
        let tags = texts(tags);
        let mut metadata = issue.pick(&[
            ("state", "/state"),
            ("state_reason", "/state_reason"),
            ("number", "/number"),
            ("comments", "/comments"),
            ("milestone", "/milestone/title"),
            ("author_association", "/author_association"),
        ]);
        metadata.insert("repository".into(), self.options.repository.as_str().into());
        let assignees = texts(issue.list("/assignees").iter().filter_map(|user| user.get("login")));
        if !assignees.is_empty() {
            metadata.insert("assignees".into(), assignees.into());
        }
        Ok(Some(Inbound {
            source: SOURCE.into(),
            external_id: Some(format!("{repository}#issue:{}", issue.id("/id")?)),
            title: issue.text("/title").unwrap_or_default().to_owned(),
            body: issue.text("/body").unwrap_or_default().to_owned(),
            author: issue.text("/user/login").map(str::to_owned),
            url: issue.text("/html_url").map(str::to_owned),
            severity: tags.iter().filter_map(|label| self.severity(label)).max(),
            tags,
            metadata,
            occurred_at: issue.time("/created_at"),
            updated_at: issue.time("/updated_at"),
            ..Inbound::default()
        }))
    }

    fn severity(&self, label: &str) -> Option<Severity> {
        let label = label.trim().to_lowercase();
        self.options.severities.get(&label).copied().or_else(|| label_severity(&label))
    }
}

/// Reads `critical`, `p1`, `severity: high`, `priority/low`; a word such as `alert` alone is none.
fn label_severity(label: &str) -> Option<Severity> {
    let words = [
        "critical", "blocker", "urgent", "high", "major", "medium", "low", "minor", "trivial", "p0", "p1",
        "p2", "p3", "p4", "p5", "sev0", "sev1", "sev2", "sev3", "sev4", "sev5",
    ];
    let (name, value) = label.split_once([':', '/', '-', '=', ' ']).unwrap_or(("", label));
    let told = matches!(name.trim(), "severity" | "priority" | "prio" | "sev" | "impact");
    let value = value.trim_start_matches([':', '/', '-', '=', ' ']);
    if told || words.contains(&label) { Severity::parse(if told { value } else { label }) } else { None }
}

#[async_trait]
impl Source for GithubIssues {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut place = self.client.open(&self.of, cursor)?;
        let step = self.step(&mut place).await;
        self.client.close(step, &self.of, &place)
    }
}

impl Poller for GithubIssues {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_severity_in_usual_words() {
        for (label, severity) in [
            ("critical", Some(Severity::Critical)),
            ("p2", Some(Severity::High)),
            ("severity: high", Some(Severity::High)),
            ("priority/low", Some(Severity::Low)),
            ("sev-medium", Some(Severity::Medium)),
            ("bug", None),
            ("alert", None),
            ("debug", None),
            ("area: critical path", None),
            ("priority: whenever", None),
            ("", None),
        ] {
            assert_eq!(label_severity(label), severity, "{label}");
        }
    }
}
