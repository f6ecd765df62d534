//! Deliveries about one thing end in one state, whatever order they arrive in and however often.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use soulcaster_core::flow::ItemQuery;
use soulcaster_core::model::{FeedbackItem, Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery};
use soulcaster_core::{ProjectId, Soulcaster};

use super::fuzz::random::Random;
use crate::fixture::{at, json as fixture, now};
use crate::signature::Auth;
use crate::vendor::webhook;

/// A thing's deliveries in the order in which they happened: headers, body.
type Story = Vec<(Vec<(String, String)>, Value)>;

fn bare(bodies: impl IntoIterator<Item = Value>) -> Story {
    bodies.into_iter().map(|body| (Vec::new(), body)).collect()
}

/// Opened, edited, labelled twice in one second, closed, reopened, closed with another label.
fn github() -> Story {
    let event = |action: &str, time: &str, title: &str, labels: &[&str], state: &str| {
        let mut body = fixture("github/issues.opened.json");
        body["action"] = json!(action);
        let labels: Vec<Value> = labels.iter().map(|name| json!({ "name": name })).collect();
        let change = json!({"updated_at": time, "title": title, "body": format!("{title} since {time}"), "labels": labels, "state": state});
        body["issue"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    bare([
        event("opened", "2019-05-15T15:20:18Z", "Crash", &[], "open"),
        event("edited", "2019-05-15T15:21:00Z", "Crash on save", &[], "open"),
        event("labeled", "2019-05-15T15:22:00Z", "Crash on save", &["bug"], "open"),
        event("labeled", "2019-05-15T15:22:00Z", "Crash on save", &["bug", "P2"], "open"),
        event("closed", "2019-05-15T15:23:00Z", "Crash on save", &["bug", "P2"], "closed"),
        event("reopened", "2019-05-15T15:24:00Z", "Crash on save", &["bug", "P2"], "open"),
        event("closed", "2019-05-15T15:25:00Z", "Crash on saving", &["bug", "P1"], "closed"),
    ])
}

/// Created, two events of it, resolved, seen again, reopened, ignored.
fn sentry() -> Story {
    let issue = |action: &str, sent: &str, status: &str, last_seen: &str| {
        let mut body = fixture("sentry/issue.created.json");
        body["action"] = json!(action);
        body["data"]["issue"]["status"] = json!(status);
        body["data"]["issue"]["lastSeen"] = json!(last_seen);
        (
            vec![
                ("Sentry-Hook-Timestamp".into(), sent.into()),
                ("Sentry-Hook-Resource".into(), "issue".into()),
            ],
            body,
        )
    };
    let event = |id: &str, time: &str| {
        let mut body = fixture("sentry/event_alert.triggered.json");
        let change = json!({"event_id": id, "datetime": time, "issue_id": "1170820242"});
        body["data"]["event"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        (vec![("Sentry-Hook-Resource".into(), "event_alert".into())], body)
    };
    vec![
        issue("created", "1566248400", "unresolved", "2019-08-19T20:58:37Z"),
        event("aaaa", "2019-08-19T21:06:17Z"),
        event("bbbb", "2019-08-19T21:06:17Z"),
        issue("resolved", "1566250000", "resolved", "2019-08-19T21:06:17Z"),
        event("cccc", "2019-08-19T22:00:00Z"),
        issue("unresolved", "1566252100", "unresolved", "2019-08-19T22:00:00Z"),
        issue("ignored", "1566252200", "ignored", "2019-08-19T22:00:00Z"),
    ]
}

/// Fires, fires again with other words, is resolved, is told of again with a later end.
fn alerts(source: &str) -> Story {
    let alert = |status: &str, summary: &str, ends: &str, severity: &str| {
        json!({"version": "4", "status": "firing", "groupKey": "g", "externalURL": "https://am.example", "alerts": [
            {"status": status, "labels": {"alertname": "DiskWillFill", "severity": severity}, "annotations": {"summary": summary},
             "startsAt": "2025-06-01T10:00:00.123456789Z", "endsAt": ends, "fingerprint": source}]})
    };
    bare([
        alert("firing", "fills in 4 h", "0001-01-01T00:00:00Z", "warning"),
        alert("firing", "fills in 3 h", "2025-06-01T10:05:00Z", "warning"),
        alert("firing", "fills in 2 h", "2025-06-01T10:06:00Z", "critical"),
        alert("resolved", "has room", "2025-06-01T10:00:00.123456789Z", "critical"),
        alert("resolved", "has room", "2025-06-01T11:00:00Z", "critical"),
        alert("resolved", "has room again", "2025-06-01T11:30:00Z", "warning"),
    ])
}

/// Triggered, acknowledged, given a priority, reopened, resolved.
fn pagerduty() -> Story {
    let event = |kind: &str, time: &str, status: &str, title: &str, priority: Value| {
        let mut body = fixture("pagerduty/incident.triggered.json");
        let event = &mut body["event"];
        event["event_type"] = json!(format!("incident.{kind}"));
        event["occurred_at"] = json!(time);
        event["id"] = json!(format!("{kind}{time}"));
        event["data"]["status"] = json!(status);
        event["data"]["title"] = json!(title);
        event["data"]["priority"] = priority;
        body
    };
    let p3 = || json!({"summary": "P3"});
    bare([
        event("triggered", "2025-06-01T10:00:00.001Z", "triggered", "db down", Value::Null),
        event("acknowledged", "2025-06-01T10:00:00.002Z", "acknowledged", "db down", Value::Null),
        event("priority_updated", "2025-06-01T10:01:00Z", "acknowledged", "db down", p3()),
        event("resolved", "2025-06-01T10:02:00Z", "resolved", "db down", p3()),
        event("reopened", "2025-06-01T10:03:00Z", "triggered", "db down again", p3()),
        event("resolved", "2025-06-01T10:04:00Z", "resolved", "db was down", p3()),
    ])
}

/// Created, commented, tagged, raised, solved, reopened, deleted.
fn zendesk() -> Story {
    let event = |kind: &str, time: &str, status: &str, priority: &str, tags: &[&str]| {
        json!({"type": format!("zen:event-type:ticket.{kind}"), "time": time, "id": format!("{kind}{time}"), "detail":
            {"id": "7", "subject": "Printer on fire", "description": "It burns.", "status": status, "priority": priority, "tags": tags}})
    };
    let mut comment = event("comment_added", "2025-01-08T10:01:00Z", "OPEN", "NORMAL", &[]);
    comment["event"] = json!({"comment": {"body": "Still burning.", "is_public": true}});
    bare([
        event("created", "2025-01-08T10:00:00Z", "NEW", "NORMAL", &[]),
        comment,
        event("tags_changed", "2025-01-08T10:02:00Z", "OPEN", "NORMAL", &["printer"]),
        event("priority_changed", "2025-01-08T10:03:00Z", "OPEN", "URGENT", &["printer"]),
        event("status_changed", "2025-01-08T10:04:00Z", "SOLVED", "URGENT", &["printer"]),
        event("status_changed", "2025-01-08T10:05:00Z", "OPEN", "URGENT", &["printer", "fire"]),
        event("soft_deleted", "2025-01-08T10:06:00Z", "OPEN", "URGENT", &["printer", "fire"]),
    ])
}

/// Written, edited twice, deleted.
fn slack() -> Story {
    let message = |event: Value| json!({"type": "event_callback", "team_id": "T", "event": event});
    let text = |text: &str, edited: &str| json!({"type": "message", "ts": "1596183880.004200", "user": "U", "text": text, "edited": {"ts": edited}});
    let edit = |words: &str, ts: &str| {
        message(
            json!({"type": "message", "subtype": "message_changed", "channel": "C", "event_ts": ts, "message": text(words, ts)}),
        )
    };
    bare([
        message(
            json!({"type": "message", "channel": "C", "ts": "1596183880.004200", "user": "U", "text": "Save crasehs"}),
        ),
        edit("Save crashes", "1596183890.000100"),
        edit("Save crashes at 99 %", "1596183890.000200"),
        message(
            json!({"type": "message", "subtype": "message_deleted", "channel": "C", "event_ts": "1596183990.000100",
            "previous_message": text("Save crashes at 99 %", "1596183890.000200")}),
        ),
    ])
}

/// The reports of a story, in the order in which they happened.
fn told(vendor: &str, story: &Story) -> Vec<Inbound> {
    let reader = webhook(vendor, Auth::AllowUnsigned).unwrap();
    let read = story.iter().map(|(headers, body)| {
        let body = body.to_string().into_bytes();
        let delivery = Delivery { headers: headers.clone(), path: String::new(), body };
        let Decoded::Reports(mut reports) = reader.decode(&delivery, now()).unwrap() else {
            panic!("{vendor}")
        };
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    });
    read.collect()
}

/// Sends the reports in their order to a project of its own; gives the one item there is, but for when it was
/// received and what it was read from.
struct Desk {
    runtime: tokio::runtime::Runtime,
    soulcaster: Soulcaster,
    projects: usize,
}

impl Desk {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { runtime, soulcaster: Soulcaster::in_memory(), projects: 0 }
    }

    fn end(&mut self, batches: &[Vec<&Inbound>]) -> FeedbackItem {
        self.projects += 1;
        let project = ProjectId::new(format!("p{}", self.projects)).unwrap();
        let mut received = now();
        self.runtime.block_on(async {
            for batch in batches {
                received += TimeDelta::seconds(7);
                let reports = batch.iter().copied().cloned().collect();
                let report = self.soulcaster.ingest(&project, reports, received).await.unwrap();
                assert_eq!(report.rejected, []);
            }
            let mut items = self.soulcaster.items(&project, &ItemQuery::default()).await.unwrap().items;
            assert_eq!(items.len(), 1);
            let mut item = items.remove(0).item;
            item.received_at = DateTime::UNIX_EPOCH;
            item.project_id = ProjectId::new("p").unwrap();
            item
        })
    }
}

/// Every order of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for next in 0..n {
        orders = orders
            .iter()
            .flat_map(|order: &Vec<usize>| {
                (0..=order.len()).map(move |place| {
                    let mut order = order.clone();
                    order.insert(place, next);
                    order
                })
            })
            .collect();
    }
    orders
}

