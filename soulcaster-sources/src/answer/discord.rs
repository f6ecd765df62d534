//! Messages of Discord.

use serde_json::Value;
use soulcaster_core::Result;

use super::{Document, Element, Format, Page, as_delivered};
use crate::discord::{DiscordSettings, DiscordWebhook};
use crate::signature::Auth;

/// `GET /channels/{channel}/messages`, `GET /guilds/{guild}/messages/search`. One message alone is read like one
/// that a bot passes on.
pub(super) struct Messages(DiscordWebhook);

impl Messages {
    pub(super) fn new() -> Result<Self> {
        DiscordWebhook::new(Auth::AllowUnsigned, DiscordSettings::default()).map(Self)
    }
}

impl Format for Messages {
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>> {
        if let Some(messages) = document.list() {
            return Some(messages.into());
        }
        // A search gives each message in a list of its own.
        let found = document.elements("messages")?;
        let lists = found.iter().map(|one| Document::read(one.as_bytes()).ok()?.list());
        let lists: Option<Vec<_>> = lists.collect();
        Some(lists.map_or(found, |lists| lists.concat()).into())
    }

    fn element(&self, message: &Value) -> Result<Element> {
        as_delivered(&self.0, None, message)
    }
}
