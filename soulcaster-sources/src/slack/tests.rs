use serde_json::json;
use soulcaster_core::ErrorKind;

use super::*;
use crate::fixture::{bytes, decoded, delivery, now, report, shown};

fn slack() -> SlackWebhook {
    SlackWebhook::new(Auth::AllowUnsigned, SlackSettings::default()).unwrap()
}

fn read(file: &str) -> Inbound {
    report(&slack(), bytes(&format!("slack/{file}.json")))
}

#[test]
fn message_fills_every_field() {
    assert_eq!(
        shown(&read("message_thread_broadcast.event_payload")),
        json!({
            "source": "slack",
            "external_id": "T111:C111:1633670813.007500",
            "title": "Hi there!",
            "body": "Hi there!",
            "author": "U111",
            "tags": ["C111"],
            "metadata": {"thread_ts": "1633663824.000500"},
            "occurred_at": "2021-10-08T05:26:53.007500Z",
            "auth_strength": "none",
        })
    );
    assert_eq!(read("events.valid_event_body").title, "<@W111> Hi there!");
    assert_eq!(read("events.message_file_share_body").title, "Here is your file!");
}

#[test]
fn edit_and_deletion_are_later_versions_of_the_message() {
    let (first, edit) = (read("message.message_body"), read("message_changed"));
    assert_eq!(first.external_id, edit.external_id);
    assert_eq!(edit.body, "Hello World <again> &amp;");
    assert_eq!(first.seen_at(), first.occurred_at);
    assert_eq!(edit.updated_at.unwrap().to_rfc3339(), "2020-07-31T08:26:30+00:00");
    let gone = read("message_deleted.event_payload");
    assert_eq!(gone.external_id.as_deref(), Some("T111:C111:1665368619.804829"));
    assert_eq!((gone.title.as_str(), &gone.metadata["status"]), ("Delete this message", &json!("deleted")));
    assert!(gone.updated_at > gone.occurred_at);
}

#[test]
fn bots_are_read_unless_they_are_this_app_or_left_out() {
    assert_eq!(read("message_bot.classic_bot_message_event_payload").author.as_deref(), Some("B888"));
    let body = bytes("slack/message_bot.bot_message_event_payload.json");
    assert_eq!(report(&slack(), &body[..]).author.as_deref(), Some("UB111"));
    let settings = SlackSettings { bots: false, ..SlackSettings::default() };
    let without = SlackWebhook::new(Auth::AllowUnsigned, settings).unwrap();
    assert_eq!(decoded(&without, &body[..]), payload::filtered("bots"));
    let own = String::from_utf8(body).unwrap().replace("A222", "A111");
    assert_eq!(decoded(&slack(), own), payload::filtered("own messages"));
}

#[test]
fn challenge_is_answered() {
    let challenge = b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P".to_vec();
    let answer = decoded(&slack(), bytes("slack/events_url_verification.event_body.json"));
    assert_eq!(answer, Decoded::Handshake { status: 200, content_type: "text/plain", body: challenge });
    for wrong in [json!(""), json!(7), json!("<script> </script>"), json!("x".repeat(2000))] {
        let body = json!({"type": "url_verification", "challenge": wrong}).to_string();
        assert_eq!(slack().decode(&delivery(&[], body), now()).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn other_events_are_ignored_with_their_name() {
    let answer = |file: &str| decoded(&slack(), bytes(&format!("slack/{file}.json")));
    assert_eq!(answer("events.app_uninstalled_body"), payload::unknown("app_uninstalled"));
    assert_eq!(
        answer("events_shared_channels.valid_reaction_added_body"),
        payload::unknown("reaction_added")
    );
    let joined = json!({"type": "event_callback", "team_id": "T", "event": {"type": "message",
        "subtype": "channel_join",
        "channel": "C", "ts": "1.2", "text": "<@U> has joined"}});
    assert_eq!(decoded(&slack(), joined.to_string()), payload::not_a_report("channel_join"));
    assert_eq!(decoded(&slack(), "token=x&command=%2Fbug&text=hi"), payload::not_a_report("slash command"));
    let pressed = decoded(&slack(), "payload=%7B%22type%22%3A%22block_actions%22%7D");
    assert_eq!(pressed, payload::unknown("block_actions"));
    assert_eq!(decoded(&slack(), " "), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn blocks_and_attachments_stand_in_for_missing_text() {
    let message = |more: Value| {
        let mut event =
            json!({"type": "message", "channel": "C", "ts": "1596183880.0042", "user": "U", "text": ""});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"type": "event_callback", "team_id": "T", "event": event}).to_string()
    };
    let blocks = message(json!({"blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Alarm"}},
        {"type": "rich_text", "elements": [{"type": "rich_text_section",
            "elements": [{"type": "text", "text": "disk "}, {"type": "text", "text": "full"}]}]}]}));
    let item = report(&slack(), blocks);
    assert_eq!((item.title.as_str(), item.body.as_str()), ("Alarm", "Alarm\ndisk full"));
    let attached = message(
        json!({"attachments": [{"title": "CPU", "text": "95 %", "fallback": "x"}, {"fallback": "y"}]}),
    );
    assert_eq!(report(&slack(), attached).body, "CPU\n95 %\ny");
    assert_eq!(decoded(&slack(), message(json!({}))), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn settings_choose_channels_and_are_checked() {
    let slack = |channel: &str, seconds| {
        let settings = SlackSettings {
            channels: vec![channel.into()],
            tolerance_seconds: seconds,
            ..SlackSettings::default()
        };
        SlackWebhook::new(Auth::AllowUnsigned, settings)
    };
    let body = bytes("slack/message.message_body.json");
    report(&slack("C111", 300).unwrap(), &body[..]);
    assert_eq!(decoded(&slack("C9", 300).unwrap(), &body[..]), payload::filtered("channels"));
    assert!(slack(" ", 300).is_err() && slack("C", 0).is_err() && slack("C", 3601).is_err());
}
