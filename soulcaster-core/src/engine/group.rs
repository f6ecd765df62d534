//! Grouping a whole set of texts at once.

use ndarray::{Array2, ArrayView2, Axis};

use crate::engine::calibrate::{self, Overlap, overlap};
use crate::engine::community::{Graph, communities, renumber};
use crate::engine::config::{Algorithm, GroupConfig, Tuning};
use crate::engine::copies::Copies;
use crate::engine::fixed::fixed;
use crate::engine::lexical::Lexicon;
use crate::engine::neighbours::{Neighbours, centre, mean, nearest};
use crate::engine::placement::{Grouping, NEAREST, Near, Place, Placement};
use crate::engine::portrait::background;
use crate::engine::rules::Rules;
use crate::engine::template::{Templates, templated_share};
use crate::error::{Error, Result};
use crate::model::decision::{Regime, Scores};
use crate::model::head::Calibration;

/// Groups `texts`, row `i` of `vectors` (unit length, on the grid) being text `i`, oldest first.
///
/// Every rule holds in the result. Time n² d, memory n (d + 200).
///
/// ```
/// use ndarray::array;
/// use soulcaster_core::engine::{Algorithm, GroupConfig, Place, Rules, group};
///
/// let vectors = array![[1.0f32, 0.0], [0.8, 0.6], [-1.0, 0.0]];
/// let config = GroupConfig { algorithm: Algorithm::Average, ..GroupConfig::default() };
/// let grouping = group(&["a b", "a c", "d"], vectors.view(), &config, &Rules::default())?;
/// let places: Vec<Place> = grouping.placements.iter().map(|p| p.place).collect();
/// assert_eq!(places, [Place::New(0), Place::Joined(0), Place::New(1)]);
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
///
/// # Errors
/// `Invalid` when the numbers of texts and rows differ, a setting is out of range, or rules contradict.
pub fn group<T: AsRef<str> + Sync>(
    texts: &[T],
    vectors: ArrayView2<'_, f32>,
    config: &GroupConfig,
    rules: &Rules,
) -> Result<Grouping> {
    config.check()?;
    if texts.len() != vectors.nrows() {
        let message = format!("{} texts but {} vectors; give one row a text", texts.len(), vectors.nrows());
        return Err(Error::invalid("group", message));
    }
    if let Some((a, b)) = rules.contradiction(texts.len()) {
        let message = format!("corrections contradict: rows {a} and {b} must be both together and apart");
        return Err(Error::conflict("group", message));
    }
    if config.algorithm != Algorithm::Auto {
        return Ok(fixed(texts, vectors, config, rules));
    }
    let copies = Copies::find(texts, rules);
    let distinct: Vec<&str> = copies.firsts.iter().map(|row| texts[*row].as_ref()).collect();
    let templated = templated_share(&distinct);
    if templated >= config.tuning.templated {
        return Ok(by_template(texts, vectors, templated, rules));
    }
    if copies.is_empty() {
        return Ok(Fit::new(texts, vectors, &config.tuning, templated).group(&config.tuning, rules));
    }
    let vectors = vectors.select(Axis(0), &copies.firsts);
    let fit = Fit::new(&distinct, vectors.view(), &config.tuning, templated);
    Ok(copies.expand(fit.group(&config.tuning, &rules.mapped(distinct.len(), &copies.of))))
}

/// What `auto` reads from a set of texts before it groups them.
pub(crate) struct Fit {
    pub(crate) rows: Array2<f32>,
    pub(crate) lexicon: Lexicon,
    pub(crate) neighbours: Neighbours,
    pub(crate) density: Vec<f64>,
    pub(crate) calibration: Calibration,
}

impl Fit {
    pub(crate) fn new<T: AsRef<str> + Sync>(
        texts: &[T],
        vectors: ArrayView2<'_, f32>,
        tuning: &Tuning,
        templated: f64,
    ) -> Self {
        let rows = centre(vectors, &mean(vectors));
        let lexicon = Lexicon::fit(texts);
        let dense = nearest(rows.view(), None, calibrate::MOST);
        let found = overlap(&dense);
        let (regime, neighbours, gamma) = match found {
            Some(found) if found.share >= tuning.overlap => {
                (Regime::Groups, dense, theme_gamma(found, tuning))
            }
            _ => {
                drop(dense);
                #[allow(clippy::cast_possible_truncation)]
                let mixed =
                    nearest(rows.view(), Some((&lexicon, tuning.lexical as f32)), tuning.duplicate_edges);
                (Regime::Duplicates, mixed, DUPLICATE_OFFSET + tuning.duplicate_joined)
            }
        };
        let density = neighbours.density(density_of(regime, tuning));
        let calibration = Calibration {
            regime,
            overlap: found.map_or(0.0, |f| f.share),
            neighbourhood: found.map_or(0, |f| f.k),
            templated,
            gamma,
            background: background(vectors),
            items: texts.len(),
        };
        Self { rows, lexicon, neighbours, density, calibration }
    }

