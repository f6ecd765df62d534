//! Turning new verdicts into records: decisions, clusters, lineage, the timeline event.
//!
//! Grouping, correcting and undoing all end here, so the records agree however a change came about.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::engine::keywords::keywords;
use crate::engine::portrait::portrait;
use crate::error::Result;
use crate::flow::lineage::Lineages;
use crate::flow::load::{Base, Material};
use crate::id::{ClusterId, ConstraintId, FeedbackId, ProjectId, digest};
use crate::model::cluster::{Cluster, ClusterStatus};
use crate::model::constraint::{Constraint, ConstraintKind};
use crate::model::decision::{Decision, Evidence, Verdict};
use crate::model::event::{EventKind, Move, TimelineEvent};
use crate::model::item::FeedbackItem;
use crate::port::store::{Expect, Write};
use crate::soulcaster::Soulcaster;

/// Examples that a cluster keeps.
pub(crate) const EXAMPLES: usize = 5;
/// Keywords that a cluster keeps.
const KEYWORDS: usize = 6;
/// Clusters that an event names.
const NAMED: usize = 100;

/// What is to happen.
pub(crate) struct Change {
    pub(crate) kind: EventKind,
    /// For each row of the material what it is to be; `None` leaves it as it is.
    pub(crate) verdicts: Vec<Option<(Verdict, Evidence)>>,
    pub(crate) constraints: Vec<ConstraintKind>,
    /// Constraints to put out of force, or, when undoing, back into force.
    pub(crate) switched: Vec<Constraint>,
    pub(crate) undoes: Option<TimelineEvent>,
}

/// What happened.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) event: TimelineEvent,
    pub(crate) clusters: BTreeMap<ClusterId, Cluster>,
}

/// The writes of a change, and what they amount to.
pub(crate) struct Draft {
    pub(crate) writes: Vec<Write>,
    pub(crate) settled: Settled,
}

/// An id for a cluster that `founder` opens; `taken` are all ids there have been.
pub(crate) fn mint(
    project: &ProjectId,
    founder: &FeedbackId,
    taken: impl Fn(&ClusterId) -> bool,
) -> ClusterId {
    let mut attempt = 0u32;
    loop {
        let parts = [
            &b"cluster"[..],
            project.as_str().as_bytes(),
            founder.as_str().as_bytes(),
            &attempt.to_le_bytes(),
        ];
        let id = ClusterId::from(format!("c{}", digest(&parts, 9)));
        if !taken(&id) {
            return id;
        }
        attempt += 1;
    }
}

impl Soulcaster {
    /// Writes `change` over `material` in one commit.
    pub(crate) async fn settle(
        &self,
        project: &ProjectId,
        base: Base,
        material: &Material,
        present: BTreeMap<ClusterId, (Cluster, u64)>,
        change: Change,
        now: DateTime<Utc>,
    ) -> Result<Settled> {
        let draft = self.draft(project, base, material, present, change, now)?;
        self.store.commit(project, draft.writes).await?;
        Ok(draft.settled)
    }

