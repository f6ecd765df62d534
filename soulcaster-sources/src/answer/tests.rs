//! Documents of every vendor, by their shape.

use chrono::{DateTime, Utc};
use serde_json::json;
use soulcaster_core::ErrorKind;
use soulcaster_core::model::{AuthStrength, Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored};

use super::{Answer, Reader, VENDORS, read};
use crate::signature::Auth;

fn fixture(path: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn answer(vendor: &str, body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    read(vendor, body).unwrap().unwrap_or_else(|| panic!("{vendor}: {}", String::from_utf8_lossy(body)))
}

fn reports(answer: Answer) -> Vec<Inbound> {
    let Decoded::Reports(reports) = answer.decoded else { panic!("{answer:?}") };
    reports
}

fn ids(vendor: &str, path: &str) -> Vec<String> {
    let reports = reports(answer(vendor, fixture(path)));
    reports.into_iter().filter_map(|report| report.external_id).collect()
}

/// Files that tell of a failure, and its kind.
const FAILURES: [(&str, ErrorKind); 2] = [
    ("app_store/error.429.json", ErrorKind::RateLimited),
    ("discord/error.search.json", ErrorKind::Unavailable),
];

#[test]
fn every_fixture_gives_reports_or_a_reason() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
    let (mut read, mut kept, mut failures) = (0, 0, Vec::new());
    for vendor in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = vendor.file_name().unwrap().to_str().unwrap().to_owned();
        if !vendor.is_dir() || name == "adversarial" {
            continue;
        }
        let reader = Reader::new(&name, Auth::AllowUnsigned).unwrap();
        for path in std::fs::read_dir(&vendor).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|end| end == "md") {
                continue;
            }
            read += 1;
            let file = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
            let delivery = Delivery { body: std::fs::read(&path).unwrap(), ..Delivery::default() };
            let Answer { decoded, rejected, .. } = reader.read(&delivery, now).unwrap();
            assert!(rejected.is_empty(), "{file}: {rejected:?}");
            match decoded {
                Decoded::Reports(reports) => {
                    kept += 1;
                    for report in &reports {
                        report.check().unwrap();
                        assert!(report.raw_payload.is_some(), "{file}");
                    }
                }
                Decoded::Ignored(Ignored::Failure { kind, .. }) => failures.push((file, kind)),
                Decoded::Ignored(_) | Decoded::Handshake { .. } => {}
            }
        }
    }
    failures.sort_by(|a, b| a.0.cmp(&b.0));
    let failures: Vec<_> = failures.iter().map(|(file, kind)| (file.as_str(), *kind)).collect();
    assert_eq!(failures, FAILURES);
    assert!(read > 120 && kept > 70, "{kept} of {read}");
}

#[test]
fn reddit_listings_are_read_with_their_comments() {
    assert_eq!(ids("reddit", "reddit/subreddit.new.json").len(), 5);
    assert_eq!(ids("reddit", "reddit/subreddit.comments.json").len(), 5);
    assert_eq!(ids("reddit", "reddit/subreddit.search.json").len(), 3);
    assert_eq!(ids("reddit", "reddit/comment.info.json"), ["t1_cklhv0f"]);
    assert_eq!(ids("reddit", "reddit/submission.json"), ["t3_6vx01b"], "a post without comments");
    assert_eq!(answer("reddit", fixture("reddit/subreddit.new.json")).next.as_deref(), Some("t3_48f6io"));
    let submit = answer("reddit", fixture("reddit/submit.json")).decoded;
    assert_eq!(submit, Decoded::Ignored(Ignored::NotAReport { what: "answer of a writing call".into() }));
    let comment = |id: &str| json!({"kind": "t1", "data": {"name": id, "body": "same"}});
    let more = json!({"kind": "more", "data": {"name": "t1__", "id": "_"}});
    let listing = |children| json!({"kind": "Listing", "data": {"children": children}});
    let page = json!([
        listing(json!([{"kind": "t3", "data": {"name": "t3_1", "title": "x"}}])),
        listing(json!([comment("t1_2"), comment("t1_3"), {"kind": "more", "data": {"name": "more_4"}}])),
    ]);
    let found: Vec<_> =
        reports(answer("reddit", page.to_string())).into_iter().map(|r| r.external_id.unwrap()).collect();
    assert_eq!(found, ["t3_1", "t1_2", "t1_3"]);
    // What stands for more comments has no text.
    let rejected = answer("reddit", listing(json!([comment("t1_2"), more])).to_string()).rejected;
    assert_eq!((rejected.len(), rejected[0].index), (1, 1));
}

