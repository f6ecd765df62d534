//! Posts and comments of Reddit, by `GET /r/{subreddit}/{listing}`.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Batch, Rejected, Source};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::client::{Call, Client, Failure, Reply, Step, check_secret};
use super::clock::after;
use super::connection::Connection;
use super::element::{self, Fields};
use super::endpoint::{Endpoint, check_name, form};
use super::jwt::Token;
use super::pace::{Pace, Poller};
use super::reddit_post::report;
use super::round::Round;

pub(super) const SOURCE: &str = "reddit";
const OPERATION: &str = "reddit.fetch";
/// Whose cursor it is: that of any set of subreddits, so that they may change.
const OF: &str = "reddit";
/// Most subreddits times listings.
const MAX_FEEDS: usize = 1000;
/// How many posts before the last of a page the next one can follow, should that one be gone.
const SPARE: usize = 3;
/// A token is renewed so long before its end.
const MARGIN: Duration = Duration::from_secs(60);

/// A list of a subreddit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
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

impl Listing {
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
#[derive(Debug, Clone)]
pub struct RedditOptions {
    /// Names of subreddits; trimmed, in lower case and without repetition once checked. `r/` in front is left
    /// out.
    pub subreddits: Vec<String>,
    /// Which lists of each; the new posts unless given.
    pub listings: Vec<Listing>,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
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

impl RedditOptions {
    /// New posts of `subreddits`.
    #[must_use]
    pub fn new(
        subreddits: impl IntoIterator<Item = impl Into<String>>,
        client_id: impl Into<String>,
        client_secret: Secret,
        user_agent: impl Into<String>,
    ) -> Self {
        Self {
            subreddits: subreddits.into_iter().map(Into::into).collect(),
            listings: vec![Listing::New],
            client_id: client_id.into(),
            client_secret,
            user_agent: user_agent.into(),
            pages: 10,
            login_url: "https://www.reddit.com".into(),
            connection: Connection::new("https://oauth.reddit.com", 100, Duration::from_secs(60)),
        }
    }
}

/// Pulls posts and comments of subreddits, one list after the other.
///
/// A round of a list by time reads down to where its last one began; the other lists are read from the top
/// each time. A list that Reddit refuses, as that of a banned or private subreddit, is told in
/// [`Batch::rejected`] and the others go on, unless it is the only one. What Reddit does not list any more is
/// out of reach, and a change or a deletion is seen only where a post is read again: within the overlap. A
/// deleted post comes without its text and author, with `metadata.deleted`. Scores and numbers of comments
/// are in the raw payload alone: they change all the time.
///
/// The id is the fullname, such as `t3_48fbm9`.
///
/// ```no_run
/// # async fn run(secret: String) -> soulcaster_core::Result<()> {
/// use soulcaster_core::{Secret, port::Source};
/// use soulcaster_sources::pull::{Reddit, RedditOptions};
///
/// let agent = "server:org.example.triage:1.0 (by /u/example)";
/// let options = RedditOptions::new(["rust", "programming"], "app-id", Secret::new(secret), agent);
/// let batch = Reddit::new(options)?.fetch(None).await?;
/// # Ok(()) }
/// ```
pub struct Reddit {
    client: Client,
    api: Endpoint,
    login: Endpoint,
    options: RedditOptions,
    feeds: Vec<Feed>,
    token: Option<Token>,
}

struct Feed {
    /// Names it in the cursor.
    name: String,
    subreddit: String,
    listing: Listing,
}

/// Where the reading is: which list is next, and where each of them is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    next: Option<String>,
    rounds: BTreeMap<String, Round>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: PageData<'a>,
}

#[derive(Deserialize)]
struct PageData<'a> {
    #[serde(borrow)]
    children: Vec<&'a RawValue>,
    #[serde(default)]
    after: Option<String>,
}

