use serde_json::json;
use soulcaster_core::ProjectId;
use soulcaster_core::model::FeedbackItem;

use super::*;
use crate::fixture::{bytes, decoded, delivery, now, report, shown};

fn sentry() -> SentryWebhook {
    SentryWebhook::new(Auth::AllowUnsigned, SentrySettings::default()).unwrap()
}

fn read(file: &str) -> Inbound {
    report(&sentry(), bytes(&format!("sentry/{file}.json")))
}

#[test]
fn issue_fills_every_field() {
    assert_eq!(
        shown(&read("issue.created")),
        json!({
            "source": "sentry",
            "external_id": "sentry:1170820242",
            "title": "ReferenceError: blooopy is not defined",
            "body": "?(runner)\nReferenceError: blooopy is not defined",
            "severity": "high",
            "tags": ["javascript", "front-end", "escalating"],
            "metadata": {"kind": "issue", "status": "unresolved", "count": "1", "users": 1,
                "short_id": "FRONT-END-9"},
            "occurred_at": "2019-08-19T20:58:37.391Z",
            "updated_at": "2019-08-19T20:58:37.391Z",
            "auth_strength": "none",
        })
    );
}

#[test]
fn event_fills_every_field_but_the_persons_address() {
    let event = read("event_alert.triggered");
    assert_eq!(
        shown(&event),
        json!({
            "source": "sentry",
            "external_id": "sentry:1117540176",
            "title": "ReferenceError: heck is not defined",
            "body": "ReferenceError: heck is not defined\n  at ? (<anonymous>:3)\n  at ? (/js/prod/runner-4.1.7.min.js:1)\
                \n  at ? (/js/prod/runner-4.1.7.min.js:1)",
            "url": "https://sentry.io/organizations/test-org/issues/1117540176/events/e4874d664c3540c1a32eab185f12c5ab/",
            "severity": "high",
            "tags": ["browser:Chrome 75.0.3770", "browser.name:Chrome", "handled:no", "level:error",
                "mechanism:onerror",
                "os:Mac OS X 10.14.0", "os.name:Mac OS X", "url:https://null.jsbin.com/runner"],
            "metadata": {"kind": "event", "status": "unresolved",
            "event_id": "e4874d664c3540c1a32eab185f12c5ab",
                "platform": "javascript", "culprit": "?(<anonymous>)", "rule": "Very Important Alert Rule!"},
            "occurred_at": "2019-08-19T21:06:17.677Z",
            "auth_strength": "none",
        })
    );
    assert!(!shown(&event).to_string().contains("162.21"));
}

#[test]
fn own_frames_come_first_and_the_raised_exception_before_its_cause() {
    let frame = |function: &str, own: bool| {
        json!({"function": function, "filename": "a.py", "lineno": 7,
        "in_app": own})
    };
    let body = json!({"data": {"error": {"event_id": "e", "issue_id": "5", "title": "t",
    "user": {"id": "u1", "email": "a@b"},
    "exception": {"values": [
        {"type": "KeyError", "value": "k", "stacktrace": {"frames": [frame("inner", false)]}},
        {"type": "LoadError", "value": "no",
            "stacktrace": {"frames": [frame("main", true), frame("lib", false), frame("load", true)]}},
    ]}}}});
    let item = report(&sentry(), body.to_string());
    assert_eq!(
        item.body,
        "LoadError: no\n  at load (a.py:7)\n  at main (a.py:7)\nCaused by: KeyError: k\n  at inner (a.py:7)"
    );
    assert_eq!(item.author.as_deref(), Some("u1"));
}

#[test]
fn metric_alert_fills_every_field() {
    assert_eq!(
        shown(&read("metric_alert.resolved")),
        json!({
            "source": "sentry",
            "external_id": "metric:4",
            "title": "Resolved: Too many errors",
            "body": "1000 events in the last 10 minutes\\nFilter: level:error",
            "url": "https://sentry.io/organizations/baz/alerts/1/",
            "severity": "info",
            "tags": ["bar"],
            "metadata": {"kind": "metric_alert", "status": "resolved", "rule": "Too many errors",
                "query": "level:error"},
            "occurred_at": "2020-09-13T12:26:40Z",
            "updated_at": "2020-09-13T12:26:40.001Z",
            "auth_strength": "none",
        })
    );
}

#[test]
fn comment_is_an_item_of_its_own() {
    let comment = read("comment.created");
    assert_eq!(comment.external_id.as_deref(), Some("sentry:comment:1234"));
    assert_eq!((comment.title.as_str(), comment.author.as_deref()), ("adding a comment", Some("colleen")));
    assert_eq!((comment.tags, &comment.metadata["issue_id"]), (vec!["sentry".to_owned()], &json!("100")));
    assert_eq!(comment.occurred_at.unwrap().to_rfc3339(), "2022-03-02T21:51:44.118160+00:00");
}

