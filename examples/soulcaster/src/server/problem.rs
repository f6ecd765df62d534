//! Errors as answers: `application/problem+json` (RFC 9457).

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use soulcaster_core::{Error, ErrorKind};
use utoipa::openapi::{Content, RefOr, Response as Described, ResponseBuilder, schema::Ref};
use utoipa::{IntoResponses, ToSchema};

/// The media type of a [`Problem`].
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which trying again makes sense.
const RETRY_AFTER: u32 = 5;

/// What went wrong.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A URI that names the kind of problem; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The kind of error, for programs.
    code: String,
    /// What happened, and the remedy where there is one.
    detail: String,
    /// Further members, such as the counts of a quota.
    #[serde(flatten)]
    #[schema(additional_properties)]
    members: Map<String, Value>,
}

/// An answer that tells of an error.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    problem: Box<Problem>,
    retry_after: Option<u32>,
    close: bool,
}

/// Says of a path that its errors are [`Problem`]s.
pub(crate) struct Problems;

/// What each status means, of those that any path may answer.
const MEANINGS: [(&str, &str); 13] = [
    ("400", "The request is not what this path takes"),
    ("401", "No key or proof, or a wrong one"),
    ("403", "The key may not do this"),
    ("404", "No such thing in this project"),
    ("408", "The body took too long"),
    ("409", "It contradicts what is there, or what is being done"),
    ("413", "The body is too large"),
    ("415", "The body is of another type or compression"),
    ("422", "The Idempotency-Key was used for another request"),
    ("429", "Too many requests, or a limit is reached; `Retry-After` says when to come again"),
    ("500", "A fault of this server"),
    ("503", "It cannot be done now; `Retry-After` says when to come again"),
    ("507", "The disk is full"),
];

impl IntoResponses for Problems {
    fn responses() -> std::collections::BTreeMap<String, RefOr<Described>> {
        let described = MEANINGS.map(|(status, meaning)| {
            let content = Content::new(Some(Ref::from_schema_name("Problem")));
            let response = ResponseBuilder::new().description(meaning).content(PROBLEM_JSON, content);
            (status.to_owned(), RefOr::T(response.build()))
        });
        described.into()
    }
}

/// What a handler gives.
pub(crate) type Answer<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            members: Map::new(),
        };
        let again = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        Self { status, problem: Box::new(problem), retry_after: again.then_some(RETRY_AFTER), close: false }
    }

    /// A member beside the standard ones.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.problem.members.insert(name.to_owned(), value.into());
        self
    }

    /// When to try again, in seconds.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The rest of the request is not read: the connection ends with this answer.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The same answer as a status that its sender tries again at.
    pub(crate) fn into_overload(mut self) -> Self {
        self.status = StatusCode::SERVICE_UNAVAILABLE;
        self.problem.status = self.status.as_u16();
        self.problem.title = "Service Unavailable".to_owned();
        self.retry_after.get_or_insert(RETRY_AFTER);
        self
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", detail)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status =
            StatusCode::from_u16(error.kind().http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = serde_json::to_value(error.kind()).ok();
        let code = code.as_ref().and_then(Value::as_str).unwrap_or("unexpected");
        if status.is_server_error() {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(operation = error.operation(), error = error.message(), cause, "failed");
        }
        // What the machine is like inside is for the log.
        let detail = match error.kind() {
            ErrorKind::Unexpected => "a fault of this server; its log says more".to_owned(),
            ErrorKind::Unavailable => "the store cannot answer now; try again".to_owned(),
            _ if status == StatusCode::INSUFFICIENT_STORAGE => {
                "the server's disk is full; nothing was kept".to_owned()
            }
            _ => error.message().to_owned(),
        };
        Self::new(status, code, detail)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        headers.insert(HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store"));
        response
    }
}
