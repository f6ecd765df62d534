//! How well a grouping agrees with a labelled one.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// Agreement of a grouping with labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Items scored.
    pub n: usize,
    /// Labels.
    pub k_gold: usize,
    /// Groups.
    pub k_pred: usize,
    /// Pairs of one group and one label, as a share of pairs of one group.
    pub pair_p: f64,
    /// The same, as a share of pairs of one label.
    pub pair_r: f64,
    /// Harmonic mean of the two.
    pub pair_f1: f64,
    /// Adjusted Rand index (Hubert and Arabie 1985).
    pub ari: f64,
    /// V-measure (Rosenberg and Hirschberg 2007).
    pub v: f64,
    /// B-cubed precision (Bagga and Baldwin 1998): mean share of an item's group that has its label.
    pub b3_p: f64,
    /// B-cubed recall: mean share of an item's label that is in its group.
    pub b3_r: f64,
    /// Harmonic mean of the two.
    pub b3_f1: f64,
    /// Share of items in a group where another label has the majority: one less purity.
    pub false_merge: f64,
    /// Share of items of labels of two or more that are alone.
    pub missed_dup: f64,
}

/// Scores a grouping: for each item its label and its group; an item without a group is alone.
#[must_use]
pub fn agreement<L: Eq + Hash, G: Eq + Hash>(items: &[(L, Option<G>)]) -> Agreement {
    let mut labels: HashMap<&L, usize> = HashMap::new();
    let mut groups: HashMap<&G, usize> = HashMap::new();
    let (mut by_label, mut by_group): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut cells: HashMap<(usize, usize), f64> = HashMap::new();
    let mut at: Vec<(usize, usize)> = Vec::with_capacity(items.len());
    for (label, group) in items {
        let l = *labels.entry(label).or_insert_with(|| push(&mut by_label));
        let g = match group {
            Some(group) => *groups.entry(group).or_insert_with(|| push(&mut by_group)),
            None => push(&mut by_group),
        };
        by_label[l] += 1.0;
        by_group[g] += 1.0;
        *cells.entry((g, l)).or_default() += 1.0;
        at.push((g, l));
    }
    let n = items.len() as f64;
    let mut cells: Vec<((usize, usize), f64)> = cells.into_iter().collect();
    cells.sort_unstable_by_key(|(at, _)| *at);
    let pairs = |x: f64| x * (x - 1.0) / 2.0;
    let both: f64 = cells.iter().map(|(_, c)| pairs(*c)).sum();
    let of_groups: f64 = by_group.iter().map(|c| pairs(*c)).sum();
    let of_labels: f64 = by_label.iter().map(|c| pairs(*c)).sum();
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
    let (pair_p, pair_r) = (share(both, of_groups), share(both, of_labels));
    let chance = share(of_groups * of_labels, pairs(n).max(1.0));
    let middle = (of_groups + of_labels) / 2.0;
    let entropy = |sizes: &[f64]| -sizes.iter().map(|c| c / n * (c / n).ln()).sum::<f64>();
    let (h_label, h_group) = (entropy(&by_label), entropy(&by_group));
    let mutual: f64 =
        cells.iter().map(|((g, l), c)| c / n * (c * n / (by_group[*g] * by_label[*l])).ln()).sum();
    let (homogeneity, completeness) = (share(mutual, h_label), share(mutual, h_group));
    let b3_p = share(cells.iter().map(|((g, _), c)| c * c / by_group[*g]).sum(), n);
    let b3_r = share(cells.iter().map(|((_, l), c)| c * c / by_label[*l]).sum(), n);
    let mut majority = vec![0f64; by_group.len()];
    cells.iter().for_each(|((g, _), c)| majority[*g] = majority[*g].max(*c));
    let repeated: Vec<bool> =
        at.iter().filter(|(_, l)| by_label[*l] > 1.0).map(|(g, _)| by_group[*g] == 1.0).collect();
    Agreement {
        n: items.len(),
        k_gold: by_label.len(),
        k_pred: by_group.len(),
        pair_p,
        pair_r,
        pair_f1: harmonic(pair_p, pair_r),
        ari: if middle == chance { 1.0 } else { (both - chance) / (middle - chance) },
        v: harmonic(homogeneity, completeness),
        b3_p,
        b3_r,
        b3_f1: harmonic(b3_p, b3_r),
        false_merge: 1.0 - share(majority.iter().sum(), n),
        missed_dup: repeated.iter().filter(|alone| **alone).count() as f64 / repeated.len().max(1) as f64,
    }
}

