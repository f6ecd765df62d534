//! The timeline: every change of the grouping, in order, with what is needed to undo it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, ConstraintId, EventId, FeedbackId, ProjectId};
use crate::model::decision::Verdict;
use crate::port::store::Record;

/// What kind of change an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// New items were grouped.
    Grouped,
    /// Everything was grouped anew.
    Reclustered,
    /// A person merged two clusters.
    Merged,
    /// A person split a cluster.
    Split,
    /// A person moved an item.
    Moved,
    /// A person confirmed where items are.
    Confirmed,
    /// A person refused a suggestion.
    Rejected,
    /// Near-equal clusters were merged.
    CleanedUp,
    /// An earlier event was undone.
    Undone,
}

impl EventKind {
    /// Whether `undo` takes it back: all but the grouping of new items and undoing itself.
    #[must_use]
    pub fn is_undoable(self) -> bool {
        !matches!(self, Self::Grouped | Self::Undone)
    }
}

/// One item's change of place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Move {
    /// The item.
    pub item: FeedbackId,
    /// What was decided before; nothing for an item that had not been grouped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Verdict>,
    /// What is decided now.
    pub to: Verdict,
}

/// One change of the grouping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct TimelineEvent {
    /// Its name, such as `e12`; numbers grow by one in a project.
    pub id: EventId,
    /// The project.
    pub project_id: ProjectId,
    /// What kind of change.
    pub kind: EventKind,
    /// When.
    pub at: DateTime<Utc>,
    /// One sentence that says what happened.
    pub summary: String,
    /// How many items changed place.
    pub moved: usize,
    /// Clusters it touched, at most 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterId>,
    /// Constraints it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<ConstraintId>,
    /// Older constraints that it put out of force, because it says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<ConstraintId>,
    /// The event that this one undid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<EventId>,
    /// The event that undid this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<EventId>,
    /// Every item's change of place. Kept beside the record; present only where it was asked for.
    #[serde(skip)]
    pub moves: Vec<Move>,
}

impl Record for TimelineEvent {
    const COLLECTION: &'static str = "event";
    fn key(&self) -> String {
        self.id.to_string()
    }
    fn sort(&self) -> i64 {
        self.id.as_str().trim_start_matches('e').parse().unwrap_or(0)
    }
    fn blob(&self) -> Option<Vec<u8>> {
        if self.moves.is_empty() { None } else { serde_json::to_vec(&self.moves).ok() }
    }
    fn attach(&mut self, blob: Vec<u8>) {
        self.moves = serde_json::from_slice(&blob).unwrap_or_default();
    }
}
