//! Placing one text among texts that differ; copies of a text are only counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use ndarray::{ArrayView2, Axis};

use crate::engine::config::Tuning;
use crate::engine::copies::{SAME, fold};
use crate::engine::group::{DUPLICATE_OFFSET, density_of, shape, support};
use crate::engine::lexical::{Lexicon, SparseRow, dot};
use crate::engine::neighbours::{Selection, centre, centre_row, density, mean, nearest};
use crate::engine::placement::{NEAREST, Near, Place, Placement};
use crate::model::decision::{Regime, Scores};
use crate::model::head::Calibration;

/// How many items are in which group.
pub(crate) type Held = BTreeMap<u32, usize>;

/// The group that holds most, of equals the oldest.
pub(crate) fn most(held: &Held) -> Option<u32> {
    held.iter().max_by_key(|(group, count)| (**count, Reverse(**group))).map(|(group, _)| *group)
}

/// Texts that differ; copies are only counted.
#[derive(Debug)]
pub(crate) struct Prose {
    mean: Vec<f64>,
    rows: Vec<f32>,
    /// Which item each row is.
    items: Vec<usize>,
    /// How many rows are in each group.
    sizes: Vec<u32>,
    /// For each text its first item, and where it and its copies are.
    copies: HashMap<String, (usize, Held)>,
    lexicon: Lexicon,
    /// For items that were near a new one the scores of their nearest, best first.
    densest: HashMap<usize, Vec<f32>>,
}

impl Prose {
    pub(crate) fn new<T: AsRef<str> + Sync>(
        texts: &[T],
        vectors: ArrayView2<'_, f32>,
        places: &[Place],
        calibration: &Calibration,
        tuning: &Tuning,
        expected: usize,
    ) -> Self {
        let mut copies: HashMap<String, (usize, Held)> = HashMap::new();
        let (mut items, mut sizes) = (Vec::new(), Vec::new());
        for (item, (text, place)) in texts.iter().zip(places).enumerate() {
            let (first, held) = copies.entry(fold(text.as_ref())).or_insert((item, Held::new()));
            if *first == item {
                items.push(item);
            }
            if let Some(group) = place.group() {
                *held.entry(group).or_default() += 1;
                sizes.resize(sizes.len().max(group as usize + 1), 0u32);
                sizes[group as usize] += u32::from(*first == item);
            }
        }
        let distinct: Vec<&str> = items.iter().map(|item| texts[*item].as_ref()).collect();
        let vectors = vectors.select(Axis(0), &items);
        let mean = mean(vectors.view());
        let rows = centre(vectors.view(), &mean);
        let lexicon = Lexicon::fit(&distinct);
        let mut densest = HashMap::new();
        if expected.saturating_mul(shape(calibration.regime, tuning).0) >= distinct.len() {
            #[allow(clippy::cast_possible_truncation)]
            let words =
                (calibration.regime == Regime::Duplicates).then_some((&lexicon, tuning.lexical as f32));
            let found = nearest(rows.view(), words, density_of(calibration.regime, tuning));
            let scores = |i: usize| found.of(i).iter().map(|(_, score)| *score).collect();
            densest.extend((0..distinct.len()).map(|i| (i, scores(i))));
        }
        Self { mean, rows: rows.into_iter().collect(), items, sizes, copies, lexicon, densest }
    }

    /// Puts a text where its copies are, or else where its neighbours are. `fresh` is the next new group.
    pub(crate) fn insert(
        &mut self,
        text: &str,
        vector: &[f32],
        places: &[Place],
        fresh: u32,
        calibration: &Calibration,
        tuning: &Tuning,
    ) -> Placement {
        let key = fold(text);
        self.sizes.resize(fresh as usize, 0);
        if let Some((first, held)) = self.copies.get_mut(&key) {
            let place = most(held).map_or(places[*first], Place::Joined);
            if let Some(group) = place.group() {
                *held.entry(group).or_default() += 1;
            }
            #[allow(clippy::cast_possible_truncation)]
            let nearest = vec![Near { row: *first as u32, scores: SAME }];
            return Placement { place, support: 1.0, runner_up: None, nearest, template: None };
        }
        let placement = self.place(text, vector, places, calibration, tuning);
        let mut held = Held::new();
        if let Some(group) = placement.place.group() {
            held.insert(group, 1);
            self.sizes.resize(self.sizes.len().max(group as usize + 1), 0);
            self.sizes[group as usize] += 1;
        }
        self.items.push(places.len());
        self.copies.insert(key, (places.len(), held));
        placement
    }

    fn row(&self, i: usize) -> &[f32] {
        let d = self.mean.len();
        &self.rows[i * d..(i + 1) * d]
    }

