//! Models from the environment, or none: a program without a key works by rule.

use std::sync::Arc;
use std::time::Duration;

use soulcaster_core::port::LanguageModel;
use soulcaster_core::{Error, Result, Secret};

use crate::model::{ModelConfig, RemoteModel, RoutedModel, Wire};

const OPERATION: &str = "model.environment";
/// Most bytes of a file that holds a key.
const KEY_BYTES: u64 = 64 * 1024;

/// The models that the environment names.
#[derive(Debug, Clone)]
pub struct Models {
    /// The one for plans and everything else.
    pub main: ModelConfig,
    /// The one for titles and summaries, where it is another.
    pub mini: Option<ModelConfig>,
}

impl Models {
    /// Reads what `lookup` says about names of environment variables; nothing set gives nothing.
    ///
    /// | variable | what |
    /// | --- | --- |
    /// | `GEMINI_API_KEY` or `GOOGLE_API_KEY` | key of Gemini |
    /// | `ANTHROPIC_API_KEY` | key of Anthropic |
    /// | `OPENAI_API_KEY`, `OPENAI_BASE_URL` | key of OpenAI; a server that speaks as it does, which may need no key |
    /// | `AZURE_AI_ENDPOINT`, `AZURE_AI_API_KEY` | address and key of an Azure resource |
    /// | `SOULCASTER_MODEL` | the model, such as `claude-sonnet-4-5` or, to say whose it is, `anthropic:claude-sonnet-4-5` |
    /// | `SOULCASTER_MINI_MODEL` | the model for small tasks |
    /// | `SOULCASTER_MODEL_TIMEOUT` | seconds that one request may take; 60 unless set |
    ///
    /// Each name with `_FILE` behind it gives the path of a file that holds the value. A model whose name does not tell
    /// whose it is belongs to the first provider of the table that is set up. Without `SOULCASTER_MODEL` Gemini, Anthropic
    /// and OpenAI have one of their own; Azure and other servers have none.
    ///
    /// # Errors
    /// `Invalid` naming the variable: both it and its file are set, the file cannot be read, a model without its provider,
    /// a provider without a model.
    ///
    /// ```
    /// use soulcaster_agents::environment::Models;
    /// assert!(Models::from(|_| None)?.is_none());
    /// let models = Models::from(|name| (name == "GEMINI_API_KEY").then(|| "secret".into()))?.expect("a key is set");
    /// assert_eq!(models.main.model, "gemini-2.5-pro");
    /// # Ok::<(), soulcaster_core::Error>(())
    /// ```
    pub fn from(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let environment = Environment { lookup: &lookup };
        let providers = environment.providers()?;
        let main = environment.value("SOULCASTER_MODEL")?;
        let mini = environment.value("SOULCASTER_MINI_MODEL")?;
        let timeout = environment.timeout()?;
        let Some(first) = providers.first() else {
            return match main.or(mini) {
                None => Ok(None),
                Some(_) => Err(Error::invalid(
                    OPERATION,
                    "a model is named and no provider is set up; set GEMINI_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, \
                     OPENAI_BASE_URL or AZURE_AI_ENDPOINT",
                )),
            };
        };
        let named = |name: &str| {
            let mut config = find(&providers, name)?;
            config.timeout = timeout.unwrap_or(config.timeout);
            Ok::<_, Error>(config)
        };
        let usual = |which: usize| first.usual().map(|models| models[which]);
        let Some(main) = main.as_deref().or_else(|| usual(0)) else {
            let message = format!("{} is set and SOULCASTER_MODEL is not; name the model", first.variable);
            return Err(Error::invalid(OPERATION, message));
        };
        let main_config = named(main)?;
        // The usual small model belongs to the usual large one.
        let mini = mini.as_deref().or_else(|| usual(1).filter(|_| Some(main) == usual(0)));
        let mini = mini.map(named).transpose()?;
        Ok(Some(Self { main: main_config, mini }))
    }