#[test]
fn stars_of_reviews_are_severities() {
    assert_eq!(ids("app_store", "app_store/customerReviews.page2-no-next.json"), ["r-0000002", "r-0000003"]);
    let list = answer("app_store", fixture("app_store/customerReviews.list.json"));
    assert!(list.next.as_deref().unwrap().starts_with("https://api.appstoreconnect.apple.com/"));
    assert_eq!(reports(list)[0].severity, Some(Severity::High));
    let one =
        json!({"data": {"type": "customerReviews", "id": "r1", "attributes": {"title": "t", "rating": 1}}});
    assert_eq!(reports(answer("app_store", one.to_string()))[0].severity, Some(Severity::Critical));
    let apps = json!({"data": [{"type": "apps", "id": "1"}]});
    let apps = answer("app_store", apps.to_string()).decoded;
    assert_eq!(apps, Decoded::Ignored(Ignored::NotAReport { what: "apps".into() }));

    let list = answer("google_play", fixture("google_play/reviews.list.json"));
    assert_eq!(list.next.as_deref(), Some("12334566"));
    assert_eq!(reports(list)[0].severity, Some(Severity::Info));
    assert_eq!(answer("google_play", "{}").decoded, Decoded::Ignored(Ignored::Empty));
    let one = json!({"reviewId": "r1", "comments": [{"userComment": {"text": "x", "starRating": 2}}]});
    assert_eq!(reports(answer("google_play", one.to_string()))[0].severity, Some(Severity::High));
    assert_eq!(read("google_play", b"[]").unwrap(), None);
}

