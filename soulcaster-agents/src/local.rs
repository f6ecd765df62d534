//! Agents on this machine, shut in.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use soulcaster_core::port::agent::{
    AgentOutcome, AgentRunner, AgentTask, Isolation, Spend, StopReason, Transcript,
};
use soulcaster_core::{Error, ErrorKind, Result};
use tempfile::TempDir;

use crate::broker::{Broker, Upstream};
use crate::cli::{Access, installation};
use crate::log::{BATCH, Log};
use crate::patch::Pristine;
use crate::sandbox::{BROKER_PORT, Cell, Sandbox, in_system, which};

pub use crate::cli::Cli;

const OPERATION: &str = "local.run";

/// Options of a [`LocalRunner`].
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// The agent.
    pub cli: Cli,
    /// Its program; looked for on `PATH` if absent.
    pub program: Option<PathBuf>,
    /// Where its model calls go; a command template may do without.
    pub upstream: Option<Upstream>,
    /// Files and folders that it may read besides its own installation and the usual toolchains.
    pub read_only: Vec<PathBuf>,
    /// Variables of its environment. No secret belongs here: the agent can read it.
    pub env: Vec<(String, String)>,
    /// The weakest that it may be shut in.
    pub least: Isolation,
}

impl LocalConfig {
    /// The agent on `PATH`, shut in, without a model.
    #[must_use]
    pub fn new(cli: Cli) -> Self {
        Self {
            cli,
            program: None,
            upstream: None,
            read_only: Vec::new(),
            env: Vec::new(),
            least: Isolation::Confined,
        }
    }
}

/// Runs a coding agent of this machine in a [`Sandbox`], with a [`Broker`] as its only way out.
///
/// The patch is found out when every process of the agent is gone, by a comparison with the commit of the checkout as
/// it was before; the `.git` of the checkout is removed then.
#[derive(Debug)]
pub struct LocalRunner {
    sandbox: Sandbox,
    config: LocalConfig,
    program: PathBuf,
    /// The folder of its installation.
    installation: Option<PathBuf>,
}

impl LocalRunner {
    /// Looks for the program of the agent.
    ///
    /// # Errors
    /// `NotFound` when it is not installed, `Unavailable` when `sandbox` shuts in less well than demanded.
    pub fn new(sandbox: Sandbox, config: LocalConfig) -> Result<Self> {
        let name = config.cli.program();
        if sandbox.isolation() < config.least {
            let reason = sandbox.trouble().unwrap_or("it is not a machine of its own");
            let message = format!("{name} must be shut in at the level {:?}: {reason}", config.least);
            return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
        }
        let found = config.program.clone().or_else(|| {
            let path = Path::new(name);
            if path.is_absolute() { Some(path.to_path_buf()) } else { which(name) }
        });
        // The package that a link of npm leads to.
        let program = found
            .and_then(|path| path.canonicalize().ok())
            .ok_or_else(|| Error::not_found(OPERATION, format!("{name} is not installed, or not on PATH")))?;
        let installation = if in_system(&program) { None } else { installation(&program) };
        Ok(Self { sandbox, config, program, installation })
    }

    /// Starts the broker of a run, and says how the agent reaches it.
    async fn broker(
        &self,
        task: &AgentTask,
        folder: &Path,
    ) -> Result<Option<(Broker, Access, Option<PathBuf>)>> {
        let Some(upstream) = &self.config.upstream else { return Ok(None) };
        let (broker, url, socket) = if self.sandbox.isolation() == Isolation::None {
            let broker = Broker::on_loopback(upstream, &task.budget).await?;
            let url = broker.url().unwrap_or_default().to_owned();
            (broker, url, None)
        } else {
            let socket = folder.join("broker.sock");
            let broker = Broker::on_socket(upstream, &task.budget, &socket).await?;
            (broker, format!("http://127.0.0.1:{BROKER_PORT}"), Some(socket))
        };
        let access = Access { url, token: broker.token().to_owned(), model: upstream.model().to_owned() };
        Ok(Some((broker, access, socket)))
    }

