//! Machine-written text: lines that are one template with other numbers in it.
//!
//! In the manner of log parsers such as Drain (He et al. 2017): a token with a digit is a variable, lines of
//! one length and first token are compared token by token. Needs no vectors, and line by line gives the same
//! groups as all at once.

use std::collections::HashMap;

use crate::engine::words::hash;

/// Stands for a variable token.
pub const VARIABLE: &str = "<*>";

/// The tokens of a line with its variables replaced: runs of letters, digits and `_-./:<>*`, and every other
/// character that is not a blank alone.
#[must_use]
pub fn template(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = None;
    for (at, c) in line.char_indices() {
        let inside = c.is_ascii_alphanumeric() || "_-./:<>*".contains(c);
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                out.push(masked(&line[from..at]));
                start = None;
            }
            _ => {}
        }
        if !inside && !c.is_whitespace() {
            out.push(&line[at..at + c.len_utf8()]);
        }
    }
    if let Some(from) = start {
        out.push(masked(&line[from..]));
    }
    out
}

fn masked(token: &str) -> &str {
    if token.bytes().any(|b| b.is_ascii_digit()) { VARIABLE } else { token }
}

/// Share of `texts` that are machine-written: their template has a variable and occurs more than once.
#[must_use]
pub fn templated_share<T: AsRef<str>>(texts: &[T]) -> f64 {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for text in texts {
        let tokens = template(text.as_ref());
        if tokens.contains(&VARIABLE) {
            *seen.entry(name(&tokens)).or_default() += 1;
        }
    }
    let repeated: usize = seen.values().filter(|n| **n > 1).sum();
    repeated as f64 / texts.len().max(1) as f64
}

fn name(tokens: &[&str]) -> u64 {
    tokens.iter().fold(tokens.len() as u64, |seed, token| hash(token.as_bytes(), seed))
}

/// The group of a line, and how much of its fixed part equals the group's first template.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemplateMatch {
    /// Groups are numbered from 0 in order of first use.
    pub group: u32,
    /// Share of the line's fixed tokens that stand in the group's template, 0 to 1. 1 for a new group.
    pub similarity: f64,
    /// Whether the line opened the group.
    pub new: bool,
}

/// Groups lines by template, one at a time.
#[derive(Debug, Clone, Default)]
pub struct Templates {
    exact: HashMap<u64, (u32, f64)>,
    buckets: HashMap<u64, Vec<u32>>,
    firsts: Vec<Vec<String>>,
}

/// Least share of equal fixed tokens to join a group.
pub const JOIN: f64 = 0.9;

impl Templates {
    /// Finds or opens the group of `line`.
    pub fn insert(&mut self, line: &str) -> TemplateMatch {
        let tokens = template(line);
        let name = name(&tokens);
        if let Some((group, similarity)) = self.exact.get(&name) {
            return TemplateMatch { group: *group, similarity: *similarity, new: false };
        }
        let first = tokens.first().map_or(0, |token| hash(token.as_bytes(), tokens.len() as u64));
        let bucket = self.buckets.entry(first).or_default();
        let mut best: Option<(u32, f64)> = None;
        for group in bucket.iter() {
            let similarity = similarity(&tokens, &self.firsts[*group as usize]);
            if similarity >= JOIN && best.is_none_or(|(_, s)| similarity > s) {
                best = Some((*group, similarity));
            }
        }
        #[allow(clippy::cast_possible_truncation)] // fewer groups than items, which are fewer than 2^32
        let fresh = self.firsts.len() as u32;
        let (group, similarity) = best.unwrap_or((fresh, 1.0));
        if group == fresh {
            bucket.push(fresh);
            self.firsts.push(tokens.into_iter().map(str::to_owned).collect());
        }
        self.exact.insert(name, (group, similarity));
        TemplateMatch { group, similarity, new: group == fresh }
    }

    /// The first template of `group`, as text.
    #[must_use]
    pub fn text(&self, group: u32) -> String {
        self.firsts.get(group as usize).map(|tokens| tokens.join(" ")).unwrap_or_default()
    }
}

/// Share of the fixed tokens of `tokens` that stand at the same place in `first`; a line of variables alone
/// only equals another.
fn similarity(tokens: &[&str], first: &[String]) -> f64 {
    if tokens.len() != first.len() {
        return 0.0;
    }
    let fixed = tokens.iter().filter(|token| **token != VARIABLE).count();
    let equal = tokens.iter().zip(first).filter(|(a, b)| **a != VARIABLE && **a == b.as_str()).count();
    if fixed == 0 {
        f64::from(u8::from(first.iter().all(|t| t == VARIABLE)))
    } else {
        equal as f64 / fixed as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_addresses_and_ids_are_variables() {
        assert_eq!(
            template("Got block blk_38 of size 91178 from /10.250.10.6:50010, ok"),
            ["Got", "block", "<*>", "of", "size", "<*>", "from", "<*>", ",", "ok"]
        );
        assert_eq!(template("  "), Vec::<&str>::new());
    }

    #[test]
    fn lines_of_one_template_share_a_group() {
        let mut templates = Templates::default();
        let a = templates.insert("Connection from 10.0.0.1 port 22 closed");
        let b = templates.insert("Connection from 10.0.0.9 port 8022 closed");
        let c = templates.insert("Failed password for root");
        assert!(a.new && !b.new && c.new);
        assert_eq!((a.group, b.group, c.group), (0, 0, 1));
        assert_eq!(templates.text(0), "Connection from <*> port <*> closed");
    }

    #[test]
    fn prose_is_not_templated() {
        assert_eq!(templated_share(&["my app crashed", "the login page is blank", "error 5 in a"]), 0.0);
        assert_eq!(templated_share(&["job 1 done", "job 2 done", "job 3 done"]), 1.0);
        assert_eq!(templated_share::<&str>(&[]), 0.0);
    }

    proptest! {
        #[test]
        fn any_text_has_a_template_and_keeps_its_group(lines in prop::collection::vec("\\PC{0,60}", 0..20)) {
            let mut templates = Templates::default();
            let groups: Vec<u32> = lines.iter().map(|l| templates.insert(l).group).collect();
            let again: Vec<u32> = lines.iter().map(|l| templates.insert(l).group).collect();
            prop_assert_eq!(groups, again);
        }

        #[test]
        fn digits_never_change_a_template(a in "[a-z ]{0,30}", n in 0u32..9999, m in 0u32..9999) {
            let (a, b) = (format!("{a} id{n} end"), format!("{a} id{m} end"));
            prop_assert_eq!(template(&a), template(&b));
        }
    }
}
