//! Issues of GitHub, by `GET /repos/{owner}/{name}/issues`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use reqwest::header::{ACCEPT, HeaderName, HeaderValue, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use soulcaster_core::model::{AuthStrength, Severity};
use soulcaster_core::port::Source;
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::connection::Connection;
use super::endpoint::check_name;
use super::headers;
use super::names::{check_feeds, tidy};
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use crate::answer::Format;
use crate::answer::github::Issues;

const OPERATION: &str = "github.fetch";
/// Elements of a full page.
const PAGE: u32 = 100;
/// By how many elements pages overlap at most.
const PAGE_OVERLAP: u32 = 25;

/// What is pulled from GitHub, and how.
///
/// The first round of a repository reads open issues alone. Later ones read everything that changed since, less
/// the overlap: closed and reopened issues come again, with `metadata.status`. Pull requests are left out. While
/// nothing changes, a round is one call that GitHub answers with 304 and does not count.
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
/// use soulcaster_sources::pull::GithubOptions;
///
/// let options = GithubOptions { repositories: vec!["octocat/hello-world".into()], ..Default::default() };
/// let batch = options.source(Some(Secret::new(token)))?.fetch(None).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GithubOptions {
    /// `owner/name` of each.
    pub repositories: Vec<String>,
    /// What labels say about severity; asked before the usual words, such as `critical`, `P1`,
    /// `severity: high` and `priority/low`.
    pub severities: BTreeMap<String, Severity>,
    /// How GitHub is reached.
    pub connection: Connection,
}

impl Default for GithubOptions {
    fn default() -> Self {
        let connection = Connection::new("https://api.github.com", 5000, 3600);
        Self { repositories: Vec::new(), severities: BTreeMap::new(), connection }
    }
}

impl GithubOptions {
    /// Makes the source; `token` may read issues. Without one GitHub takes 60 calls an hour, and public
    /// repositories alone.
    ///
    /// # Errors
    /// `Invalid` when an option or the token is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, token: Option<Secret>) -> Result<Box<dyn Source>> {
        let repositories = tidy(&self.repositories);
        check_feeds(OPERATION, "repositories", &repositories)?;
        for repository in &repositories {
            let unfit = || Error::invalid(OPERATION, "repositories holds an entry that is not owner/name");
            let (owner, name) = repository.split_once('/').ok_or_else(unfit)?;
            check_name(OPERATION, "the owner in repositories", owner)?;
            check_name(OPERATION, "the name in repositories", name)?;
        }
        if let Some(token) = &token {
            check_secret(OPERATION, "the token", token)?;
        }
        let format = Issues::new(self.severities)?;
        let formats = vec![format; repositories.len()];
        let client = Client::new(OPERATION, self.connection, None)?;
        Ok(Box::new(Poller::new("github", client, Github { repositories, formats, token })))
    }
}

struct Github {
    repositories: Vec<String>,
    /// For each repository; names it once it is known.
    formats: Vec<Issues>,
    token: Option<Secret>,
}

/// From when a page lists, and its number.
fn place(round: &Round, floor: Option<DateTime<Utc>>) -> (Option<DateTime<Utc>>, u32) {
    let Some((number, since)) = round.page.as_deref().and_then(|page| page.split_once(' ')) else {
        return (floor, 1);
    };
    (since.parse().ok(), number.parse().unwrap_or(1).max(1))
}

fn named((since, number): (Option<DateTime<Utc>>, u32)) -> String {
    format!("{number} {}", since.map(written).unwrap_or_default())
}

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Each page reaches a little further back into the one before it.
fn size(number: u32) -> u32 {
    PAGE - (number - 1).min(PAGE_OVERLAP)
}

impl Github {
    fn get(&self, client: &Client, feed: usize, path: &[&str], query: &[(&str, &str)]) -> Call {
        let (owner, name) = self.repositories[feed].split_once('/').unwrap_or_default();
        let path = [&["repos", owner, name], path].concat();
        let call = Call::get(client.api.at(&path, query.iter().copied()))
            .header(ACCEPT, HeaderValue::from_static("application/vnd.github+json"))
            .header(HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));
        self.token.iter().fold(call, Call::bearer)
    }

    /// Asks for the repository, whose id names its issues.
    async fn identify(&mut self, client: &mut Client, feed: usize) -> Result<(), Failure> {
        let call = self.get(client, feed, &[], &[]);
        let repository: Value = client.send(call).await?.json()?;
        if !repository["id"].is_u64() {
            let what = "the server gives a repository without id; check the base URL";
            return Err(Error::new(ErrorKind::Unexpected, OPERATION, what).into());
        }
        let known = json!({ "id": repository["id"], "full_name": repository["full_name"] });
        self.formats[feed].repository = Some(known);
        Ok(())
    }
}

#[async_trait]
impl Vendor for Github {
    fn feeds(&self) -> &[String] {
        &self.repositories
    }

    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure> {
        if self.formats[feed].repository.is_none() {
            self.identify(client, feed).await?;
        }
        let (since, number) = place(round, round.floor(client.overlap()));
        let (since, number, size) = (since.map(written), number.to_string(), size(number).to_string());
        let mut query = vec![
            ("state", if round.mark.is_some() { "all" } else { "open" }),
            ("sort", "updated"),
            ("direction", "asc"),
            ("per_page", &size),
            ("page", &number),
        ];
        query.extend(since.as_deref().map(|since| ("since", since)));
        let call = self.get(client, feed, &["issues"], &query);
        let tag = round.tag.as_deref().filter(|_| round.is_start());
        Ok(match tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
            Some(tag) => call.header(IF_NONE_MATCH, tag),
            None => call,
        })
    }

    fn format(&self, feed: usize) -> &dyn Format {
        &self.formats[feed]
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        let (starts, mark) = (round.is_start(), round.mark);
        let (since, number) = place(round, round.floor(got.overlap));
        let untold = headers::text(got.headers, "link").is_none();
        let more = got.page.link.is_some() || (untold && got.page.elements.len() >= size(number) as usize);
        // A second back: whether `since` takes in its own second is for the server to say.
        let onward = got.newest().map(|newest| newest - TimeDelta::seconds(1));
        let next = if onward > since { (onward, 1) } else { (since, number.saturating_add(1)) };
        let next = more.then(|| named(next));
        let more = if mark.is_some() {
            round.ascend(got, next)?
        } else {
            // What was closed since the first round began is not in it.
            round.top = round.top.filter(|_| !starts).or(Some(got.now));
            round.proceed(got, next)?
        };
        if !more && starts && round.mark == mark {
            round.tag = headers::text(got.headers, "etag").map(str::to_owned);
        }
        Ok(more)
    }

    fn past(&self, round: &Round, _: DateTime<Utc>) -> Option<String> {
        let (since, number) = place(round, None);
        Some(named((since, number.saturating_add(1))))
    }

    fn strength(&self) -> AuthStrength {
        if self.token.is_some() { AuthStrength::SharedSecret } else { AuthStrength::None }
    }
}
