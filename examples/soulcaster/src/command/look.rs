//! Looking things up: `clusters`, `show`, `items`, `explain`, `search`, `timeline`, `analyze`.

use console::style;
use soulcaster_core::flow::{
    Analysis, ClusterDetail, ClusterPage, ClusterQuery, Explanation, ItemPage, ItemQuery, PlacedItem,
};
use soulcaster_core::model::{Cohesion, Cut, FeedbackItem, Verdict};
use soulcaster_core::{Result, Soulcaster};

use crate::session::{Outcome, Session};
use crate::text::{Table, count, day, moment, number, plain};

pub(super) async fn clusters(session: &Session, singles: bool, limit: usize) -> Result<Outcome> {
    let query = ClusterQuery { singles, limit, ..ClusterQuery::default() };
    let page = session.look()?.clusters(&session.project, &query).await?;
    session.answer(&page, |page| {
        if page.clusters.is_empty() {
            return format!(
                "no groups in project {} yet; `soulcaster triage FILE` makes some\n",
                session.project
            );
        }
        cluster_table(page)
    })?;
    Ok(Outcome::Done)
}

/// The groups of a page, and how many more there are.
pub(super) fn cluster_table(page: &ClusterPage) -> String {
    let mut table = Table::new(&["REPORTS", "GROUP", "LAST SEEN", "WORDS", "TITLE"]);
    for cluster in &page.clusters {
        let words = cluster.keywords.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        table.row([
            number(cluster.size as u64),
            cluster.id.to_string(),
            day(cluster.last_seen),
            console::truncate_str(&plain(&words), 34, "…").into_owned(),
            cluster.title.clone(),
        ]);
    }
    let mut out = table.render();
    let more = page.total.saturating_sub(page.clusters.len());
    if more > 0 {
        out += &format!(
            "{}\n",
            style(format!("… and {} more; `soulcaster clusters -n 0` lists all", number(more as u64))).dim()
        );
    }
    out
}

pub(super) async fn show(session: &Session, cluster: &str, limit: usize) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let id = soulcaster.find_cluster(&session.project, cluster).await?;
    let detail = soulcaster.cluster(&session.project, &id).await?;
    session.answer(&detail, |detail| shown(detail, limit))?;
    Ok(Outcome::Done)
}

fn shown(detail: &ClusterDetail, limit: usize) -> String {
    let cluster = &detail.cluster;
    let mut out = format!("{} {}\n", style(&cluster.id).bold(), plain(&cluster.title));
    let mut facts = vec![count(cluster.size, "report")];
    if cluster.occurrences > cluster.size as u64 {
        facts.push(format!("seen {} times", number(cluster.occurrences)));
    }
    facts.push(format!("{} to {}", day(cluster.first_seen), day(cluster.last_seen)));
    facts.extend(cluster.cohesion.map(cohesion));
    facts.extend(cluster.severity.map(|severity| format!("worst severity {severity:?}").to_lowercase()));
    out += &format!("{}\n", facts.join(" · "));
    if !cluster.keywords.is_empty() {
        out += &plain(&format!("set apart by: {}", cluster.keywords.join(", ")));
        out.push('\n');
    }
    let sources: Vec<String> =
        cluster.sources.iter().map(|(source, n)| format!("{source} {}", number(*n as u64))).collect();
    out += &format!("{}\n", plain(&format!("sources: {}", sources.join(", "))));
    let lineage = &cluster.lineage;
    if let Some(from) = &lineage.split_from {
        out += &format!("split from {from}\n");
    }
    if !lineage.merged_from.is_empty() {
        let from: Vec<&str> = lineage.merged_from.iter().map(|id| id.as_str()).collect();
        out += &format!("merged from {}\n", from.join(", "));
    }
    let all = if limit == 0 { usize::MAX } else { limit };
    out += &format!("\n{}", item_table(detail.items.iter().take(all)));
    out += &more(detail.items.len().saturating_sub(all), "`-n 0` shows all");
    if !detail.unsure.is_empty() {
        out += &format!(
            "\n{}\n{}",
            style("may belong here (`soulcaster confirm ITEM`, or `--no`):").bold(),
            item_table(detail.unsure.iter().take(all))
        );
        out += &more(detail.unsure.len().saturating_sub(all), "`-n 0` shows all");
    }
    out
}

fn cohesion(cohesion: Cohesion) -> String {
    format!("{:?} {:.2} ({:.2} to {:.2})", cohesion.tightness, cohesion.mean, cohesion.min, cohesion.max)
        .to_lowercase()
}

fn more(n: usize, remedy: &str) -> String {
    if n == 0 {
        String::new()
    } else {
        format!("{}\n", style(format!("… and {} more; {remedy}", number(n as u64))).dim())
    }
}

