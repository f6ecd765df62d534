//! One call and its answer, within budget, time and size.

use std::collections::VecDeque;
use std::error::Error as _;
use std::fmt::Display;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use chrono::{DateTime, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url, redirect};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::address::{Private, PublicNames};
use super::clock::{after, until};
use super::connection::Connection;
use super::endpoint::{Endpoint, host};
use super::headers::{self, exhausted, retry_after};
use crate::answer::refusal::{kind, message};

/// Most bytes of a refusal that are read.
const REFUSAL_BYTES: usize = 64 * 1024;

/// A call to be made.
pub(super) struct Call {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    /// What no message may show.
    secrets: Vec<Secret>,
}

impl Call {
    pub(super) fn get(url: Url) -> Self {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        Self { method: Method::GET, url, headers, body: Vec::new(), secrets: Vec::new() }
    }

    pub(super) fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Self {
        let call = Self { method: Method::POST, body, ..Self::get(url) };
        call.header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Carries `secret` in the header `name`, behind `scheme`.
    pub(super) fn secret(mut self, name: HeaderName, scheme: &str, secret: &Secret) -> Self {
        // Checked when the poller was made; a token that no header carries is left out and refused there.
        if let Ok(mut value) = HeaderValue::from_str(&format!("{scheme}{}", secret.expose())) {
            value.set_sensitive(true);
            self.headers.insert(name, value);
        }
        self.hiding(secret)
    }

    pub(super) fn bearer(self, token: &Secret) -> Self {
        self.secret(AUTHORIZATION, "Bearer ", token)
    }

    pub(super) fn basic(self, user: &str, password: &Secret) -> Self {
        let both = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
        self.secret(AUTHORIZATION, "Basic ", &Secret::new(both)).hiding(password)
    }

    /// Keeps `secret`, which goes with the call, out of messages.
    pub(super) fn hiding(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }
}

/// An answer: success, or 304.
pub(super) struct Reply {
    pub(super) unchanged: bool,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    operation: &'static str,
    host: String,
}

impl Reply {
    /// The body as JSON.
    pub(super) fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T> {
        // Without the source: it may show what the server sent.
        serde_json::from_slice(&self.body)
            .map_err(|e| self.unreadable(&format!("line {} column {}", e.line(), e.column())))
    }

    /// The error for a body that is not what the vendor sends.
    pub(super) fn unreadable(&self, place: &str) -> Error {
        let what = format!("{} sends what cannot be read ({place}); check the base URL", self.host);
        Error::new(ErrorKind::Unexpected, self.operation, what)
    }

    /// The server's time of the answer, or `now` if that is earlier.
    pub(super) fn at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let date = headers::text(&self.headers, "date");
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        date.map_or(now, |date| date.with_timezone(&Utc).min(now))
    }
}

/// A call that failed.
pub(super) struct Failure {
    pub(super) error: Error,
    /// What the server answered, if it did.
    pub(super) status: Option<u16>,
    /// Whether it is of the source as a whole, and not of a page.
    pub(super) is_whole: bool,
}

impl Failure {
    /// The same, of the source as a whole.
    pub(super) fn of_source(self) -> Self {
        Self { is_whole: true, ..self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, status: None, is_whole: false }
    }
}

/// Makes calls and keeps count of them.
pub(super) struct Client {
    operation: &'static str,
    http: reqwest::Client,
    /// Where the API is.
    pub(super) api: Endpoint,
    connection: Connection,
    /// When the calls of the running span were made.
    made: VecDeque<DateTime<Utc>>,
    /// When the server wants to be asked again.
    barred_until: Option<DateTime<Utc>>,
}