impl Reddit {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(mut options: RedditOptions) -> Result<Self> {
        let check = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(Error::invalid(OPERATION, rule)) }
        };
        options.subreddits = tidy(&options.subreddits);
        check(!options.subreddits.is_empty(), "there is no subreddit to read")?;
        for subreddit in &options.subreddits {
            check_name(OPERATION, "a subreddit", subreddit)?;
        }
        check(!options.listings.is_empty(), "there is no list to read")?;
        check(!options.client_id.trim().is_empty(), "the client id is empty")?;
        check(options.pages > 0, "a round has at least one page")?;
        check(
            !options.user_agent.trim().is_empty(),
            "the user agent is empty; Reddit wants to know who asks",
        )?;
        check_secret(OPERATION, "the client secret", &options.client_secret)?;
        let mut feeds: Vec<Feed> = Vec::new();
        for subreddit in &options.subreddits {
            for listing in &options.listings {
                let name = format!("{subreddit}/{}", listing.path());
                if !feeds.iter().any(|feed| feed.name == name) {
                    feeds.push(Feed { name, subreddit: subreddit.clone(), listing: *listing });
                }
            }
        }
        check(feeds.len() <= MAX_FEEDS, "subreddits times lists are 1000 at most")?;
        let api = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let login = Endpoint::new(OPERATION, &options.login_url)?;
        let agent = Some(options.user_agent.as_str());
        let client = Client::new(OPERATION, options.connection.clone(), &[&api, &login], agent)?;
        Ok(Self { client, api, login, options, feeds, token: None })
    }

    /// The subreddits as they are read: trimmed, in lower case, each once.
    #[must_use]
    pub fn subreddits(&self) -> &[String] {
        &self.options.subreddits
    }

    /// A token that is good for a while.
    async fn token(&mut self) -> Result<Secret, Failure> {
        let now = self.client.now();
        if let Some(token) = self.token.as_ref().filter(|token| token.until > now) {
            return Ok(token.secret.clone());
        }
        let url = self.login.at(&["api", "v1", "access_token"], []);
        let body = form(&[("grant_type", "client_credentials")]);
        let call = Call::post(url, "application/x-www-form-urlencoded", body);
        let call = call.basic(&self.options.client_id, &self.options.client_secret);
        let answer: Value =
            self.client.send(call).await?.json().map_err(|error| Failure { error, status: None })?;
        let secret = answer.text("/access_token").map(Secret::new);
        let secret = secret.filter(|secret| check_secret(OPERATION, "the token", secret).is_ok());
        let Some(secret) = secret else {
            let what = "the login gives no token; check client id and secret";
            return Err(Failure {
                error: Error::new(ErrorKind::Unauthorized, OPERATION, what),
                status: None,
            });
        };
        let seconds = answer.pointer("/expires_in").and_then(Value::as_u64).unwrap_or(3600);
        let life = Duration::from_secs(seconds).saturating_sub(MARGIN);
        self.token = Some(Token { secret: secret.clone(), until: after(now, life) });
        Ok(secret)
    }

    /// Asks for a page; with a new token when the old one is not good any more.
    async fn page(&mut self, feed: usize, round: &Round) -> Result<Reply, Failure> {
        let Feed { subreddit, listing, .. } = &self.feeds[feed];
        let mut query = vec![("raw_json", "1"), ("limit", "100")];
        if *listing == Listing::Top {
            query.push(("t", "day"));
        }
        query.extend(round.page.as_deref().map(|page| ("after", page)));
        let url = self.api.at(&["r", subreddit, listing.path()], query);
        let kept = self.token.is_some();
        let token = self.token().await?;
        match self.client.send(Call::get(url.clone()).bearer(&token)).await {
            Err(Failure { status: Some(401), .. }) if kept => {
                self.token = None;
                let token = self.token().await?;
                self.client.send(Call::get(url).bearer(&token)).await
            }
            reply => reply,
        }
    }

    async fn step(&mut self, place: &mut Place) -> Result<Step> {
        let feed = self.feeds.iter().position(|feed| Some(&feed.name) == place.next.as_ref()).unwrap_or(0);
        place.rounds.retain(|name, _| self.feeds.iter().any(|feed| feed.name == *name));
        let name = self.feeds[feed].name.clone();
        let mut round = place.rounds.get(&name).cloned().unwrap_or_default();
        let mut step = match self.page(feed, &round).await {
            Ok(reply) => self.read(feed, &mut round, &reply)?,
            Err(failure) => self.refused(feed, &mut round, failure)?,
        };
        place.rounds.insert(name, round);
        let feed = if step.more { feed } else { feed + 1 };
        step.more = feed < self.feeds.len();
        place.next = self.feeds.get(feed).map(|feed| feed.name.clone());
        Ok(step)
    }

    /// Goes on with the next list when this one alone is refused.
    fn refused(&self, feed: usize, round: &mut Round, failure: Failure) -> Result<Step> {
        let one = matches!(failure.status, Some(302 | 403 | 404)) && self.feeds.len() > 1;
        if !one || failure.error.kind() == ErrorKind::RateLimited {
            return round.recover(failure);
        }
        *round = Round { mark: round.mark, ..Round::default() };
        let Feed { name, .. } = &self.feeds[feed];
        let reason = format!("r/{name}: {}; or leave it out", failure.error.message());
        let mut step = Step::default();
        step.listing.rejected.push(Rejected { index: 0, reason });
        Ok(step)
    }

    fn read(&self, feed: usize, round: &mut Round, reply: &Reply) -> Result<Step> {
        let page: Page<'_> = reply.json()?;
        let time = |thing: &Value| thing.time("/data/created_utc");
        let listing = element::Listing::read(&page.data.children, AuthStrength::SharedSecret, time, report);
        let (by_time, pages) = match self.feeds[feed].listing {
            listing if listing.is_by_time() => (true, self.options.pages),
            _ => (false, 1),
        };
        if page.data.children.is_empty() && !round.is_start() {
            // The post that the page was to follow may be gone: it is to follow one before, which gives that
            // post again if it was but the last.
            if round.fall_back() {
                return Ok(Step { listing, more: true });
            }
            // Nothing helps. The mark stays, so the next round reads down to it again.
            round.top = None;
        }
        let next = page.data.after.filter(|next| !next.is_empty() && round.pages + 1 < pages);
        let more = if by_time {
            round.descend(
                &listing.times,
                next,
                self.client.connection.overlap,
                self.client.now(),
                OPERATION,
            )?
        } else {
            round.proceed(next, OPERATION)?
        };
        if !round.is_start() {
            let names = listing.items.iter().rev().filter_map(|item| item.external_id.clone());
            round.spare = names.skip(1).take(SPARE).collect();
            round.spare.reverse();
        }
        Ok(Step { listing, more })
    }
}

/// Trims, lowers and names each once, in the order given.
fn tidy(names: &[String]) -> Vec<String> {
    let mut tidy: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim().to_lowercase();
        let name = name.trim_start_matches('/');
        let name = name.strip_prefix("r/").unwrap_or(name).trim_end_matches('/');
        if !name.is_empty() && !tidy.iter().any(|known| known == name) {
            tidy.push(name.to_owned());
        }
    }
    tidy
}

#[async_trait]
impl Source for Reddit {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut place = self.client.open(OF, cursor)?;
        let step = self.step(&mut place).await;
        self.client.close(step, OF, &place)
    }
}

impl Poller for Reddit {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subreddits_are_tidied() {
        let names = [" Rust ", "rust", "", "r/LearnRust", "/r/rust/", "  "].map(str::to_owned);
        assert_eq!(tidy(&names), ["rust", "learnrust"]);
    }
}