/// How well a search for earlier duplicates finds them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// Items that have an earlier one of their label.
    pub queries: usize,
    /// Share of queries with one of their label first.
    pub recall_at_1: f64,
    /// Share of queries with one of their label among the first five.
    pub recall_at_5: f64,
    /// Share of queries with one of their label among the first ten.
    pub recall_at_10: f64,
    /// Mean of one over the rank of the first of their label; 0 where none was found.
    pub mrr: f64,
}

/// Scores a search: for each item, in order of arrival, its label (none when it is not judged) and the items
/// found, best first. Found items that are not earlier ones do not count.
#[must_use]
pub fn retrieval<L: Eq + Hash>(items: &[(Option<L>, Vec<usize>)]) -> Retrieval {
    let mut seen: std::collections::HashSet<&L> = std::collections::HashSet::new();
    let (mut queries, mut hits, mut mrr) = (0, [0usize; 3], 0.0);
    for (at, (label, found)) in items.iter().enumerate() {
        let Some(label) = label else { continue };
        if seen.insert(label) {
            continue;
        }
        queries += 1;
        let mut earlier = found.iter().filter(|row| **row < at);
        if let Some(rank) = earlier.position(|row| items[*row].0.as_ref() == Some(label)) {
            mrr += 1.0 / (rank + 1) as f64;
            [1, 5, 10].iter().zip(&mut hits).for_each(|(k, hits)| *hits += usize::from(rank < *k));
        }
    }
    let share = |n: f64| n / queries.max(1) as f64;
    let [recall_at_1, recall_at_5, recall_at_10] = hits.map(|n| share(n as f64));
    Retrieval { queries, recall_at_1, recall_at_5, recall_at_10, mrr: share(mrr) }
}

fn push(sizes: &mut Vec<f64>) -> usize {
    sizes.push(0.0);
    sizes.len() - 1
}

fn harmonic(a: f64, b: f64) -> f64 {
    if a + b > 0.0 { 2.0 * a * b / (a + b) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_themselves_score_one() {
        let found = agreement(&[("a", Some(1)), ("a", Some(1)), ("b", Some(2)), ("c", None)]);
        for score in [found.pair_f1, found.ari, found.v, found.b3_f1, 1.0 - found.false_merge] {
            assert!((score - 1.0).abs() < 1e-12, "{found:?}");
        }
        assert_eq!((found.n, found.k_gold, found.k_pred), (4, 3, 3));
    }

    #[test]
    fn everything_in_one_group_is_complete_and_impure() {
        let found = agreement(&[("a", Some(0)), ("a", Some(0)), ("b", Some(0)), ("b", Some(0))]);
        assert_eq!((found.pair_r, found.b3_r, found.b3_p, found.false_merge), (1.0, 1.0, 0.5, 0.5));
        assert!((found.pair_p - 2.0 / 6.0).abs() < 1e-12);
        assert_eq!((found.ari, found.v), (0.0, 0.0));
    }

    #[test]
    fn only_earlier_items_of_the_same_label_are_found() {
        let items = [
            (Some("a"), vec![1]),
            (Some("b"), vec![]),
            (Some("a"), vec![3, 1, 0]),
            (None, vec![0]),
            (Some("b"), vec![0]),
        ];
        let found = retrieval(&items);
        assert_eq!((found.queries, found.recall_at_1, found.recall_at_5, found.mrr), (2, 0.0, 0.5, 0.25));
    }

    #[test]
    fn alone_misses_every_duplicate() {
        let found = agreement::<_, u8>(&[("a", None), ("a", None), ("b", None)]);
        assert_eq!((found.missed_dup, found.false_merge, found.pair_p), (1.0, 0.0, 1.0));
    }
}
