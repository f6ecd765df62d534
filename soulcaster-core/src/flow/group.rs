//! Grouping a project's items, all of them anew or only those that came since.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use crate::engine::group::group;
use crate::engine::identity::match_groups;
use crate::engine::online::GROWTH;
use crate::engine::{Algorithm, Grouping, Online, Place, Placement};
use crate::error::Result;
use crate::flow::ingest::{TRIES, busy, is_lost_race};
use crate::flow::load::{Material, rules};
use crate::flow::settle::{Change, Draft, mint};
use crate::id::{ClusterId, ConstraintId, EventId, ProjectId};
use crate::model::cluster::Cluster;
use crate::model::decision::{Cut, Decision, Evidence, Neighbour, Regime, RunnerUp, Verdict};
use crate::model::event::{EventKind, Move};
use crate::model::head::Calibration;
use crate::model::item::FeedbackItem;
use crate::port::store::Query;
use crate::soulcaster::Soulcaster;

/// What a grouping changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Diff {
    /// Items whose verdict changes, oldest first.
    pub moves: Vec<Move>,
    /// Clusters that come to be.
    pub created: Vec<ClusterId>,
    /// Clusters that lose their last item, with the cluster that most of it goes to.
    pub retired: Vec<(ClusterId, Option<ClusterId>)>,
    /// Items that stay where they are.
    pub unchanged: usize,
}

/// What a grouping did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GroupReport {
    /// The timeline event; absent when nothing changed or nothing was written.
    pub event: Option<EventId>,
    /// What was read from the texts.
    pub calibration: Option<Calibration>,
    /// What changed.
    pub diff: Diff,
}

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// New items only, unless a full run is due.
    Pending,
    /// Everything.
    Full,
}

impl Soulcaster {
    /// Groups the items that have come since the last time.
    ///
    /// The first run, and one after the project has grown by half, reads all texts anew; others put each new
    /// item where it belongs and leave the old ones alone. Nothing new is no change.
    ///
    /// # Errors
    /// Those of the store and the embedder; then nothing has changed. `Conflict` when another process keeps
    /// changing the project.
    pub async fn group(&self, project: &ProjectId, now: DateTime<Utc>) -> Result<GroupReport> {
        self.regroup(project, Reach::Pending, true, now).await
    }

    /// Groups everything anew and moves as few items as the result allows. Corrections hold, ids stay.
    ///
    /// With `apply` false nothing is written; the diff says what would be.
    ///
    /// # Errors
    /// As [`Soulcaster::group`].
    pub async fn recluster(
        &self,
        project: &ProjectId,
        apply: bool,
        now: DateTime<Utc>,
    ) -> Result<GroupReport> {
        self.regroup(project, Reach::Full, apply, now).await
    }

