//! Slack: messages and mentions of the Events API.
//!
//! A message is `{team_id}:{channel}:{ts}`; its title is its first line, its body the text or, without one,
//! its blocks flattened; its author the user, else the bot; its tag the channel. An edit (`message_changed`)
//! and a deletion (`message_deleted`) are later versions of it. Slack gives no link with an event, so there
//! is no `url`. `&amp;`, `&lt;` and `&gt;`, the three characters that Slack escapes, are read back.
//!
//! Signed are `v0:{X-Slack-Request-Timestamp}:{body}`. A `url_verification` is answered with its challenge.
//! Messages of the app that receives them are left out, or notices posted to Slack would come back as
//! reports.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::model::Inbound;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload;
use crate::settings;
use crate::signature::{self, Auth, TOLERANCE_SECONDS};

mod blocks;

const SIGNATURE: &str = "X-Slack-Signature";
const TIMESTAMP: &str = "X-Slack-Request-Timestamp";

/// Longest challenge that is echoed, in bytes.
const MAX_CHALLENGE: usize = 1024;

/// What the Slack source takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlackSettings {
    /// Ids of the channels that are read; all when empty.
    pub channels: Vec<String>,
    /// Whether messages of other bots are reports.
    pub bots: bool,
    /// How far the signed time may lie from now, in seconds.
    pub tolerance_seconds: i64,
}

impl Default for SlackSettings {
    fn default() -> Self {
        Self { channels: Vec::new(), bots: true, tolerance_seconds: TOLERANCE_SECONDS }
    }
}

impl SlackSettings {
    /// Checks that no channel is blank and that the tolerance is 1 second to 1 hour.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn check(&self) -> Result<()> {
        settings::check_names("slack", "channels", &self.channels)?;
        signature::check_tolerance("slack", self.tolerance_seconds)
    }
}

/// Verifies and reads deliveries of Slack.
#[derive(Debug, Clone)]
pub struct SlackWebhook {
    auth: Auth,
    settings: SlackSettings,
}

impl SlackWebhook {
    /// Makes the source; the secrets are the app's signing secrets.
    ///
    /// # Errors
    /// `Invalid` naming the setting that cannot work.
    pub fn new(auth: Auth, settings: SlackSettings) -> Result<Self> {
        auth.check("slack")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }

    /// The setting that leaves a message out.
    fn left_out(&self, value: &Value, message: &Value, channel: &str) -> Option<&'static str> {
        let wanted = &self.settings.channels;
        if !wanted.is_empty() && !wanted.iter().any(|known| known.trim() == channel) {
            return Some("channels");
        }
        let app = payload::first_word(message, &["/app_id", "/bot_profile/app_id"]);
        if app.is_some() && app == payload::word(value, "/api_app_id") {
            return Some("own messages");
        }
        let bot = message.get("bot_id").is_some_and(Value::is_string);
        (bot && !self.settings.bots).then_some("bots")
    }
}

impl Webhook for SlackWebhook {
    fn name(&self) -> &str {
        "slack"
    }

    fn decode(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, |secrets| {
            let header = signature::required(delivery, SIGNATURE)?;
            let time = signature::seconds(delivery, TIMESTAMP)?;
            signature::fresh(time, now, TimeDelta::seconds(self.settings.tolerance_seconds))?;
            let hex = signature::strip(header, "v0=", SIGNATURE)?;
            let stamp = signature::required(delivery, TIMESTAMP)?;
            let parts: [&[u8]; 4] = [b"v0:", stamp.as_bytes(), b":", &delivery.body];
            signature::hmac_sha256_hex(secrets, &parts, SIGNATURE, &[hex])
        })?;
        if payload::form_field(&delivery.body, "command").is_some() {
            return Ok(payload::not_a_report("slash command"));
        }
        if let Some(interaction) = payload::form_field(&delivery.body, "payload") {
            let kind = payload::read(interaction.as_bytes())?.map(|value| payload::line(&value, "/type"));
            return Ok(payload::unknown(&kind.unwrap_or_default()));
        }
        let Some(value) = payload::read(&delivery.body)? else { return Ok(Decoded::Ignored(Ignored::Empty)) };
        match payload::line(&value, "/type").as_str() {
            "url_verification" => challenge(&value),
            "event_callback" => {
                let (item, channel, message) = match message(&value)? {
                    Message::Other(answer) => return Ok(answer),
                    Message::Text { item, channel, message } => (item, channel, message),
                };
                match self.left_out(&value, message, &channel) {
                    Some(setting) => Ok(payload::filtered(setting)),
                    None => Ok(payload::report(*item, delivery, strength)),
                }
            }
            "" => Err(payload::invalid("/type is missing")),
            other => Ok(payload::unknown(other)),
        }
    }
}

