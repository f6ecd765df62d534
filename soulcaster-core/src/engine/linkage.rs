//! Average linkage (UPGMA, Sokal and Michener 1958) cut at a similarity, exact, without a pair matrix.
//!
//! A merge at similarity t needs one pair of at least t, so merges stay inside the connected components of
//! the graph of such pairs. The mean over the pairs of two clusters is the product of their vector sums over
//! the product of their sizes, so each cluster keeps one sum. And because the similarity to a union is never
//! above the greater of the two, only cluster pairs that are at t or above need to be kept. Components are
//! independent and run in parallel, each in a fixed order, so the partition depends on nothing but the input.
//! The similarity is the cosine in `f64`: what the grid takes from a row's length is put back.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::engine::community::renumber;
use crate::engine::product::{blocks, strips};
use crate::engine::roots::Roots;
use crate::engine::rules::Rules;

/// Groups `rows` by average linkage, merging while the mean cosine of two groups is at least
/// `threshold`: a label a row, dense from 0 in order of first use.
///
/// Rows that must be together are one group from the start; groups with rows that must be apart never merge.
/// Of equally similar pairs the one with the older rows merges first. Time n² d for the pairs, memory n d
/// and one entry for each pair at or above the threshold.
#[must_use]
pub fn average_linkage(rows: ArrayView2<'_, f32>, threshold: f64, rules: &Rules) -> Vec<u32> {
    let n = rows.nrows();
    let mut roots = Roots::new(n);
    for (a, b) in rules.together_pairs() {
        roots.join(a, b);
    }
    let mut first: HashMap<Vec<u8>, usize> = HashMap::new();
    if !rules.has_apart() {
        // Equal rows merge before all others.
        for (i, row) in rows.outer_iter().enumerate() {
            let key: Vec<u8> = row.iter().flat_map(|x| x.to_bits().to_le_bytes()).collect();
            roots.join(*first.entry(key).or_insert(i), i);
        }
    }
    drop(first);
    let start: Vec<usize> = (0..n).map(|i| roots.find(i)).collect();
    let lengths: Vec<f64> =
        rows.outer_iter().map(|row| f64::from(row.dot(&row)).sqrt().max(f64::MIN_POSITIVE)).collect();
    let pairs = pairs_above(rows, &lengths, threshold, &start);
    let mut components = Roots::new(n);
    for (i, root) in start.iter().enumerate() {
        components.join(*root, i);
    }
    for (a, b) in &pairs {
        components.join(*a as usize, *b as usize);
    }
    let mut parts: HashMap<usize, Part> = HashMap::new();
    for i in 0..n {
        parts.entry(components.find(i)).or_default().items.push(i);
    }
    for pair in pairs {
        parts.entry(components.find(pair.0 as usize)).or_default().pairs.push(pair);
    }
    let mut parts: Vec<Part> = parts.into_values().filter(|part| !part.pairs.is_empty()).collect();
    parts.sort_unstable_by_key(|part| Reverse(part.pairs.len()));
    let merged: Vec<Vec<(usize, usize)>> =
        parts.into_par_iter().map(|part| merge(rows, &lengths, &part, &start, threshold, rules)).collect();
    for (a, b) in merged.into_iter().flatten() {
        roots.join(a, b);
    }
    #[allow(clippy::cast_possible_truncation)] // a project has fewer than 2^32 items
    let mut labels: Vec<u32> = (0..n).map(|i| roots.find(i) as u32).collect();
    renumber(&mut labels);
    labels
}

/// One component of the threshold graph.
#[derive(Default)]
struct Part {
    items: Vec<usize>,
    pairs: Vec<(u32, u32)>,
}

