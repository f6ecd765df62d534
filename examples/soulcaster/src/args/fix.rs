//! Arguments of plans, fixes and what they need.

use std::path::PathBuf;

/// Where repositories are, who works on them, and what models may cost.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Repositories, agents and models")]
pub(crate) struct Hands {
    /// Folder of bare repositories, OWNER/NAME.git; pull requests become Markdown files in it
    #[arg(long, env = "SOULCASTER_REPOSITORIES", value_name = "FOLDER", conflicts_with_all = ["github_token_file", "github_app"])]
    pub(crate) repositories: Option<PathBuf>,
    /// File with a GitHub token that may write to the repository
    #[arg(long, env = "SOULCASTER_GITHUB_TOKEN_FILE", value_name = "FILE", conflicts_with = "github_app")]
    pub(crate) github_token_file: Option<PathBuf>,
    /// Number of a GitHub App that is installed on the repository
    #[arg(long, env = "SOULCASTER_GITHUB_APP", value_name = "ID", requires = "github_app_key_file")]
    pub(crate) github_app: Option<u64>,
    /// File with the private key of the GitHub App
    #[arg(long, env = "SOULCASTER_GITHUB_APP_KEY_FILE", value_name = "FILE")]
    pub(crate) github_app_key_file: Option<PathBuf>,
    /// Address of GitHub's API, such as that of an enterprise server
    #[arg(long, env = "SOULCASTER_GITHUB_URL", value_name = "URL", default_value = "https://api.github.com")]
    pub(crate) github_url: String,
    /// Agents to choose from, the default one first: kilo, codex, opencode, claude, e2b:NAME for one of these
    /// in a sandbox at E2B, replay:FILE, or command:PROGRAM ARGS
    #[arg(long = "agent", env = "SOULCASTER_AGENTS", value_name = "AGENT", value_delimiter = '\n')]
    pub(crate) agents: Vec<String>,
    /// Model that agents use
    #[arg(long, env = "SOULCASTER_AGENT_MODEL", value_name = "NAME")]
    pub(crate) agent_model: Option<String>,
    /// Address of the model server that agents are led to; their key comes from OPENAI_API_KEY or ANTHROPIC_API_KEY
    #[arg(long, env = "SOULCASTER_AGENT_MODEL_URL", value_name = "URL")]
    pub(crate) agent_model_url: Option<String>,
    /// Prices of models, JSON; built-in ones if not given
    #[arg(long, env = "SOULCASTER_PRICES", value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster plan c7k2                          show the plan, make one if there is none
  soulcaster plan c7k2 --new                    make it anew
  soulcaster plan c7k2 --step 'Add a test' --step 'Mend the rounding'
  soulcaster plan c7k2 --approve")]
pub(crate) struct Plan {
    /// The group: its id or the beginning of it
    pub(crate) cluster: String,
    /// Make it anew, also over one that was changed by hand
    #[arg(long, conflicts_with_all = ["title", "description", "steps", "accept", "approve"])]
    pub(crate) new: bool,
    /// Another title
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// Another description, Markdown
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Steps, in order, instead of the present ones
    #[arg(long = "step", value_name = "TEXT")]
    pub(crate) steps: Vec<String>,
    /// What must be true afterwards, instead of the present conditions
    #[arg(long = "accept", value_name = "TEXT")]
    pub(crate) accept: Vec<String>,
    /// Agree to it
    #[arg(long)]
    pub(crate) approve: bool,
    #[command(flatten)]
    pub(crate) hands: Hands,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster fix c7k2 --repositories ./repos --repository acme/shop --agent kilo --agent-model gpt-5.4
  soulcaster fix c7k2 --github-token-file token.txt --agent codex --reproduction failing-test.diff

The draft pull request is opened only for a patch with a test that fails without it and passes with it. Exit code 1 when
there is none. Ctrl-C cancels and cleans up.")]
pub(crate) struct Fix {
    /// The group: its id or the beginning of it
    pub(crate) cluster: String,
    /// Who works on it, one of the agents
    #[arg(long, value_name = "NAME")]
    pub(crate) runner: Option<String>,
    /// The repository, if neither reports nor settings say
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) repository: Option<String>,
    /// A diff with tests that fail because of the problem; the patch must make them pass
    #[arg(long, value_name = "FILE")]
    pub(crate) reproduction: Option<PathBuf>,
    /// Successful fixes that the owner of the project may have
    #[arg(long, value_name = "N")]
    pub(crate) max_fixes: Option<u64>,
    #[command(flatten)]
    pub(crate) hands: Hands,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: soulcaster logs -f j4k2c9x4m1")]
pub(crate) struct Logs {
    /// The fix
    pub(crate) job: String,
    /// Go on as lines come, until the fix has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster settings                                       how fixes of the project are made, as JSON
  soulcaster settings repository=acme/shop needs_approval=true
  soulcaster settings 'test={\"argv\":[\"pytest\",\"-rA\"],\"dialect\":\"pytest\"}' budget.wall_seconds=600")]
pub(crate) struct ProjectSettings {
    /// What to change; a value is JSON or else taken as text, `null` is the default again
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) changes: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster summarize c7k2             by the model of the environment, or by rule without one
  soulcaster summarize c7k2 --title     also the title")]
pub(crate) struct Summarize {
    /// The group: its id or the beginning of it
    pub(crate) cluster: String,
    /// Have the model name the group, too
    #[arg(long)]
    pub(crate) title: bool,
    #[command(flatten)]
    pub(crate) hands: Hands,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster spend                                      today, this month, and the ceilings
  soulcaster spend micro_usd_per_day=5000000            at most 5 US dollars a day
  soulcaster spend tokens_per_day=null                  as many tokens as they take")]
pub(crate) struct ModelSpend {
    /// Ceilings to change: micro_usd_per_day, micro_usd_per_month, tokens_per_day; `null` is none
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) changes: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: soulcaster demo --out demo")]
pub(crate) struct Demo {
    /// Folder for what it makes; it must not be there yet
    #[arg(short, long, default_value = "soulcaster-demo", value_name = "FOLDER")]
    pub(crate) out: PathBuf,
}
