//! Answers that say that the call failed.

use std::time::Duration;

use serde_json::Value;
use soulcaster_core::{Error, ErrorKind, Secret};

use super::Document;

/// Characters of a server's message that go into an error.
const MESSAGE_CHARS: usize = 300;
/// Members that vendors' errors are made of.
const MEMBERS: [&str; 18] = [
    "code",
    "description",
    "detail",
    "details",
    "documentation_url",
    "documents_indexed",
    "error",
    "error_code",
    "error_description",
    "errors",
    "explanation",
    "message",
    "reason",
    "request_id",
    "retry_after",
    "status",
    "success",
    "type",
];
/// Members of which an error has one.
const MARKS: [&str; 5] = ["code", "documentation_url", "error", "error_code", "errors"];

/// The error that a document of `vendor` tells of; nothing when it is none.
pub(super) fn of(document: &Document<'_>, vendor: &str) -> Option<Error> {
    let names = document.names();
    let told =
        names.iter().any(|name| MARKS.contains(name)) && names.iter().all(|name| MEMBERS.contains(name));
    if !told {
        return None;
    }
    let members = names.iter().filter_map(|name| Some(((*name).to_owned(), document.get(name)?)));
    let body = Value::Object(members.collect());
    let number = |place: &str| match body.pointer(place)? {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    };
    let status =
        ["/errors/0/status", "/error/code", "/error", "/status", "/code"].iter().find_map(|at| number(at));
    let status = status.and_then(|status| u16::try_from(status).ok()).filter(|s| (400..600).contains(s));
    let wait = body.get("retry_after").and_then(Value::as_f64);
    let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let kind = match status {
        Some(status) => kind(status),
        None if wait.is_some() => ErrorKind::Unavailable,
        None => ErrorKind::Unexpected,
    };
    let said = message(&body, &[]).map_or_else(String::new, |said| format!(": {said}"));
    let error = Error::new(kind, "answer", format!("{vendor} answers with an error{said}"));
    Some(wait.into_iter().fold(error, Error::with_retry_after))
}

/// What a caller can do about an answer with `status`, which is not a success.
pub(crate) fn kind(status: u16) -> ErrorKind {
    match status {
        300..=399 | 400 | 422 => ErrorKind::Invalid,
        401 | 403 => ErrorKind::Unauthorized,
        402 => ErrorKind::QuotaExceeded,
        404 | 410 => ErrorKind::NotFound,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::RateLimited,
        408 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    }
}

/// What the server says, fit to be printed: one line of at most 300 characters, `***` for secrets.
pub(crate) fn message(body: &Value, secrets: &[Secret]) -> Option<String> {
    let places =
        ["/error/message", "/errors/0/detail", "/errors/0/message", "/message", "/detail", "/description"];
    let says = |place: &str| body.pointer(place).and_then(Value::as_str);
    let said = places.iter().find_map(|place| says(place)).or(says("/error")).or(says("/errors/0"))?;
    let words: Vec<&str> = said.split_whitespace().collect();
    let mut line: String = words.join(" ").chars().filter(|c| !c.is_control()).collect();
    for secret in secrets.iter().filter(|secret| !secret.expose().is_empty()) {
        line = line.replace(secret.expose(), "***");
    }
    let line: String = line.chars().take(MESSAGE_CHARS).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_one_bounded_line_without_secrets() {
        let secrets = [Secret::new("sk-1234"), Secret::new("")];
        let read = |body: &str| message(&serde_json::from_str(body).unwrap(), &secrets);
        assert_eq!(read(r#"{"message": "key sk-1234\n is\u0007 bad"}"#).as_deref(), Some("key *** is bad"));
        assert_eq!(read(r#"{"errors": [{"detail": "slow down"}]}"#).as_deref(), Some("slow down"));
        assert_eq!(read(r#"{"errors": ["Forbidden"]}"#).as_deref(), Some("Forbidden"));
        assert_eq!(read(r#"{"error": "RecordNotFound"}"#).as_deref(), Some("RecordNotFound"));
        assert_eq!(read(&format!(r#"{{"message": "{}"}}"#, "é".repeat(999))).unwrap().chars().count(), 300);
        for odd in ["[]", "{}", r#"{"error": 401}"#, r#"{"message": " "}"#] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn errors_are_told_from_other_documents() {
        let read = |body: &str| of(&Document::read(body.as_bytes()).unwrap(), "x").map(|error| error.kind());
        for (body, kind) in [
            (r#"{"errors": [{"status": "429", "code": "RATE"}]}"#, ErrorKind::RateLimited),
            (r#"{"errors": ["Forbidden"]}"#, ErrorKind::Unexpected),
            (
                r#"{"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}}"#,
                ErrorKind::Unauthorized,
            ),
            (r#"{"message": "Not Found", "error": 404, "reason": "banned"}"#, ErrorKind::NotFound),
            (
                r#"{"message": "Bad credentials", "documentation_url": "x", "status": "401"}"#,
                ErrorKind::Unauthorized,
            ),
            (r#"{"message": "Wait", "code": 110000, "retry_after": 2}"#, ErrorKind::Unavailable),
            (r#"{"error": "RecordNotFound", "description": "Not found"}"#, ErrorKind::Unexpected),
        ] {
            assert_eq!(read(body), Some(kind), "{body}");
        }
        for body in [
            "{}",
            "[]",
            r#"{"title": "disk full", "error": "x"}"#,
            r#"{"message": "disk full", "status": "open"}"#,
        ] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
