//! What a server says when it refuses.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::Value;
use soulcaster_core::ErrorKind;

use soulcaster_core::Secret;

/// Characters of a server's message that go into an error.
const MESSAGE_CHARS: usize = 300;
/// A message with this many characters in a row from a text that was sent counts as a quotation.
const QUOTATION_CHARS: usize = 16;

/// Reads the body, but stops once it is longer than `limit` bytes; what comes back is then longer, too.
pub(crate) async fn read(response: &mut Response, limit: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() <= limit
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The body of a refusal, as far as it can be understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    message: Option<String>,
    /// The account has nothing left; waiting does not help.
    pub(crate) out_of_quota: bool,
    /// How long to wait, where the body says and not the header.
    pub(crate) wait: Option<Duration>,
}

impl Refusal {
    /// Understands `{"error": {"message", "type", "code"}}` and the flatter forms of compatible servers.
    pub(crate) fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).map_or_else(|_| Self::default(), |body: Value| Self::read(&body))
    }

    /// What an event of a stream says when it is an error.
    pub(crate) fn of(event: &Value) -> Option<Self> {
        event.get("error").is_some_and(|error| !error.is_null()).then(|| Self::read(event))
    }

    fn read(body: &Value) -> Self {
        let error = body.get("error").unwrap_or(body);
        let says = |name| error.get(name).and_then(Value::as_str);
        // Google's way: {"@type": "…RetryInfo", "retryDelay": "17.5s"}.
        let details = error.get("details").and_then(Value::as_array).into_iter().flatten();
        let delay =
            details.filter_map(|detail| detail.get("retryDelay")?.as_str()?.strip_suffix('s')?.parse().ok());
        let wait = delay.filter_map(|seconds| Duration::try_from_secs_f64(seconds).ok()).next();
        Self {
            wait,
            message: says("message").or(error.as_str()).or(says("detail")).map(str::to_owned),
            out_of_quota: [says("type"), says("code")].contains(&Some("insufficient_quota")),
        }
    }

    /// The server's message, fit to be printed: one line of at most 300 characters, `***` for the key. Nothing
    /// when there is none, or when it quotes one of the `texts` that were sent.
    pub(crate) fn message(&self, key: Option<&Secret>, texts: &[&str]) -> Option<String> {
        let words: Vec<&str> = self.message.as_deref()?.split_whitespace().collect();
        let mut line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
        if let Some(key) = key {
            line = line.replace(key.expose(), "***");
        }
        let line: String = line.chars().take(MESSAGE_CHARS).collect();
        (!line.is_empty() && !quotes(&line, texts)).then_some(line)
    }
}

fn quotes(line: &str, texts: &[&str]) -> bool {
    let mut ends: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
    ends.push(line.len());
    let mut runs = ends.windows(QUOTATION_CHARS + 1).map(|ends| &line[ends[0]..ends[QUOTATION_CHARS]]);
    runs.any(|run| texts.iter().any(|text| text.contains(run)))
}

/// What a caller can do about an answer with `status`, which is not a success.
pub(crate) fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        300..=399 | 400 | 422 => ErrorKind::Invalid,
        401 | 403 => ErrorKind::Unauthorized,
        402 => ErrorKind::QuotaExceeded,
        404 => ErrorKind::NotFound,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        408 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Option<String> {
        Refusal::parse(body.as_bytes()).message(Some(&Secret::new("sk-1234")), &["the app crashes on start"])
    }

    #[test]
    fn messages_of_several_servers_are_found() {
        for body in [
            r#"{"error": {"message": "no such model", "type": "invalid_request_error", "param": null, "code": null}}"#,
            r#"{"object": "error", "message": "no such model", "type": "NotFoundError", "code": 404}"#,
            r#"{"error": "no such model", "error_type": "Validation"}"#,
            r#"{"detail": "no such model"}"#,
        ] {
            assert_eq!(message(body).as_deref(), Some("no such model"), "{body}");
        }
        for body in ["", "<html>busy</html>", "[]", "{}", r#"{"error": 7}"#, r#"{"error": {"message": " "}}"#]
        {
            assert_eq!(message(body), None, "{body}");
        }
    }

    #[test]
    fn message_is_one_bounded_line_without_the_key() {
        assert_eq!(
            message(r#"{"error": "key sk-1234\n\tis\u0007 wrong: sk-1234"}"#).as_deref(),
            Some("key *** is wrong: ***")
        );
        let padded = format!(r#"{{"error": "{}sk-1234"}}"#, "é".repeat(298));
        let line = message(&padded).unwrap();
        assert_eq!(line.chars().count(), 300);
        assert!(line.ends_with("é**"), "the key is gone before the line is cut: {line}");
    }

    #[test]
    fn message_that_quotes_a_text_is_left_out() {
        assert_eq!(message(r#"{"error": "bad input 'app crashes on start'"}"#), None);
        assert_eq!(message(r#"{"error": "it crashes on st"}"#).as_deref(), Some("it crashes on st"));
    }

    #[test]
    fn wait_is_found_in_the_body() {
        let wait = |delay: &str| {
            let body = format!(
                r#"{{"error": {{"code": 429, "details": [{{"x": 1}}, {{"retryDelay": {delay}}}]}}}}"#
            );
            Refusal::parse(body.as_bytes()).wait
        };
        assert_eq!(wait("\"17.5s\""), Some(Duration::from_millis(17_500)));
        for odd in ["17", "\"17\"", "\"-1s\"", "\"NaNs\"", "\"infs\"", "null"] {
            assert_eq!(wait(odd), None, "{odd}");
        }
    }

    #[test]
    fn quota_is_told_from_rate() {
        let quota = |body: &str| Refusal::parse(body.as_bytes()).out_of_quota;
        assert!(quota(r#"{"error": {"type": "insufficient_quota", "code": null}}"#));
        assert!(quota(r#"{"error": {"type": "requests", "code": "insufficient_quota"}}"#));
        assert!(!quota(r#"{"error": {"message": "insufficient_quota", "type": "requests", "code": 429}}"#));
    }
}
