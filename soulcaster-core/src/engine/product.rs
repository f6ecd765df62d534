//! Dot products of many rows with many rows, block by block, on all threads.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

/// Rows of one block; one block is one rayon task. Every block packs all columns anew, so it must be tall enough
/// for that not to count.
const BLOCK: usize = 256;
/// Columns of one product.
const STRIP: usize = 1024;

/// Runs `task` for every block of rows, in parallel, and joins what they give in the order of the rows.
pub(crate) fn blocks<T: Send>(n: usize, task: impl Fn(Range<usize>) -> Vec<T> + Sync) -> Vec<T> {
    let starts: Vec<usize> = (0..n).step_by(BLOCK).collect();
    starts.into_par_iter().flat_map_iter(|start| task(start..(start + BLOCK).min(n))).collect()
}

/// Gives `visit` the products of the rows of `block` with rows `0..until`, strip by strip: the first column of
/// the strip, and a row of products for each row of the block. Rows lie on the grid, so every product is
/// exact however it is summed.
pub(crate) fn strips(
    rows: ArrayView2<'_, f32>,
    block: Range<usize>,
    until: usize,
    mut visit: impl FnMut(usize, ArrayView2<'_, f32>),
) {
    let part = |range: Range<usize>| rows.slice_axis_move(Axis(0), Slice::from(range));
    let ours = part(block.clone());
    let mut product = Array2::<f32>::zeros((block.len(), STRIP.min(until)));
    for left in (0..until).step_by(STRIP) {
        let right = (left + STRIP).min(until);
        let theirs = part(left..right);
        let mut out = product.slice_axis_mut(Axis(1), Slice::from(..right - left));
        general_mat_mul(1.0, &ours, &theirs.t(), 0.0, &mut out);
        visit(left, out.view());
    }
}