#[test]
fn every_order_of_every_story_ends_in_the_state_of_the_last_word() {
    struct End {
        title: &'static str,
        body: &'static str,
        severity: Option<Severity>,
        status: &'static str,
        tags: &'static [&'static str],
        last_seen: DateTime<Utc>,
    }
    let fills = |story: Story| {
        (
            story,
            End {
                title: "DiskWillFill",
                body: "has room again",
                severity: Some(Severity::Medium),
                status: "resolved",
                tags: &["alertname:DiskWillFill", "severity:warning"],
                last_seen: at("2025-06-01T11:30:00Z"),
            },
        )
    };
    let stories = [
        (
            "github",
            (
                github(),
                End {
                    title: "Crash on saving",
                    body: "Crash on saving since 2019-05-15T15:25:00Z",
                    severity: Some(Severity::Critical),
                    status: "closed",
                    tags: &["bug", "P1"],
                    last_seen: at("2019-05-15T15:25:00Z"),
                },
            ),
        ),
        (
            "sentry",
            (
                sentry(),
                End {
                    title: "ReferenceError: blooopy is not defined",
                    body: "?(runner)\nReferenceError: blooopy is not defined",
                    severity: Some(Severity::High),
                    status: "ignored",
                    tags: &["javascript", "front-end", "escalating"],
                    last_seen: at("2019-08-19T22:03:20.001Z"),
                },
            ),
        ),
        ("alertmanager", fills(alerts("a"))),
        ("grafana", fills(alerts("b"))),
        (
            "pagerduty",
            (
                pagerduty(),
                End {
                    title: "db was down",
                    body: "host: db1\nlag: 12",
                    severity: Some(Severity::Medium),
                    status: "resolved",
                    tags: &["Orders", "Storage"],
                    last_seen: at("2025-06-01T10:04:00Z"),
                },
            ),
        ),
        (
            "zendesk",
            (
                zendesk(),
                End {
                    title: "Printer on fire",
                    body: "It burns.",
                    severity: Some(Severity::Critical),
                    status: "deleted",
                    tags: &["printer", "fire"],
                    last_seen: at("2025-01-08T10:06:00Z"),
                },
            ),
        ),
        (
            "slack",
            (
                slack(),
                End {
                    title: "Save crashes at 99 %",
                    body: "Save crashes at 99 %",
                    severity: None,
                    status: "deleted",
                    tags: &["C"],
                    last_seen: at("2020-07-31T08:26:30.000100Z"),
                },
            ),
        ),
    ];
    let mut desk = Desk::new();
    let mut count = 0;
    for (vendor, (story, end)) in stories {
        let told = told(vendor, &story);
        let first = desk.end(&told.iter().map(|report| vec![report]).collect::<Vec<_>>());
        assert_eq!((first.title.as_str(), first.body.as_str()), (end.title, end.body), "{vendor}");
        assert_eq!(
            (first.severity, &first.metadata["status"]),
            (end.severity, &json!(end.status)),
            "{vendor}"
        );
        assert_eq!(
            (first.tags.iter().map(String::as_str).collect::<Vec<_>>(), first.last_seen),
            (end.tags.to_vec(), end.last_seen),
            "{vendor}"
        );
        assert_eq!(first.occurrences, told.len() as u64, "{vendor}");
        for order in orders(told.len()).iter().step_by(if told.len() > 6 { 7 } else { 1 }) {
            let batches: Vec<_> = order.iter().map(|place| vec![&told[*place]]).collect();
            assert_eq!(desk.end(&batches), first, "{vendor} {order:?}");
            count += 1;
        }
    }
    assert!(count >= 3000, "{count}");
}

