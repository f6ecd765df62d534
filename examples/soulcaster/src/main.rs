//! `soulcaster`: thousands of reports in, a short list of named, explained groups out.
//!
//! Translates: arguments into calls of [`soulcaster_core::Soulcaster`], answers into tables, JSON and a report.

mod args;
mod command;
mod fixing;
mod hands;
mod intake;
mod output;
mod secret;
mod server;
mod session;
mod text;

use std::process::ExitCode;

use clap::Parser;
use soulcaster_core::{Error, ErrorKind};

use crate::args::Args;
use crate::session::Outcome;

fn main() -> ExitCode {
    let args = Args::parse();
    // The server finishes what it has begun, and a fix is cancelled.
    if !matches!(args.command, args::Command::Serve(_) | args::Command::Fix(_)) {
        output::clear_up_on_interrupt();
    }
    match command::run(args) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Faults) => ExitCode::FAILURE,
        // Whoever reads the output has seen enough.
        Err(error) if output::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

/// Says what is wrong: the thing and the remedy, then what the system said.
fn complain(error: &Error) {
    let head = console::style("error:").red().bold().for_stderr();
    eprintln!("{head} {}", text::plain(error.message()));
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        eprintln!("  because: {}", text::plain(&inner.to_string()));
        cause = inner.source();
    }
    if error.kind() == ErrorKind::Unexpected {
        eprintln!("  this is a fault of soulcaster ({}); please report it", error.operation());
    }
}
