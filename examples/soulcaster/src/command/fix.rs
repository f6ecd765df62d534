//! `plan`, `fix`, `jobs`, `logs`, `cancel`, `watch`, `settings`: from a group to a pull request.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use console::style;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use soulcaster_core::flow::{FixRequest, PlanChange, WatchReport};
use soulcaster_core::model::{
    AgentJob, CodingPlan, FixStatus, Limits, LogLine, PlanAuthor, PlanStatus, ProofVerdict,
};
use soulcaster_core::port::AgentEvent;
use soulcaster_core::{Error, ErrorKind, Result, Soulcaster};

use crate::args;
use crate::fixing;
use crate::hands::Equipment;
use crate::output;
use crate::session::{Outcome, Session};
use crate::text::{Table, moment, number, plain};

/// Between two looks at a log that is followed.
const FOLLOW: Duration = Duration::from_millis(300);
/// Greatest reproduction that is read, in bytes.
const MAX_REPRODUCTION: u64 = 1 << 20;

pub(super) async fn plan(session: &Session, args: &args::Plan) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let project = &session.project;
    let id = soulcaster.find_cluster(project, &args.cluster).await?;
    let some = |lines: &[String]| (!lines.is_empty()).then(|| lines.to_vec());
    let change = PlanChange {
        title: args.title.clone(),
        description: args.description.clone(),
        steps: some(&args.steps),
        acceptance: some(&args.accept),
    };
    let mut plan = match soulcaster.plan(project, &id).await? {
        Some(plan) if !args.new => plan,
        _ => {
            let _progress = session.progress("writing the plan");
            let equipment = Equipment::of(&args.hands)?;
            equipment.plan(&soulcaster, project, &id, session.now).await?
        }
    };
    if change != PlanChange::default() {
        plan = soulcaster.edit_plan(project, &id, Some(plan.revision), change, session.now).await?;
    }
    if args.approve {
        plan = soulcaster.approve_plan(project, &id, Some(plan.revision), session.now).await?;
    }
    session.answer(&plan, plan_text)?;
    Ok(Outcome::Done)
}

pub(super) fn plan_text(plan: &CodingPlan) -> String {
    let by = match &plan.author {
        PlanAuthor::Rule => "made by rule".to_owned(),
        PlanAuthor::Model { name } => format!("written by {}", plain(name)),
        PlanAuthor::Person => "changed by hand".to_owned(),
    };
    let stands = match plan.status {
        PlanStatus::Draft => "draft",
        PlanStatus::Approved => "approved",
    };
    let mut out = format!("{}\n", style(plain(&plan.title)).bold());
    let _ = writeln!(out, "{}", style(format!("revision {}, {by}, {stands}", plan.revision)).dim());
    let _ = writeln!(out, "\n{}", paragraphs(&plan.description));
    if let Some(repository) = &plan.brief.repository {
        let _ = writeln!(out, "\nRepository  {}", plain(repository));
    }
    let mut part = |title: &str, lines: &[String], numbered: bool| {
        if !lines.is_empty() {
            let _ = writeln!(out, "\n{}", style(title).bold());
            for (n, line) in lines.iter().enumerate() {
                let mark = if numbered { format!("{}.", n + 1) } else { "-".to_owned() };
                let _ = writeln!(out, "  {mark} {}", plain(line));
            }
        }
    };
    part("Steps", &plan.steps, true);
    let files = plan.brief.suspects.iter().map(|file| format!("{}: {}", file.path, file.reasons.join(", ")));
    part("Files to begin with", &files.collect::<Vec<_>>(), false);
    part("How reports say it can be seen", &plan.brief.reproduction, false);
    part("Afterwards", &plan.acceptance, false);
    out
}

pub(super) fn paragraphs(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

pub(super) async fn fix(session: &Session, args: &args::Fix) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let project = &session.project;
    let id = soulcaster.find_cluster(project, &args.cluster).await?;
    let equipment = Equipment::of(&args.hands)?;
    let hands = equipment.hands(&soulcaster, project)?;
    let reproduction = args.reproduction.as_deref().map(read_diff).transpose()?;
    let request =
        FixRequest { runner: args.runner.clone(), repository: args.repository.clone(), reproduction };
    let limits = Limits { items_per_user: None, fixes_per_user: args.max_fixes };
    if soulcaster.plan(project, &id).await?.is_none() {
        let _progress = session.progress("writing the plan");
        equipment.plan(&soulcaster, project, &id, session.now).await?;
    }
    let (job, is_new) = soulcaster.start_fix(project, &id, &request, &hands, limits, session.now).await?;
    session.say(&match is_new {
        true => format!("fix {} of {id} in {} by {}", job.id, job.repository, job.runner),
        false => format!("fix {} of {id} is open already", job.id),
    });
    let job = work(session, &soulcaster, &hands, &job.id).await?;
    session.answer(&job, job_text)?;
    Ok(if job.status == FixStatus::Succeeded { Outcome::Done } else { Outcome::Faults })
}

