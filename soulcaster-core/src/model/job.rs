//! Grouping jobs: work that a server does in the background.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::ProjectId;
use crate::port::store::Record;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It waits for its turn.
    Pending,
    /// It is being done.
    Running,
    /// It has been done.
    Succeeded,
    /// It went wrong; what it was to do is still to be done.
    Failed,
}

/// What a grouping job did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobStats {
    /// Items whose place was decided or changed.
    pub clustered: usize,
    /// Clusters that came to be.
    pub new_clusters: usize,
    /// Clusters that lost their last item.
    pub retired_clusters: usize,
    /// Items that stayed where they were.
    pub unchanged: usize,
}

/// A grouping of one project in the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClusterJob {
    /// Its id.
    pub id: String,
    /// The project.
    pub project_id: ProjectId,
    /// Whether everything is grouped anew, and not only what has come since.
    pub full: bool,
    /// Where it stands.
    pub status: JobStatus,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<JobStats>,
}

impl Record for ClusterJob {
    const COLLECTION: &'static str = "cluster_job";
    fn key(&self) -> String {
        self.id.clone()
    }
    fn sort(&self) -> i64 {
        self.created_at.timestamp_micros()
    }
}
