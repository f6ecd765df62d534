use serde_json::json;
use soulcaster_core::Secret;

use super::*;
use crate::fixture::{bytes, decoded, report, shown};

fn discord() -> DiscordWebhook {
    DiscordWebhook::new(Auth::AllowUnsigned, DiscordSettings::default()).unwrap()
}

fn read(file: &str) -> Inbound {
    report(&discord(), bytes(&format!("discord/{file}.json")))
}

#[test]
fn message_fills_every_field() {
    assert_eq!(
        shown(&read("message")),
        json!({
            "source": "discord",
            "external_id": "334385199974967042",
            "title": "Build broken",
            "body": "Build broken\nmain does not compile\nbranch: main",
            "author": "mara",
            "url": "https://discord.com/channels/197038439483310086/290926798999357250/334385199974967042",
            "tags": ["290926798999357250"],
            "metadata": {"guild_id": "197038439483310086", "author_id": "53908099506183680"},
            "occurred_at": "2024-07-11T17:27:07.299Z",
            "auth_strength": "none",
        })
    );
}

#[test]
fn an_update_is_a_later_version_of_the_event() {
    let (created, updated) = (read("lobby_message_create"), read("lobby_message_update"));
    assert_eq!(created.external_id, updated.external_id);
    assert_eq!((created.title.as_str(), created.url.as_deref()), ("The lobby freezes", None));
    assert_eq!(created.occurred_at.unwrap().to_rfc3339(), "2025-08-05T20:39:19.587872+00:00");
    assert_eq!(updated.updated_at.unwrap().to_rfc3339(), "2025-08-05T21:00:00+00:00");
    let relayed =
        json!({"t": "MESSAGE_CREATE", "s": 5, "op": 0, "d": {"id": "5", "channel_id": "6", "content": "hi"}});
    assert_eq!(report(&discord(), relayed.to_string()).external_id.as_deref(), Some("5"));
}

#[test]
fn pings_are_answered() {
    let answer = |status: u16, body: &[u8]| Decoded::Handshake {
        status,
        content_type: "application/json",
        body: body.to_vec(),
    };
    let ping = |kind: u8, more: Value| {
        let mut ping = json!({"version": 1, "application_id": "1", "type": kind});
        ping.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        decoded(&discord(), ping.to_string())
    };
    assert_eq!(ping(0, json!({})), answer(204, b""));
    assert_eq!(ping(1, json!({"id": "2", "token": "t"})), answer(200, b"{\"type\":1}"));
}

#[test]
fn other_events_are_ignored_with_their_name() {
    let entitlement = decoded(&discord(), bytes("discord/entitlement_create.json"));
    assert_eq!(entitlement, payload::unknown("ENTITLEMENT_CREATE"));
    let deleted =
        json!({"type": 1, "event": {"type": "LOBBY_MESSAGE_DELETE", "data": {"id": "1", "lobby_id": "2"}}});
    assert_eq!(decoded(&discord(), deleted.to_string()), payload::not_a_report("message deletion"));
    let command = json!({"type": 2, "id": "1", "token": "t", "data": {"name": "bug"}});
    assert_eq!(decoded(&discord(), command.to_string()), payload::unknown("type 2"));
    let joined = json!({"id": "1", "type": 7, "channel_id": "2", "content": "", "author": {"username": "x"}});
    assert_eq!(decoded(&discord(), joined.to_string()), payload::not_a_report("system message"));
    let request = json!({"content": "Hello", "embeds": []});
    assert_eq!(decoded(&discord(), request.to_string()), payload::not_a_report("message without an id"));
}

#[test]
fn settings_choose_channels_and_bots_and_are_checked() {
    let with = |settings| DiscordWebhook::new(Auth::AllowUnsigned, settings).unwrap();
    let channels =
        |channel: &str| DiscordSettings { channels: vec![channel.into()], ..DiscordSettings::default() };
    let body = bytes("discord/message.json");
    report(&with(channels("290926798999357250")), &body[..]);
    assert_eq!(decoded(&with(channels("1")), &body[..]), payload::filtered("channels"));
    let bot =
        json!({"id": "1", "channel_id": "2", "content": "hi", "author": {"username": "b", "bot": true}})
            .to_string();
    report(&discord(), bot.as_str());
    let without = DiscordSettings { bots: false, ..DiscordSettings::default() };
    assert_eq!(decoded(&with(without), bot), payload::filtered("bots"));
    let auth = Auth::Signed { secrets: vec![Secret::new("no key")] };
    assert!(DiscordWebhook::new(auth, DiscordSettings::default()).is_err());
}
