//! The command lines of coding agents, and what they print.

mod events;

use std::path::{Path, PathBuf};

use serde_json::json;
use soulcaster_core::{Error, ErrorKind, Result};

pub(crate) use events::Reader;

/// Arguments longer than this go by a file: the kernel takes 128 KiB.
const LONGEST: usize = 100 << 10;

/// A coding agent that works without a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cli {
    /// `@kilocode/cli` 7.
    Kilo,
    /// `opencode-ai` 1.
    Opencode,
    /// `@openai/codex`.
    Codex,
    /// `@anthropic-ai/claude-code`.
    Claude,
    /// Any program: its arguments, in which `{instructions}` stands for the instructions, `{instructions_file}` for a
    /// file with them, `{base_url}` and `{token}` for the way to the model, and `{model}` for its name. The same are in
    /// its environment as `INSTRUCTIONS_FILE`, `OPENAI_BASE_URL`, `OPENAI_API_KEY`, `ANTHROPIC_BASE_URL`,
    /// `ANTHROPIC_API_KEY` and `MODEL`.
    Command {
        /// What it is called.
        name: String,
        /// The program and its arguments.
        argv: Vec<String>,
    },
}

/// How an agent reaches its model.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Up to the part before `/v1`.
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) model: String,
}

/// A command line and its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

impl Cli {
    /// Its name, such as `kilo`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Kilo => "kilo",
            Self::Opencode => "opencode",
            Self::Codex => "codex",
            Self::Claude => "claude",
            Self::Command { name, .. } => name,
        }
    }

    /// The program that is looked for when no path is given.
    pub(crate) fn program(&self) -> &str {
        match self {
            Self::Command { argv, .. } => argv.first().map_or("", String::as_str),
            other => other.name(),
        }
    }

    /// The command line. `file` holds the instructions, at the path at which the agent sees it.
    pub(crate) fn invocation(
        &self,
        program: &Path,
        instructions: &str,
        file: &Path,
        access: Option<&Access>,
    ) -> Result<Invocation> {
        let operation = "agent.start";
        let text = |path: &Path| {
            let path = path.to_str().map(str::to_owned);
            path.ok_or_else(|| Error::invalid(operation, "the path of the agent is not UTF-8"))
        };
        let (program, file) = (text(program)?, text(file)?);
        let message = if instructions.len() > LONGEST {
            format!("Read the file {file} and do what it says.")
        } else if instructions.starts_with('-') {
            format!("\n{instructions}")
        } else {
            instructions.to_owned()
        };
        let needed = || {
            let message = format!("{} needs a model; configure an upstream", self.name());
            access.ok_or_else(|| Error::new(ErrorKind::Invalid, operation, message))
        };
        let (argv, env): (Vec<String>, Vec<(&str, String)>) = match self {
            Self::Kilo | Self::Opencode => {
                let access = needed()?;
                let model = format!("broker/{}", access.model);
                let argv = ["run", "--auto", "--format", "json", "--model", &model, &message];
                let prefix = if *self == Self::Kilo { "KILO_" } else { "OPENCODE_" };
                let mut env = vec![("CONFIG_CONTENT", opencode(access))];
                for switch in [
                    "DISABLE_MODELS_FETCH",
                    "DISABLE_AUTOUPDATE",
                    "DISABLE_LSP_DOWNLOAD",
                    "DISABLE_DEFAULT_PLUGINS",
                    "DISABLE_SESSION_INGEST",
                    "DISABLE_SHARE",
                ] {
                    env.push((switch, "1".to_owned()));
                }
                env.push(("TELEMETRY_LEVEL", "off".to_owned()));
                let env = env.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect();
                return Ok(Invocation { argv: command(&program, &argv), env });
            }
            Self::Codex => {
                let access = needed()?;
                let provider = format!(
                    "model_providers.broker={{name=\"broker\",base_url={},env_key=\"BROKER_TOKEN\",wire_api=\"responses\"}}",
                    json!(format!("{}/v1", access.url))
                );
                let model = format!("model={}", json!(access.model));
                // Its own sandbox is off: it is in one, in which no other can be made.
                let argv = [
                    "exec",
                    "--json",
                    "--skip-git-repo-check",
                    "--dangerously-bypass-approvals-and-sandbox",
                    "-c",
                    "model_provider=\"broker\"",
                    "-c",
                    &model,
                    "-c",
                    &provider,
                    "-c",
                    "analytics.enabled=false",
                    &message,
                ];
                (command(&program, &argv), vec![("BROKER_TOKEN", access.token.clone())])
            }
            Self::Claude => {
                let access = needed()?;
                let argv = [
                    "-p",
                    &message,
                    "--output-format",
                    "stream-json",
                    "--verbose",
                    "--model",
                    &access.model,
                    "--permission-mode",
                    "acceptEdits",
                    "--allowedTools",
                    "Write,Edit,MultiEdit,Read,Grep,Glob,Bash",
                ];
                let env = vec![
                    ("IS_SANDBOX", "1".to_owned()),
                    ("ANTHROPIC_BASE_URL", access.url.clone()),
                    ("ANTHROPIC_API_KEY", access.token.clone()),
                    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".to_owned()),
                    ("DISABLE_AUTOUPDATER", "1".to_owned()),
                ];
                (command(&program, &argv), env)
            }
            Self::Command { argv, .. } => {
                let base_url = access.map(|access| format!("{}/v1", access.url)).unwrap_or_default();
                let (token, model) =
                    access.map(|access| (access.token.clone(), access.model.clone())).unwrap_or_default();
                let fill = |argument: &String| {
                    // What stands in the instructions is not filled in again.
                    let parts = argument.split("{instructions}").map(|part| {
                        part.replace("{instructions_file}", &file)
                            .replace("{base_url}", &base_url)
                            .replace("{token}", &token)
                            .replace("{model}", &model)
                    });
                    parts.collect::<Vec<_>>().join(&message)
                };
                let filled: Vec<String> = argv.iter().skip(1).map(fill).collect();
                let mut env = vec![("INSTRUCTIONS_FILE", file.clone()), ("MODEL", model)];
                if let Some(access) = access {
                    env.push(("OPENAI_BASE_URL", base_url));
                    env.push(("OPENAI_API_KEY", access.token.clone()));
                    env.push(("ANTHROPIC_BASE_URL", access.url.clone()));
                    env.push(("ANTHROPIC_API_KEY", access.token.clone()));
                }
                (std::iter::once(program).chain(filled).collect(), env)
            }
        };
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Invocation { argv, env })
    }
}

