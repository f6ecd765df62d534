//! Agents in containers of a Docker engine on this machine.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, InspectContainerOptions,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use soulcaster_core::port::agent::{
    AgentOutcome, AgentRunner, AgentTask, Isolation, Spend, StopReason, Transcript,
};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::broker::{Broker, Upstream};
use crate::cli::{Access, Cli};
use crate::log::{BATCH, Log};
use crate::patch::Pristine;
use crate::sandbox::{BROKER_PORT, WORK, bare_prelude, usual, weigh};

const OPERATION: &str = "docker.run";

/// How often the folder of a run is weighed.
const WEIGHING: Duration = Duration::from_secs(1);

const HOME: &str = "/tmp/home";
const INSTRUCTIONS: &str = "/run/instructions.md";

/// Options of a [`DockerRunner`].
#[derive(Debug, Clone)]
pub struct DockerConfig {
    /// The agent.
    pub cli: Cli,
    /// The image: the agent, `sh`, and `socat` and `grep` if it has a model. It is not pulled.
    pub image: String,
    /// The agent's program in the image; by its name, on `PATH`, if absent.
    pub program: Option<String>,
    /// Where its model calls go; a command template may do without.
    pub upstream: Option<Upstream>,
    /// Variables of its environment. No secret belongs here: the agent can read it.
    pub env: Vec<(String, String)>,
    /// `PATH` in the container.
    pub path: String,
    /// The socket of the engine, which is on this machine.
    pub socket: PathBuf,
}

impl DockerConfig {
    /// An agent in containers of `image`, without a model, at `/var/run/docker.sock`.
    #[must_use]
    pub fn new(image: impl Into<String>, cli: Cli) -> Self {
        Self {
            cli,
            image: image.into(),
            program: None,
            upstream: None,
            env: Vec::new(),
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            socket: "/var/run/docker.sock".into(),
        }
    }
}

/// Runs a coding agent in a container with no network, no capability and a read-only root; all it can change is the
/// checkout and what lies in memory. Memory and processes are held by the engine, all else from here. The patch is
/// found out as by [`crate::local::LocalRunner`].
#[derive(Debug)]
pub struct DockerRunner {
    docker: Docker,
    config: DockerConfig,
}

impl DockerRunner {
    /// Looks for the engine's socket. Sends nothing.
    ///
    /// # Errors
    /// `Unavailable` when it is not there.
    pub fn new(config: DockerConfig) -> Result<Self> {
        let socket = config.socket.to_string_lossy().into_owned();
        let docker = Docker::connect_with_unix(&socket, 120, API_DEFAULT_VERSION);
        let docker = docker.map_err(|e| {
            let message = "there is no Docker engine at the socket; install Docker, or start it";
            Error::new(ErrorKind::Unavailable, "docker.build", message).with_source(e)
        })?;
        Ok(Self { docker, config })
    }

