//! Sentry's integration platform: issues, event and metric alerts, errors, comments.
//!
//! | resource | external id | title | body |
//! | --- | --- | --- | --- |
//! | `issue` | `sentry:{id}` | `title` | culprit, `type: value` |
//! | `event_alert`, `error` | `sentry:{issue_id}` | `title` | exceptions with their top frames |
//! | `metric_alert` | `metric:{id}` | `description_title` | `description_text` |
//! | `comment` | `sentry:comment:{id}` | its first line | the comment |
//!
//! An event has its issue's external id, not `{issue_id}:{event_id}`: two events of one issue are one item
//! with two occurrences. `metadata.event_id` tells them apart. The legacy plugin's flat body is read as an
//! event.
//!
//! Signed is the raw body alone. `Sentry-Hook-Resource` names the resource; without it the shape of the body
//! does. `Sentry-Hook-Timestamp` is not signed and is used for one thing: to order the versions of an issue,
//! whose own `lastSeen` stays when somebody resolves it. A time ahead of now is not believed. Where two
//! versions are of one time, the settled one (resolved, ignored, deleted) counts as the later by a
//! millisecond.
//!
//! Authors are ids; the tags `user` and `ip` and the addresses of a user are left out of the item (not of its
//! `raw_payload`).

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload;
use crate::settings;
use crate::signature::{self, Auth, TOLERANCE_SECONDS};

mod event;

const SIGNATURES: [&str; 2] = ["Sentry-Hook-Signature", "Sentry-App-Signature"];

/// What the Sentry source leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SentrySettings {
    /// Environments whose events are kept; all when empty. An event or issue that names none is left out when
    /// there is a list; a metric alert over all environments is kept.
    pub environments: Vec<String>,
    /// Levels that are kept, such as `error`; all when empty. Metric alerts and comments have none and are
    /// kept.
    pub levels: Vec<String>,
}

impl SentrySettings {
    /// Checks that no entry is blank.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn check(&self) -> Result<()> {
        settings::check_names("sentry", "environments", &self.environments)?;
        settings::check_names("sentry", "levels", &self.levels)
    }
}

/// Verifies and reads deliveries of Sentry.
#[derive(Debug, Clone)]
pub struct SentryWebhook {
    auth: Auth,
    settings: SentrySettings,
}

impl SentryWebhook {
    /// Makes the source; the secrets are the integration's client secrets.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work.
    pub fn new(auth: Auth, settings: SentrySettings) -> Result<Self> {
        auth.check("sentry")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    /// The setting that leaves it out.
    fn left_out(&self, environment: Option<&str>, level: Option<&str>) -> Option<&'static str> {
        let listed = |list: &[String], word: Option<&str>| {
            list.is_empty()
                || word.is_some_and(|word| list.iter().any(|e| e.trim().eq_ignore_ascii_case(word)))
        };
        if !listed(&self.settings.environments, environment) {
            Some("environments")
        } else if !listed(&self.settings.levels, level) {
            Some("levels")
        } else {
            None
        }
    }

    fn wants_environment(&self, word: &str) -> bool {
        let wanted = &self.settings.environments;
        wanted.is_empty() || wanted.iter().any(|entry| entry.trim().eq_ignore_ascii_case(word))
    }
}

impl Webhook for SentryWebhook {
    fn name(&self) -> &str {
        "sentry"
    }

    fn decode(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let there = SIGNATURES.into_iter().find(|header| delivery.header(header).is_some());
            let header = there.unwrap_or(SIGNATURES[0]);
            let hex = signature::required(delivery, header)?;
            signature::hmac_sha256_hex(secrets, &[&delivery.body], header, &[hex])
        })?;
        let Some(value) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        if !value.is_object() {
            return Err(payload::invalid("the body is not an object"));
        }
        let resource = delivery.header("Sentry-Hook-Resource").map_or_else(|| resource_of(&value), str::trim);
        let sent = sent(delivery, now);
        let item = match resource {
            "issue" => {
                let issue = part(&value, "/data/issue")?;
                let (environment, level) = (event::environment(issue), payload::word(issue, "/level"));
                if let Some(setting) = self.left_out(environment.as_deref(), level.as_deref()) {
                    return Ok(payload::filtered(setting));
                }
                issue_item(issue, sent)?
            }
            "event_alert" | "error" => {
                let event = event::part(&value)?;
                let (environment, level) = (event::environment(event), event::level(&value, event));
                if let Some(setting) = self.left_out(environment.as_deref(), level.as_deref()) {
                    return Ok(payload::filtered(setting));
                }
                event::item(&value, event)?
            }
            "metric_alert" => {
                let alert = part(&value, "/data/metric_alert")?;
                let environment = payload::word(alert, "/alert_rule/environment");
                if environment.is_some_and(|word| !self.wants_environment(&word)) {
                    return Ok(payload::filtered("environments"));
                }
                metric_item(&value, alert, sent)?
            }
            "comment" => comment_item(&value, sent)?,
            "installation" => return Ok(payload::not_a_report("installation")),
            other => return Ok(payload::unknown(other)),
        };
        Ok(payload::report(item, delivery, strength))
    }
}

fn part<'a>(value: &'a Value, pointer: &str) -> Result<&'a Value> {
    let part = value.pointer(pointer).filter(|part| part.is_object());
    part.ok_or_else(|| payload::invalid(format!("{pointer} is missing")))
}

