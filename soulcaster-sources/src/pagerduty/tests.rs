use serde_json::json;
use soulcaster_core::ProjectId;
use soulcaster_core::model::FeedbackItem;

use super::*;
use crate::fixture::{bytes, decoded, now, report, shown};

fn pagerduty() -> PagerdutyWebhook {
    PagerdutyWebhook::new(Auth::AllowUnsigned).unwrap()
}

fn read(file: &str) -> Inbound {
    report(&pagerduty(), bytes(&format!("pagerduty/{file}.json")))
}

#[test]
fn incident_fills_every_field() {
    assert_eq!(
        shown(&read("v3.incident.priority_updated.signed")),
        json!({
            "source": "pagerduty",
            "external_id": "PGR0VU2",
            "title": "A little bump in the road",
            "author": "Tenex Engineer",
            "url": "https://acme.pagerduty.com/incidents/PGR0VU2",
            "severity": "critical",
            "tags": ["API Service", "Engineering"],
            "metadata": {"kind": "incident", "status": "triggered", "number": 2,
                "event_type": "incident.priority_updated"},
            "occurred_at": "2021-04-26T17:36:27.458Z",
            "updated_at": "2021-04-26T17:36:27.458Z",
            "auth_strength": "none",
        })
    );
    let triggered = read("incident.triggered");
    assert_eq!((triggered.severity, triggered.author), (Some(Severity::High), None));
    assert_eq!(triggered.body, "host: db1\nlag: 12");
}

#[test]
fn resolution_wins_in_any_order() {
    let (triggered, resolved) = (read("incident.triggered"), read("incident.resolved"));
    for [first, second] in [[&triggered, &resolved], [&resolved, &triggered]] {
        let mut item = FeedbackItem::first(&ProjectId::new("p").unwrap(), first.clone(), now());
        item.absorb(second.clone(), now());
        assert_eq!((&item.metadata["status"], item.occurred_at), (&json!("resolved"), triggered.occurred_at));
    }
}

#[test]
fn note_is_an_item_of_its_own() {
    let note = read("incident.annotated");
    assert_eq!(note.external_id.as_deref(), Some("PABC123:note:PNOTE1"));
    assert_eq!((note.title.as_str(), note.body.as_str()), ("Database does not answer", "The disk was full."));
    assert_eq!((note.author.as_deref(), &note.metadata["incident"]), (Some("Robin"), &json!("PABC123")));
}

#[test]
fn other_events_are_ignored_with_their_name() {
    assert_eq!(
        decoded(&pagerduty(), bytes("pagerduty/service.updated.json")),
        payload::not_a_report("service")
    );
    let ping = json!({"event": {"event_type": "pagey.ping", "data": {"message": "hi", "type": "ping"}}});
    assert_eq!(decoded(&pagerduty(), ping.to_string()), Decoded::Ignored(Ignored::Ping));
    let new = json!({"event": {"event_type": "brand.new", "data": null}});
    assert_eq!(decoded(&pagerduty(), new.to_string()), payload::unknown("brand.new"));
    assert_eq!(decoded(&pagerduty(), ""), Decoded::Ignored(Ignored::Empty));
    let bare = json!({"id": "P1", "type": "incident", "title": "t", "created_at": "2024-01-01T00:00:00Z"});
    assert_eq!(report(&pagerduty(), bare.to_string()).occurred_at.unwrap().timestamp(), 1_704_067_200);
}
