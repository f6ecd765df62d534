//! `eval`: how well groups or rankings agree with labels.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use soulcaster_core::engine::score::{Agreement, Retrieval, agreement, retrieval};
use soulcaster_core::flow::ItemQuery;
use soulcaster_core::model::Verdict;
use soulcaster_core::{Error, Result};
use soulcaster_sources::file::unpacked;

use crate::session::{Outcome, Session};
use crate::text::Table;

/// A line of a gold file; `cluster` and `group` are other names of the label.
#[derive(Deserialize)]
struct Gold {
    id: Value,
    #[serde(alias = "cluster", alias = "group")]
    label: Value,
}

/// A line of a prediction.
#[derive(Deserialize)]
struct Predicted {
    id: Value,
    #[serde(default)]
    cluster: Value,
    #[serde(default)]
    ranked: Option<Vec<Value>>,
}

/// A prediction: groups, or rankings.
enum Prediction {
    Groups(HashMap<String, Option<String>>),
    Rankings(HashMap<String, Vec<String>>),
}

pub(super) async fn eval(session: &Session, gold: &Path, pred: Option<&Path>) -> Result<Outcome> {
    let labels: Vec<(String, Option<String>)> =
        lines(gold, |line: Gold| Some((text(&line.id)?, text(&line.label))))?;
    if labels.is_empty() {
        return Err(Error::invalid("eval", format!("{} has no labels", gold.display())));
    }
    let place: HashMap<&str, usize> =
        labels.iter().enumerate().map(|(i, (id, _))| (id.as_str(), i)).collect();
    if place.len() < labels.len() {
        return Err(Error::invalid("eval", format!("an id occurs twice in {}", gold.display())));
    }
    let prediction = match pred {
        Some(path) => predicted(path)?,
        None => Prediction::Groups(stored(session).await?),
    };
    match prediction {
        Prediction::Groups(groups) => {
            let missing = labels.iter().filter(|(id, _)| !groups.contains_key(id)).count();
            if missing == labels.len() {
                return Err(Error::invalid(
                    "eval",
                    "none of the labelled ids was predicted; are these labels of other reports?",
                ));
            }
            if missing > 0 {
                session.say(&format!(
                    "warning: {missing} labelled ids were not predicted; each counts as a group of its own"
                ));
            }
            let judged = labels
                .iter()
                .filter_map(|(id, label)| Some((label.as_ref()?, groups.get(id).and_then(Option::as_ref))));
            session.answer(&agreement(&judged.collect::<Vec<_>>()), agreed)?;
        }
        Prediction::Rankings(ranked) => {
            let rows = |id: &String| {
                ranked
                    .get(id)
                    .into_iter()
                    .flatten()
                    .filter_map(|other| place.get(other.as_str()).copied())
                    .collect()
            };
            let judged: Vec<(Option<&String>, Vec<usize>)> =
                labels.iter().map(|(id, label)| (label.as_ref(), rows(id))).collect();
            session.answer(&retrieval(&judged), retrieved)?;
        }
    }
    Ok(Outcome::Done)
}

fn agreed(found: &Agreement) -> String {
    let mut table = Table::new(&["MEASURE", "VALUE", "MEANING"]);
    let rows = [
        (
            "pair_f1",
            found.pair_f1,
            format!("pairs: precision {:.3}, recall {:.3}", found.pair_p, found.pair_r),
        ),
        ("b3_f1", found.b3_f1, format!("B-cubed: precision {:.3}, recall {:.3}", found.b3_p, found.b3_r)),
        ("ari", found.ari, "adjusted Rand index".to_owned()),
        ("v", found.v, "V-measure".to_owned()),
        (
            "false_merge",
            found.false_merge,
            "reports in a group where another label has the majority".to_owned(),
        ),
        ("missed_dup", found.missed_dup, "reports with a label of two or more that are alone".to_owned()),
    ];
    for (name, value, meaning) in rows {
        table.row([name.to_owned(), format!("{value:.3}"), meaning]);
    }
    format!("{}{} reports, {} labels, {} groups\n", table.render(), found.n, found.k_gold, found.k_pred)
}

fn retrieved(found: &Retrieval) -> String {
    let mut table = Table::new(&["MEASURE", "VALUE", "MEANING"]);
    let share = "of reports that have an earlier one of their label, so many find one among the first";
    for (name, value, meaning) in [
        ("recall@1", found.recall_at_1, format!("{share} 1")),
        ("recall@5", found.recall_at_5, format!("{share} 5")),
        ("recall@10", found.recall_at_10, format!("{share} 10")),
        ("mrr", found.mrr, "mean of one over the rank of the first".to_owned()),
    ] {
        table.row([name.to_owned(), format!("{value:.3}"), meaning]);
    }
    format!("{}{} queries\n", table.render(), found.queries)
}

/// The project's groups, by the ids that the sources gave.
async fn stored(session: &Session) -> Result<HashMap<String, Option<String>>> {
    let page = session.look()?.items(&session.project, &ItemQuery::default()).await?;
    Ok(page
        .items
        .into_iter()
        .filter_map(|placed| {
            let cluster = placed.verdict.as_ref().and_then(Verdict::cluster).map(ToString::to_string);
            Some((placed.item.external_id?, cluster))
        })
        .collect())
}

fn predicted(path: &Path) -> Result<Prediction> {
    let rows: Vec<(String, Option<String>, Option<Vec<String>>)> = lines(path, |line: Predicted| {
        let cluster = text(&line.cluster).filter(|c| !c.is_empty() && c != "-1");
        Some((text(&line.id)?, cluster, line.ranked.map(|ids| ids.iter().filter_map(text).collect())))
    })?;
    if rows.iter().any(|(_, _, ranked)| ranked.is_some()) {
        return Ok(Prediction::Rankings(
            rows.into_iter().filter_map(|(id, _, ranked)| Some((id, ranked?))).collect(),
        ));
    }
    let n = rows.len();
    let groups: HashMap<String, Option<String>> =
        rows.into_iter().map(|(id, cluster, _)| (id, cluster)).collect();
    if groups.len() < n {
        return Err(Error::invalid("eval", format!("an id occurs twice in {}", path.display())));
    }
    Ok(Prediction::Groups(groups))
}

/// A text or a number as text; nothing for anything else.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads the lines of `path`; a line that cannot be read is an error with its number.
fn lines<L: for<'de> Deserialize<'de>, T>(path: &Path, read: impl Fn(L) -> Option<T>) -> Result<Vec<T>> {
    let refuse = |at: usize, why: String| Error::invalid("eval", format!("{}:{at}: {why}", path.display()));
    let mut out = Vec::new();
    let reader: Box<dyn Read + Send> = unpacked(path)?;
    for (at, line) in (1usize..).zip(BufReader::new(reader).lines()) {
        let line = line.map_err(|e| refuse(at, "cannot be read".into()).with_source(e))?;
        if line.trim().is_empty() {
            continue;
        }
        let parsed: L = serde_json::from_str(&line)
            .map_err(|e| refuse(at, format!("not a line of the kind wanted: {e}")))?;
        out.push(read(parsed).ok_or_else(|| refuse(at, "`id` must be a text or a number".into()))?);
    }
    Ok(out)
}
