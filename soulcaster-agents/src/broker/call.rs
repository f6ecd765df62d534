//! One call: checked, passed on, counted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use soulcaster_core::port::agent::Spend;
use tokio::sync::OwnedMutexGuard;

use super::Ledger;
use super::request::{Refusal, Wire, prepare};
use super::usage::Meter;
use crate::endpoint::Endpoint;

/// The most of a complaint of the upstream that is passed on.
const COMPLAINT: usize = 64 << 10;

type Answer = Response<Either<Full<Bytes>, Metered>>;

/// Answers a request of an agent.
pub(super) async fn answer(ledger: &Arc<Ledger>, request: Request<Incoming>) -> Answer {
    match serve(ledger, request).await {
        Ok(answer) => answer,
        Err(refusal) => {
            let kind = match refusal.status {
                StatusCode::PAYMENT_REQUIRED => "insufficient_quota",
                StatusCode::UNAUTHORIZED => "authentication_error",
                status if status.is_client_error() => "invalid_request_error",
                _ => "api_error",
            };
            let body = json!({"type": "error", "error": {"type": kind, "message": refusal.message}});
            json_answer(refusal.status, &body)
        }
    }
}

async fn serve(ledger: &Arc<Ledger>, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let refuse = |status, message: &str| Err(Refusal { status, message: message.to_owned() });
    if !knows(ledger, request.headers()) {
        return refuse(StatusCode::UNAUTHORIZED, "this is the broker of another run");
    }
    let config = &ledger.upstream.config;
    let path = request.uri().path();
    if request.method() == Method::GET && matches!(path, "/v1/models" | "/models") {
        let models = json!({"object": "list", "data": [{"id": config.model, "object": "model"}]});
        return Ok(json_answer(StatusCode::OK, &models));
    }
    let Some(wire) = Wire::at(path) else {
        return refuse(StatusCode::NOT_FOUND, "the broker knows no such path");
    };
    if request.method() != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "calls are made with POST");
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, config.request_bytes).collect().await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the question is too large, or broke off");
    };
    let question = prepare(wire, &body.to_bytes(), config)?;

    // One call at a time: what the last one took is known before the next one begins.
    let turn = ledger.turn.clone().lock_owned().await;
    if let Some(reason) = ledger.exhausted() {
        ledger.refused.send_replace(Some(reason));
        return refuse(StatusCode::PAYMENT_REQUIRED, "the run's budget is used up");
    }
    let mut call = Call {
        ledger: ledger.clone(),
        meter: Meter::new(question.len()),
        counts: false,
        unseen: 0,
        _turn: turn,
    };
    let response = forward(&mut call, wire, &parts.headers, question).await?;
    let status = response.status();
    if !status.is_success() {
        // Nothing was generated.
        call.counts = false;
        return Ok(complaint(ledger, response).await);
    }
    *ledger.fault() = None;
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    let kind = response.headers().get(CONTENT_TYPE).cloned();
    let events = kind.as_ref().is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    call.meter.is_events(events);
    if events {
        // Who stops listening stops the upstream.
        call.unseen = 0;
    }
    if let Some(kind) = kind {
        answer.headers_mut().insert(CONTENT_TYPE, kind);
    }
    let inner = hyper::Response::<reqwest::Body>::from(response).into_body();
    let most = config.response_bytes as u64;
    Ok(answer.map(|()| Either::Right(Metered { inner, call: Some(call), most })))
}

