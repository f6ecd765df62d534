//! Issues of Sentry, by `GET /api/0/organizations/{organization}/issues/`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Source;
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::connection::Connection;
use super::names::paths;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use crate::answer::Format;
use crate::answer::sentry::Issues;

const OPERATION: &str = "sentry.fetch";

/// What is pulled from Sentry, and how.
///
/// Issues come with the last seen first. A round reads down to where the last one began; the first one reads
/// whatever Sentry lists, which goes back 90 days. An issue comes again once another event was seen; one that is
/// only resolved or assigned does not, so leave that to the webhook. The id is `sentry:{issue.id}`, as the webhook
/// has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentryOptions {
    /// The organization's slug.
    pub organization: String,
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

impl Default for SentryOptions {
    fn default() -> Self {
        Self {
            organization: String::new(),
            projects: Vec::new(),
            environments: Vec::new(),
            levels: Vec::new(),
            query: String::new(),
            connection: Connection::new("https://sentry.io", 120, 60),
        }
    }
}

impl SentryOptions {
    /// Makes the source; `token` may read events (`event:read`).
    ///
    /// # Errors
    /// `Invalid` when an option or the token is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, token: Secret) -> Result<Box<dyn Source>> {
        let feeds = paths(OPERATION, "organization", std::slice::from_ref(&self.organization))?;
        check_secret(OPERATION, "the token", &token)?;
        let projects = self.projects.iter().map(u64::to_string).collect();
        let (environments, query) = (self.environments, self.query);
        let format = Issues::new(self.levels)?;
        let client = Client::new(OPERATION, self.connection, None)?;
        let sentry = Sentry { feeds, projects, environments, query, token, format };
        Ok(Box::new(Poller::new("sentry", client, sentry)))
    }
}

struct Sentry {
    /// The organization.
    feeds: Vec<String>,
    projects: Vec<String>,
    environments: Vec<String>,
    query: String,
    token: Secret,
    format: Issues,
}

#[async_trait]
impl Vendor for Sentry {
    fn feeds(&self) -> &[String] {
        &self.feeds
    }

    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure> {
        let mut query = vec![("sort", "date"), ("limit", "100"), ("query", self.query.as_str())];
        query.extend(self.projects.iter().map(|project| ("project", project.as_str())));
        if self.projects.is_empty() {
            query.push(("project", "-1"));
        }
        query.extend(self.environments.iter().map(|name| ("environment", name.as_str())));
        query.extend(round.page.as_deref().map(|page| ("cursor", page)));
        let url = client.api.at(&["api", "0", "organizations", &self.feeds[feed], "issues", ""], query);
        Ok(Call::get(url).bearer(&self.token))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &self.format
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        round.descend(got, got.next())
    }
}
