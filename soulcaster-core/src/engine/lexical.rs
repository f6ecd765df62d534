//! Words: TF-IDF over words and word pairs, as sparse rows with an inverted index.
//!
//! Weights follow the usual scheme (Salton and Buckley 1988; the smoothing of scikit-learn): term frequency
//! `1 + ln tf`, inverse document frequency `ln((1 + n) / (1 + df)) + 1`, rows at unit length. Weights are
//! rounded to a grid of 2^-11, so that sums are exact in any order. Terms are kept as 64-bit hashes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rayon::prelude::*;

use crate::engine::words::terms;
use crate::port::embedder::to_unit_grid;

/// A sparse row: term number and weight, by term number.
pub type SparseRow = Vec<(u32, f32)>;

/// Terms are hashes already.
#[derive(Default)]
pub(crate) struct Passthrough(u64);

impl Hasher for Passthrough {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(crate) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Passthrough>>;

/// The words of a set of texts.
#[derive(Debug, Clone)]
pub struct Lexicon {
    numbers: ByHash<u32>,
    idf: Vec<f32>,
    rows: Vec<SparseRow>,
    postings: Vec<Vec<(u32, f32)>>,
}

impl Lexicon {
    /// Reads `texts`; row `i` belongs to text `i`.
    #[must_use]
    pub fn fit<T: AsRef<str> + Sync>(texts: &[T]) -> Self {
        let counted: Vec<Vec<(u64, u32)>> = texts.par_iter().map(|text| count(text.as_ref())).collect();
        let mut numbers = ByHash::default();
        let mut frequency: Vec<u32> = Vec::new();
        for (term, _) in counted.iter().flatten() {
            #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 terms fit in memory
            let number = *numbers.entry(*term).or_insert_with(|| {
                frequency.push(0);
                frequency.len() as u32 - 1
            });
            frequency[number as usize] += 1;
        }
        let n = texts.len() as f64;
        #[allow(clippy::cast_possible_truncation)]
        let idf: Vec<f32> =
            frequency.iter().map(|df| (((1.0 + n) / (1.0 + f64::from(*df))).ln() + 1.0) as f32).collect();
        let rows: Vec<SparseRow> = counted.par_iter().map(|terms| weigh(terms, &numbers, &idf)).collect();
        let mut lexicon = Self { numbers, postings: vec![Vec::new(); idf.len()], idf, rows: Vec::new() };
        for (number, df) in frequency.iter().enumerate() {
            lexicon.postings[number].reserve_exact(*df as usize);
        }
        for row in rows {
            lexicon.add(row);
        }
        lexicon
    }

    /// Weighs another text by the weights of the texts that were read; unknown terms count for its length
    /// only.
    #[must_use]
    pub fn weigh(&self, text: &str) -> SparseRow {
        weigh(&count(text), &self.numbers, &self.idf)
    }

    /// Adds a row behind the others, so that later scores see it.
    pub fn add(&mut self, row: SparseRow) {
        #[allow(clippy::cast_possible_truncation)] // a project has fewer than 2^32 items
        let index = self.rows.len() as u32;
        for (term, weight) in &row {
            self.postings[*term as usize].push((index, *weight));
        }
        self.rows.push(row);
    }

    /// The row of text `i`.
    #[must_use]
    pub fn row(&self, i: usize) -> &SparseRow {
        &self.rows[i]
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

    /// Cosine of `row` to every row.
    #[must_use]
    pub fn scores(&self, row: &SparseRow) -> Vec<f32> {
        let mut scores = vec![0f32; self.rows.len()];
        for (term, weight) in row {
            for (index, other) in &self.postings[*term as usize] {
                scores[*index as usize] += weight * other;
            }
        }
        scores
    }

    /// Cosine of two rows.
    #[must_use]
    pub fn cosine(&self, i: usize, j: usize) -> f32 {
        dot(&self.rows[i], &self.rows[j])
    }
}

/// Dot product of two sparse rows.
#[must_use]
pub fn dot(a: &SparseRow, b: &SparseRow) -> f32 {
    let (mut i, mut j, mut sum) = (0, 0, 0f32);
    while let (Some((x, wx)), Some((y, wy))) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += wx * wy;
                i += 1;
                j += 1;
            }
        }
    }
    sum
}

/// The terms of `text` with how often each occurs, by term.
fn count(text: &str) -> Vec<(u64, u32)> {
    let mut all = terms(text);
    all.sort_unstable();
    let mut out: Vec<(u64, u32)> = Vec::with_capacity(all.len());
    for term in all {
        match out.last_mut() {
            Some((last, n)) if *last == term => *n += 1,
            _ => out.push((term, 1)),
        }
    }
    out
}

/// The unit-length row of counted terms. Terms that are not known share the length but have no place.
fn weigh(terms: &[(u64, u32)], numbers: &ByHash<u32>, idf: &[f32]) -> SparseRow {
    let unknown = idf.iter().copied().fold(1f32, f32::max);
    let mut weights: Vec<f32> = Vec::with_capacity(terms.len());
    let mut places: Vec<Option<u32>> = Vec::with_capacity(terms.len());
    for (term, n) in terms {
        let place = numbers.get(term).copied();
        #[allow(clippy::cast_possible_truncation)]
        let tf = (1.0 + f64::from(*n).ln()) as f32;
        weights.push(tf * place.map_or(unknown, |p| idf[p as usize]));
        places.push(place);
    }
    to_unit_grid(&mut weights);
    let mut row: SparseRow = places
        .into_iter()
        .zip(weights)
        .filter_map(|(place, w)| place.filter(|_| w > 0.0).map(|p| (p, w)))
        .collect();
    row.sort_unstable_by_key(|(term, _)| *term);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unit_length_and_like_texts_score_high() {
        let lexicon =
            Lexicon::fit(&["battery drains overnight", "battery drains quickly", "login page blank"]);
        assert!((lexicon.cosine(0, 0) - 1.0).abs() < 0.01);
        assert!(lexicon.cosine(0, 1) > 0.3);
        assert_eq!(lexicon.cosine(0, 2), 0.0);
        let scores = lexicon.scores(lexicon.row(0));
        assert_eq!(scores[1], lexicon.cosine(0, 1));
    }

    #[test]
    fn a_text_added_later_is_found() {
        let mut lexicon = Lexicon::fit(&["battery drains overnight", "login page blank"]);
        let row = lexicon.weigh("battery drains in the unseen night");
        assert!(lexicon.scores(&row)[0] > 0.2);
        lexicon.add(row);
        assert!(lexicon.scores(&lexicon.row(0).clone())[2] > 0.2);
    }

    #[test]
    fn empty_texts_have_empty_rows() {
        let lexicon = Lexicon::fit(&["", "the of and"]);
        assert!(lexicon.row(0).is_empty() && lexicon.row(1).is_empty());
        assert_eq!(lexicon.scores(lexicon.row(0)), vec![0.0, 0.0]);
    }
}
