//! The brief of a group, by rule: which reports to show, what they agree and disagree on, how to see the problem.

use std::collections::{BTreeMap, HashMap};

use ndarray::ArrayView2;

use crate::engine::clues::clues;
use crate::engine::portrait::portrait;
use crate::engine::trace::{self, Trace};
use crate::model::brief::{Brief, BriefReport, Contradiction, Frame, Suspect};
use crate::model::cluster::Cluster;
use crate::model::item::{FeedbackItem, text_of};
use crate::model::visible::visible;

/// Reports that a brief shows.
const REPORTS: usize = 8;
/// Most characters of one of them.
const REPORT_CHARS: usize = 1500;
/// Frames that it names.
const FRAMES: usize = 8;
/// Lines about how to see the problem, and about what works.
const LINES: usize = 8;
/// Most characters of such a line.
const LINE_CHARS: usize = 200;
/// Texts that are looked at for frames, clues and claims; of larger groups the first ones.
const READ: usize = 500;

/// Writes the brief of `cluster` from its `items` (oldest first); row `i` of `vectors` is item `i`. `repository` and
/// `suspects` come from outside. Same input, same brief; its size does not grow with the group.
#[must_use]
pub fn brief(
    cluster: &Cluster,
    items: &[FeedbackItem],
    vectors: ArrayView2<'_, f32>,
    repository: Option<String>,
    suspects: Vec<Suspect>,
) -> Brief {
    // Items that say the same are one text with several copies.
    let mut rows_of: HashMap<String, usize> = HashMap::new();
    let mut copies: Vec<Vec<usize>> = Vec::new();
    for (row, item) in items.iter().enumerate() {
        let text = text_of(&item.title, &item.body).to_lowercase();
        let at = *rows_of.entry(text).or_insert(copies.len());
        if at == copies.len() {
            copies.push(Vec::new());
        }
        copies[at].push(row);
    }
    let firsts: Vec<usize> = copies.iter().map(|rows| rows[0]).collect();
    let shown = portrait(vectors, &firsts, REPORTS, 0.0).examples;
    let reports = shown
        .iter()
        .filter_map(|row| copies.iter().find(|rows| rows[0] == *row))
        .map(|rows| report(items, rows))
        .collect();
    let texts: Vec<String> = firsts.iter().take(READ).map(|row| whole(&items[*row])).collect();
    let read: Vec<&FeedbackItem> = firsts.iter().take(READ).map(|row| &items[*row]).collect();
    let traces: Vec<Trace> = texts.iter().map(|text| trace::read(text)).collect();
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    Brief {
        project_id: cluster.project_id.clone(),
        cluster_id: cluster.id.clone(),
        title: cluster.title.clone(),
        repository,
        reports_total: items.len(),
        texts_total: copies.len(),
        occurrences: items.iter().map(|item| item.occurrences).sum(),
        reports,
        contradictions: contradictions(&read, &texts),
        error: most(traces.iter().filter_map(|trace| trace.error.clone())),
        frames: shared_frames(&traces),
        suspects,
        reproduction: pick(&texts, is_reproduction),
        must_not_change: kept(&texts),
        clues: clues(&borrowed, &traces),
    }
}

/// The whole visible text of an item.
fn whole(item: &FeedbackItem) -> String {
    let (title, body) = (visible(&item.title), visible(&item.body));
    if body.is_empty() { title.into_owned() } else { format!("{title}\n{body}") }
}

fn report(items: &[FeedbackItem], rows: &[usize]) -> BriefReport {
    let item = &items[rows[0]];
    let text = whole(item);
    let mut cut: String = text.chars().take(REPORT_CHARS).collect();
    if cut.len() < text.len() {
        cut.push_str(" […]");
    }
    BriefReport {
        item: item.id.clone(),
        source: item.source.clone(),
        url: item.url.clone(),
        at: item.first_seen(),
        auth_strength: item.auth_strength,
        copies: rows.len(),
        occurrences: rows.iter().map(|row| items[*row].occurrences).sum(),
        text: cut,
    }
}

/// What occurs most; of equals the first.
fn most<T: std::hash::Hash + Eq + Clone>(all: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, (usize, usize)> = HashMap::new();
    for (order, one) in all.enumerate() {
        counts.entry(one).or_insert((0, order)).0 += 1;
    }
    counts
        .into_iter()
        .max_by_key(|(_, (count, order))| (*count, std::cmp::Reverse(*order)))
        .map(|(one, _)| one)
}

