//! Where in a checkout the clues of reports occur.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use soulcaster_core::engine::role::{Role, role};
use soulcaster_core::model::brief::{Clues, Suspect};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::git::Git;

/// The most that is looked at.
const FILES: usize = 50_000;
const FILE_BYTES: u64 = 512 << 10;
const ALL_BYTES: u64 = 128 << 20;
const CLUES: usize = 40;
/// Lines that a suspect names.
const LINES: usize = 5;

/// Words in front of a name that define it.
const DEFINES: [&str; 20] = [
    "fn",
    "def",
    "function",
    "function*",
    "class",
    "func",
    "struct",
    "enum",
    "trait",
    "interface",
    "type",
    "const",
    "let",
    "var",
    "val",
    "static",
    "mod",
    "module",
    "impl",
    "macro_rules!",
];

/// The files that git knows, by path.
pub(super) async fn files(checkout: &Path) -> Result<Vec<String>> {
    let list = Git::new(checkout).run(&["ls-files", "-z", "--cached"]).await?;
    let names = list.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok());
    let fit = |name: &&str| !name.is_empty() && !name.chars().any(char::is_control);
    Ok(names.filter(fit).take(FILES).map(str::to_owned).collect())
}

/// What a file says, if it is a file, is text and not too large.
pub(super) fn text(path: &Path) -> Option<String> {
    let data = path.symlink_metadata().ok()?;
    if !data.is_file() || data.len() > FILE_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

pub(super) async fn search(checkout: &Path, clues: &Clues, limit: usize) -> Result<Vec<Suspect>> {
    let names = files(checkout).await?;
    let (checkout, clues) = (checkout.to_path_buf(), clues.clone());
    let work = tokio::task::spawn_blocking(move || rank(&checkout, &names, &clues, limit));
    work.await.map_err(|e| {
        Error::new(ErrorKind::Unexpected, "workshop.search", "the search broke off").with_source(e)
    })
}

/// What speaks for a file.
#[derive(Default)]
struct Signs {
    score: u64,
    lines: Vec<u32>,
    reasons: Vec<String>,
}

impl Signs {
    fn add(&mut self, score: u64, reason: String, line: Option<u32>) {
        self.score += score;
        if self.reasons.len() < 8 && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
        if let Some(line) = line
            && self.lines.len() < LINES
            && !self.lines.contains(&line)
        {
            self.lines.push(line);
        }
    }
}

/// Each kind of sign outweighs all of the next kind: path, definition, use of a name, message.
fn rank(checkout: &Path, names: &[String], clues: &Clues, limit: usize) -> Vec<Suspect> {
    let mut found: BTreeMap<&str, Signs> = BTreeMap::new();
    for (place, clue) in clues.paths.iter().take(CLUES).enumerate() {
        let clue = parts(clue);
        let best = names.iter().map(|name| common(&clue, &parts(name))).max().unwrap_or(0);
        for name in names.iter().filter(|name| best > 0 && common(&clue, &parts(name)) == best) {
            let score = 1_000_000 * best.min(8) as u64 + 1000 * (CLUES - place) as u64;
            found.entry(name).or_default().add(score, "its path is named in reports".into(), None);
        }
    }
    let symbols: Vec<&str> =
        clues.symbols.iter().map(|name| last_name(name)).filter(|name| name.len() > 2).take(CLUES).collect();
    let messages: Vec<&str> =
        clues.messages.iter().map(|text| text.trim()).filter(|text| text.len() > 5).take(CLUES).collect();
    let mut left = ALL_BYTES;
    for name in names {
        if symbols.is_empty() && messages.is_empty() {
            break;
        }
        let path: PathBuf = checkout.join(name);
        let Some(text) = text(&path).filter(|text| text.len() as u64 <= left) else { continue };
        left -= text.len() as u64;
        let signs = signs(&text, &symbols, &messages);
        if signs.score > 0 {
            let entry = found.entry(name).or_default();
            entry.score += signs.score;
            entry.reasons.extend(signs.reasons);
            entry.lines.extend(signs.lines);
        }
    }
    let mut suspects: Vec<(u64, &str, Signs)> = found
        .into_iter()
        .map(|(name, signs)| {
            // What is to be mended is seldom a test and never prose.
            let divisor = match role(name) {
                Role::Source => 1,
                Role::Test | Role::TestConfig => 4,
                Role::Documentation => 20,
            };
            (signs.score / divisor, name, signs)
        })
        .filter(|(score, ..)| *score > 0)
        .collect();
    suspects.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    let suspect = |(_, path, mut signs): (u64, &str, Signs)| {
        signs.lines.truncate(LINES);
        signs.lines.sort_unstable();
        Suspect { path: path.to_owned(), lines: signs.lines, reasons: signs.reasons }
    };
    suspects.into_iter().take(limit).map(suspect).collect()
}

fn signs(text: &str, symbols: &[&str], messages: &[&str]) -> Signs {
    let (mut defined, mut used, mut said) = (Signs::default(), Signs::default(), Signs::default());
    for (number, line) in (1..).zip(text.lines()) {
        for symbol in symbols {
            let Some(at) = word(line, symbol) else { continue };
            let before = line[..at].trim_end().rsplit([' ', '\t', '(']).next().unwrap_or_default();
            let assigned = line[at + symbol.len()..].trim_start();
            let method =
                assigned.starts_with('(') && line.trim_end().ends_with('{') && line[..at].trim().is_empty();
            if DEFINES.contains(&before)
                || assigned.starts_with("= function")
                || assigned.starts_with("= (")
                || method
            {
                defined.add(10_000, format!("defines `{symbol}`"), Some(number));
            } else {
                used.add(100, format!("uses `{symbol}`"), Some(number));
            }
        }
        for message in messages {
            if line.contains(message) {
                said.add(1, "has a message of the reports".into(), Some(number));
            }
        }
    }
    // However often it stands there, a weaker sign does not outweigh a stronger one.
    let score = defined.score.min(500_000) + used.score.min(9_000) + said.score.min(90);
    let mut all = defined;
    all.score = score;
    all.reasons.extend(used.reasons);
    all.reasons.extend(said.reasons);
    all.lines.extend(used.lines);
    all.lines.extend(said.lines);
    all
}

/// Where `symbol` stands in a line as a word of its own.
fn word(line: &str, symbol: &str) -> Option<usize> {
    let inner = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    line.match_indices(symbol)
        .map(|(at, _)| at)
        .find(|at| !line[..*at].ends_with(inner) && !line[at + symbol.len()..].starts_with(inner))
}

/// The last part of a name such as `Cart::total` or `app.cart.total`.
fn last_name(symbol: &str) -> &str {
    let symbol = symbol.trim().trim_end_matches("()");
    symbol.rsplit(['.', ':', '#', '/']).next().unwrap_or_default()
}

/// Parts of a path, the last first.
fn parts(path: &str) -> Vec<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    let parts = path.split('/').rev().filter(|part| !part.is_empty() && *part != "." && *part != "..");
    parts.map(str::to_lowercase).collect()
}

/// How many parts two paths have in common, from the end.
fn common(one: &[String], other: &[String]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}
