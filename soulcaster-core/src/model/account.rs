//! Users, their projects, and how much they may use.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, ProjectId};
use crate::port::store::Record;

/// Somebody who owns projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct User {
    /// Their id, 16 letters.
    pub id: String,
    /// Their address, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their number at GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_id: Option<String>,
    /// When they were added.
    pub created_at: DateTime<Utc>,
}

impl Record for User {
    const COLLECTION: &'static str = "user";
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// Whose address or number at GitHub something is: one record each, so that nobody is added twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Handle {
    pub(crate) name: String,
    pub(crate) user_id: String,
}

impl Record for Handle {
    const COLLECTION: &'static str = "user_handle";
    fn key(&self) -> String {
        self.name.clone()
    }
}

/// What is known about a project besides its reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProjectInfo {
    /// Its id.
    pub id: ProjectId,
    /// Whose it is; absent for a project of the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What people call it.
    pub name: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl Record for ProjectInfo {
    const COLLECTION: &'static str = "project";
    fn key(&self) -> String {
        self.id.to_string()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        self.user_id.iter().map(|user| ("user", user.clone())).collect()
    }
}

/// How much one user may use, over all projects; without a limit as much as fits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Limits {
    /// Most items.
    pub items_per_user: Option<u64>,
    /// Most successful fixes.
    pub fixes_per_user: Option<u64>,
}

impl Limits {
    /// What is given for nothing: 1,500 items and 20 fixes.
    pub const FREE_TIER: Self = Self { items_per_user: Some(1500), fixes_per_user: Some(20) };
}

/// How much a user has used, over all projects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Items that are kept.
    pub items: u64,
    /// Most items; absent without a limit.
    pub items_limit: Option<u64>,
    /// Successful fixes.
    pub fixes: u64,
    /// Most successful fixes; absent without a limit.
    pub fixes_limit: Option<u64>,
}

/// A fix that succeeded. Kept in its project, to be counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FixSuccess {
    /// The job that made it.
    pub job: String,
    /// The group of reports it is for.
    pub cluster: ClusterId,
    /// When it was done.
    pub at: DateTime<Utc>,
}

impl Record for FixSuccess {
    const COLLECTION: &'static str = "fix_success";
    fn key(&self) -> String {
        self.job.clone()
    }
}