    /// The client of these models.
    ///
    /// # Errors
    /// Those of [`RemoteModel::new`].
    pub fn build(self) -> Result<Arc<dyn LanguageModel>> {
        let main = Arc::new(RemoteModel::new(self.main)?);
        Ok(match self.mini {
            Some(mini) => Arc::new(RoutedModel::new(main, Arc::new(RemoteModel::new(mini)?))),
            None => main,
        })
    }
}

/// A provider that is set up.
struct Provider {
    name: &'static str,
    /// The variable that says so.
    variable: &'static str,
    wire: Wire,
    base_url: String,
    key: Option<Secret>,
}

impl Provider {
    /// The models, large and small, that are taken where none is named.
    fn usual(&self) -> Option<[&'static str; 2]> {
        match self.wire {
            Wire::Gemini => Some(["gemini-2.5-pro", "gemini-2.5-flash"]),
            Wire::Anthropic => Some(["claude-sonnet-4-5", "claude-haiku-4-5"]),
            Wire::OpenAi if self.base_url == Wire::OpenAi.base_url() => Some(["gpt-5", "gpt-5-mini"]),
            Wire::OpenAi | Wire::Azure => None,
        }
    }

    /// Whether a model of this name is likely to be its own.
    fn has(&self, model: &str) -> bool {
        let starts: &[&str] = match self.wire {
            Wire::Gemini => &["gemini", "models/gemini"],
            Wire::Anthropic => &["claude"],
            Wire::OpenAi | Wire::Azure => &["gpt-", "o1", "o3", "o4", "chatgpt"],
        };
        starts.iter().any(|start| model.starts_with(start))
    }
}

/// The model `name` at its provider.
fn find(providers: &[Provider], name: &str) -> Result<ModelConfig> {
    let known = ["gemini", "anthropic", "openai", "azure"];
    let prefix = name.split_once(':').filter(|(prefix, _)| known.contains(prefix));
    let (provider, model) = match prefix {
        Some((prefix, model)) => (providers.iter().find(|provider| provider.name == prefix), model),
        None => (providers.iter().find(|provider| provider.has(name)).or(providers.first()), name),
    };
    let Some(Provider { wire, base_url, key, .. }) = provider else {
        let message = format!("the model {name} belongs to a provider that is not set up; set its key");
        return Err(Error::invalid(OPERATION, message));
    };
    Ok(ModelConfig { base_url: base_url.clone(), ..ModelConfig::new(*wire, model, key.clone()) })
}

struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Environment<'_> {
    /// The value of `name`, or what is in the file that `name` with `_FILE` names. A blank one counts as none.
    fn value(&self, name: &str) -> Result<Option<String>> {
        let set = |name: &str| (self.lookup)(name).filter(|value| !value.trim().is_empty());
        let twin = format!("{name}_FILE");
        let refuse = |why: &str| Error::invalid(OPERATION, format!("{twin} {why}"));
        match (set(name), set(&twin)) {
            (Some(_), Some(_)) => Err(refuse(&format!("and {name} are both set; leave one out"))),
            (Some(value), None) => Ok(Some(value.trim().to_owned())),
            (None, None) => Ok(None),
            (None, Some(path)) => {
                let unreadable = |e| refuse("names a file that cannot be read").with_source(e);
                let length = std::fs::metadata(path.trim()).map_err(unreadable)?.len();
                if length > KEY_BYTES {
                    return Err(refuse("names a file that is too long"));
                }
                let value = std::fs::read_to_string(path.trim()).map_err(unreadable)?;
                if value.trim().is_empty() {
                    return Err(refuse("names an empty file"));
                }
                Ok(Some(value.trim().to_owned()))
            }
        }
    }

    fn timeout(&self) -> Result<Option<Duration>> {
        const NAME: &str = "SOULCASTER_MODEL_TIMEOUT";
        let Some(value) = self.value(NAME)? else { return Ok(None) };
        match value.parse() {
            Ok(seconds @ 1..=3600) => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(Error::invalid(OPERATION, format!("{NAME} is 1 to 3600 seconds"))),
        }
    }

    /// Providers that are set up, in the order in which one is taken.
    fn providers(&self) -> Result<Vec<Provider>> {
        let mut all = Vec::new();
        let mut add = |name, variable, wire: Wire, base_url: Option<String>, key: Option<String>| {
            let base_url = base_url.unwrap_or_else(|| wire.base_url().to_owned());
            all.push(Provider { name, variable, wire, base_url, key: key.map(Secret::new) });
        };
        let gemini = match self.value("GEMINI_API_KEY")? {
            None => self.value("GOOGLE_API_KEY")?,
            some => some,
        };
        if gemini.is_some() {
            add("gemini", "GEMINI_API_KEY", Wire::Gemini, None, gemini);
        }
        if let Some(key) = self.value("ANTHROPIC_API_KEY")? {
            add("anthropic", "ANTHROPIC_API_KEY", Wire::Anthropic, None, Some(key));
        }
        let (key, base_url) = (self.value("OPENAI_API_KEY")?, self.value("OPENAI_BASE_URL")?);
        if key.is_some() || base_url.is_some() {
            let variable = if base_url.is_some() { "OPENAI_BASE_URL" } else { "OPENAI_API_KEY" };
            add("openai", variable, Wire::OpenAi, base_url, key);
        }
        match (self.value("AZURE_AI_ENDPOINT")?, self.value("AZURE_AI_API_KEY")?) {
            (Some(endpoint), Some(key)) => {
                add("azure", "AZURE_AI_ENDPOINT", Wire::Azure, Some(azure(&endpoint)), Some(key));
            }
            (None, None) => {}
            (Some(_), None) => {
                return Err(Error::invalid(OPERATION, "AZURE_AI_ENDPOINT is set without AZURE_AI_API_KEY"));
            }
            (None, Some(_)) => {
                return Err(Error::invalid(OPERATION, "AZURE_AI_API_KEY is set without AZURE_AI_ENDPOINT"));
            }
        }
        Ok(all)
    }
}

