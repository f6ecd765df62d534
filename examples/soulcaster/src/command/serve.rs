//! `serve`: the engine behind HTTP.

use std::time::Duration;

use soulcaster_core::model::Limits;
use soulcaster_core::{Error, ErrorKind, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{LogForm, Serve};
use crate::hands::Equipment;
use crate::server::{self, Settings};
use crate::session::{Outcome, Session};

pub(super) fn serve(session: &Session, args: &Serve) -> Result<Outcome> {
    write_log(args.log)?;
    let settings = Settings {
        listen: args.listen,
        body_limit: args.body_limit as usize * 1024,
        rate: args.rate,
        backlog: args.backlog as usize,
        connections: args.connections as usize,
        debounce: Duration::from_secs(args.group_after.into()),
        pull_interval: Duration::from_secs(args.pull_every.into()),
        private_network: args.allow_private_network,
        limits: Limits { items_per_user: args.max_items, fixes_per_user: args.max_fixes },
        fixes_at_once: args.fixes_at_once.into(),
    };
    server::serve(&session.path()?, settings, Equipment::of(&args.hands)?)?;
    Ok(Outcome::Done)
}

fn write_log(form: LogForm) -> Result<()> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let set = match form {
        LogForm::Json => log.json().flatten_event(true).with_current_span(false).try_init(),
        LogForm::Text => log.with_ansi(console::colors_enabled_stderr()).try_init(),
    };
    set.map_err(|e| Error::new(ErrorKind::Unexpected, "serve", "the log is set up twice").with_source(e))
}
