//! GitHub, by its REST API and git over HTTPS.

mod answer;

use std::path::Path;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine as _;
use octocrab::Octocrab;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use soulcaster_core::port::host::{Checkout, CodeHost, Publication, PullRequest, PullRequestState};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::repository::Remote;
use super::{Identity, check, parts};
use crate::endpoint::Endpoint;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// With what GitHub is asked.
#[derive(Debug, Clone)]
pub enum GitHubAccess {
    /// A token, which should be limited to the repositories in question, with `contents` and `pull requests` to write.
    Token(Secret),
    /// A GitHub App: for each use a token of one repository is taken, which may read, or write contents and pull
    /// requests, and nothing else.
    App {
        /// The App's id.
        id: u64,
        /// Its private key (PEM, RSA).
        key: Secret,
    },
}

impl GitHubAccess {
    /// The token that a file holds; blanks around it are cut.
    ///
    /// # Errors
    /// `Invalid` if the file cannot be read or is empty.
    pub fn token_file(path: &Path) -> Result<Self> {
        Ok(Self::Token(secret_file(path)?))
    }

    /// The App `id` with the private key that a file holds.
    ///
    /// # Errors
    /// `Invalid` if the file cannot be read or is empty.
    pub fn app_file(id: u64, path: &Path) -> Result<Self> {
        Ok(Self::App { id, key: secret_file(path)? })
    }
}

