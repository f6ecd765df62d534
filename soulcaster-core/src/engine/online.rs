//! Grouping one item at a time, as each arrives.
//!
//! What a full run read from the texts (regime and cut) stays as it was; the densities of old items follow the
//! new ones. A full run is due when the set has grown by half ([`Online::is_due`]).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use ndarray::{ArrayView2, Axis};

use crate::engine::config::{Algorithm, GroupConfig, Tuning};
use crate::engine::copies::{SAME, fold};
use crate::engine::group::{DUPLICATE_OFFSET, density_of, group, shape, sizes, support};
use crate::engine::lexical::{Lexicon, dot};
use crate::engine::neighbours::{Selection, centre, centre_row, density, mean, nearest};
use crate::engine::placement::{Grouping, NEAREST, Near, Place, Placement};
use crate::engine::rules::Rules;
use crate::engine::template::Templates;
use crate::error::{Error, Result};
use crate::model::decision::{Regime, Scores};
use crate::model::head::Calibration;

/// A full run is due when there are this many times the items it read.
pub(crate) const GROWTH: f64 = 1.5;

/// A grouping that grows by one item at a time.
#[derive(Debug)]
pub struct Online {
    tuning: Tuning,
    calibration: Calibration,
    places: Vec<Place>,
    sizes: Vec<u32>,
    texts: Texts,
}

/// What is known of the texts.
#[derive(Debug)]
enum Texts {
    /// Machine-written: for each template how many of its lines are in which group.
    Lines { templates: Templates, groups: Vec<Held> },
    /// Others.
    Prose(Box<Prose>),
}

/// How many items are in which group.
type Held = BTreeMap<u32, usize>;

/// The group that holds most, of equals the oldest.
fn most(held: &Held) -> Option<u32> {
    held.iter().max_by_key(|(group, count)| (**count, Reverse(**group))).map(|(group, _)| *group)
}

/// Texts that differ; copies are only counted.
#[derive(Debug)]
struct Prose {
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

impl Online {
    /// Goes on from a finished grouping: `places[i]` is where row `i` is. About `expected` more items will
    /// come; it decides whether densities are computed at once or when they are needed, and nothing else.
    ///
    /// # Errors
    /// `Invalid` when lengths differ or the grouping was made at a fixed threshold.
    pub fn resume<T: AsRef<str> + Sync>(
        texts: &[T],
        vectors: ArrayView2<'_, f32>,
        places: Vec<Place>,
        calibration: Calibration,
        tuning: &Tuning,
        expected: usize,
    ) -> Result<Self> {
        if texts.len() != vectors.nrows() || texts.len() != places.len() {
            return Err(Error::invalid("group.online", "texts, vectors and places differ in number"));
        }
        let texts = match calibration.regime {
            Regime::Fixed => {
                let message = "a grouping at a fixed threshold is not resumed; run it as a whole";
                return Err(Error::invalid("group.online", message));
            }
            Regime::Template => {
                let mut templates = Templates::default();
                let mut groups: Vec<Held> = Vec::new();
                for (text, place) in texts.iter().zip(&places) {
                    let found = templates.insert(text.as_ref()).group as usize;
                    groups.resize_with(groups.len().max(found + 1), Held::new);
                    if let Some(group) = place.group() {
                        *groups[found].entry(group).or_default() += 1;
                    }
                }
                Texts::Lines { templates, groups }
            }
            Regime::Duplicates | Regime::Groups => {
                Texts::Prose(Box::new(Prose::new(texts, vectors, &places, &calibration, tuning, expected)))
            }
        };
        Ok(Self { tuning: tuning.clone(), calibration, sizes: sizes(&places), places, texts })
    }

    /// Where every item is.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether so many items have come that a full run should read the texts anew.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.places.len() as f64 >= GROWTH * self.calibration.items as f64
    }

    /// Puts one more item, with its unit vector.
    pub fn insert(&mut self, text: &str, vector: &[f32]) -> Placement {
        #[allow(clippy::cast_possible_truncation)] // fewer groups than items, which are fewer than 2^32
        let fresh = self.sizes.len() as u32;
        let placement = match &mut self.texts {
            Texts::Lines { templates, groups } => {
                let found = templates.insert(text);
                groups.resize_with(groups.len().max(found.group as usize + 1), Held::new);
                let held = &mut groups[found.group as usize];
                let group = most(held);
                let place = group.map_or(Place::New(fresh), Place::Joined);
                *held.entry(group.unwrap_or(fresh)).or_default() += 1;
                let template = Some(templates.text(found.group));
                Placement { place, support: found.similarity, runner_up: None, nearest: Vec::new(), template }
            }
            Texts::Prose(prose) => {
                prose.insert(text, vector, &self.places, fresh, &self.calibration, &self.tuning)
            }
        };
        if let Some(group) = placement.place.group() {
            if group == fresh {
                self.sizes.push(0);
            }
            self.sizes[group as usize] += 1;
        }
        self.places.push(placement.place);
        placement
    }
}