    /// Runs the agent to its end, and says why it ended; nothing of it is alive afterwards.
    async fn drive(
        &self,
        cell: &Cell,
        argv: &[String],
        broker: Option<&Broker>,
        log: &Log,
        transcript: &dyn Transcript,
    ) -> Result<(StopReason, Option<String>)> {
        let mut take = |_, line: &str| log.read(line);
        let run = self.sandbox.run(cell, argv, &mut take);
        let write = async {
            loop {
                tokio::time::sleep(BATCH).await;
                if let Err(error) = log.write(transcript, spend(broker)).await {
                    return error;
                }
            }
        };
        let exhausted = async {
            match broker {
                Some(broker) => broker.exhausted().await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = run => ended?,
            reason = exhausted => {
                return Ok((reason, Some("the budget for model calls is used up".to_owned())));
            }
            error = write => return Err(error),
        };
        if let Some(reason) = ended.stopped {
            return Ok((reason, None));
        }
        let code = match ended.exit_code {
            Some(0) => return Ok((StopReason::Finished, None)),
            code => code.unwrap_or_default(),
        };
        let words = log.last_words().unwrap_or_else(|| "it said nothing".to_owned());
        let fault = broker.and_then(Broker::fault).map(|fault| format!("; {fault}")).unwrap_or_default();
        Ok((StopReason::AgentFailed, Some(format!("exit code {code}: {words}{fault}"))))
    }
}

#[async_trait]
impl AgentRunner for LocalRunner {
    fn name(&self) -> &str {
        self.config.cli.name()
    }

    fn isolation(&self) -> Isolation {
        self.sandbox.isolation()
    }

    async fn run(&self, task: &AgentTask, transcript: &dyn Transcript) -> Result<AgentOutcome> {
        let trouble =
            |e| Error::new(ErrorKind::Unavailable, OPERATION, "no folder can be made").with_source(e);
        let pristine = Pristine::keep(&task.checkout).await?;
        // Short, for the path of a socket may have a hundred characters.
        let folder: TempDir = tempfile::Builder::new().prefix("sc-").tempdir().map_err(trouble)?;
        let file = folder.path().join("instructions.md");
        std::fs::write(&file, &task.instructions).map_err(trouble)?;
        let broker = self.broker(task, folder.path()).await?;
        let access = broker.as_ref().map(|(_, access, _)| access);
        let invocation = self.config.cli.invocation(&self.program, &task.instructions, &file, access)?;
        let mut cell = Cell::new(&task.checkout);
        cell.budget = task.budget.clone();
        cell.least = self.config.least;
        cell.read_only = self.config.read_only.clone();
        cell.read_only.extend(self.installation.clone());
        cell.read_only.push(file);
        cell.env = self.config.env.clone();
        cell.env.extend(invocation.env);
        cell.broker = broker.as_ref().and_then(|(_, _, socket)| socket.clone());
        let broker = broker.map(|(broker, ..)| broker);

        let log = Log::new(&self.config.cli);
        let driven = self.drive(&cell, &invocation.argv, broker.as_ref(), &log, transcript).await;
        let spend = match broker {
            Some(broker) => broker.close().await,
            None => Spend::default(),
        };
        let (mut stop_reason, mut message) = driven?;
        log.write(transcript, spend).await?;
        let patch = pristine.patch(&task.checkout, &task.budget).await?;
        if let Some(excess) = patch.excess {
            if stop_reason == StopReason::Finished {
                stop_reason = StopReason::Diff;
            }
            message = Some(excess);
        }
        Ok(AgentOutcome { patch: patch.text, stop_reason, message, spend })
    }
}

fn spend(broker: Option<&Broker>) -> Spend {
    broker.map(Broker::spend).unwrap_or_default()
}