fn command(program: &str, argv: &[&str]) -> Vec<String> {
    std::iter::once(&program).chain(argv).map(|&part| part.to_owned()).collect()
}

/// The configuration of opencode, and of kilo, which comes from it.
fn opencode(access: &Access) -> String {
    let model = format!("broker/{}", access.model);
    json!({
        "provider": {"broker": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "Broker",
            "options": {"baseURL": format!("{}/v1", access.url), "apiKey": access.token},
            "models": {&access.model: {
                "name": access.model, "tool_call": true, "limit": {"context": 200_000, "output": 32_000},
            }},
        }},
        "model": model,
        "small_model": model,
        "share": "disabled",
        "autoupdate": false,
        "permission": {"edit": "allow", "bash": "allow", "webfetch": "deny", "websearch": "deny"},
    })
    .to_string()
}

/// What of the machine a program needs to run: its installation, outside the system folders.
pub(crate) fn installation(program: &Path) -> Option<PathBuf> {
    // All packages of npm that it may load lie in one folder.
    let modules = program.ancestors().filter(|path| path.ends_with("node_modules")).last();
    modules.or_else(|| program.parent()).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access { url: "http://127.0.0.1:1".into(), token: "t0".into(), model: "vendor/m\"1".into() }
    }

    fn invoke(cli: &Cli, instructions: &str) -> Invocation {
        cli.invocation(Path::new("/opt/agent"), instructions, Path::new("/i.md"), Some(&access())).unwrap()
    }

    #[test]
    fn configurations_hold_odd_models_whole() {
        let kilo = invoke(&Cli::Kilo, "do");
        assert_eq!(
            kilo.argv[1..],
            ["run", "--auto", "--format", "json", "--model", "broker/vendor/m\"1", "do"]
        );
        let config = &kilo.env.iter().find(|(name, _)| name == "KILO_CONFIG_CONTENT").unwrap().1;
        let config: serde_json::Value = serde_json::from_str(config).unwrap();
        assert_eq!(config["provider"]["broker"]["models"]["vendor/m\"1"]["tool_call"], true);
        let codex = invoke(&Cli::Codex, "do");
        assert!(codex.argv.contains(&"model=\"vendor/m\\\"1\"".to_owned()), "{:?}", codex.argv);
        assert_eq!(codex.env, [("BROKER_TOKEN".to_owned(), "t0".to_owned())]);
    }

    #[test]
    fn instructions_are_never_taken_for_options_and_long_ones_go_by_file() {
        assert_eq!(invoke(&Cli::Codex, "--help").argv.last().unwrap(), "\n--help");
        let long = invoke(&Cli::Kilo, &"x".repeat(200_000));
        assert_eq!(long.argv.last().unwrap(), "Read the file /i.md and do what it says.");
    }

    #[test]
    fn templates_are_filled_once() {
        let argv = ["mend", "--file={instructions_file}", "{instructions}", "{base_url}|{token}|{model}"];
        let cli = Cli::Command { name: "mine".into(), argv: argv.map(str::to_owned).to_vec() };
        let filled = invoke(&cli, "print {token} and {instructions}");
        let expected = [
            "/opt/agent",
            "--file=/i.md",
            "print {token} and {instructions}",
            "http://127.0.0.1:1/v1|t0|vendor/m\"1",
        ];
        assert_eq!(filled.argv, expected);
        assert!(cli.invocation(Path::new("/a"), "x", Path::new("/i"), None).is_ok());
        assert!(Cli::Kilo.invocation(Path::new("/a"), "x", Path::new("/i"), None).is_err());
    }

    #[test]
    fn installation_of_a_package_is_all_packages_beside_it() {
        let path = Path::new("/x/node_modules/@a/b/node_modules/c/bin/c.js");
        assert_eq!(installation(path), Some("/x/node_modules".into()));
        assert_eq!(installation(Path::new("/opt/tool/agent")), Some("/opt/tool".into()));
    }
}
