//! A map of the groups: near ones near each other, a disc each, no two discs on top of each other.

use ndarray::ArrayView2;

/// A disc on the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disc {
    /// Across, about -1 to 1.
    pub x: f64,
    /// Up, about -1 to 1.
    pub y: f64,
    /// Its radius; the area is in proportion to the group's size.
    pub r: f64,
}

/// Share of the map's square that discs cover.
const COVER: f64 = 0.35;
/// Rounds of pushing overlapping discs apart.
const ROUNDS: usize = 300;

/// Places groups with the given unit centres (a row each) and sizes.
///
/// Centres are projected on their two main axes (principal components, by orthogonal iteration), spread over
/// the square by rank, and overlapping discs are pushed apart. Deterministic.
#[must_use]
pub fn layout(centres: ArrayView2<'_, f32>, sizes: &[usize]) -> Vec<Disc> {
    let n = sizes.len();
    let total: usize = sizes.iter().sum();
    let radius =
        |size: usize| (COVER * 4.0 * size as f64 / (total.max(1) as f64 * std::f64::consts::PI)).sqrt();
    let [across, up] = main_axes(centres);
    let (across, up) = (spread(&across), spread(&up));
    let mut discs: Vec<Disc> = (0..n).map(|i| Disc { x: across[i], y: up[i], r: radius(sizes[i]) }).collect();
    for round in 0..ROUNDS {
        let mut calm = true;
        // A sweep along x finds the pairs that can overlap.
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| {
            (discs[*a].x - discs[*a].r).total_cmp(&(discs[*b].x - discs[*b].r)).then(a.cmp(b))
        });
        for (at, i) in order.iter().enumerate() {
            for j in &order[at + 1..] {
                let (a, b) = (discs[*i], discs[*j]);
                if b.x - b.r > a.x + a.r + GAP {
                    break;
                }
                let (dx, dy) = (b.x - a.x, b.y - a.y);
                let (distance, wanted) = ((dx * dx + dy * dy).sqrt(), a.r + b.r + GAP);
                if distance >= wanted {
                    continue;
                }
                calm = false;
                // Two discs on one spot part in a direction of their own.
                let turn = (*i * 7 + *j * 13 + round) as f64;
                let (ux, uy) =
                    if distance > 1e-9 { (dx / distance, dy / distance) } else { (turn.cos(), turn.sin()) };
                let push = wanted - distance;
                let share = b.r * b.r / (a.r * a.r + b.r * b.r).max(1e-12);
                discs[*i].x -= ux * push * share;
                discs[*i].y -= uy * push * share;
                discs[*j].x += ux * push * (1.0 - share);
                discs[*j].y += uy * push * (1.0 - share);
            }
        }
        if calm {
            break;
        }
    }
    let reach = discs.iter().map(|d| d.x.abs().max(d.y.abs()) + d.r).fold(1.0, f64::max);
    discs.iter().map(|d| Disc { x: d.x / reach, y: d.y / reach, r: d.r / reach }).collect()
}

/// Least distance of two discs.
const GAP: f64 = 0.004;

/// Where the `i`-th of `n` members of a group is drawn: on a spiral of equal areas (Vogel 1979).
#[must_use]
pub fn spot(disc: Disc, i: usize, n: usize) -> (f64, f64) {
    let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
    let distance = disc.r * 0.92 * ((i as f64 + 0.5) / n.max(1) as f64).sqrt();
    let angle = golden * i as f64;
    (disc.x + distance * angle.cos(), disc.y + distance * angle.sin())
}

/// Coordinates of the rows along the two axes on which they differ most.
fn main_axes(rows: ArrayView2<'_, f32>) -> [Vec<f64>; 2] {
    let (n, d) = rows.dim();
    let mean = crate::engine::neighbours::mean(rows);
    let along = |axis: &[f64]| -> Vec<f64> {
        rows.outer_iter()
            .map(|row| row.iter().zip(&mean).zip(axis).map(|((x, m), a)| (f64::from(*x) - m) * a).sum())
            .collect()
    };
    let mut axes: [Vec<f64>; 2] =
        [0, 1].map(|k| (0..d).map(|j| f64::from(u8::from(j % 2 == k)) + 1.0 / (j + 2) as f64).collect());
    for _ in 0..60 {
        for k in 0..2 {
            let weights = along(&axes[k]);
            let mut next = vec![0f64; d];
            for (row, weight) in rows.outer_iter().zip(&weights) {
                next.iter_mut()
                    .zip(row)
                    .zip(&mean)
                    .for_each(|((s, x), m)| *s += weight * (f64::from(*x) - m));
            }
            if k == 1 {
                let common: f64 = next.iter().zip(&axes[0]).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(&axes[0]).for_each(|(a, b)| *a -= common * b);
            }
            let norm = next.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm > 1e-12 {
                next.iter_mut().for_each(|x| *x /= norm);
                axes[k] = next;
            }
        }
    }
    if n == 0 { [Vec::new(), Vec::new()] } else { [along(&axes[0]), along(&axes[1])] }
}

/// Half by value, half by rank, so that neither one far group nor a crowd spoils the picture.
fn spread(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]).then(a.cmp(b)));
    let largest = values.iter().fold(1e-12f64, |m, v| m.max(v.abs()));
    let mut out = vec![0f64; n];
    for (rank, i) in order.into_iter().enumerate() {
        let even = if n > 1 { 2.0 * rank as f64 / (n - 1) as f64 - 1.0 } else { 0.0 };
        out[i] = 0.5 * even + 0.5 * values[i] / largest;
    }
    out
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn discs_do_not_overlap_and_stay_on_the_map() {
        let centres =
            Array2::from_shape_fn((60, 8), |(i, j)| (((i * 37 + j * 11) % 23) as f32 - 11.0) / 40.0);
        let sizes: Vec<usize> = (0..60).map(|i| 2 + i % 17).collect();
        let discs = layout(centres.view(), &sizes);
        for (i, a) in discs.iter().enumerate() {
            assert!(a.x.abs() + a.r <= 1.001 && a.y.abs() + a.r <= 1.001, "{a:?}");
            for b in &discs[..i] {
                let distance = ((a.x - b.x).powi(2) + (a.y - b.y).powi(2)).sqrt();
                assert!(distance > 0.8 * (a.r + b.r), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn like_groups_are_nearer_than_unlike_ones() {
        let mut centres = Array2::<f32>::zeros((20, 4));
        for i in 0..20 {
            centres[[i, usize::from(i >= 10)]] = 1.0;
            centres[[i, 2]] = i as f32 * 0.01;
        }
        let discs = layout(centres.view(), &[3; 20]);
        let gap = |a: usize, b: usize| {
            ((discs[a].x - discs[b].x).powi(2) + (discs[a].y - discs[b].y).powi(2)).sqrt()
        };
        assert!(gap(0, 1) < gap(0, 15) && gap(12, 13) < gap(2, 13));
    }

    #[test]
    fn nothing_and_one_group_have_a_map() {
        assert!(layout(Array2::zeros((0, 4)).view(), &[]).is_empty());
        let one = layout(Array2::ones((1, 4)).view(), &[5]);
        assert!(one[0].x.abs() < 0.01 && one[0].r > 0.0);
    }
}
