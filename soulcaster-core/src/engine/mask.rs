//! Secrets and personal data are hidden before a model reads a text, and put back into what it answers.

use std::collections::{HashMap, HashSet};

use crate::engine::personal::personal;
use crate::engine::secrets::{Care, find};
use crate::secret::Secret;

/// Longest placeholder.
const LONGEST: usize = 24;
/// How often a text is looked over: what stands beside a placeholder may show only then.
const ROUNDS: usize = 8;

/// A text without secrets and personal data, and what is needed to put them back.
///
/// `Debug` shows the placeholders and not what they stand for.
#[derive(Debug, Clone, Default)]
pub struct Masked {
    /// The text; each secret is a placeholder such as `<email-1>`.
    pub text: String,
    /// Placeholders and what they stand for, in the order in which they were found.
    pub replacements: Vec<(String, Secret)>,
}

/// Hides secrets, addresses of e-mail and of the internet, numbers of cards and telephones.
///
/// The same value has the same placeholder, so that a model can still tell who is who. A placeholder that already
/// stands in `text` is not used. Masking what was masked changes nothing, and the text grows at most twofold.
///
/// ```
/// use soulcaster_core::engine::mask::mask;
/// let masked = mask("ann@example.com wrote to bob@example.com, then ann@example.com again");
/// assert_eq!(masked.text, "<email-1> wrote to <email-2>, then <email-1> again");
/// assert_eq!(masked.unmask("Ask <email-2>, not <email-3>"), "Ask bob@example.com, not <email-3>");
/// ```
#[must_use]
pub fn mask(text: &str) -> Masked {
    let mut masker = Masker {
        taken: placeholders(text).map(|(_, placeholder)| placeholder.to_owned()).collect(),
        ..Masker::default()
    };
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        match masker.round(&text) {
            Some(next) => text = next,
            None => break,
        }
    }
    Masked { text, replacements: masker.replacements }
}

impl Masked {
    /// Puts back what each placeholder in `text` stands for. What is put back is not looked into again.
    #[must_use]
    pub fn unmask(&self, text: &str) -> String {
        self.put_back(text, |_| true)
    }

    /// As [`Masked::unmask`], but secrets stay hidden: who reads a summary or a plan needs none of them.
    ///
    /// ```
    /// let masked = soulcaster_core::engine::mask("ann@example.com, password=Tr0ub4dor3x");
    /// assert_eq!(masked.text, "<email-1>, password=<pass-1>");
    /// assert_eq!(masked.unmask_personal(&masked.text), "ann@example.com, password=<pass-1>");
    /// ```
    #[must_use]
    pub fn unmask_personal(&self, text: &str) -> String {
        self.put_back(text, |placeholder| !TAGS.iter().any(|tag| placeholder[1..].starts_with(tag)))
    }

    fn put_back(&self, text: &str, wanted: impl Fn(&str) -> bool) -> String {
        if self.replacements.is_empty() {
            return text.to_owned();
        }
        let values: HashMap<&str, &Secret> =
            self.replacements.iter().filter(|(p, _)| wanted(p)).map(|(p, v)| (p.as_str(), v)).collect();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (start, placeholder) in placeholders(text) {
            if let Some(value) = values.get(placeholder) {
                out.push_str(&text[done..start]);
                out.push_str(value.expose());
                done = start + placeholder.len();
            }
        }
        out.push_str(&text[done..]);
        out
    }
}

/// What has the form of a placeholder in `text`, and where.
fn placeholders(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('<').filter_map(|(start, _)| {
        let rest = &text.as_bytes()[start..text.len().min(start + LONGEST)];
        let end = rest.iter().position(|b| *b == b'>')?;
        let (kind, number) = text.get(start + 1..start + end)?.split_once('-')?;
        let is_one = !kind.is_empty()
            && kind.bytes().all(|b| b.is_ascii_lowercase())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit());
        is_one.then(|| (start, &text[start..=start + end]))
    })
}

#[derive(Default)]
struct Masker {
    /// Placeholders that stand in the text as it was.
    taken: HashSet<String>,
    known: HashMap<(&'static str, String), String>,
    last: HashMap<&'static str, usize>,
    replacements: Vec<(String, Secret)>,
}

impl Masker {
    /// The text with what is found in it replaced, if there is something.
    fn round(&mut self, text: &str) -> Option<String> {
        let secrets = find(text, Care::Report);
        let mut found: Vec<_> = secrets.into_iter().map(|secret| (tag(secret.kind), secret.range)).collect();
        let until = found.len();
        for (kind, range) in personal(text) {
            // Secrets come first, where both claim a place.
            let at = found[..until].partition_point(|(_, secret)| secret.end <= range.start);
            if found[..until].get(at).is_none_or(|(_, secret)| range.end <= secret.start) {
                found.push((kind, range));
            }
        }
        // What holds a placeholder was looked at before it did.
        found.retain(|(_, range)| placeholders(&text[range.clone()]).next().is_none());
        if found.is_empty() {
            return None;
        }
        found.sort_unstable_by_key(|(_, range)| range.start);
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (kind, range) in found {
            out.push_str(&text[done..range.start]);
            out.push_str(self.placeholder(kind, &text[range.clone()]));
            done = range.end;
        }
        out.push_str(&text[done..]);
        Some(out)
    }

    fn placeholder(&mut self, kind: &'static str, value: &str) -> &str {
        self.known.entry((kind, value.to_owned())).or_insert_with(|| {
            let last = self.last.entry(kind).or_default();
            let placeholder = loop {
                *last += 1;
                let placeholder = format!("<{kind}-{last}>");
                if !self.taken.contains(&placeholder) {
                    break placeholder;
                }
            };
            self.replacements.push((placeholder.clone(), Secret::new(value)));
            placeholder
        })
    }
}

/// How placeholders name the kinds of secrets.
const TAGS: [&str; 4] = ["pem-", "jwt-", "pass-", "key-"];

fn tag(kind: &str) -> &'static str {
    match kind {
        "private key" => "pem",
        "JSON Web Token" => "jwt",
        "password or token" | "password in an address" => "pass",
        _ => "key",
    }
}

#[cfg(test)]
mod tests;
