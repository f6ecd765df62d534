//! Tokens that are good for a while.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::{Error, ErrorKind, Secret};

use super::client::{Call, Client, Failure, check_secret};
use super::clock::after;
use crate::payload;

/// A token is renewed so long before its end.
const MARGIN: Duration = Duration::from_secs(60);

struct Token {
    secret: Secret,
    until: DateTime<Utc>,
    /// Whether it has been good for a call before.
    is_kept: bool,
}

/// The token in use, if there is one.
#[derive(Default)]
pub(super) struct Tokens(Option<Token>);

impl Tokens {
    /// The token, unless it ends soon.
    pub(super) fn current(&mut self, client: &Client) -> Option<Secret> {
        let token = self.0.as_mut().filter(|token| token.until > client.now())?;
        token.is_kept = true;
        Some(token.secret.clone())
    }

    /// Keeps `secret`, which is good for `life` from now.
    pub(super) fn keep(&mut self, client: &Client, secret: Secret, life: Duration) -> Secret {
        let until = after(client.now(), life.saturating_sub(MARGIN));
        self.0 = Some(Token { secret: secret.clone(), until, is_kept: false });
        secret
    }

    /// Asks for a token by OAuth; `check` says what to look at where none is given.
    pub(super) async fn login(
        &mut self,
        client: &mut Client,
        call: Call,
        check: &str,
    ) -> Result<Secret, Failure> {
        let reply = client.send(call).await.map_err(|mut failure| {
            if failure.status == Some(400) {
                // So some answer to whom they do not know.
                let told = failure.error.message().to_owned();
                failure.error = Error::new(ErrorKind::Unauthorized, client.operation(), told);
            }
            failure.of_source()
        })?;
        let answer: Value = reply.json().map_err(|error| Failure::from(error).of_source())?;
        let secret = answer.get("access_token").and_then(Value::as_str).map(Secret::new);
        let operation = client.operation();
        let Some(secret) = secret.filter(|secret| check_secret(operation, "the token", secret).is_ok())
        else {
            let what = format!("the login gives no token; check {check}");
            return Err(Failure::from(Error::new(ErrorKind::Unauthorized, operation, what)).of_source());
        };
        let life = payload::word(&answer, "/expires_in").and_then(|seconds| seconds.parse().ok());
        Ok(self.keep(client, secret, Duration::from_secs(life.unwrap_or(3600))))
    }

    /// Forgets the token that the vendor has just refused. Says whether it was good before, so that a new one may
    /// help.
    pub(super) fn renew(&mut self) -> bool {
        self.0.take().is_some_and(|token| token.is_kept)
    }
}
