//! What this program was given to make fixes with: a code host, a workshop, agents, a model.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use soulcaster_agents::broker::{KeyHeader, Upstream, UpstreamConfig};
use soulcaster_agents::e2b::{E2bConfig, E2bRunner, RemoteModel};
use soulcaster_agents::environment::Models;
use soulcaster_agents::host::{GitHub, GitHubAccess, GitHubSettings, LocalHost};
use soulcaster_agents::local::{Cli, LocalConfig, LocalRunner};
use soulcaster_agents::price::PriceTable;
use soulcaster_agents::replay::ReplayRunner;
use soulcaster_agents::sandbox::Sandbox;
use soulcaster_agents::workshop::LocalWorkshop;
use soulcaster_core::flow::{ClusterChange, Hands, Ledger, Metered};
use soulcaster_core::model::{Cluster, CodingPlan, Suspect};
use soulcaster_core::port::{AgentRunner, CodeHost, Isolation, LanguageModel};
use soulcaster_core::{ClusterId, Error, ProjectId, Result, Secret, Soulcaster};

use crate::args;
use crate::fixing::Scratch;
use crate::secret;

/// What refuses agents.
const AGENT: &str = "fixes.agent";
/// The forms of an agent's name.
const AGENTS: &str = "there is: kilo, codex, opencode, claude, e2b:NAME, replay:FILE, command:…";

/// Everything that does not belong to a project. Made once.
pub(crate) struct Equipment {
    host: Option<Arc<dyn CodeHost>>,
    workshop: Arc<LocalWorkshop>,
    runners: Vec<Arc<dyn AgentRunner>>,
    model: Option<Arc<dyn LanguageModel>>,
    prices: PriceTable,
    /// Counts what the model takes, over all projects of a store.
    ledger: OnceLock<Ledger>,
}

impl Equipment {
    /// Reads what the arguments and the environment name; looks for the agents' programs.
    ///
    /// # Errors
    /// `Invalid` or `NotFound` naming what is wrong or missing.
    pub(crate) fn of(args: &args::Hands) -> Result<Self> {
        let sandbox = Sandbox::find();
        let prices = match &args.prices {
            Some(path) => PriceTable::read(path)?,
            None => PriceTable::default(),
        };
        let upstream = upstream(args, &prices)?;
        let runners = args.agents.iter().map(|agent| runner(agent, &sandbox, upstream.as_ref(), args));
        Ok(Self {
            host: host(args)?,
            runners: runners.collect::<Result<_>>()?,
            // What it refuses below is the project's to say, and asked for there.
            workshop: Arc::new(LocalWorkshop::new(sandbox).least(Isolation::None)),
            model: Models::from(|name| std::env::var(name).ok())?.map(Models::build).transpose()?,
            prices,
            ledger: OnceLock::new(),
        })
    }

    /// Whether fixes can be made at all.
    pub(crate) fn can_fix(&self) -> bool {
        self.host.is_some()
    }

    /// Where repositories are.
    ///
    /// # Errors
    /// `Invalid` naming the flags.
    pub(crate) fn host(&self) -> Result<Arc<dyn CodeHost>> {
        self.host.clone().ok_or_else(|| {
            Error::invalid("fixes.host", "no code host; --repositories names a folder of bare repositories, --github-token-file or --github-app opens GitHub")
        })
    }

    /// The model, whose calls count for `project`.
    ///
    /// # Errors
    /// Those of the system's random bytes.
    fn model(&self, soulcaster: &Soulcaster, project: &ProjectId) -> Result<Option<Arc<dyn LanguageModel>>> {
        let Some(model) = self.model.clone() else { return Ok(None) };
        let seed = secret::random()?;
        let ledger = self.ledger.get_or_init(|| {
            let clock = Arc::new(|| SystemTime::now().into());
            Ledger::new(soulcaster.store().clone(), self.prices.clone().into_fn(), clock, &seed)
        });
        Ok(Some(Arc::new(Metered::new(model, ledger.clone(), project.clone()))))
    }

