//! BERT-uncased text cleaning and WordPiece, without an allocation a token.
//!
//! Follows the `BertNormalizer`, `BertPreTokenizer` and `WordPiece` of the `tokenizers` library step by step;
//! a test of the workspace compares the two. Schuster and Nakajima, "Japanese and Korean Voice Search",
//! describe the model.

use unicode_normalization::UnicodeNormalization;

use crate::embedder::chars::{is_ideograph, is_nonspacing, is_punctuation, is_removed};
use crate::error::{Error, Result};

/// Longer words are unknown; counted in characters.
const MAX_WORD: usize = 100;

/// Stands for "no token" in a slot of the hash table.
const EMPTY: u32 = u32::MAX;

/// Cleans `text`, folds case and accents, and appends its words to `out`, parted by blanks.
///
/// Control characters go, ideographs and punctuation become words of their own, the rest is decomposed (NFD),
/// loses its marks and is lower-cased.
pub(super) fn fold(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(first) = rest.as_bytes().first() {
        // An ASCII character never joins its neighbours under NFD, so runs can be folded one by one.
        let ascii = first.is_ascii();
        let end = rest.bytes().position(|byte| byte.is_ascii() != ascii).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let folder = if ascii { fold_ascii } else { fold_unicode };
        folder(run, out);
        rest = after;
    }
}

fn fold_ascii(run: &str, out: &mut String) {
    for byte in run.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'A'..=b'Z' => out.push(char::from(byte.to_ascii_lowercase())),
            b' ' | b'\t' | b'\n' | b'\r' => out.push(' '),
            _ if byte.is_ascii_punctuation() => {
                out.push(' ');
                out.push(char::from(byte));
                out.push(' ');
            }
            _ => {} // control characters
        }
    }
}

