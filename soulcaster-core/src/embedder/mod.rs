//! The embedder that needs nothing: no network, no files, no model server.
//!
//! A vector has two blocks. The first sums one learned row a WordPiece token, rows that were distilled from
//! all-MiniLM-L6-v2 (the `README.md` beside the model tells how); it knows meaning. The second holds hashed
//! character n-grams; it knows spelling, and gives words outside the vocabulary a direction. It groups
//! topics and intents nearly as well as the model it was taught by, duplicate bug reports clearly less well.
//!
//! The same text gives the same bits on every machine: rows are added in text order in plain `f32` steps,
//! n-grams are counted in whole numbers, the only functions used are division and square root, which IEEE 754
//! fixes to the last bit, and [`Embedding::new`] rounds the result to a grid.

mod chars;
mod model;
mod ngram;
mod wordpiece;

use std::sync::OnceLock;

use async_trait::async_trait;
use rayon::prelude::*;

use crate::error::Result;
use crate::port::embedder::{Embedder, EmbedderId, Embedding};

use model::StaticModel;
use ngram::{BUCKETS, Grams};

/// Characters of a text that are read; the rest is ignored.
pub const MAX_CHARACTERS: usize = 4_000;

/// Tokens of a text that are read: the word that would pass this number ends the text.
pub const MAX_TOKENS: usize = 512;

/// Length of the n-gram block beside the static block of length 1.
///
/// Over six labelled sets the mean average precision of same-label pairs is 0.420 without n-grams, 0.426 at
/// 0.3, 0.432 at 0.5 and 0.433 at 0.7: bug reports and news gain from more, customer questions from less.
const NGRAM_LENGTH: f32 = 0.5;

/// How often the n-grams of a word count for each unit of its tokens' largest scale.
///
/// The model's scales are small for frequent tokens, so "the" counts a ninth as often as a rare word. This
/// gains 0.002 in mean average precision over equal weights.
const WEIGHT_PER_SCALE: f32 = 64.0;

/// How often the n-grams of an unknown word count: as those of a rare known word.
const UNKNOWN_WEIGHT: i32 = 27;

/// Texts that are worth one more thread.
const TEXTS_PER_THREAD: usize = 128;

static MODEL_FILE: &[u8] = include_bytes!("../../assets/static-minilm-256-q4.sem");

/// The built-in offline embedder.
///
/// Any text gets a vector. Text without a letter, digit or symbol (empty, blanks, control characters,
/// punctuation) gets one fixed vector, the last axis, which is far from every other. Only the first
/// [`MAX_CHARACTERS`] characters and [`MAX_TOKENS`] tokens count. Copies are free; the model is read once a
/// process, in about a millisecond.
///
/// ```
/// use soulcaster_core::embedder::BuiltinEmbedder;
/// let embedder = BuiltinEmbedder::new();
/// let crash = embedder.embed_text("The app crashes when I log in");
/// assert!(crash.cosine(&embedder.embed_text("login makes the app crash")) > 0.5);
/// assert!(crash.cosine(&embedder.embed_text("please add a dark theme")) < 0.3);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BuiltinEmbedder {
    model: &'static StaticModel<'static>,
}

impl Default for BuiltinEmbedder {
    fn default() -> Self {
        Self::new()
    }
}

/// Room to work in, kept from text to text.
#[derive(Default)]
struct Room {
    folded: String,
    hashes: Vec<u32>,
    pieces: Vec<u32>,
}

impl BuiltinEmbedder {
    /// Opens the model.
    #[must_use]
    pub fn new() -> Self {
        static MODEL: OnceLock<StaticModel<'static>> = OnceLock::new();
        // The file is part of the program, and a test reads it.
        Self {
            model: MODEL.get_or_init(|| StaticModel::parse(MODEL_FILE).expect("the shipped model is sound")),
        }
    }

    /// Names the model and its version; changes whenever a vector does.
    #[must_use]
    pub fn id(&self) -> EmbedderId {
        EmbedderId(format!("builtin-static-minilm-{}+ngram-{BUCKETS}/1", self.model.dimensions))
    }

    /// Components of each vector: the static block, then the n-grams.
    #[must_use]
    pub fn dimensions(&self) -> usize {
        self.model.dimensions + BUCKETS
    }

    /// Embeds one text.
    #[must_use]
    pub fn embed_text(&self, text: &str) -> Embedding {
        self.embed_in(&mut Room::default(), text)
    }

