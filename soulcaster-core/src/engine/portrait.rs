//! What a group looks like: its centre, its most telling members, how alike they are, who does not fit, and
//! which groups look like one.

use ndarray::{Array2, ArrayView2};

use crate::engine::product::{blocks, strips};
use crate::model::cluster::{Cohesion, Tightness};
use crate::port::embedder::Embedding;

/// Pairs are looked at one by one among at most so many members, evenly spaced.
const SAMPLE: usize = 200;

/// A group seen through its vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Portrait {
    /// Direction of the sum of the members; absent for an empty group.
    pub centroid: Option<Embedding>,
    /// The member nearest to the centre, then, one by one, the member least like all before it.
    pub examples: Vec<usize>,
    /// Absent for fewer than two members.
    pub cohesion: Option<Cohesion>,
    /// Members much less like the rest than the others are, worst first, with their mean similarity to it.
    pub outliers: Vec<(usize, f64)>,
}

/// Looks at the group of `members` (rows of `rows`, unit length, oldest first), with at most `examples` examples.
///
/// Similarities are cosines. The mean is over all pairs; least and greatest over the pairs of at most 200
/// members. `background` is the mean similarity of any two rows ([`background`]).
#[must_use]
pub fn portrait(rows: ArrayView2<'_, f32>, members: &[usize], examples: usize, background: f64) -> Portrait {
    let mut sum = vec![0f64; rows.ncols()];
    for member in members {
        sum.iter_mut().zip(rows.row(*member)).for_each(|(s, x)| *s += f64::from(*x));
    }
    #[allow(clippy::cast_possible_truncation)]
    let centroid = Embedding::new(sum.iter().map(|s| *s as f32).collect()).ok();
    let to_sum: Vec<f64> =
        members.iter().map(|m| sum.iter().zip(rows.row(*m)).map(|(s, x)| s * f64::from(*x)).sum()).collect();
    let own: Vec<f64> = members.iter().map(|m| f64::from(rows.row(*m).dot(&rows.row(*m)))).collect();
    let others = (members.len().max(2) - 1) as f64;
    let means: Vec<f64> = to_sum.iter().zip(&own).map(|(all, own)| (all - own) / others).collect();
    Portrait {
        centroid,
        examples: telling(rows, members, &to_sum, examples),
        cohesion: cohesion(rows, members, &means, background),
        outliers: outliers(members, &means),
    }
}

/// Mean similarity of two different rows.
#[must_use]
pub fn background(rows: ArrayView2<'_, f32>) -> f64 {
    let n = rows.nrows() as f64;
    if n < 2.0 {
        return 0.0;
    }
    let mean = crate::engine::neighbours::mean(rows);
    let own: f64 = rows.outer_iter().map(|row| f64::from(row.dot(&row))).sum();
    (mean.iter().map(|m| m * m).sum::<f64>() * n * n - own) / (n * (n - 1.0))
}

/// The most central member, then farthest-first (Gonzalez 1985).
fn telling(rows: ArrayView2<'_, f32>, members: &[usize], to_sum: &[f64], most: usize) -> Vec<usize> {
    let Some(first) = (0..members.len()).reduce(|a, b| if to_sum[b] > to_sum[a] { b } else { a }) else {
        return Vec::new();
    };
    let mut chosen = vec![first];
    let mut likeness = vec![f32::MIN; members.len()];
    while chosen.len() < most.min(members.len()) {
        let last = rows.row(members[chosen[chosen.len() - 1]]);
        for (best, member) in likeness.iter_mut().zip(members) {
            *best = best.max(last.dot(&rows.row(*member)));
        }
        let rest = (0..members.len()).filter(|i| !chosen.contains(i));
        let Some(next) = rest.reduce(|a, b| if likeness[b] < likeness[a] { b } else { a }) else { break };
        chosen.push(next);
    }
    chosen.into_iter().take(most).map(|i| members[i]).collect()
}

fn cohesion(
    rows: ArrayView2<'_, f32>,
    members: &[usize],
    means: &[f64],
    background: f64,
) -> Option<Cohesion> {
    if members.len() < 2 {
        return None;
    }
    let step = members.len().min(SAMPLE);
    let sample: Vec<usize> = (0..step).map(|i| members[i * members.len() / step]).collect();
    let (mut min, mut max) = (f32::MAX, f32::MIN);
    for (i, a) in sample.iter().enumerate() {
        for b in &sample[..i] {
            let score = rows.row(*a).dot(&rows.row(*b));
            min = min.min(score);
            max = max.max(score);
        }
    }
    let mean = means.iter().sum::<f64>() / means.len() as f64;
    let tightness = match (mean - background) / (1.0 - background).max(f64::EPSILON) {
        x if x >= 0.6 => Tightness::Tight,
        x if x >= 0.35 => Tightness::Moderate,
        _ => Tightness::Loose,
    };
    Some(Cohesion { mean, min: f64::from(min), max: f64::from(max), tightness })
}

