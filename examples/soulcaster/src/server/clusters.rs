//! Clusters: looking at them.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use soulcaster_core::ClusterId;
use soulcaster_core::flow::{
    Analysis, ClusterChange, ClusterQuery, ClusterSort, Explanation, ItemQuery, PlacedItem,
};
use soulcaster_core::model::{Cluster, ClusterStatus, Severity, TimelineEvent};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::extract::{Json, Path, Query, at_most};
use super::key::{Admin, Key, Read};
use super::page;
use super::problem::{Answer, Problems};

/// Members that a cluster is shown with.
const SHOWN: usize = 100;

/// Which clusters to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Only with this status.
    status: Option<ClusterStatus>,
    /// Only with items of this source.
    source: Option<String>,
    /// Only at least this bad.
    severity: Option<Severity>,
    /// Also those of one item.
    #[serde(default)]
    singles: bool,
    /// What comes first: `size` (the default), `last_seen` or `created`.
    #[serde(default)]
    #[param(inline)]
    sort: ClusterSort,
    /// How many at most, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Clusters, in the order asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Clusters {
    clusters: Vec<Cluster>,
    /// How many there are in all.
    total: usize,
    /// Give it as `cursor` to go on; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists clusters, largest first unless asked otherwise.
#[utoipa::path(get, path = "/clusters", tag = "clusters", params(Filter),
    responses((status = 200, description = "Clusters", body = Clusters), Problems))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Query(filter): Query<Filter>,
) -> Answer<Json<Clusters>> {
    let mut query = ClusterQuery {
        singles: filter.singles,
        status: filter.status,
        source: filter.source,
        severity: filter.severity,
        sort: filter.sort,
        limit: page::limit(filter.limit)?,
        after: None,
    };
    let list = format!("clusters {:?}", ClusterQuery { limit: 0, ..query.clone() });
    query.after = page::after(&key.project, &list, filter.cursor.as_deref())?;
    let found = app.soulcaster.clusters(&key.project, &query).await?;
    let next = page::cursor(&key.project, &list, found.next);
    Ok(Json(Clusters { clusters: found.clusters, total: found.total, next }))
}

/// A cluster with the first of its items.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterView {
    cluster: Cluster,
    /// Its items, oldest first, at most 100; `/clusters/{id}/items` has them all.
    items: Vec<PlacedItem>,
    /// Items that may belong to it, at most 100.
    unsure: Vec<PlacedItem>,
}

/// Shows one cluster. One that was merged away is not found; the answer says where it went.
#[utoipa::path(get, path = "/clusters/{id}", tag = "clusters",
    params(("id" = String, Path, description = "The cluster's id")),
    responses((status = 200, description = "The cluster", body = ClusterView), Problems))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<ClusterView>> {
    let mut detail = app.soulcaster.cluster(&key.project, &ClusterId::from(id)).await?;
    detail.items.truncate(SHOWN);
    detail.unsure.truncate(SHOWN);
    Ok(Json(ClusterView { cluster: detail.cluster, items: detail.items, unsure: detail.unsure }))
}

/// What to change of a cluster; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EditCluster)]
pub(crate) struct Edit {
    /// Where it stands.
    status: Option<ClusterStatus>,
    /// Its title; an empty one gives the choice back to the next grouping.
    #[schema(max_length = 200)]
    title: Option<String>,
    /// What it is about, in your words.
    #[schema(max_length = 100_000)]
    summary: Option<String>,
}

