//! Webhooks by the name of their vendor, with the vendor's default settings.

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
use crate::signature::Auth;
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

/// The webhook of `vendor` with its default settings.
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
    Ok(match vendor {
        "alertmanager" => Box::new(AlertmanagerWebhook::new(auth, Default::default())?),
        "datadog" => Box::new(DatadogWebhook::new(auth, Default::default())?),
        "discord" => Box::new(DiscordWebhook::new(auth, Default::default())?),
        "email" => Box::new(EmailWebhook::new(auth, Default::default())?),
        "generic" => Box::new(GenericWebhook::new("generic", auth, Mapping::default())?),
        "github" => Box::new(GithubWebhook::new(auth, Default::default())?),
        "grafana" => Box::new(GrafanaWebhook::new(auth, Default::default())?),
        "intercom" => Box::new(IntercomWebhook::new(auth, Default::default())?),
        "manual" => Box::new(ManualWebhook::new(auth)?),
        "otlp" => Box::new(OtlpWebhook::new(auth, Default::default())?),
        "pagerduty" => Box::new(PagerdutyWebhook::new(auth)?),
        "posthog" => Box::new(PosthogWebhook::new(auth, Default::default())?),
        "sentry" => Box::new(SentryWebhook::new(auth, Default::default())?),
        "slack" => Box::new(SlackWebhook::new(auth, Default::default())?),
        "splunk" => Box::new(SplunkWebhook::new(auth, Default::default())?),
        "standard_webhooks" => {
            let mapping = StandardWebhook::default_mapping();
            Box::new(StandardWebhook::new("standard_webhooks", auth, mapping)?)
        }
        "zendesk" => Box::new(ZendeskWebhook::new(auth, Default::default())?),
        other => {
            let message = format!("no vendor {other:?}; there are {}", VENDORS.join(", "));
            return Err(Error::not_found("webhook", message));
        }
    })
}
