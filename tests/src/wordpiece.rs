//! The built-in embedder reads text token for token as the `tokenizers` library does.
//!
//! The library's own tables stand at Unicode 8 (categories) and 9 (decomposition), ours at 8 and at what
//! `unicode-normalization` brings. The newer decompositions concern scripts without any token, so no text differs.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use soulcaster_core::embedder::{BuiltinEmbedder, MAX_TOKENS};
use tokenizers::Tokenizer;

const UNKNOWN: &str = "[UNK]";

/// The library over the same pruned vocabulary; its token for unknown words comes on top.
fn reference() -> Tokenizer {
    let tokens = BuiltinEmbedder::new().vocabulary().chain([UNKNOWN]);
    let vocabulary: Map<String, Value> =
        (0u32..).zip(tokens).map(|(id, token)| (token.to_owned(), id.into())).collect();
    let tokenizer = json!({
        "version": "1.0",
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "model": {
            "type": "WordPiece",
            "unk_token": UNKNOWN, "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    });
    tokenizer.to_string().parse().expect("a sound tokenizer")
}

fn check(reference: &Tokenizer, text: &str) -> Result<(), TestCaseError> {
    let expected = reference.encode(text, false).expect("any text is encoded");
    let expected: Vec<Option<&str>> =
        expected.get_tokens().iter().map(|token| (token != UNKNOWN).then_some(token.as_str())).collect();
    prop_assert!(expected.len() <= MAX_TOKENS, "text is too long to compare");
    prop_assert_eq!(BuiltinEmbedder::new().tokens(text), expected, "{:?}", text);
    Ok(())
}

/// Checks `text` in parts that stay under the embedder's limits.
fn check_lines(reference: &Tokenizer, text: &str) -> usize {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let parts = lines.flat_map(|line| {
        let characters: Vec<char> = line.chars().collect();
        characters.chunks(300).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>()
    });
    parts.map(|part| check(reference, &part).expect("same tokens")).count()
}

fn check_folder(reference: &Tokenizer, folder: &Path) -> usize {
    let mut lines = 0;
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            lines += check_folder(reference, &path);
        } else if let Ok(text) = fs::read_to_string(&path) {
            lines += check_lines(reference, &text);
        }
    }
    lines
}

/// Every line of this workspace's sources and fixtures, and of the file that `SOULCASTER_TEXTS` names, if it does.
#[test]
fn real_lines_agree() {
    let reference = reference();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["soulcaster-core/src", "soulcaster-sources", "soulcaster-agents", "tests"];
    let mut lines: usize = folders.iter().map(|folder| check_folder(&reference, &root.join(folder))).sum();
    if let Ok(path) = std::env::var("SOULCASTER_TEXTS") {
        lines += check_lines(&reference, &fs::read_to_string(path).unwrap());
    }
    println!("{lines} lines agree");
    assert!(lines > 2_000, "only {lines} lines found");
}

#[test]
fn every_token_of_the_vocabulary_agrees() {
    let reference = reference();
    for token in BuiltinEmbedder::new().vocabulary() {
        let word = token.strip_prefix("##").unwrap_or(token);
        for text in [token.to_owned(), word.to_uppercase(), format!("un{word}s-{word}")] {
            check(&reference, &text).unwrap();
        }
    }
}

/// Each character of Unicode inside a word, at its end, alone, and after an accented letter.
#[test]
fn every_character_agrees() {
    let reference = reference();
    let characters: Vec<char> = ('\0'..=char::MAX).collect();
    for part in characters.chunks(24) {
        let text: String = part.iter().map(|c| format!("re{c}ad an{c} {c} é{c}a ")).collect();
        check(&reference, &text).unwrap();
    }
}

/// Pieces of text that meet each other at awkward places.
fn awkward() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<char>().prop_map(String::from),
        "[a-zA-Z]{1,8}",
        "[\\x00-\\x7f]{1,6}",
        "[\u{300}-\u{36f}\u{483}-\u{489}\u{591}-\u{5c7}\u{1ab0}-\u{1aff}\u{20d0}-\u{20f0}]{1,4}",
        "[\u{c0}-\u{24f}\u{1e00}-\u{1eff}]{1,6}",
        "[\u{370}-\u{3ff}\u{400}-\u{52f}\u{590}-\u{6ff}]{1,6}",
        "[\u{4e00}-\u{4eff}\u{3040}-\u{30ff}\u{ac00}-\u{acff}\u{f900}-\u{faff}]{1,4}",
        "[\u{1f300}-\u{1f64f}\u{1f1e6}-\u{1f1ff}\u{200d}\u{fe0f}]{1,4}",
        "[\u{2000}-\u{206f}\u{80}-\u{bf}\u{3000}-\u{303f}\u{ff00}-\u{ff20}\u{fff0}-\u{fffd}]{1,4}",
        "[\u{900}-\u{9ff}\u{b80}-\u{bff}\u{e00}-\u{e7f}\u{1b00}-\u{1b4f}]{1,5}",
        Just("x".repeat(99)),
        Just("é".repeat(50)),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().chars().take(400).collect())
}

#[test]
fn arbitrary_text_agrees() {
    let reference = reference();
    let config = ProptestConfig { cases: 5_000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner.run(&prop_oneof![awkward(), any::<String>()], |text| check(&reference, &text)).unwrap();
}
