//! Pollers by the name of their vendor, with settings as JSON.

use serde_json::{Map, Value};
use soulcaster_core::port::Source;
use soulcaster_core::{Error, Result, Secret};

use super::{
    AppStoreOptions, DatadogOptions, GithubOptions, GooglePlayOptions, IntercomOptions, PosthogOptions,
    RedditOptions, SentryOptions, ZendeskOptions,
};
use crate::settings::{read, refused};

/// The vendors that [`source`] knows, in order of name.
pub const VENDORS: [&str; 9] =
    ["app_store", "datadog", "github", "google_play", "intercom", "posthog", "reddit", "sentry", "zendesk"];

/// Makes the poller of `vendor`.
///
/// Settings are the fields of the vendor's options. `connection` is an object, of which what is left out stays as
/// the vendor has it.
///
/// | vendor | needs | takes besides | secrets |
/// | --- | --- | --- | --- |
/// | `app_store` | `apps`, `issuer`, `key_id` | | private key |
/// | `datadog` | | `query`, `monitors`, `history_days` | API key, application key |
/// | `github` | `repositories` | `severities` | token, or none |
/// | `google_play` | `packages` | `login_url` | key file of the service account |
/// | `intercom` | | `history_days` | token |
/// | `posthog` | `projects` | `events`, `history_days` | personal API key |
/// | `reddit` | `subreddits`, `client_id`, `user_agent` | `sorts`, `pages`, `login_url` | client secret |
/// | `sentry` | `organization` | `projects`, `environments`, `levels`, `query` | token |
/// | `zendesk` | `connection.base_url` | `email`, `history_days` | token |
///
/// Keep a poller for as long as its source is pulled: it counts its calls and keeps its token.
///
/// ```
/// use serde_json::json;
/// use soulcaster_core::Secret;
/// use soulcaster_sources::pull::source;
///
/// let settings = json!({"repositories": ["octocat/hello-world"], "connection": {"overlap_seconds": 900}});
/// assert!(source("github", settings.as_object().unwrap(), &[]).is_ok());
/// let settings = json!({"repository": "octocat/hello-world"});
/// let error = source("github", settings.as_object().unwrap(), &[]).err().unwrap();
/// assert!(error.message().contains("no setting \"repository\"; there are connection, repositories"));
/// ```
///
/// # Errors
/// `NotFound` for a vendor that is not known, with the names there are. `Invalid` naming the setting and what it
/// may be, or the secrets that are wanted. `Unexpected` when TLS cannot be set up.
pub fn source(vendor: &str, settings: &Map<String, Value>, secrets: &[Secret]) -> Result<Box<dyn Source>> {
    let one = |what: &str| match secrets {
        [secret] => Ok(secret.clone()),
        others => Err(refused(vendor, &format!("takes one secret, the {what}, not {}", others.len()))),
    };
    match vendor {
        "app_store" => read::<AppStoreOptions>(vendor, settings)?.source(&one("private key")?),
        "datadog" => match secrets {
            [api_key, application_key] => {
                read::<DatadogOptions>(vendor, settings)?.source(api_key.clone(), application_key.clone())
            }
            others => {
                let what = "takes two secrets, the API key and the application key";
                Err(refused(vendor, &format!("{what}, not {}", others.len())))
            }
        },
        "github" => {
            let token = if secrets.is_empty() { None } else { Some(one("token")?) };
            read::<GithubOptions>(vendor, settings)?.source(token)
        }
        "google_play" => {
            read::<GooglePlayOptions>(vendor, settings)?.source(&one("key file of the service account")?)
        }
        "intercom" => read::<IntercomOptions>(vendor, settings)?.source(one("token")?),
        "posthog" => read::<PosthogOptions>(vendor, settings)?.source(one("personal API key")?),
        "reddit" => read::<RedditOptions>(vendor, settings)?.source(one("client secret")?),
        "sentry" => read::<SentryOptions>(vendor, settings)?.source(one("token")?),
        "zendesk" => read::<ZendeskOptions>(vendor, settings)?.source(one("token")?),
        other => {
            let message = format!("no poller of {other:?}; there are {}", VENDORS.join(", "));
            Err(Error::not_found("pull.source", message))
        }
    }
}