/// The base of chat completions at an endpoint as Azure shows it: `https://{resource}.services.ai.azure.com`, with
/// `/models` or not, or `https://{resource}.openai.azure.com`.
fn azure(endpoint: &str) -> String {
    let bare = endpoint.trim_end_matches('/');
    let bare = bare.strip_suffix("/models").unwrap_or(bare);
    if bare.ends_with("/v1") { bare.to_owned() } else { format!("{bare}/openai/v1") }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use soulcaster_core::ErrorKind;

    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Option<Models>> {
        let map: HashMap<String, String> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Models::from(|name| map.get(name).cloned())
    }

    /// Wire, model and base of the main model, and the name of the small one.
    fn chosen(pairs: &[(&str, &str)]) -> (Wire, String, String, Option<String>) {
        let Models { main, mini } = from(pairs).unwrap().unwrap();
        (main.wire, main.model, main.base_url, mini.map(|mini| mini.model))
    }

    #[test]
    fn nothing_set_is_offline() {
        assert!(from(&[]).unwrap().is_none());
        assert!(from(&[("GEMINI_API_KEY", "  "), ("SOULCASTER_MODEL", "")]).unwrap().is_none());
    }

    #[test]
    fn each_provider_is_found_with_its_usual_models() {
        for (name, wire, model, mini) in [
            ("GEMINI_API_KEY", Wire::Gemini, "gemini-2.5-pro", "gemini-2.5-flash"),
            ("GOOGLE_API_KEY", Wire::Gemini, "gemini-2.5-pro", "gemini-2.5-flash"),
            ("ANTHROPIC_API_KEY", Wire::Anthropic, "claude-sonnet-4-5", "claude-haiku-4-5"),
            ("OPENAI_API_KEY", Wire::OpenAi, "gpt-5", "gpt-5-mini"),
        ] {
            let base = wire.base_url().to_owned();
            assert_eq!(chosen(&[(name, "k")]), (wire, model.into(), base, Some(mini.into())), "{name}");
            from(&[(name, "k")]).unwrap().unwrap().build().unwrap();
        }
    }

    #[test]
    fn names_lead_to_their_provider() {
        let keys = [("GEMINI_API_KEY", "g"), ("ANTHROPIC_API_KEY", "a"), ("OPENAI_API_KEY", "o")];
        for (model, wire, name) in [
            ("claude-x", Wire::Anthropic, "claude-x"),
            ("gpt-x", Wire::OpenAi, "gpt-x"),
            ("gemini-x", Wire::Gemini, "gemini-x"),
            ("strange", Wire::Gemini, "strange"),
            ("openai:strange", Wire::OpenAi, "strange"),
            ("llama3:8b", Wire::Gemini, "llama3:8b"),
        ] {
            let chosen = chosen(&[&keys[..], &[("SOULCASTER_MODEL", model)]].concat());
            assert_eq!((chosen.0, chosen.1.as_str(), chosen.3), (wire, name, None), "{model}");
        }
        let mini = chosen(&[&keys[..], &[("SOULCASTER_MINI_MODEL", "anthropic:claude-y")]].concat());
        assert_eq!((mini.0, mini.3.as_deref()), (Wire::Gemini, Some("claude-y")));
    }

    #[test]
    fn azure_and_compatible_servers_have_their_base() {
        for endpoint in [
            "https://r.services.ai.azure.com/models",
            "https://r.services.ai.azure.com/",
            "https://r.services.ai.azure.com/openai/v1/",
        ] {
            let pairs =
                [("AZURE_AI_ENDPOINT", endpoint), ("AZURE_AI_API_KEY", "k"), ("SOULCASTER_MODEL", "d")];
            let base = "https://r.services.ai.azure.com/openai/v1";
            assert_eq!(chosen(&pairs), (Wire::Azure, "d".into(), base.into(), None), "{endpoint}");
        }
        let local = [("OPENAI_BASE_URL", "http://localhost:11434/v1"), ("SOULCASTER_MODEL", "qwen3:8b")];
        assert_eq!(
            chosen(&local),
            (Wire::OpenAi, "qwen3:8b".into(), "http://localhost:11434/v1".into(), None)
        );
        assert!(from(&local).unwrap().unwrap().main.key.is_none());
    }

    #[test]
    fn files_stand_for_values_and_faults_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let key = path("key", "swordfish\n");
        let models =
            from(&[("ANTHROPIC_API_KEY_FILE", &key), ("SOULCASTER_MODEL_TIMEOUT", "90")]).unwrap().unwrap();
        assert_eq!(models.main.key.as_ref().unwrap().expose(), "swordfish");
        assert_eq!(models.main.timeout.as_secs(), 90);
        assert!(!format!("{models:?}").contains("swordfish"));
        let empty = path("empty", " \n");
        for (pairs, why) in [
            (vec![("OPENAI_API_KEY", "swordfish"), ("OPENAI_API_KEY_FILE", &*key)], "both set"),
            (
                vec![("OPENAI_API_KEY_FILE", "/nowhere/key")],
                "OPENAI_API_KEY_FILE names a file that cannot be read",
            ),
            (vec![("OPENAI_API_KEY_FILE", &*empty)], "an empty file"),
            (vec![("SOULCASTER_MODEL", "gpt-5")], "no provider is set up"),
            (vec![("OPENAI_BASE_URL", "http://localhost:1/v1")], "SOULCASTER_MODEL is not"),
            (vec![("AZURE_AI_ENDPOINT", "https://r.example")], "without AZURE_AI_API_KEY"),
            (vec![("AZURE_AI_API_KEY", "swordfish")], "without AZURE_AI_ENDPOINT"),
            (vec![("GEMINI_API_KEY", "swordfish"), ("SOULCASTER_MODEL", "anthropic:x")], "not set up"),
            (vec![("GEMINI_API_KEY", "swordfish"), ("SOULCASTER_MODEL_TIMEOUT", "0")], "1 to 3600"),
        ] {
            let error = from(&pairs).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.message().contains(why), "{error}");
            assert!(!format!("{error:?}").contains("swordfish"));
        }
    }
}
