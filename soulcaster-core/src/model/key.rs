//! Keys: who may do what in which project.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::ProjectId;
use crate::port::store::Record;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Deliver reports, and nothing else.
    Ingest,
    /// Look at everything in its project.
    Read,
    /// Everything in its project: deliver, look, correct, configure.
    Admin,
    /// The server as a whole: users, projects and all keys; but no project's reports.
    Operator,
}

impl Scope {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    /// Whether a key of this scope may do what needs `needed`: `Admin` everything but what an `Operator` does.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self == needed || (self == Self::Admin && needed != Self::Operator)
    }
}

impl FromStr for Scope {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        let scopes = [Self::Ingest, Self::Read, Self::Admin, Self::Operator];
        scopes.into_iter().find(|scope| scope.name() == name).ok_or_else(|| {
            let message = format!("no scope {name:?}; there are ingest, read, admin, operator");
            Error::invalid("keys.scope", message)
        })
    }
}

/// A key as it is kept: never the key itself, only its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// The public part, the letters between the underscores of the key.
    pub id: String,
    /// The project it opens; [`ProjectId::system`] for an operator's.
    #[serde(deserialize_with = "ProjectId::stored")]
    pub project_id: ProjectId,
    /// What it may do there.
    pub scope: Scope,
    /// SHA-256 of the whole key, base 32.
    pub hash: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Record for ApiKey {
    const COLLECTION: &'static str = "api_key";
    fn key(&self) -> String {
        self.id.clone()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("project", self.project_id.to_string())]
    }
}
