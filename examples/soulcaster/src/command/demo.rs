//! `demo`: the whole way on a small project that lies in the binary.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use console::style;
use include_dir::{Dir, include_dir};
use serde::Serialize;
use soulcaster_agents::git::Git;
use soulcaster_agents::host::LocalHost;
use soulcaster_agents::replay::ReplayRunner;
use soulcaster_agents::sandbox::Sandbox;
use soulcaster_agents::workshop::LocalWorkshop;
use soulcaster_core::flow::{ClusterQuery, FixRequest, Hands};
use soulcaster_core::model::{
    AgentJob, Cluster, ClusterStatus, CodingPlan, FixSettings, FixStatus, Limits, TestCommand, TestDialect,
};
use soulcaster_core::port::{AgentEvent, AgentRunner, Isolation};
use soulcaster_core::{ClusterId, Error, ErrorKind, ProjectId, Result, Soulcaster};

use super::fix::{job_text, line_text};
use super::look::cluster_table;
use super::triage::{take_in, write_page};
use crate::args;
use crate::fixing;
use crate::intake::Intake;
use crate::output::Output;
use crate::session::{Outcome, Session};
use crate::text::{count, plain};

/// The sample: a repository, reports about it, a recorded agent.
static SAMPLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../demo");
/// What the repository is called.
const REPOSITORY: &str = "greengrocer/cart";

/// What `demo --json` prints.
#[derive(Serialize)]
struct Answer {
    folder: PathBuf,
    cluster: ClusterId,
    job: AgentJob,
    pull_request: PathBuf,
    status_after_merge: ClusterStatus,
    status_after_recurrence: ClusterStatus,
}

pub(super) async fn demo(session: &Session, args: &args::Demo) -> Result<Outcome> {
    let out = std::path::absolute(&args.out)
        .map_err(|e| Error::invalid("demo", "this is no path of a folder").with_source(e))?;
    let out = out.as_path();
    unpack(out)?;
    let session = session.in_database(out.join("demo.db"), ProjectId::new("demo")?);
    let repositories = out.join("repositories");
    let bare = make_repository(&out.join("repository"), &repositories).await?;
    let soulcaster = session.open_or_make()?;

    title(&session, 1, "Reports come in, and those about the same problem are put together");
    let page = triage(&session, &soulcaster, &out.join("reports.jsonl")).await?;
    session.say_lines(&page);
    let group = largest(&session, &soulcaster).await?;
    let id = group.id.clone();
    write_page(&session, &soulcaster, Output::create(&out.join("report.html"))?).await?;

    title(&session, 2, "The largest group becomes a brief and a plan");
    let sandbox = Sandbox::find();
    let least = sandbox.isolation().min(Isolation::Confined);
    let workshop = LocalWorkshop::new(sandbox).least(least);
    let settings = FixSettings {
        repository: Some(REPOSITORY.to_owned()),
        // The sample's code and reports are this program's own.
        least_isolation: least,
        test: Some(TestCommand {
            argv: ["python3", "-B", "-m", "unittest", "-v"].map(str::to_owned).to_vec(),
            dialect: TestDialect::Unittest,
            folder: None,
        }),
        ..FixSettings::default()
    };
    if least == Isolation::None {
        session.say("   (bubblewrap is missing: the sample's tests run without a sandbox)");
    }
    soulcaster.change_fix_settings(&session.project, &settings).await?;
    let runner: Arc<dyn AgentRunner> = Arc::new(ReplayRunner::open(&out.join("replay.json"))?);
    let hands = Hands {
        host: Arc::new(LocalHost::new(&repositories)),
        workshop: Arc::new(workshop),
        runners: vec![runner],
        model: None,
    };
    let suspects = soulcaster
        .survey(&session.project, &id, hands.host.as_ref(), hands.workshop.as_ref(), &out.join("survey"))
        .await;
    // It is in the way of nothing if it stays.
    let _ = std::fs::remove_dir_all(out.join("survey"));
    let plan = soulcaster.make_plan(&session.project, &id, suspects?, None, now()).await?;
    session.say_lines(&super::fix::plan_text(&plan));

    title(
        &session,
        3,
        "An agent works in a clean clone; its patch is checked, proven, and published as a draft",
    );
    let job = fix(&session, &soulcaster, &hands, &plan).await?;
    session.say_lines(&job_text(&job));
    if job.status != FixStatus::Succeeded {
        let why = job.error.unwrap_or_default();
        return Err(Error::new(ErrorKind::Unexpected, "demo", format!("the sample was not fixed: {why}")));
    }
    let pull_request = pull_request_file(&job);
    session.say(&format!("   a reviewer reads {}", plain(&pull_request.display().to_string())));

    title(&session, 4, "A reviewer merges it, and the group is fixed");
    merge(&bare, &job).await?;
    let report = soulcaster.watch_fixes(&session.project, hands.host.as_ref(), now()).await?;
    let merged = status(&session, &soulcaster, &id).await?;
    session.say(&format!("   group {id} is {}", word(merged)));
    expect(report.merged == [job.id.clone()] && merged == ClusterStatus::Fixed, "the merge was not noticed")?;

    title(&session, 5, "Later somebody reports it again, and the group comes back");
    let again = triage(&session, &soulcaster, &out.join("recurrence.jsonl")).await?;
    session.say_lines(&again);
    let regressed = status(&session, &soulcaster, &id).await?;
    soulcaster.watch_fixes(&session.project, hands.host.as_ref(), now()).await?;
    for record in soulcaster.runner_records(&session.project).await? {
        let (merged, back) = (record.merged, record.regressed);
        session.say(&format!("   runner {}: {merged} merged, {back} came back", plain(&record.runner)));
    }
    session.say(&format!("   group {id} is {}", word(regressed)));
    expect(regressed == ClusterStatus::Regressed, "the recurrence was not noticed")?;

    let answer = Answer {
        folder: out.to_owned(),
        cluster: id,
        job,
        pull_request,
        status_after_merge: merged,
        status_after_recurrence: regressed,
    };
    session.answer(&answer, |answer| {
        let folder = plain(&answer.folder.display().to_string());
        format!(
            "\n{folder}/report.html                  the groups\n{}   the pull request\n\
             {folder}/demo.db                      everything, also for `soulcaster --db {folder}/demo.db --project demo …`\n",
            plain(&answer.pull_request.display().to_string())
        )
    })?;
    Ok(Outcome::Done)
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn title(session: &Session, number: u32, text: &str) {
    session.say_lines(&format!("\n{}", style(format!("{number}. {text}")).bold().for_stderr()));
}

fn expect(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::new(ErrorKind::Unexpected, "demo", what)) }
}