    /// Similarity of `row` and its words to every row.
    fn scores(&self, row: &[f32], words: &SparseRow, regime: Regime, tuning: &Tuning) -> Vec<f32> {
        let dense = self.rows.chunks_exact(self.mean.len().max(1)).map(|other| product(row, other));
        if regime != Regime::Duplicates {
            return dense.collect();
        }
        #[allow(clippy::cast_possible_truncation)]
        let share = tuning.lexical as f32;
        dense.zip(self.lexicon.scores(words)).map(|(d, l)| (1.0 - share) * d + share * l).collect()
    }

    fn place(
        &mut self,
        text: &str,
        vector: &[f32],
        places: &[Place],
        calibration: &Calibration,
        tuning: &Tuning,
    ) -> Placement {
        let sizes = &self.sizes;
        let regime = calibration.regime;
        let row = centre_row(vector, &self.mean);
        let words = self.lexicon.weigh(text);
        let scores = self.scores(&row, &words, regime, tuning);
        let (edges, offset) = shape(regime, tuning);
        let k = density_of(regime, tuning);
        let mut selection = Selection::new(edges.max(k));
        scores.iter().enumerate().for_each(|(i, score)| selection.offer(i, *score));
        let near = selection.finish();
        for (j, _) in &near[..edges.min(near.len())] {
            let j = *j as usize;
            if !self.densest.contains_key(&j) {
                let mut selection = Selection::new(k);
                let around = self.scores(self.row(j), self.lexicon.row(j), regime, tuning);
                around
                    .into_iter()
                    .enumerate()
                    .filter(|(i, _)| *i != j)
                    .for_each(|(i, s)| selection.offer(i, s));
                self.densest.insert(j, selection.finish().into_iter().map(|(_, score)| score).collect());
            }
        }
        // The new item counts in its neighbours' densities from now on, as in a run over all items.
        for (j, densest) in &mut self.densest {
            let at = densest.partition_point(|score| *score >= scores[*j]);
            if at < k {
                densest.insert(at, scores[*j]);
                densest.truncate(k);
            }
        }
        let own = density(&near, k);
        let around = |j: usize| -> f64 {
            let scores = &self.densest[&j];
            scores.iter().map(|s| f64::from(*s)).sum::<f64>() / scores.len().max(1) as f64
        };
        let mut by_group: Vec<(u32, f64)> = Vec::new();
        for (j, score) in &near[..edges.min(near.len())] {
            let weight = f64::from(*score) - (own + around(*j as usize)) / 2.0 + offset;
            let Some(group) = places[self.items[*j as usize]].group() else { continue };
            if weight > 0.0 {
                match by_group.iter_mut().find(|(g, _)| *g == group) {
                    Some((_, sum)) => *sum += weight,
                    None => by_group.push((group, weight)),
                }
            }
        }
        let best = |gamma: f64| -> Option<u32> {
            let mut best: Option<(f64, u32)> = None;
            for (group, sum) in &by_group {
                let gain = sum - gamma * f64::from(sizes[*group as usize]);
                if gain > 0.0 && best.is_none_or(|(b, g)| gain > b || (gain == b && *group < g)) {
                    best = Some((gain, *group));
                }
            }
            best.map(|(_, group)| group)
        };
        #[allow(clippy::cast_possible_truncation)] // fewer groups than items, which are fewer than 2^32
        let fresh = sizes.len() as u32;
        let place = match best(calibration.gamma) {
            Some(group) => Place::Joined(group),
            None if regime == Regime::Duplicates => {
                best(DUPLICATE_OFFSET + tuning.duplicate_unsure).map_or(Place::New(fresh), Place::Unsure)
            }
            None => Place::New(fresh),
        };
        let mut grown = sizes.to_vec();
        grown.push(0);
        if let Some(group) = place.group() {
            grown[group as usize] += 1;
        }
        let (support, runner_up) = support(place, &by_group, &grown);
        let nearest = near
            .iter()
            .take(NEAREST)
            .map(|(j, score)| {
                let i = *j as usize;
                let dense = f64::from(product(&row, self.row(i)));
                let lexical = f64::from(dot(&words, self.lexicon.row(i)));
                let combined = f64::from(*score) - (own + around(i)) / 2.0;
                #[allow(clippy::cast_possible_truncation)]
                let item = self.items[i] as u32;
                Near { row: item, scores: Scores { dense, lexical, combined } }
            })
            .collect();
        self.rows.extend_from_slice(&row);
        self.lexicon.add(words);
        Placement { place, support, runner_up, nearest, template: None }
    }
}

/// Exact on the grid, so the sixteen sums may be added in any order.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    let (a_chunks, a_rest) = a.as_chunks::<16>();
    let (b_chunks, b_rest) = b.as_chunks::<16>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f32>()
}
