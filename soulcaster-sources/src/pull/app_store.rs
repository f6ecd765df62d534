//! Customer reviews of the App Store, by `GET /v1/apps/{app}/customerReviews`.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use soulcaster_core::port::Source;
use soulcaster_core::{Result, Secret};

use super::client::{Call, Client, Failure};
use super::clock::after;
use super::connection::Connection;
use super::endpoint::check_name;
use super::jwt::Key;
use super::names::paths;
use super::poller::{Got, Poller, Vendor};
use super::round::Round;
use super::token::Tokens;
use crate::answer::Format;
use crate::answer::app_store::Reviews;

const OPERATION: &str = "app_store.fetch";
/// Apple takes tokens of 20 minutes at most.
const TOKEN_LIFE: Duration = Duration::from_secs(15 * 60);

/// What is pulled from the App Store, and how.
///
/// Reviews come newest first, down to where the last round began. The id is the review's own. One star is
/// [`Critical`](soulcaster_core::model::Severity::Critical), five are
/// [`Info`](soulcaster_core::model::Severity::Info).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppStoreOptions {
    /// The apps' numbers in the App Store.
    pub apps: Vec<String>,
    /// The issuer id of the API keys.
    pub issuer: String,
    /// The id of the API key.
    pub key_id: String,
    /// How App Store Connect is reached. The overlap is three days, as reviews show up late.
    pub connection: Connection,
}

impl Default for AppStoreOptions {
    fn default() -> Self {
        let connection = Connection::new("https://api.appstoreconnect.apple.com", 3500, 3600);
        Self {
            apps: Vec::new(),
            issuer: String::new(),
            key_id: String::new(),
            connection: Connection { overlap_seconds: 3 * 24 * 3600, ..connection },
        }
    }
}

impl AppStoreOptions {
    /// Makes the source; `private_key` is the content of the API key's `.p8` file.
    ///
    /// # Errors
    /// `Invalid` when an option or the key is unfit, `Unexpected` when TLS cannot be set up.
    pub fn source(self, private_key: &Secret) -> Result<Box<dyn Source>> {
        let apps = paths(OPERATION, "apps", &self.apps)?;
        check_name(OPERATION, "issuer", &self.issuer)?;
        check_name(OPERATION, "key_id", &self.key_id)?;
        let key = Key::ecdsa(OPERATION, private_key)?;
        let client = Client::new(OPERATION, self.connection, None)?;
        let (issuer, key_id, tokens) = (self.issuer, self.key_id, Tokens::default());
        Ok(Box::new(Poller::new("app_store", client, AppStore { apps, issuer, key_id, key, tokens })))
    }
}

struct AppStore {
    apps: Vec<String>,
    issuer: String,
    key_id: String,
    key: Key,
    tokens: Tokens,
}

impl AppStore {
    fn token(&mut self, client: &Client) -> Result<Secret> {
        if let Some(token) = self.tokens.current(client) {
            return Ok(token);
        }
        let (issued, ends) = (client.now().timestamp(), after(client.now(), TOKEN_LIFE).timestamp());
        let claims = json!({"iss": self.issuer, "iat": issued, "exp": ends, "aud": "appstoreconnect-v1"});
        let token = self.key.sign(OPERATION, Some(&self.key_id), &claims)?;
        Ok(self.tokens.keep(client, token, TOKEN_LIFE))
    }
}

#[async_trait]
impl Vendor for AppStore {
    fn feeds(&self) -> &[String] {
        &self.apps
    }

    async fn call(&mut self, client: &mut Client, feed: usize, round: &mut Round) -> Result<Call, Failure> {
        let mut query = vec![("sort", "-createdDate"), ("limit", "200")];
        query.extend(round.page.as_deref().map(|page| ("cursor", page)));
        let url = client.api.at(&["v1", "apps", &self.apps[feed], "customerReviews"], query);
        Ok(Call::get(url).bearer(&self.token(client)?))
    }

    fn format(&self, _: usize) -> &dyn Format {
        &Reviews
    }

    fn advance(&self, _: usize, round: &mut Round, got: &Got<'_>) -> Result<bool> {
        round.descend(got, got.next())
    }

    fn renew(&mut self) -> bool {
        self.tokens.renew()
    }
}