    fn group(&self, tuning: &Tuning, rules: &Rules) -> Grouping {
        let graph = self.graph(tuning, rules);
        let labels = bound_communities(&graph, self.calibration.gamma, rules);
        let places = if self.calibration.regime == Regime::Duplicates {
            let weak = bound_communities(&graph, DUPLICATE_OFFSET + tuning.duplicate_unsure, rules);
            with_doubt(&labels, &weak, rules)
        } else {
            places(&labels)
        };
        let sizes = sizes(&places);
        let placements = (0u32..)
            .zip(&places)
            .map(|(row, place)| self.placement(row, *place, &places, &sizes, &graph))
            .collect();
        Grouping { placements, calibration: self.calibration.clone() }
    }

    /// The neighbour graph: an edge is worth the similarity less the mean of both densities (CSLS, Conneau et
    /// al. 2018), plus an offset; what is not above 0 is no edge.
    fn graph(&self, tuning: &Tuning, rules: &Rules) -> Graph {
        let n = self.density.len();
        let (edges, _) = shape(self.calibration.regime, tuning);
        let mut rows: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n];
        for i in 0..n {
            let near = self.neighbours.of(i);
            for (j, score) in &near[..edges.min(near.len())] {
                let weight =
                    self.weight(tuning, f64::from(*score), self.density[i], self.density[*j as usize]);
                if weight > 0.0 {
                    #[allow(clippy::cast_possible_truncation)] // a project has fewer than 2^32 items
                    rows[*j as usize].push((i as u32, weight));
                    rows[i].push((*j, weight));
                }
            }
        }
        for row in &mut rows {
            row.sort_unstable_by_key(|(other, _)| *other);
            row.dedup_by_key(|(other, _)| *other);
        }
        #[allow(clippy::cast_possible_truncation)]
        let apart = (0..n).map(|i| rules.foes(i).map(|foe| foe as u32).collect()).collect();
        Graph { edges: rows, sizes: vec![1.0; n], apart }
    }

    pub(crate) fn weight(&self, tuning: &Tuning, score: f64, a: f64, b: f64) -> f64 {
        score - (a + b) / 2.0 + shape(self.calibration.regime, tuning).1
    }

    fn placement(&self, row: u32, place: Place, places: &[Place], sizes: &[u32], graph: &Graph) -> Placement {
        let i = row as usize;
        let mut by_group: Vec<(u32, f64)> = Vec::new();
        for (other, weight) in &graph.edges[i] {
            let Some(group) = places[*other as usize].group() else { continue };
            match by_group.iter_mut().find(|(g, _)| *g == group) {
                Some((_, sum)) => *sum += weight,
                None => by_group.push((group, *weight)),
            }
        }
        let (support, runner_up) = support(place, &by_group, sizes);
        let nearest = self.neighbours.of(i)[..NEAREST.min(self.neighbours.of(i).len())]
            .iter()
            .map(|(other, score)| {
                let j = *other as usize;
                let dense = self.rows.row(i).dot(&self.rows.row(j));
                let combined = f64::from(*score) - (self.density[i] + self.density[j]) / 2.0;
                let lexical = f64::from(self.lexicon.cosine(i, j));
                Near { row: *other, scores: Scores { dense: f64::from(dense), lexical, combined } }
            })
            .collect();
        Placement { place, support, runner_up, nearest, template: None }
    }
}

/// The cut for themes: one over the size of a theme where themes are clear; where neighbourhoods overlap
/// less, it rises evenly on a logarithmic scale towards the cut for duplicates, so that what is hardly a theme
/// is hardly joined.
fn theme_gamma(found: Overlap, tuning: &Tuning) -> f64 {
    let clear =
        ((found.share - tuning.overlap_none) / (tuning.overlap_clear - tuning.overlap_none)).clamp(0.0, 1.0);
    let (duplicates, themes) =
        (DUPLICATE_OFFSET + tuning.duplicate_unsure, tuning.group_gamma / found.k as f64);
    duplicates.powf(1.0 - clear) * themes.powf(clear)
}

/// What an edge between duplicates is worth when two items are as near as their densities say.
pub(crate) const DUPLICATE_OFFSET: f64 = 0.3;

/// Edges an item, and the offset of their weight.
pub(crate) fn shape(regime: Regime, tuning: &Tuning) -> (usize, f64) {
    match regime {
        Regime::Groups => (tuning.group_edges, tuning.group_offset),
        _ => (tuning.duplicate_edges, DUPLICATE_OFFSET),
    }
}

/// Neighbours of the density.
pub(crate) fn density_of(regime: Regime, tuning: &Tuning) -> usize {
    if regime == Regime::Groups { tuning.density } else { tuning.duplicate_density }
}