/// Writes the sample into the new folder `out`.
fn unpack(out: &Path) -> Result<()> {
    let failed = |e: std::io::Error| {
        let why = match e.kind() {
            std::io::ErrorKind::AlreadyExists => "is there already; name another folder with --out",
            _ => "cannot be made; name another folder with --out",
        };
        Error::invalid("demo", format!("{} {why}", out.display())).with_source(e)
    };
    std::fs::create_dir(out).map_err(failed)?;
    SAMPLE.extract(out).map_err(failed)
}

/// Makes a bare repository with one commit of the files in `folder`.
async fn make_repository(folder: &Path, repositories: &Path) -> Result<PathBuf> {
    let bare = repositories.join(format!("{REPOSITORY}.git"));
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Unavailable, "demo", "no repository can be made").with_source(e)
    };
    std::fs::create_dir_all(&bare).map_err(failed)?;
    Git::new(&bare).run(&["init", "--quiet", "--bare"]).await?;
    let git = identified(Git::new(folder).git_dir(&bare));
    let git = git.setting("core.bare", "false");
    git.run(&["add", "--all"]).await?;
    git.run(&["commit", "--quiet", "--message", "The cart"]).await?;
    Ok(bare)
}

fn identified(git: Git) -> Git {
    ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"]
        .into_iter()
        .fold(git, |git, name| {
            git.env(name, if name.ends_with("EMAIL") { "shop@example.com" } else { "Green Grocer" })
        })
}

/// Takes a file in and groups; gives the groups as a table.
async fn triage(session: &Session, soulcaster: &Soulcaster, file: &Path) -> Result<String> {
    let mut intake = Intake::open(&[file.to_owned()], "file")?;
    let taken = take_in(session, soulcaster, &mut intake).await?;
    soulcaster.group(&session.project, now()).await?;
    let page = soulcaster.clusters(&session.project, &ClusterQuery::default()).await?;
    Ok(format!("{}\n\n{}", count(taken.accepted, "new report"), cluster_table(&page)))
}

async fn largest(session: &Session, soulcaster: &Soulcaster) -> Result<Cluster> {
    let page = soulcaster.clusters(&session.project, &ClusterQuery::default()).await?;
    page.clusters
        .into_iter()
        .next()
        .ok_or_else(|| Error::new(ErrorKind::Unexpected, "demo", "nothing was grouped"))
}

/// Asks for a fix and works on it, showing the log as it grows.
async fn fix(
    session: &Session,
    soulcaster: &Soulcaster,
    hands: &Hands,
    plan: &CodingPlan,
) -> Result<AgentJob> {
    let request = FixRequest::default();
    let (job, _) = soulcaster
        .start_fix(&session.project, &plan.cluster_id, &request, hands, Limits::default(), now())
        .await?;
    let worked = fixing::work(soulcaster, hands, &session.project, &job.id, std::future::pending()).await?;
    for line in soulcaster.fix_log(&session.project, &job.id, 0, 0).await? {
        if session.verbose || !matches!(line.event, AgentEvent::Output { .. }) {
            session.say(&format!("   {}", line_text(&line)));
        }
    }
    worked.ok_or_else(|| Error::new(ErrorKind::Unexpected, "demo", "somebody else works on the sample"))
}

/// The file that the pull request is.
fn pull_request_file(job: &AgentJob) -> PathBuf {
    let url = job.pull_request.as_ref().map(|pull_request| pull_request.url.as_str()).unwrap_or_default();
    PathBuf::from(url.strip_prefix("file://").unwrap_or(url))
}

/// What a reviewer does: moves the base to the branch.
async fn merge(bare: &Path, job: &AgentJob) -> Result<()> {
    let git = Git::new(bare).git_dir(bare);
    let branch = job.branch.clone().unwrap_or_default();
    git.run(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]).await.map(|_| ())
}

async fn status(session: &Session, soulcaster: &Soulcaster, id: &ClusterId) -> Result<ClusterStatus> {
    Ok(soulcaster.cluster(&session.project, id).await?.cluster.status)
}

fn word(status: ClusterStatus) -> &'static str {
    match status {
        ClusterStatus::New => "new",
        ClusterStatus::Fixing => "being fixed",
        ClusterStatus::PrOpened => "waiting for a reviewer",
        ClusterStatus::Failed => "failed",
        ClusterStatus::Fixed => "fixed",
        ClusterStatus::Regressed => "back: regressed",
        ClusterStatus::Resolved => "resolved",
    }
}
