//! Configured sources: where a project's reports come from. No answer holds a secret that was there before.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::Secret;
use soulcaster_core::flow::sources::{NewSource, SourceChange};
use soulcaster_core::model::{Proof, PullState, SourceView};
use soulcaster_sources::vendor;
use utoipa::ToSchema;

use super::App;
use super::extract::{Json, Path};
use super::key::{Admin, Key, Read};
use super::problem::{Answer, Fault, Problems};
use crate::secret;

/// A source, and where to deliver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Source {
    #[serde(flatten)]
    source: SourceView,
    /// The path to deliver to; a path token, where there is one, comes after it. Absent for a source that is pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_to: Option<String>,
    /// How far it has been pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pull: Option<PullState>,
}

/// A source that was changed, with a secret that was made for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceMade {
    #[serde(flatten)]
    source: Source,
    /// The new secret. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

async fn shown(app: &App, source: SourceView) -> Answer<Source> {
    let (mut deliver_to, mut pull) = (None, None);
    if source.proof == Proof::Pull {
        pull = app.soulcaster.pull_state(&source.project_id, &source.id).await?;
    } else {
        deliver_to = Some(format!("/ingest/{}/{}", source.vendor, source.id));
    }
    Ok(Source { source, deliver_to, pull })
}

async fn made(app: &App, source: SourceView, secret: Option<Secret>) -> Answer<SourceMade> {
    let secret = secret.map(|secret| secret.expose().to_owned());
    Ok(SourceMade { source: shown(app, source).await?, secret })
}

/// Lists the project's sources.
#[utoipa::path(get, path = "/sources", tag = "sources",
    responses((status = 200, description = "Sources, oldest first", body = Vec<Source>), Problems))]
pub(crate) async fn list(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<Vec<Source>>> {
    let mut sources = Vec::new();
    for source in app.soulcaster.sources(&key.project).await? {
        sources.push(shown(&app, source).await?);
    }
    Ok(Json(sources))
}

/// Shows one source.
#[utoipa::path(get, path = "/sources/{id}", tag = "sources",
    params(("id" = String, Path, description = "The source's id")),
    responses((status = 200, description = "The source", body = Source), Problems))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    key: Key<Read>,
    Path(id): Path<String>,
) -> Answer<Json<Source>> {
    Ok(Json(shown(&app, app.soulcaster.source(&key.project, &id).await?).await?))
}

/// A source to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddSource)]
pub(crate) struct Add {
    /// Who delivers, such as `github`.
    vendor: String,
    /// How it proves itself; what the vendor does best if not given. `unsigned` opens it to anybody.
    proof: Option<Proof>,
    /// The secret that the vendor has, or a token for its API; made here if not given.
    #[schema(value_type = Option<String>, format = "password")]
    secret: Option<String>,
    /// Whether its reports are taken.
    #[serde(default = "yes")]
    enabled: bool,
    /// The vendor's settings.
    #[serde(default)]
    settings: Map<String, Value>,
}

fn yes() -> bool {
    true
}

/// Refuses settings that would have the server call what only it can reach.
fn check_reach(app: &App, settings: &Map<String, Value>) -> Answer<()> {
    let private = settings.get("connection").and_then(|connection| connection.get("allow_private_network"));
    if app.settings.private_network || private.is_none_or(|allow| *allow == Value::Bool(false)) {
        return Ok(());
    }
    let detail = "allow_private_network is not for keys of a project; add the source with `soulcaster sources add`, \
                  or start the server with --allow-private-network";
    Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", detail))
}

/// Adds a source. A secret that is made for it is in the answer, and never again in another.
#[utoipa::path(post, path = "/sources", tag = "sources", request_body = Add,
    responses((status = 201, description = "The source, and the secret that was made", body = SourceMade), Problems))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(add): Json<Add>,
) -> Answer<(StatusCode, Json<SourceMade>)> {
    let Add { vendor, proof, secret, enabled, settings } = add;
    let proof = match proof {
        Some(proof) => proof,
        None => vendor::default_proof(&vendor)?,
    };
    let secret = secret.map(Secret::new);
    vendor::check(&vendor, &proof, &settings, secret.as_ref())?;
    check_reach(&app, &settings)?;
    let new = NewSource { vendor, proof, secret, enabled, settings };
    let random = secret::random()?;
    let (source, secret) = app.soulcaster.add_source(&key.project, new, &random, app.now()).await?;
    app.pullers.notify_one();
    Ok((StatusCode::CREATED, Json(made(&app, source, secret).await?)))
}

/// What to change of a source; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeSource)]
pub(crate) struct Change {
    /// Whether its reports are taken.
    enabled: Option<bool>,
    /// All of the vendor's settings.
    settings: Option<Map<String, Value>>,
}

/// Changes a source.
#[utoipa::path(patch, path = "/sources/{id}", tag = "sources",
    params(("id" = String, Path, description = "The source's id")), request_body = Change,
    responses((status = 200, description = "The source as it is now", body = Source), Problems))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(change): Json<Change>,
) -> Answer<Json<Source>> {
    let known = app.soulcaster.source(&key.project, &id).await?;
    if let Some(settings) = &change.settings {
        // How it proves itself stays, and so does its secret.
        match known.proof {
            Proof::Pull => vendor::check(&known.vendor, &Proof::Pull, settings, Some(&Secret::new("kept")))?,
            _ => vendor::check(&known.vendor, &Proof::Unsigned, settings, None)?,
        }
        check_reach(&app, settings)?;
    }
    let change = SourceChange { enabled: change.enabled, settings: change.settings };
    let source = app.soulcaster.change_source(&key.project, &id, change, app.now()).await?;
    app.pullers.notify_one();
    Ok(Json(shown(&app, source).await?))
}

/// Removes a source; its reports stay.
#[utoipa::path(delete, path = "/sources/{id}", tag = "sources",
    params(("id" = String, Path, description = "The source's id")),
    responses((status = 204, description = "It is gone"), Problems))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    app.soulcaster.remove_source(&key.project, &id).await?;
    app.pullers.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// A secret to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    /// The secret that the vendor has; made here if not given.
    #[schema(value_type = Option<String>, format = "password")]
    secret: Option<String>,
}

/// Adds a second secret, so that the first can be replaced without a gap.
#[utoipa::path(post, path = "/sources/{id}/secrets", tag = "sources",
    params(("id" = String, Path, description = "The source's id")), request_body = NewSecret,
    responses((status = 201, description = "The source, and the secret that was made", body = SourceMade), Problems))]
pub(crate) async fn add_secret(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path(id): Path<String>,
    Json(new): Json<NewSecret>,
) -> Answer<(StatusCode, Json<SourceMade>)> {
    let (random, secret) = (secret::random()?, new.secret.map(Secret::new));
    let (source, secret) =
        app.soulcaster.add_source_secret(&key.project, &id, secret, &random, app.now()).await?;
    Ok((StatusCode::CREATED, Json(made(&app, source, secret).await?)))
}

/// Removes a secret; the last one stays.
#[utoipa::path(delete, path = "/sources/{id}/secrets/{secret}", tag = "sources",
    params(("id" = String, Path, description = "The source's id"), ("secret" = String, Path, description = "The secret's id")),
    responses((status = 200, description = "The source as it is now", body = Source), Problems))]
pub(crate) async fn remove_secret(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Path((id, secret)): Path<(String, String)>,
) -> Answer<Json<Source>> {
    let source = app.soulcaster.remove_source_secret(&key.project, &id, &secret, app.now()).await?;
    Ok(Json(shown(&app, source).await?))
}