/// Whether a request carries the token of this run, as either kind of key.
fn knows(ledger: &Ledger, headers: &HeaderMap) -> bool {
    let key = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let key = key.or_else(|| headers.get("x-api-key").map(HeaderValue::as_bytes)).unwrap_or_default();
    let token = ledger.token.as_bytes();
    key.len() == token.len() && key.iter().zip(token).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

async fn forward(
    call: &mut Call,
    wire: Wire,
    headers: &HeaderMap,
    question: Vec<u8>,
) -> Result<reqwest::Response, Refusal> {
    let bad_gateway =
        |message: &str| Refusal { status: StatusCode::BAD_GATEWAY, message: message.to_owned() };
    let upstream = &call.ledger.upstream.clone();
    let keyed = upstream.key.is_some();
    let endpoint = Endpoint::new("broker.call", &upstream.config.base_url, wire.path(), keyed);
    let endpoint = endpoint.map_err(|_| bad_gateway("the upstream has no address"))?;
    let mut request = upstream.client.post(endpoint.url()).header(CONTENT_TYPE, "application/json");
    // The agent's other headers stay here, a key among them.
    for name in
        [ACCEPT, HeaderName::from_static("anthropic-version"), HeaderName::from_static("anthropic-beta")]
    {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    if let Some((name, value)) = &upstream.key {
        request = request.header(name, value);
    }
    // From here on the upstream may work for it, even if nothing comes back.
    call.counts = true;
    call.unseen = upstream.config.max_tokens;
    request.body(question).send().await.map_err(|error| {
        call.counts = !error.is_connect();
        let message = if error.is_connect() {
            "the upstream cannot be reached"
        } else if error.is_timeout() {
            "the upstream does not answer in time"
        } else {
            "the upstream broke off"
        };
        *call.ledger.fault() = Some(message.to_owned());
        bad_gateway(message)
    })
}

/// Passes on what the upstream complains of, without the key if it is in it.
async fn complaint(ledger: &Ledger, mut response: reqwest::Response) -> Answer {
    let status = response.status();
    *ledger.fault() = Some(format!("the upstream answers {}", status.as_u16()));
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) || status.is_redirection() {
        let body = json!({"type": "error", "error": {"type": "api_error",
            "message": format!("the upstream refuses the broker with {}", status.as_u16())}});
        return json_answer(StatusCode::BAD_GATEWAY, &body);
    }
    let mut bytes = Vec::new();
    while bytes.len() < COMPLAINT {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            _ => break,
        }
    }
    bytes.truncate(COMPLAINT);
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if let Some(key) = ledger.upstream.config.key.as_ref().filter(|key| !key.expose().is_empty()) {
        text = text.replace(key.expose(), "***");
    }
    let mut answer = Response::new(Either::Left(Full::from(text)));
    *answer.status_mut() = status;
    for name in [CONTENT_TYPE, RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = Response::new(Either::Left(Full::from(body.to_string())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// A call that is going on. When it is dropped, at its end or before, what it took is counted.
struct Call {
    ledger: Arc<Ledger>,
    meter: Meter,
    /// Whether the upstream has had the question.
    counts: bool,
    /// What the answer may have come to, if nobody waited to see it.
    unseen: u64,
    _turn: OwnedMutexGuard<()>,
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut took = Spend { calls: 1, ..Spend::default() };
        if self.counts {
            (took.input_tokens, took.output_tokens) = self.meter.tokens();
            took.output_tokens = took.output_tokens.max(self.unseen);
            let config = &self.ledger.upstream.config;
            took.micro_usd = (config.price)(&config.model, took.input_tokens, took.output_tokens);
        }
        self.ledger.spend.send_modify(|spend| spend.add(took));
    }
}

/// An answer on its way to the agent, which is counted as it goes.
pub(super) struct Metered {
    inner: reqwest::Body,
    call: Option<Call>,
    most: u64,
}

impl Body for Metered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        let most = self.most;
        let Some(call) = &mut self.call else { return Poll::Ready(None) };
        match frame {
            Some(Ok(frame)) => {
                if let Some(bytes) = frame.data_ref() {
                    call.meter.read(bytes);
                    if call.meter.answered() > most {
                        self.call = None;
                        return Poll::Ready(Some(Err(io::Error::other("the answer is too large"))));
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(_)) => {
                *call.ledger.fault() = Some("the upstream broke off its answer".to_owned());
                self.call = None;
                Poll::Ready(Some(Err(io::Error::other("the upstream broke off its answer"))))
            }
            None => {
                call.unseen = 0;
                self.call = None;
                Poll::Ready(None)
            }
        }
    }
}