/// The resource that a body without the header's word looks like.
fn resource_of(value: &Value) -> &'static str {
    let has = |pointer: &str| value.pointer(pointer).is_some_and(Value::is_object);
    match () {
        () if has("/data/issue") => "issue",
        () if has("/data/event") || has("/event") => "event_alert",
        () if has("/data/error") => "error",
        () if has("/data/metric_alert") => "metric_alert",
        () if value.pointer("/data/comment_id").is_some() => "comment",
        () if has("/data/installation") => "installation",
        () => "",
    }
}

/// When Sentry says that it sent this, unless that lies ahead.
fn sent(delivery: &Delivery, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = delivery.header("Sentry-Hook-Timestamp")?;
    let sent = crate::time::read(&Value::from(text)).ok()?;
    (sent - now <= TimeDelta::seconds(TOLERANCE_SECONDS)).then_some(sent)
}

/// Orders the versions of a thing: by the latest time known, a settled one after an open one.
fn version(times: &[Option<DateTime<Utc>>], settled: bool) -> Option<DateTime<Utc>> {
    let last = times.iter().flatten().max().copied()?;
    Some(if settled { last + TimeDelta::milliseconds(1) } else { last })
}

fn issue_item(issue: &Value, sent: Option<DateTime<Utc>>) -> Result<Inbound> {
    let id = payload::required_id(issue, "/id")?;
    let mut item = Inbound::new("sentry", payload::line(issue, "/title")).external_id(format!("sentry:{id}"));
    let what = [payload::line(issue, "/metadata/type"), payload::line(issue, "/metadata/value")];
    let what = what.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let body = [payload::line(issue, "/culprit"), what];
    item.body = body.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    item.url = payload::url(issue, "/web_url").or_else(|| payload::url(issue, "/permalink"));
    item.severity = payload::word(issue, "/level").and_then(|level| Severity::parse(&level));
    for pointer in ["/platform", "/project/slug", "/substatus"] {
        payload::tag(&mut item.tags, payload::word(issue, pointer));
    }
    let status = payload::word(issue, "/status");
    let settled = status.as_deref().is_some_and(|status| status != "unresolved");
    let last = payload::time(issue, "/lastSeen");
    item.occurred_at = payload::time(issue, "/firstSeen").or(last);
    item.updated_at = version(&[item.occurred_at, last, sent], settled);
    payload::note(&mut item.metadata, "kind", Some("issue"));
    payload::note(&mut item.metadata, "status", status);
    payload::note(&mut item.metadata, "count", payload::word(issue, "/count"));
    payload::note(&mut item.metadata, "users", issue.get("userCount").and_then(Value::as_u64));
    let short = payload::first_word(issue, &["/shortId", "/short_id"]);
    payload::note(&mut item.metadata, "short_id", short);
    Ok(item)
}

fn metric_item(value: &Value, alert: &Value, sent: Option<DateTime<Utc>>) -> Result<Inbound> {
    let id = payload::required_id(alert, "/id")?;
    let title = payload::first_word(value, &["/data/description_title"]);
    let title = title.or_else(|| payload::first_word(alert, &["/alert_rule/name", "/title"]));
    let mut item = Inbound::new("sentry", title.unwrap_or_default()).external_id(format!("metric:{id}"));
    item.body = payload::text(value, "/data/description_text");
    item.url = payload::url(value, "/data/web_url");
    item.tags = payload::words(alert, "/projects", "");
    let action = payload::word(value, "/action").unwrap_or_default();
    let settled = action == "resolved";
    item.severity = if settled { Some(Severity::Info) } else { Severity::parse(&action) };
    item.occurred_at =
        payload::time(alert, "/date_started").or_else(|| payload::time(alert, "/date_created"));
    let times = ["/date_detected", "/date_closed"].map(|pointer| payload::time(alert, pointer));
    item.updated_at = version(&[item.occurred_at, times[0], times[1], sent], settled);
    payload::note(&mut item.metadata, "kind", Some("metric_alert"));
    payload::note(&mut item.metadata, "status", Some(if settled { "resolved" } else { "open" }));
    payload::note(&mut item.metadata, "rule", payload::word(alert, "/alert_rule/name"));
    payload::note(&mut item.metadata, "query", payload::word(alert, "/alert_rule/query"));
    Ok(item)
}

fn comment_item(value: &Value, sent: Option<DateTime<Utc>>) -> Result<Inbound> {
    let data = part(value, "/data")?;
    let id = payload::required_id(data, "/comment_id")?;
    let body = payload::text(data, "/comment");
    let title = payload::first_line(&body);
    let mut item = Inbound::new("sentry", title).external_id(format!("sentry:comment:{id}")).body(body);
    item.author = payload::word(value, "/actor/name");
    payload::tag(&mut item.tags, payload::word(data, "/project_slug"));
    let gone = value.get("action").and_then(Value::as_str) == Some("deleted");
    item.occurred_at = payload::time(data, "/timestamp").or(sent);
    item.updated_at = version(&[item.occurred_at, sent], gone);
    payload::note(&mut item.metadata, "kind", Some("comment"));
    payload::note(&mut item.metadata, "issue_id", payload::id(data, "/issue_id")?);
    payload::note(&mut item.metadata, "status", gone.then_some("deleted"));
    Ok(item)
}

#[cfg(test)]
mod tests;
