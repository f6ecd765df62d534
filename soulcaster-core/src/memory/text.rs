//! What a word is, and how well a text matches some: the same in every store.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::model::visible::is_invisible;

/// Longest word, in characters; of a longer one the beginning counts.
const MAX_WORD: usize = 64;

/// The words of `text`, lower-cased and without accents, a blank between two.
///
/// A word is a run of letters, digits and marks. Case is folded fully (`STRASSE` is `straße`), compatible
/// forms are one (`ﬁ` is `fi`). What nobody sees is passed over, also within a word. No other character
/// survives, so a query has no operators.
///
/// ```
/// use soulcaster_core::memory::text::fold;
/// assert_eq!(fold("Café-Crash: \"NOT a Bug\"!"), "cafe crash not a bug");
/// ```
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut length = 0;
    let mut push = |c: char, is_word: bool| {
        if !is_word {
            length = 0;
            return;
        }
        if length == 0 && !out.is_empty() {
            out.push(' ');
        }
        length += 1;
        if length > MAX_WORD {
        } else if c.is_ascii() {
            out.push(c.to_ascii_lowercase());
        } else {
            out.extend(c.to_uppercase().flat_map(char::to_lowercase));
        }
    };
    if text.is_ascii() {
        text.chars().for_each(|c| push(c, c.is_ascii_alphanumeric()));
    } else {
        for c in text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c) && !is_invisible(*c)) {
            push(c, c.is_alphanumeric() || is_combining_mark(c));
        }
    }
    out
}

/// The different words of a query, sorted.
#[must_use]
pub fn query_words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = fold(text).split_terminator(' ').map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// How many words a folded text has.
#[must_use]
pub fn count(folded: &str) -> u64 {
    folded.split_terminator(' ').count() as u64
}

/// What BM25 knows about a collection and the words of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relevance {
    /// How many records have a text.
    pub documents: u64,
    /// How many words those have together.
    pub length: u64,
    /// How many of them hold each word of the query.
    pub found: Vec<u64>,
}

/// A record that holds a word of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The version of its first write.
    pub created: u64,
    /// How many words its text has.
    pub length: u64,
    /// How often it holds each word of the query.
    pub counts: Vec<u32>,
}

impl Relevance {
    /// How many words the query has.
    #[must_use]
    pub fn words(&self) -> usize {
        self.found.len()
    }

    /// BM25 with k1 = 1.2 and b = 0.75: greater is better.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // counts stay far below 2^52
    pub fn score(&self, hit: &Match) -> f64 {
        let mean = self.length.max(1) as f64 / self.documents.max(1) as f64;
        let norm = 1.2 * (0.25 + 0.75 * hit.length as f64 / mean);
        let weight = |(found, count): (&u64, &u32)| {
            let missing = self.documents.saturating_sub(*found) as f64;
            let rarity = (1.0 + (missing + 0.5) / (*found as f64 + 0.5)).ln();
            let count = f64::from(*count);
            rarity * count * 2.2 / (count + norm)
        };
        self.found.iter().zip(&hit.counts).map(weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_any_case_and_accent_are_one() {
        for (text, folded) in [
            ("CRÈME brûlée", "creme brulee"),
            ("STRASSE straße", "strasse strasse"),
            ("ΟΔΟΣ οδος", "οδοσ οδοσ"),
            ("İstanbul ıstanbul", "istanbul istanbul"),
            ("e\u{301}te\u{301}", "ete"),
            ("ﬁle № ５", "file no 5"),
            ("हिन्दी शब्द", "हिन्दी शब्द"),
            (" \u{0}--!! ", ""),
            ("a\u{0}b", "a b"),
            ("日本語", "日本語"),
            ("pass\u{200b}wo\u{202e}rd \u{2764}\u{fe0f} hi\u{e0041}", "password hi"),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
            assert_eq!(fold(folded), folded, "folding again changes {text:?}");
        }
        assert_eq!(fold(&"x".repeat(100)).len(), MAX_WORD);
        assert_eq!(count(&fold("one, two")), 2);
        assert_eq!(count(""), 0);
        assert_eq!(query_words("b a B"), ["a", "b"]);
    }

    #[test]
    fn a_rare_word_and_a_short_text_score_higher() {
        let relevance = Relevance { documents: 10, length: 100, found: vec![1, 8] };
        let score =
            |length, counts: &[u32]| relevance.score(&Match { created: 1, length, counts: counts.to_vec() });
        assert!(score(10, &[1, 0]) > score(10, &[0, 1]));
        assert!(score(5, &[1, 0]) > score(20, &[1, 0]));
        assert!(score(10, &[2, 0]) > score(10, &[1, 0]));
        assert!(score(10, &[0, 1]) > 0.0);
    }
}
