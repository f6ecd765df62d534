//! What happens around every request: an id, a log line, metrics, a body that is whole and not too large.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::App;
use super::listen::Peer;
use super::problem::{Answer, Fault};

/// Carries the id of a request, both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For a whole body to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(9);

/// Random bytes of a request's id.
const ID_BYTES: usize = 8;

/// Gives the request an id, logs it, and counts it.
///
/// The log has the route and never the address itself: an address may hold a token.
pub(crate) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "(none)".to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_string());
    let mut response = {
        let _counted = InFlight::count(&app);
        next.run(request).await
    };
    let status = response.status().as_u16();
    let seconds = begun.elapsed().as_secs_f64();
    let labels = [("method", label(&method)), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("soulcaster_http_requests_total", &labels).increment(1);
    metrics::histogram!("soulcaster_http_request_seconds", "route" => route.clone()).record(seconds);
    let project = response.extensions().get::<Tenant>().map(|tenant| tenant.0.clone());
    let millis = (seconds * 1e6).round() / 1e3;
    if status >= 500 {
        tracing::error!(request_id = id, %method, route, status, millis, peer, project, "request");
    } else {
        tracing::info!(request_id = id, %method, route, status, millis, peer, project, "request");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// One more request, until it is answered or its client has gone.
struct InFlight(Arc<App>);

impl InFlight {
    fn count(app: &Arc<App>) -> Self {
        app.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(app.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The name of a method that is one; all others share a name, or strangers could make metrics without end.
fn label(method: &Method) -> String {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ];
    if KNOWN.contains(method) { method.to_string() } else { "(other)".to_owned() }
}

/// The project that a request turned out to be about; an extension of its answer, for the log.
#[derive(Debug, Clone)]
pub(crate) struct Tenant(pub(crate) String);

fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    });
    given.map_or_else(
        || {
            let mut bytes = [0; ID_BYTES];
            // An id that is not random is still an id.
            let _ = getrandom::fill(&mut bytes);
            bytes.iter().map(|b| format!("{b:02x}")).collect()
        },
        str::to_owned,
    )
}

/// Reads the whole body, within the limits for size and time, and takes it out of its compression.
pub(crate) async fn whole_body(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match read(&parts.headers, body, app.settings.body_limit).await {
        Ok(body) => {
            if parts.headers.remove(header::CONTENT_ENCODING).is_some() {
                parts.extensions.insert(Decompressed);
            }
            next.run(Request::from_parts(parts, Body::from(body))).await
        }
        Err(fault) => fault.into_response(),
    }
}

/// Marks a request whose body came compressed: a signature over the bytes as sent can no longer be checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decompressed;

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Answer<Bytes> {
    let too_large = || {
        let detail =
            format!("the body is larger than {limit} bytes; send less at once, or raise --body-limit");
        Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).closing()
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, limit).collect()).await;
    let body = match collected {
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", BODY_DEADLINE.as_secs());
            return Err(Fault::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail).closing());
        }
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Fault::invalid("the body broke off").closing()),
        Ok(Ok(body)) => body.to_bytes(),
    };
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(body),
        Some(b"gzip" | b"x-gzip") => {
            let mut plain = Vec::new();
            GzDecoder::new(body.as_ref())
                .take(limit as u64 + 1)
                .read_to_end(&mut plain)
                .map_err(|_| Fault::invalid("the body is not the gzip it says it is"))?;
            if plain.len() > limit { Err(too_large()) } else { Ok(plain.into()) }
        }
        Some(_) => {
            let detail = "the body is compressed in a way that is not read here; send it plain or as gzip";
            Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid", detail))
        }
    }
}

/// Runs the rest on a thread that may wait for the disk and compute, so that deliveries do not wait for it.
pub(crate) async fn aside(request: Request, next: Next) -> Response {
    let runtime = tokio::runtime::Handle::current();
    let served = tokio::task::spawn_blocking(move || runtime.block_on(next.run(request))).await;
    served.unwrap_or_else(|_| {
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected", "a fault of this server").into_response()
    })
}
