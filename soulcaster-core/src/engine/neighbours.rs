//! Exact nearest neighbours of every row: blocked matrix products and a bounded selection.
//!
//! Rows lie on the grid of [`crate::port::embedder::GRID`], so a dense score has the same bits whatever the
//! block size, the thread or the processor; ties go to the lower row.

use std::cmp::Reverse;

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::engine::lexical::Lexicon;
use crate::engine::product::{blocks, strips};
use crate::port::embedder::to_unit_grid;

/// The nearest rows of every row, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    rows: Vec<Vec<(u32, f32)>>,
}

impl Neighbours {
    /// The neighbours of `row`, best first: row and score.
    #[must_use]
    pub fn of(&self, row: usize) -> &[(u32, f32)] {
        &self.rows[row]
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Mean score of the first `k` neighbours of each row: how dense it is around it. 0 for a row alone.
    #[must_use]
    pub fn density(&self, k: usize) -> Vec<f64> {
        self.rows.iter().map(|row| density(row, k)).collect()
    }
}

/// Mean score of the first `k` of `nearest`; 0 when there is none.
pub(crate) fn density(nearest: &[(u32, f32)], k: usize) -> f64 {
    let first = &nearest[..k.min(nearest.len())];
    if first.is_empty() {
        0.0
    } else {
        first.iter().map(|(_, score)| f64::from(*score)).sum::<f64>() / first.len() as f64
    }
}

/// The mean of `rows`, summed exactly.
#[must_use]
pub fn mean(rows: ArrayView2<'_, f32>) -> Vec<f64> {
    let mut mean = vec![0f64; rows.ncols()];
    for row in rows.axis_iter(Axis(0)) {
        for (sum, x) in mean.iter_mut().zip(row) {
            *sum += f64::from(*x);
        }
    }
    let n = rows.nrows().max(1) as f64;
    mean.iter_mut().for_each(|x| *x /= n);
    mean
}

/// `row` less `mean`, at unit length on the grid; unchanged when nothing would be left.
#[must_use]
pub fn centre_row(row: &[f32], mean: &[f64]) -> Vec<f32> {
    #[allow(clippy::cast_possible_truncation)]
    let mut out: Vec<f32> = row.iter().zip(mean).map(|(x, m)| (f64::from(*x) - m) as f32).collect();
    let largest = out.iter().fold(0f32, |a, x| a.max(x.abs()));
    if largest < 1e-6 || !to_unit_grid(&mut out) { row.to_vec() } else { out }
}

/// Every row less `mean`, at unit length on the grid.
#[must_use]
pub fn centre(rows: ArrayView2<'_, f32>, mean: &[f64]) -> Array2<f32> {
    let mut out = Array2::zeros(rows.raw_dim());
    if let (Some(flat), true) = (out.as_slice_mut(), rows.ncols() > 0) {
        flat.par_chunks_mut(rows.ncols()).enumerate().for_each(|(i, to)| {
            to.copy_from_slice(&centre_row(&rows.row(i).to_vec(), mean));
        });
    }
    out
}

/// The `k` nearest rows of each row by dot product, itself left out.
///
/// With a lexicon and a share `beta`, the score is `(1 - beta) * dense + beta * lexical`. Time n² d, memory
/// n k and one strip a thread.
#[must_use]
pub fn nearest(rows: ArrayView2<'_, f32>, lexical: Option<(&Lexicon, f32)>, k: usize) -> Neighbours {
    let n = rows.nrows();
    let k = k.min(n.saturating_sub(1));
    let rows = blocks(n, |block| {
        let mut selections: Vec<Selection> = block.clone().map(|_| Selection::new(k)).collect();
        let words: Vec<Vec<f32>> = match lexical {
            Some((lexicon, _)) => block.clone().map(|i| lexicon.scores(lexicon.row(i))).collect(),
            None => Vec::new(),
        };
        strips(rows, block.clone(), n, |left, products| {
            for (b, (selection, dense)) in selections.iter_mut().zip(products.outer_iter()).enumerate() {
                for (column, dense) in (left..).zip(dense) {
                    if column == block.start + b {
                        continue;
                    }
                    let score = match lexical {
                        Some((_, beta)) => (1.0 - beta) * dense + beta * words[b][column],
                        None => *dense,
                    };
                    selection.offer(column, score);
                }
            }
        });
        selections.into_iter().map(Selection::finish).collect()
    });
    Neighbours { rows }
}

/// The `k` best of a stream of scores; ties go to the lower index.
pub(crate) struct Selection {
    k: usize,
    floor: u64,
    held: Vec<u64>,
}

impl Selection {
    pub(crate) fn new(k: usize) -> Self {
        Self { k, floor: 0, held: Vec::with_capacity(2 * k) }
    }