/// What the source calls an item; its id here where the source gives none.
fn name(item: &FeedbackItem) -> String {
    item.external_id.clone().unwrap_or_else(|| item.id.to_string())
}

fn headline(item: &FeedbackItem) -> &str {
    if item.title.trim().is_empty() { &item.body } else { &item.title }
}

fn item_table<'a>(items: impl Iterator<Item = &'a PlacedItem>) -> String {
    let mut table = Table::new(&["REPORT", "SOURCE", "SEEN", "DATE", "TITLE"]);
    for PlacedItem { item, .. } in items {
        let cells = [
            name(item),
            item.source.clone(),
            number(item.occurrences),
            day(item.last_seen),
            headline(item).to_owned(),
        ];
        table.row(cells);
    }
    table.render()
}

pub(super) async fn items(
    session: &Session,
    cluster: Option<&str>,
    source: Option<String>,
    unsure: bool,
    limit: usize,
) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let cluster = match cluster {
        Some(name) => Some(soulcaster.find_cluster(&session.project, name).await?),
        None => None,
    };
    let query = ItemQuery { cluster, source, unsure, limit, after: None };
    let page = soulcaster.items(&session.project, &query).await?;
    session.answer(&page, |page| listed(page, unsure))?;
    Ok(Outcome::Done)
}

fn listed(page: &ItemPage, unsure: bool) -> String {
    if page.items.is_empty() {
        return "no such reports\n".to_owned();
    }
    let mut table =
        Table::new(&["REPORT", "SOURCE", "DATE", if unsure { "MAYBE IN" } else { "GROUP" }, "TITLE"]);
    for placed in &page.items {
        let place = match &placed.verdict {
            None => "-".to_owned(),
            Some(Verdict::Unsure { suggestion }) if unsure => suggestion.to_string(),
            Some(Verdict::Unsure { suggestion }) => format!("{suggestion}?"),
            Some(Verdict::Joined { cluster } | Verdict::New { cluster }) => cluster.to_string(),
        };
        let item = &placed.item;
        table.row([name(item), item.source.clone(), day(item.last_seen), place, headline(item).to_owned()]);
    }
    table.render() + &more(page.total.saturating_sub(page.items.len()), "`-n 0` lists all")
}

pub(super) async fn explain(session: &Session, item: &str) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let id = soulcaster.find_item(&session.project, item).await?;
    let explanation = soulcaster.explain(&session.project, &id).await?;
    session.answer(&explanation, explained)?;
    Ok(Outcome::Done)
}

fn explained(explanation: &Explanation) -> String {
    let item = &explanation.item;
    let mut out = format!("{} {}\n", style(name(item)).bold(), plain(headline(item)));
    let Some(decision) = &explanation.decision else {
        return out + "not grouped yet; `soulcaster recluster` groups it\n";
    };
    if let Some(cluster) = &explanation.cluster {
        let what = if decision.verdict.cluster().is_some() { "in" } else { "perhaps in" };
        out += &format!(
            "{what} {} ({}): {}\n",
            cluster.id,
            count(cluster.size, "report"),
            plain(&cluster.title)
        );
    }
    let evidence = &decision.evidence;
    out += &format!("{}\n", plain(&evidence.sentence(&decision.verdict)));
    if let (Some(second), Some(runner_up)) = (&explanation.runner_up, &evidence.runner_up) {
        out += &format!("runner-up {} at {:.3}: {}\n", second.id, runner_up.support, plain(&second.title));
    }
    if !evidence.nearest.is_empty() {
        let mut table = Table::new(&["NEAREST", "MEANING", "WORDS", "DECIDED BY", "GROUP", "TITLE"]);
        for near in &evidence.nearest {
            let other = explanation.nearest.iter().find(|other| other.id == near.item);
            table.row([
                other.map_or_else(|| near.item.to_string(), name),
                format!("{:.2}", near.scores.dense),
                format!("{:.2}", near.scores.lexical),
                format!("{:.2}", near.scores.combined),
                near.cluster.as_ref().map_or("-".to_owned(), ToString::to_string),
                other.map(headline).unwrap_or_default().to_owned(),
            ]);
        }
        out += &format!("\n{}", table.render());
    }
    for constraint in &explanation.corrections {
        out += &format!(
            "bound by {} of event {} on {}\n",
            constraint.id,
            constraint.event,
            moment(constraint.created_at)
        );
    }
    let cut = match evidence.cut {
        Cut::Threshold(t) => format!("threshold {t:.2}"),
        Cut::Gamma(g) => format!("gamma {g:.3}"),
        Cut::Template(t) => format!("template share {t:.2}"),
        Cut::Correction => "a correction".to_owned(),
    };
    let how = format!(
        "decided {} by {} ({:?} regime, {cut}), embedder {}, engine {}",
        moment(decision.decided_at),
        evidence.algorithm,
        evidence.regime,
        evidence.embedder,
        evidence.engine
    );
    out += &format!("\n{}\n", style(plain(&how)).dim());
    out
}

