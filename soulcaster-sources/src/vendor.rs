//! Webhooks by the name of their vendor, with the vendor's settings as JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use soulcaster_core::port::Webhook;
use soulcaster_core::{Error, Result};

use crate::alertmanager::AlertmanagerWebhook;
use crate::datadog::DatadogWebhook;
use crate::discord::DiscordWebhook;
use crate::email::EmailWebhook;
use crate::generic::{GenericWebhook, Mapping};
use crate::github::GithubWebhook;
use crate::grafana::GrafanaWebhook;
use crate::intercom::IntercomWebhook;
use crate::manual::ManualWebhook;
use crate::otlp::OtlpWebhook;
use crate::pagerduty::PagerdutyWebhook;
use crate::posthog::PosthogWebhook;
use crate::sentry::SentryWebhook;
use crate::settings::read;
use crate::signature::{Auth, TOLERANCE_SECONDS};
use crate::slack::SlackWebhook;
use crate::splunk::SplunkWebhook;
use crate::standard_webhooks::StandardWebhook;
use crate::zendesk::ZendeskWebhook;

mod proof;

pub use proof::{PULLED, auth_of, brings_secret, check, default_proof};

/// The vendors that [`webhook`] knows, in order of name.
pub const VENDORS: [&str; 17] = [
    "alertmanager",
    "datadog",
    "discord",
    "email",
    "generic",
    "github",
    "grafana",
    "intercom",
    "manual",
    "otlp",
    "pagerduty",
    "posthog",
    "sentry",
    "slack",
    "splunk",
    "standard_webhooks",
    "zendesk",
];

/// The webhook of `vendor` with its default settings; see [`configured`].
///
/// ```
/// use soulcaster_sources::signature::Auth;
/// use soulcaster_sources::vendor::{VENDORS, webhook};
/// assert!(VENDORS.iter().all(|vendor| webhook(vendor, Auth::AllowUnsigned).is_ok()));
/// assert!(webhook("fax", Auth::AllowUnsigned).is_err_and(|error| error.message().contains("zendesk")));
/// ```
///
/// # Errors
/// `NotFound` with the names there are, and `Invalid` when the vendor cannot prove itself in the way `auth` says.
pub fn webhook(vendor: &str, auth: Auth) -> Result<Box<dyn Webhook>> {
    configured(vendor, auth, &Map::new())
}

/// The webhook of `vendor` with `settings` in the place of its defaults: the fields of the vendor's `Settings`.
///
/// `generic` and `standard_webhooks` take the `name` that their items carry and a [`Mapping`], of which the
/// fields that are left out stay as they are by default; `standard_webhooks` takes `tolerance_seconds` too.
///
/// ```
/// use serde_json::json;
/// use soulcaster_sources::signature::Auth;
/// use soulcaster_sources::vendor::configured;
/// let settings = json!({"environments": ["production"], "levels": ["error", "fatal"]});
/// assert!(configured("sentry", Auth::AllowUnsigned, settings.as_object().unwrap()).is_ok());
/// let settings = json!({"environment": "production"});
/// let error = configured("sentry", Auth::AllowUnsigned, settings.as_object().unwrap()).err().unwrap();
/// assert_eq!(error.message(), "sentry: no setting \"environment\"; there are environments, levels");
/// ```
///
/// # Errors
/// Those of [`webhook`], and `Invalid` naming vendor, setting and what it may be, when there is no such setting
/// or its value cannot be one.
pub fn configured(vendor: &str, auth: Auth, settings: &Map<String, Value>) -> Result<Box<dyn Webhook>> {
    Ok(match vendor {
        "alertmanager" => none(vendor, settings, AlertmanagerWebhook::new(auth)?)?,
        "datadog" => Box::new(DatadogWebhook::new(auth, read(vendor, settings)?)?),
        "discord" => Box::new(DiscordWebhook::new(auth, read(vendor, settings)?)?),
        "email" => none(vendor, settings, EmailWebhook::new(auth)?)?,
        "generic" => {
            let Generic { name, mapping } = read(vendor, settings)?;
            Box::new(GenericWebhook::new(name, auth, mapping)?)
        }
        "github" => Box::new(GithubWebhook::new(auth, read(vendor, settings)?)?),
        "grafana" => Box::new(GrafanaWebhook::new(auth, read(vendor, settings)?)?),
        "intercom" => none(vendor, settings, IntercomWebhook::new(auth)?)?,
        "manual" => none(vendor, settings, ManualWebhook::new(auth)?)?,
        "otlp" => Box::new(OtlpWebhook::new(auth, read(vendor, settings)?)?),
        "pagerduty" => none(vendor, settings, PagerdutyWebhook::new(auth)?)?,
        "posthog" => Box::new(PosthogWebhook::new(auth, read(vendor, settings)?)?),
        "sentry" => Box::new(SentryWebhook::new(auth, read(vendor, settings)?)?),
        "slack" => Box::new(SlackWebhook::new(auth, read(vendor, settings)?)?),
        "splunk" => Box::new(SplunkWebhook::new(auth, read(vendor, settings)?)?),
        "standard_webhooks" => {
            let Standard { name, mapping, tolerance_seconds } = read(vendor, settings)?;
            Box::new(StandardWebhook::new(name, auth, mapping)?.tolerance(tolerance_seconds)?)
        }
        "zendesk" => Box::new(ZendeskWebhook::new(auth, read(vendor, settings)?)?),
        other => {
            let message = format!("no vendor {other:?}; there are {}", VENDORS.join(", "));
            return Err(Error::not_found("webhook", message));
        }
    })
}

/// The settings of a vendor that has none.
#[derive(Default, Serialize, Deserialize)]
struct Nothing {}

/// The settings of `generic`.
#[derive(Serialize, Deserialize)]
struct Generic {
    name: String,
    mapping: Mapping,
}

impl Default for Generic {
    fn default() -> Self {
        Self { name: "generic".into(), mapping: Mapping::default() }
    }
}

/// The settings of `standard_webhooks`.
#[derive(Serialize, Deserialize)]
struct Standard {
    name: String,
    mapping: Mapping,
    tolerance_seconds: i64,
}

impl Default for Standard {
    fn default() -> Self {
        let mapping = StandardWebhook::default_mapping();
        Self { name: "standard_webhooks".into(), mapping, tolerance_seconds: TOLERANCE_SECONDS }
    }
}

fn none(
    vendor: &str,
    settings: &Map<String, Value>,
    webhook: impl Webhook + 'static,
) -> Result<Box<dyn Webhook>> {
    read::<Nothing>(vendor, settings)?;
    Ok(Box::new(webhook))
}

#[cfg(test)]
mod tests;
