//! Connections: accepted, timed, drained.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use super::patience::{Patience, Timed};

/// How long clients may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// From the first byte of a request to the end of its headers, and for the client to take each part of an answer.
    pub(crate) header: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
    /// For requests in flight when the server stops.
    pub(crate) drain: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { header: Duration::from_secs(5), idle: Duration::from_secs(120), drain: Duration::from_secs(8) }
    }
}

/// Who sent a request; an extension of each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Greatest size of all headers of a request, in bytes.
const MAX_HEADERS: usize = 32 << 10;

/// Serves `router` until `stop` is true, then lets requests in flight finish.
///
/// `axum::serve` has no limit for headers that drip in; this has, beside a limit for connections.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    timeouts: Timeouts,
    max_connections: usize,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Most likely out of file descriptors: it passes when connections end.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            metrics::counter!("soulcaster_connections_refused_total").increment(1);
            drop(stream);
            continue;
        };
        // Answers are small and ready at once: do not wait to fill a packet.
        let _ = stream.set_nodelay(true);
        let patience = Patience::new(timeouts.header);
        let io = TokioIo::new(Timed::new(stream, patience.clone()));
        let service = service(router.clone(), peer, patience);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.idle)
            .max_buf_size(MAX_HEADERS)
            .serve_connection(io, service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    let drained = pin!(graceful.shutdown());
    if tokio::time::timeout(timeouts.drain, drained).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

type Served =
    Pin<Box<dyn Future<Output = Result<axum::response::Response, std::convert::Infallible>> + Send>>;

fn service(
    router: Router,
    peer: SocketAddr,
    patience: Patience,
) -> impl hyper::service::Service<
    hyper::Request<hyper::body::Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future = Served,
> {
    service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        patience.headers_are_here();
        request.extensions_mut().insert(Peer(peer));
        let (router, patience) = (router.clone(), patience.clone());
        let served: Served = Box::pin(async move {
            let response = router.oneshot(request.map(axum::body::Body::new)).await;
            patience.request_is_answered();
            response
        });
        served
    })
}