    /// Works out `change` without writing it. `material` holds every member of every cluster that changes.
    pub(crate) fn draft(
        &self,
        project: &ProjectId,
        base: Base,
        material: &Material,
        mut present: BTreeMap<ClusterId, (Cluster, u64)>,
        change: Change,
        now: DateTime<Utc>,
    ) -> Result<Draft> {
        let Base { mut head, expect } = base;
        head.embedder = Some(self.embedder.id());
        let quiet = head.clone();
        let event_id = head.next_event();
        let mut writes = Vec::new();
        let mut moves = Vec::new();
        let change = Change { verdicts: living(project, material, &present, change.verdicts), ..change };
        let mut after: Vec<Option<Verdict>> =
            material.decisions.iter().map(|d| d.as_ref().map(|d| d.verdict.clone())).collect();
        let mut affected: BTreeSet<ClusterId> = BTreeSet::new();
        for (row, wanted) in change.verdicts.into_iter().enumerate() {
            let Some((verdict, evidence)) = wanted else { continue };
            let before = material.decisions[row].as_ref();
            if before.is_none_or(|d| d.verdict != verdict) {
                let from = before.map(|d| d.verdict.clone());
                affected.extend(from.iter().chain([&verdict]).filter_map(Verdict::cluster).cloned());
                moves.push(Move { item: material.items[row].id.clone(), from, to: verdict.clone() });
            } else if before.is_some_and(|d| d.evidence == evidence) {
                continue;
            }
            after[row] = Some(verdict.clone());
            let item_id = material.items[row].id.clone();
            let decision =
                Decision { item_id, project_id: project.clone(), verdict, evidence, decided_at: now };
            writes.push(Write::put(&decision, Expect::Any)?);
        }
        let moved = moves
            .iter()
            .filter(|m| m.from.as_ref().is_none_or(|from| from.cluster() != m.to.cluster()))
            .count();
        let mut lineage = Lineages::read(&moves);
        let mut members: HashMap<&ClusterId, Vec<usize>> = HashMap::new();
        for (row, verdict) in after.iter().enumerate() {
            if let Some(cluster) = verdict.as_ref().and_then(Verdict::cluster) {
                members.entry(cluster).or_default().push(row);
            }
        }
        // A full run draws every cluster again, so that names and numbers fit the whole.
        let is_run = matches!(change.kind, EventKind::Grouped | EventKind::Reclustered);
        if is_run {
            affected.extend(members.keys().map(|id| (*id).clone()));
        }
        let background = head.calibration.as_ref().map_or(0.0, |c| c.background);
        let none = Vec::new();
        let rows: Vec<&Vec<usize>> = affected.iter().map(|id| members.get(id).unwrap_or(&none)).collect();
        let words =
            keywords(&material.texts, &rows.iter().map(|r| (*r).clone()).collect::<Vec<_>>(), KEYWORDS);
        lineage.emptied = affected.iter().filter(|id| !members.contains_key(id)).cloned().collect();
        let mut clusters = BTreeMap::new();
        for ((id, rows), words) in affected.iter().zip(rows).zip(words) {
            let old = present.remove(id);
            let mut cluster =
                draw(project, id, old.as_ref().map(|(c, _)| c), material, rows, background, now);
            cluster.keywords =
                if affected.len() > 1 || cluster.keywords.is_empty() { words } else { cluster.keywords };
            lineage.apply(&mut cluster, old.is_none());
            if let Some((old, _)) = &old {
                let same = Cluster { updated_at: old.updated_at, centroid: None, ..cluster.clone() };
                if same == *old {
                    continue;
                }
            }
            writes.push(Write::put(
                &cluster,
                old.map_or(Expect::Absent, |(_, version)| Expect::Version(version)),
            )?);
            clusters.insert(id.clone(), cluster);
        }
        let mut constraints: Vec<ConstraintId> = Vec::new();
        for kind in change.constraints {
            let id = head.next_constraint();
            constraints.push(id.clone());
            let project_id = project.clone();
            let made =
                Constraint { id, project_id, kind, event: event_id.clone(), created_at: now, active: true };
            writes.push(Write::put(&made, Expect::Absent)?);
        }
        for constraint in &change.switched {
            writes.push(Write::put(constraint, Expect::Any)?);
        }
        let superseded = match change.undoes {
            Some(_) => Vec::new(),
            None => change.switched.iter().map(|c| c.id.clone()).collect(),
        };
        let touched: Vec<ClusterId> = lineage.touched.iter().take(NAMED).cloned().collect();
        let event = TimelineEvent {
            id: event_id.clone(),
            project_id: project.clone(),
            kind: change.kind,
            at: now,
            summary: String::new(),
            moved,
            clusters: touched,
            constraints,
            superseded,
            undoes: change.undoes.as_ref().map(|event| event.id.clone()),
            undone_by: None,
            moves,
        };
        let event = TimelineEvent { summary: summary(&event, &clusters), ..event };
        if let Some(mut undone) = change.undoes {
            undone.undone_by = Some(event_id);
            undone.moves.clear();
            writes.push(Write::put(&undone, Expect::Any)?);
        }
        // A run that moves nothing may still draw clusters anew; that is no event.
        if is_run && event.moves.is_empty() {
            head = quiet;
        } else {
            writes.push(Write::put(&event, Expect::Absent)?);
        }
        writes.push(Write::put(&head, expect)?);
        Ok(Draft { writes, settled: Settled { event, clusters } })
    }
}

/// The verdicts, but that no suggestion is a cluster without items: it follows the cluster that took those, and
/// when there is none, the item opens a cluster of its own.
fn living(
    project: &ProjectId,
    material: &Material,
    present: &BTreeMap<ClusterId, (Cluster, u64)>,
    mut verdicts: Vec<Option<(Verdict, Evidence)>>,
) -> Vec<Option<(Verdict, Evidence)>> {
    let mut members: HashMap<ClusterId, usize> = HashMap::new();
    for (decision, wanted) in material.decisions.iter().zip(&verdicts) {
        let before = decision.as_ref().map(|d| &d.verdict);
        let after = wanted.as_ref().map(|(verdict, _)| verdict).or(before);
        for (cluster, one) in [(before.and_then(Verdict::cluster), 0), (after.and_then(Verdict::cluster), 1)]
        {
            if let Some(cluster) = cluster {
                *members.entry(cluster.clone()).or_default() += one;
            }
        }
    }
    let lives = |id: &ClusterId| {
        let elsewhere = || present.get(id).map_or(0, |(cluster, _)| cluster.size);
        members.get(id).copied().unwrap_or_else(elsewhere) > 0
    };
    let mut opened = HashSet::new();
    for (row, wanted) in verdicts.iter_mut().enumerate() {
        let Some((Verdict::Unsure { suggestion }, _)) = wanted else { continue };
        let mut at = suggestion.clone();
        let mut steps = 0;
        while !lives(&at) && steps < present.len() {
            let Some(next) = present.get(&at).and_then(|(cluster, _)| cluster.lineage.merged_into.clone())
            else {
                break;
            };
            at = next;
            steps += 1;
        }
        let verdict = if lives(&at) {
            Verdict::Unsure { suggestion: at }
        } else {
            let taken =
                |id: &ClusterId| present.contains_key(id) || members.contains_key(id) || opened.contains(id);
            let cluster = mint(project, &material.items[row].id, taken);
            opened.insert(cluster.clone());
            Verdict::New { cluster }
        };
        if let Some((old, _)) = wanted {
            *old = verdict;
        }
    }
    verdicts
}