/// Frames of the application by how many texts have them, in the order of the first text that does; those of
/// libraries only where there are no others.
fn shared_frames(traces: &[Trace]) -> Vec<Frame> {
    let any_own = traces.iter().flat_map(|trace| &trace.frames).any(|frame| frame.in_app);
    let mut seen: BTreeMap<(Option<&str>, &str), (usize, usize, &Frame)> = BTreeMap::new();
    let mut order = 0;
    for trace in traces {
        let mut once = Vec::new();
        for frame in trace.frames.iter().filter(|frame| frame.in_app || !any_own) {
            // Lines differ from release to release; a frame is its file and function.
            let key = (frame.file.as_deref(), frame.function.as_str());
            if !once.contains(&key) {
                once.push(key);
                order += 1;
                seen.entry(key).or_insert((0, order, frame)).0 += 1;
            }
        }
    }
    let mut frames: Vec<_> = seen.into_values().collect();
    frames.sort_by_key(|(count, order, _)| (std::cmp::Reverse(*count), *order));
    frames.truncate(FRAMES);
    frames.sort_by_key(|(_, order, _)| *order);
    frames.into_iter().map(|(_, _, frame)| frame.clone()).collect()
}

/// The lines of `texts` that `wanted` takes, each once.
fn pick(texts: &[String], wanted: fn(&str) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in texts.iter().flat_map(|text| sentences(text)) {
        let line: String = line.chars().take(LINE_CHARS).collect();
        if wanted(&line) && !lines.contains(&line) {
            lines.push(line);
            if lines.len() == LINES {
                break;
            }
        }
    }
    lines
}

/// Lines, and the sentences in them.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| {
            let (step, prose) = if is_step(line.trim()) { (Some(line), "") } else { (None, line) };
            step.into_iter().chain(prose.split_inclusive(". "))
        })
        .map(str::trim)
        .filter(|line| line.len() > 8)
}

/// `2. Apply a coupon`.
fn is_step(line: &str) -> bool {
    line.split_once(['.', ')']).is_some_and(|(number, rest)| {
        (1..=2).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(' ')
    })
}

/// How to see the problem: numbered steps, commands, `when I …`.
fn is_reproduction(line: &str) -> bool {
    let lower = line.to_lowercase();
    let starts = [
        "when i ",
        "when you ",
        "if i ",
        "if you ",
        "after i ",
        "after ",
        "every time ",
        "whenever ",
        "steps",
    ];
    let holds =
        [" when i ", " if i ", " after i ", "to reproduce", "reproduce by", "every time i", "as soon as"];
    is_step(line)
        || line.starts_with("$ ")
        || line.starts_with("> ")
        || starts.iter().any(|start| lower.starts_with(start))
        || holds.iter().any(|part| lower.contains(part))
}

/// What must stay: what reports say works, and what holds for every change.
fn kept(texts: &[String]) -> Vec<String> {
    let works = pick(texts, |line| {
        let lower = line.to_lowercase();
        let says = [
            "works fine",
            "work fine",
            "works correctly",
            "is correct",
            "are correct",
            "still works",
            "was fine",
            "no problem with",
        ];
        says.iter().any(|part| lower.contains(part)) && !lower.contains("not ") && !lower.contains("n't ")
    });
    let mut kept: Vec<String> =
        works.into_iter().map(|line| format!("A report says that this works: {line}")).collect();
    kept.push(
        "Every test that passes now passes afterwards; none is removed, skipped or weakened.".to_owned(),
    );
    kept.push("Names and signatures that other code may call stay as they are.".to_owned());
    kept.push(
        "Nothing outside the cause is changed: no formatting, no dependency, no build or CI setting."
            .to_owned(),
    );
    kept
}