    async fn regroup(
        &self,
        project: &ProjectId,
        reach: Reach,
        apply: bool,
        now: DateTime<Utc>,
    ) -> Result<GroupReport> {
        for _ in 0..TRIES {
            match self.try_regroup(project, reach, apply, now).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other,
            }
        }
        Err(busy(project))
    }

    async fn try_regroup(
        &self,
        project: &ProjectId,
        reach: Reach,
        apply: bool,
        now: DateTime<Utc>,
    ) -> Result<GroupReport> {
        let mut base = self.base(project).await?;
        let n = self.store.count(project, &Query::all::<FeedbackItem>()).await?;
        let decided = self.store.count(project, &Query::all::<Decision>()).await?;
        let since = Query { changed_after: Some(base.head.read_to), ..Query::all::<FeedbackItem>() };
        let is_read = n == decided && self.store.count(project, &since).await? == 0;
        if n == 0 || (reach == Reach::Pending && is_read) {
            let diff = Diff { unchanged: n, ..Diff::default() };
            return Ok(GroupReport { event: None, calibration: base.head.calibration, diff });
        }
        let material = self.load_all(project).await?;
        let n = material.items.len();
        let pending: Vec<usize> = (0..n).filter(|row| material.decisions[*row].is_none()).collect();
        let present = self.load_clusters(project).await?;
        let constraints = self.load_constraints(project).await?;
        let (rules, naming) = rules(&constraints, &material.row_of, n);
        base.head.read_to = base.head.read_to.max(material.read_to);
        let online = match &base.head.calibration {
            // Known items have come again; they stay where they are, and their clusters are drawn anew.
            Some(_) if reach == Reach::Pending && pending.is_empty() => {
                Some(Placed { rows: vec![None; n], names: Vec::new() })
            }
            Some(known) if reach == Reach::Pending && self.is_resumable(known, n) => {
                self.place_pending(&material, &pending, known, &present)?
            }
            _ => None,
        };
        let (kind, placed) = match online {
            Some(placed) => (EventKind::Grouped, placed),
            None => {
                let grouping = group(&material.texts, material.vectors.view(), &self.config, &rules)?;
                let names = names(project, &material, &grouping, &naming, &present);
                base.head.calibration = Some(grouping.calibration);
                let kind = if reach == Reach::Full { EventKind::Reclustered } else { EventKind::Grouped };
                (kind, Placed { rows: grouping.placements.into_iter().map(Some).collect(), names })
            }
        };
        let Some(calibration) = base.head.calibration.clone() else {
            return Ok(GroupReport { event: None, calibration: None, diff: Diff::default() });
        };
        let verdicts = self.verdicts(&material, &placed, &calibration, &naming);
        let change = Change { kind, verdicts, constraints: Vec::new(), switched: Vec::new(), undoes: None };
        let Draft { writes, settled } = self.draft(project, base, &material, present, change, now)?;
        let event = settled.event;
        let created =
            settled.clusters.values().filter(|c| c.created_at == now && c.updated_at == now && c.size > 0);
        let retired = settled.clusters.values().filter(|c| c.is_retired());
        let diff = Diff {
            created: created.map(|c| c.id.clone()).collect(),
            retired: retired.map(|c| (c.id.clone(), c.lineage.merged_into.clone())).collect(),
            unchanged: n - event.moves.len(),
            moves: event.moves,
        };
        let mut report = GroupReport { event: None, calibration: Some(calibration), diff };
        if apply {
            self.store.commit(project, writes).await?;
            self.note_regressions(project, settled.clusters.values(), now).await?;
            report.event = (!report.diff.moves.is_empty()).then_some(event.id);
        }
        Ok(report)
    }

    /// Whether new items can be put one by one: nothing fixed, and no full run due.
    fn is_resumable(&self, known: &Calibration, n: usize) -> bool {
        self.config.algorithm == Algorithm::Auto
            && known.regime != Regime::Fixed
            && (n as f64) < GROWTH * known.items as f64
    }

    /// Puts the pending items one by one among the others. `None` when there are no others.
    fn place_pending(
        &self,
        material: &Material,
        pending: &[usize],
        known: &Calibration,
        present: &BTreeMap<ClusterId, (Cluster, u64)>,
    ) -> Result<Option<Placed>> {
        let mut numbers: HashMap<ClusterId, u32> = HashMap::new();
        let mut names: Vec<ClusterId> = Vec::new();
        let mut number = |cluster: &ClusterId| {
            *numbers.entry(cluster.clone()).or_insert_with(|| {
                names.push(cluster.clone());
                index(names.len() - 1)
            })
        };
        let (mut order, mut places) = (Vec::new(), Vec::new());
        for (row, decision) in material.decisions.iter().enumerate() {
            let Some(decision) = decision else { continue };
            order.push(row);
            places.push(match &decision.verdict {
                Verdict::New { cluster } => Place::New(number(cluster)),
                Verdict::Joined { cluster } => Place::Joined(number(cluster)),
                Verdict::Unsure { suggestion } => Place::Unsure(number(suggestion)),
            });
        }
        if order.is_empty() {
            return Ok(None);
        }
        let texts: Vec<&str> = order.iter().map(|row| material.texts[*row].as_str()).collect();
        let vectors = material.vectors.select(Axis(0), &order);
        let mut online = Online::resume(
            &texts,
            vectors.view(),
            places,
            known.clone(),
            &self.config.tuning,
            pending.len(),
        )?;
        drop(vectors);
        let mut taken: HashSet<ClusterId> = present.keys().cloned().collect();
        let mut rows: Vec<Option<Placement>> = vec![None; material.items.len()];
        for row in pending {
            let mut placement = online.insert(&material.texts[*row], &material.vectors.row(*row).to_vec());
            placement.nearest.iter_mut().for_each(|near| near.row = index(order[near.row as usize]));
            order.push(*row);
            if let Place::New(group) = placement.place {
                let item = &material.items[*row];
                let id = mint(&item.project_id, &item.id, |id| taken.contains(id));
                taken.insert(id.clone());
                names.resize(group as usize, id.clone());
                names.push(id);
            }
            rows[*row] = Some(placement);
        }
        Ok(Some(Placed { rows, names }))
    }

    /// Placements as verdicts with their evidence.
    fn verdicts(
        &self,
        material: &Material,
        placed: &Placed,
        calibration: &Calibration,
        naming: &[Vec<ConstraintId>],
    ) -> Vec<Option<(Verdict, Evidence)>> {
        let name = |group: u32| placed.names[group as usize].clone();
        let verdict_of = |row: usize| match &placed.rows[row] {
            Some(placement) => placement.place.group().map(name),
            None => material.decisions[row].as_ref().and_then(|d| d.verdict.cluster().cloned()),
        };
        let cut = match calibration.regime {
            Regime::Template => Cut::Template(calibration.gamma),
            Regime::Fixed => Cut::Threshold(calibration.gamma),
            Regime::Duplicates | Regime::Groups => Cut::Gamma(calibration.gamma),
        };
        let evidence = |row: usize, placement: &Placement| Evidence {
            regime: calibration.regime,
            algorithm: self.config.algorithm.name().to_owned(),
            cut,
            support: placement.support,
            runner_up: placement.runner_up.map(|(group, support)| RunnerUp { cluster: name(group), support }),
            nearest: placement
                .nearest
                .iter()
                .map(|near| Neighbour {
                    item: material.items[near.row as usize].id.clone(),
                    cluster: verdict_of(near.row as usize),
                    scores: near.scores,
                })
                .collect(),
            template: placement.template.clone(),
            corrections: naming[row].clone(),
            embedder: self.embedder.id(),
            engine: env!("CARGO_PKG_VERSION").to_owned(),
        };
        placed
            .rows
            .iter()
            .enumerate()
            .map(|(row, placement)| {
                placement.as_ref().map(|placement| {
                    let verdict = match placement.place {
                        Place::New(group) => Verdict::New { cluster: name(group) },
                        Place::Joined(group) => Verdict::Joined { cluster: name(group) },
                        Place::Unsure(group) => Verdict::Unsure { suggestion: name(group) },
                    };
                    (verdict, evidence(row, placement))
                })
            })
            .collect()
    }
}