    /// Everything that a fix of `project` needs.
    ///
    /// # Errors
    /// `Invalid` naming the flags of what is missing.
    pub(crate) fn hands(&self, soulcaster: &Soulcaster, project: &ProjectId) -> Result<Hands> {
        let host = self.host()?;
        if self.runners.is_empty() {
            return Err(Error::invalid(AGENT, format!("no --agent; {AGENTS}")));
        }
        let (workshop, runners) = (self.workshop.clone(), self.runners.clone());
        Ok(Hands { host, workshop, runners, model: self.model(soulcaster, project)? })
    }

    /// Writes the plan of a cluster anew, with what is found in the repository where there is one.
    ///
    /// # Errors
    /// Those of the engine; a repository that cannot be cloned.
    pub(crate) async fn plan(
        &self,
        soulcaster: &Soulcaster,
        project: &ProjectId,
        id: &ClusterId,
        now: DateTime<Utc>,
    ) -> Result<CodingPlan> {
        let suspects = self.survey(soulcaster, project, id).await?;
        let model = self.model(soulcaster, project)?;
        soulcaster.make_plan(project, id, suspects, model.as_deref(), now).await
    }

    /// Writes the summary of a cluster, and with `title` takes the model's title.
    ///
    /// # Errors
    /// Those of the engine; with `title` also those of the model, and `Invalid` when there is none.
    pub(crate) async fn summarize(
        &self,
        soulcaster: &Soulcaster,
        project: &ProjectId,
        id: &ClusterId,
        title: bool,
        now: DateTime<Utc>,
    ) -> Result<Cluster> {
        let model = self.model(soulcaster, project)?;
        if title {
            let model = model.as_deref().ok_or_else(|| {
                Error::invalid("summarize", "a title takes a model, and none is set up; GEMINI_API_KEY, ANTHROPIC_API_KEY or OPENAI_API_KEY opens one")
            })?;
            let title = soulcaster.suggest_title(project, id, model).await?;
            let change = ClusterChange { title: Some(title), ..ClusterChange::default() };
            soulcaster.edit_cluster(project, id, change, now).await?;
        }
        soulcaster.summarize(project, id, model.as_deref(), now).await
    }

    async fn survey(
        &self,
        soulcaster: &Soulcaster,
        project: &ProjectId,
        id: &ClusterId,
    ) -> Result<Vec<Suspect>> {
        let Some(host) = &self.host else { return Ok(Vec::new()) };
        let folder = Scratch::make("plan")?;
        let into = folder.path().join("clone");
        soulcaster.survey(project, id, host.as_ref(), self.workshop.as_ref(), &into).await
    }
}

fn host(args: &args::Hands) -> Result<Option<Arc<dyn CodeHost>>> {
    if let Some(folder) = &args.repositories {
        if !folder.is_dir() {
            let message =
                format!("{} is no folder; it holds bare repositories, OWNER/NAME.git", folder.display());
            return Err(Error::invalid("fixes.host", message));
        }
        return Ok(Some(Arc::new(LocalHost::new(folder))));
    }
    let access = match (&args.github_token_file, args.github_app, &args.github_app_key_file) {
        (Some(file), ..) => GitHubAccess::token_file(file)?,
        (None, Some(id), Some(file)) => GitHubAccess::app_file(id, file)?,
        _ => return Ok(None),
    };
    let mut settings = GitHubSettings::new(access);
    if args.github_url != settings.api {
        // An enterprise server has its API under its own address.
        settings.web = args.github_url.trim_end_matches('/').trim_end_matches("/api/v3").to_owned();
        settings.api.clone_from(&args.github_url);
    }
    Ok(Some(Arc::new(GitHub::new(settings)?)))
}