#[test]
fn legacy_plugin_is_read_as_an_event() {
    let event = read("keep.browser_timeout");
    assert_eq!(event.external_id.as_deref(), Some("sentry:4616132097"));
    assert_eq!(event.author.as_deref(), Some("user_8675309"));
    assert_eq!(event.url.as_deref(), Some("https://keep-dr.sentry.io/issues/4616132097/"));
    assert_eq!(event.metadata["environment"], "production");
    assert!(!shown(&event).to_string().contains("198.51.100.42"));
}

/// The state after `deliveries`, each a body and its `Sentry-Hook-Timestamp`.
fn end(deliveries: &[(&Value, &str)]) -> FeedbackItem {
    let project = ProjectId::new("p").unwrap();
    let mut items = deliveries.iter().map(|(body, sent)| {
        let delivery = delivery(&[("Sentry-Hook-Timestamp", sent)], body.to_string());
        let Decoded::Reports(mut reports) = sentry().decode(&delivery, now()).unwrap() else { panic!() };
        reports.remove(0)
    });
    let mut item = FeedbackItem::first(&project, items.next().unwrap(), now());
    items.for_each(|inbound| item.absorb(inbound, now()));
    item
}

#[test]
fn two_events_of_one_issue_are_one_item_with_two_occurrences() {
    let first: Value = serde_json::from_slice(&bytes("sentry/event_alert.triggered.json")).unwrap();
    let mut second = first.clone();
    second["data"]["event"]["event_id"] = json!("ffff");
    second["data"]["event"]["datetime"] = json!("2019-08-19T21:16:17.677000Z");
    let (one, other) = (end(&[(&first, "0"), (&second, "0")]), end(&[(&second, "0"), (&first, "0")]));
    assert_eq!(one.occurrences, 2);
    assert_eq!(one.metadata["event_id"], "ffff");
    assert_eq!(
        (one.metadata, one.last_seen, one.occurred_at),
        (other.metadata, other.last_seen, other.occurred_at)
    );
}

#[test]
fn resolution_and_regression_end_the_same_in_any_order() {
    let created: Value = serde_json::from_slice(&bytes("sentry/issue.created.json")).unwrap();
    let mut resolved = created.clone();
    resolved["action"] = json!("resolved");
    resolved["data"]["issue"]["status"] = json!("resolved");
    // Without the header, of one time: the settled version is the later one.
    for order in [[&created, &resolved], [&resolved, &created]] {
        assert_eq!(end(&order.map(|body| (body, "nonsense"))).metadata["status"], "resolved");
    }
    let (early, late) = ("1700000000", "1700000500");
    let reopened = &created;
    for order in [[(&resolved, early), (reopened, late)], [(reopened, late), (&resolved, early)]] {
        assert_eq!(end(&order).metadata["status"], "unresolved");
    }
}

#[test]
fn a_time_ahead_of_now_is_not_believed() {
    let body = bytes("sentry/issue.created.json");
    let sent = (now().timestamp() + 400).to_string();
    let Decoded::Reports(reports) =
        sentry().decode(&delivery(&[("Sentry-Hook-Timestamp", &sent)], body), now()).unwrap()
    else {
        panic!()
    };
    assert_eq!(reports[0].updated_at.unwrap().to_rfc3339(), "2019-08-19T20:58:37.391+00:00");
}

#[test]
fn settings_keep_environments_and_levels() {
    let sentry = |environments: &[&str], levels: &[&str]| {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let settings = SentrySettings { environments: list(environments), levels: list(levels) };
        SentryWebhook::new(Auth::AllowUnsigned, settings).unwrap()
    };
    let (production, none) =
        (bytes("sentry/keep.browser_timeout.json"), bytes("sentry/event_alert.triggered.json"));
    for open in [sentry(&[], &[]), sentry(&["Production"], &[]), sentry(&["x", "Production"], &["ERROR"])] {
        report(&open, &production[..]);
    }
    report(&sentry(&[], &["error"]), &none[..]);
    assert_eq!(decoded(&sentry(&["staging"], &[]), &production[..]), payload::filtered("environments"));
    assert_eq!(decoded(&sentry(&["staging"], &[]), &none[..]), payload::filtered("environments"));
    assert_eq!(decoded(&sentry(&[], &["fatal"]), &production[..]), payload::filtered("levels"));
    assert_eq!(
        decoded(&sentry(&[], &["fatal"]), bytes("sentry/issue.created.json")),
        payload::filtered("levels")
    );
    report(&sentry(&["staging"], &["fatal"]), bytes("sentry/metric_alert.resolved.json"));
    let empty = SentrySettings { levels: vec![String::new()], ..SentrySettings::default() };
    assert!(SentryWebhook::new(Auth::AllowUnsigned, empty).is_err());
}

#[test]
fn other_resources_are_ignored_with_their_name() {
    let answer = |resource: &str| {
        sentry().decode(&delivery(&[("sentry-hook-resource", resource)], "{\"data\":{}}"), now()).unwrap()
    };
    assert_eq!(answer("installation"), payload::not_a_report("installation"));
    assert_eq!(answer("seer"), payload::unknown("seer"));
    assert_eq!(decoded(&sentry(), ""), Decoded::Ignored(Ignored::Empty));
}