    fn container(
        &self,
        task: &AgentTask,
        folder: &Path,
        access: Option<&Access>,
    ) -> Result<ContainerCreateBody> {
        let config = &self.config;
        let odd = || Error::invalid(OPERATION, "the path of the checkout is none that Docker takes");
        let path = |path: &Path| {
            let text = path.to_str().filter(|text| !text.contains(':'));
            text.map(str::to_owned).ok_or_else(odd)
        };
        let checkout = task.checkout.canonicalize().map_err(|e| odd().with_source(e))?;
        let owner = checkout.metadata().map_err(|e| odd().with_source(e))?;
        let program = Path::new(config.program.as_deref().unwrap_or(config.cli.program()));
        let invocation =
            config.cli.invocation(program, &task.instructions, Path::new(INSTRUCTIONS), access)?;
        let mut env = usual(HOME, "/tmp", &config.path);
        env.extend(config.env.iter().cloned());
        env.extend(invocation.env);
        let mut binds = vec![
            format!("{}:{WORK}:rw", path(&checkout)?),
            format!("{}:{INSTRUCTIONS}:ro", path(&folder.join("instructions.md"))?),
        ];
        if access.is_some() {
            binds.push(format!("{}:/run/broker.sock:ro", path(&folder.join("broker.sock"))?));
        }
        let memory = i64::try_from(task.budget.memory_bytes).ok();
        let in_memory = format!("rw,nosuid,nodev,mode=1777,size={}", task.budget.memory_bytes);
        let host = HostConfig {
            binds: Some(binds),
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            memory,
            memory_swap: memory,
            pids_limit: i64::try_from(task.budget.processes).ok(),
            ipc_mode: Some("private".to_owned()),
            init: Some(true),
            tmpfs: Some(HashMap::from([("/tmp".to_owned(), in_memory)])),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            oom_score_adj: Some(1000),
            ..HostConfig::default()
        };
        Ok(ContainerCreateBody {
            image: Some(config.image.clone()),
            entrypoint: Some(bare_prelude(&task.budget, access.is_some())),
            cmd: Some(invocation.argv),
            env: Some(env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
            working_dir: Some(WORK.to_owned()),
            user: Some(format!("{}:{}", owner.uid(), owner.gid())),
            network_disabled: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            labels: Some(HashMap::from([("soulcaster.job".to_owned(), task.job.clone())])),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        })
    }

    /// Runs the container to its end, or until something of the budget is used up.
    async fn drive(
        &self,
        id: &str,
        task: &AgentTask,
        broker: Option<&Broker>,
        log: &Log,
        transcript: &dyn Transcript,
    ) -> Result<(StopReason, Option<String>)> {
        let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
        let mut attached = self.docker.attach_container(id, Some(options)).await.map_err(trouble)?;
        self.docker.start_container(id, None::<StartContainerOptions>).await.map_err(trouble)?;
        let deadline = tokio::time::sleep(task.budget.wall());
        tokio::pin!(deadline);
        let (mut batch, mut weighing) = (tokio::time::interval(BATCH), tokio::time::interval(WEIGHING));
        let exhausted = async {
            match broker {
                Some(broker) => broker.exhausted().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(exhausted);
        let (mut written, mut lines) = (0_u64, [Vec::new(), Vec::new()]);
        loop {
            let output = tokio::select! {
                () = &mut deadline => return Ok((StopReason::WallClock, None)),
                reason = &mut exhausted => {
                    return Ok((reason, Some("the budget for model calls is used up".to_owned())));
                }
                _ = batch.tick() => {
                    log.write(transcript, broker.map(Broker::spend).unwrap_or_default()).await?;
                    continue;
                }
                _ = weighing.tick() => {
                    let most = task.budget.disk_bytes;
                    // What cannot be weighed may be anything.
                    match weigh(std::slice::from_ref(&task.checkout), most) {
                        Ok(bytes) if bytes <= most => continue,
                        _ => return Ok((StopReason::Disk, None)),
                    }
                }
                output = attached.output.next() => output,
            };
            let (line, message) = match output {
                None => break,
                Some(Ok(LogOutput::StdErr { message })) => (1, message),
                Some(Ok(other)) => (0, other.into_bytes()),
                Some(Err(error)) => return Err(trouble(error)),
            };
            written = written.saturating_add(message.len() as u64);
            if written > task.budget.output_bytes {
                return Ok((StopReason::Output, None));
            }
            if let Some(open) = lines.get_mut(line) {
                log.take(open, &message);
            }
        }
        for line in lines {
            log.read(&String::from_utf8_lossy(&line));
        }
        // The outputs may end before the container does.
        loop {
            let state = self.docker.inspect_container(id, None::<InspectContainerOptions>).await;
            let state = state.map_err(trouble)?.state.unwrap_or_default();
            if state.running == Some(true) {
                tokio::select! {
                    () = &mut deadline => return Ok((StopReason::WallClock, None)),
                    () = tokio::time::sleep(Duration::from_millis(50)) => continue,
                }
            }
            if state.oom_killed == Some(true) {
                return Ok((StopReason::Memory, None));
            }
            let code = match state.exit_code {
                Some(0) => return Ok((StopReason::Finished, None)),
                code => code.unwrap_or(-1),
            };
            let words = log.last_words().unwrap_or_else(|| "it said nothing".to_owned());
            let fault = broker.and_then(Broker::fault).map(|fault| format!("; {fault}")).unwrap_or_default();
            return Ok((StopReason::AgentFailed, Some(format!("exit code {code}: {words}{fault}"))));
        }
    }
}

#[async_trait]
impl AgentRunner for DockerRunner {
    fn name(&self) -> &str {
        self.config.cli.name()
    }

    fn isolation(&self) -> Isolation {
        Isolation::Confined
    }

    async fn run(&self, task: &AgentTask, transcript: &dyn Transcript) -> Result<AgentOutcome> {
        let made = |e| Error::new(ErrorKind::Unavailable, OPERATION, "no folder can be made").with_source(e);
        let pristine = Pristine::keep(&task.checkout).await?;
        let folder = tempfile::Builder::new().prefix("sc-").tempdir().map_err(made)?;
        std::fs::write(folder.path().join("instructions.md"), &task.instructions).map_err(made)?;
        let broker = match &self.config.upstream {
            Some(upstream) => {
                Some(Broker::on_socket(upstream, &task.budget, &folder.path().join("broker.sock")).await?)
            }
            None => None,
        };
        let access = self.config.upstream.as_ref().zip(broker.as_ref()).map(|(upstream, broker)| Access {
            url: format!("http://127.0.0.1:{BROKER_PORT}"),
            token: broker.token().to_owned(),
            model: upstream.model().to_owned(),
        });
        let body = self.container(task, folder.path(), access.as_ref())?;
        let created =
            self.docker.create_container(None::<CreateContainerOptions>, body).await.map_err(trouble)?;
        let mut lease = Lease { docker: self.docker.clone(), id: Some(created.id.clone()) };
        let log = Log::new(&self.config.cli);
        let driven = self.drive(&created.id, task, broker.as_ref(), &log, transcript).await;
        // Nothing of the agent is alive once its container is gone.
        lease.end().await?;
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

/// A container that is removed whatever happens.
struct Lease {
    docker: Docker,
    id: Option<String>,
}

impl Lease {
    async fn end(&mut self) -> Result<()> {
        match self.id.clone() {
            Some(id) => {
                remove(&self.docker, &id).await.map_err(trouble)?;
                self.id = None;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let docker = self.docker.clone();
            runtime.spawn(async move { remove(&docker, &id).await });
        }
    }
}

async fn remove(docker: &Docker, id: &str) -> Result<(), DockerError> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    docker.remove_container(id, Some(options)).await
}

fn trouble(error: DockerError) -> Error {
    let (kind, what) = match &error {
        DockerError::DockerResponseServerError { status_code: 404, .. } => {
            (ErrorKind::NotFound, "the engine knows no such image or container; pull the image first")
        }
        DockerError::DockerResponseServerError { status_code: 400, .. } => {
            (ErrorKind::Invalid, "the engine refuses the container")
        }
        _ => (ErrorKind::Unavailable, "the Docker engine cannot do it"),
    };
    Error::new(kind, OPERATION, what).with_source(error)
}