/// Claims that exclude each other: that it is over and that it goes on, and different places that it is only in.
fn contradictions(items: &[&FeedbackItem], texts: &[String]) -> Vec<Contradiction> {
    let holds = |text: &str, parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let over = [
        "works now",
        "fixed now",
        "is fixed",
        "no longer happens",
        "resolved itself",
        "can't reproduce",
        "cannot reproduce",
    ];
    let goes_on = [
        "still happen",
        "still broken",
        "not fixed",
        "happens again",
        "is back",
        "still see",
        "still get",
        "still occurs",
    ];
    let mut found = Vec::new();
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut only: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (item, text) in items.iter().zip(texts) {
        let text = text.to_lowercase();
        let says_on = holds(&text, &goes_on);
        if says_on {
            other.push(item.id.clone());
        } else if holds(&text, &over) {
            one.push(item.id.clone());
        }
        for mark in ["only on ", "only in ", "only with ", "only for "] {
            if let Some((_, rest)) = text.split_once(mark) {
                let place: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
                    .take(40)
                    .collect();
                let place = place.trim_end_matches('.');
                if place.len() > 1 {
                    only.entry(place.to_owned()).or_default().push(item.id.clone());
                }
            }
        }
    }
    if !one.is_empty() && !other.is_empty() {
        one.truncate(REPORTS);
        other.truncate(REPORTS);
        found.push(Contradiction { about: "whether it still happens".to_owned(), one, other });
    }
    let mut places: Vec<_> = only.into_iter().collect();
    places.sort_by_key(|(_, items)| std::cmp::Reverse(items.len()));
    if let [(a, one), (b, other), ..] = &mut places[..] {
        one.truncate(REPORTS);
        other.truncate(REPORTS);
        let about = format!("where it happens: only {a}, or only {b}");
        found.push(Contradiction { about, one: std::mem::take(one), other: std::mem::take(other) });
    }
    found
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use ndarray::Array2;

    use super::*;
    use crate::id::ProjectId;
    use crate::model::item::Inbound;

    fn item(n: usize, text: &str) -> FeedbackItem {
        let (title, body) = text.split_once('\n').unwrap_or((text, ""));
        let inbound = Inbound::new("mail", title).body(body).external_id(n.to_string());
        FeedbackItem::first(&ProjectId::new("shop").unwrap(), inbound, DateTime::UNIX_EPOCH)
    }

    fn cluster() -> Cluster {
        let value = serde_json::json!({"id": "c1", "project_id": "shop", "title": "t", "status": "new", "size": 2,
            "occurrences": 2, "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-01-01T00:00:00Z",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"});
        serde_json::from_value(value).unwrap()
    }

    fn of(texts: &[String]) -> Brief {
        let items: Vec<FeedbackItem> = texts.iter().enumerate().map(|(n, text)| item(n, text)).collect();
        let mut vectors = Array2::<f32>::zeros((items.len(), 16));
        for (row, text) in texts.iter().enumerate() {
            vectors[(row, text.len() % 16)] = 1.0;
        }
        brief(&cluster(), &items, vectors.view(), None, Vec::new())
    }

    #[test]
    fn brief_of_a_huge_group_is_as_small_as_that_of_a_small_one() {
        let long = |n: usize| format!("report {n} {}\n{}", "x".repeat(n % 90), "word ".repeat(3000));
        let brief = of(&(0..3000).map(long).collect::<Vec<_>>());
        assert_eq!((brief.reports_total, brief.texts_total, brief.reports.len()), (3000, 3000, REPORTS));
        assert!(serde_json::to_string(&brief).unwrap().len() < 32 << 10);
    }

    #[test]
    fn copies_are_counted_and_not_repeated() {
        let brief = of(&["Card declined".into(), "card declined".into(), "Other words".into()]);
        assert_eq!((brief.reports_total, brief.texts_total, brief.reports.len()), (3, 2, 2));
        assert_eq!(brief.reports.iter().map(|r| r.copies).max(), Some(2));
    }

    #[test]
    fn frames_and_error_are_those_that_most_reports_have() {
        let trace = |line: u32, last: &str| {
            format!(
                "broken {line}\nTraceback (most recent call last):\n  File \"app/api.py\", line {line}, in {last}\n  \
                 File \"app/cart.py\", line 12, in total\nKeyError: 'price'"
            )
        };
        let brief = of(&[trace(1, "post"), trace(2, "put"), "ValueError: other".into()]);
        assert_eq!(brief.error.as_deref(), Some("KeyError: 'price'"));
        let names: Vec<&str> = brief.frames.iter().map(|f| f.function.as_str()).collect();
        assert_eq!(names, ["total", "post", "put"]);
        assert!(brief.clues.paths.contains(&"app/cart.py".to_owned()));
    }

    #[test]
    fn steps_contradictions_and_what_works_are_found() {
        let brief = of(&[
            "Total is wrong\n1. Put two things in the cart\n2. Apply a coupon\nPaying works fine.".into(),
            "It works now, thanks".into(),
            "Still happens here, only on Android".into(),
            "When I apply a coupon the total is negative. Only on iOS".into(),
        ]);
        assert_eq!(brief.reproduction[..2], ["1. Put two things in the cart", "2. Apply a coupon"]);
        let about: Vec<&str> = brief.contradictions.iter().map(|c| c.about.as_str()).collect();
        assert_eq!(about, ["whether it still happens", "where it happens: only android, or only ios"]);
        assert!(brief.must_not_change[0].contains("Paying works fine"));
    }
}
