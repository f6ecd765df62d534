//! Agents in machines of E2B.

mod client;
mod frames;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use soulcaster_core::port::agent::{
    AgentOutcome, AgentRunner, AgentTask, Isolation, Spend, StopReason, Transcript,
};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use crate::cli::{Access, Cli};
use crate::log::{BATCH, Log};
use crate::patch::Pristine;
use client::{Api, Created, Event, Process};

const OPERATION: &str = "e2b.run";

/// How an agent in a machine elsewhere reaches a model.
#[derive(Debug, Clone)]
pub struct RemoteModel {
    /// An address that the sandbox can reach, up to the part before `/v1`, such as that of a gateway.
    pub url: String,
    /// A key that the agent will see: one with a limit of its own, never the account's.
    pub token: Secret,
    /// The model.
    pub model: String,
}

/// Options of an [`E2bRunner`].
#[derive(Debug, Clone)]
pub struct E2bConfig {
    /// The API key of E2B; it never enters a sandbox.
    pub key: Secret,
    /// The template of the sandboxes; the agent, git, tar and bash are in it.
    pub template: String,
    /// The agent.
    pub cli: Cli,
    /// Its program in the sandbox; by its name, on `PATH`, if absent.
    pub program: Option<String>,
    /// The model of the agent. What it spends is held by whoever answers there: it is not counted here.
    pub model: Option<RemoteModel>,
    /// Variables of the agent's environment. No secret belongs here that the agent may not see.
    pub env: Vec<(String, String)>,
    /// Whether the sandbox has a network. A model elsewhere needs one.
    pub internet: bool,
    /// The domain of E2B.
    pub domain: String,
    /// The address of the API, if it is not that of the domain.
    pub api_url: Option<String>,
    /// The address of the sandboxes, if it is not that of the domain.
    pub sandbox_url: Option<String>,
    /// The user in the sandbox.
    pub user: String,
    /// A folder in the sandbox that is used for the run.
    pub folder: String,
    /// How long a request may take; not the agent's run.
    pub request_timeout: Duration,
    /// How much longer than the agent's run the sandbox lives.
    pub margin: Duration,
}

impl E2bConfig {
    /// An agent in the sandboxes of `template`, without a model.
    #[must_use]
    pub fn new(key: Secret, template: impl Into<String>, cli: Cli) -> Self {
        Self {
            key,
            template: template.into(),
            cli,
            program: None,
            model: None,
            env: Vec::new(),
            internet: true,
            domain: "e2b.app".to_owned(),
            api_url: None,
            sandbox_url: None,
            user: "user".to_owned(),
            folder: "/home/user/soulcaster".to_owned(),
            request_timeout: Duration::from_secs(60),
            margin: Duration::from_secs(300),
        }
    }
}

/// Runs a coding agent in a machine of its own at E2B.
///
/// The files of the commit are uploaded, without history; the patch is downloaded and taken over only if it fits the
/// commit. Time, output and patch are held to the budget from here; memory, disk and processes by the machine.
pub struct E2bRunner {
    api: Api,
    config: E2bConfig,
}

