//! Where an item was put, and why.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, ConstraintId, FeedbackId, ProjectId};
use crate::port::embedder::EmbedderId;
use crate::port::store::Record;

/// What was decided about an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// It is about the same problem as the older items of `cluster`.
    Joined {
        /// Where it is.
        cluster: ClusterId,
    },
    /// It may belong to `suggestion`, but not surely enough: it is in no cluster until somebody confirms.
    Unsure {
        /// Where it would go.
        suggestion: ClusterId,
    },
    /// Nothing older is about the same problem: it opens `cluster`.
    New {
        /// The cluster it opens.
        cluster: ClusterId,
    },
}

impl Verdict {
    /// The cluster it is in; none for [`Verdict::Unsure`].
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterId> {
        match self {
            Self::Joined { cluster } | Self::New { cluster } => Some(cluster),
            Self::Unsure { .. } => None,
        }
    }

    /// `joined`, `unsure` or `new`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Joined { .. } => "joined",
            Self::Unsure { .. } => "unsure",
            Self::New { .. } => "new",
        }
    }
}

/// What kind of text the engine took the project's reports for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Machine-written lines: grouped by template.
    Template,
    /// Rare duplicates among singletons, as in a bug tracker: a high bar, words count too.
    Duplicates,
    /// Recurring themes: communities of the neighbour graph.
    Groups,
    /// The caller fixed a threshold.
    Fixed,
}

/// How alike two items are, by signal; each from -1 or 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Scores {
    /// Cosine of the vectors, the project's mean removed.
    pub dense: f64,
    /// Cosine of the TF-IDF weights of words and word pairs.
    pub lexical: f64,
    /// What the decision used: the mix, less the density of both neighbourhoods.
    pub combined: f64,
}

/// An item near the one decided on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Neighbour {
    /// The near item.
    pub item: FeedbackId,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// How near.
    pub scores: Scores,
}

/// The second-best place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RunnerUp {
    /// Where it could have gone.
    pub cluster: ClusterId,
    /// How much speaks for it, in the unit of [`Evidence::support`].
    pub support: f64,
}

/// What the decision was cut at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "value")]
pub enum Cut {
    /// Least cosine.
    Threshold(f64),
    /// Least mean weight of a community's pairs (constant Potts model).
    Gamma(f64),
    /// Least share of equal tokens of two templates.
    Template(f64),
    /// None: a person's correction decided.
    Correction,
}

/// Why an item is where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Evidence {
    /// What kind of text the project was taken for.
    pub regime: Regime,
    /// `auto`, `average`, `centroid` or `nearest`.
    pub algorithm: String,
    /// What it was cut at.
    pub cut: Cut,
    /// Mean weight or similarity to the members of its cluster (of the suggestion, when unsure).
    pub support: f64,
    /// The second-best cluster, if any came near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner_up: Option<RunnerUp>,
    /// The nearest items, best first, at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<Neighbour>,
    /// The template of a machine-written line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Corrections that bound this item when it was decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<ConstraintId>,
    /// The model that made the vectors.
    pub embedder: EmbedderId,
    /// The version of the engine.
    pub engine: String,
}

impl Evidence {
    /// The evidence for `verdict` in one sentence.
    #[must_use]
    pub fn sentence(&self, verdict: &Verdict) -> String {
        let mut parts = Vec::new();
        match (self.cut, verdict) {
            (Cut::Correction, _) => parts.push("a person put it here".to_owned()),
            (_, Verdict::New { .. }) if self.regime != Regime::Template => {
                parts.push("nothing older is near enough".to_owned());
            }
            (Cut::Template(_), _) => {}
            (Cut::Gamma(cut), _) => {
                parts.push(format!("mean weight {:.3} to the group, cut {cut:.3}", self.support));
            }
            (Cut::Threshold(cut), _) => {
                parts.push(format!("mean cosine {:.2} to the group, threshold {cut:.2}", self.support));
            }
        }
        if let Some(template) = &self.template {
            parts.push(format!(
                "{:.0} % of the fixed words of the template \"{template}\"",
                100.0 * self.support
            ));
        }
        if let Some(near) = self.nearest.first() {
            parts.push(format!(
                "nearest report: meaning {:.2}, words {:.2}",
                near.scores.dense, near.scores.lexical
            ));
            let place = verdict.cluster();
            let inside =
                self.nearest.iter().filter(|n| place.is_some() && n.cluster.as_ref() == place).count();
            if inside > 0 && !matches!(verdict, Verdict::New { .. }) {
                parts.push(format!("{inside} of {} nearest are here", self.nearest.len()));
            }
        }
        if let Some(second) = &self.runner_up {
            parts.push(format!("runner-up {} at {:.3}", second.cluster, second.support));
        }
        format!("{}: {}", verdict.name(), parts.join("; "))
    }
}

/// A verdict on one item, with its evidence. An item has one; the timeline keeps how it changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Decision {
    /// The item.
    pub item_id: FeedbackId,
    /// The project of both.
    pub project_id: ProjectId,
    /// What was decided.
    pub verdict: Verdict,
    /// Why.
    pub evidence: Evidence,
    /// When.
    pub decided_at: DateTime<Utc>,
}

impl Record for Decision {
    const COLLECTION: &'static str = "decision";
    fn key(&self) -> String {
        self.item_id.to_string()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        match &self.verdict {
            Verdict::Joined { cluster } | Verdict::New { cluster } => vec![("cluster", cluster.to_string())],
            Verdict::Unsure { suggestion } => {
                vec![("unsure", suggestion.to_string()), ("verdict", "unsure".to_owned())]
            }
        }
    }
}
