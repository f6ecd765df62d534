//! One request to a server and what came of it, with errors that name model, host and remedy and hold no secret.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use serde::Serialize;
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use crate::answer::{self, Refusal};
use crate::endpoint::Endpoint;
use crate::retry::{Failure, Next, retry_after};

/// Most bytes of an answer that is a refusal.
const REFUSAL_BYTES: usize = 64 * 1024;

/// Calls one server for one model.
#[derive(Debug)]
pub(crate) struct Caller {
    client: Client,
    host: String,
    model: String,
    key: Option<Secret>,
    operation: &'static str,
    remedy: fn(ErrorKind) -> &'static str,
}

/// What a [`Caller`] is made of.
pub(crate) struct Parts<'a> {
    /// What errors of its making name, and what those of its calls.
    pub(crate) building: &'static str,
    pub(crate) calling: &'static str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) model: &'a str,
    pub(crate) key: Option<&'a Secret>,
    /// The header of the key and what stands before it.
    pub(crate) key_header: (HeaderName, &'static str),
    pub(crate) timeout: Duration,
    /// What helps against each kind of error.
    pub(crate) remedy: fn(ErrorKind) -> &'static str,
}

impl Caller {
    pub(crate) fn new(parts: Parts<'_>) -> Result<Self> {
        let Parts { building, calling, endpoint, model, key, key_header: (name, before), timeout, remedy } =
            parts;
        let check = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(Error::invalid(building, rule)) }
        };
        check(!model.trim().is_empty(), "the model has no name")?;
        check(!timeout.is_zero(), "the timeout is longer than zero")?;
        let mut headers = HeaderMap::new();
        if let Some(key) = key {
            check(!key.expose().is_empty(), "the key is empty; leave it out when the server needs none")?;
            // Without the source: it may show the value.
            let mut value = HeaderValue::from_str(&format!("{before}{}", key.expose())).map_err(|_| {
                Error::invalid(building, "the key has characters that no header carries, such as a line end")
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut client = Client::builder()
            .user_agent(concat!("soulcaster/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .timeout(timeout);
        if endpoint.is_loopback() {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|e| {
            Error::new(ErrorKind::Unexpected, building, "TLS cannot be set up").with_source(e)
        })?;
        let (host, model) = (endpoint.host().to_owned(), model.to_owned());
        Ok(Self { client, host, model, key: key.cloned(), operation: calling, remedy })
    }

    /// Sends `body` and gives the answer, whose body is still to be read. `texts` are those that were sent: no error
    /// quotes them.
    pub(crate) async fn send(
        &self,
        url: Url,
        headers: &[(&'static str, &'static str)],
        body: &impl Serialize,
        texts: &[&str],
    ) -> Result<Response, Failure> {
        let mut request = self.client.post(url).json(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.map_err(|e| self.disconnected(e))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response, texts).await) }
    }

    /// Reads the whole of an answer of at most `limit` bytes.
    pub(crate) async fn read(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Failure> {
        let body = answer::read(&mut response, limit).await.map_err(|e| self.disconnected(e))?;
        if body.len() > limit {
            return Err(self.too_long(limit).into());
        }
        Ok(body)
    }

    /// The error when an answer has more than `limit` bytes.
    pub(crate) fn too_long(&self, limit: usize) -> Error {
        let remedy = (self.remedy)(ErrorKind::TooLarge);
        self.error(ErrorKind::TooLarge, format!("sends more than {limit} bytes; {remedy}"))
    }

    /// The failure when the answer is not a success.
    async fn refused(&self, mut response: Response, texts: &[&str]) -> Failure {
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, SystemTime::now().into()));
        let body = answer::read(&mut response, REFUSAL_BYTES).await.unwrap_or_default();
        let refusal = Refusal::parse(&body);
        self.refusal(status, wait, &refusal, texts)
    }

    /// The failure for what a server says when it refuses.
    pub(crate) fn refusal(
        &self,
        status: StatusCode,
        wait: Option<Duration>,
        refusal: &Refusal,
        texts: &[&str],
    ) -> Failure {
        let kind = if refusal.out_of_quota { ErrorKind::QuotaExceeded } else { answer::kind(status) };
        let next = match (kind, wait.or(refusal.wait)) {
            (ErrorKind::RateLimited | ErrorKind::Unavailable, Some(wait)) => Next::After(wait),
            (ErrorKind::RateLimited | ErrorKind::Unavailable, None) => Next::Backoff,
            _ => Next::Stop,
        };
        let said = refusal.message(self.key.as_ref(), texts);
        let said = said.map_or_else(String::new, |said| format!(" ({said})"));
        let hint = match next {
            Next::After(wait) => format!("try again in {} s", wait.as_secs()),
            _ if status.is_redirection() => "set the base URL to the place it redirects to".into(),
            _ => (self.remedy)(kind).into(),
        };
        let mut error = self.error(kind, format!("answers {}{said}; {hint}", status.as_u16()));
        if let Next::After(wait) = next {
            error = error.with_retry_after(wait);
        }
        Failure { error, next, status: Some(status.as_u16()) }
    }

    /// The failure when no answer came, or not the whole of it.
    pub(crate) fn disconnected(&self, error: reqwest::Error) -> Failure {
        let (what, next) = if error.is_connect() {
            ("cannot be reached; check the base URL and that the server runs", Next::Backoff)
        } else if error.is_timeout() {
            ("takes longer than the timeout; raise it or ask for less", Next::Stop)
        } else {
            ("breaks the connection; try again later", Next::Backoff)
        };
        let error = self.error(ErrorKind::Unavailable, what).with_source(error.without_url());
        Failure { error, next, status: None }
    }

    pub(crate) fn error(&self, kind: ErrorKind, what: impl fmt::Display) -> Error {
        Error::new(kind, self.operation, format!("{} (model {}) {what}", self.host, self.model))
    }
}
