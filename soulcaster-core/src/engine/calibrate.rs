//! Reading from the texts themselves what kind of text they are and how fine to cut.
//!
//! Two numbers are read from the neighbour graph, without labels: how much the neighbourhoods of neighbours
//! overlap at best, which is high when there are recurring themes and low when nearly every report is alone,
//! and at how many neighbours, which is about the size of a theme.

use crate::engine::neighbours::Neighbours;

/// Neighbourhood sizes that are looked at.
const SIZES: [usize; 15] = [5, 8, 12, 16, 20, 25, 30, 40, 50, 65, 80, 100, 130, 160, 200];

/// Most neighbours that [`overlap`] looks at.
pub const MOST: usize = 200;

/// Items that are looked at, evenly spaced.
const SAMPLE: usize = 1000;

/// The neighbourhood size at which neighbourhoods overlap most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// Mean share of an item's `k` neighbours that are also its neighbour's, less what chance gives.
    pub share: f64,
    /// The number of neighbours.
    pub k: usize,
}

/// Finds where neighbourhoods overlap most. `None` for fewer than 40 items, of which nothing can be read.
#[must_use]
pub fn overlap(neighbours: &Neighbours) -> Option<Overlap> {
    let n = neighbours.len();
    let sizes: Vec<usize> = SIZES.iter().copied().filter(|k| *k <= n / 8).collect();
    let most = *sizes.last()?;
    let sample: Vec<usize> = (0..n.min(SAMPLE)).map(|s| s * n / n.min(SAMPLE)).collect();
    let mut totals = vec![0f64; sizes.len()];
    let mut rank = vec![usize::MAX; n];
    for item in &sample {
        let near = neighbours.of(*item);
        let near = &near[..most.min(near.len())];
        near.iter().enumerate().for_each(|(at, (row, _))| rank[*row as usize] = at);
        // An overlap of ranks p in one list and q in the other, seen from rank r, counts from size
        // max(p, q, r) + 1 on.
        let mut counts = vec![0u64; most + 1];
        for (r, (row, _)) in near.iter().enumerate() {
            let theirs = neighbours.of(*row as usize);
            for (p, (common, _)) in theirs[..most.min(theirs.len())].iter().enumerate() {
                let q = rank[*common as usize];
                if q != usize::MAX {
                    counts[p.max(q).max(r)] += 1;
                }
            }
        }
        let mut sum = 0;
        let mut at = 0;
        for (total, k) in totals.iter_mut().zip(&sizes) {
            while at < *k {
                sum += counts[at];
                at += 1;
            }
            *total += sum as f64 / (k * k) as f64;
        }
        near.iter().for_each(|(row, _)| rank[*row as usize] = usize::MAX);
    }
    let mut best: Option<Overlap> = None;
    for (total, k) in totals.iter().zip(&sizes) {
        let share = total / sample.len() as f64 - *k as f64 / n as f64;
        if best.is_none_or(|b| share > b.share) {
            best = Some(Overlap { share, k: *k });
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::engine::neighbours::nearest;
    use crate::engine::words::hash;
    use crate::port::embedder::to_unit_grid;

    fn themes(themes: usize, each: usize, noise: f32) -> Neighbours {
        let n = themes * each;
        let coin = |i: usize, j: usize, seed: u64| {
            let bytes = [i.to_le_bytes(), j.to_le_bytes()].concat();
            (hash(&bytes, seed) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let mut rows = Array2::from_shape_fn((n, 64), |(i, j)| coin(i / each, j, 1) + noise * coin(i, j, 2));
        for mut row in rows.outer_iter_mut() {
            let mut v = row.to_vec();
            assert!(to_unit_grid(&mut v));
            row.iter_mut().zip(v).for_each(|(x, y)| *x = y);
        }
        nearest(rows.view(), None, MOST)
    }

    #[test]
    fn clear_themes_overlap_at_their_size() {
        let found = overlap(&themes(20, 26, 0.3)).unwrap();
        assert_eq!(found.k, 25);
        assert!(found.share > 0.8, "{found:?}");
    }

    #[test]
    fn singletons_overlap_little() {
        let found = overlap(&themes(520, 1, 0.0)).unwrap();
        let clear = overlap(&themes(20, 26, 0.3)).unwrap();
        assert!(found.share < clear.share - 0.2, "{found:?}");
    }

    #[test]
    fn too_few_items_say_nothing() {
        assert_eq!(overlap(&themes(3, 13, 0.1)), None);
    }
}