fn read_diff(path: &Path) -> Result<String> {
    let refuse = |why: &str| Error::invalid("fix", format!("{} {why}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| refuse("cannot be opened").with_source(e))?;
    file.take(MAX_REPRODUCTION + 1)
        .read_to_string(&mut text)
        .map_err(|e| refuse("cannot be read as text").with_source(e))?;
    if text.len() as u64 > MAX_REPRODUCTION {
        return Err(refuse("is larger than 1 MiB, which no reproduction is"));
    }
    Ok(text)
}

/// Works on a fix, or watches it where somebody else does, and shows its log meanwhile. Ctrl-C cancels it.
async fn work(
    session: &Session,
    soulcaster: &Soulcaster,
    hands: &soulcaster_core::flow::Hands,
    id: &str,
) -> Result<AgentJob> {
    let project = &session.project;
    let cancelled = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        session.say("stopping");
        soulcaster.cancel_fix(project, id, std::time::SystemTime::now().into()).await
    };
    let shown = follow(session, soulcaster, id);
    let worked = async {
        loop {
            if let Some(job) = fixing::work(soulcaster, hands, project, id, std::future::pending()).await?
                && job.status.has_ended()
            {
                return Ok(job);
            }
            // Somebody else has it, or it is to be tried again.
            let job = soulcaster.fix(project, id).await?;
            if job.status.has_ended() {
                return Ok(job);
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    };
    tokio::pin!(cancelled, shown, worked);
    let mut is_cancelled = false;
    loop {
        tokio::select! {
            job = &mut worked => {
                // What was logged last is shown, too.
                let _ = tokio::time::timeout(Duration::from_secs(2), &mut shown).await;
                return job;
            }
            result = &mut cancelled, if !is_cancelled => { result?; is_cancelled = true; }
            result = &mut shown, if !session.json => { result?; return worked.await; }
        }
    }
}

/// Prints the log of a fix as it grows, on standard error, until it has ended.
async fn follow(session: &Session, soulcaster: &Soulcaster, id: &str) -> Result<()> {
    let mut last = 0;
    loop {
        let ended = soulcaster.fix(&session.project, id).await?.status.has_ended();
        for line in soulcaster.fix_log(&session.project, id, last, 0).await? {
            last = line.number;
            if session.verbose || !matches!(line.event, AgentEvent::Output { .. }) {
                session.say(&line_text(&line));
            }
        }
        if ended {
            return Ok(());
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

pub(crate) fn line_text(line: &LogLine) -> String {
    let at = line.at.format("%H:%M:%S");
    let text = match &line.event {
        AgentEvent::Step { text } => format!("== {text}"),
        AgentEvent::Text { text } => text.clone(),
        AgentEvent::Tool { name, input, .. } => format!("[{name}] {input}"),
        AgentEvent::Output { text } => format!("| {text}"),
        AgentEvent::Refused { text } => format!("!! {text}"),
        AgentEvent::Spend { spend } => {
            format!("{} tokens in {} calls", number(spend.tokens()), number(spend.calls))
        }
    };
    let text = plain(&text);
    format!("{at} {}", console::truncate_str(&text, 400, "…"))
}

pub(crate) fn job_text(job: &AgentJob) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<13} {}", plain(&value));
    };
    line("Fix", job.id.clone());
    line("Group", job.cluster_id.to_string());
    line("Repository", job.repository.clone());
    line("Runner", job.runner.clone());
    line("Status", status_word(job.status).to_owned());
    if let Some(verdict) = &job.verdict {
        line(
            "Proof",
            match verdict {
                ProofVerdict::Proven => "proven".to_owned(),
                ProofVerdict::Unproven { reason } => format!("unproven: {reason}"),
                ProofVerdict::Refuted { evidence } => format!("refuted: {evidence}"),
            },
        );
    }
    for refusal in &job.refusals {
        line("Refused", format!("{}: {}", refusal.rule, refusal.subject));
    }
    if let Some(error) = &job.error {
        line("Why", error.clone());
    }
    if let (Some(branch), Some(pull_request)) = (&job.branch, &job.pull_request) {
        line("Branch", branch.clone());
        line("Pull request", pull_request.url.clone());
    }
    line("Tokens", format!("{} of {}", number(job.spend.tokens()), number(job.settings.budget.tokens)));
    out
}

fn status_word(status: FixStatus) -> &'static str {
    match status {
        FixStatus::Pending => "pending",
        FixStatus::Running => "running",
        FixStatus::Succeeded => "succeeded",
        FixStatus::Failed => "failed",
        FixStatus::Cancelled => "cancelled",
    }
}

pub(super) async fn jobs(session: &Session, job: Option<&str>, limit: usize) -> Result<Outcome> {
    let soulcaster = session.look()?;
    if let Some(id) = job {
        session.answer(&soulcaster.fix(&session.project, id).await?, job_text)?;
        return Ok(Outcome::Done);
    }
    let jobs = soulcaster.fixes(&session.project, None, limit).await?;
    session.answer(&jobs, |jobs| {
        if jobs.is_empty() {
            return "no fixes yet; `soulcaster fix CLUSTER` makes one\n".to_owned();
        }
        let mut table = Table::new(&["FIX", "GROUP", "ASKED FOR", "STATUS", "RUNNER", "RESULT"]);
        for job in jobs {
            let result = job.pull_request.as_ref().map(|pull_request| pull_request.url.clone());
            table.row([
                job.id.clone(),
                job.cluster_id.to_string(),
                moment(job.created_at),
                status_word(job.status).to_owned(),
                job.runner.clone(),
                result.or_else(|| job.error.clone()).unwrap_or_default(),
            ]);
        }
        table.render()
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn logs(session: &Session, args: &args::Logs) -> Result<Outcome> {
    let soulcaster = session.look()?;
    let mut last = 0;
    loop {
        let ended = soulcaster.fix(&session.project, &args.job).await?.status.has_ended();
        let lines = soulcaster.fix_log(&session.project, &args.job, last, 0).await?;
        for line in &lines {
            last = line.number;
            let text = match session.json {
                true => serde_json::to_string(line).unwrap_or_default(),
                false => line_text(line),
            };
            output::print(&(text + "\n"))?;
        }
        if ended || !args.follow {
            return Ok(Outcome::Done);
        }
        tokio::time::sleep(FOLLOW).await;
    }
}

pub(super) async fn cancel(session: &Session, job: &str) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let job = soulcaster.cancel_fix(&session.project, job, session.now).await?;
    session.answer(&job, |job| match (job.status.has_ended(), job.cancel_requested) {
        (true, _) => format!("fix {} is {}\n", job.id, status_word(job.status)),
        _ => format!("fix {} will stop within seconds\n", job.id),
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn watch(session: &Session, hands: &args::Hands) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let host = Equipment::of(hands)?.host()?;
    let report = soulcaster.watch_fixes(&session.project, host.as_ref(), session.now).await?;
    session.answer(&report, watch_text)?;
    Ok(if report.failed.is_empty() { Outcome::Done } else { Outcome::Faults })
}

fn watch_text(report: &WatchReport) -> String {
    let mut out = String::new();
    for (what, jobs) in
        [("merged", &report.merged), ("closed", &report.closed), ("back again", &report.regressed)]
    {
        for job in jobs {
            let _ = writeln!(out, "fix {}: {what}", plain(job));
        }
    }
    for (job, why) in &report.failed {
        let _ = writeln!(out, "fix {}: {}", plain(job), plain(why));
    }
    if out.is_empty() { "nothing has changed\n".to_owned() } else { out }
}

pub(super) async fn settings(session: &Session, args: &args::ProjectSettings) -> Result<Outcome> {
    let soulcaster = if args.changes.is_empty() { session.look()? } else { session.open_or_make()? };
    let mut settings = soulcaster.fix_settings(&session.project).await?;
    if !args.changes.is_empty() {
        settings = changed(&settings, &args.changes)?;
        soulcaster.change_fix_settings(&session.project, &settings).await?;
    }
    output::print_json(&settings)?;
    Ok(Outcome::Done)
}

/// `settings` with the members that `changes` name set.
pub(super) fn changed<T: Serialize + DeserializeOwned + Default>(
    settings: &T,
    changes: &[String],
) -> Result<T> {
    let refuse = |message: String| Error::invalid("settings", message);
    let whole = |settings: &T| {
        serde_json::to_value(settings).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "settings", "settings have no JSON form").with_source(e)
        })
    };
    let mut value = whole(settings)?;
    let defaults = whole(&T::default())?;
    for change in changes {
        let (path, text) = change
            .split_once('=')
            .ok_or_else(|| refuse(format!("{change:?} is not of the form NAME=VALUE")))?;
        let new = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        let pointer = format!("/{}", path.replace('.', "/"));
        let new =
            if new.is_null() { defaults.pointer(&pointer).cloned().unwrap_or(Value::Null) } else { new };
        let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", &pointer));
        let Some(Value::Object(members)) = value.pointer_mut(parent) else {
            return Err(refuse(format!("there is no setting {path}; without changes they are listed")));
        };
        members.insert(name.to_owned(), new);
    }
    serde_json::from_value(value).map_err(|e| refuse(format!("{e}; without changes they are listed")))
}
