//! Whether a project's records agree with each other.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::flow::ingest::{TRIES, busy};
use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::cluster::Cluster;
use crate::model::constraint::ConstraintKind;
use crate::model::decision::{Decision, Verdict};
use crate::model::event::TimelineEvent;
use crate::model::head::Head;
use crate::model::item::FeedbackItem;
use crate::model::vector::StoredVector;
use crate::port::store::Query;
use crate::soulcaster::Soulcaster;

/// Something that does not agree, or is left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Whether it is a fault; otherwise it is only to be known.
    pub fault: bool,
    /// What, and the remedy.
    pub message: String,
}

impl Soulcaster {
    /// Checks that a project's records agree: every decision has its item and its cluster, sizes are right,
    /// vectors are of items and of this embedder, corrections hold, the timeline is whole. An empty list is
    /// health.
    ///
    /// # Errors
    /// Those of the store; `Conflict` when somebody keeps changing the project meanwhile.
    pub async fn check(&self, project: &ProjectId) -> Result<Vec<Finding>> {
        for _ in 0..TRIES {
            let before = self.store.read::<Head>(project, "head").await?.map(|(_, version)| version);
            let findings = self.look_over(project).await?;
            if self.store.read::<Head>(project, "head").await?.map(|(_, version)| version) == before {
                return Ok(findings);
            }
        }
        Err(busy(project))
    }

    async fn look_over(&self, project: &ProjectId) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut fault = |message: String| findings.push(Finding { fault: true, message });
        let items: Vec<FeedbackItem> = self.store.read_all(project, &Query::all::<FeedbackItem>()).await?;
        let ids: HashSet<&FeedbackId> = items.iter().map(|item| &item.id).collect();
        let decisions: Vec<Decision> = self.store.read_all(project, &Query::all::<Decision>()).await?;
        let clusters: Vec<Cluster> = self.store.read_all(project, &Query::all::<Cluster>()).await?;
        let mut sizes: HashMap<&ClusterId, usize> = clusters.iter().map(|c| (&c.id, 0)).collect();
        let mut place: HashMap<&FeedbackId, &ClusterId> = HashMap::new();
        for decision in &decisions {
            if !ids.contains(&decision.item_id) {
                fault(format!("decision on item {}, which is not there", decision.item_id));
            }
            if let Some(cluster) = decision.verdict.cluster() {
                place.insert(&decision.item_id, cluster);
                match sizes.get_mut(cluster) {
                    Some(size) => *size += 1,
                    None => fault(format!(
                        "item {} is in cluster {cluster}, which is not there",
                        decision.item_id
                    )),
                }
            }
        }
        for decision in &decisions {
            if let Verdict::Unsure { suggestion } = &decision.verdict
                && sizes.get(suggestion).is_none_or(|size| *size == 0)
            {
                fault(format!(
                    "item {} is suggested to cluster {suggestion}, which has no items",
                    decision.item_id
                ));
            }
        }
        for cluster in &clusters {
            let size = sizes[&cluster.id];
            if size != cluster.size {
                fault(format!("cluster {} says it has {} items but has {size}", cluster.id, cluster.size));
            }
        }
        let mut seen: HashMap<&ClusterId, u64> = HashMap::new();
        for item in &items {
            if let Some(cluster) = place.get(&item.id) {
                *seen.entry(cluster).or_default() += item.occurrences;
            }
        }
        let stale =
            clusters.iter().filter(|c| seen.get(&c.id).copied().unwrap_or(0) != c.occurrences).count();
        let vectors: Vec<StoredVector> = self.store.read_all(project, &Query::all::<StoredVector>()).await?;
        let strangers = vectors.iter().filter(|v| !ids.contains(&v.item_id)).count();
        if strangers > 0 {
            fault(format!("{strangers} vectors of items that are not there"));
        }
        let head = self.store.read::<Head>(project, "head").await?.map(|(head, _)| head);
        let events = self.store.count(project, &Query::all::<TimelineEvent>()).await?;
        let counted = head.as_ref().map_or(0, |h| h.events);
        if counted != events as u64 {
            fault(format!("the timeline has {events} events, the head counts {counted}"));
        }
        if let Some(embedder) = head.as_ref().and_then(|h| h.embedder.as_ref())
            && *embedder != self.embedder.id()
        {
            fault(format!("the project was embedded with {embedder}; this is {}", self.embedder.id()));
        }
        for constraint in self.load_constraints(project).await? {
            let holds = match &constraint.kind {
                ConstraintKind::Together { items } => {
                    items.iter().map(|item| place.get(item)).collect::<HashSet<_>>().len() <= 1
                }
                ConstraintKind::Apart { left, right } => {
                    let rights: HashSet<_> = right.iter().filter_map(|item| place.get(item)).collect();
                    left.iter().filter_map(|item| place.get(item)).all(|cluster| !rights.contains(cluster))
                }
            };
            if !holds {
                fault(format!(
                    "correction {} does not hold; `soulcaster recluster` restores it",
                    constraint.id
                ));
            }
        }
        if stale > 0 {
            let message = format!(
                "{stale} clusters do not count the latest occurrences yet; `soulcaster triage` or `recluster` does"
            );
            findings.push(Finding { fault: false, message });
        }
        let waiting = items.len().saturating_sub(decisions.len());
        if waiting > 0 {
            let message = format!(
                "{waiting} items are not grouped yet; `soulcaster triage` or `recluster` groups them"
            );
            findings.push(Finding { fault: false, message });
        }
        Ok(findings)
    }
}
