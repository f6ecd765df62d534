//! Where rows were put, and why.

use crate::model::decision::Scores;
use crate::model::head::Calibration;

/// Where a row was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// With older rows of the group.
    Joined(u32),
    /// In no group; perhaps in this one.
    Unsure(u32),
    /// First of the group.
    New(u32),
}

impl Place {
    /// The group it is in.
    #[must_use]
    pub fn group(self) -> Option<u32> {
        match self {
            Self::Joined(group) | Self::New(group) => Some(group),
            Self::Unsure(_) => None,
        }
    }
}

/// A near row and how near.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// The row.
    pub row: u32,
    /// By signal.
    pub scores: Scores,
}

/// Where a row was put, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// Where.
    pub place: Place,
    /// Mean weight or similarity to the other rows of its group, or of the group suggested.
    pub support: f64,
    /// The second-best group with its support.
    pub runner_up: Option<(u32, f64)>,
    /// The nearest rows, best first, at most five.
    pub nearest: Vec<Near>,
    /// The template of a machine-written line.
    pub template: Option<String>,
}

/// How a set of texts was grouped.
#[derive(Debug, Clone, PartialEq)]
pub struct Grouping {
    /// For each row where it was put. Groups are dense from 0, in order of their oldest row.
    pub placements: Vec<Placement>,
    /// What was read from the texts.
    pub calibration: Calibration,
}

impl Grouping {
    /// How many groups there are, those of one row included.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.placements.iter().filter_map(|p| p.place.group()).max().map_or(0, |m| m as usize + 1)
    }

    /// The rows of each group.
    #[must_use]
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.groups()];
        for (row, placement) in self.placements.iter().enumerate() {
            if let Some(group) = placement.place.group() {
                members[group as usize].push(row);
            }
        }
        members
    }
}

/// How many near rows the evidence names.
pub(crate) const NEAREST: usize = 5;