fn challenge(value: &Value) -> Result<Decoded> {
    let text = value.get("challenge").and_then(Value::as_str).unwrap_or_default();
    if text.is_empty() || text.len() > MAX_CHALLENGE || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(payload::invalid("/challenge is not a challenge"));
    }
    Ok(Decoded::Handshake { status: 200, content_type: "text/plain", body: text.as_bytes().to_vec() })
}

/// What an event is.
enum Message<'a> {
    Text { item: Box<Inbound>, channel: String, message: &'a Value },
    Other(Decoded),
}

/// Subtypes whose text somebody wrote for others to read.
const WRITTEN: [&str; 5] = ["", "file_share", "thread_broadcast", "me_message", "bot_message"];

fn message(value: &Value) -> Result<Message<'_>> {
    let event = value.get("event").filter(|event| event.is_object());
    let event = event.ok_or_else(|| payload::invalid("/event is missing"))?;
    let kind = payload::line(event, "/type");
    if !matches!(kind.as_str(), "message" | "app_mention") {
        return Ok(Message::Other(payload::unknown(&kind)));
    }
    let subtype = payload::line(event, "/subtype");
    let (at, mut deleted) = match subtype.as_str() {
        "message_changed" => ("message", false),
        "message_deleted" => ("previous_message", true),
        known if WRITTEN.contains(&known) => ("", false),
        other => return Ok(Message::Other(payload::not_a_report(other))),
    };
    let message = if at.is_empty() { Some(event) } else { event.get(at) };
    let Some(message) = message.filter(|message| message.is_object()) else {
        return Ok(Message::Other(Decoded::Ignored(Ignored::Empty)));
    };
    match payload::line(message, "/subtype").as_str() {
        "tombstone" => deleted = true,
        known if WRITTEN.contains(&known) => {}
        other if !at.is_empty() => return Ok(Message::Other(payload::not_a_report(other))),
        _ => {}
    }
    let channel = payload::required_id(event, "/channel")?;
    let team = match payload::id(value, "/team_id")? {
        Some(team) => team,
        None => payload::first_word(value, &["/event/team", "/enterprise_id"]).unwrap_or_default(),
    };
    let team = payload::cut(&team, 256);
    let ts = match payload::id(message, "/ts")? {
        Some(ts) => ts,
        None => payload::required_id(event, "/deleted_ts")?,
    };
    let body = blocks::text(message);
    let id = format!("{team}:{channel}:{ts}");
    let mut item = Inbound::new("slack", payload::first_line(&body)).external_id(id).body(body);
    item.author = payload::first_word(message, &["/user", "/bot_id"]);
    payload::tag(&mut item.tags, Some(channel.clone()));
    item.occurred_at = crate::time::read(&Value::from(ts)).ok();
    if !at.is_empty() {
        let edited = if deleted { None } else { payload::time(message, "/edited/ts") };
        item.updated_at = edited.or_else(|| payload::time(event, "/event_ts"));
    }
    payload::note(&mut item.metadata, "status", deleted.then_some("deleted"));
    payload::note(&mut item.metadata, "thread_ts", payload::word(message, "/thread_ts"));
    Ok(Message::Text { item: Box::new(item), channel, message })
}

#[cfg(test)]
mod tests;
