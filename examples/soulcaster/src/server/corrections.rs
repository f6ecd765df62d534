//! What people correct.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use soulcaster_core::flow::Suggestion;
use soulcaster_core::model::TimelineEvent;
use soulcaster_core::{ClusterId, FeedbackId};
use utoipa::ToSchema;

use super::App;
use super::extract::{Json, Path, some};
use super::key::{Admin, Key};
use super::problem::{Answer, Problems};

/// Which clusters to merge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merge {
    /// The clusters that go into this one.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 1000)]
    others: Vec<ClusterId>,
}

/// Merges clusters into this one; later runs keep them together.
#[utoipa::path(post, path = "/clusters/{id}/merge", tag = "corrections",
    params(("id" = String, Path, description = "The cluster that stays")), request_body = Merge,
    responses((status = 200, description = "What happened", body = TimelineEvent), Problems))]
pub(crate) async fn merge(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(merge): Json<Merge>,
) -> Answer<Json<TimelineEvent>> {
    some("others", &merge.others, 1000)?;
    let into = ClusterId::from(id);
    Ok(Json(app.soulcaster.merge(&key.project, &into, &merge.others, app.now()).await?))
}

/// Which items to split off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Split {
    /// The items that become a cluster of their own.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 10_000)]
    items: Vec<FeedbackId>,
}

/// What a split made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SplitOff {
    /// The new cluster.
    #[schema(value_type = String)]
    cluster: ClusterId,
    event: TimelineEvent,
}

/// Splits items off a cluster into a new one; later runs keep them apart.
#[utoipa::path(post, path = "/clusters/{id}/split", tag = "corrections",
    params(("id" = String, Path, description = "The cluster")), request_body = Split,
    responses((status = 200, description = "What happened", body = SplitOff), Problems))]
pub(crate) async fn split(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(split): Json<Split>,
) -> Answer<Json<SplitOff>> {
    some("items", &split.items, 10_000)?;
    let from = ClusterId::from(id);
    let (cluster, event) = app.soulcaster.split(&key.project, &from, &split.items, app.now()).await?;
    Ok(Json(SplitOff { cluster, event }))
}

/// Confirms that all items of a cluster belong together.
#[utoipa::path(post, path = "/clusters/{id}/confirm", tag = "corrections",
    params(("id" = String, Path, description = "The cluster")),
    responses((status = 200, description = "What happened", body = TimelineEvent), Problems))]
pub(crate) async fn confirm_cluster(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
) -> Answer<Json<TimelineEvent>> {
    Ok(Json(app.soulcaster.confirm_cluster(&key.project, &ClusterId::from(id), app.now()).await?))
}

/// Where an item goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// The cluster it belongs to.
    #[schema(value_type = String)]
    to: ClusterId,
}

/// Moves an item to another cluster; later runs keep it there.
#[utoipa::path(post, path = "/feedback/{id}/move", tag = "corrections",
    params(("id" = String, Path, description = "The item")), request_body = Destination,
    responses((status = 200, description = "What happened", body = TimelineEvent), Problems))]
pub(crate) async fn move_item(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(destination): Json<Destination>,
) -> Answer<Json<TimelineEvent>> {
    let item = FeedbackId::from(id);
    Ok(Json(app.soulcaster.move_item(&key.project, &item, &destination.to, app.now()).await?))
}

/// Whether the engine is right.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Judgement {
    /// True: the item belongs where it is, or where it may belong. False: the suggestion is wrong, and the item opens a
    /// cluster of its own.
    right: bool,
}

/// Confirms where an item is, or answers a suggestion.
#[utoipa::path(post, path = "/feedback/{id}/confirm", tag = "corrections",
    params(("id" = String, Path, description = "The item")), request_body = Judgement,
    responses((status = 200, description = "What happened", body = TimelineEvent), Problems))]
pub(crate) async fn confirm_item(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(judgement): Json<Judgement>,
) -> Answer<Json<TimelineEvent>> {
    let item = FeedbackId::from(id);
    let event = if judgement.right {
        app.soulcaster.confirm_item(&key.project, &item, app.now()).await?
    } else {
        app.soulcaster.reject_item(&key.project, &item, app.now()).await?
    };
    Ok(Json(event))
}

/// Takes back the latest correction, clean-up or regrouping.
#[utoipa::path(post, path = "/undo", tag = "corrections",
    responses((status = 200, description = "What happened", body = TimelineEvent), Problems))]
pub(crate) async fn undo(State(app): State<Arc<App>>, key: Key<Admin>) -> Answer<Json<TimelineEvent>> {
    Ok(Json(app.soulcaster.undo(&key.project, app.now()).await?))
}

/// Whether to merge what looks like one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cleanup {
    /// Merge the suggested pairs, as one change that `undo` takes back; otherwise only name them.
    #[serde(default)]
    apply: bool,
}

/// What a clean-up found or did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CleanedUp {
    /// Pairs that look like one, most alike first; those that are left after merging.
    suggestions: Vec<Suggestion>,
    /// What happened; absent when nothing was merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<TimelineEvent>,
}

/// Finds clusters that look like one, and merges them if asked to.
#[utoipa::path(post, path = "/clusters/cleanup", tag = "corrections", request_body = Cleanup,
    responses((status = 200, description = "What was found or done", body = CleanedUp), Problems))]
pub(crate) async fn cleanup(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(cleanup): Json<Cleanup>,
) -> Answer<Json<CleanedUp>> {
    let event = if cleanup.apply { app.soulcaster.cleanup(&key.project, app.now()).await? } else { None };
    let suggestions = app.soulcaster.analyze(&key.project).await?.suggestions;
    Ok(Json(CleanedUp { suggestions, event }))
}
