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
    let mutual: f64 = cells.iter().map(|((g, l), c)| c / n * (c * n / (by_group[*g] * by_label[*l])).ln()).sum();
    let (homogeneity, completeness) = (share(mutual, h_label), share(mutual, h_group));
    let b3_p = share(cells.iter().map(|((g, _), c)| c * c / by_group[*g]).sum(), n);
    let b3_r = share(cells.iter().map(|((_, l), c)| c * c / by_label[*l]).sum(), n);
    let mut majority = vec![0f64; by_group.len()];
    cells.iter().for_each(|((g, _), c)| majority[*g] = majority[*g].max(*c));
    let repeated: Vec<bool> = at.iter().filter(|(_, l)| by_label[*l] > 1.0).map(|(g, _)| by_group[*g] == 1.0).collect();
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
    fn alone_misses_every_duplicate() {
        let found = agreement::<_, u8>(&[("a", None), ("a", None), ("b", None)]);
        assert_eq!((found.missed_dup, found.false_merge, found.pair_p), (1.0, 0.0, 1.0));
    }
}
