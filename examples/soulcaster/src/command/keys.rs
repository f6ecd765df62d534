//! `keys`: who may do what.

use chrono::{DateTime, Utc};
use serde::Serialize;
use soulcaster_core::model::{ApiKey, Scope};
use soulcaster_core::{ProjectId, Result};

use crate::args::Keys;
use crate::secret;
use crate::session::{Outcome, Session};
use crate::text::{Table, day};

pub(super) async fn keys(session: &Session, command: Keys) -> Result<Outcome> {
    match command {
        Keys::Create { scope } => create(session, scope).await?,
        Keys::List { all } => list(session, all).await?,
        Keys::Revoke { id } => revoke(session, &id).await?,
    }
    Ok(Outcome::Done)
}

/// A key that was made.
#[derive(Serialize)]
struct Made<'a> {
    id: String,
    key: &'a str,
    /// None for an operator's.
    project: Option<ProjectId>,
    scope: Scope,
}

async fn create(session: &Session, scope: Scope) -> Result<()> {
    let soulcaster = session.open_or_make()?;
    let random = secret::random()?;
    let (key, text) = soulcaster.create_key(&session.project, scope, &random, session.now).await?;
    let Shown { id, project, .. } = Shown::of(key);
    let opens = project.as_ref().map_or("the server".to_owned(), |project| format!("project {project}"));
    let note = format!("key {id} with the scope {} for {opens}; it is shown this once", scope.name());
    let made = Made { id, key: text.expose(), project, scope };
    session.answer(&made, |made| format!("{}\n", made.key))?;
    session.say(&note);
    Ok(())
}

/// A key as it is listed: without its hash.
#[derive(Serialize)]
struct Shown {
    id: String,
    /// None for an operator's.
    project: Option<ProjectId>,
    scope: Scope,
    created_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl Shown {
    fn of(key: ApiKey) -> Self {
        let ApiKey { id, project_id, scope, created_at, revoked_at, .. } = key;
        Self { id, project: (scope != Scope::Operator).then_some(project_id), scope, created_at, revoked_at }
    }
}

async fn list(session: &Session, all: bool) -> Result<()> {
    let soulcaster = session.look()?;
    let keys = if all { soulcaster.all_keys().await? } else { soulcaster.keys(&session.project).await? };
    let keys: Vec<Shown> = keys.into_iter().map(Shown::of).collect();
    session.answer(&keys, |keys| {
        if keys.is_empty() {
            return "no keys; `soulcaster keys create` makes one\n".to_owned();
        }
        let mut table = Table::new(&["ID", "PROJECT", "SCOPE", "MADE", "WITHDRAWN"]);
        for key in keys {
            let project = key.project.as_ref().map_or("-", ProjectId::as_str).to_owned();
            let revoked = key.revoked_at.map_or("-".to_owned(), day);
            table.row([key.id.clone(), project, key.scope.name().to_owned(), day(key.created_at), revoked]);
        }
        table.render()
    })
}

async fn revoke(session: &Session, id: &str) -> Result<()> {
    let soulcaster = session.open()?;
    let operators = soulcaster.keys(&ProjectId::system()).await?;
    let is_operator = operators.iter().any(|key| key.id == id);
    let project = if is_operator { ProjectId::system() } else { session.project.clone() };
    let key = Shown::of(soulcaster.revoke_key(&project, id, session.now).await?);
    session.answer(&key, |key| format!("key {} opens nothing any more\n", key.id))
}
