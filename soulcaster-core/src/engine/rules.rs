//! Corrections as the engine sees them: rows that must be together, rows that must be apart.

use std::collections::HashMap;

use crate::engine::community::renumber;
use crate::engine::roots::Roots;

/// Must-link and cannot-link constraints over rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    together: Vec<Vec<usize>>,
    /// For each row that has some, the rows it must be apart from; both ways.
    apart: HashMap<usize, Vec<usize>>,
}

impl Rules {
    /// Rules over `n` rows: sets that are together, and pairs of sets that are apart. Rows from `n` on are
    /// ignored.
    #[must_use]
    pub fn new(n: usize, together: &[Vec<usize>], apart: &[(Vec<usize>, Vec<usize>)]) -> Self {
        let known = |rows: &[usize]| rows.iter().copied().filter(|row| *row < n).collect::<Vec<_>>();
        let mut rules =
            Self { together: together.iter().map(|set| known(set)).collect(), apart: HashMap::new() };
        for (left, right) in apart {
            let (left, right) = (known(left), known(right));
            for a in &left {
                rules.apart.entry(*a).or_default().extend(&right);
            }
            for b in &right {
                rules.apart.entry(*b).or_default().extend(&left);
            }
        }
        rules
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.together.is_empty() && self.apart.is_empty()
    }

    /// Pairs that chain each set of rows that are together.
    pub(crate) fn together_pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.together.iter().flat_map(|set| set.windows(2).map(|pair| (pair[0], pair[1])))
    }

    pub(crate) fn has_apart(&self) -> bool {
        !self.apart.is_empty()
    }

    /// Rows that `row` must be apart from.
    pub(crate) fn apart(&self, row: usize) -> &[usize] {
        self.apart.get(&row).map_or(&[], Vec::as_slice)
    }

    /// Whether a row of `a` must be apart from a row of `b`.
    pub(crate) fn forbids(&self, a: &[usize], b: &[usize]) -> bool {
        if self.apart.is_empty() {
            return false;
        }
        let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
        few.iter().any(|row| self.apart(*row).iter().any(|foe| many.contains(foe)))
    }

    /// A pair that must be both together and apart, if there is one.
    #[must_use]
    pub fn contradiction(&self, n: usize) -> Option<(usize, usize)> {
        let mut roots = Roots::new(n);
        self.together_pairs().for_each(|(a, b)| roots.join(a, b));
        let mut rows: Vec<&usize> = self.apart.keys().collect();
        rows.sort_unstable();
        rows.into_iter().find_map(|row| {
            let root = roots.find(*row);
            self.apart(*row).iter().find(|foe| roots.find(**foe) == root).map(|foe| (*row, *foe))
        })
    }

    /// Changes `labels` as little as it can so that every rule holds; labels stay dense.
    ///
    /// Rows that must be together take the label that most of them have, and a group of which they are more
    /// than half comes along whole. Then rows that share a group against a rule leave it, the ones with
    /// fewer companions first, each set of together rows to a new group of its own.
    pub fn enforce(&self, labels: &mut [u32]) {
        if self.is_empty() {
            return;
        }
        let n = labels.len();
        let mut roots = Roots::new(n);
        self.together_pairs().for_each(|(a, b)| roots.join(a, b));
        let mut sets: HashMap<usize, Vec<usize>> = HashMap::new();
        for row in self.together.iter().flatten().chain(self.apart.keys()) {
            sets.entry(roots.find(*row)).or_default().push(*row);
        }
        let mut sets: Vec<Vec<usize>> = sets
            .into_values()
            .map(|mut set| {
                set.sort_unstable();
                set.dedup();
                set
            })
            .collect();
        sets.sort_unstable();
        for set in sets.iter().filter(|set| set.len() > 1) {
            let mut held: HashMap<u32, usize> = HashMap::new();
            set.iter().for_each(|row| *held.entry(labels[*row]).or_default() += 1);
            let Some((target, _)) =
                held.iter().max_by_key(|(label, count)| (**count, std::cmp::Reverse(**label)))
            else {
                continue;
            };
            let target = *target;
            let mut sizes: HashMap<u32, usize> = HashMap::new();
            labels.iter().for_each(|label| *sizes.entry(*label).or_default() += 1);
            for label in labels.iter_mut() {
                if held.get(label).is_some_and(|count| 2 * count > sizes[label]) {
                    *label = target;
                }
            }
            set.iter().for_each(|row| labels[*row] = target);
        }
        let mut next = labels.iter().max().map_or(0, |m| m + 1);
        let mut by_size = sets;
        by_size.sort_by_key(Vec::len);
        for set in &by_size {
            let label = labels[set[0]];
            let clash = set.iter().any(|row| self.apart(*row).iter().any(|foe| labels[*foe] == label));
            if clash {
                set.iter().for_each(|row| labels[*row] = next);
                next += 1;
            }
        }
        renumber(labels);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_group_that_is_mostly_bound_comes_along() {
        let mut labels = [0, 0, 0, 0, 1, 1, 1];
        Rules::new(7, &[vec![0, 1, 2, 4, 5]], &[]).enforce(&mut labels);
        assert_eq!(labels, [0; 7]);
    }

    #[test]
    fn a_contradiction_is_found() {
        assert!(Rules::new(4, &[vec![0, 1], vec![1, 2]], &[(vec![0], vec![2])]).contradiction(4).is_some());
        assert!(Rules::new(4, &[vec![0, 1]], &[(vec![0], vec![2, 3])]).contradiction(4).is_none());
    }

    proptest! {
        #[test]
        fn every_rule_holds_afterwards(
            labels in prop::collection::vec(0u32..5, 12),
            together in prop::collection::vec(prop::collection::vec(0usize..12, 2..4), 0..4),
            apart in prop::collection::vec((prop::collection::vec(0usize..12, 1..3), prop::collection::vec(0usize..12, 1..3)), 0..4),
        ) {
            let rules = Rules::new(12, &together, &apart);
            prop_assume!(rules.contradiction(12).is_none());
            let mut labels = labels;
            rules.enforce(&mut labels);
            for set in &together {
                prop_assert!(set.iter().all(|row| labels[*row] == labels[set[0]]));
            }
            for (left, right) in &apart {
                for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (*a, *b))) {
                    prop_assert!(labels[a] != labels[b]);
                }
            }
        }
    }
}
