use super::*;
use crate::fixture::{bytes, lines, now, report as one, sent};

fn open(event_types: Option<&[&str]>) -> PosthogWebhook {
    let event_types = event_types.map(|types| types.iter().map(|name| (*name).to_owned()).collect());
    PosthogWebhook::new(Auth::AllowUnsigned, PosthogSettings { event_types }).unwrap()
}

fn read(body: impl Into<Vec<u8>>) -> Inbound {
    one(&open(None), body)
}

#[test]
fn an_exception_is_mapped() {
    let report = read(bytes("posthog/webhook.exception.json"));
    assert_eq!(
        lines(&report),
        "id: 0195a1b2-1111-7000-8000-000000000001\n\
         title: TypeError: Cannot read properties of undefined (reading 'id')\n\
         body: TypeError: Cannot read properties of undefined (reading 'id')⏎  at submitOrder (app/checkout.tsx:12:44)\n\
         time: 2025-03-04T11:22:33.456+00:00 -\n\
         severity: High\n\
         tags: lib:web | url:https://shop.example.com/checkout\n\
         url: https://us.posthog.com/project/1/events/0195a1b2-1111-7000-8000-000000000001/2025-03-04T11%3A22%3A33.456Z\n\
         author: user_42\nstatus: -"
    );
    assert_eq!(report.metadata["issue_id"], "0195a1b2-0000-7000-8000-000000000001");
}

#[test]
fn a_survey_is_mapped() {
    let report = read(bytes("posthog/webhook.survey-sent.json"));
    assert_eq!(
        lines(&report),
        "id: 0195a1b2-2222-7000-8000-000000000002\n\
         title: NPS\n\
         body: The export button does nothing on Safari\n\
         time: 2025-03-04T11:22:33.456+00:00 -\nseverity: -\n\
         tags: url:https://shop.example.com/reports\n\
         url: https://us.posthog.com/project/1/events/0195a1b2-2222-7000-8000-000000000002/2025-03-04T11%3A22%3A33.456Z\n\
         author: user_42\nstatus: -"
    );
    let several = r#"{"event":{"event":"survey sent","uuid":"u","properties":{"$survey_name":"Why",
        "$survey_response":9,"$survey_response_1":["Price","Speed"],"$survey_response_2":null}}}"#;
    assert_eq!(read(several).body, "9\n\nPrice, Speed");
}

#[test]
fn an_action_webhook_and_bare_events_are_read() {
    let report = read(bytes("posthog/action.json"));
    assert_eq!(
        report.title,
        "ann@example.com did action [Checkout failed](https://app.posthog.com/action/5)"
    );
    assert_eq!((report.external_id, report.occurred_at), (None, None));
    let event = r#"{"event":"feedback given","distinct_id":"u1","timestamp":"2025-03-04T11:22:33Z",
        "properties":{"message":"Too slow"}}"#;
    for body in [event.to_owned(), format!(r#"{{"hook":{{"id":"h"}},"data":{event}}}"#)] {
        let report = read(body);
        assert_eq!((report.title.as_str(), report.body.as_str()), ("feedback given", "Too slow"));
        assert_eq!(report.external_id.as_deref(), Some("u1:2025-03-04T11:22:33Z"));
    }
}

#[test]
fn an_exception_of_an_older_library_is_read() {
    let report = read(
        r#"{"event":{"event":"$exception","uuid":"u","properties":{"$exception_type":"E",
        "$exception_message":"m","$exception_stack_trace_raw":"at f"}}}"#,
    );
    assert_eq!((report.title.as_str(), report.body.as_str()), ("E: m", "E: m\nat f"));
}

#[test]
fn event_types_and_surveys_without_answers_are_left_out() {
    let exception = bytes("posthog/webhook.exception.json");
    let action = bytes("posthog/action.json");
    for (types, body) in [(&["$exception"][..], &exception), (&["x", "action"], &action)] {
        assert!(matches!(open(Some(types)).decode(&sent(body.clone()), now()), Ok(Decoded::Reports(_))));
    }
    for (types, body) in [(&[][..], &exception), (&["survey sent"], &exception), (&["$exception"], &action)] {
        let decoded = open(Some(types)).decode(&sent(body.clone()), now()).unwrap();
        assert_eq!(decoded, payload::filtered("event_types"), "{types:?}");
    }
    for name in ["survey shown", "survey dismissed"] {
        let body = format!(r#"{{"event":{{"event":"{name}","uuid":"u"}}}}"#);
        assert_eq!(open(None).decode(&sent(body), now()).unwrap(), payload::not_a_report(name));
    }
    assert_eq!(open(None).decode(&sent(r#"{"x":1}"#), now()).unwrap(), payload::unknown(""));
    assert!(PosthogSettings { event_types: Some(vec![String::new()]) }.check().is_err());
}
