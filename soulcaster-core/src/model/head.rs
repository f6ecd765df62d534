//! The head of a project: one record that every change of the grouping updates, so that two writers cannot
//! both build on the same past.

use serde::{Deserialize, Serialize};

use crate::id::{ConstraintId, EventId, ProjectId};
use crate::model::decision::Regime;
use crate::port::embedder::EmbedderId;
use crate::port::store::Record;

/// What the engine found out about a project's texts, frozen until the next full run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Calibration {
    /// What kind of text.
    pub regime: Regime,
    /// Greatest mean overlap of neighbourhoods, 0 to 1: high when there are recurring themes.
    pub overlap: f64,
    /// Number of neighbours at that greatest overlap: about the size of a theme.
    pub neighbourhood: usize,
    /// Share of items whose template occurs more than once.
    pub templated: f64,
    /// The cut in use.
    pub gamma: f64,
    /// Mean similarity of two reports: what being alike by chance is worth.
    pub background: f64,
    /// How many items it was read from.
    pub items: usize,
}

/// The head of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Head {
    /// The project.
    pub project_id: ProjectId,
    /// How many timeline events there have been.
    pub events: u64,
    /// How many constraints there have been.
    pub constraints: u64,
    /// The model that made the project's vectors; vectors of another are never mixed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedder: Option<EmbedderId>,
    /// The store version up to which changes of items have been taken account of.
    #[serde(default)]
    pub read_to: u64,
    /// What the last full run found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

impl Head {
    /// The head of a project in which nothing has happened.
    #[must_use]
    pub fn empty(project: &ProjectId) -> Self {
        Self {
            project_id: project.clone(),
            events: 0,
            constraints: 0,
            embedder: None,
            read_to: 0,
            calibration: None,
        }
    }

    /// Takes the next event name.
    pub fn next_event(&mut self) -> EventId {
        self.events += 1;
        EventId::from(format!("e{}", self.events))
    }

    /// Takes the next constraint name.
    pub fn next_constraint(&mut self) -> ConstraintId {
        self.constraints += 1;
        ConstraintId::from(format!("k{}", self.constraints))
    }
}

impl Record for Head {
    const COLLECTION: &'static str = "head";
    fn key(&self) -> String {
        "head".to_owned()
    }
}
