//! `triage` and `report`: files in, groups and a page out.

use std::path::{Path, PathBuf};

use console::style;
use serde::Serialize;
use soulcaster_core::flow::{ClusterPage, ClusterQuery, GroupReport, IngestReport, OverviewOptions};
use soulcaster_core::model::visible::turns_direction;
use soulcaster_core::{Error, ErrorKind, Result, Soulcaster};

use super::look::cluster_table;
use crate::args::Triage;
use crate::intake::{Faults, Intake};
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::text::{count, number, plain};

/// The page; its data replaces [`MARK`].
const PAGE: &str = include_str!("../../assets/report.html");
const MARK: &str = "/*SOULCASTER_DATA*/";

/// Reports of one commit, and bytes of one commit.
const ROWS: usize = 2_000;
const BYTES: usize = 32 << 20;

/// What `triage --json` prints.
#[derive(Serialize)]
struct Answer<'a> {
    accepted: usize,
    duplicates: usize,
    occurrences: usize,
    refused: &'a Faults,
    grouped: GroupReport,
    #[serde(flatten)]
    page: ClusterPage,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a Path>,
}

pub(super) async fn triage(session: &Session, args: &Triage) -> Result<Outcome> {
    if args.report.as_deref().is_some_and(|page| page.as_os_str() == "-") {
        let message = "--report names a file; standard output holds the answer, and `soulcaster report -o -` writes the page there";
        return Err(Error::invalid("triage", message));
    }
    let mut intake = Intake::open(&args.files, &args.source)?;
    // A page that cannot be written is known before any work is done.
    let page = args.report.as_deref().map(Output::create).transpose()?;
    let soulcaster = session.open_or_make()?;
    let taken = take_in(session, &soulcaster, &mut intake).await?;
    let grouped = {
        let _progress = session.progress(format!("grouping project {}", session.project));
        soulcaster.group(&session.project, session.now).await?
    };
    let query = ClusterQuery { limit: args.limit, ..ClusterQuery::default() };
    let clusters = soulcaster.clusters(&session.project, &query).await?;
    if let Some(page) = page {
        write_page(session, &soulcaster, page).await?;
    }
    intake.sum_up(session);
    let answer = Answer {
        accepted: taken.accepted,
        duplicates: taken.duplicates,
        occurrences: taken.occurrences,
        refused: &intake.faults,
        grouped,
        page: clusters,
        report: args.report.as_deref(),
    };
    session.answer(&answer, |answer| text(session, answer))?;
    Ok(if intake.faults.count > 0 { Outcome::Faults } else { Outcome::Done })
}

/// Takes all rows in, a commit at a time.
pub(super) async fn take_in(
    session: &Session,
    soulcaster: &Soulcaster,
    intake: &mut Intake,
) -> Result<IngestReport> {
    let progress = session.progress("reading");
    let mut total = IngestReport::default();
    let mut read = 0;
    while let Some((file, batch)) = intake.batch(session, ROWS, BYTES) {
        read += batch.len();
        progress.set(format!("{file}: {} reports read", number(read)));
        let lines: Vec<usize> = batch.iter().map(|line| line.line).collect();
        let reports = batch.into_iter().map(|line| line.report).collect();
        let report = soulcaster.ingest(&session.project, reports, session.now).await?;
        total.accepted += report.accepted;
        total.duplicates += report.duplicates;
        total.occurrences += report.occurrences;
        for rejected in report.rejected {
            intake.faults.add(session, &file, lines[rejected.index], rejected.reason);
        }
        if session.verbose {
            session.say(&format!("{file}: {read} reports safe"));
        }
    }
    Ok(total)
}

fn text(session: &Session, answer: &Answer<'_>) -> String {
    let mut out = format!("{} taken in", count(answer.accepted, "new report"));
    for (n, what) in [(answer.occurrences, "further occurrence"), (answer.duplicates, "repeat")] {
        if n > 0 {
            out += &format!(", {}", count(n, what));
        }
    }
    let diff = &answer.grouped.diff;
    let unsure = diff.moves.iter().filter(|change| change.to.cluster().is_none()).count();
    out += &format!("; {} in project {}", count(answer.page.total, "group"), session.project);
    if unsure > 0 {
        out += &format!(", {unsure} unsure (`soulcaster items --unsure`)");
    }
    out += "\n";
    if !answer.page.clusters.is_empty() {
        out += &format!("\n{}", cluster_table(&answer.page));
    }
    match answer.report {
        Some(path) => {
            out += &format!("\n{} {}\n", style("report:").bold(), plain(&path.display().to_string()));
        }
        None => {
            out += &format!(
                "\n{}\n",
                style("`soulcaster report` writes a page to look at; `soulcaster show ID` shows one group")
                    .dim()
            );
        }
    }
    out
}

pub(super) async fn report(session: &Session, out: &PathBuf) -> Result<Outcome> {
    let soulcaster = session.look()?;
    write_page(session, &soulcaster, Output::create(out)?).await?;
    #[derive(Serialize)]
    struct Written<'a> {
        report: &'a Path,
    }
    if out.as_os_str() != "-" {
        session.answer(&Written { report: out }, |written| {
            format!("{}\n", plain(&written.report.display().to_string()))
        })?;
    }
    Ok(Outcome::Done)
}

/// Writes the page of the project.
pub(super) async fn write_page(session: &Session, soulcaster: &Soulcaster, mut out: Output) -> Result<()> {
    let _progress = session.progress("drawing the report");
    let overview = soulcaster.overview(&session.project, &OverviewOptions::default(), session.now).await?;
    let data = serde_json::to_string(&overview).map_err(|e| {
        Error::new(ErrorKind::Unexpected, "report", "the overview has no JSON form").with_source(e)
    })?;
    let (before, after) = PAGE.split_once(MARK).unwrap_or((PAGE, ""));
    out.write(before)?;
    out.write(&inert(&data))?;
    out.write(after)?;
    out.finish()
}

/// JSON that cannot end the script element it stands in nor turn what a page shows, whatever a report says.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 32);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out += &format!("\\u{:04x}", c as u32),
            c if turns_direction(c) => out += "\\ufffd",
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_cannot_leave_its_place_in_the_page() {
        let hostile = serde_json::to_string("</script><script>alert(1)</script>&amp;\u{2028}")
            .expect("a string has a JSON form");
        let safe = inert(&hostile);
        assert!(!safe.contains(['<', '>', '&', '\u{2028}']), "{safe}");
        assert_eq!(serde_json::from_str::<String>(&safe).ok(), serde_json::from_str(&hostile).ok());
        assert_eq!(inert("\"exe.\u{202e}gpj\""), "\"exe.\\ufffdgpj\"");
    }

    #[test]
    fn the_page_has_one_place_for_data() {
        assert_eq!(PAGE.matches(MARK).count(), 1);
    }
}