/// One sentence about `event`.
fn summary(event: &TimelineEvent, clusters: &BTreeMap<ClusterId, Cluster>) -> String {
    let items = |n: usize| if n == 1 { "1 item".to_owned() } else { format!("{n} items") };
    let made = clusters.values().filter(|c| c.created_at == c.updated_at && c.size > 0).count();
    let gone = clusters.values().filter(|c| c.size == 0).count();
    match event.kind {
        EventKind::Grouped | EventKind::Reclustered => {
            let verb = if event.kind == EventKind::Grouped { "grouped" } else { "regrouped" };
            format!("{verb}: {} placed, {made} clusters made, {gone} retired", items(event.moved))
        }
        EventKind::Merged => format!("merged clusters: {} moved", items(event.moved)),
        EventKind::Split => format!("split a cluster: {} moved", items(event.moved)),
        EventKind::Moved => format!("moved {}", items(event.moved)),
        EventKind::Confirmed => {
            format!("confirmed: {} moved", items(event.moved))
        }
        EventKind::Rejected => "refused a suggestion".to_owned(),
        EventKind::CleanedUp => {
            format!("merged near-equal clusters: {} moved, {gone} retired", items(event.moved))
        }
        EventKind::Undone => {
            let what = event.undoes.as_ref().map_or("", |id| id.as_str());
            format!("undid {what}: {} moved back", items(event.moved))
        }
    }
}

/// Makes the record of cluster `id` from its members.
fn draw(
    project: &ProjectId,
    id: &ClusterId,
    old: Option<&Cluster>,
    material: &Material,
    rows: &[usize],
    background: f64,
    now: DateTime<Utc>,
) -> Cluster {
    let look = portrait(material.vectors.view(), rows, EXAMPLES, background);
    let items: Vec<_> = rows.iter().map(|row| &material.items[*row]).collect();
    let mut sources: BTreeMap<String, usize> = BTreeMap::new();
    items.iter().for_each(|item| *sources.entry(item.source.clone()).or_default() += 1);
    let is_named = old.is_some_and(|c| c.is_named);
    let title = look.examples.first().filter(|_| !is_named).map(|row| title(material, *row));
    Cluster {
        id: id.clone(),
        project_id: project.clone(),
        title: title.or_else(|| old.map(|c| c.title.clone())).unwrap_or_default(),
        is_named,
        summary: old.and_then(|c| c.summary.clone()),
        keywords: old.map(|c| c.keywords.clone()).unwrap_or_default(),
        status: old.map_or(ClusterStatus::New, |c| {
            if is_back(c, &items) { ClusterStatus::Regressed } else { c.status }
        }),
        fixed_at: old.and_then(|c| c.fixed_at),
        size: rows.len(),
        occurrences: items.iter().map(|item| item.occurrences).sum(),
        sources,
        first_seen: items.iter().map(|i| i.first_seen()).min().or(old.map(|c| c.first_seen)).unwrap_or(now),
        last_seen: items.iter().map(|i| i.last_seen).max().or(old.map(|c| c.last_seen)).unwrap_or(now),
        severity: items.iter().filter_map(|item| item.severity).max(),
        cohesion: look.cohesion,
        examples: look.examples.iter().map(|row| material.items[*row].id.clone()).collect(),
        lineage: old.map(|c| c.lineage.clone()).unwrap_or_default(),
        created_at: old.map_or(now, |c| c.created_at),
        updated_at: now,
        centroid: look.centroid.filter(|_| rows.len() > 1),
    }
}

/// Whether one of `items` was seen after `cluster` was fixed.
fn is_back(cluster: &Cluster, items: &[&FeedbackItem]) -> bool {
    let seen_after = |fixed_at| items.iter().any(|item| item.last_seen > fixed_at);
    cluster.status == ClusterStatus::Fixed && cluster.fixed_at.is_some_and(seen_after)
}

/// The first line of an item that says something, at most 200 characters.
fn title(material: &Material, row: usize) -> String {
    let line = material.texts[row].lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
