//! Coding plans: what is to be done about a group, before anybody does it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, ProjectId};
use crate::model::brief::Brief;
use crate::port::store::Record;

/// Who wrote a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PlanAuthor {
    /// It follows from the brief by rule.
    Rule,
    /// A language model.
    Model {
        /// Which.
        name: String,
    },
    /// A person wrote or changed it.
    Person,
}

/// Where a plan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// It may be changed.
    #[default]
    Draft,
    /// A person has agreed to it as it is. Changing it makes it a draft again.
    Approved,
}

/// What is to be done about a group. There is one a group; a job keeps the copy that it began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CodingPlan {
    /// The group.
    pub cluster_id: ClusterId,
    /// The project.
    pub project_id: ProjectId,
    /// Grows by one with every change; names what was approved.
    pub revision: u32,
    /// One line.
    pub title: String,
    /// What is wrong and what is to be reached, Markdown.
    pub description: String,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// Files to begin with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// What must be true afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptance: Vec<String>,
    /// Who wrote it.
    pub author: PlanAuthor,
    /// Where it stands.
    pub status: PlanStatus,
    /// What it was made from.
    pub brief: Brief,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed or approved.
    pub updated_at: DateTime<Utc>,
}

impl Record for CodingPlan {
    const COLLECTION: &'static str = "plan";
    fn key(&self) -> String {
        self.cluster_id.to_string()
    }
}