/// Mean weight to the row's own group, and the best other group, from the sums of its weights by group.
pub(crate) fn support(place: Place, by_group: &[(u32, f64)], sizes: &[u32]) -> (f64, Option<(u32, f64)>) {
    let own = match place {
        Place::Joined(group) | Place::New(group) | Place::Unsure(group) => group,
    };
    let mut support = 0.0;
    let mut runner_up: Option<(u32, f64)> = None;
    for (group, sum) in by_group {
        let inside = u32::from(place.group() == Some(*group));
        let mean = sum / f64::from((sizes[*group as usize] - inside).max(1));
        if *group == own {
            support = mean;
        } else if runner_up.is_none_or(|(g, best)| mean > best || (mean == best && *group < g)) {
            runner_up = Some((*group, mean));
        }
    }
    (support, runner_up)
}

/// Communities of `graph` in which every rule holds.
fn bound_communities(graph: &Graph, gamma: f64, rules: &Rules) -> Vec<u32> {
    if rules.is_empty() {
        return communities(graph, gamma);
    }
    let mut bound: Vec<u32> = (0u32..).take(graph.sizes.len()).collect();
    rules.enforce(&mut bound);
    let coarse = communities(&graph.contract(&bound), gamma);
    let mut labels: Vec<u32> = bound.iter().map(|label| coarse[*label as usize]).collect();
    rules.enforce(&mut labels);
    labels
}

/// The oldest row of each label opens a group, the others join it.
pub(crate) fn places(labels: &[u32]) -> Vec<Place> {
    let mut labels = labels.to_vec();
    renumber(&mut labels);
    let mut next = 0;
    labels
        .into_iter()
        .map(|label| {
            if label == next {
                next += 1;
                Place::New(label)
            } else {
                Place::Joined(label)
            }
        })
        .collect()
}

/// As [`places`], but a row that is alone in `sure` and has company in `weak` is unsure of the group that
/// most of its company is in, unless it is the one that the others would come to.
fn with_doubt(sure: &[u32], weak: &[u32], rules: &Rules) -> Vec<Place> {
    let count = |labels: &[u32]| {
        let mut sizes = vec![0u32; labels.iter().max().map_or(0, |m| *m as usize + 1)];
        labels.iter().for_each(|label| sizes[*label as usize] += 1);
        sizes
    };
    let (sure_sizes, weak_sizes) = (count(sure), count(weak));
    // The row that stands for each weak group: the oldest of the largest sure group in it.
    let mut anchor: Vec<Option<usize>> = vec![None; weak_sizes.len()];
    for (row, label) in weak.iter().enumerate() {
        let best = &mut anchor[*label as usize];
        if best.is_none_or(|b| sure_sizes[sure[row] as usize] > sure_sizes[sure[b] as usize]) {
            *best = Some(row);
        }
    }
    let mut groups = vec![u32::MAX; sure_sizes.len()];
    let doubtful = |row: usize| -> Option<usize> {
        let alone = sure_sizes[sure[row] as usize] == 1 && weak_sizes[weak[row] as usize] > 1;
        anchor[weak[row] as usize].filter(|a| alone && *a != row && !rules.are_apart(row, *a))
    };
    let mut next = 0;
    let mut out: Vec<Option<Place>> = vec![None; sure.len()];
    for row in 0..sure.len() {
        if doubtful(row).is_some() {
            continue;
        }
        let group = &mut groups[sure[row] as usize];
        out[row] = Some(if *group == u32::MAX {
            *group = next;
            next += 1;
            Place::New(*group)
        } else {
            Place::Joined(*group)
        });
    }
    (0..sure.len())
        .map(|row| match (out[row], doubtful(row)) {
            (None, Some(a)) => Place::Unsure(groups[sure[a] as usize]),
            (place, _) => place.unwrap_or(Place::New(groups[sure[row] as usize])),
        })
        .collect()
}

pub(crate) fn sizes(places: &[Place]) -> Vec<u32> {
    let mut sizes: Vec<u32> = Vec::new();
    for group in places.iter().filter_map(|p| p.group()) {
        if group as usize >= sizes.len() {
            sizes.resize(group as usize + 1, 0);
        }
        sizes[group as usize] += 1;
    }
    sizes
}

/// Groups machine-written lines.
fn by_template<T: AsRef<str>>(
    texts: &[T],
    vectors: ArrayView2<'_, f32>,
    templated: f64,
    rules: &Rules,
) -> Grouping {
    let mut templates = Templates::default();
    let found: Vec<_> = texts.iter().map(|text| templates.insert(text.as_ref())).collect();
    let mut labels: Vec<u32> = found.iter().map(|m| m.group).collect();
    rules.enforce(&mut labels);
    let placements = places(&labels)
        .into_iter()
        .zip(&found)
        .map(|(place, m)| Placement {
            place,
            support: m.similarity,
            runner_up: None,
            nearest: Vec::new(),
            template: Some(templates.text(m.group)),
        })
        .collect();
    let calibration = Calibration {
        regime: Regime::Template,
        overlap: 0.0,
        neighbourhood: 0,
        templated,
        gamma: crate::engine::template::JOIN,
        background: background(vectors),
        items: texts.len(),
    };
    Grouping { placements, calibration }
}
