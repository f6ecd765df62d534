//! What GitHub answers.

use chrono::{DateTime, Utc};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use super::*;
use crate::retry::retry_after;

/// No answer is larger; a list of a hundred pull requests may take megabytes.
const LARGEST: usize = 8 << 20;

const OPERATION: &str = "github.ask";

type Answer =
    octocrab::Result<http::Response<http_body_util::combinators::BoxBody<bytes::Bytes, octocrab::Error>>>;

/// Reads an answer, which must be a success.
pub(super) async fn read<T: DeserializeOwned>(answer: Answer) -> Result<T> {
    // The error is left out: it repeats the address, and may repeat what was sent.
    let unavailable = |what: &str| Error::new(ErrorKind::Unavailable, OPERATION, what.to_owned());
    let answer = answer.map_err(|_| unavailable("GitHub cannot be reached or takes too long"))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LARGEST).collect().await;
    let body = body.map_err(|_| unavailable("GitHub breaks off its answer, or it is too large"))?.to_bytes();
    if !head.status.is_success() {
        return Err(refusal(head.status.as_u16(), &head.headers, &body, SystemTime::now().into()));
    }
    serde_json::from_slice(&body).map_err(|e| {
        let place = format!("line {} column {}", e.line(), e.column());
        Error::new(ErrorKind::Unexpected, OPERATION, format!("GitHub answers what cannot be read ({place})"))
    })
}

/// The error that an answer stands for.
pub(super) fn refusal(status: u16, headers: &http::HeaderMap, body: &[u8], now: DateTime<Utc>) -> Error {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let said = message(body);
    let wait = header("retry-after").and_then(|value| retry_after(value, now)).or_else(|| {
        let reset: i64 = header("x-ratelimit-remaining")
            .filter(|left| *left == "0")
            .and(header("x-ratelimit-reset"))?
            .parse()
            .ok()?;
        (DateTime::from_timestamp(reset, 0)? - now).to_std().ok()
    });
    let limited =
        status == 429 || status == 403 && (wait.is_some() || said.to_lowercase().contains("rate limit"));
    let (kind, what) = match status {
        _ if limited => (ErrorKind::RateLimited, "wants to be left alone for a while"),
        401 => (ErrorKind::Unauthorized, "does not take the token"),
        403 => (ErrorKind::Unauthorized, "does not allow this; check what the token or the App may do"),
        301 | 302 | 307 | 308 => {
            (ErrorKind::NotFound, "has moved this; name the repository as it is called now")
        }
        404 | 410 => (ErrorKind::NotFound, "has no such thing, or does not show it"),
        400 | 422 => (ErrorKind::Invalid, "refuses the request"),
        409 => (ErrorKind::Conflict, "says that this contradicts what is there"),
        408 | 500..=599 => (ErrorKind::Unavailable, "cannot answer now"),
        _ => (ErrorKind::Unexpected, "answers unexpectedly"),
    };
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    let error = Error::new(kind, OPERATION, format!("GitHub {what} ({status}{said})"));
    match wait {
        // A limit of requests a minute says nothing about how long it lasts.
        None if limited => error.with_retry_after(Duration::from_secs(60)),
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// What GitHub says in words, one line of at most 200 characters, with the fields that it does not like.
fn message(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let mut said = body.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    for error in body.get("errors").and_then(Value::as_array).into_iter().flatten().take(3) {
        let field = |name: &str| error.get(name).and_then(Value::as_str);
        let detail = field("message").map(str::to_owned);
        let detail = detail.or_else(|| Some(format!("{} {}", field("field")?, field("code")?)));
        said.extend(detail.map(|detail| format!("; {detail}")));
    }
    said.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect()
}
