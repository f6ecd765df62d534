//! Reviews of Google Play, by `GET /androidpublisher/v3/applications/{package}/reviews`.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Batch, Source};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::client::{Call, Client, Failure, Step, check_secret};
use super::clock::after;
use super::connection::Connection;
use super::element::{Fields, Listing, stars, texts};
use super::endpoint::{Endpoint, check_name, form};
use super::jwt::{Key, Token};
use super::pace::{Pace, Poller};
use super::round::Round;

const SOURCE: &str = "google_play";
const OPERATION: &str = "google_play.fetch";
const SCOPE: &str = "https://www.googleapis.com/auth/androidpublisher";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good for, and a token renewed before its end.
const ASSERTION_LIFE: Duration = Duration::from_secs(3600);
const MARGIN: Duration = Duration::from_secs(60);

/// What is pulled from Google Play, and how.
#[derive(Debug, Clone)]
pub struct GooglePlayOptions {
    /// The app's package name.
    pub package: String,
    /// The content of the service account's key file.
    pub service_account: Secret,
    /// Where tokens come from; the key file's `token_uri` is not asked.
    pub login_url: String,
    /// How Google is reached.
    pub connection: Connection,
}

impl GooglePlayOptions {
    /// Reviews of `package`.
    #[must_use]
    pub fn new(package: impl Into<String>, service_account: Secret) -> Self {
        Self {
            package: package.into(),
            service_account,
            login_url: "https://oauth2.googleapis.com/token".into(),
            connection: Connection::new(
                "https://androidpublisher.googleapis.com",
                200,
                Duration::from_secs(3600),
            ),
        }
    }
}

/// Pulls reviews of an app.
///
/// Google lists the reviews of the last seven days alone, and only those with text, so pull at least daily.
/// Each round reads all of them: their order is not promised. The id is the review's own, and the same after
/// an edit. One star is [`Critical`](soulcaster_core::model::Severity::Critical), five are
/// [`Info`](soulcaster_core::model::Severity::Info).
pub struct GooglePlay {
    client: Client,
    api: Endpoint,
    login: Endpoint,
    of: String,
    options: GooglePlayOptions,
    account: String,
    key: Key,
    key_id: Option<String>,
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow, default)]
    reviews: Vec<&'a RawValue>,
    #[serde(default, rename = "tokenPagination")]
    pagination: Value,
}

impl GooglePlay {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(options: GooglePlayOptions) -> Result<Self> {
        check_name(OPERATION, "the package", &options.package)?;
        let unfit = || {
            let what = "the service account is no key file; give the JSON with client_email and private_key";
            Error::invalid(OPERATION, what)
        };
        let file: Value = serde_json::from_str(options.service_account.expose()).map_err(|_| unfit())?;
        let account = file.text("/client_email").ok_or_else(unfit)?.to_owned();
        let pem = Secret::new(file.text("/private_key").ok_or_else(unfit)?);
        let key = Key::rsa(OPERATION, &pem)?;
        let key_id = file.text("/private_key_id").map(str::to_owned);
        let api = Endpoint::new(OPERATION, &options.connection.base_url)?;
        let login = Endpoint::new(OPERATION, &options.login_url)?;
        let client = Client::new(OPERATION, options.connection.clone(), &[&api, &login], None)?;
        let of = format!("{SOURCE}/{}", options.package);
        Ok(Self { client, api, login, of, options, account, key, key_id, token: None })
    }