    /// Embeds many texts, in order; large batches use all threads of the rayon pool.
    #[must_use]
    pub fn embed_batch(&self, texts: &[impl AsRef<str> + Sync]) -> Vec<Embedding> {
        if texts.len() < 2 * TEXTS_PER_THREAD {
            let mut room = Room::default();
            return texts.iter().map(|text| self.embed_in(&mut room, text.as_ref())).collect();
        }
        texts
            .par_iter()
            .with_min_len(TEXTS_PER_THREAD)
            .map_init(Room::default, |room, text| self.embed_in(room, text.as_ref()))
            .collect()
    }

    /// The tokens that are read from a text, in order; `None` for a word outside the vocabulary.
    #[must_use]
    pub fn tokens(&self, text: &str) -> Vec<Option<&'static str>> {
        let vocabulary = &self.model.vocabulary;
        let mut tokens = Vec::new();
        self.read(&mut Room::default(), text, |_, pieces| {
            tokens.extend(pieces.iter().map(|&piece| Some(vocabulary.token(piece as usize))));
            if pieces.is_empty() {
                tokens.push(None);
            }
        });
        tokens
    }

    /// Every token of the model, by its number. `##` marks pieces that continue a word.
    pub fn vocabulary(&self) -> impl Iterator<Item = &'static str> + use<> {
        let vocabulary = &self.model.vocabulary;
        (0..vocabulary.len()).map(move |token| vocabulary.token(token))
    }

    /// Calls `visit` with each word and its tokens, none for an unknown word, until a limit is met.
    fn read(&self, room: &mut Room, text: &str, mut visit: impl FnMut(&str, &[u32])) {
        let Room { folded, hashes, pieces } = room;
        folded.clear();
        wordpiece::fold(head(text), folded);
        let mut count = 0;
        for word in folded.split(' ').filter(|word| !word.is_empty()) {
            pieces.clear();
            self.model.vocabulary.split(word, hashes, pieces);
            count += pieces.len().max(1);
            if count > MAX_TOKENS {
                return;
            }
            visit(word, pieces);
        }
    }

    fn embed_in(&self, room: &mut Room, text: &str) -> Embedding {
        let mut vector = vec![0f32; self.dimensions()];
        let (meaning, spelling) = vector.split_at_mut(self.model.dimensions);
        let mut grams = Grams::new();
        let mut lettered = false;
        self.read(room, text, |word, pieces| {
            for &piece in pieces {
                self.model.add(piece, meaning);
            }
            if !word.starts_with(chars::is_punctuation) {
                lettered = true;
                grams.add(word, self.weight(pieces));
            }
        });
        if !lettered {
            return self.blank();
        }
        let length = length(meaning);
        if length > 0.0 {
            meaning.iter_mut().for_each(|x| *x /= length);
        }
        grams.write(NGRAM_LENGTH, spelling);
        // Without any direction (its few n-grams cancelled out) a text counts as blank.
        Embedding::new(vector).unwrap_or_else(|_| self.blank())
    }

    /// How often the n-grams of a word with these tokens count.
    #[allow(clippy::cast_possible_truncation)] // held between 1 and 1,024
    fn weight(&self, pieces: &[u32]) -> i32 {
        let largest = pieces.iter().map(|&piece| self.model.scale(piece)).reduce(f32::max);
        largest.map_or(UNKNOWN_WEIGHT, |scale| (scale * WEIGHT_PER_SCALE + 0.5).clamp(1.0, 1_024.0) as i32)
    }

    /// The vector of text that says nothing: the last axis.
    fn blank(&self) -> Embedding {
        let mut vector = vec![0f32; self.dimensions()];
        vector[self.dimensions() - 1] = 1.0;
        // One component is 1, so there is a direction.
        Embedding::new(vector).expect("an axis is a direction")
    }
}

#[async_trait]
impl Embedder for BuiltinEmbedder {
    fn id(&self) -> EmbedderId {
        self.id()
    }

    fn dimensions(&self) -> usize {
        self.dimensions()
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>> {
        Ok(self.embed_batch(texts))
    }
}

/// The first [`MAX_CHARACTERS`] characters.
fn head(text: &str) -> &str {
    if text.len() <= MAX_CHARACTERS {
        return text;
    }
    text.char_indices().nth(MAX_CHARACTERS).map_or(text, |(end, _)| &text[..end])
}

/// Euclidean length, summed in eight lanes of a fixed order.
fn length(vector: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    for chunk in vector.chunks(8) {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x * x;
        }
    }
    lanes.iter().sum::<f32>().sqrt()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn embed(text: &str) -> Embedding {
        BuiltinEmbedder::new().embed_text(text)
    }

