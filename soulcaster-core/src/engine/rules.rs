//! Corrections as the engine sees them: rows that must be together, rows that must be apart.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use crate::engine::community::renumber;
use crate::engine::roots::Roots;

/// Must-link and cannot-link constraints over rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    together: Vec<Vec<usize>>,
    /// Two sets each, no row of one with a row of the other.
    apart: Vec<[Vec<usize>; 2]>,
    /// For each row that has some, the sets it is in: place in `apart`, and which of the two.
    sides: HashMap<usize, Vec<(usize, usize)>>,
}

impl Rules {
    /// Rules over `n` rows: sets that are together, and pairs of sets that are apart. Rows from `n` on are
    /// ignored.
    #[must_use]
    pub fn new(n: usize, together: &[Vec<usize>], apart: &[(Vec<usize>, Vec<usize>)]) -> Self {
        let known = |rows: &[usize]| rows.iter().copied().filter(|row| *row < n).collect::<Vec<_>>();
        let mut rules = Self { together: together.iter().map(|set| known(set)).collect(), ..Self::default() };
        for (left, right) in apart {
            let pair = [known(left), known(right)];
            if pair.iter().all(|set| !set.is_empty()) {
                for (side, set) in pair.iter().enumerate() {
                    for row in set {
                        rules.sides.entry(*row).or_default().push((rules.apart.len(), side));
                    }
                }
                rules.apart.push(pair);
            }
        }
        rules
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.together.is_empty() && self.apart.is_empty()
    }

    /// The same rules over other rows: `to[row]` is what `row` is there.
    pub(crate) fn mapped(&self, n: usize, to: &[usize]) -> Self {
        let set = |rows: &[usize]| {
            let mut rows: Vec<usize> = rows.iter().map(|row| to[*row]).collect();
            rows.sort_unstable();
            rows.dedup();
            rows
        };
        let together: Vec<_> = self.together.iter().map(|rows| set(rows)).collect();
        let apart: Vec<_> = self.apart.iter().map(|[left, right]| (set(left), set(right))).collect();
        Self::new(n, &together, &apart)
    }

    /// Pairs that chain each set of rows that are together.
    pub(crate) fn together_pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.together.iter().flat_map(|set| set.windows(2).map(|pair| (pair[0], pair[1])))
    }

    pub(crate) fn has_apart(&self) -> bool {
        !self.apart.is_empty()
    }

    /// The sides of rules that `row` is on.
    pub(crate) fn sides(&self, row: usize) -> &[(usize, usize)] {
        self.sides.get(&row).map_or(&[], Vec::as_slice)
    }

    /// Rows that `row` must be apart from; one may come twice.
    pub(crate) fn foes(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        self.sides(row).iter().flat_map(|(rule, side)| self.apart[*rule][1 - side].iter().copied())
    }

    /// Whether two rows must be apart.
    pub(crate) fn are_apart(&self, a: usize, b: usize) -> bool {
        let theirs = self.sides(b);
        self.sides(a).iter().any(|(rule, side)| theirs.contains(&(*rule, 1 - side)))
    }

    /// Whether a row of `a` must be apart from a row of `b`.
    pub(crate) fn forbids(&self, a: &[usize], b: &[usize]) -> bool {
        if self.apart.is_empty() {
            return false;
        }
        let theirs: HashSet<(usize, usize)> = b.iter().flat_map(|row| self.sides(*row)).copied().collect();
        a.iter().flat_map(|row| self.sides(*row)).any(|(rule, side)| theirs.contains(&(*rule, 1 - side)))
    }

    /// A pair that must be both together and apart, if there is one.
    #[must_use]
    pub fn contradiction(&self, n: usize) -> Option<(usize, usize)> {
        let mut roots = Roots::new(n);
        self.together_pairs().for_each(|(a, b)| roots.join(a, b));
        self.apart.iter().find_map(|[left, right]| {
            let lefts: HashMap<usize, usize> = left.iter().map(|row| (roots.find(*row), *row)).collect();
            right.iter().find_map(|row| lefts.get(&roots.find(*row)).map(|foe| (*foe, *row)))
        })
    }

    /// Changes `labels` as little as it can so that every rule holds; labels stay dense.
    ///
    /// Rows that must be together take the label that most of them have, and a group of which they are more
    /// than half comes along whole. Then rows that share a group against a rule leave it, the set of together
    /// rows with the most foes there first; those that may be with each other stay with each other.
    pub fn enforce(&self, labels: &mut [u32]) {
        if self.is_empty() {
            return;
        }
        let sets = self.sets(labels.len());
        gather(&sets, labels);
        self.part(&sets, labels);
        renumber(labels);
    }

    /// The rows that rules name, in sets that must be together.
    fn sets(&self, n: usize) -> Vec<Vec<usize>> {
        let mut roots = Roots::new(n);
        self.together_pairs().for_each(|(a, b)| roots.join(a, b));
        let mut sets: HashMap<usize, Vec<usize>> = HashMap::new();
        for row in self.together.iter().flatten().chain(self.sides.keys()) {
            sets.entry(roots.find(*row)).or_default().push(*row);
        }
        let mut sets: Vec<Vec<usize>> = sets.into_values().collect();
        for set in &mut sets {
            set.sort_unstable();
            set.dedup();
        }
        sets.sort_unstable();
        sets
    }

    /// Lets sets leave groups that hold their foes.
    fn part(&self, sets: &[Vec<usize>], labels: &mut [u32]) {
        // How many rows of each side of each rule each label holds.
        let mut held: HashMap<(usize, usize, u32), usize> = HashMap::new();
        for (row, sides) in &self.sides {
            for (rule, side) in sides {
                *held.entry((*rule, *side, labels[*row])).or_default() += 1;
            }
        }
        let mut by_label: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (at, set) in sets.iter().enumerate() {
            by_label.entry(labels[set[0]]).or_default().push(at);
        }
        let mut next = labels.iter().max().map_or(0, |m| m + 1);
        for (label, mut here) in by_label {
            let mut left: Vec<u32> = Vec::new();
            loop {
                let foes = |set: &[usize], label: u32, held: &HashMap<(usize, usize, u32), usize>| -> usize {
                    let sides = set.iter().flat_map(|row| self.sides(*row));
                    sides.filter_map(|(rule, side)| held.get(&(*rule, 1 - side, label))).sum()
                };
                // Of equally many foes the smaller set leaves, then the younger one.
                let worst = here
                    .iter()
                    .map(|at| (foes(&sets[*at], label, &held), Reverse(sets[*at].len()), *at))
                    .max()
                    .filter(|(foes, ..)| *foes > 0);
                let Some((_, _, at)) = worst else { break };
                here.retain(|other| *other != at);
                let place = left.iter().copied().find(|place| foes(&sets[at], *place, &held) == 0);
                let place = place.unwrap_or_else(|| {
                    left.push(next);
                    next += 1;
                    next - 1
                });
                for row in &sets[at] {
                    labels[*row] = place;
                    for (rule, side) in self.sides(*row) {
                        if let Some(count) = held.get_mut(&(*rule, *side, label)) {
                            *count -= 1;
                        }
                        *held.entry((*rule, *side, place)).or_default() += 1;
                    }
                }
            }
        }
    }
}

