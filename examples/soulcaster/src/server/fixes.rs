//! Plans and fixes: asking for them, watching them, ending them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use soulcaster_core::flow::{FixRequest, PlanChange, RunnerRecord};
use soulcaster_core::model::{AgentJob, CodingPlan, FixEvidence, FixSettings, LogLine};
use soulcaster_core::{ClusterId, ProjectId};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::extract::{Json, Path, Query};
use super::key::{Admin, Key, Read};
use super::page;
use super::problem::{Answer, Fault, Problems};

/// Between two looks at a log that somebody follows.
const FOLLOW: Duration = Duration::from_millis(300);
/// Between two signs of life on a connection where nothing else is said.
const ALIVE: Duration = Duration::from_secs(10);

/// Shows how fixes of the project are made.
#[utoipa::path(get, path = "/fix-settings", tag = "fixes",
    responses((status = 200, description = "The settings", body = FixSettings), Problems))]
pub(crate) async fn settings(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<FixSettings>> {
    Ok(Json(app.soulcaster.fix_settings(&key.project).await?))
}

/// Changes how fixes of the project are made. What is left out is as it is by default. Fixes that exist keep what they
/// began with.
#[utoipa::path(put, path = "/fix-settings", tag = "fixes", request_body = FixSettings,
    responses((status = 200, description = "The settings as they are now", body = FixSettings), Problems))]
pub(crate) async fn change_settings(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(settings): Json<FixSettings>,
) -> Answer<Json<FixSettings>> {
    app.soulcaster.change_fix_settings(&key.project, &settings).await?;
    Ok(Json(settings))
}

/// Shows the plan of a cluster.
#[utoipa::path(get, path = "/clusters/{id}/plan", tag = "fixes",
    params(("id" = String, Path, description = "The cluster's id")),
    responses((status = 200, description = "The plan", body = CodingPlan), Problems))]
pub(crate) async fn plan(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<CodingPlan>> {
    let plan = app.soulcaster.plan(&key.project, &ClusterId::from(id)).await?;
    plan.map(Json).ok_or_else(|| Fault::not_found("this cluster has no plan; POST makes one"))
}

/// Writes the plan of a cluster anew: by the model, or by rule. It is a draft then.
#[utoipa::path(post, path = "/clusters/{id}/plan", tag = "fixes",
    params(("id" = String, Path, description = "The cluster's id")),
    responses((status = 201, description = "The plan", body = CodingPlan), Problems))]
pub(crate) async fn make_plan(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<CodingPlan>)> {
    let plan = app.equipment.plan(&app.soulcaster, &key.project, &ClusterId::from(id), app.now()).await?;
    Ok((StatusCode::CREATED, Json(plan)))
}

/// Which revision of a plan is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Revision {
    /// The revision that was looked at; another one is a conflict.
    revision: Option<u32>,
}

/// Changes a plan. It is a draft again.
#[utoipa::path(patch, path = "/clusters/{id}/plan", tag = "fixes",
    params(("id" = String, Path, description = "The cluster's id"), Revision), request_body = PlanChange,
    responses((status = 200, description = "The plan as it is now", body = CodingPlan), Problems))]
pub(crate) async fn edit_plan(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Query(Revision { revision }): Query<Revision>,
    Json(change): Json<PlanChange>,
) -> Answer<Json<CodingPlan>> {
    let id = ClusterId::from(id);
    Ok(Json(app.soulcaster.edit_plan(&key.project, &id, revision, change, app.now()).await?))
}

/// Agrees to a plan as it is.
#[utoipa::path(post, path = "/clusters/{id}/plan/approve", tag = "fixes",
    params(("id" = String, Path, description = "The cluster's id"), Revision),
    responses((status = 200, description = "The plan", body = CodingPlan), Problems))]
pub(crate) async fn approve_plan(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Query(Revision { revision }): Query<Revision>,
) -> Answer<Json<CodingPlan>> {
    let id = ClusterId::from(id);
    Ok(Json(app.soulcaster.approve_plan(&key.project, &id, revision, app.now()).await?))
}

/// Asks for a fix of a cluster. While one is open that one is given, so asking twice is safe.
#[utoipa::path(post, path = "/clusters/{id}/start_fix", tag = "fixes",
    params(("id" = String, Path, description = "The cluster's id")), request_body = FixRequest,
    responses((status = 202, description = "The fix", body = AgentJob), Problems))]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(request): Json<FixRequest>,
) -> Answer<(StatusCode, Json<AgentJob>)> {
    let hands = app.equipment.hands(&app.soulcaster, &key.project)?;
    let (id, limits) = (ClusterId::from(id), app.settings.limits);
    let (job, is_new) =
        app.soulcaster.start_fix(&key.project, &id, &request, &hands, limits, app.now()).await?;
    if is_new {
        app.fixer.push(&key.project, &job.id, Duration::ZERO).await;
    }
    Ok((StatusCode::ACCEPTED, Json(job)))
}

/// Which fixes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only of this cluster.
    cluster: Option<String>,
    /// How many at most, 1 to 1000; 20 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists fixes, latest first.