    #[test]
    fn shipped_model_is_sound() {
        let model = StaticModel::parse(MODEL_FILE).unwrap();
        assert_eq!((model.dimensions, model.vocabulary.len()), (256, 27_661));
        assert_eq!(BuiltinEmbedder::new().dimensions(), 512);
        assert_eq!(BuiltinEmbedder::new().id().to_string(), "builtin-static-minilm-256+ngram-256/1");
    }

    #[test]
    fn words_become_pieces() {
        let tokens = BuiltinEmbedder::new().tokens("Résumé crashes: ßé中 unaffable");
        let known: Vec<_> = tokens.iter().map(|token| token.unwrap_or("?")).collect();
        assert_eq!(known, ["resume", "crashes", ":", "ß", "##e", "?", "una", "##ffa", "##ble"]);
    }

    #[test]
    fn meaning_and_spelling_bring_texts_together() {
        let crash = embed("The app crashes when I log in");
        let (same, typo) =
            (embed("login makes the application crash"), embed("teh app crahses when i log in"));
        let other = embed("please add a dark colour theme");
        assert!(crash.cosine(&same) > crash.cosine(&other) + 0.3);
        assert!(crash.cosine(&typo) > crash.cosine(&other) + 0.3);
    }

    #[test]
    fn unknown_words_have_a_direction_of_their_own() {
        let (a, b, c) = (embed("クラッシュする"), embed("クラッシュした"), embed("Благодарность"));
        assert!(a.cosine(&b) > 0.4, "{}", a.cosine(&b));
        assert!(a.cosine(&c) < 0.3, "{}", a.cosine(&c));
        assert_ne!(embed("🔥🔥"), embed(""));
    }

    #[test]
    fn texts_that_say_nothing_share_one_vector() {
        let blank = embed("");
        assert_eq!(blank.as_slice().iter().filter(|&&x| x != 0.0).count(), 1);
        assert_eq!(blank.as_slice()[511], 1.0);
        for text in [" \t\n", "...!?", "\0\u{200b}", "。、", "#$%"] {
            assert_eq!(embed(text), blank, "{text:?}");
        }
        assert!(embed("it crashes").cosine(&blank).abs() < 0.2);
    }

    #[test]
    fn case_accents_and_blanks_do_not_matter() {
        assert_eq!(embed("Café  CRASH\n"), embed("cafe\u{301} crash"));
    }

    #[test]
    fn reading_stops_at_the_limits() {
        let words = "ab ".repeat(MAX_CHARACTERS);
        assert_eq!(BuiltinEmbedder::new().tokens(&words).len(), MAX_TOKENS);
        let start = "é".repeat(MAX_CHARACTERS);
        assert_eq!(head(&(start.clone() + "x")), start);
        assert_eq!(head(&start), start);
        let huge = "crash ".repeat(1_000_000);
        assert_eq!(embed(&huge), embed(&huge[..MAX_CHARACTERS]));
    }

    #[test]
    fn batches_keep_order_and_equal_single_texts() {
        let texts: Vec<String> = (0..1_000).map(|i| format!("report {i} about error {}", i * 7919)).collect();
        let single: Vec<_> = texts.iter().map(|text| embed(text)).collect();
        assert_eq!(BuiltinEmbedder::new().embed_batch(&texts), single);
        assert_eq!(BuiltinEmbedder::new().embed_batch(&texts[..3]), single[..3]);
    }

    const PINNED: [(&str, u64); 3] = [
        ("Popup with search suggestions hides on 'mousedown' over some buttons", 0xbb02_03a1_376b_68d1),
        ("kernel: [12.5] usb 1-1: device descriptor read/64, error -71", 0x05a9_88cb_5a4b_3db4),
        ("Größe der Übersicht ändert sich 中文 🔥", 0xb0c7_c4fa_c869_70a9),
    ];

    #[test]
    fn vectors_have_the_pinned_bits() {
        // These sums change only together with the version in the id.
        for (text, sum) in PINNED {
            let bytes = embed(text).to_bytes();
            let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            assert_eq!(hash, sum, "{text}: {hash:#x}");
        }
    }

    #[test]
    fn copies_work_from_many_threads() {
        let embedder = BuiltinEmbedder::new();
        let vectors: Vec<_> = thread::scope(|scope| {
            let handles: Vec<_> = (0..4).map(|_| scope.spawn(move || embedder.embed_text("crash"))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        assert!(vectors.iter().all(|vector| *vector == vectors[0]));
    }

    proptest! {
        #[test]
        fn any_text_gets_a_unit_vector(text in any::<String>()) {
            let vector = embed(&text);
            prop_assert_eq!(vector.dimensions(), 512);
            prop_assert!((vector.cosine(&vector) - 1.0).abs() < 0.02);
        }
    }
}
