//! Discord: webhook events, interactions, and messages that a bot passes on.
//!
//! A message is its id; its title is its first line, its body the content or, without one, its embeds; its
//! author the user's name; its tag the channel. It is read from a webhook event (`LOBBY_MESSAGE_CREATE`,
//! `_UPDATE` and their like), from a gateway event (`{"t": "MESSAGE_CREATE", "d": …}`) or bare. A deletion
//! holds no text and is ignored as no report.
//!
//! Signed are `{X-Signature-Timestamp}{body}` with Ed25519; the secrets are the application's public keys in
//! hex. Discord sends wrong signatures on purpose and removes an address that does not answer 401, so
//! everything wrong about a signature, also a timestamp that is no number, is `Unauthorized`. A PING is a
//! handshake: an empty answer (204) for webhook events, `{"type":1}` for interactions.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soulcaster_core::model::Inbound;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::payload;
use crate::settings;
use crate::signature::{self, Auth, TOLERANCE_SECONDS};

const SIGNATURE: &str = "X-Signature-Ed25519";
const TIMESTAMP: &str = "X-Signature-Timestamp";

/// Message types that somebody wrote: plain, reply, and the answers of commands.
const WRITTEN: [i64; 4] = [0, 19, 20, 23];

/// What the Discord source takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscordSettings {
    /// Ids of the channels that are read; all when empty.
    pub channels: Vec<String>,
    /// Whether messages of bots and webhooks are reports.
    pub bots: bool,
    /// How far the signed time may lie from now, in seconds.
    pub tolerance_seconds: i64,
}

impl Default for DiscordSettings {
    fn default() -> Self {
        Self { channels: Vec::new(), bots: true, tolerance_seconds: TOLERANCE_SECONDS }
    }
}

impl DiscordSettings {
    /// Checks that no channel is blank and that the tolerance is 1 second to 1 hour.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn check(&self) -> Result<()> {
        settings::check_names("discord", "channels", &self.channels)?;
        signature::check_tolerance("discord", self.tolerance_seconds)
    }
}

/// Verifies and reads deliveries of Discord.
#[derive(Debug, Clone)]
pub struct DiscordWebhook {
    auth: Auth,
    settings: DiscordSettings,
}

impl DiscordWebhook {
    /// Makes the source; the secrets are the application's public keys, in hex.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work, such as a key that is none.
    pub fn new(auth: Auth, settings: DiscordSettings) -> Result<Self> {
        auth.check("discord")?;
        settings.check()?;
        if let Auth::Signed { secrets } = &auth {
            let key = |text: &str| signature::hex(text).and_then(|bytes| signature::ed25519_key(&bytes));
            if secrets.iter().any(|secret| key(secret.expose().trim()).is_none()) {
                return Err(settings::refused(
                    "discord",
                    "secrets holds what is no Ed25519 public key in hex",
                ));
            }
        }
        Ok(Self { auth, settings })
    }

    fn message(&self, message: &Value, kind: &str, time: Option<DateTime<Utc>>) -> Result<Read> {
        let written = message.get("type").and_then(Value::as_i64).is_none_or(|kind| WRITTEN.contains(&kind));
        if !written {
            return Ok(Read::Other(payload::not_a_report("system message")));
        }
        let Some(id) = payload::id(message, "/id")? else {
            return Ok(Read::Other(payload::not_a_report("message without an id")));
        };
        let channel = match payload::id(message, "/channel_id")? {
            Some(channel) => Some(channel),
            None => payload::id(message, "/lobby_id")?,
        };
        let wanted = &self.settings.channels;
        if !wanted.is_empty() && !wanted.iter().any(|known| channel.as_deref() == Some(known.trim())) {
            return Ok(Read::Other(payload::filtered("channels")));
        }
        let bot = message.pointer("/author/bot").and_then(Value::as_bool) == Some(true)
            || message.get("webhook_id").is_some_and(Value::is_string);
        if bot && !self.settings.bots {
            return Ok(Read::Other(payload::filtered("bots")));
        }
        let body = content(message);
        let mut item = Inbound::new("discord", payload::first_line(&body)).external_id(&id).body(body);
        item.author = payload::word(message, "/author/username");
        item.occurred_at = payload::time(message, "/timestamp").or(time);
        item.updated_at = payload::time(message, "/edited_timestamp");
        if kind.ends_with("_UPDATE") {
            item.updated_at = item.updated_at.max(time);
        }
        let guild = payload::id(message, "/guild_id")?;
        if let (Some(channel), None) = (&channel, message.get("lobby_id")) {
            let place = guild.as_deref().unwrap_or("@me");
            let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            if plain(&id) && plain(channel) && (place == "@me" || plain(place)) {
                item.url = Some(format!("https://discord.com/channels/{place}/{channel}/{id}"));
            }
        }
        payload::tag(&mut item.tags, channel);
        payload::note(&mut item.metadata, "guild_id", guild);
        payload::note(&mut item.metadata, "author_id", payload::id(message, "/author/id")?);
        Ok(Read::Item(Box::new(item)))
    }

