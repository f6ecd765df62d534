//! `export`, `import` and `doctor`.

use std::io::{BufRead, BufReader};
use std::path::Path;

use console::style;
use serde::Serialize;
use soulcaster_core::flow::{ClusterQuery, Finding, ItemQuery};
use soulcaster_core::{Error, ProjectId, Result, Soulcaster};
use soulcaster_sources::Inbox;
use soulcaster_sources::file::unpacked;

use crate::output::Output;
use crate::server::beside;
use crate::session::{Outcome, Session};
use crate::text::{count, number, plain};

pub(super) async fn export(session: &Session, out: Option<&Path>) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let name = out.unwrap_or(Path::new("-"));
    let mut out = Output::create(name)?;
    soulcaster.export(&session.project, &mut |line| out.write(line).and_then(|()| out.write("\n"))).await?;
    out.finish()?;
    if name.as_os_str() != "-" {
        #[derive(Serialize)]
        struct Written<'a> {
            export: &'a Path,
        }
        let written = Written { export: name };
        session.answer(&written, |written| format!("{}\n", plain(&written.export.display().to_string())))?;
    }
    Ok(Outcome::Done)
}

pub(super) async fn import(session: &Session, file: &Path) -> Result<Outcome> {
    let reader = BufReader::new(unpacked(file)?);
    let name = file.display().to_string();
    let unreadable = |e| Error::invalid("import", format!("{name} cannot be read")).with_source(e);
    let lines = reader.lines().map(|line| line.map_err(unreadable));
    let soulcaster = session.open_or_make()?;
    let report = soulcaster.import(&session.project, lines).await?;
    session.answer(&report, |report| {
        let (items, clusters, events) =
            (count(report.items, "report"), count(report.clusters, "cluster"), count(report.events, "event"));
        format!("{items}, {clusters}, {events} imported into project {}\n", session.project)
    })?;
    Ok(Outcome::Done)
}

/// What `doctor` found out about a project.
#[derive(Serialize)]
struct Checked {
    project: ProjectId,
    items: usize,
    groups: usize,
    findings: Vec<Finding>,
}

/// What `doctor` found out about the deliveries that a server has acknowledged and not taken in yet.
#[derive(Serialize)]
struct Waiting {
    waiting: usize,
    /// Those that could not be taken in.
    set_aside: usize,
    /// Faults of their file.
    faults: Vec<String>,
}

impl Waiting {
    /// `None` when no server has run on `db`.
    fn beside(db: &Path) -> Result<Option<Self>> {
        let path = beside(db, "inbox");
        if !path.exists() {
            return Ok(None);
        }
        let inbox = Inbox::open(path, usize::MAX)?;
        Ok(Some(Self { waiting: inbox.waiting(), set_aside: inbox.aside()?, faults: inbox.check()? }))
    }

    fn findings(&self) -> Vec<Finding> {
        let note = |n: usize, what: &str| {
            (n > 0).then(|| Finding { fault: false, message: format!("{} {what}", number(n)) })
        };
        let waiting = "deliveries wait to be taken in; `soulcaster serve` does that";
        let aside = "deliveries could not be taken in and are set aside; the server's log says why";
        let faults =
            self.faults.iter().map(|fault| Finding { fault: true, message: format!("inbox: {fault}") });
        faults.chain(note(self.waiting, waiting)).chain(note(self.set_aside, aside)).collect()
    }
}

/// What `doctor` found out.
#[derive(Serialize)]
struct Health {
    version: &'static str,
    embedder: String,
    database: String,
    bytes: u64,
    /// Faults of the file.
    faults: Vec<String>,
    inbox: Option<Waiting>,
    projects: Vec<Checked>,
}

pub(super) async fn doctor(session: &Session) -> Result<Outcome> {
    let path = session.existing()?;
    let bytes = std::fs::metadata(&path).map_or(0, |data| data.len());
    let store = std::sync::Arc::new(session.store()?);
    let _progress = session.progress("checking the file");
    let faults = store.check()?;
    let inbox = Waiting::beside(&path)?;
    let soulcaster = Soulcaster::builder(store).build()?;
    let mut projects = Vec::new();
    if faults.is_empty() {
        for project in soulcaster.projects().await? {
            _progress.set(format!("checking project {project}"));
            let items =
                soulcaster.items(&project, &ItemQuery { limit: 1, ..ItemQuery::default() }).await?.total;
            let groups = soulcaster
                .clusters(&project, &ClusterQuery { limit: 1, ..ClusterQuery::default() })
                .await?
                .total;
            let findings = soulcaster.check(&project).await?;
            projects.push(Checked { project, items, groups, findings });
        }
    }
    drop(_progress);
    let health = Health {
        version: env!("CARGO_PKG_VERSION"),
        embedder: soulcaster.embedder().id().to_string(),
        database: path.display().to_string(),
        bytes,
        faults,
        inbox,
        projects,
    };
    session.answer(&health, diagnosis)?;
    let is_well = health.faults.is_empty()
        && health.inbox.as_ref().is_none_or(|inbox| inbox.faults.is_empty())
        && health.projects.iter().flat_map(|p| &p.findings).all(|finding| !finding.fault);
    Ok(if is_well { Outcome::Done } else { Outcome::Faults })
}

fn diagnosis(health: &Health) -> String {
    let mark = |fault: bool| if fault { style("fault").red().bold() } else { style("note").yellow() };
    let mut out = format!("soulcaster {}, embedder {}\n", health.version, health.embedder);
    out += &plain(&format!("database {} ({:.1} MB)", health.database, health.bytes as f64 / 1e6));
    out.push('\n');
    let inbox = health.inbox.as_ref().map(Waiting::findings).unwrap_or_default();
    for fault in &health.faults {
        out += &format!("  {} {}\n", mark(true), plain(fault));
    }
    for finding in &inbox {
        out += &format!("  {} {}\n", mark(finding.fault), plain(&finding.message));
    }
    for checked in &health.projects {
        out += &format!(
            "project {}: {}, {}\n",
            plain(checked.project.as_str()),
            count(checked.items, "report"),
            count(checked.groups, "group")
        );
        for finding in &checked.findings {
            out += &format!("  {} {}\n", mark(finding.fault), plain(&finding.message));
        }
    }
    if !health.faults.is_empty() {
        out += "the file is damaged; export what can be read, or go back to a copy\n";
    } else if inbox.is_empty() && health.projects.iter().all(|checked| checked.findings.is_empty()) {
        out += &format!("{}\n", style("all is well").green());
    }
    out
}
