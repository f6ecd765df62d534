//! Users and projects.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use soulcaster_core::flow::accounts::NewUser;
use soulcaster_core::model::{ProjectInfo, Scope, Usage, User};
use soulcaster_core::{ErrorKind, ProjectId};
use utoipa::ToSchema;

use super::App;
use super::extract::{Json, Path};
use super::key::{Admin, Key, Operator, Read};
use super::problem::{Answer, Problems};
use crate::secret;

/// A user to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddUser {
    /// Their address.
    email: Option<String>,
    /// Their number at GitHub.
    github_id: Option<String>,
}

/// A user with their first project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserMade {
    user: User,
    default_project: ProjectInfo,
    /// An admin key for that project. It is shown this once.
    key: String,
}

/// Adds a user, with a project and a key for it. Takes an operator key.
///
/// The same address again is the same user; the key is a new one.
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = AddUser,
    responses((status = 201, description = "The user", body = UserMade), Problems))]
pub(crate) async fn add_user(
    State(app): State<Arc<App>>,
    _: Key<Operator>,
    Json(add): Json<AddUser>,
) -> Answer<(StatusCode, Json<UserMade>)> {
    let new = NewUser { email: add.email, github_id: add.github_id };
    let random = secret::random()?;
    let (user, default_project) = app.soulcaster.create_user(new, &random, app.now()).await?;
    let random = secret::random()?;
    let (_, key) = app.soulcaster.create_key(&default_project.id, Scope::Admin, &random, app.now()).await?;
    Ok((StatusCode::CREATED, Json(UserMade { user, default_project, key: key.expose().to_owned() })))
}

/// Lists the users. Takes an operator key.
#[utoipa::path(get, path = "/users", tag = "accounts",
    responses((status = 200, description = "Users, oldest first", body = Vec<User>), Problems))]
pub(crate) async fn users(State(app): State<Arc<App>>, _: Key<Operator>) -> Answer<Json<Vec<User>>> {
    Ok(Json(app.soulcaster.users().await?))
}

/// Shows one user. Takes an operator key.
#[utoipa::path(get, path = "/users/{id}", tag = "accounts",
    params(("id" = String, Path, description = "The user's id")),
    responses((status = 200, description = "The user", body = User), Problems))]
pub(crate) async fn user(
    State(app): State<Arc<App>>,
    _: Key<Operator>,
    Path(id): Path<String>,
) -> Answer<Json<User>> {
    Ok(Json(app.soulcaster.user(&id).await?))
}

/// The project of the key, and what its owner has used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Projects {
    /// The project that the key opens.
    #[schema(value_type = String)]
    project: ProjectId,
    /// All projects of its owner.
    projects: Vec<ProjectInfo>,
    /// What they have used together, and how much they may.
    usage: Usage,
}

/// Lists the projects of whoever owns the key's project.
#[utoipa::path(get, path = "/projects", tag = "accounts",
    responses((status = 200, description = "Projects, oldest first", body = Projects), Problems))]
pub(crate) async fn projects(State(app): State<Arc<App>>, key: Key<Read>) -> Answer<Json<Projects>> {
    let info = app.soulcaster.project_info(&key.project).await?;
    let projects = match info.as_ref().and_then(|info| info.user_id.as_deref()) {
        Some(user) => app.soulcaster.projects_of(user).await?,
        None => info.into_iter().collect(),
    };
    let usage = app.soulcaster.usage(&key.project, app.settings.limits).await?;
    Ok(Json(Projects { project: key.project.clone(), projects, usage }))
}

/// A project to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddProject {
    /// What people call it.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Its id; made here if not given. One that is in use is refused.
    #[schema(value_type = Option<ProjectId>)]
    id: Option<String>,
}

/// A project with a key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectMade {
    project: ProjectInfo,
    /// An admin key for it. It is shown this once.
    key: String,
}

/// Adds a project for whoever owns the key's project, with an admin key for it.
#[utoipa::path(post, path = "/projects", tag = "accounts", request_body = AddProject,
    responses((status = 201, description = "The project", body = ProjectMade), Problems))]
pub(crate) async fn add_project(
    State(app): State<Arc<App>>,
    key: Key<Admin>,
    Json(add): Json<AddProject>,
) -> Answer<(StatusCode, Json<ProjectMade>)> {
    let owner = app.soulcaster.project_info(&key.project).await?.and_then(|info| info.user_id);
    let id = add.id.map(ProjectId::new).transpose()?;
    if let Some(id) = &id
        && app.soulcaster.is_used(id).await?
    {
        // A key to it is in the answer, and only who has one to it may ask for another.
        let taken = soulcaster_core::Error::new(ErrorKind::Conflict, "projects.add", "that id is taken");
        return Err(taken.into());
    }
    let random = secret::random()?;
    let project = app.soulcaster.create_project(owner.as_deref(), id, &add.name, &random, app.now()).await?;
    let random = secret::random()?;
    let (_, key) = app.soulcaster.create_key(&project.id, Scope::Admin, &random, app.now()).await?;
    Ok((StatusCode::CREATED, Json(ProjectMade { project, key: key.expose().to_owned() })))
}
