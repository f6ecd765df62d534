//! Grouping jobs: asking for one, watching them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use soulcaster_core::model::{ClusterJob, JobStatus};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::extract::{Json, Path, Query};
use super::key::{Admin, Key, Read};
use super::page;
use super::problem::{Answer, Problems};

/// What to group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupNow)]
pub(crate) struct Wanted {
    /// Everything anew, and not only what has come since; corrections hold, ids stay.
    #[serde(default)]
    full: bool,
}

/// Asks for the project to be grouped now. Deliveries ask for it by themselves.
#[utoipa::path(post, path = "/cluster-jobs", tag = "jobs", request_body = Wanted,
    responses((status = 202, description = "The job, or the one that waits already", body = ClusterJob), Problems))]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(wanted): Json<Wanted>,
) -> Answer<(StatusCode, Json<ClusterJob>)> {
    let job = app.jobs.start(&app, &key.project, wanted.full, Duration::ZERO).await?;
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// How many jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Recent {
    /// How many at most, 1 to 1000; 20 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists jobs, latest first.
#[utoipa::path(get, path = "/cluster-jobs", tag = "jobs", params(Recent),
    responses((status = 200, description = "Jobs", body = Vec<ClusterJob>), Problems))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Query(recent): Query<Recent>,
) -> Answer<Json<Vec<ClusterJob>>> {
    let limit = page::limit(recent.limit.or(Some(20)))?;
    Ok(Json(app.soulcaster.jobs(&key.project, limit).await?))
}

/// Shows one job.
#[utoipa::path(get, path = "/cluster-jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = ClusterJob), Problems))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<ClusterJob>> {
    Ok(Json(app.soulcaster.job(&key.project, &id).await?))
}

/// How far grouping is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Items that are not grouped yet; those that are being taken in too.
    pending_unclustered: u64,
    /// Whether a job runs or waits.
    is_clustering: bool,
    /// The latest job that has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_job: Option<ClusterJob>,
}

/// Says how far grouping is.
#[utoipa::path(get, path = "/clustering/status", tag = "jobs",
    responses((status = 200, description = "How far grouping is", body = Progress), Problems))]
pub(crate) async fn progress(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<Progress>> {
    let ungrouped = app.soulcaster.ungrouped(&key.project).await? as u64;
    let jobs = app.soulcaster.jobs(&key.project, 10).await?;
    Ok(Json(Progress {
        pending_unclustered: ungrouped + app.pending.of(&key.project),
        is_clustering: app.jobs.is_busy(&key.project),
        last_job: jobs.into_iter().find(|job| job.status != JobStatus::Pending),
    }))
}
