use super::*;
use crate::fixture::{bytes, lines, now, report, sent};

fn open() -> IntercomWebhook {
    IntercomWebhook::new(Auth::AllowUnsigned).unwrap()
}

#[test]
fn a_conversation_is_mapped() {
    let report = report(&open(), bytes("intercom/webhook.conversation.user.created.json"));
    assert_eq!(
        lines(&report),
        "id: conversation:21321941764\n\
         title: Hello everyone!\n\
         body: Hello everyone!\n\
         time: 2019-03-22T21:29:58+00:00 2019-03-22T21:29:58+00:00\n\
         severity: -\ntags: \n\
         url: https://app.intercom.io/a/apps/i6wc9ipe/conversations/21321941764\n\
         author: Rose Poodle from St. John's\nstatus: open"
    );
}

#[test]
fn a_reply_is_a_later_version_with_its_text_and_without_notes() {
    let reply = report(&open(), bytes("intercom/conversation.user.replied.json"));
    assert_eq!(
        lines(&reply),
        "id: conversation:21321941764\n\
         title: Export\n\
         body: The export fails & says nothing.⏎⏎In Safari⏎only.\n\
         time: 2019-03-22T21:29:58+00:00 2019-03-22T21:31:41+00:00\n\
         severity: High\n\
         tags: export\n\
         url: https://app.intercom.io/a/apps/i6wc9ipe/conversations/21321941764\n\
         author: Rose <rose@example.com>\nstatus: closed"
    );
    let again = String::from_utf8(bytes("intercom/conversation.user.replied.json")).unwrap();
    let again = again.replace("\"delivery_attempts\": 2", "\"delivery_attempts\": 3");
    assert_eq!(report(&open(), again).occurrence(), reply.occurrence());
}

#[test]
fn a_ticket_is_mapped() {
    let report = report(&open(), bytes("intercom/ticket.created.json"));
    assert_eq!(
        lines(&report),
        "id: ticket:626\n\
         title: Invoice is wrong\n\
         body: It lists two seats, we have one.\n\
         time: 2024-12-18T16:05:44+00:00 2024-12-18T16:05:46+00:00\n\
         severity: -\ntags: \nurl: -\nauthor: 70\nstatus: submitted"
    );
}

#[test]
fn other_topics_give_their_reason() {
    let decode = |body: &str| open().decode(&sent(body), now()).unwrap();
    let ping = r#"{"type":"notification_event","topic":"ping","data":{"item":{"type":"ping"}}}"#;
    assert_eq!(decode(ping), Decoded::Ignored(Ignored::Ping));
    let contact = r#"{"topic":"contact.user.created","data":{"item":{"id":"1"}}}"#;
    assert_eq!(decode(contact), payload::unknown("contact.user.created"));
    let deleted = r#"{"topic":"conversation.deleted","data":{"item":{"id":"1"}}}"#;
    assert_eq!(decode(deleted), payload::not_a_report("conversation.deleted"));
    let read = r#"{"topic":"conversation.read","data":{"item":{"id":"1","created_at":1}}}"#;
    assert_eq!(decode(read), Decoded::Ignored(Ignored::Empty));
    assert_eq!(decode(r#"{"type":"conversation","id":"1"}"#), payload::not_a_report("answer of the API"));
    let without = open().decode(&sent(r#"{"topic":"conversation.read","data":{"item":{}}}"#), now());
    assert_eq!(without.unwrap_err().kind(), soulcaster_core::ErrorKind::Invalid);
}
