//! `group` and `nearest`: a file in, lines out, no database.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use soulcaster_core::Result;
use soulcaster_core::embedder::BuiltinEmbedder;
use soulcaster_core::engine::rank::earlier;
use soulcaster_core::engine::{self, GroupConfig, Place, Rules};
use soulcaster_core::model::head::Calibration;
use soulcaster_core::model::item::text_of;
use soulcaster_core::port::embed_rows;

use crate::args::{Group, Mode, Nearest};
use crate::intake::{Faults, Intake};
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::text::{count, number, plain};

/// The reports of a file: ids and texts.
struct Reports {
    ids: Vec<String>,
    texts: Vec<String>,
    faults: Faults,
}

/// Reads `file` whole. A report whose id has been there before is another occurrence and is left out.
fn read(session: &Session, file: &PathBuf) -> Result<Reports> {
    let mut intake = Intake::open(std::slice::from_ref(file), "file")?;
    let progress = session.progress("reading");
    let (mut ids, mut texts, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    let mut repeated = 0;
    while let Some((name, batch)) = intake.batch(session, 10_000, usize::MAX) {
        for row in batch {
            if let Err(error) = row.report.check() {
                intake.faults.add(session, &name, row.line, error.message().to_owned());
                continue;
            }
            let id = row.report.external_id.unwrap_or_else(|| format!("line:{}", row.line));
            if !seen.insert(id.clone()) {
                repeated += 1;
                if session.verbose {
                    session.say(&format!(
                        "warning: {name}:{}: id {id} has been there before; left out",
                        row.line
                    ));
                }
                continue;
            }
            texts.push(text_of(&row.report.title, &row.report.body));
            ids.push(id);
        }
        progress.set(format!("{name}: {} reports read", number(ids.len())));
    }
    drop(progress);
    if repeated > 0 {
        session.say(&format!(
            "warning: {} with an id that was there before left out",
            count(repeated, "report")
        ));
    }
    intake.sum_up(session);
    Ok(Reports { ids, texts, faults: intake.faults })
}

/// One line of `group`.
#[derive(Serialize)]
struct Grouped<'a> {
    id: &'a str,
    cluster: Option<u32>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<u32>,
}

/// What `group` and `nearest` say when they are done.
#[derive(Serialize)]
struct Done<'a> {
    reports: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsure: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calibration: Option<&'a Calibration>,
    refused: &'a Faults,
    out: &'a Path,
}

pub(super) async fn group(session: &Session, args: &Group) -> Result<Outcome> {
    let mut config = GroupConfig { algorithm: args.algorithm.parse()?, ..GroupConfig::default() };
    config.threshold = args.threshold.unwrap_or(config.threshold);
    config.check()?;
    let mut out = Output::create(&args.out)?;
    let reports = read(session, &args.file)?;
    let grouping = {
        let _progress = session.progress(format!("grouping {} reports", number(reports.ids.len())));
        let rows = embed_rows(&BuiltinEmbedder::new(), &reports.texts).await?;
        match args.mode {
            Mode::Batch => engine::group(&reports.texts, rows.view(), &config, &Rules::default())?,
            Mode::Online => engine::group_online(&reports.texts, rows.view(), &config)?,
        }
    };
    let mut unsure = 0;
    for (id, placement) in reports.ids.iter().zip(&grouping.placements) {
        let (verdict, suggestion) = match placement.place {
            Place::Joined(_) => ("joined", None),
            Place::New(_) => ("new", None),
            Place::Unsure(group) => ("unsure", Some(group)),
        };
        unsure += usize::from(suggestion.is_some());
        out.line(&Grouped { id, cluster: placement.place.group(), verdict, suggestion })?;
    }
    out.finish()?;
    let groups = grouping.members().iter().filter(|members| members.len() > 1).count();
    let done = Done {
        reports: reports.ids.len(),
        groups: Some(groups),
        unsure: Some(unsure),
        calibration: Some(&grouping.calibration),
        refused: &reports.faults,
        out: &args.out,
    };
    finish(session, &done)
}

/// One line of `nearest`.
#[derive(Serialize)]
struct Ranked<'a> {
    id: &'a str,
    ranked: Vec<&'a str>,
}

pub(super) async fn nearest(session: &Session, args: &Nearest) -> Result<Outcome> {
    let mut out = Output::create(&args.out)?;
    let reports = read(session, &args.file)?;
    let found = {
        let _progress = session.progress(format!("comparing {} reports", number(reports.ids.len())));
        let rows = embed_rows(&BuiltinEmbedder::new(), &reports.texts).await?;
        earlier(&reports.texts, rows.view(), usize::from(args.top))
    };
    for (id, near) in reports.ids.iter().zip(found) {
        let ranked = near.iter().map(|(row, _)| reports.ids[*row as usize].as_str()).collect();
        out.line(&Ranked { id, ranked })?;
    }
    out.finish()?;
    let done = Done {
        reports: reports.ids.len(),
        groups: None,
        unsure: None,
        calibration: None,
        refused: &reports.faults,
        out: &args.out,
    };
    finish(session, &done)
}

/// Says what was done; on standard error where standard output holds the lines.
fn finish(session: &Session, done: &Done<'_>) -> Result<Outcome> {
    if done.out.as_os_str() != "-" {
        session.answer(done, |done| {
            let mut out = count(done.reports, "report");
            if let (Some(groups), Some(unsure)) = (done.groups, done.unsure) {
                out += &format!(", {} of two or more, {unsure} unsure", count(groups, "group"));
            }
            format!("{out}: {}\n", plain(&done.out.display().to_string()))
        })?;
    }
    Ok(if done.refused.count > 0 { Outcome::Faults } else { Outcome::Done })
}