fn fold_unicode(run: &str, out: &mut String) {
    let cleaned = run.chars().filter(|&c| !is_removed(c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    let spaced = cleaned.flat_map(|c| {
        let edge = is_ideograph(c).then_some(' ');
        edge.into_iter().chain([c]).chain(edge)
    });
    for c in spaced.nfd().filter(|&c| !is_nonspacing(c)).flat_map(char::to_lowercase) {
        if is_punctuation(c) {
            out.push(' ');
            out.push(c);
            out.push(' ');
        } else {
            out.push(c);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    token: u32,
}

/// The tokens of a model, in an open-addressing hash table over the bytes they were read from.
#[derive(Debug, Clone)]
pub(super) struct Vocabulary<'a> {
    text: &'a str,
    /// Where each token starts in `text`, and the end of the last.
    bounds: Vec<u32>,
    slots: Vec<Slot>,
    longest: usize,
}

impl<'a> Vocabulary<'a> {
    /// Reads tokens of the given `lengths` (bytes), written one after another in `text`.
    pub(super) fn new(text: &'a str, lengths: &[u8]) -> Result<Self> {
        let mut bounds = Vec::with_capacity(lengths.len() + 1);
        let mut end = 0usize;
        bounds.push(0);
        for &length in lengths {
            end += usize::from(length);
            if length == 0 || !text.is_char_boundary(end) {
                return Err(wrong("a token is empty or ends inside a character"));
            }
            bounds.push(u32::try_from(end).map_err(|_| wrong("vocabulary of over 4 GiB"))?);
        }
        if end != text.len() {
            return Err(wrong("token lengths do not add up to the vocabulary"));
        }
        let size = (lengths.len() * 2).next_power_of_two();
        let slots = vec![Slot { hash: 0, token: EMPTY }; size];
        let longest = lengths.iter().copied().max().map_or(0, usize::from);
        let mut vocabulary = Self { text, bounds, slots, longest };
        for token in 0..lengths.len() {
            vocabulary.insert(token)?;
        }
        Ok(vocabulary)
    }

    fn insert(&mut self, token: usize) -> Result<()> {
        let (continues, piece) = split_marker(self.token(token));
        let hash = piece.bytes().fold(seed(continues), step);
        if self.find(hash, continues, piece.as_bytes()).is_some() {
            return Err(wrong("a token is listed twice"));
        }
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        while self.slots[at].token != EMPTY {
            at = (at + 1) & mask;
        }
        let token = u32::try_from(token).map_err(|_| wrong("over 4 billion tokens"))?;
        self.slots[at] = Slot { hash, token };
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The text of a token, with its `##`.
    pub(super) fn token(&self, token: usize) -> &'a str {
        &self.text[self.bounds[token] as usize..self.bounds[token + 1] as usize]
    }

    fn find(&self, hash: u32, continues: bool, piece: &[u8]) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = place(hash) & mask;
        loop {
            let slot = self.slots[at];
            if slot.token == EMPTY {
                return None;
            }
            if slot.hash == hash {
                let (marked, text) = split_marker(self.token(slot.token as usize));
                if marked == continues && text.as_bytes() == piece {
                    return Some(slot.token);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Appends the tokens of one folded word to `pieces`, greedily the longest first.
    ///
    /// False, with nothing appended, when some part of it is no token or it is over 100 characters long.
    /// `hashes` is room to work in.
    pub(super) fn split(&self, word: &str, hashes: &mut Vec<u32>, pieces: &mut Vec<u32>) -> bool {
        if word.len() > MAX_WORD && word.chars().count() > MAX_WORD {
            return false;
        }
        let before = pieces.len();
        let mut rest = word.as_bytes();
        while !rest.is_empty() {
            let continues = rest.len() < word.len();
            hashes.clear();
            let mut hash = seed(continues);
            for &byte in rest.iter().take(self.longest) {
                hash = step(hash, byte);
                hashes.push(hash);
            }
            // Tokens are whole characters, so a byte prefix that equals one ends between characters.
            let hit = (1..=hashes.len()).rev().find_map(|length| {
                self.find(hashes[length - 1], continues, &rest[..length]).map(|token| (token, length))
            });
            let Some((token, length)) = hit else {
                pieces.truncate(before);
                return false;
            };
            pieces.push(token);
            rest = &rest[length..];
        }
        true
    }
}

/// Parts a token into whether it continues a word, and its text without the `##` that says so.
fn split_marker(token: &str) -> (bool, &str) {
    match token.strip_prefix("##") {
        Some(piece) if !piece.is_empty() => (true, piece),
        _ => (false, token),
    }
}

/// FNV-1a, started from another state for pieces that continue a word.
fn seed(continues: bool) -> u32 {
    if continues { 0x9747_b28c } else { 0x811c_9dc5 }
}

fn step(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

fn place(hash: u32) -> usize {
    (hash ^ (hash >> 15)) as usize
}

fn wrong(message: &str) -> Error {
    Error::invalid("embedder.model", message)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> Vec<String> {
        let mut out = String::new();
        fold(text, &mut out);
        out.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    fn vocabulary() -> Vocabulary<'static> {
        Vocabulary::new("un##aff##ableunaéb##b", &[2, 5, 6, 3, 3, 3]).unwrap()
    }

    fn split(word: &str) -> Option<Vec<&'static str>> {
        let vocabulary = vocabulary();
        let mut pieces = Vec::new();
        let known = vocabulary.split(word, &mut Vec::new(), &mut pieces);
        known.then(|| pieces.iter().map(|&token| vocabulary.token(token as usize)).collect())
    }

    #[test]
    fn cleaning_removes_folds_and_parts() {
        assert_eq!(folded("Don't\tSTOP"), ["don", "'", "t", "stop"]);
        assert_eq!(folded("Ångström naïve ÉCOLE İstanbul"), ["angstrom", "naive", "ecole", "istanbul"]);
        assert_eq!(folded("e\u{301}a\0b\u{200d}c\u{b}d \u{fffd}"), ["eabcd"]);
        assert_eq!(folded("使う中wörd"), ["使", "う", "中", "word"]);
        assert_eq!(folded("a\u{a0}b\u{2028}c\u{85}d"), ["a", "b", "cd"]);
        assert_eq!(folded("“hi”…\u{37e}"), ["“", "hi", "”", "…", ";"]);
        assert!(folded(" \n\u{3000}\0").is_empty());
    }

    #[test]
    fn longest_piece_wins() {
        assert_eq!(split("unaffable"), None, "`una` is taken first and `ffable` is no token");
        assert_eq!(split("unable"), None);
        assert_eq!(split("un"), Some(vec!["un"]));
        assert_eq!(split("unb"), Some(vec!["un", "##b"]));
        assert_eq!(split("éb"), Some(vec!["éb"]));
        assert_eq!(split("unx"), None);
    }

    #[test]
    fn words_over_100_characters_are_unknown() {
        let vocabulary = Vocabulary::new("a##aé##é", &[1, 3, 2, 4]).unwrap();
        for letter in ["a", "é"] {
            let known = |count| vocabulary.split(&letter.repeat(count), &mut Vec::new(), &mut Vec::new());
            assert!(known(100));
            assert!(!known(101));
        }
    }

    #[test]
    fn bad_vocabularies_are_refused() {
        for (text, lengths) in
            [("ab", &[1u8][..]), ("ab", &[1, 2]), ("é", &[1, 1]), ("ab", &[0, 2]), ("aa", &[1, 1])]
        {
            assert!(Vocabulary::new(text, lengths).is_err(), "{text} {lengths:?}");
        }
        assert!(Vocabulary::new("##", &[2]).is_ok());
    }

    proptest! {
        #[test]
        fn folding_is_stable_and_leaves_no_marks(text in any::<String>()) {
            let mut once = String::new();
            fold(&text, &mut once);
            prop_assert!(!once.chars().any(|c| is_nonspacing(c) || c == '\0' || c.is_ascii_uppercase()));
            let alone = |word: &str| word.chars().count() < 2 || !word.chars().any(is_punctuation);
            prop_assert!(once.split(' ').all(alone));
        }

        #[test]
        fn pieces_spell_the_word(word in "[abeflnu]{0,12}") {
            if let Some(pieces) = split(&word) {
                prop_assert_eq!(pieces.iter().map(|piece| split_marker(piece).1).collect::<String>(), word);
            }
        }

        #[test]
        fn arbitrary_lengths_never_panic(text in any::<String>(), lengths in vec(any::<u8>(), 0..9)) {
            let _ = Vocabulary::new(&text, &lengths);
        }
    }
}