#[utoipa::path(get, path = "/jobs", tag = "fixes", params(Which),
    responses((status = 200, description = "Fixes", body = Vec<AgentJob>), Problems))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Query(which): Query<Which>,
) -> Answer<Json<Vec<AgentJob>>> {
    let limit = page::limit(which.limit.or(Some(20)))?;
    let cluster = which.cluster.map(ClusterId::from);
    Ok(Json(app.soulcaster.fixes(&key.project, cluster.as_ref(), limit).await?))
}

/// Shows a fix.
#[utoipa::path(get, path = "/jobs/{id}", tag = "fixes",
    params(("id" = String, Path, description = "The fix's id")),
    responses((status = 200, description = "The fix", body = AgentJob), Problems))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<AgentJob>> {
    Ok(Json(app.soulcaster.fix(&key.project, &id).await?))
}

/// Shows the patch of a fix and what proves it.
#[utoipa::path(get, path = "/jobs/{id}/evidence", tag = "fixes",
    params(("id" = String, Path, description = "The fix's id")),
    responses((status = 200, description = "Patch and proof", body = FixEvidence), Problems))]
pub(crate) async fn evidence(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<FixEvidence>> {
    let evidence = app.soulcaster.fix_evidence(&key.project, &id).await?;
    evidence.map(Json).ok_or_else(|| Fault::not_found("there is no patch of this fix"))
}

/// Ends a fix, in whatever state it is. One that has ended stays as it is.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "fixes",
    params(("id" = String, Path, description = "The fix's id")),
    responses((status = 202, description = "The fix", body = AgentJob), Problems))]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
) -> Answer<(StatusCode, Json<AgentJob>)> {
    Ok((StatusCode::ACCEPTED, Json(app.soulcaster.cancel_fix(&key.project, &id, app.now()).await?)))
}

/// Which part of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct After {
    /// Only lines after this number.
    #[serde(default)]
    after: u64,
    /// How many at most, 1 to 1000; 100 if not given. Does not count for a stream.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lines of a log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    /// Whether no more lines will come.
    ended: bool,
}

/// Gives the log of a fix. To those who accept `text/event-stream` it is sent line by line as it grows, until the fix
/// has ended; `Last-Event-ID` goes on after that line.
#[utoipa::path(get, path = "/jobs/{id}/logs", tag = "fixes",
    params(("id" = String, Path, description = "The fix's id"), After),
    responses((status = 200, description = "Lines", body = Log), Problems))]
pub(crate) async fn logs(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
    Query(part): Query<After>,
    headers: HeaderMap,
) -> Answer<Response> {
    let limit = page::limit(part.limit)?;
    let job = app.soulcaster.fix(&key.project, &id).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/event-stream") {
        let lines = app.soulcaster.fix_log(&key.project, &id, part.after, limit).await?;
        let ended = job.status.has_ended() && lines.len() < limit;
        return Ok(Json(Log { lines, ended }).into_response());
    }
    let last =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|id| id.parse().ok());
    let tail = Tail {
        app,
        project: key.project.clone(),
        id,
        last: last.unwrap_or(part.after),
        waiting: Vec::new(),
        spoke: Instant::now(),
    };
    let events = stream::unfold(tail, |mut tail| async move {
        tail.next().await.map(|event| (Ok::<_, Infallible>(event), tail))
    });
    Ok(Sse::new(events).into_response())
}

/// The rest of a log.
struct Tail {
    app: Arc<App>,
    project: ProjectId,
    id: String,
    last: u64,
    /// Lines that have been read and not yet sent, the next one last.
    waiting: Vec<LogLine>,
    spoke: Instant,
}

impl Tail {
    async fn next(&mut self) -> Option<Event> {
        while self.waiting.is_empty() {
            // Asked before the lines are read: what is written after that is not missed.
            let ended = self.app.soulcaster.fix(&self.project, &self.id).await.ok()?.status.has_ended();
            let mut lines =
                self.app.soulcaster.fix_log(&self.project, &self.id, self.last, 1000).await.ok()?;
            if lines.is_empty() && (ended || *self.app.stop.borrow()) {
                return None;
            }
            lines.reverse();
            self.waiting = lines;
            if self.waiting.is_empty() {
                tokio::time::sleep(FOLLOW).await;
                if self.spoke.elapsed() > ALIVE {
                    self.spoke = Instant::now();
                    return Some(Event::default().comment("still at it"));
                }
            }
        }
        let line = self.waiting.pop()?;
        self.last = line.number;
        self.spoke = Instant::now();
        Event::default().id(line.number.to_string()).json_data(&line).ok()
    }
}

/// Shows what came of the fixes that each runner made.
#[utoipa::path(get, path = "/runners", tag = "fixes",
    responses((status = 200, description = "Records of runners", body = Vec<RunnerRecord>), Problems))]
pub(crate) async fn runners(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<Vec<RunnerRecord>>> {
    Ok(Json(app.soulcaster.runner_records(&key.project).await?))
}
