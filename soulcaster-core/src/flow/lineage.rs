//! Where clusters came from and where they went.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::id::ClusterId;
use crate::model::cluster::{Cluster, Lineage};
use crate::model::decision::Verdict;
use crate::model::event::Move;

/// Which clusters went into which, read from the moves of items.
pub(crate) struct Lineages {
    /// For each cluster that items left, the cluster that most of them went to.
    gave: HashMap<ClusterId, ClusterId>,
    /// For each cluster that items came to, the cluster that most of them came from.
    got: HashMap<ClusterId, ClusterId>,
    pub(crate) touched: BTreeSet<ClusterId>,
    /// Clusters that no item is left in.
    pub(crate) emptied: HashSet<ClusterId>,
}

impl Lineages {
    pub(crate) fn read(moves: &[Move]) -> Self {
        let mut counts: BTreeMap<(&ClusterId, &ClusterId), usize> = BTreeMap::new();
        let mut touched = BTreeSet::new();
        for change in moves {
            let from = change.from.as_ref().and_then(Verdict::cluster);
            let to = change.to.cluster();
            if from == to {
                continue;
            }
            touched.extend(from.into_iter().chain(to).cloned());
            if let (Some(from), Some(to)) = (from, to) {
                *counts.entry((from, to)).or_default() += 1;
            }
        }
        let (mut gave, mut got): (HashMap<_, (usize, _)>, HashMap<_, (usize, _)>) = Default::default();
        for ((from, to), count) in counts {
            let best = gave.entry(from.clone()).or_insert((0, to.clone()));
            if count > best.0 {
                *best = (count, to.clone());
            }
            let best = got.entry(to.clone()).or_insert((0, from.clone()));
            if count > best.0 {
                *best = (count, from.clone());
            }
        }
        let pick =
            |map: HashMap<ClusterId, (usize, ClusterId)>| map.into_iter().map(|(k, (_, v))| (k, v)).collect();
        Self { gave: pick(gave), got: pick(got), touched, emptied: HashSet::new() }
    }

    /// Brings the lineage of `cluster` up to date: an emptied one went into the cluster that took most of it,
    /// a filled one is nobody's part any more.
    pub(crate) fn apply(&self, cluster: &mut Cluster, new: bool) {
        if new {
            cluster.lineage =
                Lineage { split_from: self.got.get(&cluster.id).cloned(), ..Lineage::default() };
        } else if cluster.is_retired() {
            cluster.lineage.merged_into = self.gave.get(&cluster.id).cloned();
        } else {
            cluster.lineage.merged_into = None;
            let back = self.gave.get(&cluster.id);
            cluster.lineage.merged_from.retain(|id| Some(id) != back);
        }
        let into = |(from, to): (&ClusterId, &ClusterId)| {
            (*to == cluster.id && self.emptied.contains(from)).then(|| from.clone())
        };
        let mut came: Vec<ClusterId> = self.gave.iter().filter_map(into).collect();
        came.sort_unstable();
        came.retain(|id| !cluster.lineage.merged_from.contains(id));
        cluster.lineage.merged_from.extend(came);
    }
}
