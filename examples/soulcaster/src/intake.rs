//! Reading report files: rows in, faults named by file and line.

use std::path::{Path, PathBuf};

use console::style;
use serde::Serialize;
use soulcaster_core::model::Inbound;
use soulcaster_core::{Error, Result};
use soulcaster_sources::file::{FileOptions, FileReader};

use crate::session::Session;
use crate::text::{count, number, plain};

/// Faults and warnings that are printed before the rest is only counted.
const SHOWN: usize = 10;

/// A report that was refused.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) file: String,
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// Report files, opened.
pub(crate) struct Intake {
    /// With how many rows each has given.
    files: Vec<(String, FileReader, usize)>,
    pub(crate) faults: Faults,
    warnings: usize,
}

/// What was refused.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Faults {
    /// How many.
    pub(crate) count: usize,
    /// The first thousand.
    pub(crate) first: Vec<Fault>,
}

/// A report and the line it came from.
pub(crate) struct Line {
    pub(crate) line: usize,
    pub(crate) report: Inbound,
}

impl Intake {
    /// Opens all of `paths`, so that a wrong name is known before anything is taken in.
    pub(crate) fn open(paths: &[PathBuf], source: &str) -> Result<Self> {
        let options = FileOptions { source: source.to_owned(), ..FileOptions::default() };
        let mut files: Vec<(String, FileReader, usize)> = Vec::new();
        for path in paths {
            let name = name(path);
            if files.iter().any(|(known, ..)| *known == name) {
                return Err(Error::invalid("files", format!("{name} is named twice")));
            }
            let reader = FileReader::open_with(path, options.clone())?;
            files.push((name, reader, 0));
        }
        Ok(Self { files, faults: Faults::default(), warnings: 0 })
    }

    /// The next rows, at most `rows` of them and not much more than `bytes`; with the name of their file.
    /// `None` at the end of the last file.
    pub(crate) fn batch(
        &mut self,
        session: &Session,
        rows: usize,
        bytes: usize,
    ) -> Option<(String, Vec<Line>)> {
        let mut batch = Vec::new();
        let mut size = 0;
        while let Some((name, reader, given)) = self.files.first_mut() {
            let name = name.clone();
            while batch.len() < rows && size < bytes {
                let Some(row) = reader.next() else { break };
                *given += 1;
                for warning in &row.warnings {
                    self.warnings += 1;
                    if self.warnings <= SHOWN || session.verbose {
                        session.say(&format!("warning: {name}:{}: {warning}", row.line));
                    }
                }
                match row.result {
                    Ok(report) => {
                        size += report.raw_payload.as_ref().map_or(0, Vec::len)
                            + report.title.len()
                            + report.body.len();
                        batch.push(Line { line: row.line, report });
                    }
                    Err(reason) => self.faults.add(session, &name, row.line, reason),
                }
            }
            let is_full = batch.len() >= rows || size >= bytes;
            if !is_full {
                if *given == 0 {
                    session.say(&format!("warning: {name} is empty; there is nothing in it to take in"));
                }
                self.files.remove(0);
            }
            if is_full || !batch.is_empty() {
                return Some((name, batch));
            }
        }
        None
    }

    /// Says how many faults and warnings there were beyond those printed.
    pub(crate) fn sum_up(&self, session: &Session) {
        if self.warnings > SHOWN && !session.verbose {
            session.say(&format!("warning: {} more warnings; -v shows them", number(self.warnings - SHOWN)));
        }
        if self.faults.count > SHOWN && !session.verbose {
            eprintln!("… {} more were refused; -v shows them", number(self.faults.count - SHOWN));
        }
        if self.faults.count > 0 {
            eprintln!(
                "{} {} refused, the rest taken",
                style("error:").red().bold().for_stderr(),
                count(self.faults.count, "report")
            );
        }
    }
}

impl Faults {
    /// Notes and says that the report in `line` of `file` was refused.
    pub(crate) fn add(&mut self, session: &Session, file: &str, line: usize, reason: String) {
        const KEPT: usize = 1000;
        self.count += 1;
        if self.count <= SHOWN || session.verbose {
            eprintln!(
                "{} {}",
                style("refused:").red().for_stderr(),
                plain(&format!("{file}:{line}: {reason}"))
            );
        }
        if self.first.len() < KEPT {
            self.first.push(Fault { file: file.to_owned(), line, reason });
        }
    }
}

fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