#[test]
fn repeated_and_batched_deliveries_end_in_the_same_state() {
    let mut desk = Desk::new();
    let mut random = Random::new(11);
    for (vendor, story) in [
        ("github", github()),
        ("sentry", sentry()),
        ("alertmanager", alerts("a")),
        ("pagerduty", pagerduty()),
        ("zendesk", zendesk()),
    ] {
        let told = told(vendor, &story);
        let first = desk.end(&told.iter().map(|report| vec![report]).collect::<Vec<_>>());
        for round in 0..200 {
            let mut sent: Vec<&Inbound> =
                told.iter().flat_map(|report| vec![report; 1 + random.below(5)]).collect();
            for place in (1..sent.len()).rev() {
                sent.swap(place, random.below(place + 1));
            }
            let mut batches = vec![vec![]];
            for report in sent {
                if random.below(3) > 0 {
                    batches.push(Vec::new());
                }
                batches.last_mut().unwrap().push(report);
            }
            assert_eq!(desk.end(&batches), first, "{vendor}, round {round}");
        }
    }
}

#[test]
fn two_events_of_one_sentry_issue_are_one_item_with_two_occurrences() {
    let told = told("sentry", &sentry());
    let item = Desk::new().end(&[vec![&told[1], &told[2]]]);
    assert_eq!((item.occurrences, item.external_id.as_deref()), (2, Some("sentry:1170820242")));
}
