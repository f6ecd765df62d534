//! Clusters in lists, their status, their history.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::ingest::TRIES;
use crate::flow::view::Counts;
use crate::id::{ClusterId, ProjectId};
use crate::model::cluster::{Cluster, ClusterStatus};
use crate::model::decision::Decision;
use crate::model::event::TimelineEvent;
use crate::model::item::{FeedbackItem, Severity};
use crate::port::store::{Expect, Order, Query, Record, Stored, Write};
use crate::soulcaster::Soulcaster;

/// What comes first in a list of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClusterSort {
    /// The largest.
    #[default]
    Size,
    /// The one that an item was last seen of.
    LastSeen,
    /// The one that was made last.
    Created,
}

/// Which clusters to list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ClusterQuery {
    /// Those of one item too; otherwise two or more.
    pub singles: bool,
    /// Only with this status.
    pub status: Option<ClusterStatus>,
    /// Only with items of this source.
    pub source: Option<String>,
    /// Only at least this bad.
    pub severity: Option<Severity>,
    /// What comes first; equal ones in the order of their ids.
    pub sort: ClusterSort,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Where the last page ended.
    pub after: Option<String>,
}

impl Default for ClusterQuery {
    fn default() -> Self {
        let (status, source, severity, sort) = (None, None, None, ClusterSort::Size);
        Self { singles: false, status, source, severity, sort, limit: 100, after: None }
    }
}

impl ClusterQuery {
    /// Whether the store's own order and fields answer it.
    fn is_plain(&self) -> bool {
        !self.singles
            && self.status.is_none()
            && self.source.is_none()
            && self.severity.is_none()
            && self.sort == ClusterSort::Size
    }

    fn wants(&self, cluster: &Cluster) -> bool {
        !cluster.is_retired()
            && (self.singles || cluster.size > 1)
            && self.status.is_none_or(|status| cluster.status == status)
            && self.source.as_ref().is_none_or(|source| cluster.sources.contains_key(source))
            && self.severity.is_none_or(|least| cluster.severity.is_some_and(|severity| severity >= least))
    }

    fn place(&self, cluster: &Cluster) -> i64 {
        match self.sort {
            ClusterSort::Size => cluster.sort(),
            ClusterSort::LastSeen => cluster.last_seen.timestamp_micros(),
            ClusterSort::Created => cluster.created_at.timestamp_micros(),
        }
    }
}

/// Clusters, in the order asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ClusterPage {
    /// The clusters.
    pub clusters: Vec<Cluster>,
    /// How many there are in all.
    pub total: usize,
    /// Where to go on; absent on the last page.
    pub next: Option<String>,
}

/// What to change of a cluster; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterChange {
    /// Where it stands.
    pub status: Option<ClusterStatus>,
    /// Its title; an empty one gives the choice back to the next grouping.
    pub title: Option<String>,
    /// What it is about, in somebody's words.
    pub summary: Option<String>,
}

impl Soulcaster {
    /// Clusters, largest first unless asked otherwise.
    ///
    /// # Errors
    /// `Invalid` for an `after` that no page gave, and those of the store.
    pub async fn clusters(&self, project: &ProjectId, query: &ClusterQuery) -> Result<ClusterPage> {
        if query.is_plain() {
            let (limit, after) = (query.limit, query.after.clone());
            let groups =
                Query { order: Order::Sort, limit, after, ..Query::all::<Cluster>() }.with("kind", "group");
            let total = self.store.count(project, &groups).await?;
            let page = self.store.list(project, &groups).await?;
            let clusters = page.records.into_iter().map(Stored::decode).collect::<Result<_>>()?;
            return Ok(ClusterPage { clusters, total, next: page.next });
        }
        let after = query.after.as_deref().map(read_place).transpose()?;
        let mut clusters: Vec<Cluster> = self.store.read_all(project, &Query::all::<Cluster>()).await?;
        clusters.retain(|cluster| query.wants(cluster));
        clusters.sort_by(|a, b| query.place(b).cmp(&query.place(a)).then_with(|| a.id.cmp(&b.id)));
        let total = clusters.len();
        if let Some((place, id)) = after {
            let is_before =
                |c: &Cluster| query.place(c) > place || (query.place(c) == place && c.id.as_str() <= id);
            clusters.drain(..clusters.partition_point(is_before));
        }
        let is_more = query.limit > 0 && clusters.len() > query.limit;
        if is_more {
            clusters.truncate(query.limit);
        }
        let next = clusters.last().filter(|_| is_more).map(|c| format!("{}:{}", query.place(c), c.id));
        Ok(ClusterPage { clusters, total, next })
    }

