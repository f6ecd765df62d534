//! One-pass grouping at a fixed threshold, in arrival order.

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

/// Puts each row into the group whose centre is most similar, if that is at least `threshold`, else into a
/// new one: a label a row, dense from 0. The centre is the direction of the sum of its rows; of equally
/// similar groups the older one wins.
#[must_use]
pub fn centroid(rows: ArrayView2<'_, f32>, threshold: f64) -> Vec<u32> {
    let mut sums: Vec<(Vec<f64>, f64)> = Vec::new();
    let mut labels = Vec::with_capacity(rows.nrows());
    for row in rows.outer_iter() {
        let row = row.to_vec();
        let scores: Vec<f64> = sums
            .par_iter()
            .with_min_len(256)
            .map(|(sum, norm)| sum.iter().zip(&row).map(|(s, x)| s * f64::from(*x)).sum::<f64>() / norm)
            .collect();
        let mut best: Option<usize> = None;
        for (group, score) in scores.iter().enumerate() {
            if *score >= threshold && best.is_none_or(|b| *score > scores[b]) {
                best = Some(group);
            }
        }
        let group = best.unwrap_or_else(|| {
            sums.push((vec![0.0; row.len()], 1.0));
            sums.len() - 1
        });
        let (sum, norm) = &mut sums[group];
        sum.iter_mut().zip(&row).for_each(|(s, x)| *s += f64::from(*x));
        *norm = sum.iter().map(|s| s * s).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        #[allow(clippy::cast_possible_truncation)] // fewer groups than rows, which are fewer than 2^32
        labels.push(group as u32);
    }
    labels
}

/// Puts each row with its most similar earlier row, if that is at least `threshold` similar, else into a new
/// group: a label a row, dense from 0. Of equally similar rows the older one wins. Chains.
#[must_use]
pub fn nearest(rows: ArrayView2<'_, f32>, threshold: f64) -> Vec<u32> {
    let found: Vec<Option<usize>> = (0..rows.nrows())
        .into_par_iter()
        .map(|i| {
            let scores = rows.split_at(Axis(0), i).0.dot(&rows.row(i));
            let mut best: Option<usize> = None;
            for (j, score) in scores.iter().enumerate() {
                if f64::from(*score) >= threshold && best.is_none_or(|b| *score > scores[b]) {
                    best = Some(j);
                }
            }
            best
        })
        .collect();
    let mut labels: Vec<u32> = Vec::with_capacity(found.len());
    let mut next = 0;
    for earlier in found {
        let label = earlier.map_or(next, |j| labels[j]);
        next = next.max(label + 1);
        labels.push(label);
    }
    labels
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn nearest_chains_and_centroid_does_not() {
        let rows = array![[1.0f32, 0.0], [0.8, 0.6], [0.28, 0.96], [-0.352, 0.936]];
        assert_eq!(nearest(rows.view(), 0.79), [0, 0, 0, 0]);
        assert_eq!(centroid(rows.view(), 0.79), [0, 0, 1, 1]);
    }

    #[test]
    fn ties_go_to_the_older_group() {
        let rows = array![[1.0f32, 0.0], [0.0, 1.0], [0.6, 0.6]];
        assert_eq!(nearest(rows.view(), 0.5), [0, 1, 0]);
        assert_eq!(centroid(rows.view(), 0.5), [0, 1, 0]);
    }
}