/// Pairs of starting groups that hold a pair of rows at or above `threshold`, and a few a rounding below it.
fn pairs_above(
    rows: ArrayView2<'_, f32>,
    lengths: &[f64],
    threshold: f64,
    start: &[usize],
) -> Vec<(u32, u32)> {
    let least = threshold - 1e-9;
    let mut pairs: Vec<(u32, u32)> = blocks(rows.nrows(), |block| {
        let mut found = Vec::new();
        strips(rows, block.clone(), block.end, |left, products| {
            for (i, scores) in block.clone().zip(products.outer_iter()) {
                for (j, score) in (left..i).zip(scores) {
                    if f64::from(*score) >= least * lengths[i] * lengths[j] && start[i] != start[j] {
                        let (a, b) = (start[i].min(start[j]), start[i].max(start[j]));
                        #[allow(clippy::cast_possible_truncation)]
                        found.push((a as u32, b as u32));
                    }
                }
            }
        });
        found.sort_unstable();
        found.dedup();
        found
    });
    pairs.par_sort_unstable();
    pairs.dedup();
    pairs
}

/// A candidate merge; the greatest is the most similar, then the oldest.
#[derive(PartialEq)]
struct Candidate {
    similarity: f64,
    a: u32,
    b: u32,
    stamps: (u32, u32),
}

impl Eq for Candidate {}
impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.similarity.total_cmp(&other.similarity).then_with(|| (other.a, other.b).cmp(&(self.a, self.b)))
    }
}

struct Group {
    sum: Vec<f64>,
    size: f64,
    /// The row that names it: the oldest.
    root: usize,
    members: Vec<usize>,
    near: Vec<u32>,
    stamp: u32,
    alive: bool,
}

fn similarity(a: &Group, b: &Group) -> f64 {
    let dot: f64 = a.sum.iter().zip(&b.sum).map(|(x, y)| x * y).sum();
    dot / (a.size * b.size)
}