impl E2bRunner {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an address is unfit or the margin is too short for the patch to be fetched.
    pub fn new(config: E2bConfig) -> Result<Self> {
        if config.margin < config.request_timeout {
            return Err(Error::invalid(OPERATION, "the margin is not shorter than a request may take"));
        }
        if !config.folder.starts_with('/') {
            return Err(Error::invalid(OPERATION, "the folder in the sandbox is absolute"));
        }
        Ok(Self { api: Api::new(&config)?, config })
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.config.folder.trim_end_matches('/'))
    }

    /// Runs a command of ours to its end.
    async fn command(&self, sandbox: &Created, command: &str) -> Result<()> {
        let limit = self.config.margin;
        let run = async {
            let mut process = self.api.start(sandbox, command, &[], limit).await?;
            loop {
                match process.next().await? {
                    Event::Ended(0) => return Ok(()),
                    Event::Ended(code) => {
                        let message = format!("the sandbox cannot be prepared or read: code {code}");
                        return Err(Error::new(ErrorKind::Unavailable, OPERATION, message));
                    }
                    Event::Started(_) | Event::Out(_) | Event::Err(_) => {}
                }
            }
        };
        let late = |_| Error::new(ErrorKind::Unavailable, OPERATION, "the sandbox does not answer in time");
        tokio::time::timeout(limit, run).await.map_err(late)?
    }

    async fn drive(
        &self,
        sandbox: &Created,
        task: &AgentTask,
        transcript: &dyn Transcript,
    ) -> Result<(StopReason, Option<String>)> {
        let (config, work, base) = (&self.config, self.path("work"), self.path("base"));
        let [file, archive] = ["instructions.md", "files.tgz"].map(|name| self.path(name));
        let access = config.model.as_ref().map(|model| Access {
            url: model.url.clone(),
            token: model.token.expose().to_owned(),
            model: model.model.clone(),
        });
        let program = config.program.as_deref().unwrap_or(config.cli.program());
        let invocation = config.cli.invocation(
            Path::new(program),
            &task.instructions,
            Path::new(&file),
            access.as_ref(),
        )?;
        let (work, base, archive) = (quote(&work), quote(&base), quote(&archive));
        let git = "git -c user.name=soulcaster -c user.email=soulcaster@localhost";
        self.command(
            sandbox,
            &format!(
                "set -e; mkdir -p {work}; tar -xzf {archive} -C {work}; cd {work}; {git} init -q; {git} add -A -f; \
                 {git} commit -q --allow-empty -m base; cp -r .git {base}"
            ),
        )
        .await?;

        let argv: Vec<String> = invocation.argv.iter().map(|part| quote(part)).collect();
        let command = format!("cd {work} && exec {} </dev/null", argv.join(" "));
        let mut env = config.env.clone();
        env.extend(invocation.env);
        let log = Log::new(&config.cli);
        let wall = task.budget.wall();
        // The machine outlives the command, and the stream the deadline.
        let process = self.api.start(sandbox, &command, &env, wall + config.margin).await?;
        let ended = self.watch(sandbox, process, task, &log, transcript).await;
        log.write(transcript, Spend::default()).await?;
        ended
    }

    /// Follows the agent to its end, or ends it.
    async fn watch(
        &self,
        sandbox: &Created,
        mut process: Process,
        task: &AgentTask,
        log: &Log,
        transcript: &dyn Transcript,
    ) -> Result<(StopReason, Option<String>)> {
        let deadline = tokio::time::sleep(task.budget.wall());
        tokio::pin!(deadline);
        let mut tick = tokio::time::interval(BATCH);
        let (mut pid, mut written) = (None, 0_u64);
        let mut lines = [Vec::new(), Vec::new()];
        let stopped = loop {
            tokio::select! {
                () = &mut deadline => break StopReason::WallClock,
                _ = tick.tick() => log.write(transcript, Spend::default()).await?,
                event = process.next() => match event? {
                    Event::Started(id) => pid = Some(id),
                    Event::Ended(code) => {
                        for line in lines {
                            log.read(&String::from_utf8_lossy(&line));
                        }
                        if code == 0 {
                            return Ok((StopReason::Finished, None));
                        }
                        let words = log.last_words().unwrap_or_else(|| "it said nothing".to_owned());
                        return Ok((StopReason::AgentFailed, Some(format!("exit code {code}: {words}"))));
                    }
                    Event::Out(bytes) => {
                        written += bytes.len() as u64;
                        log.take(&mut lines[0], &bytes);
                    }
                    Event::Err(bytes) => {
                        written += bytes.len() as u64;
                        log.take(&mut lines[1], &bytes);
                    }
                },
            }
            if written > task.budget.output_bytes {
                break StopReason::Output;
            }
        };
        if let Some(pid) = pid {
            self.api.kill(sandbox, pid).await?;
        }
        Ok((stopped, None))
    }

    /// Has the sandbox compare its files with those that it was given, and fetches what comes of it.
    async fn fetch(&self, sandbox: &Created, budget_bytes: usize) -> Result<Vec<u8>> {
        let [work, base, patch] = ["work", "base", "patch"].map(|name| quote(&self.path(name)));
        let git = format!(
            "git --git-dir={base} --work-tree={work} -c core.hooksPath=/dev/null -c core.fsmonitor=false"
        );
        self.command(
            sandbox,
            &format!(
                "set -e; cd {work}; rm -rf .git; {git} add -A; \
                 {git} diff --cached --binary --no-ext-diff --no-textconv --no-renames HEAD >{patch}"
            ),
        )
        .await?;
        self.api.download(sandbox, &self.path("patch"), budget_bytes).await
    }
}

#[async_trait]
impl AgentRunner for E2bRunner {
    fn name(&self) -> &str {
        self.config.cli.name()
    }

    fn isolation(&self) -> Isolation {
        Isolation::Machine
    }

    async fn run(&self, task: &AgentTask, transcript: &dyn Transcript) -> Result<AgentOutcome> {
        let pristine = Pristine::keep(&task.checkout).await?;
        let archive = pristine.archive().await?;
        // Before the run there is preparing, after it the patch.
        let life = task.budget.wall() + 2 * self.config.margin;
        let created = self.api.create(&self.config.template, life, self.config.internet).await?;
        let sandbox = Lease { api: self.api.clone(), sandbox: Some(created.clone()) };
        self.api.upload(&created, &self.path("files.tgz"), archive).await?;
        let instructions = task.instructions.clone().into_bytes();
        self.api.upload(&created, &self.path("instructions.md"), instructions).await?;
        let (mut stop_reason, mut message) = self.drive(&created, task, transcript).await?;
        let patch = self.fetch(&created, task.budget.diff_bytes.saturating_mul(2)).await;
        sandbox.end().await?;
        let accepted = match patch {
            Ok(patch) => pristine.accept(&patch, &task.budget).await,
            Err(error) => Err(error),
        };
        let (text, excess) = match accepted {
            Ok(patch) => (patch.text, patch.excess),
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                (String::new(), Some("the patch is larger than the budget allows".to_owned()))
            }
            Err(error) if error.kind() == ErrorKind::Invalid => {
                stop_reason = StopReason::AgentFailed;
                message = Some(error.message().to_owned());
                (String::new(), None)
            }
            Err(error) => return Err(error),
        };
        if let Some(excess) = excess {
            if stop_reason == StopReason::Finished {
                stop_reason = StopReason::Diff;
            }
            message = Some(excess);
        }
        Ok(AgentOutcome { patch: text, stop_reason, message, spend: Spend::default() })
    }
}

/// A sandbox that is deleted whatever happens.
struct Lease {
    api: Api,
    sandbox: Option<Created>,
}

impl Lease {
    async fn end(mut self) -> Result<()> {
        match self.sandbox.take() {
            Some(sandbox) => self.api.delete(&sandbox.id).await,
            None => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(sandbox), Ok(runtime)) = (self.sandbox.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let api = self.api.clone();
        // Should it fail, the sandbox ends when its time is up.
        runtime.spawn(async move { api.delete(&sandbox.id).await });
    }
}

/// A word of a shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
