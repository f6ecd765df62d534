//! One function a command: arguments in, one call of the engine, the answer out.

mod correct;
mod decode;
mod demo;
mod evaluate;
mod fix;
mod group;
mod keys;
mod language;
mod look;
mod serve;
mod sources;
mod transfer;
mod triage;

use clap::CommandFactory;
use soulcaster_core::{Error, ErrorKind, Result};

use crate::args::{Args, Command};
use crate::output;
use crate::session::{Outcome, Session};

/// Runs the command.
pub(crate) fn run(args: Args) -> Result<Outcome> {
    if let Command::Completions { shell } = args.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Args::command(), "soulcaster", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        return Ok(Outcome::Done);
    }
    if let Command::Serve(serve) = &args.command {
        // It has runtimes of its own.
        return serve::serve(&Session::new(args.global)?, serve);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "start", "the system gives no resources to run").with_source(e)
    })?;
    runtime.block_on(dispatch(&Session::new(args.global)?, args.command))
}

async fn dispatch(session: &Session, command: Command) -> Result<Outcome> {
    match command {
        Command::Triage(args) => triage::triage(session, &args).await,
        Command::Report { out } => triage::report(session, &out).await,
        Command::Group(args) => group::group(session, &args).await,
        Command::Nearest(args) => group::nearest(session, &args).await,
        Command::Clusters { singles, limit } => look::clusters(session, singles, limit).await,
        Command::Show { cluster, limit } => look::show(session, &cluster, limit).await,
        Command::Items { cluster, source, unsure, limit } => {
            look::items(session, cluster.as_deref(), source, unsure, limit).await
        }
        Command::Explain { item } => look::explain(session, &item).await,
        Command::Search { text, limit } => look::search(session, &text.join(" "), limit).await,
        Command::Timeline { limit } => look::timeline(session, limit).await,
        Command::Analyze { limit } => look::analyze(session, limit).await,
        Command::Merge { into, others } => correct::merge(session, &into, &others).await,
        Command::Split { cluster, items } => correct::split(session, &cluster, &items).await,
        Command::Move { item, to } => correct::shift(session, &item, &to).await,
        Command::Confirm { name, no } => correct::confirm(session, &name, no).await,
        Command::Undo => correct::undo(session).await,
        Command::Cleanup { apply } => correct::cleanup(session, apply).await,
        Command::Recluster { dry_run } => correct::recluster(session, dry_run).await,
        Command::Eval { gold, pred } => evaluate::eval(session, &gold, pred.as_deref()).await,
        Command::Export { out } => transfer::export(session, out.as_deref()).await,
        Command::Import { file } => transfer::import(session, &file).await,
        Command::Doctor => transfer::doctor(session).await,
        Command::Decode(args) => decode::decode(session, &args),
        Command::Summarize(args) => language::summarize(session, &args).await,
        Command::Spend(args) => language::spend(session, &args).await,
        Command::Plan(args) => fix::plan(session, &args).await,
        Command::Fix(args) => fix::fix(session, &args).await,
        Command::Jobs { job, limit } => fix::jobs(session, job.as_deref(), limit).await,
        Command::Logs(args) => fix::logs(session, &args).await,
        Command::Cancel { job } => fix::cancel(session, &job).await,
        Command::Watch(hands) => fix::watch(session, &hands).await,
        Command::Settings(args) => fix::settings(session, &args).await,
        Command::Demo(args) => demo::demo(session, &args).await,
        Command::Completions { .. } | Command::Serve(_) => Ok(Outcome::Done),
        Command::Keys(command) => keys::keys(session, command).await,
        Command::Sources(command) => sources::sources(session, command).await,
    }
}
