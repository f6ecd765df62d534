//! Changing the grouping: corrections, clean-up, regrouping, undo.

use serde::Serialize;
use soulcaster_core::flow::{GroupReport, Named};
use soulcaster_core::model::{Move, TimelineEvent, Verdict};
use soulcaster_core::{ClusterId, Error, FeedbackId, Result, Soulcaster};

use super::look;
use crate::session::{Outcome, Session};
use crate::text::{Table, count};

/// Prints what a correction did.
fn done(session: &Session, event: &TimelineEvent) -> Result<Outcome> {
    session.answer(event, |event| {
        format!("{} {}; `soulcaster undo` takes it back\n", event.id, event.summary)
    })?;
    Ok(Outcome::Done)
}

async fn named_items(
    session: &Session,
    soulcaster: &Soulcaster,
    names: &[String],
) -> Result<Vec<FeedbackId>> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        ids.push(soulcaster.find_item(&session.project, name).await?);
    }
    Ok(ids)
}

pub(super) async fn merge(session: &Session, into: &str, others: &[String]) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let into = soulcaster.find_cluster(&session.project, into).await?;
    let mut ids = Vec::with_capacity(others.len());
    for other in others {
        ids.push(soulcaster.find_cluster(&session.project, other).await?);
    }
    done(session, &soulcaster.merge(&session.project, &into, &ids, session.now).await?)
}

/// What `split` prints.
#[derive(Serialize)]
struct Split {
    cluster: ClusterId,
    event: TimelineEvent,
}

pub(super) async fn split(session: &Session, cluster: &str, items: &[String]) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let cluster = soulcaster.find_cluster(&session.project, cluster).await?;
    let items = named_items(session, &soulcaster, items).await?;
    let (cluster, event) = soulcaster.split(&session.project, &cluster, &items, session.now).await?;
    session.answer(&Split { cluster, event }, |split| {
        format!(
            "{} {} to {}; `soulcaster undo` takes it back\n",
            split.event.id, split.event.summary, split.cluster
        )
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn shift(session: &Session, item: &str, to: &str) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let item = soulcaster.find_item(&session.project, item).await?;
    let to = soulcaster.find_cluster(&session.project, to).await?;
    done(session, &soulcaster.move_item(&session.project, &item, &to, session.now).await?)
}

pub(super) async fn confirm(session: &Session, name: &str, no: bool) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let (project, now) = (&session.project, session.now);
    let event = match soulcaster.find(project, name).await? {
        Named::Item(item) if no => soulcaster.reject_item(project, &item, now).await?,
        Named::Item(item) => soulcaster.confirm_item(project, &item, now).await?,
        Named::Cluster(cluster) if no => {
            let message = format!("{cluster} is a group; `--no` refuses the suggestion for one report");
            return Err(Error::invalid("confirm", message));
        }
        Named::Cluster(cluster) => soulcaster.confirm_cluster(project, &cluster, now).await?,
    };
    done(session, &event)
}

pub(super) async fn undo(session: &Session) -> Result<Outcome> {
    let event = session.open()?.undo(&session.project, session.now).await?;
    session.answer(&event, |event| format!("{} {}\n", event.id, event.summary))?;
    Ok(Outcome::Done)
}

pub(super) async fn cleanup(session: &Session, apply: bool) -> Result<Outcome> {
    if !apply {
        look::proposals(session).await?;
        return Ok(Outcome::Done);
    }
    match session.open()?.cleanup(&session.project, session.now).await? {
        Some(event) => done(session, &event),
        None => {
            session.answer(&None::<TimelineEvent>, |_| {
                "no two groups look like one; nothing changed\n".to_owned()
            })?;
            Ok(Outcome::Done)
        }
    }
}

pub(super) async fn recluster(session: &Session, dry_run: bool) -> Result<Outcome> {
    let soulcaster = if dry_run { session.look()? } else { session.open()? };
    let report = {
        let _progress = session.progress(format!("grouping project {} anew", session.project));
        soulcaster.recluster(&session.project, !dry_run, session.now).await?
    };
    session.answer(&report, |report| difference(report, dry_run))?;
    Ok(Outcome::Done)
}

/// What changed, or would change.
fn difference(report: &GroupReport, dry_run: bool) -> String {
    let diff = &report.diff;
    let place = |verdict: &Verdict| match verdict {
        Verdict::Unsure { suggestion } => format!("{suggestion}?"),
        Verdict::Joined { cluster } | Verdict::New { cluster } => cluster.to_string(),
    };
    let is_elsewhere =
        |change: &&Move| change.from.as_ref().is_none_or(|from| place(from) != place(&change.to));
    let moves: Vec<&Move> = diff.moves.iter().filter(is_elsewhere).collect();
    let (would, moved) = if dry_run { ("would ", "move") } else { ("", "moved") };
    let mut out = String::new();
    if !moves.is_empty() {
        const SHOWN: usize = 50;
        let mut table = Table::new(&["REPORT", "FROM", "TO"]);
        for change in moves.iter().take(SHOWN) {
            let from = change.from.as_ref().map_or("-".to_owned(), place);
            table.row([change.item.to_string(), from, place(&change.to)]);
        }
        out += &table.render();
        if moves.len() > SHOWN {
            out += &format!("… and {} more; --json has them all\n", moves.len() - SHOWN);
        }
    }
    for (gone, into) in &diff.retired {
        let into = into.as_ref().map_or(String::new(), |into| format!(", most of it to {into}"));
        out += &format!("{gone} {would}{}{into}\n", if dry_run { "end" } else { "ended" });
    }
    let made = count(diff.created.len(), "new group");
    let stayed = diff.unchanged + diff.moves.len() - moves.len();
    out += &format!(
        "{} {would}{moved}, {} {would}{}, {made}\n",
        count(moves.len(), "report"),
        stayed,
        if dry_run { "stay" } else { "stayed" }
    );
    out
}