    fn read(&self, value: &Value) -> Result<Read> {
        if let Some(event) = value.get("event").filter(|event| event.is_object()) {
            let kind = payload::line(event, "/type");
            return self.event(&kind, event.get("data"), payload::time(event, "/timestamp"));
        }
        if value.get("t").is_some() && value.get("d").is_some() {
            return self.event(&payload::line(value, "/t"), value.get("d"), None);
        }
        let message = value.get("content").is_some() || value.get("embeds").is_some();
        let addressed = value.get("channel_id").is_some() || value.get("author").is_some();
        if message && (addressed || value.get("type").is_none()) {
            return self.message(value, "", None);
        }
        let kind = value.get("type").and_then(Value::as_i64);
        let interaction = value.get("token").is_some() && value.get("id").is_some();
        match kind {
            Some(0) if !interaction => Ok(Read::Other(handshake(204, b""))),
            Some(1) if interaction || value.get("name").is_none() => {
                Ok(Read::Other(handshake(200, b"{\"type\":1}")))
            }
            Some(kind) => Ok(Read::Other(payload::unknown(&format!("type {kind}")))),
            None => Ok(Read::Other(payload::unknown(""))),
        }
    }

    fn event(&self, kind: &str, data: Option<&Value>, time: Option<DateTime<Utc>>) -> Result<Read> {
        let message = |end: &str| kind.strip_suffix(end).is_some_and(|start| start.ends_with("MESSAGE"));
        match data.filter(|data| data.is_object()) {
            Some(data) if message("_CREATE") || message("_UPDATE") => self.message(data, kind, time),
            Some(_) if message("_DELETE") => Ok(Read::Other(payload::not_a_report("message deletion"))),
            _ => Ok(Read::Other(payload::unknown(kind))),
        }
    }
}

/// What a delivery is.
enum Read {
    Item(Box<Inbound>),
    Other(Decoded),
}

fn handshake(status: u16, body: &[u8]) -> Decoded {
    Decoded::Handshake { status, content_type: "application/json", body: body.to_vec() }
}

/// The content; without one the titles and descriptions of the embeds.
fn content(message: &Value) -> String {
    let content = payload::text(message, "/content");
    if !content.trim().is_empty() {
        return content;
    }
    let mut lines = Vec::new();
    for embed in payload::list(message, "/embeds") {
        lines.extend(["/title", "/description"].iter().map(|at| payload::text(embed, at)));
        for field in payload::list(embed, "/fields") {
            lines.push(format!("{}: {}", payload::line(field, "/name"), payload::line(field, "/value")));
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

impl Webhook for DiscordWebhook {
    fn name(&self) -> &str {
        "discord"
    }

    fn decode(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |keys| {
            let hex = signature::required(delivery, SIGNATURE)?;
            let stamp = signature::required(delivery, TIMESTAMP)?;
            let parts: [&[u8]; 2] = [stamp.as_bytes(), &delivery.body];
            let strength = signature::ed25519_hex(keys, &parts, SIGNATURE, hex)?;
            let time = signature::seconds(delivery, TIMESTAMP)
                .map_err(|error| Error::new(ErrorKind::Unauthorized, "webhook.verify", error.message()))?;
            signature::fresh(time, now, TimeDelta::seconds(self.settings.tolerance_seconds))?;
            Ok(strength)
        })?;
        let Some(value) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        if !value.is_object() {
            return Err(payload::invalid("the body is not an object"));
        }
        match self.read(&value)? {
            Read::Item(item) => Ok(payload::report(*item, delivery, strength)),
            Read::Other(answer) => Ok(answer),
        }
    }
}

#[cfg(test)]
mod tests;
