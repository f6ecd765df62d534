//! Looking at the clusters as a whole: which hang together, who does not fit, which look like one.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::portrait::{portrait, twins};
use crate::error::Result;
use crate::flow::load::{Material, rules};
use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::cluster::Cohesion;
use crate::model::decision::Verdict;
use crate::model::event::{EventKind, TimelineEvent};
use crate::soulcaster::Soulcaster;

/// Clusters whose items are at least this share as alike between them as inside look like one.
const ALIKE: f64 = 0.9;

/// Two clusters that look like one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suggestion {
    /// The larger one; of equally large ones the older.
    pub into: ClusterId,
    /// The other.
    pub from: ClusterId,
    /// Mean similarity between their items.
    pub similarity: f64,
    /// That, as a share of the mean similarity inside the looser of the two.
    pub ratio: f64,
}

/// How a cluster hangs together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClusterAnalysis {
    /// The cluster.
    pub cluster: ClusterId,
    /// How many items it has.
    pub size: usize,
    /// How alike they are.
    pub cohesion: Option<Cohesion>,
    /// Items that do not fit, worst first, with their mean similarity to the others.
    pub outliers: Vec<(FeedbackId, f64)>,
}

/// How all clusters of two or more hang together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Analysis {
    /// Loosest first.
    pub clusters: Vec<ClusterAnalysis>,
    /// Pairs that look like one, most alike first.
    pub suggestions: Vec<Suggestion>,
}

impl Soulcaster {
    /// Looks at all clusters of two items or more. Changes nothing but that vectors that are missing are made.
    ///
    /// # Errors
    /// Those of the store and the embedder.
    pub async fn analyze(&self, project: &ProjectId) -> Result<Analysis> {
        let base = self.base(project).await?;
        let background = base.head.calibration.map_or(0.0, |c| c.background);
        let material = self.load_all(project).await?;
        let (ids, groups) = groups(&material);
        let mut clusters: Vec<ClusterAnalysis> = ids
            .iter()
            .zip(&groups)
            .filter(|(_, rows)| rows.len() > 1)
            .map(|(id, rows)| {
                let look = portrait(material.vectors.view(), rows, 0, background);
                let outliers = look
                    .outliers
                    .into_iter()
                    .map(|(row, mean)| (material.items[row].id.clone(), mean))
                    .collect();
                ClusterAnalysis { cluster: id.clone(), size: rows.len(), cohesion: look.cohesion, outliers }
            })
            .collect();
        let mean = |c: &ClusterAnalysis| c.cohesion.map_or(1.0, |cohesion| cohesion.mean);
        clusters.sort_by(|a, b| mean(a).total_cmp(&mean(b)).then_with(|| a.cluster.cmp(&b.cluster)));
        let suggestions = self.suggestions(project, &material).await?;
        Ok(Analysis { clusters, suggestions })
    }

    /// Pairs of clusters that look like one and that no correction keeps apart, most alike first.
    pub(crate) async fn suggestions(
        &self,
        project: &ProjectId,
        material: &Material,
    ) -> Result<Vec<Suggestion>> {
        let (ids, groups) = groups(material);
        let constraints = self.load_constraints(project).await?;
        let (rules, _) = rules(&constraints, &material.row_of, material.items.len());
        let centred = crate::engine::neighbours::mean(material.vectors.view());
        let centred = crate::engine::neighbours::centre(material.vectors.view(), &centred);
        let suggestions = twins(centred.view(), &groups, ALIKE)
            .into_iter()
            .filter(|pair| !rules.forbids(&groups[pair.a], &groups[pair.b]))
            .map(|pair| {
                let larger = groups[pair.b].len() > groups[pair.a].len();
                let (into, from) = if larger { (pair.b, pair.a) } else { (pair.a, pair.b) };
                let (into, from) = (ids[into].clone(), ids[from].clone());
                Suggestion { into, from, similarity: pair.between, ratio: pair.ratio }
            })
            .collect();
        Ok(suggestions)
    }

    /// Merges the suggested pairs, best first; a cluster takes part in one merge at most. One event, undone
    /// as one.
    ///
    /// # Errors
    /// As [`Soulcaster::merge`]; `None` when nothing is suggested.
    pub async fn cleanup(&self, project: &ProjectId, now: DateTime<Utc>) -> Result<Option<TimelineEvent>> {
        let mut taken: HashSet<ClusterId> = HashSet::new();
        let mut pairs: Vec<Vec<ClusterId>> = Vec::new();
        for pair in self.analyze(project).await?.suggestions {
            if !taken.contains(&pair.into) && !taken.contains(&pair.from) {
                taken.extend([pair.into.clone(), pair.from.clone()]);
                pairs.push(vec![pair.into, pair.from]);
            }
        }
        if pairs.is_empty() {
            return Ok(None);
        }
        self.merge_groups(project, &pairs, EventKind::CleanedUp, now).await.map(Some)
    }
}

/// The clusters with their rows, in order of their oldest item.
fn groups(material: &Material) -> (Vec<ClusterId>, Vec<Vec<usize>>) {
    let mut ids: Vec<ClusterId> = Vec::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut place = std::collections::HashMap::new();
    for (row, decision) in material.decisions.iter().enumerate() {
        let Some(cluster) = decision.as_ref().map(|d| &d.verdict).and_then(Verdict::cluster) else {
            continue;
        };
        let at = *place.entry(cluster.clone()).or_insert_with(|| {
            ids.push(cluster.clone());
            groups.push(Vec::new());
            ids.len() - 1
        });
        groups[at].push(row);
    }
    (ids, groups)
}