impl Prose {
    fn new<T: AsRef<str> + Sync>(
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
    fn insert(
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
    fn scores(
        &self,
        row: &[f32],
        words: &crate::engine::lexical::SparseRow,
        regime: Regime,
        tuning: &Tuning,
    ) -> Vec<f32> {
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

/// Groups `texts` as if they arrived one by one: each is put where it belongs when it comes, and everything
/// is read anew whenever a full run is due.
///
/// # Errors
/// Those of [`group`]; `Invalid` for average linkage, which needs all items at once.
pub fn group_online<T: AsRef<str> + Sync>(
    texts: &[T],
    vectors: ArrayView2<'_, f32>,
    config: &GroupConfig,
) -> Result<Grouping> {
    /// Fewer items say too little about the rest.
    const FIRST: usize = 64;
    match config.algorithm {
        Algorithm::Auto => {}
        Algorithm::Average => {
            let message = "average linkage needs all items at once; use --mode batch, or centroid or nearest";
            return Err(Error::invalid("group.online", message));
        }
        Algorithm::Centroid | Algorithm::Nearest => return group(texts, vectors, config, &Rules::default()),
    }
    let full = |n: usize| group(&texts[..n], vectors.split_at(Axis(0), n).0, config, &Rules::default());
    let mut grouping = full(texts.len().min(FIRST))?;
    while grouping.placements.len() < texts.len() {
        let n = grouping.placements.len();
        let places = grouping.placements.iter().map(|p| p.place).collect();
        let known = vectors.split_at(Axis(0), n).0;
        let mut online = Online::resume(
            &texts[..n],
            known,
            places,
            grouping.calibration.clone(),
            &config.tuning,
            texts.len(),
        )?;
        while !online.is_due() && grouping.placements.len() < texts.len() {
            let i = grouping.placements.len();
            grouping.placements.push(online.insert(texts[i].as_ref(), &vectors.row(i).to_vec()));
        }
        if online.is_due() {
            grouping = full(grouping.placements.len())?;
        }
    }
    Ok(grouping)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::embedder::BuiltinEmbedder;

    fn matrix(texts: &[String]) -> Array2<f32> {
        let vectors = BuiltinEmbedder::new().embed_batch(texts);
        let d = vectors[0].dimensions();
        Array2::from_shape_fn((texts.len(), d), |(i, j)| vectors[i].as_slice()[j])
    }

    #[test]
    fn lines_arriving_one_by_one_are_grouped_as_at_once() {
        let texts: Vec<String> = (0..300)
            .map(|i| format!("task {} of kind {} took {i} ms", i * 7, ["a", "b", "c"][i % 3]))
            .collect();
        let vectors = matrix(&texts);
        let config = GroupConfig::default();
        let batch = group(&texts, vectors.view(), &config, &Rules::default()).unwrap();
        let online = group_online(&texts, vectors.view(), &config).unwrap();
        assert_eq!(batch.groups(), 3);
        let places = |g: &Grouping| g.placements.iter().map(|p| p.place).collect::<Vec<_>>();
        assert_eq!(places(&batch), places(&online));
    }

    #[test]
    fn an_equal_report_joins_its_twin() {
        let (what, does) =
            (["battery", "screen", "login", "camera", "report"], ["fails", "freezes", "drains", "lags"]);
        let when = ["on start", "at night", "after the update", "in the car", "offline", "with two users"];
        let mut texts: Vec<String> =
            (0..120).map(|i| format!("{} {} {}", what[i % 5], does[i / 5 % 4], when[i / 20])).collect();
        texts.push("the printer in the hall jams on thick paper".into());
        texts.push("the printer in the hall jams on thick paper".into());
        let vectors = matrix(&texts);
        let n = texts.len() - 1;
        let config = GroupConfig::default();
        let first =
            group(&texts[..n], vectors.view().split_at(Axis(0), n).0, &config, &Rules::default()).unwrap();
        let places: Vec<Place> = first.placements.iter().map(|p| p.place).collect();
        let twin = places[n - 1].group();
        let known = vectors.view().split_at(Axis(0), n).0;
        let mut online =
            Online::resume(&texts[..n], known, places, first.calibration, &config.tuning, 1).unwrap();
        let found = online.insert(&texts[n], &vectors.row(n).to_vec());
        assert!(found.place.group() == twin, "{found:?}");
        assert_eq!(found.nearest[0].row as usize, n - 1);
    }

    #[test]
    fn average_linkage_has_no_online_mode() {
        let config = GroupConfig { algorithm: Algorithm::Average, ..GroupConfig::default() };
        let error = group_online(&["a"], Array2::zeros((1, 2)).view(), &config).unwrap_err();
        assert!(error.to_string().contains("use --mode batch"));
    }
}
