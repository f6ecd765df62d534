//! Which new group is which old one: the assignment that moves the fewest items.

use std::collections::{BTreeMap, HashMap};

/// Components of more groups than this are matched greedily, best overlap first.
const EXACT: usize = 400;

/// A group, a cluster, and how much they share.
type Edge = (usize, usize, u64);

/// Matches groups to the clusters that their items are in now, one to one, so that as much weight as can be
/// stays where it is. `overlaps` gives for pairs of (group, cluster) the weight of the items they share.
///
/// Exact (the Hungarian method) on every component of at most 400 groups or clusters; ties go to the lower
/// group and cluster.
#[must_use]
pub fn match_groups(overlaps: &BTreeMap<(usize, usize), u64>) -> HashMap<usize, usize> {
    let mut root: HashMap<(bool, usize), (bool, usize)> = HashMap::new();
    fn find(root: &mut HashMap<(bool, usize), (bool, usize)>, x: (bool, usize)) -> (bool, usize) {
        let mut at = x;
        while let Some(next) = root.get(&at).filter(|next| **next != at) {
            at = *next;
        }
        root.insert(x, at);
        at
    }
    for (group, cluster) in overlaps.keys() {
        let (a, b) = (find(&mut root, (false, *group)), find(&mut root, (true, *cluster)));
        root.insert(a.max(b), a.min(b));
    }
    let mut parts: BTreeMap<(bool, usize), Vec<Edge>> = BTreeMap::new();
    for ((group, cluster), weight) in overlaps {
        parts.entry(find(&mut root, (false, *group))).or_default().push((*group, *cluster, *weight));
    }
    let mut matched = HashMap::new();
    for edges in parts.into_values() {
        let number = |pick: fn(&Edge) -> usize| {
            let mut all: Vec<usize> = edges.iter().map(pick).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let (groups, clusters) = (number(|e| e.0), number(|e| e.1));
        if groups.len().max(clusters.len()) > EXACT {
            greedy(edges, &mut matched);
        } else {
            exact(&edges, &groups, &clusters, &mut matched);
        }
    }
    matched
}

fn greedy(mut edges: Vec<Edge>, matched: &mut HashMap<usize, usize>) {
    edges.sort_unstable_by(|a, b| b.2.cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let mut taken = std::collections::HashSet::new();
    for (group, cluster, _) in edges {
        if !matched.contains_key(&group) && taken.insert(cluster) {
            matched.insert(group, cluster);
        }
    }
}

/// The Hungarian method with potentials (Kuhn 1955, Munkres 1957), on costs `-weight`.
fn exact(edges: &[Edge], groups: &[usize], clusters: &[usize], matched: &mut HashMap<usize, usize>) {
    let n = groups.len().max(clusters.len());
    let mut cost = vec![vec![0i64; n + 1]; n + 1];
    for (group, cluster, weight) in edges {
        let (Ok(i), Ok(j)) = (groups.binary_search(group), clusters.binary_search(cluster)) else { continue };
        cost[i + 1][j + 1] = -i64::try_from(*weight).unwrap_or(i64::MAX / 4);
    }
    let (mut u, mut v) = (vec![0i64; n + 1], vec![0i64; n + 1]);
    let mut row_of = vec![0usize; n + 1];
    for i in 1..=n {
        let mut way = vec![0usize; n + 1];
        let mut least = vec![i64::MAX; n + 1];
        let mut used = vec![false; n + 1];
        row_of[0] = i;
        let mut column = 0;
        while row_of[column] != 0 {
            used[column] = true;
            let row = row_of[column];
            let (mut delta, mut next) = (i64::MAX, 0);
            for j in 1..=n {
                if used[j] {
                    continue;
                }
                let reduced = cost[row][j] - u[row] - v[j];
                if reduced < least[j] {
                    least[j] = reduced;
                    way[j] = column;
                }
                if least[j] < delta {
                    delta = least[j];
                    next = j;
                }
            }
            for j in 0..=n {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else if least[j] < i64::MAX {
                    least[j] -= delta;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[way[column]];
            column = way[column];
        }
    }
    for (j, cluster) in (1..=n).zip(clusters) {
        if let Some(group) = groups.get(row_of[j].wrapping_sub(1))
            && cost[row_of[j]][j] < 0
        {
            matched.insert(*group, *cluster);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_matters_more_than_the_best_pair() {
        let overlaps = BTreeMap::from([((0, 0), 5), ((0, 1), 4), ((1, 0), 4)]);
        assert_eq!(match_groups(&overlaps), HashMap::from([(0, 1), (1, 0)]));
    }

    #[test]
    fn a_group_of_new_items_is_nobody() {
        let overlaps = BTreeMap::from([((0, 7), 3), ((2, 7), 1)]);
        assert_eq!(match_groups(&overlaps), HashMap::from([(0, 7)]));
        assert!(match_groups(&BTreeMap::new()).is_empty());
    }

    proptest! {
        #[test]
        fn no_other_assignment_keeps_more(weights in prop::collection::vec(0u64..6, 16)) {
            let overlaps: BTreeMap<_, _> =
                weights.iter().enumerate().filter(|(_, w)| **w > 0).map(|(i, w)| ((i / 4, i % 4), *w)).collect();
            let found: u64 = match_groups(&overlaps).iter().map(|(g, c)| overlaps[&(*g, *c)]).sum();
            let mut best = 0;
            for code in 0..256usize {
                let columns: Vec<usize> = (0..4).map(|g| (code >> (2 * g)) & 3).collect();
                if (0..4).all(|a| (0..a).all(|b| columns[a] != columns[b])) {
                    best = best.max((0..4).map(|g| overlaps.get(&(g, columns[g])).copied().unwrap_or(0)).sum());
                }
            }
            prop_assert_eq!(found, best);
        }
    }
}
