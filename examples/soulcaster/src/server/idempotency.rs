//! `Idempotency-Key`: a change that is asked for twice happens once, and is answered alike.
//!
//! draft-ietf-httpapi-idempotency-key-header-07: the same key with another request is 422, the same request while the
//! first is still being answered is 409.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use soulcaster_core::ProjectId;
use soulcaster_core::id::digest;
use soulcaster_core::port::{Change, Expect, Key, Order, Query, Record, Write};

use super::App;
use super::key::authenticate;
use super::problem::{Answer, Fault};

/// The header.
const NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key, in bytes.
const LONGEST: usize = 255;
/// How long an answer is remembered.
const REMEMBERED: TimeDelta = TimeDelta::hours(24);
/// Old answers that are forgotten with each new one.
const FORGOTTEN: usize = 20;

/// Keys whose first request is being answered.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<String>>);

/// An answer that was given.
#[derive(Debug, Serialize, Deserialize)]
struct Given {
    id: String,
    /// What was asked.
    request: String,
    status: u16,
    content_type: Option<String>,
    body: String,
    at: DateTime<Utc>,
}

impl Record for Given {
    const COLLECTION: &'static str = "idempotency";
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// Answers a repeated change as the first time.
pub(crate) async fn once(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_change = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    let Some(key) = request.headers().get(NAME).filter(|_| is_change).cloned() else {
        return next.run(request).await;
    };
    answer(&app, &key, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(app: &App, key: &HeaderValue, request: Request, next: Next) -> Answer<Response> {
    let key = key
        .to_str()
        .ok()
        .filter(|key| (1..=LONGEST).contains(&key.len()))
        .ok_or_else(|| Fault::invalid(format!("Idempotency-Key is 1 to {LONGEST} visible characters")))?;
    let credential = authenticate(app, request.headers()).await?;
    let id = digest(&[b"idempotency", credential.key.as_bytes(), key.as_bytes()], 32);
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_| Fault::invalid("the body broke off"))?;
    // One request is one request to the limiter.
    parts.extensions.insert(credential);
    let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let asked = digest(&[parts.method.as_str().as_bytes(), target.as_bytes(), &body], 32);
    let _place = UnderWay::enter(&app.under_way, &id).ok_or_else(|| {
        let detail = "the first request with this Idempotency-Key is still being answered";
        Fault::new(StatusCode::CONFLICT, "conflict", detail)
    })?;
    if let Some((given, _)) = app.soulcaster.store().read::<Given>(&ProjectId::system(), &id).await?
        && given.at + REMEMBERED > app.now()
    {
        return repeat(given, &asked);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    // What the server could not do now may work next time.
    if !parts.status.is_server_error() && parts.status != StatusCode::TOO_MANY_REQUESTS {
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let given = Given {
            id,
            request: asked,
            status: parts.status.as_u16(),
            content_type: content_type.map(str::to_owned),
            body: String::from_utf8_lossy(&body).into_owned(),
            at: app.now(),
        };
        remember(app, &given).await?;
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn repeat(given: Given, asked: &str) -> Answer<Response> {
    if given.request != asked {
        let detail = "this Idempotency-Key was used for another request; use a new one";
        return Err(Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
    }
    let status = StatusCode::from_u16(given.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Bytes::from(given.body)).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    if let Some(content_type) = given.content_type.and_then(|value| HeaderValue::from_str(&value).ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

async fn remember(app: &App, given: &Given) -> Answer<()> {
    let (store, system) = (app.soulcaster.store(), ProjectId::system());
    let oldest = Query { order: Order::Arrival, limit: FORGOTTEN, ..Query::all::<Given>() };
    let mut writes = vec![Write::put(given, Expect::Any)?];
    for old in store.list(&system, &oldest).await?.records {
        let old: Given = old.decode()?;
        if old.at + REMEMBERED <= given.at && old.id != given.id {
            writes.push(Write { key: Key::of::<Given>(old.id), expect: Expect::Any, change: Change::Delete });
        }
    }
    store.commit(&system, writes).await?;
    Ok(())
}

/// A key that is taken until this is dropped.
struct Place<'a>(&'a UnderWay, String);

impl UnderWay {
    fn enter<'a>(keys: &'a Self, id: &str) -> Option<Place<'a>> {
        let mut taken = keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(id.to_owned()).then(|| Place(keys, id.to_owned()))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}
