//! Customer reviews of the App Store, by `GET /v1/apps/{app}/customerReviews`.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Step};
use super::clock::after;
use super::connection::Connection;
use super::element::{Fields, Listing, stars, texts};
use super::endpoint::{Endpoint, check_name, parameter};
use super::jwt::{Key, Token};
use super::pace::{Pace, Poller};
use super::round::Round;

const SOURCE: &str = "app_store";
const OPERATION: &str = "app_store.fetch";
/// Apple takes tokens of 20 minutes at most.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);
const MARGIN: Duration = Duration::from_secs(60);

/// What is pulled from the App Store, and how.
#[derive(Debug, Clone)]
pub struct AppStoreOptions {
    /// The app's number in the App Store.
    pub app: String,
    /// The issuer id of the API keys.
    pub issuer: String,
    /// The id of the API key.
    pub key_id: String,
    /// The API key: the content of the `.p8` file.
    pub private_key: Secret,
    /// How App Store Connect is reached. The overlap is three days, as reviews show up late.
    pub connection: Connection,
}

impl AppStoreOptions {
    /// Reviews of `app`.
    #[must_use]
    pub fn new(
        app: impl Into<String>,
        issuer: impl Into<String>,
        key_id: impl Into<String>,
        private_key: Secret,
    ) -> Self {
        let connection =
            Connection::new("https://api.appstoreconnect.apple.com", 3500, Duration::from_secs(3600));
        Self {
            app: app.into(),
            issuer: issuer.into(),
            key_id: key_id.into(),
            private_key,
            connection: Connection { overlap: Duration::from_secs(3 * 24 * 3600), ..connection },
        }
    }
}

/// Pulls customer reviews of an app, newest first, down to where the last round began.
///
/// The id is the review's own. One star is [`Critical`](soulcaster_core::model::Severity::Critical), five are
/// [`Info`](soulcaster_core::model::Severity::Info).
pub struct AppStore {
    client: Client,
    endpoint: Endpoint,
    of: String,
    options: AppStoreOptions,
    key: Key,
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    links: Value,
}

impl AppStore {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: AppStoreOptions) -> Result<Self> {
        check_name(OPERATION, "the app", &options.app)?;
        check_name(OPERATION, "the issuer id", &options.issuer)?;
        check_name(OPERATION, "the key id", &options.key_id)?;
        let key = Key::ecdsa(OPERATION, &options.private_key)?;
        let endpoint = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&endpoint], None)?;
        let of = format!("{SOURCE}/{}", options.app);
        Ok(Self { client, endpoint, of, options, key, token: None })
    }

    /// A token that is good for a while.
    fn token(&mut self) -> Result<Secret> {
        let now = self.client.now();
        if let Some(token) = self.token.as_ref().filter(|token| token.until > now) {
            return Ok(token.secret.clone());
        }
        let (issued, ends) = (now.timestamp(), after(now, TOKEN_LIFE).timestamp());
        let claims =
            json!({"iss": self.options.issuer, "iat": issued, "exp": ends, "aud": "appstoreconnect-v1"});
        let secret = self.key.sign(OPERATION, Some(&self.options.key_id), &claims)?;
        self.token = Some(Token { secret: secret.clone(), until: after(now, TOKEN_LIFE - MARGIN) });
        Ok(secret)
    }

    async fn step(&mut self, round: &mut Round) -> Result<Step> {
        let mut query = vec![("sort", "-createdDate"), ("limit", "200")];
        query.extend(round.page.as_deref().map(|page| ("cursor", page)));
        let url = self.endpoint.at(&["v1", "apps", &self.options.app, "customerReviews"], query);
        let token = self.token()?;
        let reply = match self.client.send(Call::get(url).bearer(&token)).await {
            Ok(reply) => reply,
            Err(failure) => return round.recover(failure),
        };
        let page: Page<'_> = reply.json()?;
        let time = |review: &Value| review.time("/attributes/createdDate");
        let listing =
            Listing::read(&page.data, AuthStrength::SharedSecret, time, |review| report(review).map(Some));
        let mut next = None;
        if let Some(link) = page.links.text("/next") {
            next = parameter(&self.endpoint.own(link)?, "cursor");
        }
        let (overlap, now) = (self.client.connection.overlap, self.client.now());
        let more = round.descend(&listing.times, next, overlap, now, OPERATION)?;
        Ok(Step { listing, more })
    }
}

fn report(review: &Value) -> Result<Inbound, String> {
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(review.id("/id")?),
        title: review.text("/attributes/title").unwrap_or_default().to_owned(),
        body: review.text("/attributes/body").unwrap_or_default().to_owned(),
        author: review.text("/attributes/reviewerNickname").map(str::to_owned),
        severity: stars(review.pointer("/attributes/rating")),
        tags: texts(review.pointer("/attributes/territory")),
        metadata: review.pick(&[("rating", "/attributes/rating"), ("territory", "/attributes/territory")]),
        occurred_at: review.time("/attributes/createdDate"),
        ..Inbound::default()
    })
}

#[async_trait]
impl Source for AppStore {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut round = self.client.open(&self.of, cursor)?;
        let step = self.step(&mut round).await;
        self.client.close(step, &self.of, &round)
    }
}

impl Poller for AppStore {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
