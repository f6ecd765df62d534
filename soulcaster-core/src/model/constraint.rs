//! What people corrected, as rules that bind every later run.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ConstraintId, EventId, FeedbackId, ProjectId};
use crate::port::store::Record;

/// The rule of a constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum ConstraintKind {
    /// These items are in one cluster.
    Together {
        /// At least two items.
        items: Vec<FeedbackId>,
    },
    /// No item of `left` is in one cluster with an item of `right`.
    Apart {
        /// One side.
        left: Vec<FeedbackId>,
        /// The other.
        right: Vec<FeedbackId>,
    },
}

/// A correction that no later run, re-embedding or change of model may violate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Constraint {
    /// Its name, such as `k3`.
    pub id: ConstraintId,
    /// The project it binds.
    pub project_id: ProjectId,
    /// The rule.
    #[serde(flatten)]
    pub kind: ConstraintKind,
    /// The correction that made it.
    pub event: EventId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// False once it has been undone.
    pub active: bool,
}

impl Record for Constraint {
    const COLLECTION: &'static str = "constraint";
    fn key(&self) -> String {
        self.id.to_string()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("active", self.active.to_string())]
    }
}
