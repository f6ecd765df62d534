//! What binds items, and what is left of it when a person says otherwise.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::flow::load::Material;
use crate::id::{ClusterId, FeedbackId};
use crate::model::constraint::{Constraint, ConstraintKind};
use crate::model::decision::{Evidence, Verdict};

/// The items a constraint names.
pub(crate) fn named(kind: &ConstraintKind) -> impl Iterator<Item = &FeedbackId> {
    let (a, b): (&[FeedbackId], &[FeedbackId]) = match kind {
        ConstraintKind::Together { items } => (items, &[]),
        ConstraintKind::Apart { left, right } => (left, right),
    };
    a.iter().chain(b)
}

/// What is left of a constraint that the new places break; `None` when they do not. A person's newer word
/// stands: of an older one only the part that does not contradict it stays in force.
pub(crate) fn broken(
    constraint: &Constraint,
    place: &HashMap<&FeedbackId, Option<&ClusterId>>,
) -> Option<Vec<ConstraintKind>> {
    match &constraint.kind {
        ConstraintKind::Together { items } => {
            // Either all of its items are in the material, being of one cluster, or it is not touched.
            let known: Option<Vec<&ClusterId>> =
                items.iter().map(|item| place.get(item).copied().flatten()).collect();
            let clusters: BTreeSet<&ClusterId> = known.as_ref()?.iter().copied().collect();
            (clusters.len() > 1).then(|| {
                let part = |cluster: &&ClusterId| -> Vec<FeedbackId> {
                    items
                        .iter()
                        .filter(|item| place.get(item).copied().flatten() == Some(cluster))
                        .cloned()
                        .collect()
                };
                let parts = clusters.iter().map(part).filter(|items| items.len() > 1);
                parts.map(|items| ConstraintKind::Together { items }).collect()
            })
        }
        ConstraintKind::Apart { left, right } => {
            let cluster = |item: &FeedbackId| place.get(item).copied().flatten();
            let rights: BTreeSet<&ClusterId> = right.iter().filter_map(cluster).collect();
            let clash: BTreeSet<&ClusterId> =
                left.iter().filter_map(cluster).filter(|c| rights.contains(c)).collect();
            (!clash.is_empty()).then(|| {
                let inside = |item: &&FeedbackId, c: &ClusterId| cluster(item) == Some(c);
                let free: Vec<FeedbackId> = left
                    .iter()
                    .filter(|item| !cluster(item).is_some_and(|c| clash.contains(c)))
                    .cloned()
                    .collect();
                let mut rest = vec![(free, right.clone())];
                for c in clash {
                    let ours = left.iter().filter(|item| inside(item, c)).cloned().collect();
                    let theirs = right.iter().filter(|item| !inside(item, c)).cloned().collect();
                    rest.push((ours, theirs));
                }
                let full = rest.into_iter().filter(|(left, right)| !left.is_empty() && !right.is_empty());
                full.map(|(left, right)| ConstraintKind::Apart { left, right }).collect()
            })
        }
    }
}

/// Verdicts that put the rows where they are wanted: the oldest of a cluster opens it, the others join. A row
/// that is wanted nowhere is unsure: of what `unsure` says, else of what it was. A suggestion whose cluster
/// empties follows the item that opened it. `note` may add to the evidence.
pub(crate) fn verdicts(
    material: &Material,
    wanted: &[Option<ClusterId>],
    unsure: &HashMap<FeedbackId, ClusterId>,
    note: impl Fn(usize, &mut Evidence),
) -> Vec<Option<(Verdict, Evidence)>> {
    let filled: HashSet<&ClusterId> = wanted.iter().flatten().collect();
    let mut went: HashMap<&ClusterId, &ClusterId> = HashMap::new();
    for (decision, cluster) in material.decisions.iter().zip(wanted) {
        if let (Some(old), Some(new)) = (decision.as_ref().and_then(|d| d.verdict.cluster()), cluster) {
            went.entry(old).or_insert(new);
        }
    }
    let mut opened: HashSet<&ClusterId> = HashSet::new();
    wanted
        .iter()
        .enumerate()
        .map(|(row, cluster)| {
            let decision = material.decisions[row].as_ref()?;
            let verdict = match (cluster, &decision.verdict) {
                (Some(cluster), _) if opened.insert(cluster) => Verdict::New { cluster: cluster.clone() },
                (Some(cluster), _) => Verdict::Joined { cluster: cluster.clone() },
                (None, before) => {
                    let old = match before {
                        Verdict::Unsure { suggestion } => suggestion,
                        Verdict::Joined { cluster } | Verdict::New { cluster } => cluster,
                    };
                    let of = unsure.get(&material.items[row].id).unwrap_or(old);
                    let follows = went.get(of).copied().filter(|_| !filled.contains(of));
                    Verdict::Unsure { suggestion: follows.unwrap_or(of).clone() }
                }
            };
            let mut evidence = decision.evidence.clone();
            note(row, &mut evidence);
            Some((verdict, evidence))
        })
        .collect()
}