    /// Offers `score` of `index`.
    #[inline]
    pub(crate) fn offer(&mut self, index: usize, score: f32) {
        let key = key(index, score);
        if key <= self.floor || self.k == 0 {
            return;
        }
        self.held.push(key);
        if self.held.len() == 2 * self.k {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.held.len() > self.k {
            let (_, last, _) = self.held.select_nth_unstable_by_key(self.k - 1, |key| Reverse(*key));
            self.floor = *last;
            self.held.truncate(self.k);
        }
    }

    /// The best, best first.
    pub(crate) fn finish(mut self) -> Vec<(u32, f32)> {
        self.cut();
        self.held.sort_unstable_by_key(|key| Reverse(*key));
        self.held.into_iter().map(unkey).collect()
    }
}

/// Orders by score, then by lower index. The mapping of floats to integers that keeps their order is the
/// usual one: flip all bits of negative numbers, the sign bit of the others.
fn key(index: usize, score: f32) -> u64 {
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 0x8000_0000 };
    #[allow(clippy::cast_possible_truncation)] // a project has fewer than 2^32 items
    let index = index as u32;
    (u64::from(ordered) << 32) | u64::from(u32::MAX - index)
}

#[allow(clippy::cast_possible_truncation)]
fn unkey(key: u64) -> (u32, f32) {
    let ordered = (key >> 32) as u32;
    let bits = if ordered >> 31 == 1 { ordered & 0x7fff_ffff } else { !ordered };
    (u32::MAX - key as u32, f32::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize, d: usize) -> Array2<f32> {
        let mut out = Array2::from_shape_fn((n, d), |(i, j)| (((i * 31 + j * 17) % 101) as f32 * 0.7).sin());
        for mut row in out.axis_iter_mut(Axis(0)) {
            let mut v = row.to_vec();
            assert!(to_unit_grid(&mut v));
            row.iter_mut().zip(v).for_each(|(x, y)| *x = y);
        }
        out
    }

    #[test]
    fn agrees_with_sorting_all_pairs() {
        let rows = rows(150, 24);
        let found = nearest(rows.view(), None, 7);
        for i in 0..150 {
            let mut all: Vec<(u32, f32)> =
                (0..150).filter(|j| *j != i).map(|j| (j as u32, rows.row(i).dot(&rows.row(j)))).collect();
            all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            assert_eq!(found.of(i), &all[..7], "row {i}");
        }
    }

    #[test]
    fn the_same_on_any_number_of_threads() {
        let rows = rows(300, 16);
        let run = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap()
                .install(|| nearest(rows.view(), None, 20))
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn few_rows_have_few_neighbours() {
        assert!(nearest(rows(0, 4).view(), None, 5).is_empty());
        assert!(nearest(rows(1, 4).view(), None, 5).of(0).is_empty());
        assert_eq!(nearest(rows(3, 4).view(), None, 5).of(0).len(), 2);
    }

    #[test]
    fn keys_order_scores_and_break_ties_by_index() {
        for (a, b) in
            [((0, 0.5), (0, 0.4)), ((0, -0.1), (0, -0.2)), ((3, 0.2), (4, 0.2)), ((0, 0.0), (1, -0.0))]
        {
            assert!(key(a.0, a.1) > key(b.0, b.1), "{a:?} {b:?}");
        }
        assert_eq!(unkey(key(9, -0.25)), (9, -0.25));
    }
}
