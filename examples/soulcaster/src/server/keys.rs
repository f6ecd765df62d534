//! Keys of the project.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use soulcaster_core::model::{ApiKey, Scope};
use utoipa::ToSchema;

use super::App;
use super::extract::{Json, Path};
use super::key::{Admin, Key};
use super::problem::{Answer, Fault, Problems};
use crate::secret;

/// A key as it is shown: not the key itself, and not its hash.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// The part of the key that may be told.
    id: String,
    /// What it may do.
    scope: Scope,
    /// When it was made.
    created_at: chrono::DateTime<chrono::Utc>,
    /// When it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, scope, created_at, revoked_at, .. } = key;
        Self { id, scope, created_at, revoked_at }
    }
}

/// Lists the keys of the project.
#[utoipa::path(get, path = "/keys", tag = "keys",
    responses((status = 200, description = "Keys, oldest first", body = Vec<KeyView>), Problems))]
pub(crate) async fn list(State(app): State<Arc<App>>, key: Key<Admin>) -> Answer<Json<Vec<KeyView>>> {
    let keys = app.soulcaster.keys(&key.project).await?;
    Ok(Json(keys.into_iter().map(KeyView::from).collect()))
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct New {
    /// What it may do: `ingest`, `read` or `admin`.
    scope: Scope,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyMade {
    #[serde(flatten)]
    view: KeyView,
    /// The key itself. It is shown this once.
    key: String,
}

/// Makes a key for the project.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = New,
    responses((status = 201, description = "The key", body = KeyMade), Problems))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(new): Json<New>,
) -> Answer<(StatusCode, Json<KeyMade>)> {
    if new.scope == Scope::Operator {
        let detail = "operator keys are made on the server, with `soulcaster keys create --scope operator`";
        return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let random = secret::random()?;
    let (made, secret) = app.soulcaster.create_key(&key.project, new.scope, &random, app.now()).await?;
    let made = KeyMade { view: made.into(), key: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Withdraws a key of the project.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "The key's id")),
    responses((status = 200, description = "The key as it is now", body = KeyView), Problems))]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
) -> Answer<Json<KeyView>> {
    Ok(Json(app.soulcaster.revoke_key(&key.project, &id, app.now()).await?.into()))
}
