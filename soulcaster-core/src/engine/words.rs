//! Text to words: lower-cased runs of letters, digits and underscores of two characters or more, without
//! the commonest English words.

/// The words of `text`, lower-cased, stop words left out.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.chars().nth(1).is_some() || word.chars().any(is_ideograph))
        .map(str::to_lowercase)
        .filter(|word| !is_stop_word(word))
}

/// A character of a script that writes words with one character.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// Hashes of the words of `text` and of its pairs of neighbouring words.
pub(crate) fn terms(text: &str) -> Vec<u64> {
    let mut out = Vec::new();
    let mut last = None;
    for word in words(text) {
        let word = hash(word.as_bytes(), 0);
        out.push(word);
        if let Some(last) = last {
            out.push(mix(word ^ u64::rotate_left(last, 17)));
        }
        last = Some(word);
    }
    out
}

/// FNV-1a (Fowler, Noll, Vo), finished by a mixing step so that every bit counts.
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Whether `word` (lower case) is too common in English to tell texts apart.
pub(crate) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Function words of English, sorted.
#[rustfmt::skip]
const STOP_WORDS: &[&str] = &[
    "about", "above", "across", "after", "again", "against", "all", "almost", "alone", "along", "already",
    "also", "although", "always", "am", "among", "an", "and", "another", "any", "anyone", "anything", "are",
    "around", "as", "at", "be", "became", "because", "been", "before", "being", "below", "between", "both",
    "but", "by", "can", "cannot", "could", "did", "do", "does", "doing", "don", "done", "down", "during",
    "each", "either", "else", "etc", "even", "ever", "every", "everything", "except", "few", "for", "from",
    "further", "get", "give", "go", "had", "has", "have", "having", "he", "hence", "her", "here", "hers",
    "herself", "him", "himself", "his", "how", "however", "if", "in", "indeed", "into", "is", "it", "its",
    "itself", "just", "ll", "many", "may", "me", "might", "mine", "more", "moreover", "most", "much", "must",
    "my", "myself", "neither", "nevertheless", "no", "nor", "not", "nothing", "now", "of", "off", "often",
    "on", "once", "one", "only", "onto", "or", "other", "others", "otherwise", "our", "ours", "ourselves",
    "out", "over", "own", "per", "perhaps", "please", "put", "rather", "re", "same", "seem", "seemed", "seems",
    "several", "she", "should", "since", "so", "some", "somehow", "someone", "something", "sometimes", "still",
    "such", "than", "that", "the", "their", "theirs", "them", "themselves", "then", "there", "therefore",
    "these", "they", "this", "those", "though", "through", "throughout", "thus", "to", "together", "too",
    "toward", "towards", "under", "until", "up", "upon", "us", "ve", "very", "via", "was", "we", "well",
    "were", "what", "whatever", "when", "whenever", "where", "wherever", "whether", "which", "while", "who",
    "whole", "whom", "whose", "why", "will", "with", "within", "without", "would", "yet", "you", "your",
    "yours", "yourself", "yourselves",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn words_are_lower_case_without_stop_words() {
        let found: Vec<String> = words("The App crashes, on start_up! ÉTÉ x 漢").collect();
        assert_eq!(found, ["app", "crashes", "start_up", "été", "漢"]);
    }

    #[test]
    fn terms_hold_words_and_pairs_in_order() {
        assert_eq!(terms("battery drains").len(), 3);
        assert_ne!(terms("battery drains")[2], terms("drains battery")[2]);
        assert!(terms("").is_empty());
    }
}
