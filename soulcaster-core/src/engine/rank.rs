//! Duplicate search: for each item the earlier ones, by likeness.

use ndarray::ArrayView2;

use crate::engine::lexical::Lexicon;
use crate::engine::neighbours::{Selection, centre, mean};
use crate::engine::product::{blocks, strips};

/// For each row its `top` most similar earlier rows, best first; ties go to the older row.
///
/// Similarity is the plain mean of the cosine of the vectors, their mean removed, and the cosine of TF-IDF
/// weights: on recorded duplicates of bug trackers it finds more than either alone.
#[must_use]
pub fn earlier<T: AsRef<str> + Sync>(
    texts: &[T],
    vectors: ArrayView2<'_, f32>,
    top: usize,
) -> Vec<Vec<(u32, f32)>> {
    let rows = centre(vectors, &mean(vectors));
    let rows = rows.view();
    let lexicon = Lexicon::fit(texts);
    let n = texts.len();
    blocks(n, |block| {
        let words: Vec<Vec<f32>> = block.clone().map(|i| lexicon.scores(lexicon.row(i))).collect();
        let mut selections: Vec<Selection> = block.clone().map(|_| Selection::new(top)).collect();
        strips(rows, block.clone(), block.end, |left, products| {
            for (b, (selection, dense)) in selections.iter_mut().zip(products.outer_iter()).enumerate() {
                for (column, dense) in (left..block.start + b).zip(dense) {
                    selection.offer(column, 0.5 * (dense + words[b][column]));
                }
            }
        });
        selections.into_iter().map(Selection::finish).collect()
    })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn only_earlier_rows_are_ranked_best_first() {
        let rows = array![[1.0f32, 0.0], [0.0, 1.0], [0.8, 0.6], [1.0, 0.0]];
        let found = earlier(&["red car", "blue boat", "red boat", "red car"], rows.view(), 2);
        assert!(found[0].is_empty());
        assert_eq!(found[1].len(), 1);
        assert_eq!(found[3].iter().map(|(row, _)| *row).collect::<Vec<_>>()[0], 0);
        assert!(found.iter().enumerate().all(|(i, near)| near.iter().all(|(row, _)| (*row as usize) < i)));
    }
}