/// Where rows were put; `names[g]` is the cluster that group `g` is.
struct Placed {
    rows: Vec<Option<Placement>>,
    names: Vec<ClusterId>,
}

#[allow(clippy::cast_possible_truncation)] // a project has fewer than 2^32 items
fn index(i: usize) -> u32 {
    i as u32
}

/// How much more an item that a correction binds counts when groups look for their old names.
const BOUND: u64 = 1000;

/// Which cluster each group is: the present one it shares most with, else a new one named after its oldest
/// item.
fn names(
    project: &ProjectId,
    material: &Material,
    grouping: &Grouping,
    naming: &[Vec<ConstraintId>],
    present: &BTreeMap<ClusterId, (Cluster, u64)>,
) -> Vec<ClusterId> {
    let ids: Vec<&ClusterId> = present.keys().collect();
    let place: HashMap<&ClusterId, usize> = ids.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let mut overlaps: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (row, placement) in grouping.placements.iter().enumerate() {
        let now = material.decisions[row].as_ref().and_then(|d| d.verdict.cluster());
        if let (Some(group), Some(cluster)) = (placement.place.group(), now.and_then(|c| place.get(c))) {
            let weight = if naming[row].is_empty() { 1 } else { BOUND };
            *overlaps.entry((group as usize, *cluster)).or_default() += weight;
        }
    }
    let matched = match_groups(&overlaps);
    let mut taken: HashSet<ClusterId> = present.keys().cloned().collect();
    grouping
        .members()
        .iter()
        .enumerate()
        .map(|(group, members)| match matched.get(&group) {
            Some(cluster) => ids[*cluster].clone(),
            None => {
                let id = mint(project, &material.items[members[0]].id, |id| taken.contains(id));
                taken.insert(id.clone());
                id
            }
        })
        .collect()
}
