//! Reviews of Google Play, by `GET /androidpublisher/v3/applications/{package}/reviews`.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use soulcaster_core::port::Source;
use soulcaster_core::{Error, Result, Secret};

use super::client::{Call, Client, Failure};
use super::clock::after;
use super::connection::Connection;
use super::endpoint::{Endpoint, form};
use super::jwt::Key;
use super::names::paths;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use super::token::Tokens;
use crate::answer::Format;
use crate::answer::google_play::Reviews;
use crate::payload::word;

const OPERATION: &str = "google_play.fetch";
const SCOPE: &str = "https://www.googleapis.com/auth/androidpublisher";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long an assertion is good for.
const ASSERTION_LIFE: Duration = Duration::from_secs(3600);

/// What is pulled from Google Play, and how.
///
/// Google lists the reviews of the last seven days alone, and only those with text, so pull at least daily.
/// Each round reads all of them: their order is not promised. The id is the review's own, and the same after
/// an edit. One star is [`Critical`](soulcaster_core::model::Severity::Critical), five are
/// [`Info`](soulcaster_core::model::Severity::Info).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GooglePlayOptions {
    /// The apps' package names.
    pub packages: Vec<String>,
    /// Where tokens come from; the key file's `token_uri` is not asked.
    pub login_url: String,
    /// How Google is reached.
    pub connection: Connection,
}

impl Default for GooglePlayOptions {
    fn default() -> Self {
        Self {
            packages: Vec::new(),
            login_url: "https://oauth2.googleapis.com/token".into(),
            connection: Connection::new("https://androidpublisher.googleapis.com", 200, 3600),
        }
    }
}

impl GooglePlayOptions {
    /// Makes the source; `service_account` is the content of the account's key file.
    ///
    /// # Errors
    /// `Invalid` when an option or the key file is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, service_account: &Secret) -> Result<Box<dyn Source>> {
        let packages = paths(OPERATION, "packages", &self.packages)?;
        let unfit = || {
            let what = "the service account is no key file; give the JSON with client_email and private_key";
            Error::invalid(OPERATION, what)
        };
        let file: Value = serde_json::from_str(service_account.expose()).map_err(|_| unfit())?;
        let account = word(&file, "/client_email").ok_or_else(unfit)?;
        let pem = file.get("private_key").and_then(Value::as_str).map(Secret::new).ok_or_else(unfit)?;
        let key = Key::rsa(OPERATION, &pem)?;
        let key_id = word(&file, "/private_key_id");
        let client = Client::new(OPERATION, self.connection, None)?;
        let login = client.endpoint(&self.login_url)?;
        let play = GooglePlay { packages, login, account, key, key_id, tokens: Tokens::default() };
        Ok(Box::new(Poller::new("google_play", client, play)))
    }
}

struct GooglePlay {
    packages: Vec<String>,
    login: Endpoint,
    account: String,
    key: Key,
    key_id: Option<String>,
    tokens: Tokens,
}

impl GooglePlay {
    async fn token(&mut self, client: &mut Client) -> Result<Secret, Failure> {
        if let Some(token) = self.tokens.current(client) {
            return Ok(token);
        }
        let url = self.login.at(&[], []);
        let (issued, ends) = (client.now().timestamp(), after(client.now(), ASSERTION_LIFE).timestamp());
        let claims =
            json!({"iss": self.account, "scope": SCOPE, "aud": url.as_str(), "iat": issued, "exp": ends});
        let assertion = self.key.sign(OPERATION, self.key_id.as_deref(), &claims)?;
        let body = form(&[("grant_type", GRANT), ("assertion", assertion.expose())]);
        let call = Call::post(url, "application/x-www-form-urlencoded", body).hiding(&assertion);
        self.tokens.login(client, call, "the service account").await
    }
}

#[async_trait]
impl Vendor for GooglePlay {
    fn feeds(&self) -> &[String] {
        &self.packages
    }

    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure> {
        let token = self.token(client).await?;
        let mut query = vec![("maxResults", "100")];
        query.extend(round.page.as_deref().map(|page| ("token", page)));
        let path = ["androidpublisher", "v3", "applications", &self.packages[feed], "reviews"];
        Ok(Call::get(client.api.at(&path, query)).bearer(&token))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &Reviews
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        round.proceed(got, got.next())
    }

    fn renew(&mut self) -> bool {
        self.tokens.renew()
    }
}
