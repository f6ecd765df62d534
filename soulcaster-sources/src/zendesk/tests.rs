use super::*;
use crate::fixture::{at, bytes, lines, now, report, sent};
use soulcaster_core::ProjectId;
use soulcaster_core::model::FeedbackItem;

fn open() -> ZendeskWebhook {
    let settings =
        ZendeskSettings { base_url: Some("https://acme.zendesk.com/".into()), ..ZendeskSettings::default() };
    ZendeskWebhook::new(Auth::AllowUnsigned, settings).unwrap()
}

#[test]
fn a_ticket_is_mapped() {
    let ticket = report(&open(), bytes("zendesk/ticket.created.json"));
    assert_eq!(
        lines(&ticket),
        "id: ticket:5158\n\
         title: PDF export broken\n\
         body: Export to PDF fails with error 500 since yesterday\n\
         time: 2025-01-08T10:12:07.672717030+00:00 -\n\
         severity: High\n\
         tags: export | pdf\n\
         url: https://acme.zendesk.com/agent/tickets/5158\n\
         author: 8447388090494\nstatus: open"
    );
    let comment = report(&open(), bytes("zendesk/ticket.comment_added.json"));
    assert_eq!(comment.external_id, ticket.external_id);
    assert_eq!(comment.body, format!("{}\n\nIt also fails in Firefox <b>now</b>.", ticket.body));
}

#[test]
fn internal_notes_are_left_out() {
    let event = String::from_utf8(bytes("zendesk/ticket.comment_added.json")).unwrap();
    let (head, comment) = event.split_once("\"event\": {").unwrap();
    let note = comment.replace("\"is_public\": true", "\"is_public\": false");
    let report = report(&open(), format!("{head}\"event\": {{{note}"));
    assert_eq!(report.body, "Export to PDF fails with error 500 since yesterday");
}

#[test]
fn events_of_a_ticket_settle_in_any_order() {
    let event = |kind: &str, time: &str, status: &str| {
        let body = format!(
            r#"{{"type":"zen:event-type:ticket.{kind}","time":"{time}",
            "detail":{{"id":"7","subject":"s","description":"d","status":"{status}"}}}}"#
        );
        report(&open(), body)
    };
    let events = [
        event("created", "2025-01-08T10:00:00Z", "NEW"),
        event("status_changed", "2025-01-08T11:00:00Z", "SOLVED"),
        event("soft_deleted", "2025-01-08T12:00:00Z", "SOLVED"),
    ];
    let project = ProjectId::new("p").unwrap();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut item = FeedbackItem::first(&project, events[order[0]].clone(), now());
        order[1..].iter().for_each(|next| item.absorb(events[*next].clone(), now()));
        assert_eq!(item.metadata["status"], "deleted", "{order:?}");
        assert_eq!(item.occurred_at, Some(at("2025-01-08T10:00:00Z")), "{order:?}");
        assert_eq!(item.last_seen, at("2025-01-08T12:00:00Z"), "{order:?}");
    }
}

#[test]
fn a_trigger_is_mapped() {
    let report = report(&open(), bytes("zendesk/trigger.custom-body.json"));
    assert_eq!(
        lines(&report),
        "id: ticket:35436\n\
         title: Printer on fire\n\
         body: ----------------------------------------------⏎⏎Jane, Jan 8, 2025, 10:12⏎⏎Help\n\
         time: - -\n\
         severity: Critical\ntags: \n\
         url: https://acme.zendesk.com/agent/tickets/35436\n\
         author: -\nstatus: -"
    );
}

#[test]
fn other_events_are_unknown_and_one_without_a_ticket_is_empty() {
    let decode = |body: &str| open().decode(&sent(body), now()).unwrap();
    let kind = "zen:event-type:user.created";
    assert_eq!(decode(&format!(r#"{{"type":"{kind}","detail":{{}}}}"#)), payload::unknown(kind));
    assert_eq!(decode(r#"{"type":"zen:event-type:ticket.created"}"#), Decoded::Ignored(Ignored::Empty));
    let error = open().decode(&sent(r#"{"type":"zen:event-type:ticket.created","detail":{}}"#), now());
    assert_eq!(error.unwrap_err().kind(), soulcaster_core::ErrorKind::Invalid);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for base_url in ["acme.zendesk.com", "javascript:x", ""] {
        let settings = ZendeskSettings { base_url: Some(base_url.into()), ..ZendeskSettings::default() };
        assert!(ZendeskWebhook::new(Auth::AllowUnsigned, settings).is_err(), "{base_url}");
    }
}
