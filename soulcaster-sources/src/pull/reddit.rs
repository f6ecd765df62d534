//! Posts and comments of Reddit, by `GET /r/{subreddit}/{sort}`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Source;
use soulcaster_core::{Error, Result, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::connection::Connection;
use super::endpoint::{Endpoint, check_name, form};
use super::names::{check_feeds, tidy};
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use super::token::Tokens;
use crate::answer::Format;
use crate::answer::reddit::Things;

const OPERATION: &str = "reddit.fetch";
/// How many posts before the last of a page the next one can follow, should that one be gone.
const SPARE: usize = 3;

/// A list of a subreddit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedditSort {
    /// Posts, newest first.
    New,
    /// Posts that are hot now.
    Hot,
    /// Posts that rise now.
    Rising,
    /// The best posts of the day.
    Top,
    /// Comments, newest first.
    Comments,
}

impl RedditSort {
    fn path(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Hot => "hot",
            Self::Rising => "rising",
            Self::Top => "top",
            Self::Comments => "comments",
        }
    }

    /// Whether the newest come first, so that a round can stop at its mark.
    fn is_by_time(self) -> bool {
        matches!(self, Self::New | Self::Comments)
    }
}

/// What is pulled from Reddit, and how.
///
/// The lists are read one after the other. A round of a list by time reads down to where its last one began; the
/// other lists are read from the top each time. A list that Reddit refuses, as that of a banned or private
/// subreddit, is told in [`Batch::rejected`](soulcaster_core::port::Batch::rejected) and the others go on, unless
/// it is the only one. What Reddit does not list any more is out of reach, and a change or a deletion is seen only
/// where a post is read again: within the overlap. A deleted post comes without its text and author, with
/// `metadata.deleted`. Scores and numbers of comments are in the raw payload alone: they change all the time.
///
/// The id is the fullname, such as `t3_48fbm9`.
///
/// ```no_run
/// # async fn run(secret: String) -> soulcaster_core::Result<()> {
/// use soulcaster_core::{Secret, port::Source};
/// use soulcaster_sources::pull::RedditOptions;
///
/// let options = RedditOptions {
///     subreddits: vec!["rust".into(), "programming".into()],
///     client_id: "app-id".into(),
///     user_agent: "server:org.example.triage:1.0 (by /u/example)".into(),
///     ..RedditOptions::default()
/// };
/// let batch = options.source(Secret::new(secret))?.fetch(None).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedditOptions {
    /// Names of subreddits; trimmed, in lower case and without repetition when they are read. `r/` in front is
    /// left out.
    pub subreddits: Vec<String>,
    /// Which lists of each; the new posts unless given.
    pub sorts: Vec<RedditSort>,
    /// The application's id.
    pub client_id: String,
    /// `<platform>:<app id>:<version> (by /u/<user>)`: Reddit slows down whoever does not say.
    pub user_agent: String,
    /// Most pages of 100 in a round of one list; lists that are not by time have one. 10 unless given: Reddit
    /// lists no more than about 1,000.
    pub pages: u32,
    /// Where tokens come from.
    pub login_url: String,
    /// How Reddit is reached.
    pub connection: Connection,
}

impl Default for RedditOptions {
    fn default() -> Self {
        Self {
            subreddits: Vec::new(),
            sorts: vec![RedditSort::New],
            client_id: String::new(),
            user_agent: String::new(),
            pages: 10,
            login_url: "https://www.reddit.com".into(),
            connection: Connection::new("https://oauth.reddit.com", 100, 60),
        }
    }
}