/// The model that agents are led to.
fn upstream(args: &args::Hands, prices: &PriceTable) -> Result<Option<Upstream>> {
    let (Some(url), Some(model)) = (&args.agent_model_url, &args.agent_model) else {
        return match (&args.agent_model_url, &args.agent_model) {
            (None, None) => Ok(None),
            _ => Err(Error::invalid("fixes.model", "--agent-model and --agent-model-url are given together")),
        };
    };
    let mut config = UpstreamConfig::new(url.as_str(), model.as_str());
    let is_anthropic = url.contains("anthropic.com");
    config.key_header = if is_anthropic { KeyHeader::XApiKey } else { KeyHeader::Bearer };
    let name = if is_anthropic { "ANTHROPIC_API_KEY" } else { "OPENAI_API_KEY" };
    config.key = std::env::var(name).ok().filter(|key| !key.is_empty()).map(Secret::new);
    config.price = prices.clone().into_fn();
    Upstream::new(config).map(Some)
}

/// One agent, as the argument names it.
fn runner(
    name: &str,
    sandbox: &Sandbox,
    upstream: Option<&Upstream>,
    args: &args::Hands,
) -> Result<Arc<dyn AgentRunner>> {
    if let Some(file) = name.strip_prefix("replay:") {
        return Ok(Arc::new(ReplayRunner::open(Path::new(file))?));
    }
    if let Some(name) = name.strip_prefix("e2b:") {
        return e2b(cli(name)?, args);
    }
    let cli = cli(name)?;
    let needs_model = !matches!(cli, Cli::Command { .. });
    if needs_model && upstream.is_none() {
        let message = format!("{name} needs a model; --agent-model and --agent-model-url name one");
        return Err(Error::invalid(AGENT, message));
    }
    let mut config = LocalConfig::new(cli);
    config.upstream = upstream.cloned();
    // What it refuses below is the project's to say, and asked for there.
    config.least = Isolation::None;
    Ok(Arc::new(LocalRunner::new(sandbox.clone(), config)?))
}

/// The program of an agent.
fn cli(name: &str) -> Result<Cli> {
    let refuse = |message: String| Error::invalid(AGENT, message);
    Ok(match name {
        "kilo" => Cli::Kilo,
        "opencode" => Cli::Opencode,
        "codex" => Cli::Codex,
        "claude" => Cli::Claude,
        _ => {
            let Some(line) = name.strip_prefix("command:") else {
                return Err(refuse(format!("no agent {name:?}; {AGENTS}")));
            };
            let argv: Vec<String> = match line.trim_start().starts_with('[') {
                true => serde_json::from_str(line)
                    .map_err(|e| refuse(format!("the command is no JSON list of words: {e}")))?,
                false => line.split_whitespace().map(str::to_owned).collect(),
            };
            Cli::Command { name: "command".to_owned(), argv }
        }
    })
}

/// An agent at E2B. What it may see of a model is a key of its own, so that the account's stays here.
fn e2b(cli: Cli, args: &args::Hands) -> Result<Arc<dyn AgentRunner>> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let needed = |name: &str, what: &str| {
        set(name).ok_or_else(|| Error::invalid(AGENT, format!("{name} is not set; it is {what}")))
    };
    let key = Secret::new(needed("E2B_API_KEY", "the key of the E2B account")?);
    let template =
        needed("E2B_TEMPLATE", "the template of the sandboxes, with the agent, git, tar and bash in it")?;
    let needs_model = !matches!(cli, Cli::Command { .. });
    let mut config = E2bConfig::new(key, template, cli);
    config.domain = set("E2B_DOMAIN").unwrap_or(config.domain);
    config.api_url = set("E2B_API_URL");
    config.sandbox_url = set("E2B_SANDBOX_URL");
    config.model = match (&args.agent_model_url, &args.agent_model) {
        (Some(url), Some(model)) => {
            let what = "a key for the model that the sandbox sees, with a limit of its own";
            let token = Secret::new(needed("E2B_MODEL_KEY", what)?);
            Some(RemoteModel { url: url.clone(), token, model: model.clone() })
        }
        _ if needs_model => {
            let message = "an agent at E2B needs a model; --agent-model and --agent-model-url name one";
            return Err(Error::invalid(AGENT, message));
        }
        _ => None,
    };
    Ok(Arc::new(E2bRunner::new(config)?))
}
