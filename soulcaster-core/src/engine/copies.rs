//! Reports with the same text: one stands for all of them.
//!
//! The commonest problem of all is the one that is reported in the same words again and again. Were every copy
//! an item of its own, each would only have its copies for neighbours, and all would look equally ordinary. So
//! one of them is compared with the other texts, and the copies go where it goes.

use std::collections::HashMap;

use crate::engine::placement::{Grouping, NEAREST, Near, Place, Placement};
use crate::engine::rules::Rules;
use crate::model::decision::Scores;

/// How alike two copies are.
pub(crate) const SAME: Scores = Scores { dense: 1.0, lexical: 1.0, combined: 1.0 };

/// The text by which copies are known: case and white space do not count.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().flat_map(char::to_lowercase));
    }
    out
}

/// Which rows are copies of which.
#[derive(Debug)]
pub(crate) struct Copies {
    /// The rows that stand for themselves and their copies, oldest first.
    pub(crate) firsts: Vec<usize>,
    /// For each row the place in `firsts` of the one that stands for it.
    pub(crate) of: Vec<usize>,
}

impl Copies {
    /// Finds rows with the same text that the same rules keep from others.
    pub(crate) fn find<T: AsRef<str>>(texts: &[T], rules: &Rules) -> Self {
        let mut known = HashMap::new();
        let (mut firsts, mut of) = (Vec::new(), Vec::with_capacity(texts.len()));
        for (row, text) in texts.iter().enumerate() {
            let place = *known.entry((fold(text.as_ref()), rules.sides(row))).or_insert(firsts.len());
            if place == firsts.len() {
                firsts.push(row);
            }
            of.push(place);
        }
        Self { firsts, of }
    }

    /// Whether no row is a copy.
    pub(crate) fn is_empty(&self) -> bool {
        self.firsts.len() == self.of.len()
    }

    /// The grouping of all rows from that of the firsts. One that is unsure but has copies is sure of those: they
    /// are a group.
    pub(crate) fn expand(&self, grouping: Grouping) -> Grouping {
        let n = self.of.len();
        let mut second: Vec<Option<usize>> = vec![None; self.firsts.len()];
        for (row, first) in self.of.iter().enumerate() {
            if row != self.firsts[*first] && second[*first].is_none() {
                second[*first] = Some(row);
            }
        }
        #[allow(clippy::cast_possible_truncation)] // a project has fewer than 2^32 items
        let mut fresh = grouping.groups() as u32;
        let labels: Vec<Option<u32>> = grouping
            .placements
            .iter()
            .zip(&second)
            .map(|(placement, copy)| match placement.place.group() {
                None if copy.is_some() => {
                    fresh += 1;
                    Some(fresh - 1)
                }
                group => group,
            })
            .collect();
        let mut names: HashMap<u32, u32> = HashMap::new();
        let mut opens = vec![false; n];
        for (row, first) in self.of.iter().enumerate() {
            if let Some(label) = labels[*first] {
                #[allow(clippy::cast_possible_truncation)]
                let next = names.len() as u32;
                names.entry(label).or_insert_with(|| {
                    opens[row] = true;
                    next
                });
            }
        }
        let placements = self
            .of
            .iter()
            .enumerate()
            .map(|(row, first)| {
                let found = &grouping.placements[*first];
                let place = match (labels[*first], found.place) {
                    (Some(label), _) if opens[row] => Place::New(names[&label]),
                    (Some(label), _) => Place::Joined(names[&label]),
                    (None, Place::Unsure(group) | Place::Joined(group) | Place::New(group)) => {
                        Place::Unsure(names[&group])
                    }
                };
                let is_first = row == self.firsts[*first];
                let twin = if is_first { second[*first] } else { Some(self.firsts[*first]) };
                #[allow(clippy::cast_possible_truncation)]
                let index = |row: usize| row as u32;
                let near = found
                    .nearest
                    .iter()
                    .map(|near| Near { row: index(self.firsts[near.row as usize]), ..*near });
                let nearest = twin.map(|row| Near { row: index(row), scores: SAME }).into_iter().chain(near);
                let runner_up = found.runner_up.map(|(group, support)| (names[&group], support));
                Placement {
                    place,
                    support: if is_first && twin.is_none() { found.support } else { 1.0 },
                    runner_up: runner_up.filter(|(group, _)| place.group() != Some(*group)),
                    nearest: nearest.take(NEAREST).collect(),
                    template: None,
                }
            })
            .collect();
        let mut calibration = grouping.calibration;
        calibration.items = n;
        Grouping { placements, calibration }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use crate::embedder::BuiltinEmbedder;
    use crate::engine::{GroupConfig, Grouping, Place, Rules, group, group_online};

    fn rows(texts: &[String]) -> Array2<f32> {
        let rows = BuiltinEmbedder::new().embed_batch(texts);
        let flat = rows.iter().flat_map(|row| row.as_slice().to_vec()).collect();
        Array2::from_shape_vec((texts.len(), rows[0].dimensions()), flat).unwrap()
    }

    /// Texts of three to nine words with nothing in common but some of those.
    fn others(n: usize) -> Vec<String> {
        const WORDS: [&str; 24] = [
            "disk", "login", "map", "search", "crash", "slow", "export", "theme", "mail", "sync", "zoom",
            "after", "update", "button", "never", "opens", "colour", "battery", "on", "tablet", "offline",
            "list", "empty", "twice",
        ];
        let mut state = 1u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        (0..n).map(|_| (0..3 + next(7)).map(|_| WORDS[next(24)]).collect::<Vec<_>>().join(" ")).collect()
    }

    fn groups_of(grouping: &Grouping, rows: &[usize]) -> usize {
        let mut groups: Vec<Place> = rows.iter().map(|row| grouping.placements[*row].place).collect();
        groups.retain(|place| !matches!(place, Place::Joined(_)));
        groups.len()
    }

    #[test]
    fn copies_are_one_group_however_many() {
        let config = GroupConfig::default();
        for n in 2..60 {
            for around in [0, 150] {
                let mut texts = others(around);
                let first = texts.len() / 2;
                let copies = (0..n)
                    .map(|i| if i % 2 == 0 { "The printer jams" } else { "the  printer JAMS" }.to_owned());
                texts.splice(first..first, copies);
                let copies: Vec<usize> = (first..first + n).collect();
                let rows = rows(&texts);
                let batch = group(&texts, rows.view(), &config, &Rules::default()).unwrap();
                assert_eq!(groups_of(&batch, &copies), 1, "{n} copies among {around}");
                let online = group_online(&texts, rows.view(), &config).unwrap();
                assert_eq!(groups_of(&online, &copies), 1, "{n} copies among {around}, one by one");
            }
        }
    }

    #[test]
    fn a_copy_that_is_kept_apart_stays_apart_and_the_others_together() {
        let mut texts = others(100);
        texts.extend((0..30).map(|_| "The printer jams".to_owned()));
        let rest: Vec<usize> = (100..129).collect();
        let rules = Rules::new(texts.len(), &[], &[(vec![129], rest.clone())]);
        let found = group(&texts, rows(&texts).view(), &GroupConfig::default(), &rules).unwrap();
        assert_eq!(groups_of(&found, &rest), 1);
        assert_ne!(found.placements[129].place.group(), found.placements[100].place.group());
    }
}
