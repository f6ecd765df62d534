//! Issues of Sentry.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use soulcaster_core::Result;

use super::{Document, Element, Format, Page, as_delivered};
use crate::payload;
use crate::sentry::{SentrySettings, SentryWebhook};
use crate::signature::Auth;

/// `GET /api/0/organizations/{organization}/issues/`, and one of them.
pub(crate) struct Issues(SentryWebhook);

impl Issues {
    /// Issues of these levels; all of them when there are none.
    pub(crate) fn new(levels: Vec<String>) -> Result<Self> {
        let settings = SentrySettings { levels, ..SentrySettings::default() };
        SentryWebhook::new(Auth::AllowUnsigned, settings).map(Self)
    }
}

impl Format for Issues {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        let one = || document.raw("shortId").map(|_| document.whole());
        document.list().or_else(one).map(Page::from)
    }

    fn element(&self, issue: &Value) -> Result<Element> {
        let delivery = json!({ "data": { "issue": issue } });
        as_delivered(&self.0, Some(("Sentry-Hook-Resource", "issue")), &delivery)
    }

    fn time(&self, issue: &Value) -> Option<DateTime<Utc>> {
        payload::time(issue, "/lastSeen")
    }
}
