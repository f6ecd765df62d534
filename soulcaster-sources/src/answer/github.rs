//! Issues of GitHub.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use soulcaster_core::Result;
use soulcaster_core::model::Severity;

use super::{Document, Element, Format, Page, as_delivered};
use crate::github::{GithubSettings, GithubWebhook};
use crate::payload;
use crate::signature::Auth;

/// `GET /issues`, `GET /repos/{owner}/{name}/issues`.
#[derive(Clone)]
pub(crate) struct Issues {
    webhook: GithubWebhook,
    /// Whose issues they are, where they do not say so themselves: `id` and `full_name`.
    pub(crate) repository: Option<Value>,
}

impl Issues {
    /// Issues whose labels tell severity in the words of `severities`, or in the usual ones.
    pub(crate) fn new(severities: BTreeMap<String, Severity>) -> Result<Self> {
        let settings = GithubSettings { severities, ..GithubSettings::default() };
        Ok(Self { webhook: GithubWebhook::new(Auth::AllowUnsigned, settings)?, repository: None })
    }
}

impl Format for Issues {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        document.list().map(Page::from)
    }

    fn element(&self, issue: &Value) -> Result<Element> {
        let repository = issue.get("repository").or(self.repository.as_ref());
        let mut delivery = json!({ "issue": issue, "repository": repository });
        // A label may be its name alone, which no delivery has.
        for label in delivery.pointer_mut("/issue/labels").and_then(Value::as_array_mut).into_iter().flatten()
        {
            if label.is_string() {
                *label = json!({ "name": label });
            }
        }
        as_delivered(&self.webhook, Some(("X-GitHub-Event", "issues")), &delivery)
    }

    fn time(&self, issue: &Value) -> Option<DateTime<Utc>> {
        payload::time(issue, "/updated_at")
    }
}
