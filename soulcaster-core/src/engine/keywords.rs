//! Names for groups without a model: the words that set a group apart from the others, by class-based
//! TF-IDF (Grootendorst 2022): how often a word is in the group, times `ln(1 + words a group / how often it
//! is anywhere)`.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::engine::words::words;

/// How much of a text is read, in characters.
const READ: usize = 1000;

/// For each of `groups` (rows of `texts`) at most `most` words, strongest first; equal ones by spelling.
///
/// Words of numbers alone are left out. A word counts once a text.
#[must_use]
pub fn keywords<T: AsRef<str> + Sync>(texts: &[T], groups: &[Vec<usize>], most: usize) -> Vec<Vec<String>> {
    let counted: Vec<HashMap<String, f64>> = groups
        .par_iter()
        .map(|group| {
            let mut counts: HashMap<String, f64> = HashMap::new();
            for row in group {
                let text = texts[*row].as_ref();
                let end = text.char_indices().nth(READ).map_or(text.len(), |(at, _)| at);
                let mut seen: Vec<String> =
                    words(&text[..end]).filter(|w| !w.chars().all(char::is_numeric)).collect();
                seen.sort_unstable();
                seen.dedup();
                seen.into_iter().for_each(|word| *counts.entry(word).or_default() += 1.0);
            }
            counts
        })
        .collect();
    let mut everywhere: HashMap<&str, f64> = HashMap::new();
    for (word, count) in counted.iter().flatten() {
        *everywhere.entry(word).or_default() += count;
    }
    let total: f64 = counted.iter().map(|c| c.values().sum::<f64>()).sum();
    let mean = total / groups.len().max(1) as f64;
    counted
        .par_iter()
        .map(|counts| {
            let mut scored: Vec<(f64, &str)> = counts
                .iter()
                .map(|(word, count)| (count * (mean / everywhere[word.as_str()]).ln_1p(), word.as_str()))
                .collect();
            scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            scored.truncate(most);
            scored.into_iter().map(|(_, word)| word.to_owned()).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_group_come_before_words_of_all() {
        let texts = ["app battery drains", "app battery hot", "app login fails", "app login blank"];
        let found = keywords(&texts, &[vec![0, 1], vec![2, 3]], 2);
        assert_eq!(found[0][0], "battery");
        assert_eq!(found[1][0], "login");
        assert!(found.iter().all(|words| words.len() == 2));
    }

    #[test]
    fn numbers_and_empty_texts_give_no_words() {
        assert_eq!(keywords(&["", "404 500"], &[vec![0], vec![1]], 3), vec![Vec::<String>::new(); 2]);
    }
}
