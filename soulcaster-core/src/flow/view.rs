//! What a report shows, as values.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::cluster::{ClusterStatus, Cohesion};
use crate::model::head::Calibration;
use crate::model::item::Severity;

/// How much an overview shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct OverviewOptions {
    /// Items drawn on the map.
    pub points: usize,
    /// Unsure items listed.
    pub unsure: usize,
    /// Groups listed.
    pub groups: usize,
}

impl Default for OverviewOptions {
    fn default() -> Self {
        Self { points: 5000, unsure: 500, groups: 2000 }
    }
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Counts {
    /// Items.
    pub items: usize,
    /// How often those were seen.
    pub occurrences: u64,
    /// Clusters of two or more.
    pub groups: usize,
    /// Items in those.
    pub grouped: usize,
    /// Items that are alone.
    pub singles: usize,
    /// Items that nobody is sure about.
    pub unsure: usize,
}

/// An item as a group shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Example {
    /// The item.
    pub id: FeedbackId,
    /// The source's own id.
    pub external_id: Option<String>,
    /// One line.
    pub title: String,
    /// The beginning of the rest.
    pub body: String,
    /// Where it comes from.
    pub source: String,
    /// Where to read it.
    pub url: Option<String>,
    /// When it happened.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Who reported it.
    pub author: Option<String>,
    /// Why it is here.
    pub why: String,
}

/// A cluster of two or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupView {
    /// The cluster.
    pub id: ClusterId,
    /// Its most central report.
    pub title: String,
    /// What sets it apart.
    pub keywords: Vec<String>,
    /// How many items.
    pub size: usize,
    /// How often seen.
    pub occurrences: u64,
    /// Items by source.
    pub sources: BTreeMap<String, usize>,
    /// When the first happened.
    pub first_seen: DateTime<Utc>,
    /// When one was last seen.
    pub last_seen: DateTime<Utc>,
    /// The worst severity.
    pub severity: Option<Severity>,
    /// Where it stands.
    pub status: ClusterStatus,
    /// How alike its items are.
    pub cohesion: Option<Cohesion>,
    /// Items per bucket of time.
    pub growth: Vec<usize>,
    /// Why these belong together.
    pub why: String,
    /// Its place on the map.
    pub x: f64,
    /// Its place on the map.
    pub y: f64,
    /// Its radius on the map.
    pub r: f64,
    /// Items that show what it is about.
    pub examples: Vec<Example>,
}

/// An item that nobody is sure about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct UnsureView {
    /// The item.
    pub id: FeedbackId,
    /// The source's own id.
    pub external_id: Option<String>,
    /// One line.
    pub title: String,
    /// Where it comes from.
    pub source: String,
    /// Where to read it.
    pub url: Option<String>,
    /// Where it may belong.
    pub suggestion: ClusterId,
    /// The title of that.
    pub suggestion_title: String,
    /// Why.
    pub why: String,
}

/// Two clusters that look like one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct MergeView {
    /// The larger.
    pub a: ClusterId,
    /// The other.
    pub b: ClusterId,
    /// Its title.
    pub a_title: String,
    /// Its title.
    pub b_title: String,
    /// Mean similarity between their items.
    pub similarity: f64,
    /// Why.
    pub why: String,
}

/// A project at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Overview {
    /// The project.
    pub project: ProjectId,
    /// When this was made.
    pub generated_at: DateTime<Utc>,
    /// The version of the engine.
    pub engine: String,
    /// The model.
    pub embedder: String,
    /// What was read from the texts.
    pub calibration: Option<Calibration>,
    /// How many there are of what.
    pub counts: Counts,
    /// Items by source.
    pub sources: BTreeMap<String, usize>,
    /// The first day of each bucket of time; empty when no item says when it happened.
    pub buckets: Vec<NaiveDate>,
    /// Clusters of two or more, largest first.
    pub groups: Vec<GroupView>,
    /// Items on the map: place in `groups` or -1, x, y, title.
    pub points: Vec<(i64, f64, f64, String)>,
    /// Items that nobody is sure about.
    pub unsure: Vec<UnsureView>,
    /// Clusters that look like one.
    pub merges: Vec<MergeView>,
}
