//! Groups of reports.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::item::Severity;
use crate::port::embedder::Embedding;
use crate::port::store::Record;

/// Where a cluster stands on its way to a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClusterStatus {
    /// Nobody has begun.
    #[default]
    New,
    /// A fix is being made.
    Fixing,
    /// A pull request is open.
    PrOpened,
    /// The fix failed.
    Failed,
    /// The pull request was merged; nothing has been reported since.
    Fixed,
    /// It was fixed or done, and has been reported again.
    Regressed,
    /// Done, as a person said.
    Resolved,
}

/// A word for how alike the items of a cluster are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tightness {
    /// Mean similarity at least 0.85.
    Tight,
    /// Mean similarity at least 0.70.
    Moderate,
    /// Below that.
    Loose,
}

/// How alike the items of a cluster are: cosine over its pairs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cohesion {
    /// Mean over all pairs.
    pub mean: f64,
    /// The least alike pair.
    pub min: f64,
    /// The most alike pair.
    pub max: f64,
    /// The mean in one word.
    pub tightness: Tightness,
}

/// Where a cluster came from and where it went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Lineage {
    /// Set on a retired cluster whose items went to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<ClusterId>,
    /// The cluster that this one was split from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_from: Option<ClusterId>,
    /// Clusters that were merged into this one, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<ClusterId>,
}

/// A group of reports about the same problem.
///
/// Its members are the items whose [`Decision`](crate::model::Decision) names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Cluster {
    /// Stays the same through re-clustering.
    pub id: ClusterId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// The report nearest to the centre, in its own words, or a title that it was given.
    pub title: String,
    /// Whether the title was given; groupings keep it then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_named: bool,
    /// Absent until a model or a person has written it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What sets it apart from the other clusters, strongest first (class-based TF-IDF).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Where it stands.
    pub status: ClusterStatus,
    /// When the pull request that mends it was merged. Whatever is seen later says that the problem is back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_at: Option<DateTime<Utc>>,
    /// How many items it has.
    pub size: usize,
    /// How often those have been seen.
    pub occurrences: u64,
    /// Items by source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, usize>,
    /// When the first of its items happened.
    pub first_seen: DateTime<Utc>,
    /// When one of its items was last seen.
    pub last_seen: DateTime<Utc>,
    /// The worst of its items' severities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How alike its items are; absent for fewer than two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohesion: Option<Cohesion>,
    /// Items that show what it is about: the one nearest the centre first, then the most different ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<FeedbackId>,
    /// Where it came from and went.
    #[serde(default)]
    pub lineage: Lineage,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its items, name or status last changed.
    pub updated_at: DateTime<Utc>,
    /// Mean of its items' vectors, unit length. Kept beside the record; present only where it was asked for
    /// and only for two items or more.
    #[serde(skip)]
    pub centroid: Option<Embedding>,
}

impl Cluster {
    /// Whether it has no items any more: merged into another or dissolved. Its id stays taken.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.size == 0
    }
}

impl Record for Cluster {
    const COLLECTION: &'static str = "cluster";
    fn key(&self) -> String {
        self.id.to_string()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        let kind = match self.size {
            0 => "retired",
            1 => "single",
            _ => "group",
        };
        vec![("kind", kind.to_owned())]
    }
    fn sort(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX)
    }
    fn blob(&self) -> Option<Vec<u8>> {
        self.centroid.as_ref().map(Embedding::to_bytes)
    }
    fn attach(&mut self, blob: Vec<u8>) {
        self.centroid = Embedding::from_bytes(&blob).ok();
    }
}