/// Gives all rows of a set one label: that of most of them, with every group of which they are more than half.
fn gather(sets: &[Vec<usize>], labels: &mut [u32]) {
    let mut members: HashMap<u32, Vec<usize>> = HashMap::new();
    labels.iter().enumerate().for_each(|(row, label)| members.entry(*label).or_default().push(row));
    for set in sets.iter().filter(|set| set.len() > 1) {
        let mut held: BTreeMap<u32, usize> = BTreeMap::new();
        set.iter().for_each(|row| *held.entry(labels[*row]).or_default() += 1);
        let most = held.iter().max_by_key(|(label, count)| (**count, Reverse(**label)));
        let Some(target) = most.map(|(label, _)| *label) else { continue };
        for (label, count) in held.into_iter().filter(|(label, _)| *label != target) {
            let group = members.remove(&label).unwrap_or_default();
            let whole = 2 * count > group.len();
            let (go, stay): (Vec<usize>, Vec<usize>) =
                group.into_iter().partition(|row| whole || set.binary_search(row).is_ok());
            go.iter().for_each(|row| labels[*row] = target);
            members.entry(target).or_default().extend(go);
            if !stay.is_empty() {
                members.insert(label, stay);
            }
        }
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

    #[test]
    fn one_that_is_split_off_leaves_the_others_together() {
        for one in 0..100 {
            let rest: Vec<usize> = (0..100).filter(|row| *row != one).collect();
            let mut labels = [0u32; 100];
            Rules::new(100, &[], &[(vec![one], rest.clone())]).enforce(&mut labels);
            assert!(rest.iter().all(|row| labels[*row] == labels[rest[0]]), "{one}: {labels:?}");
            assert_ne!(labels[one], labels[rest[0]]);
        }
    }

    #[test]
    fn halves_that_are_split_stay_whole() {
        let (left, right): (Vec<usize>, Vec<usize>) = (0..400).partition(|row| row % 2 == 0);
        let mut labels = [0u32; 400];
        Rules::new(400, &[], &[(left, right)]).enforce(&mut labels);
        assert!((0..400).all(|row| labels[row] == labels[row % 2]) && labels[0] != labels[1]);
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