pub(super) async fn search(session: &Session, text: &str, limit: u32) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let found = soulcaster.search(&session.project, text, limit as usize).await?;
    session.answer(&found, |found| {
        if found.is_empty() {
            return "nothing found\n".to_owned();
        }
        let mut table = Table::new(&["REPORT", "MEANING", "WORDS", "GROUP", "TITLE"]);
        for hit in found {
            let place = hit.item.verdict.as_ref().and_then(Verdict::cluster);
            table.row([
                name(&hit.item.item),
                hit.dense.map_or("-".to_owned(), |score| format!("{score:.2}")),
                if hit.lexical { "yes" } else { "-" }.to_owned(),
                place.map_or("-".to_owned(), ToString::to_string),
                headline(&hit.item.item).to_owned(),
            ]);
        }
        table.render()
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn timeline(session: &Session, limit: usize) -> Result<Outcome> {
    let events = session.look()?.timeline(&session.project, limit).await?;
    session.answer(&events, |events| {
        if events.is_empty() {
            return format!("nothing has happened in project {}\n", session.project);
        }
        let mut table = Table::new(&["EVENT", "WHEN", "WHAT"]);
        for event in events {
            let undone = event.undone_by.as_ref().map_or(String::new(), |by| format!(" (undone by {by})"));
            table.row([event.id.to_string(), moment(event.at), format!("{}{undone}", event.summary)]);
        }
        table.render()
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn analyze(session: &Session, limit: usize) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let analysis = {
        let _progress = session.progress("comparing groups");
        soulcaster.analyze(&session.project).await?
    };
    let titles = titles(session, &soulcaster).await?;
    session.answer(&analysis, |analysis| analyzed(analysis, &titles, limit))?;
    Ok(Outcome::Done)
}

type Titles = std::collections::HashMap<soulcaster_core::ClusterId, String>;

/// The title of every group.
async fn titles(session: &Session, soulcaster: &Soulcaster) -> Result<Titles> {
    let query = ClusterQuery { singles: true, limit: 0, ..ClusterQuery::default() };
    let clusters = soulcaster.clusters(&session.project, &query).await?.clusters;
    Ok(clusters.into_iter().map(|cluster| (cluster.id, cluster.title)).collect())
}

fn analyzed(analysis: &Analysis, titles: &Titles, limit: usize) -> String {
    if analysis.clusters.is_empty() {
        return "no groups of two or more yet; `soulcaster triage FILE` makes some\n".to_owned();
    }
    let title = |id| titles.get(id).map(String::as_str).unwrap_or_default();
    let all = if limit == 0 { usize::MAX } else { limit };
    let mut table = Table::new(&["GROUP", "REPORTS", "COHESION", "DO NOT FIT", "TITLE"]);
    for cluster in analysis.clusters.iter().take(all) {
        table.row([
            cluster.cluster.to_string(),
            number(cluster.size as u64),
            cluster.cohesion.map(cohesion).unwrap_or_default(),
            number(cluster.outliers.len() as u64),
            title(&cluster.cluster).to_owned(),
        ]);
    }
    let mut out = table.render() + &more(analysis.clusters.len().saturating_sub(all), "`-n 0` shows all");
    if !analysis.suggestions.is_empty() {
        out += &format!(
            "\n{}\n{}",
            style("groups that look like one (`soulcaster cleanup --apply` merges them):").bold(),
            suggestions(analysis, titles)
        );
    }
    out
}

/// The pairs of groups that look like one.
fn suggestions(analysis: &Analysis, titles: &Titles) -> String {
    let mut table = Table::new(&["INTO", "FROM", "ALIKE", "TITLES"]);
    for pair in &analysis.suggestions {
        let title = |id| {
            titles
                .get(id)
                .map(|title| console::truncate_str(&plain(title), 40, "…").into_owned())
                .unwrap_or_default()
        };
        table.row([
            pair.into.to_string(),
            pair.from.to_string(),
            format!("{:.0}", 100.0 * pair.ratio.min(1.0)),
            format!("{} | {}", title(&pair.into), title(&pair.from)),
        ]);
    }
    table.render()
}

/// What `cleanup` would merge.
pub(super) async fn proposals(session: &Session) -> Result<()> {
    let soulcaster = session.look()?;
    let analysis = soulcaster.analyze(&session.project).await?;
    let titles = titles(session, &soulcaster).await?;
    session.answer(&analysis.suggestions, |pairs| {
        if pairs.is_empty() {
            return "no two groups look like one\n".to_owned();
        }
        let hint =
            style("`soulcaster cleanup --apply` merges them, best first; `soulcaster undo` takes it back")
                .dim();
        format!("{}{hint}\n", suggestions(&analysis, &titles))
    })
}
