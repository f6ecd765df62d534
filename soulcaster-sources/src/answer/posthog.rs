//! Events of PostHog.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use soulcaster_core::Result;

use super::{Document, Element, Format, Page, as_delivered};
use crate::payload;
use crate::posthog::{PosthogSettings, PosthogWebhook};
use crate::signature::Auth;

/// `GET /api/projects/{project}/events/`.
pub(crate) struct Events(PosthogWebhook);

impl Events {
    /// Events of these names; every event without a list, none with an empty one.
    pub(crate) fn new(event_types: Option<Vec<String>>) -> Result<Self> {
        let settings = PosthogSettings { event_types };
        PosthogWebhook::new(Auth::AllowUnsigned, settings).map(Self)
    }
}

impl Format for Events {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        let elements = document.elements("results")?;
        Some(Page { elements, link: document.text("next"), ..Page::default() })
    }

    fn element(&self, event: &Value) -> Result<Element> {
        let id = match payload::id(event, "/uuid")? {
            Some(id) => id,
            None => payload::required_id(event, "/id")?,
        };
        let mut event = event.clone();
        event["uuid"] = id.into();
        as_delivered(&self.0, None, &json!({ "event": event }))
    }

    fn time(&self, event: &Value) -> Option<DateTime<Utc>> {
        payload::time(event, "/timestamp")
    }
}