/// Changes the status, title or summary of a cluster; groupings keep them.
#[utoipa::path(patch, path = "/clusters/{id}", tag = "clusters",
    params(("id" = String, Path, description = "The cluster's id")), request_body = Edit,
    responses((status = 200, description = "The cluster as it is now", body = Cluster), Problems))]
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(edit): Json<Edit>,
) -> Answer<Json<Cluster>> {
    at_most("summary", edit.summary.as_deref().unwrap_or_default(), 100_000)?;
    at_most("title", edit.title.as_deref().unwrap_or_default(), 200)?;
    let change = ClusterChange { status: edit.status, title: edit.title, summary: edit.summary };
    Ok(Json(app.soulcaster.edit_cluster(&key.project, &ClusterId::from(id), change, app.now()).await?))
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// How many at most, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A cluster's items, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Members {
    items: Vec<PlacedItem>,
    /// How many there are in all.
    total: usize,
    /// Give it as `cursor` to go on; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

async fn members(app: &App, key: &Key<Read>, id: &str, part: &Part, list: &str) -> Answer<Members> {
    let list = format!("{list} {id}");
    let query = ItemQuery {
        cluster: Some(ClusterId::from(id)),
        limit: page::limit(part.limit)?,
        after: page::after(&key.project, &list, part.cursor.as_deref())?,
        ..ItemQuery::default()
    };
    let found = app.soulcaster.items(&key.project, &query).await?;
    let next = page::cursor(&key.project, &list, found.next);
    Ok(Members { items: found.items, total: found.total, next })
}

/// Lists the items of a cluster, oldest first.
#[utoipa::path(get, path = "/clusters/{id}/items", tag = "clusters",
    params(("id" = String, Path, description = "The cluster's id"), Part),
    responses((status = 200, description = "Its items", body = Members), Problems))]
pub(crate) async fn items(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Answer<Json<Members>> {
    Ok(Json(members(&app, &key, &id, &part, "items").await?))
}

/// Why the items of a cluster are in it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidencePage {
    evidence: Vec<Explanation>,
    /// How many there are in all.
    total: usize,
    /// Give it as `cursor` to go on; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Says of each item of a cluster why it is in it.
#[utoipa::path(get, path = "/clusters/{id}/evidence", tag = "clusters",
    params(("id" = String, Path, description = "The cluster's id"), Part),
    responses((status = 200, description = "One explanation an item", body = EvidencePage), Problems))]
pub(crate) async fn evidence(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Answer<Json<EvidencePage>> {
    let members = members(&app, &key, &id, &part, "evidence").await?;
    let mut evidence = Vec::with_capacity(members.items.len());
    for placed in &members.items {
        evidence.push(app.soulcaster.explain(&key.project, &placed.item.id).await?);
    }
    Ok(Json(EvidencePage { evidence, total: members.total, next: members.next }))
}

/// How much of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Recent {
    /// How many at most, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists what has happened to a cluster, latest first.
#[utoipa::path(get, path = "/clusters/{id}/timeline", tag = "clusters",
    params(("id" = String, Path, description = "The cluster's id"), Recent),
    responses((status = 200, description = "Events that touched it", body = Vec<TimelineEvent>), Problems))]
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
    Query(recent): Query<Recent>,
) -> Answer<Json<Vec<TimelineEvent>>> {
    let limit = page::limit(recent.limit)?;
    Ok(Json(app.soulcaster.cluster_timeline(&key.project, &ClusterId::from(id), limit).await?))
}

/// Lists what has changed in the project, latest first.
#[utoipa::path(get, path = "/timeline", tag = "clusters", params(Recent),
    responses((status = 200, description = "Events", body = Vec<TimelineEvent>), Problems))]
pub(crate) async fn timeline(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Query(recent): Query<Recent>,
) -> Answer<Json<Vec<TimelineEvent>>> {
    Ok(Json(app.soulcaster.timeline(&key.project, page::limit(recent.limit)?).await?))
}

/// Says how clusters hang together: cohesion, items that do not fit, clusters that look like one.
#[utoipa::path(get, path = "/clusters/analyze", tag = "clusters",
    responses((status = 200, description = "All clusters of two or more, loosest first", body = Analysis), Problems))]
pub(crate) async fn analyze(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<Analysis>> {
    Ok(Json(app.soulcaster.analyze(&key.project).await?))
}