    /// A token that is good for a while.
    async fn token(&mut self) -> Result<Secret> {
        let now = self.client.now();
        if let Some(token) = self.token.as_ref().filter(|token| token.until > now) {
            return Ok(token.secret.clone());
        }
        let url = self.login.at(&[], []);
        let (issued, ends) = (now.timestamp(), after(now, ASSERTION_LIFE).timestamp());
        let claims =
            json!({"iss": self.account, "scope": SCOPE, "aud": url.as_str(), "iat": issued, "exp": ends});
        let assertion = self.key.sign(OPERATION, self.key_id.as_deref(), &claims)?;
        let body = form(&[("grant_type", GRANT), ("assertion", assertion.expose())]);
        let call = Call::post(url, "application/x-www-form-urlencoded", body).hiding(&assertion);
        let answer: Value = match self.client.send(call).await {
            Ok(reply) => reply.json()?,
            // Google answers 400 to an account that it does not know.
            Err(Failure { error, status: Some(400) }) => {
                return Err(Error::new(ErrorKind::Unauthorized, OPERATION, error.message().to_owned()));
            }
            Err(failure) => return Err(failure.error),
        };
        let secret = answer.text("/access_token").map(Secret::new);
        let secret = secret.filter(|secret| check_secret(OPERATION, "the token", secret).is_ok());
        let secret = secret.ok_or_else(|| {
            Error::new(
                ErrorKind::Unauthorized,
                OPERATION,
                "the login gives no token; check the service account",
            )
        })?;
        let seconds = answer.pointer("/expires_in").and_then(Value::as_u64).unwrap_or(3600);
        let life = Duration::from_secs(seconds).saturating_sub(MARGIN);
        self.token = Some(Token { secret: secret.clone(), until: after(now, life) });
        Ok(secret)
    }

    async fn step(&mut self, round: &mut Round) -> Result<Step> {
        let mut query = vec![("maxResults", "100")];
        query.extend(round.page.as_deref().map(|page| ("token", page)));
        let path = ["androidpublisher", "v3", "applications", &self.options.package, "reviews"];
        let url = self.api.at(&path, query);
        let token = self.token().await?;
        let reply = match self.client.send(Call::get(url).bearer(&token)).await {
            Ok(reply) => reply,
            Err(failure) => {
                if failure.status == Some(401) {
                    self.token = None;
                }
                return round.recover(failure);
            }
        };
        let page: Page<'_> = reply.json()?;
        let listing = Listing::read(
            &page.reviews,
            AuthStrength::SharedSecret,
            |_| None,
            |review| report(review).map(Some),
        );
        let more = round.proceed(page.pagination.text("/nextPageToken").map(str::to_owned), OPERATION)?;
        Ok(Step { listing, more })
    }
}

fn report(review: &Value) -> Result<Inbound, String> {
    let id = review.id("/reviewId")?;
    let comment = review.list("/comments").iter().find_map(|comment| comment.get("userComment"));
    let comment = comment.ok_or("has no comment of the user")?;
    let text = comment.text("/text").unwrap_or_default();
    let nanos = comment.pointer("/lastModified/nanos").and_then(Value::as_i64);
    let nanos = nanos.filter(|nanos| (0..1_000_000_000).contains(nanos)).unwrap_or_default();
    let modified = comment.time("/lastModified/seconds").map(|time| time + TimeDelta::nanoseconds(nanos));
    let tags = ["/appVersionName", "/device"].iter().filter_map(|place| comment.pointer(place));
    Ok(Inbound {
        source: SOURCE.into(),
        external_id: Some(id),
        title: text.split_once('\t').map_or("", |(title, _)| title.trim()).to_owned(),
        body: text.trim().to_owned(),
        author: review.text("/authorName").map(str::to_owned),
        severity: stars(comment.pointer("/starRating")),
        tags: texts(tags),
        metadata: comment.pick(&[
            ("rating", "/starRating"),
            ("language", "/reviewerLanguage"),
            ("original_text", "/originalText"),
            ("app_version", "/appVersionName"),
            ("app_version_code", "/appVersionCode"),
            ("android_os_version", "/androidOsVersion"),
            ("device", "/device"),
            ("product", "/deviceMetadata/productName"),
        ]),
        occurred_at: modified,
        ..Inbound::default()
    })
}

#[async_trait]
impl Source for GooglePlay {
    fn name(&self) -> &str {
        SOURCE
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        let mut round = self.client.open(&self.of, cursor)?;
        let step = self.step(&mut round).await;
        self.client.close(step, &self.of, &round)
    }
}

impl Poller for GooglePlay {
    fn pace(&self) -> Pace {
        self.client.pace()
    }
}
