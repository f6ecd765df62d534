//! What texts say that may occur in a repository: paths, names of code, words of error messages.

use std::collections::HashMap;

use crate::engine::trace::Trace;
use crate::model::brief::Clues;

/// Clues of each kind that are kept.
const MAX: usize = 40;
/// Longest clue, in bytes.
const LONGEST: usize = 200;
/// Endings of files that hold code or settings.
const ENDINGS: [&str; 30] = [
    "rs", "py", "js", "jsx", "mjs", "cjs", "ts", "tsx", "go", "java", "kt", "rb", "cs", "php", "c", "h",
    "cc", "cpp", "hpp", "swift", "scala", "ex", "vue", "svelte", "sql", "html", "css", "toml", "yaml",
    "json",
];

/// Gathers the clues in `texts` with the traces read from them; what more texts name comes first.
#[must_use]
pub fn clues(texts: &[&str], traces: &[Trace]) -> Clues {
    let [mut paths, mut symbols, mut messages] = [Tally::default(), Tally::default(), Tally::default()];
    for (at, text) in texts.iter().enumerate() {
        for word in text
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ',' | '<' | '>' | '`'))
        {
            if let Some(path) = path(word) {
                paths.add(at, path, 1);
            } else if let Some(symbol) = symbol(word) {
                symbols.add(at, symbol, 1);
            }
        }
        for code in quoted(text, '`') {
            let name = code.split('(').next().unwrap_or(code).trim();
            if !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '#'))
            {
                symbols.add(at, last_part(name), 2);
            }
        }
        for message in quoted(text, '"').chain(quoted(text, '“')) {
            if message.split_whitespace().count() >= 2 {
                messages.add(at, message.trim(), 1);
            }
        }
    }
    for (at, trace) in traces.iter().enumerate() {
        for frame in trace.frames.iter().filter(|frame| frame.in_app) {
            if let Some(file) = &frame.file {
                paths.add(at, file.trim_start_matches("./"), 3);
            }
            if !matches!(frame.function.as_str(), "panic" | "?" | "<module>" | "<anonymous>") {
                symbols.add(at, last_part(&frame.function), 3);
            }
        }
        if let Some((_, message)) = trace.error.as_deref().and_then(|error| error.split_once(": ")) {
            messages.add(at, message, 3);
        }
    }
    Clues { paths: paths.most(), symbols: symbols.most(), messages: messages.most() }
}

/// Words with their weight, summed over the texts that name them.
#[derive(Default)]
struct Tally<'a> {
    seen: HashMap<&'a str, (u64, usize, usize)>,
}

impl<'a> Tally<'a> {
    /// Counts `word` once a text, with the greatest weight it has there.
    fn add(&mut self, text: usize, word: &'a str, weight: u64) {
        if word.len() > LONGEST || word.len() < 3 {
            return;
        }
        let order = self.seen.len();
        let (sum, last, _) = self.seen.entry(word).or_insert((0, usize::MAX, order));
        if *last != text {
            *last = text;
            *sum += weight;
        }
    }

    fn most(self) -> Vec<String> {
        let mut words: Vec<_> = self.seen.into_iter().collect();
        words.sort_by_key(|(_, (sum, _, order))| (std::cmp::Reverse(*sum), *order));
        words.into_iter().take(MAX).map(|(word, _)| word.to_owned()).collect()
    }
}

/// A path with an ending of code, without the place behind it.
fn path(word: &str) -> Option<&str> {
    let word = word.trim_matches(|c: char| matches!(c, '.' | ':' | ';' | '[' | ']' | '*' | '!' | '?'));
    if word.contains("://") || word.starts_with("www.") {
        return None;
    }
    let file = word.split(':').next()?;
    let (stem, ending) = file.rsplit_once('.')?;
    let is_code = ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
    let is_path =
        stem.chars().all(|c| c.is_alphanumeric() || matches!(c, '/' | '\\' | '_' | '-' | '.' | '@'));
    (is_code && is_path && !stem.is_empty()).then(|| file.trim_start_matches("./"))
}

/// A word that looks like a name of code: `snake_case`, `camelCase`, `a::b`, `name()`.
fn symbol(word: &str) -> Option<&str> {
    let word = word
        .trim_matches(|c: char| matches!(c, '.' | ':' | ';' | '!' | '?' | '[' | ']' | '*' | '#' | '{' | '}'));
    if word.len() > 80 || word.contains("//") || word.contains('@') {
        return None;
    }
    let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.'))
        && word.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let inner = word.trim_matches('_');
    let is_snake = inner.contains('_') && inner.chars().any(|c| c.is_ascii_lowercase());
    let mut previous = ' ';
    let is_camel = word.chars().any(|c| {
        let step = previous.is_ascii_lowercase() && c.is_ascii_uppercase();
        previous = c;
        step
    });
    (is_name && (is_snake || is_camel || word.contains("::"))).then(|| last_part(word))
}

/// The last part of a qualified name.
fn last_part(name: &str) -> &str {
    name.rsplit(['.', ':', '#', '/']).find(|part| !part.is_empty()).unwrap_or(name)
}

/// What stands between two `mark`s on one line.
fn quoted(text: &str, mark: char) -> impl Iterator<Item = &str> {
    let end = if mark == '“' { '”' } else { mark };
    text.lines().flat_map(move |line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            let (_, after) = rest.split_once(mark)?;
            let (inner, behind) = after.split_once(end)?;
            rest = behind;
            Some(inner)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::trace;

    #[test]
    fn clues_are_paths_names_and_messages_by_how_many_texts_name_them() {
        let texts = [
            "Total is wrong\nTraceback (most recent call last):\n  File \"/app/shop/cart.py\", line 12, in total\n\
             ValueError: negative total",
            "see src/shop/cart.py:12, `Cart.apply_discount()` says \"negative total\" https://example.com/a.py",
            "apply_discount is off, and so is roundHalfUp",
        ];
        let traces: Vec<Trace> = texts.iter().map(|text| trace::read(text)).collect();
        let clues = clues(&texts, &traces);
        assert_eq!(clues.paths, ["/app/shop/cart.py", "src/shop/cart.py"]);
        assert_eq!(clues.symbols, ["total", "apply_discount", "ValueError", "roundHalfUp"]);
        assert_eq!(clues.messages, ["negative total"]);
    }

    #[test]
    fn clues_are_bounded_and_prose_gives_none() {
        assert_eq!(clues(&["It is slow. e.g. on Mondays, i.e. at 10.30 or v1.2."], &[]), Clues::default());
        let many: String =
            (0..1000).map(|n| format!("name_{n} file{n}.rs \"message number {n}\" ")).collect();
        let found = clues(&[&many], &[]);
        assert_eq!((found.paths.len(), found.symbols.len(), found.messages.len()), (MAX, MAX, MAX));
    }
}
