//! What a caller may choose about grouping.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How items are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Calibrates itself on the texts; needs no threshold.
    #[default]
    Auto,
    /// Average linkage, cut at the threshold.
    Average,
    /// One pass: the nearest centre at or above the threshold.
    Centroid,
    /// One pass: the nearest earlier item at or above the threshold. Chains.
    Nearest,
}

impl Algorithm {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Average => "average",
            Self::Centroid => "centroid",
            Self::Nearest => "nearest",
        }
    }
}

impl FromStr for Algorithm {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        [Self::Auto, Self::Average, Self::Centroid, Self::Nearest]
            .into_iter()
            .find(|a| a.name() == name)
            .ok_or_else(|| {
                Error::invalid(
                    "group.algorithm",
                    format!("no algorithm {name:?}; there are auto, average, centroid, nearest"),
                )
            })
    }
}

/// Settings of a grouping. The defaults are for every kind of text.
///
/// ```
/// use soulcaster_core::engine::{Algorithm, GroupConfig};
/// let config = GroupConfig { algorithm: Algorithm::Average, threshold: 0.8, ..GroupConfig::default() };
/// assert!(config.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupConfig {
    /// How.
    pub algorithm: Algorithm,
    /// Least cosine, for every algorithm but `auto`; from -1 to 1.
    pub threshold: f64,
    /// The constants of `auto`.
    pub tuning: Tuning,
}

impl Default for GroupConfig {
    fn default() -> Self {
        Self { algorithm: Algorithm::Auto, threshold: 0.72, tuning: Tuning::default() }
    }
}

impl GroupConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn check(&self) -> Result<()> {
        if !(-1.0..=1.0).contains(&self.threshold) {
            return Err(Error::invalid(
                "group.threshold",
                format!("a threshold is from -1 to 1, not {}", self.threshold),
            ));
        }
        Ok(())
    }
}

/// The constants of the self-calibrating method. One set serves every kind of text and embedder; they are
/// public so that a study can vary them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tuning {
    /// Texts are machine-written when at least this share of templates repeats.
    pub templated: f64,
    /// Reports are rare duplicates when neighbourhoods overlap less than this.
    pub overlap: f64,
    /// At this overlap there would be no themes at all.
    pub overlap_none: f64,
    /// From this overlap on themes are clear; between the two the cut rises smoothly.
    pub overlap_clear: f64,
    /// Neighbours whose mean similarity is an item's density.
    pub density: usize,
    /// Themes: edges an item.
    pub group_edges: usize,
    /// Themes: what an edge is worth when two items are as near as their densities say.
    pub group_offset: f64,
    /// Themes: the cut times the neighbourhood size.
    pub group_gamma: f64,
    /// Duplicates: share of the words in the similarity.
    pub lexical: f64,
    /// Duplicates: edges an item, and neighbours of the density.
    pub duplicate_edges: usize,
    /// Duplicates: neighbours whose mean similarity is an item's density.
    pub duplicate_density: usize,
    /// Duplicates: how far above the density of both a group must lie on average to be joined.
    pub duplicate_joined: f64,
    /// Duplicates: the same, to be suggested.
    pub duplicate_unsure: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            templated: 0.3,
            overlap: 0.36,
            overlap_none: 0.30,
            overlap_clear: 0.45,
            density: 10,
            group_edges: 60,
            group_offset: 0.25,
            group_gamma: 0.4,
            lexical: 0.35,
            duplicate_edges: 30,
            duplicate_density: 20,
            duplicate_joined: 0.2,
            duplicate_unsure: 0.12,
        }
    }
}
