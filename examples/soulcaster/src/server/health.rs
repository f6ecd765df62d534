//! How the server is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use soulcaster_core::flow::Counts;
use soulcaster_core::model::Proof;
use utoipa::ToSchema;

use super::App;
use super::extract::Json;
use super::key::{Key, Read};
use super::problem::{Answer, Problems};

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    status: &'static str,
    version: &'static str,
}

/// Says that the process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Alive)))]
pub(crate) async fn alive() -> Json<Alive> {
    Json(Alive { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Whether deliveries can be taken.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// `ready`, or `stopping`, `full`, `store_failed`.
    status: &'static str,
    /// Deliveries that are acknowledged and not yet taken in.
    waiting: usize,
    /// Deliveries that could not be taken in and need somebody to look at them.
    set_aside: usize,
    /// Sources that anybody may deliver to.
    unsigned_sources: usize,
}

/// Says whether deliveries can be taken.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, description = "They can", body = Ready), (status = 503, description = "They cannot", body = Ready)))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let sources = app.soulcaster.all_sources().await;
    let set_aside = app.inbox.aside();
    let waiting = app.inbox.waiting();
    let status = match (&sources, &set_aside) {
        _ if *app.stop.borrow() => "stopping",
        (Err(_), _) | (_, Err(_)) => "store_failed",
        _ if waiting >= app.settings.backlog => "full",
        _ => "ready",
    };
    let unsigned = |sources: Vec<soulcaster_core::model::SourceConfig>| {
        sources.iter().filter(|source| source.proof == Proof::Unsigned).count()
    };
    let ready = Ready {
        status,
        waiting,
        set_aside: set_aside.unwrap_or(0),
        unsigned_sources: sources.map_or(0, unsigned),
    };
    let code = if status == "ready" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(ready)).into_response()
}

/// Gives figures in the text format of Prometheus. None is about a single project.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Figures", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    metrics::gauge!("soulcaster_deliveries_waiting").set(app.inbox.waiting() as f64);
    metrics::gauge!("soulcaster_requests_in_flight").set(app.in_flight.load(Ordering::Relaxed) as f64);
    metrics::counter!("soulcaster_deliveries_taken_in_total").absolute(app.taken.load(Ordering::Relaxed));
    let text = app.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// How many there are of what in the project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stats {
    #[serde(flatten)]
    counts: Counts,
    /// Items by source, every source counted.
    by_source: BTreeMap<String, usize>,
    /// Reports that are acknowledged and not yet taken in.
    waiting: u64,
}

/// Counts items, clusters and sources of the project.
#[utoipa::path(get, path = "/stats", tag = "feedback",
    responses((status = 200, description = "Counts", body = Stats), Problems))]
pub(crate) async fn stats(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<Stats>> {
    let (counts, by_source) = app.soulcaster.stats(&key.project).await?;
    Ok(Json(Stats { counts, by_source, waiting: app.pending.of(&key.project) }))
}