fn secret_file(path: &Path) -> Result<Secret> {
    let fault = |what: &str| Error::invalid("github.access", format!("{} {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| fault("cannot be read").with_source(e))?;
    if text.trim().is_empty() {
        return Err(fault("is empty"));
    }
    Ok(Secret::new(text.trim()))
}

/// Where GitHub is and who asks.
#[derive(Debug, Clone)]
pub struct GitHubSettings {
    /// The REST API: `https://api.github.com`, or `https://HOST/api/v3` of GitHub Enterprise Server.
    pub api: String,
    /// Where repositories are cloned from: `https://github.com`.
    pub web: String,
    /// With what it is asked.
    pub access: GitHubAccess,
    /// Who commits.
    pub identity: Identity,
}

impl GitHubSettings {
    /// github.com.
    #[must_use]
    pub fn new(access: GitHubAccess) -> Self {
        Self {
            api: "https://api.github.com".into(),
            web: "https://github.com".into(),
            access,
            identity: Identity::default(),
        }
    }
}

/// GitHub.
///
/// A rate limit is an error, `RateLimited`, with the wait that GitHub names; nothing is tried twice here.
///
/// ```no_run
/// # async fn example() -> soulcaster_core::Result<()> {
/// use soulcaster_agents::host::{GitHub, GitHubAccess, GitHubSettings};
/// use soulcaster_core::port::host::CodeHost;
/// let access = GitHubAccess::app_file(12345, "/run/secrets/app.pem".as_ref())?;
/// let host = GitHub::new(GitHubSettings::new(access))?;
/// println!("{:?}", host.state("acme/shop", 7).await?);
/// # Ok(()) }
/// ```
pub struct GitHub {
    settings: GitHubSettings,
    /// What requests go through; makes no request by itself.
    client: reqwest::Client,
    web: Url,
}

impl std::fmt::Debug for GitHub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitHub").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Permission {
    Read,
    Write,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    state: String,
    #[serde(default)]
    merged_at: Option<String>,
}

impl GitHub {
    /// Checks the settings; asks nothing yet.
    ///
    /// # Errors
    /// `Invalid` for addresses that are not https (or http to this machine) or hold credentials, and for an App's
    /// key that cannot be read.
    pub fn new(settings: GitHubSettings) -> Result<Self> {
        Endpoint::new("github.new", &settings.api, "", true)?;
        let web = Endpoint::new("github.new", &settings.web, "", true)?.url();
        // Nothing is followed: what is moved answers with a redirection, and no token goes where it leads.
        let client =
            reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|e| {
            Error::new(ErrorKind::Unexpected, "github.new", "no HTTP client can be made").with_source(e)
        })?;
        if let GitHubAccess::App { key, .. } = &settings.access {
            encoding_key(key)?;
        }
        Ok(Self { settings, client, web })
    }

    fn asker(
        &self,
        builder: octocrab::OctocrabBuilder<
            octocrab::NoSvc,
            octocrab::DefaultOctocrabBuilderConfig,
            octocrab::NoAuth,
            octocrab::NotLayerReady,
        >,
    ) -> Result<Octocrab> {
        let fault = |_| Error::new(ErrorKind::Unexpected, "github.ask", "the client cannot be made");
        let builder = builder.base_uri(self.settings.api.trim_end_matches('/')).map_err(fault)?;
        builder.build_with_reqwest(self.client.clone()).map_err(fault)
    }

    /// A token for one repository.
    async fn token(&self, repository: &str, permission: Permission) -> Result<Secret> {
        let (id, key) = match &self.settings.access {
            GitHubAccess::Token(token) => return Ok(token.clone()),
            GitHubAccess::App { id, key } => (*id, encoding_key(key)?),
        };
        #[derive(Deserialize)]
        struct Installation {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Token {
            token: String,
        }
        let (_, name) = parts(repository)?;
        let app = self.asker(Octocrab::builder().app(id.into(), key))?;
        let found: Installation =
            answer::read(app._get(format!("/repos/{repository}/installation")).await).await?;
        let allowed = match permission {
            Permission::Read => json!({"contents": "read", "metadata": "read", "pull_requests": "read"}),
            Permission::Write => json!({"contents": "write", "metadata": "read", "pull_requests": "write"}),
        };
        let wanted = json!({"repositories": [name], "permissions": allowed});
        let route = format!("/app/installations/{}/access_tokens", found.id);
        let token: Token = answer::read(app._post(route, Some(&wanted)).await).await?;
        Ok(Secret::new(token.token))
    }

    fn with(&self, token: &Secret) -> Result<Octocrab> {
        self.asker(Octocrab::builder().personal_token(token.expose().to_owned()))
    }

    fn remote(&self, repository: &str, token: &Secret) -> Remote {
        let base = self.web.as_str().trim_end_matches('/');
        let pair =
            base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{}", token.expose()));
        Remote {
            url: format!("{base}/{repository}.git"),
            protocol: if self.web.scheme() == "http" { "http" } else { "https" },
            // For this host alone.
            settings: vec![(format!("http.{base}/.extraHeader"), format!("Authorization: Basic {pair}"))],
        }
    }

    /// The pull request of a branch, open ones first.
    async fn find(&self, octocrab: &Octocrab, publication: &Publication) -> Result<Option<PullRequest>> {
        let (owner, _) = parts(&publication.repository)?;
        let route = format!(
            "/repos/{}/pulls?state=all&head={owner}:{}&per_page=100",
            publication.repository, publication.branch
        );
        let mut found: Vec<Pull> = answer::read(octocrab._get(route).await).await?;
        found.sort_by_key(|pull| (pull.state != "open", std::cmp::Reverse(pull.number)));
        Ok(found.into_iter().next().map(request))
    }
}

fn request(pull: Pull) -> PullRequest {
    PullRequest { url: pull.html_url, number: pull.number }
}

fn encoding_key(key: &Secret) -> Result<octocrab::auth::EncodingKey> {
    octocrab::auth::EncodingKey::from_rsa_pem(key.expose().as_bytes())
        .map_err(|_| Error::invalid("github.access", "the App's key is no RSA key in PEM form"))
}

#[async_trait]
impl CodeHost for GitHub {
    async fn checkout(&self, repository: &str, base: Option<&str>, into: &Path) -> Result<Checkout> {
        parts(repository)?;
        let token = self.token(repository, Permission::Read).await?;
        self.remote(repository, &token).checkout(base, into).await
    }

    async fn publish(&self, publication: &Publication) -> Result<PullRequest> {
        check(publication)?;
        let token = self.token(&publication.repository, Permission::Write).await?;
        let octocrab = self.with(&token)?;
        if let Some(found) = self.find(&octocrab, publication).await? {
            return Ok(found);
        }
        let scratch = tempfile::tempdir().map_err(|e| {
            Error::new(ErrorKind::Unavailable, "host.publish", "no temporary folder can be made")
                .with_source(e)
        })?;
        let remote = self.remote(&publication.repository, &token);
        let commit = remote.commit(scratch.path(), publication, &self.settings.identity).await?;
        remote.push(scratch.path(), &commit, &publication.branch).await?;
        let body = json!({
            "title": publication.title.trim(),
            "head": publication.branch,
            "base": publication.base,
            "body": publication.body,
            "draft": true,
        });
        let made = octocrab._post(format!("/repos/{}/pulls", publication.repository), Some(&body)).await;
        match answer::read::<Pull>(made).await {
            Ok(pull) => Ok(request(pull)),
            // Somebody else may have been faster.
            Err(error) if error.kind() == ErrorKind::Invalid => {
                self.find(&octocrab, publication).await?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn state(&self, repository: &str, number: u64) -> Result<PullRequestState> {
        parts(repository)?;
        let token = self.token(repository, Permission::Read).await?;
        let octocrab = self.with(&token)?;
        let pull: Pull =
            answer::read(octocrab._get(format!("/repos/{repository}/pulls/{number}")).await).await?;
        Ok(match (pull.merged_at, pull.state.as_str()) {
            (Some(_), _) => PullRequestState::Merged,
            (None, "closed") => PullRequestState::Closed,
            (None, _) => PullRequestState::Open,
        })
    }
}

#[cfg(test)]
mod tests;
