//! Issues of Sentry, by `GET /api/0/organizations/{organization}/issues/`.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Step, check_secret};
use super::connection::Connection;
use super::element::{Fields, Listing, texts};
use super::endpoint::{Endpoint, check_name};
use super::headers::next_link;
use super::pace::{Pace, Poller};
use super::round::Round;

const SOURCE: &str = "sentry";
const OPERATION: &str = "sentry.fetch";

/// What is pulled from Sentry, and how.
#[derive(Debug, Clone)]
pub struct SentryOptions {
    /// The organization's slug.
    pub organization: String,
    /// A token that may read events (`event:read`).
    pub token: Secret,
    /// Numbers of the projects; all of them when empty.
    pub projects: Vec<u64>,
    /// Environments; all of them when empty.
    pub environments: Vec<String>,
    /// Levels, such as `error`; all of them when empty.
    pub levels: Vec<String>,
    /// A search in Sentry's own words; every issue, resolved ones too, when empty.
    pub query: String,
    /// How Sentry is reached. The base URL is that of the region or of an installation of one's own.
    pub connection: Connection,
}

impl SentryOptions {
    /// All issues of `organization` at sentry.io.
    #[must_use]
    pub fn new(organization: impl Into<String>, token: Secret) -> Self {
        Self {
            organization: organization.into(),
            token,
            projects: Vec::new(),
            environments: Vec::new(),
            levels: Vec::new(),
            query: String::new(),
            connection: Connection::new("https://sentry.io", 120, Duration::from_secs(60)),
        }
    }
}

/// Pulls issues of Sentry, the last seen first.
///
/// A round reads down to where the last one began; the first one reads whatever Sentry lists, which goes back
/// 90 days. An issue comes again once another event was seen; one that is only resolved or assigned does not,
/// so leave that to the webhook. The id is `sentry:{issue.id}`, as the webhook has it.
///
/// ```no_run
/// # async fn run(token: String) -> soulcaster_core::Result<()> {
/// use soulcaster_core::{Secret, port::Source};
/// use soulcaster_sources::pull::{SentryIssues, SentryOptions};
///
/// let mut issues = SentryIssues::new(SentryOptions::new("acme", Secret::new(token)))?;
/// let batch = issues.fetch(None).await?;
/// # Ok(()) }
/// ```
pub struct SentryIssues {
    client: Client,
    endpoint: Endpoint,
    of: String,
    options: SentryOptions,
}

impl SentryIssues {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: SentryOptions) -> Result<Self> {
        check_name(OPERATION, "the organization", &options.organization)?;
        check_secret(OPERATION, "the token", &options.token)?;
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        let of = format!("{SOURCE}/{}", options.organization);
        Ok(Self { client, endpoint, of, options })
    }

    async fn step(&mut self, round: &mut Round) -> Result<Step> {
        let options = &self.options;
        let projects: Vec<String> = options.projects.iter().map(u64::to_string).collect();
        let mut query = vec![("sort", "date"), ("limit", "100"), ("query", options.query.as_str())];
        query.extend(projects.iter().map(|project| ("project", project.as_str())));
        if projects.is_empty() {
            query.push(("project", "-1"));
        }
        query.extend(options.environments.iter().map(|name| ("environment", name.as_str())));
        query.extend(round.page.as_deref().map(|page| ("cursor", page)));
        let url =
            self.endpoint.at(&["api", "0", "organizations", &options.organization, "issues", ""], query);
        let reply = match self.client.send(Call::get(url).bearer(&options.token)).await {
            Ok(reply) => reply,
            Err(failure) => return round.recover(failure),
        };
        let (elements, unread) = self.client.elements(&reply)?;
        let levels = &self.options.levels;
        let mut listing = Listing::read(
            &elements,
            AuthStrength::SharedSecret,
            |issue| issue.time("/lastSeen"),
            |issue| Ok(Some(report(issue)?).filter(|_| is_wanted(levels, issue))),
        );
        let link = next_link(&reply.headers).filter(|link| link.get("results") == Some("true"));
        if let Some(link) = &link {
            self.endpoint.own(&link.url)?;
        }
        let next = link.and_then(|link| link.get("cursor").map(str::to_owned));
        let (overlap, now) = (self.client.connection.overlap, self.client.now());
        if unread.is_some() {
            // The mark stays, so the next round comes by again.
            round.top = None;
        }
        let more = round.descend(&listing.times, next, overlap, now, OPERATION)?;
        listing.rejected.extend(unread);
        Ok(Step { listing, more })
    }
}

fn is_wanted(levels: &[String], issue: &Value) -> bool {
    let level = issue.text("/level").unwrap_or_default();
    levels.is_empty() || levels.iter().any(|wanted| wanted.trim().eq_ignore_ascii_case(level))
}

fn report(issue: &Value) -> Result<Inbound, String> {
    let kind = issue.text("/metadata/type");
    let exception = match (kind, issue.text("/metadata/value")) {
        (Some(kind), Some(value)) => Some(format!("{kind}: {value}")),
        (kind, value) => kind.or(value).map(str::to_owned),
    };
    let body = issue.text("/culprit").map(str::to_owned).into_iter().chain(exception);
    let tags = ["/platform", "/project/slug", "/substatus"];
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(format!("sentry:{}", issue.id("/id")?)),
        title: issue.text("/title").unwrap_or_default().to_owned(),
        body: body.collect::<Vec<_>>().join("\n"),
        url: issue.text("/web_url").or(issue.text("/permalink")).map(str::to_owned),
        severity: issue.text("/level").and_then(Severity::parse),
        tags: texts(tags.iter().filter_map(|place| issue.pointer(place))),
        metadata: issue.pick(&[
            ("short_id", "/shortId"),
            ("status", "/status"),
            ("count", "/count"),
            ("user_count", "/userCount"),
            ("project", "/project/slug"),
            ("filename", "/metadata/filename"),
            ("function", "/metadata/function"),
        ]),
        occurred_at: issue.time("/firstSeen"),
        updated_at: issue.time("/lastSeen"),
        ..Inbound::default()
    })
}

#[async_trait]
impl Source for SentryIssues {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut round = self.client.open(&self.of, cursor)?;
        let step = self.step(&mut round).await;
        self.client.close(step, &self.of, &round)
    }
}

impl Poller for SentryIssues {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
