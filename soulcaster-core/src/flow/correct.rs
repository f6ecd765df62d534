//! What people correct: merge, split, move, confirm, refuse. Each binds every later run.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::flow::binding::{broken, named, verdicts};
use crate::flow::ingest::{TRIES, busy, is_lost_race};
use crate::flow::load::Base;
use crate::flow::settle::{Change, mint};
use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::cluster::Cluster;
use crate::model::constraint::{Constraint, ConstraintKind};
use crate::model::decision::{Cut, Decision, Verdict};
use crate::model::event::{EventKind, TimelineEvent};
use crate::port::store::{Key, Stored};
use crate::soulcaster::Soulcaster;

/// A correction: where items are to be, and what is to bind.
struct Correction {
    kind: EventKind,
    /// Items that go to another cluster.
    target: HashMap<FeedbackId, ClusterId>,
    /// Unsure items whose suggestion was refused.
    refused: Vec<FeedbackId>,
    constraints: Vec<ConstraintKind>,
    /// Clusters that change.
    clusters: Vec<ClusterId>,
    /// Unsure items that change.
    items: Vec<FeedbackId>,
}

/// What a person wants.
enum Wish<'a> {
    Merge(&'a [Vec<ClusterId>], EventKind),
    Split(&'a ClusterId, &'a [FeedbackId]),
    Move(&'a FeedbackId, &'a ClusterId),
    ConfirmItem(&'a FeedbackId),
    ConfirmCluster(&'a ClusterId),
    Reject(&'a FeedbackId),
}

impl Soulcaster {
    /// Merges `others` into `into`. Their items are one cluster from now on, in every later run.
    ///
    /// # Errors
    /// `NotFound` for an unknown or retired cluster, `Invalid` when there is nothing to merge.
    pub async fn merge(
        &self,
        project: &ProjectId,
        into: &ClusterId,
        others: &[ClusterId],
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        let mut named: Vec<ClusterId> = vec![into.clone()];
        for other in others {
            if named.contains(other) {
                return Err(Error::invalid("clusters.merge", format!("cluster {other} is named twice")));
            }
            named.push(other.clone());
        }
        if named.len() < 2 {
            return Err(Error::invalid("clusters.merge", "name at least two clusters to merge"));
        }
        self.merge_groups(project, &[named], EventKind::Merged, now).await
    }

    /// Merges each of `groups` into its first cluster, all in one event.
    pub(crate) async fn merge_groups(
        &self,
        project: &ProjectId,
        groups: &[Vec<ClusterId>],
        kind: EventKind,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        self.carry_out(project, &Wish::Merge(groups, kind), now).await
    }

    /// Splits `items` off `cluster` into a new cluster; no later run puts the two parts together again.
    ///
    /// # Errors
    /// `NotFound` for an unknown cluster, `Invalid` for items that are not in it, none, or all of them.
    pub async fn split(
        &self,
        project: &ProjectId,
        cluster: &ClusterId,
        items: &[FeedbackId],
        now: DateTime<Utc>,
    ) -> Result<(ClusterId, TimelineEvent)> {
        let event = self.carry_out(project, &Wish::Split(cluster, items), now).await?;
        let new = match items.first() {
            Some(item) => self.decision(project, item).await?.verdict.cluster().cloned(),
            None => None,
        };
        Ok((new.unwrap_or_else(|| cluster.clone()), event))
    }

    /// Moves `item` to `cluster`: with its most telling report from now on, and apart from those it leaves.
    ///
    /// # Errors
    /// `NotFound` for an unknown item or cluster, `Invalid` when it is there already.
    pub async fn move_item(
        &self,
        project: &ProjectId,
        item: &FeedbackId,
        cluster: &ClusterId,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        self.carry_out(project, &Wish::Move(item, cluster), now).await
    }

    /// Confirms where `item` is, or, when it is unsure, where it is suggested to go.
    ///
    /// # Errors
    /// `NotFound` for an unknown item, `Invalid` when it is alone and unsure of nothing.
    pub async fn confirm_item(
        &self,
        project: &ProjectId,
        item: &FeedbackId,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        self.carry_out(project, &Wish::ConfirmItem(item), now).await
    }

    /// Confirms that all items of `cluster` belong together.
    ///
    /// # Errors
    /// `NotFound` for an unknown cluster, `Invalid` for one of a single item.
    pub async fn confirm_cluster(
        &self,
        project: &ProjectId,
        cluster: &ClusterId,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        self.carry_out(project, &Wish::ConfirmCluster(cluster), now).await
    }

    /// Refuses the suggestion for an unsure `item`: it opens a cluster of its own, apart from the suggested one.
    ///
    /// # Errors
    /// `NotFound` for an unknown item, `Invalid` when it is not unsure.
    pub async fn reject_item(
        &self,
        project: &ProjectId,
        item: &FeedbackId,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        self.carry_out(project, &Wish::Reject(item), now).await
    }

    /// Reads the head first, so that a change by somebody else in the meantime is noticed; then tries again.
    async fn carry_out(
        &self,
        project: &ProjectId,
        wish: &Wish<'_>,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        for _ in 0..TRIES {
            let base = self.base(project).await?;
            let correction = match wish {
                Wish::Merge(groups, kind) => self.plan_merge(project, groups, *kind).await?,
                Wish::Split(cluster, items) => self.plan_split(project, cluster, items).await?,
                Wish::Move(item, cluster) => self.plan_move(project, item, cluster).await?,
                Wish::ConfirmItem(item) => self.plan_confirm_item(project, item).await?,
                Wish::ConfirmCluster(cluster) => self.plan_confirm_cluster(project, cluster).await?,
                Wish::Reject(item) => self.plan_reject(project, item).await?,
            };
            match self.correct(project, base, correction, now).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other,
            }
        }
        Err(busy(project))
    }

    async fn plan_merge(
        &self,
        project: &ProjectId,
        groups: &[Vec<ClusterId>],
        kind: EventKind,
    ) -> Result<Correction> {
        let (mut target, mut constraints) = (HashMap::new(), Vec::new());
        for group in groups {
            let mut items = Vec::new();
            for cluster in group {
                let members = self.members(project, cluster).await?;
                if *cluster != group[0] {
                    target.extend(members.iter().map(|id| (id.clone(), group[0].clone())));
                }
                items.extend(members);
            }
            constraints.push(ConstraintKind::Together { items });
        }
        let clusters = groups.concat();
        Ok(Correction { kind, target, refused: Vec::new(), constraints, clusters, items: Vec::new() })
    }

    async fn plan_split(
        &self,
        project: &ProjectId,
        cluster: &ClusterId,
        items: &[FeedbackId],
    ) -> Result<Correction> {
        let members = self.members(project, cluster).await?;
        let wanted: HashSet<&FeedbackId> = items.iter().collect();
        if let Some(stranger) = items.iter().find(|id| !members.contains(id)) {
            return Err(Error::invalid(
                "clusters.split",
                format!("item {stranger} is not in cluster {cluster}"),
            ));
        }
        let (left, right): (Vec<FeedbackId>, Vec<FeedbackId>) =
            members.into_iter().partition(|id| wanted.contains(id));
        if left.is_empty() || right.is_empty() {
            let message =
                format!("name some of the items of cluster {cluster}, not none and not all of them");
            return Err(Error::invalid("clusters.split", message));
        }
        let present = self.load_clusters(project).await?;
        let new = mint(project, &left[0], |id| present.contains_key(id));
        let target = left.iter().map(|id| (id.clone(), new.clone())).collect();
        let mut constraints = Vec::new();
        if left.len() > 1 {
            constraints.push(ConstraintKind::Together { items: left.clone() });
        }
        constraints.push(ConstraintKind::Apart { left, right });
        let clusters = vec![cluster.clone(), new.clone()];
        let kind = EventKind::Split;
        Ok(Correction { kind, target, refused: Vec::new(), constraints, clusters, items: Vec::new() })
    }

    async fn plan_move(
        &self,
        project: &ProjectId,
        item: &FeedbackId,
        cluster: &ClusterId,
    ) -> Result<Correction> {
        let verdict = self.decision(project, item).await?.verdict;
        if verdict.cluster() == Some(cluster) {
            let message = format!("item {item} is in cluster {cluster} already; `confirm` binds it there");
            return Err(Error::invalid("items.move", message));
        }
        let anchor = self.anchor(project, cluster, item).await?;
        let mut constraints = vec![ConstraintKind::Together { items: vec![anchor, item.clone()] }];
        let mut clusters = vec![cluster.clone()];
        if let Some(old) = verdict.cluster() {
            let right: Vec<FeedbackId> =
                self.members(project, old).await?.into_iter().filter(|id| id != item).collect();
            if !right.is_empty() {
                constraints.push(ConstraintKind::Apart { left: vec![item.clone()], right });
            }
            clusters.push(old.clone());
        }
        let target = HashMap::from([(item.clone(), cluster.clone())]);
        let items = vec![item.clone()];
        Ok(Correction { kind: EventKind::Moved, target, refused: Vec::new(), constraints, clusters, items })
    }

    async fn plan_confirm_item(&self, project: &ProjectId, item: &FeedbackId) -> Result<Correction> {
        let (cluster, target) = match self.decision(project, item).await?.verdict {
            Verdict::Unsure { suggestion } => {
                (suggestion.clone(), HashMap::from([(item.clone(), suggestion)]))
            }
            Verdict::Joined { cluster } | Verdict::New { cluster } => (cluster, HashMap::new()),
        };
        let anchor = self.anchor(project, &cluster, item).await?;
        let constraints = vec![ConstraintKind::Together { items: vec![anchor, item.clone()] }];
        let (clusters, items) = (vec![cluster], vec![item.clone()]);
        let kind = EventKind::Confirmed;
        Ok(Correction { kind, target, refused: Vec::new(), constraints, clusters, items })
    }

    async fn plan_confirm_cluster(&self, project: &ProjectId, cluster: &ClusterId) -> Result<Correction> {
        let items = self.members(project, cluster).await?;
        if items.len() < 2 {
            return Err(Error::invalid(
                "clusters.confirm",
                format!("cluster {cluster} has one item; there is nothing to confirm"),
            ));
        }
        let constraints = vec![ConstraintKind::Together { items }];
        let (target, clusters) = (HashMap::new(), vec![cluster.clone()]);
        let kind = EventKind::Confirmed;
        Ok(Correction { kind, target, refused: Vec::new(), constraints, clusters, items: Vec::new() })
    }

    async fn plan_reject(&self, project: &ProjectId, item: &FeedbackId) -> Result<Correction> {
        let Verdict::Unsure { suggestion } = self.decision(project, item).await?.verdict else {
            let message = format!("item {item} is not unsure; `move` or `split` takes it out of its cluster");
            return Err(Error::invalid("items.reject", message));
        };
        let right = self.members(project, &suggestion).await?;
        let constraints = vec![ConstraintKind::Apart { left: vec![item.clone()], right }];
        let kind = EventKind::Rejected;
        let (target, clusters) = (HashMap::new(), vec![suggestion]);
        let refused = vec![item.clone()];
        let items = refused.clone();
        Ok(Correction { kind, target, refused, constraints, clusters, items })
    }

    async fn correct(
        &self,
        project: &ProjectId,
        base: Base,
        correction: Correction,
        now: DateTime<Utc>,
    ) -> Result<TimelineEvent> {
        let present = self.load_clusters(project).await?;
        let material = self.load_members(project, &correction.clusters, &correction.items).await?;
        let mut target = correction.target;
        for item in correction.refused {
            let id = mint(project, &item, |id| present.contains_key(id));
            target.insert(item, id);
        }
        let wanted: Vec<Option<ClusterId>> = material
            .items
            .iter()
            .zip(&material.decisions)
            .map(|(item, decision)| {
                target
                    .get(&item.id)
                    .cloned()
                    .or_else(|| decision.as_ref().and_then(|d| d.verdict.cluster().cloned()))
            })
            .collect();
        let mut head = base.head.clone();
        let new: Vec<_> = correction.constraints.iter().map(|_| head.next_constraint()).collect();
        let naming: HashMap<FeedbackId, Vec<_>> = {
            let mut naming: HashMap<FeedbackId, Vec<_>> = HashMap::new();
            for (id, kind) in new.iter().zip(&correction.constraints) {
                named(kind).for_each(|item| naming.entry(item.clone()).or_default().push(id.clone()));
            }
            naming
        };
        let verdicts = verdicts(&material, &wanted, &HashMap::new(), |row, evidence| {
            let moved = target.contains_key(&material.items[row].id);
            if let Some(corrections) = naming.get(&material.items[row].id) {
                evidence.corrections.extend(corrections.iter().cloned());
            }
            if moved {
                evidence.cut = Cut::Correction;
            }
        });
        let active = self.load_constraints(project).await?;
        let place: HashMap<&FeedbackId, Option<&ClusterId>> =
            material.items.iter().map(|item| &item.id).zip(wanted.iter().map(Option::as_ref)).collect();
        let (mut switched, mut constraints) = (Vec::new(), correction.constraints);
        for constraint in active {
            if let Some(rest) = broken(&constraint, &place) {
                switched.push(Constraint { active: false, ..constraint });
                constraints.extend(rest);
            }
        }
        let change = Change { kind: correction.kind, verdicts, constraints, switched, undoes: None };
        Ok(self.settle(project, base, &material, present, change, now).await?.event)
    }

    /// The decision on `item`.
    pub(crate) async fn decision(&self, project: &ProjectId, item: &FeedbackId) -> Result<Decision> {
        match self.store.read::<Decision>(project, item.as_str()).await? {
            Some((decision, _)) => Ok(decision),
            None => {
                Err(Error::not_found("items.find", format!("item {item} is not there or not grouped yet")))
            }
        }
    }

    /// The members of a cluster that is not retired, oldest first.
    pub(crate) async fn members(&self, project: &ProjectId, cluster: &ClusterId) -> Result<Vec<FeedbackId>> {
        use crate::model::item::FeedbackItem;
        use crate::port::store::Query;
        let query = Query::all::<Decision>().with("cluster", cluster.as_str());
        let decisions: Vec<Stored> = self.store.list(project, &query).await?.records;
        if decisions.is_empty() {
            let into = self
                .store
                .read::<Cluster>(project, cluster.as_str())
                .await?
                .and_then(|(c, _)| c.lineage.merged_into);
            let hint = into.map(|into| format!("; it was merged into {into}")).unwrap_or_default();
            return Err(Error::not_found(
                "clusters.find",
                format!("no cluster {cluster} in project {project}{hint}"),
            ));
        }
        let keys: Vec<Key> = decisions.iter().map(|d| Key::of::<FeedbackItem>(d.id.clone())).collect();
        let mut items: Vec<Stored> =
            self.store.get(project, &keys, false).await?.into_iter().flatten().collect();
        items.sort_by_key(|item| item.created);
        Ok(items.into_iter().map(|item| FeedbackId::from(item.id)).collect())
    }

    /// The member that stands for `cluster`: its first example that is not `item`.
    async fn anchor(
        &self,
        project: &ProjectId,
        cluster: &ClusterId,
        item: &FeedbackId,
    ) -> Result<FeedbackId> {
        let members = self.members(project, cluster).await?;
        let examples = self
            .store
            .read::<Cluster>(project, cluster.as_str())
            .await?
            .map(|(c, _)| c.examples)
            .unwrap_or_default();
        let candidates = examples.iter().filter(|id| members.contains(id)).chain(&members);
        candidates.into_iter().find(|id| *id != item).cloned().ok_or_else(|| {
            Error::invalid(
                "items.confirm",
                format!("item {item} is alone in cluster {cluster}; there is nothing to confirm"),
            )
        })
    }
}
