//! Grouping at a threshold that the caller fixed.

use ndarray::{Array2, ArrayView2};

use crate::engine::config::{Algorithm, GroupConfig};
use crate::engine::group::{places, sizes};
use crate::engine::leader;
use crate::engine::lexical::Lexicon;
use crate::engine::linkage::average_linkage;
use crate::engine::neighbours;
use crate::engine::placement::{Grouping, NEAREST, Near, Placement};
use crate::engine::portrait::background;
use crate::engine::rules::Rules;
use crate::model::decision::{Regime, Scores};
use crate::model::head::Calibration;

/// Groups at a fixed threshold.
pub(crate) fn fixed<T: AsRef<str> + Sync>(
    texts: &[T],
    vectors: ArrayView2<'_, f32>,
    config: &GroupConfig,
    rules: &Rules,
) -> Grouping {
    let mut labels = match config.algorithm {
        Algorithm::Centroid => leader::centroid(vectors, config.threshold),
        Algorithm::Nearest => leader::nearest(vectors, config.threshold),
        Algorithm::Average | Algorithm::Auto => average_linkage(vectors, config.threshold, rules),
    };
    rules.enforce(&mut labels);
    let places = places(&labels);
    let sizes = sizes(&places);
    let mut sums = Array2::<f64>::zeros((sizes.len(), vectors.ncols()));
    for (row, place) in vectors.outer_iter().zip(&places) {
        if let Some(group) = place.group() {
            sums.row_mut(group as usize).iter_mut().zip(row).for_each(|(s, x)| *s += f64::from(*x));
        }
    }
    let near = neighbours::nearest(vectors, None, NEAREST);
    let lexicon = Lexicon::fit(texts);
    let placements = places
        .iter()
        .enumerate()
        .map(|(i, place)| {
            let row = vectors.row(i);
            let to = |group: u32| -> f64 {
                let own = place.group() == Some(group);
                let dot: f64 = sums.row(group as usize).iter().zip(row).map(|(s, x)| s * f64::from(*x)).sum();
                let selfdot = if own { f64::from(row.dot(&row)) } else { 0.0 };
                (dot - selfdot) / f64::from((sizes[group as usize] - u32::from(own)).max(1))
            };
            let own = place.group().unwrap_or_default();
            let mut runner_up: Option<(u32, f64)> = None;
            for group in
                near.of(i).iter().filter_map(|(j, _)| places[*j as usize].group()).filter(|g| *g != own)
            {
                let mean = to(group);
                if runner_up.is_none_or(|(g, best)| mean > best || (mean == best && group < g)) {
                    runner_up = Some((group, mean));
                }
            }
            let nearest = near
                .of(i)
                .iter()
                .map(|(j, score)| {
                    let dense = f64::from(*score);
                    let lexical = f64::from(lexicon.cosine(i, *j as usize));
                    Near { row: *j, scores: Scores { dense, lexical, combined: dense } }
                })
                .collect();
            Placement { place: *place, support: to(own), runner_up, nearest, template: None }
        })
        .collect();
    let calibration = Calibration {
        regime: Regime::Fixed,
        overlap: 0.0,
        neighbourhood: 0,
        templated: 0.0,
        gamma: config.threshold,
        background: background(vectors),
        items: texts.len(),
    };
    Grouping { placements, calibration }
}