    /// Changes the status, title or summary of a cluster; later runs keep them.
    ///
    /// # Errors
    /// `NotFound` for an unknown or retired cluster, and those of the store.
    pub async fn edit_cluster(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        change: ClusterChange,
        now: DateTime<Utc>,
    ) -> Result<Cluster> {
        for _ in 0..TRIES {
            let found = self.store.read::<Cluster>(project, id.as_str()).await?;
            let Some((mut cluster, version)) = found.filter(|(cluster, _)| !cluster.is_retired()) else {
                return Err(Error::not_found(
                    "clusters.edit",
                    format!("no cluster {id} in project {project}"),
                ));
            };
            cluster.status = change.status.unwrap_or(cluster.status);
            if let Some(title) = change.title.as_deref().map(str::trim) {
                cluster.is_named = !title.is_empty();
                if cluster.is_named {
                    title.clone_into(&mut cluster.title);
                }
            }
            if let Some(summary) = &change.summary {
                cluster.summary = Some(summary.clone()).filter(|summary| !summary.trim().is_empty());
            }
            cluster.updated_at = now;
            let write = Write::put(&cluster, Expect::Version(version))?;
            match self.store.commit(project, vec![write]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| Cluster { centroid: None, ..cluster }),
            }
        }
        Err(Error::conflict("clusters.edit", format!("cluster {id} keeps changing; try again")))
    }

    /// What has happened to a cluster, also to one that is retired, latest first, at most `limit` events (0 for all).
    ///
    /// # Errors
    /// `NotFound` for a cluster that never was, and those of the store.
    pub async fn cluster_timeline(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        limit: usize,
    ) -> Result<Vec<TimelineEvent>> {
        if self.store.read::<Cluster>(project, id.as_str()).await?.is_none() {
            return Err(Error::not_found(
                "clusters.timeline",
                format!("no cluster {id} in project {project}"),
            ));
        }
        let mut events = self.timeline(project, 0).await?;
        events.retain(|event| event.clusters.contains(id));
        if limit > 0 {
            events.truncate(limit);
        }
        Ok(events)
    }

    /// How many there are of what, and how many items of each source.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stats(&self, project: &ProjectId) -> Result<(Counts, BTreeMap<String, usize>)> {
        /// What is counted of an item.
        #[derive(Deserialize)]
        struct Seen {
            source: String,
            occurrences: u64,
        }
        let mut counts = Counts::default();
        let mut sources: BTreeMap<String, usize> = BTreeMap::new();
        for stored in self.store.list(project, &Query::all::<FeedbackItem>()).await?.records {
            let seen: Seen = serde_json::from_str(&stored.json).map_err(|e| {
                let message = format!("stored item {} cannot be read; run `soulcaster doctor`", stored.id);
                Error::new(ErrorKind::Unexpected, "store.read", message).with_source(e)
            })?;
            counts.items += 1;
            counts.occurrences += seen.occurrences;
            *sources.entry(seen.source).or_default() += 1;
        }
        let clusters = Query::all::<Cluster>();
        counts.groups = self.store.count(project, &clusters.clone().with("kind", "group")).await?;
        counts.singles = self.store.count(project, &clusters.with("kind", "single")).await?;
        let decisions = Query::all::<Decision>();
        counts.unsure = self.store.count(project, &decisions.clone().with("verdict", "unsure")).await?;
        let decided = self.store.count(project, &decisions).await?;
        counts.grouped = decided.saturating_sub(counts.singles + counts.unsure);
        Ok((counts, sources))
    }
}

fn read_place(after: &str) -> Result<(i64, &str)> {
    let read = after.split_once(':').and_then(|(place, id)| Some((place.parse().ok()?, id)));
    read.ok_or_else(|| Error::invalid("clusters.list", "this is no place where a page ended"))
}