#[test]
fn datadog_events_and_incidents_are_reports_and_monitors_are_not() {
    let incident = reports(answer("datadog", fixture("datadog/incident.2.json"))).remove(0);
    assert_eq!(incident.external_id.as_deref(), Some("incident:19c87e47-487a-5ce4-8841-61d23ea414d4"));
    assert_eq!((incident.metadata["status"].as_str(), incident.severity), (Some("active"), None));
    assert_eq!(incident.metadata["number"], "338021");
    assert_eq!(incident.occurred_at.unwrap().to_rfc3339(), "2026-02-23T14:06:46.306566+00:00");
    let severe = json!({"data": [{"type": "incidents", "id": "1", "attributes": {"title": "t", "severity": "SEV-1"}},
        {"type": "teams", "id": "2"}]});
    assert_eq!(reports(answer("datadog", severe.to_string()))[0].severity, Some(Severity::Critical));
    let teams = json!({"data": [{"type": "teams", "id": "2"}]});
    let unknown = Decoded::Ignored(Ignored::UnknownEvent { event: "teams".into() });
    assert_eq!(answer("datadog", teams.to_string()).decoded, unknown);
    let monitors = answer("datadog", fixture("datadog/monitors.1.json")).decoded;
    assert_eq!(monitors, Decoded::Ignored(Ignored::NotAReport { what: "monitor".into() }));
    assert_eq!(answer("datadog", r#"{"data": []}"#).decoded, Decoded::Ignored(Ignored::Empty));
    assert!(read("datadog", &fixture("datadog/webhook.default-template.json")).unwrap().is_none());
}

#[test]
fn intercom_conversations_and_tickets_come_in_lists_and_alone() {
    assert_eq!(ids("intercom", "intercom/conversations.json"), ["conversation:471"]);
    assert_eq!(ids("intercom", "intercom/conversation.json"), ["conversation:503"]);
    assert_eq!(ids("intercom", "intercom/ticket.1.json"), ["ticket:626"]);
    assert!(read("intercom", &fixture("intercom/ticket.created.json")).unwrap().is_none(), "a delivery");
}

#[test]
fn discord_messages_come_in_lists_and_searches() {
    let embed = json!({"title": "Build failed", "description": "step 3"});
    let list = json!([
        {"id": "1", "channel_id": "7", "type": 0, "content": "The export hangs", "author": {"username": "mason"}},
        {"id": "2", "channel_id": "7", "type": 0, "content": "", "embeds": [embed]},
        {"id": "3", "channel_id": "7", "type": 7, "content": ""},
    ]);
    let list = answer("discord", list.to_string());
    assert!(list.rejected.is_empty(), "who joined is no report");
    let texts: Vec<_> = reports(list).into_iter().map(|report| report.body).collect();
    assert_eq!(texts, ["The export hangs", "Build failed\nstep 3"]);
    assert_eq!(ids("discord", "discord/messages.search.json"), ["334385199974967046", "334385199974967047"]);
    assert!(read("discord", &fixture("discord/message.json")).unwrap().is_none(), "as a bot passes it on");
}

#[test]
fn an_answer_and_a_delivery_of_one_thing_are_the_same_report() {
    let hook = |vendor: &str, path: &str| {
        let delivery = Delivery { body: fixture(path), ..Delivery::default() };
        let reader = Reader::new(vendor, Auth::AllowUnsigned).unwrap();
        reports(reader.read(&delivery, DateTime::UNIX_EPOCH).unwrap()).remove(0)
    };
    let value = |path: &str| serde_json::from_slice::<serde_json::Value>(&fixture(path)).unwrap();

    let pushed = value("github/issues.opened.json");
    let mut issue = pushed["issue"].clone();
    issue["repository"] = pushed["repository"].clone();
    let pulled = reports(answer("github", json!([issue]).to_string())).remove(0);
    let pushed = hook("github", "github/issues.opened.json");
    assert_eq!((pulled.feedback_id(), pulled.occurrence()), (pushed.feedback_id(), pushed.occurrence()));

    let issue = value("sentry/issue.created.json")["data"]["issue"].clone();
    let pulled = reports(answer("sentry", issue.to_string())).remove(0);
    let pushed = hook("sentry", "sentry/issue.created.json");
    assert_eq!((pulled.feedback_id(), pulled.occurrence()), (pushed.feedback_id(), pushed.occurrence()));

    let event = value("posthog/webhook.exception.json")["event"].clone();
    let pulled = reports(answer("posthog", json!({"results": [event]}).to_string())).remove(0);
    let pushed = hook("posthog", "posthog/webhook.exception.json");
    assert_eq!((pulled.feedback_id(), pulled.title), (pushed.feedback_id(), pushed.title));

    let ticket = value("zendesk/ticket.created.json")["detail"].clone();
    let pulled = reports(answer("zendesk", json!({"ticket": ticket}).to_string())).remove(0);
    let pushed = hook("zendesk", "zendesk/ticket.created.json");
    assert_eq!((pulled.feedback_id(), pulled.title), (pushed.feedback_id(), pushed.title));
}

#[test]
fn pull_requests_are_told_from_issues() {
    let pull = json!([{"id": 1, "title": "x", "pull_request": {"url": "x"}, "repository": {"id": 9}}]);
    let decoded = answer("github", pull.to_string()).decoded;
    assert_eq!(decoded, Decoded::Ignored(Ignored::NotAReport { what: "pull_request".into() }));
    let nobodys = read("github", br#"[{"id": 1, "title": "x"}]"#).unwrap_err();
    assert!(nobodys.message().contains("/repository/id is missing"), "{nobodys}");
}

#[test]
fn one_bad_element_leaves_the_others() {
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let body = format!(
        r#"[{{"id": "1", "title": "x"}}, {deep}, {{"title": "y"}}, {{"id": "2"}}, 7, {{ "id":3,"title":"z" }}]"#
    );
    let answer = answer("sentry", body);
    let places: Vec<_> = answer.rejected.iter().map(|rejected| rejected.index).collect();
    assert_eq!(places, [1, 2, 3, 4]);
    assert_eq!(answer.rejected[1].reason, "/id is missing");
    let reports = reports(answer);
    let ids: Vec<_> = reports.iter().filter_map(|report| report.external_id.as_deref()).collect();
    assert_eq!(ids, ["sentry:1", "sentry:3"]);
    assert_eq!(reports[1].raw_payload.as_deref(), Some(br#"{ "id":3,"title":"z" }"#.as_slice()));
    assert_eq!(reports[1].auth_strength, AuthStrength::None);
}

#[test]
fn unknown_vendors_and_broken_documents_are_told() {
    let error = read("fax", b"{}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("app_store, datadog"), "{error}");
    let error = Reader::new("fax", Auth::AllowUnsigned).err().unwrap();
    assert!(error.message().contains("alertmanager, app_store, datadog"), "{error}");
    let reader = Reader::new("reddit", Auth::AllowUnsigned).unwrap();
    for body in ["", "{", "[7", "\u{0}", r#"{"title": "x"}"#, "null"] {
        let delivery = Delivery { body: body.into(), ..Delivery::default() };
        assert_eq!(
            reader.read(&delivery, DateTime::UNIX_EPOCH).unwrap_err().kind(),
            ErrorKind::Invalid,
            "{body}"
        );
    }
    // Where deliveries have to prove themselves, an answer does not get around that.
    let secrets = vec![soulcaster_core::Secret::new("s3cret")];
    let reader = Reader::new("sentry", Auth::Signed { secrets }).unwrap();
    let delivery = Delivery { body: br#"[{"id": "1", "title": "x"}]"#.to_vec(), ..Delivery::default() };
    assert_eq!(reader.read(&delivery, DateTime::UNIX_EPOCH).unwrap_err().kind(), ErrorKind::Unauthorized);
}

proptest::proptest! {
    #[test]
    fn any_document_is_read_or_refused(
        pick in 0usize..VENDORS.len(),
        body in "[\\[\\]{}\":,a-z0-9._ -]{0,80}",
        name in proptest::sample::select(vec!["data", "reviews", "results", "tickets", "conversations", "messages", "json"]),
    ) {
        let _ = read(VENDORS[pick], body.as_bytes());
        let _ = read(VENDORS[pick], format!("{{\"{name}\":[{{{body}}}]}}").as_bytes());
    }
}