/// Members whose mean similarity to the rest is more than two standard deviations below the group's.
fn outliers(members: &[usize], means: &[f64]) -> Vec<(usize, f64)> {
    if members.len() < 5 {
        return Vec::new();
    }
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let deviation = (means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / n).sqrt();
    let mut found: Vec<(usize, f64)> = members
        .iter()
        .copied()
        .zip(means.iter().copied())
        .filter(|(_, m)| deviation > 1e-9 && *m < mean - 2.0 * deviation)
        .collect();
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    found
}

/// Two groups that look like one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twins {
    /// The one with the lower number.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// Mean similarity between their members.
    pub between: f64,
    /// That, as a share of the mean similarity inside the looser of the two.
    pub ratio: f64,
}

/// Pairs of groups of two or more whose members are nearly as like each other as they are among themselves:
/// at least `ratio` of it. Best first. Groups are looked at by their sums, so the cost is groups² d.
#[must_use]
pub fn twins(rows: ArrayView2<'_, f32>, groups: &[Vec<usize>], ratio: f64) -> Vec<Twins> {
    struct Sum {
        group: usize,
        size: f64,
        sum: Vec<f64>,
        within: f64,
    }
    let sums: Vec<Sum> = groups
        .iter()
        .enumerate()
        .filter(|(_, members)| members.len() > 1)
        .map(|(group, members)| {
            let mut sum = vec![0f64; rows.ncols()];
            let mut own = 0.0;
            for member in members {
                let row = rows.row(*member);
                sum.iter_mut().zip(row).for_each(|(s, x)| *s += f64::from(*x));
                own += f64::from(row.dot(&row));
            }
            let size = members.len() as f64;
            let within = (sum.iter().map(|s| s * s).sum::<f64>() - own) / (size * (size - 1.0));
            Sum { group, size, sum, within }
        })
        .collect();
    // A product in `f32` is near enough to leave out what is far off; what is left is looked at exactly.
    const SLACK: f64 = 0.01;
    #[allow(clippy::cast_possible_truncation)]
    let means =
        Array2::from_shape_fn((sums.len(), rows.ncols()), |(i, j)| (sums[i].sum[j] / sums[i].size) as f32);
    let mut found: Vec<Twins> = blocks(sums.len(), |block| {
        let mut found = Vec::new();
        strips(means.view(), block.clone(), block.end, |left, products| {
            for (y, near) in sums[block.clone()].iter().zip(products.outer_iter()) {
                for (x, near) in sums[left..block.end].iter().zip(near).take_while(|(x, _)| x.group < y.group)
                {
                    let least = x.within.min(y.within).max(0.05);
                    if f64::from(*near) < ratio * least - SLACK {
                        continue;
                    }
                    let dot: f64 = x.sum.iter().zip(&y.sum).map(|(a, b)| a * b).sum();
                    let between = dot / (x.size * y.size);
                    if between / least >= ratio {
                        found.push(Twins { a: x.group, b: y.group, between, ratio: between / least });
                    }
                }
            }
        });
        found
    });
    found.sort_by(|x, y| y.ratio.total_cmp(&x.ratio).then((x.a, x.b).cmp(&(y.a, y.b))));
    found
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_centre_comes_first_then_the_most_different() {
        let rows = array![[0.0f32, 1.0], [0.6, 0.8], [0.8, 0.6], [1.0, 0.0]];
        let found = portrait(rows.view(), &[0, 1, 2, 3], 3, 0.0);
        assert_eq!(found.examples.len(), 3);
        assert!([1, 2].contains(&found.examples[0]));
        assert!([0, 3].contains(&found.examples[1]));
        let cohesion = found.cohesion.unwrap();
        assert_eq!(cohesion.min, 0.0);
        assert!((cohesion.max - 0.96).abs() < 1e-6);
    }

    #[test]
    fn one_that_does_not_fit_is_an_outlier() {
        let mut rows = ndarray::Array2::<f32>::zeros((9, 2));
        rows.column_mut(0).fill(1.0);
        rows[[8, 0]] = 0.0;
        rows[[8, 1]] = 1.0;
        let found = portrait(rows.view(), &(0..9).collect::<Vec<_>>(), 2, 0.0);
        assert_eq!(found.outliers, [(8, 0.0)]);
        assert_eq!(found.examples[1], 8);
    }

    #[test]
    fn small_and_empty_groups_have_small_portraits() {
        let rows = array![[1.0f32, 0.0]];
        assert!(portrait(rows.view(), &[0], 5, 0.0).cohesion.is_none());
        let empty = portrait(rows.view(), &[], 5, 0.0);
        assert!(empty.centroid.is_none() && empty.examples.is_empty());
    }

    #[test]
    fn groups_that_look_like_one_are_found() {
        let rows = array![[1.0f32, 0.0], [0.96, 0.28], [1.0, 0.0], [0.96, 0.28], [0.0, 1.0], [0.0, 1.0]];
        let found = twins(rows.view(), &[vec![0, 1], vec![2, 3], vec![4, 5]], 0.8);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].a, found[0].b), (0, 1));
    }
}