/// Merges inside one component; gives the pairs of rows that end up together.
fn merge(
    rows: ArrayView2<'_, f32>,
    lengths: &[f64],
    part: &Part,
    start: &[usize],
    threshold: f64,
    rules: &Rules,
) -> Vec<(usize, usize)> {
    let mut place: HashMap<usize, u32> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for item in &part.items {
        #[allow(clippy::cast_possible_truncation)]
        let fresh = groups.len() as u32;
        let at = *place.entry(start[*item]).or_insert(fresh);
        if at == fresh {
            let sum = vec![0f64; rows.ncols()];
            let (members, near) = (Vec::new(), Vec::new());
            groups.push(Group { sum, size: 0.0, root: *item, members, near, stamp: 0, alive: true });
        }
        let group = &mut groups[at as usize];
        let length = lengths[*item];
        group.sum.iter_mut().zip(rows.row(*item)).for_each(|(s, x)| *s += f64::from(*x) / length);
        group.size += 1.0;
        group.members.push(*item);
    }
    let mut heap = BinaryHeap::new();
    for (a, b) in &part.pairs {
        let (a, b) = (place[&(*a as usize)], place[&(*b as usize)]);
        let similarity = similarity(&groups[a as usize], &groups[b as usize]);
        if similarity >= threshold {
            groups[a as usize].near.push(b);
            groups[b as usize].near.push(a);
            heap.push(Candidate { similarity, a: a.min(b), b: a.max(b), stamps: (0, 0) });
        }
    }
    let mut joined = Vec::new();
    while let Some(Candidate { a, b, stamps, .. }) = heap.pop() {
        let (x, y) = (&groups[a as usize], &groups[b as usize]);
        if !x.alive || !y.alive || (x.stamp, y.stamp) != stamps || rules.forbids(&x.members, &y.members) {
            continue;
        }
        let mut gone = std::mem::replace(
            &mut groups[b as usize],
            Group {
                sum: Vec::new(),
                size: 0.0,
                root: 0,
                members: Vec::new(),
                near: Vec::new(),
                stamp: 0,
                alive: false,
            },
        );
        let kept = &mut groups[a as usize];
        joined.push((kept.root, gone.root));
        kept.sum.iter_mut().zip(&gone.sum).for_each(|(s, x)| *s += x);
        kept.size += gone.size;
        kept.members.append(&mut gone.members);
        kept.stamp += 1;
        let mut near = std::mem::take(&mut kept.near);
        near.append(&mut gone.near);
        near.sort_unstable();
        near.dedup();
        near.retain(|other| *other != a && groups[*other as usize].alive);
        near.retain(|other| {
            let similarity = similarity(&groups[a as usize], &groups[*other as usize]);
            if similarity < threshold {
                return false;
            }
            let (low, high) = (a.min(*other), a.max(*other));
            let stamps = (groups[low as usize].stamp, groups[high as usize].stamp);
            heap.push(Candidate { similarity, a: low, b: high, stamps });
            true
        });
        for other in &near {
            let back = &mut groups[*other as usize].near;
            if !back.contains(&a) {
                back.push(a);
            }
        }
        groups[a as usize].near = near;
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use ndarray::Array2;

    use super::*;
    use crate::port::embedder::to_unit_grid;

    /// The textbook way: all pairs of groups, the best merges, until none reaches the threshold.
    fn naive(rows: ArrayView2<'_, f32>, threshold: f64) -> Vec<u32> {
        let dot = |a: usize, b: usize| f64::from(rows.row(a).dot(&rows.row(b)));
        let mut groups: Vec<Vec<usize>> = (0..rows.nrows()).map(|i| vec![i]).collect();
        loop {
            let mut best: Option<(f64, usize, usize)> = None;
            for i in 0..groups.len() {
                for j in i + 1..groups.len() {
                    let total: f64 = groups[i]
                        .iter()
                        .flat_map(|a| groups[j].iter().map(move |b| (a, b)))
                        .map(|(a, b)| dot(*a, *b) / (dot(*a, *a).sqrt() * dot(*b, *b).sqrt()))
                        .sum();
                    let mean = total / (groups[i].len() * groups[j].len()) as f64;
                    if mean >= threshold && best.is_none_or(|(m, _, _)| mean > m) {
                        best = Some((mean, i, j));
                    }
                }
            }
            let Some((_, i, j)) = best else { break };
            let gone = groups.remove(j);
            groups[i].extend(gone);
        }
        let mut labels = vec![0u32; rows.nrows()];
        for (label, group) in (0u32..).zip(&groups) {
            group.iter().for_each(|i| labels[*i] = label);
        }
        renumber(&mut labels);
        labels
    }

    fn matrix(values: &[Vec<f32>]) -> Array2<f32> {
        let mut out = Array2::zeros((values.len(), values[0].len()));
        for (i, row) in values.iter().enumerate() {
            let mut row = row.clone();
            if !to_unit_grid(&mut row) {
                row[0] = 1.0;
            }
            out.row_mut(i).iter_mut().zip(row).for_each(|(x, y)| *x = y);
        }
        out
    }

    proptest! {
        #[test]
        fn gives_the_textbook_partition(values in prop::collection::vec(prop::collection::vec(-1f32..1.0, 6), 1..40), threshold in 0.1f64..0.95) {
            let rows = matrix(&values);
            prop_assert_eq!(average_linkage(rows.view(), threshold, &Rules::default()), naive(rows.view(), threshold));
        }
    }

    #[test]
    fn equal_rows_are_one_group() {
        let rows = matrix(&[vec![1.0, 0.2], vec![1.0, 0.2], vec![-1.0, 0.0]]);
        assert_eq!(average_linkage(rows.view(), 0.9, &Rules::default()), [0, 0, 1]);
    }

    #[test]
    fn rules_hold() {
        let rows = matrix(&[vec![1.0, 0.0], vec![1.0, 0.01], vec![1.0, 0.02], vec![-1.0, 0.0]]);
        let rules = Rules::new(4, &[vec![0, 3]], &[(vec![1], vec![2])]);
        let labels = average_linkage(rows.view(), 0.9, &rules);
        assert_eq!(labels[0], labels[3]);
        assert_ne!(labels[1], labels[2]);
    }
}