impl RedditOptions {
    /// Makes the source; `client_secret` is the application's.
    ///
    /// # Errors
    /// `Invalid` when an option or the secret is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, client_secret: Secret) -> Result<Box<dyn Source>> {
        let check = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(Error::invalid(OPERATION, rule)) }
        };
        let subreddits = bare(&self.subreddits);
        check_feeds(OPERATION, "subreddits", &subreddits)?;
        let mut feeds = Vec::new();
        for subreddit in &subreddits {
            check_name(OPERATION, "a name in subreddits", subreddit)?;
            feeds.extend(self.sorts.iter().map(|sort| format!("{subreddit}/{}", sort.path())));
        }
        let feeds = tidy(&feeds);
        check_feeds(OPERATION, "sorts", &feeds)?;
        check(!self.client_id.trim().is_empty(), "client_id is missing")?;
        check(self.pages > 0, "pages is at least 1")?;
        check(!self.user_agent.trim().is_empty(), "user_agent is missing; Reddit wants to know who asks")?;
        check_secret(OPERATION, "the client secret", &client_secret)?;
        let client = Client::new(OPERATION, self.connection, Some(&self.user_agent))?;
        let login = client.endpoint(&self.login_url)?;
        let (client_id, pages, tokens) = (self.client_id, self.pages, Tokens::default());
        let reddit = Reddit { feeds, login, client_id, client_secret, pages, tokens };
        Ok(Box::new(Poller::new("reddit", client, reddit)))
    }
}

struct Reddit {
    /// `{subreddit}/{sort}`.
    feeds: Vec<String>,
    login: Endpoint,
    client_id: String,
    client_secret: Secret,
    pages: u32,
    tokens: Tokens,
}

impl Reddit {
    fn feed(&self, feed: usize) -> (&str, RedditSort) {
        let (subreddit, path) = self.feeds[feed].split_once('/').unwrap_or_default();
        let sorts = [RedditSort::Hot, RedditSort::Rising, RedditSort::Top, RedditSort::Comments];
        let sort = sorts.into_iter().find(|sort| sort.path() == path).unwrap_or(RedditSort::New);
        (subreddit, sort)
    }

    async fn token(&mut self, client: &mut Client) -> Result<Secret, Failure> {
        if let Some(token) = self.tokens.current(client) {
            return Ok(token);
        }
        let url = self.login.at(&["api", "v1", "access_token"], []);
        let body = form(&[("grant_type", "client_credentials")]);
        let call = Call::post(url, "application/x-www-form-urlencoded", body);
        let call = call.basic(&self.client_id, &self.client_secret);
        self.tokens.login(client, call, "client id and secret").await
    }
}

#[async_trait]
impl Vendor for Reddit {
    fn feeds(&self) -> &[String] {
        &self.feeds
    }

    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure> {
        let token = self.token(client).await?;
        let (subreddit, sort) = self.feed(feed);
        let mut query = vec![("raw_json", "1"), ("limit", "100")];
        if sort == RedditSort::Top {
            query.push(("t", "day"));
        }
        query.extend(round.page.as_deref().map(|page| ("after", page)));
        Ok(Call::get(client.api.at(&["r", subreddit, sort.path()], query)).bearer(&token))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &Things
    }

    fn advance(&self, feed: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        let (_, sort) = self.feed(feed);
        if got.page.elements.is_empty() && !round.is_start() {
            // The post that the page was to follow may be gone: it is to follow one before, which gives that
            // post again if it was but the last.
            if round.fall_back() {
                return Ok(true);
            }
            // Nothing helps. The mark stays, so the next round reads down to it again.
            round.held = true;
        }
        let pages = if sort.is_by_time() { self.pages } else { 1 };
        let next = got.next().filter(|_| round.pages + 1 < pages);
        let more = if sort.is_by_time() { round.descend(got, next)? } else { round.proceed(got, next)? };
        if !round.is_start() {
            let names = got.listing.items.iter().rev().filter_map(|item| item.external_id.clone());
            round.spare = names.skip(1).take(SPARE).collect();
            round.spare.reverse();
        }
        Ok(more)
    }

    fn renew(&mut self) -> bool {
        self.tokens.renew()
    }
}

/// The names alone, tidied.
fn bare(names: &[String]) -> Vec<String> {
    let bare = tidy(names).into_iter().map(|name| {
        let name = name.trim_start_matches('/');
        name.strip_prefix("r/").unwrap_or(name).trim_end_matches('/').to_owned()
    });
    tidy(&bare.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subreddits_are_tidied() {
        let names = [" Rust ", "rust", "", "r/LearnRust", "/r/rust/", "  "].map(str::to_owned);
        assert_eq!(bare(&names), ["rust", "learnrust"]);
    }
}