impl Client {
    /// Sets up calls that introduce themselves as `user_agent`.
    ///
    /// # Errors
    /// `Invalid` when the connection or the user agent is unfit, `Unexpected` when TLS cannot be set up.
    pub(super) fn new(
        operation: &'static str,
        connection: Connection,
        user_agent: Option<&str>,
    ) -> Result<Self> {
        connection.check(operation)?;
        let api = Endpoint::new(operation, &connection.base_url, connection.allow_private_network)?;
        let agent = user_agent.unwrap_or(concat!("soulcaster/", env!("CARGO_PKG_VERSION")));
        let agent = HeaderValue::from_str(agent)
            .map_err(|_| Error::invalid(operation, "user_agent has characters that no header carries"))?;
        let mut http = reqwest::Client::builder()
            .user_agent(agent)
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(connection.timeout_seconds));
        if !connection.allow_private_network {
            http = http.no_proxy().dns_resolver(PublicNames);
        } else if api.is_loopback() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|e| {
            Error::new(ErrorKind::Unexpected, operation, "TLS cannot be set up").with_source(e)
        })?;
        Ok(Self { operation, http, api, connection, made: VecDeque::new(), barred_until: None })
    }

    /// Another place that calls go to, such as where tokens come from.
    pub(super) fn endpoint(&self, url: &str) -> Result<Endpoint> {
        Endpoint::new(self.operation, url, self.connection.allow_private_network)
    }

    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.connection.clock.now()
    }

    pub(super) fn overlap(&self) -> Duration {
        Duration::from_secs(self.connection.overlap_seconds)
    }

    /// How long no call may be made from now on.
    pub(super) fn wait(&mut self) -> Option<Duration> {
        let now = self.now();
        self.closed_for(now).map(|time| until(time, now))
    }

    /// Until when no call may be made.
    fn closed_for(&mut self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let span = Duration::from_secs(self.connection.per_seconds.into());
        while self.made.front().is_some_and(|made| after(*made, span) <= now) {
            self.made.pop_front();
        }
        let spent = self.made.len() >= self.connection.calls as usize;
        let free = spent.then(|| self.made.front().map(|made| after(*made, span))).flatten();
        self.barred_until.filter(|time| *time > now).max(free)
    }

    /// Makes a call, unless the server or the budget wants it later.
    pub(super) async fn send(&mut self, call: Call) -> Result<Reply, Failure> {
        let now = self.now();
        let to = host(&call.url);
        if let Some(time) = self.closed_for(now) {
            let wait = until(time, now).as_secs_f64().ceil();
            let what = format!("{to} takes no call yet; try again in {wait} s");
            return Err(Error::new(ErrorKind::RateLimited, self.operation, what).into());
        }
        self.made.push_back(now);
        let Call { method, url, headers, body, secrets } = call;
        let mut request = self.http.request(method, url).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let mut response = request.send().await.map_err(|e| self.disconnected(&to, e))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let now = self.now();
        if status == 304 {
            // It does not count.
            self.made.pop_back();
        }
        let left = exhausted(&headers, now);
        if let Some(wait) = left {
            self.barred_until = Some(after(now, wait));
        }
        let success = response.status().is_success() || status == 304;
        let limit = if success { self.connection.body_bytes } else { REFUSAL_BYTES };
        let mut body = Vec::new();
        while body.len() <= limit {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) if !success => break,
                Err(e) => return Err(self.disconnected(&to, e)),
            }
        }
        if !success {
            let wait = headers::text(&headers, "retry-after").and_then(|value| retry_after(value, now));
            return Err(self.refused(&to, status, wait, left.is_some(), &body, &secrets));
        }
        if body.len() > limit {
            let what = format!("sends more than {limit} bytes; raise the limit if that is right");
            return Err(self.failure(&to, ErrorKind::TooLarge, Some(status), what));
        }
        Ok(Reply { unchanged: status == 304, headers, body, operation: self.operation, host: to })
    }

    /// The failure when the answer is no success.
    fn refused(
        &mut self,
        to: &str,
        status: u16,
        wait: Option<Duration>,
        out_of_calls: bool,
        body: &[u8],
        secrets: &[Secret],
    ) -> Failure {
        let limited = status == 429 || (status == 403 && (wait.is_some() || out_of_calls));
        let kind = if limited { ErrorKind::RateLimited } else { kind(status) };
        let passing = matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable);
        if let Some(wait) = wait.filter(|_| passing) {
            self.barred_until = self.barred_until.max(Some(after(self.now(), wait)));
        }
        let said = serde_json::from_slice(body).ok().and_then(|body| message(&body, secrets));
        let said = said.map_or_else(String::new, |said| format!(" ({said})"));
        let hint = match (kind, wait.filter(|_| passing)) {
            (_, Some(wait)) => format!("try again in {} s", wait.as_secs_f64().ceil()),
            (ErrorKind::RateLimited | ErrorKind::Unavailable, None) => "try again later".into(),
            (ErrorKind::Unauthorized, _) => "check the credentials and what they may do".into(),
            (ErrorKind::NotFound, _) => "check the base URL and the names".into(),
            _ if (300..400).contains(&status) => "it redirects; check the base URL and the names".into(),
            _ => "check the base URL and the options".into(),
        };
        self.failure(to, kind, Some(status), format!("answers {status}{said}; {hint}"))
    }

    /// The failure when no answer came, or not the whole of it.
    fn disconnected(&self, to: &str, error: reqwest::Error) -> Failure {
        if is_private(&error) {
            let what = "is not on the public network; allow_private_network lets it be called";
            return self.failure(to, ErrorKind::Invalid, None, what);
        }
        let what = if error.is_connect() {
            "cannot be reached; check the base URL and the network"
        } else if error.is_timeout() {
            "takes longer than the timeout; try again later or raise it"
        } else {
            "breaks the connection; try again later"
        };
        let Failure { error: told, .. } = self.failure(to, ErrorKind::Unavailable, None, what);
        told.with_source(error.without_url()).into()
    }

    fn failure(&self, to: &str, kind: ErrorKind, status: Option<u16>, what: impl Display) -> Failure {
        Failure { status, ..Error::new(kind, self.operation, format!("{to} {what}")).into() }
    }
}

/// Whether a name led to an address that is not called.
fn is_private(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<Private>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Checks that a credential can be sent in a header.
pub(super) fn check_secret(operation: &'static str, what: &str, secret: &Secret) -> Result<()> {
    if secret.expose().is_empty() || HeaderValue::from_str(secret.expose()).is_err() {
        let why = format!("{what} is empty or has characters that no header carries, such as a line end");
        return Err(Error::invalid(operation, why));
    }
    Ok(())
}
