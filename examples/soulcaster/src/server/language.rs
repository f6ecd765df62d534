//! What a model writes about a cluster, and what model calls take.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use soulcaster_core::ClusterId;
use soulcaster_core::model::{Ceilings, Cluster, Period};
use soulcaster_core::port::Spend;
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::extract::{Json, Path, Query};
use super::key::{Admin, Key, Read};
use super::problem::{Answer, Problems};

/// What model calls took, and the most that they may take.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelSpend {
    /// This day (UTC).
    day: Spend,
    /// This calendar month (UTC).
    month: Spend,
    ceilings: Ceilings,
}

/// Shows what model calls for the project took today and this month. Agents' own calls are shown with their fixes.
#[utoipa::path(get, path = "/spend", tag = "models",
    responses((status = 200, description = "Calls, tokens, money and ceilings", body = ModelSpend), Problems))]
pub(crate) async fn spend(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<ModelSpend>> {
    let spent = async |period| app.soulcaster.spend(&key.project, period, app.now()).await;
    let (day, month) = (spent(Period::Day).await?, spent(Period::Month).await?);
    Ok(Json(ModelSpend { day, month, ceilings: app.soulcaster.ceilings(&key.project).await? }))
}

/// Changes the most that model calls for the project may take. What is left out has no limit. Calls past it are refused.
#[utoipa::path(put, path = "/ceilings", tag = "models", request_body = Ceilings,
    responses((status = 200, description = "The ceilings as they are now", body = Ceilings), Problems))]
pub(crate) async fn change_ceilings(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(ceilings): Json<Ceilings>,
) -> Answer<Json<Ceilings>> {
    app.soulcaster.change_ceilings(&key.project, &ceilings).await?;
    Ok(Json(ceilings))
}

/// What is written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parts {
    /// Also the title; this takes a model.
    #[serde(default)]
    title: bool,
}

/// Writes the summary of a cluster: by the model, or by rule.
#[utoipa::path(post, path = "/clusters/{id}/summarize", tag = "models",
    params(("id" = String, Path, description = "The cluster's id"), Parts),
    responses((status = 200, description = "The cluster", body = Cluster), Problems))]
pub(crate) async fn summarize(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Query(Parts { title }): Query<Parts>,
) -> Answer<Json<Cluster>> {
    let id = ClusterId::from(id);
    Ok(Json(app.equipment.summarize(&app.soulcaster, &key.project, &id, title, app.now()).await?))
}
