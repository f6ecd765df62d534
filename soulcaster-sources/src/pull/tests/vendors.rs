//! The other vendors: paging and mapping, from recorded answers.

use std::time::Duration;

use serde_json::{Value, json};
use soulcaster_core::model::{AuthStrength, Severity};
use soulcaster_core::port::Source;
use soulcaster_core::{ErrorKind, Secret};

use super::driver::Driver;
use super::server::{Answer, Fake, Hand};
use super::{KEY, fixture, key};
use crate::pull::jwt::tests::{ecdsa_pem, rsa_pem};
use crate::pull::{
    AppStore, AppStoreOptions, Connection, DatadogEvents, DatadogOptions, GooglePlay, GooglePlayOptions,
    IntercomConversations, IntercomOptions, Poller, PosthogEvents, PosthogOptions, ZendeskLogin,
    ZendeskOptions, ZendeskTickets,
};

pub(super) fn overlap(fake: &Fake) -> Connection {
    Connection { overlap: Duration::from_secs(600), ..fake.connection() }
}

#[tokio::test]
async fn datadog_pages_end_with_an_empty_one() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |n, asked| {
        assert_eq!((asked.header("dd-api-key"), asked.header("dd-application-key")), (Some(KEY), Some(KEY)));
        match n {
            0..3 => Answer::ok(fixture(&format!("datadog/events.{}.json", n + 1))),
            3 => Answer::new(429, "").with("X-RateLimit-Remaining", 0).with("X-RateLimit-Reset", 13),
            _ => Answer::ok(r#"{"data": []}"#),
        }
    })
    .await;
    let options = DatadogOptions { connection: overlap(&fake), ..DatadogOptions::new(key(), key()) };
    let mut poller = DatadogEvents::new(options.clone()).unwrap();
    let mut driver = Driver::new(&hand);
    let began = hand.now();
    driver.round(&mut poller).await;
    assert_eq!((fake.asked().len(), driver.kept.len()), (3, 3));
    hand.pass(Duration::from_secs(300));
    driver.round(&mut poller).await;
    assert_eq!(driver.errors.len(), 1);
    let asked = fake.asked();
    assert!(asked[1].query["page[cursor]"].starts_with("eyJhZnRlciI6"));
    assert_eq!(asked[0].query["filter[to]"], asked[2].query["filter[to]"], "one window a round");
    assert_eq!(asked[4].query["filter[from]"], (began.timestamp_millis() - 600_000).to_string());
    assert_eq!((asked[4].at - asked[3].at).num_seconds(), 13);

    let id = concat!(
        "AgAAAYGCFXAgIVFvPgAAAAAAAAAYAAAAAEFZR0NGWEFnQUFBeFhHdU9OeF91OEZjSwAAACQAAAAA",
        "MDE4MTgyMTUtNzAyMC00ZWM2LWIwYWItZDU1YmM3NTY2ZTQ3"
    );
    let item = &driver.kept[id];
    assert_eq!((item.source.as_str(), item.title.as_str()), ("datadog", "[Synthetics] EVMGT pipeline test"));
    assert!(item.body.starts_with("Synthetics test check"));
    assert_eq!((item.severity, item.auth_strength), (Some(Severity::Info), AuthStrength::SharedSecret));
    assert_eq!(item.tags, ["environment:staging", "source:my_apps"]);
    assert_eq!(item.occurred_at.unwrap().timestamp_millis(), 1_655_744_852_000);
    let raw: Value = serde_json::from_slice(item.raw_payload.as_deref().unwrap()).unwrap();
    assert_eq!(raw["id"], id);

    for (monitors, count) in
        [(None, 3), (Some(vec![]), 0), (Some(vec!["*".into()]), 2), (Some(vec!["7".into()]), 1)]
    {
        let event = |id: u64, monitor: Value| {
            let attributes = json!({"message": "m", "attributes": {"monitor_id": monitor}});
            json!({"id": id.to_string(), "attributes": attributes})
        };
        let data = json!({"data": [event(1, 7.into()), event(2, 8.into()), event(3, Value::Null)]});
        let fake = Fake::start(&hand, move |_, _| Answer::ok(&data)).await;
        let options = DatadogOptions { monitors, connection: fake.connection(), ..options.clone() };
        assert_eq!(DatadogEvents::new(options).unwrap().fetch(None).await.unwrap().items.len(), count);
    }
}

/// A webhook's event in the form that the API lists it in.
fn posthog_event(name: &str) -> Value {
    let hook: Value = serde_json::from_str(&fixture(&format!("posthog/{name}"))).unwrap();
    let mut event = hook["event"].clone();
    let uuid = event.as_object_mut().unwrap().remove("uuid").unwrap();
    event["id"] = uuid;
    event
}

#[tokio::test]
async fn posthog_events_become_reports() {
    let body = json!({"next": null, "results": [
        posthog_event("webhook.exception.json"), posthog_event("webhook.survey-sent.json"),
        {"id": "3", "event": "$pageview"}, {"event": "$exception"}]});
    let fake = Fake::start(&Hand::new(), move |_, _| Answer::ok(&body)).await;
    let options = PosthogOptions { connection: overlap(&fake), ..PosthogOptions::new("7", key()) };
    let batch = PosthogEvents::new(options).unwrap().fetch(None).await.unwrap();
    assert_eq!((batch.items.len(), batch.rejected.len(), batch.rejected[0].index), (2, 1, 3));
    let item = &batch.items[0];
    assert_eq!(item.external_id.as_deref(), Some("0195a1b2-1111-7000-8000-000000000001"));
    assert_eq!(item.title, "TypeError: Cannot read properties of undefined (reading 'id')");
    assert_eq!((item.author.as_deref(), item.severity), (Some("user_42"), Some(Severity::High)));
    assert!(item.url.as_deref().unwrap().starts_with("https://us.posthog.com/project/1/events/"));
    assert_eq!(item.tags, ["web", "https://shop.example.com/checkout"]);
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2025-03-04T11:22:33.456+00:00");
    let survey: Value = serde_json::from_str(&fixture("posthog/webhook.survey-sent.json")).unwrap();
    let properties = &survey["event"]["properties"];
    assert_eq!(batch.items[1].title, properties["$survey_name"].as_str().unwrap());
    assert_eq!(batch.items[1].body, properties["$survey_response"].as_str().unwrap());
    assert_eq!(fake.asked()[0].path, "/api/projects/7/events/");
}

#[tokio::test]
async fn posthog_pages_miss_no_contemporaries() {
    let hand = Hand::new();
    let second = hand.now().timestamp_millis() - 3_600_000;
    // Four events a time, three a page.
    let events: Vec<(i64, i64)> = (0..40).map(|id| (second + id / 4 * 1000, id)).collect();
    let fake = Fake::start(&hand, move |_, asked| {
        let read =
            |name: &str| chrono::DateTime::parse_from_rfc3339(&asked.query[name]).unwrap().timestamp_millis();
        let (after, before) = (read("after"), read("before"));
        let mut list: Vec<_> = events.iter().filter(|(at, _)| *at > after && *at < before).collect();
        list.sort_unstable_by(|a, b| b.cmp(a));
        let more = list.len() > 6;
        let rows: Vec<Value> = list
            .iter()
            .take(6)
            .map(|(at, id)| {
                let time = chrono::DateTime::from_timestamp_millis(*at).unwrap().to_rfc3339();
                json!({"id": id.to_string(), "event": "survey sent", "timestamp": time})
            })
            .collect();
        let host = asked.header("host").unwrap();
        let next = more.then(|| format!("http://{host}/api/projects/7/events/?before=x"));
        Answer::ok(json!({"next": next, "results": rows}))
    })
    .await;
    let options =
        PosthogOptions { events: None, connection: overlap(&fake), ..PosthogOptions::new("7", key()) };
    let mut driver = Driver::new(&hand);
    driver.round(&mut PosthogEvents::new(options.clone()).unwrap()).await;
    assert_eq!(driver.kept.len(), 40);

    let evil =
        Fake::start(&hand, |_, _| Answer::ok(json!({"next": "https://evil.example/", "results": []}))).await;
    let options = PosthogOptions { connection: overlap(&evil), ..options };
    let error = PosthogEvents::new(options).unwrap().fetch(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn zendesk_goes_on_where_it_ended() {
    let hand = Hand::new();
    let hook: Value = serde_json::from_str(&fixture("zendesk/ticket.created.json")).unwrap();
    let mut ticket = hook["detail"].clone();
    ticket["generated_timestamp"] = 1_736_331_127.into();
    let fake = Fake::start(&hand, move |_, asked| {
        let page = |tickets: Value, after: &str, end: bool| {
            Answer::ok(json!({"tickets": tickets, "after_cursor": after, "end_of_stream": end}))
        };
        let start = asked.query.get("start_time").map_or(0, |start| start.parse().unwrap());
        let odd = json!([{"id": 6, "subject": "", "description": "b", "priority": null}, {"id": 7}]);
        match asked.query.get("cursor").map(String::as_str) {
            None if start == 1_736_331_127 - 600 => page(json!([{"id": 9, "subject": "again"}]), "z", true),
            None => page(json!([ticket]), "a", false),
            Some("a") => page(odd, "b", true),
            Some("b") => page(json!([]), "c", true),
            Some("z") => page(json!([]), "z", true),
            // The place is lost.
            Some(_) => Answer::new(422, r#"{"error": "InvalidCursor"}"#),
        }
    })
    .await;
    let login = ZendeskLogin::ApiToken { email: "me@acme.example".into(), token: key() };
    let options = ZendeskOptions { connection: overlap(&fake), ..ZendeskOptions::new("", login) };
    let mut poller = ZendeskTickets::new(options).unwrap();
    let mut driver = Driver::new(&hand);
    for _ in 0..3 {
        driver.round(&mut poller).await;
    }
    assert_eq!(driver.ids(), ["ticket:5158", "ticket:6", "ticket:9"]);
    assert_eq!((driver.rejected.len(), driver.rejected[0].index), (1, 1), "it has no text");
    let first = fake.asked().remove(0);
    assert_eq!(first.query["start_time"], (hand.now().timestamp() - 30 * 24 * 3600).to_string());
    assert_eq!(first.header("authorization"), Some("Basic bWVAYWNtZS5leGFtcGxlL3Rva2VuOnN3b3JkZmlzaC0xMjM0"));
    let item = &driver.kept["ticket:5158"];
    assert_eq!((item.title.as_str(), item.severity), ("PDF export broken", Some(Severity::High)));
    assert_eq!(item.body, "Export to PDF fails with error 500 since yesterday");
    assert_eq!(
        (item.author.as_deref(), item.tags.as_slice()),
        (Some("8447388090494"), ["export", "pdf"].map(str::to_owned).as_slice())
    );
    assert_eq!(item.url, Some(format!("{}/agent/tickets/5158", fake.base)));
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2025-01-08T10:12:07+00:00");

    let endless = Fake::start(&hand, |_, _| Answer::ok(r#"{"tickets": [], "end_of_stream": false}"#)).await;
    let bearer = ZendeskOptions {
        connection: overlap(&endless),
        ..ZendeskOptions::new("", ZendeskLogin::Bearer(key()))
    };
    assert_eq!(
        ZendeskTickets::new(bearer).unwrap().fetch(None).await.unwrap_err().kind(),
        ErrorKind::Unexpected
    );
    assert_eq!(endless.asked()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[tokio::test]
async fn intercom_searches_from_the_mark() {
    let hand = Hand::new();
    let mut page: Value = serde_json::from_str(&fixture("intercom/conversations.json")).unwrap();
    page["conversations"][0]["tags"]["tags"] = json!([{"name": "Test tag"}]);
    page["pages"]["next"] = json!({"page": 2, "starting_after": "WzE3"});
    let fake = Fake::start(&hand, move |_, asked| {
        assert_eq!(
            (asked.path.as_str(), asked.header("intercom-version")),
            ("/conversations/search", Some("2.11"))
        );
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        if body["pagination"]["starting_after"] == "WzE3" {
            let other =
                json!({"id": 5, "created_at": 1, "source": {"subject": "<p>Hi &amp; bye</p>", "body": ""}});
            return Answer::ok(json!({"conversations": [other, {"id": "6"}], "pages": {"next": null}}));
        }
        Answer::ok(&page)
    })
    .await;
    let options = IntercomOptions { connection: overlap(&fake), ..IntercomOptions::new(key()) };
    let mut poller = IntercomConversations::new(options).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(&mut poller).await;
    assert_eq!(driver.ids(), ["conversation:471", "conversation:5"]);
    assert_eq!(driver.rejected.len(), 1, "one has no text");
    let item = &driver.kept["conversation:471"];
    assert_eq!(
        (item.title.as_str(), item.body.as_str()),
        ("this is the message body", "this is the message body")
    );
    assert_eq!(
        (item.author.as_deref(), item.tags.as_slice()),
        (Some("Ciaran166 Lee"), ["Test tag".to_owned()].as_slice())
    );
    assert_eq!(item.occurred_at.unwrap().timestamp(), 1_734_537_460);
    assert_eq!(driver.kept["conversation:5"].title, "Hi & bye");
    let began = hand.now().timestamp();
    hand.pass(Duration::from_secs(100));
    driver.round(&mut poller).await;
    let last: Value = serde_json::from_str(&fake.asked()[2].body).unwrap();
    assert_eq!(last["query"]["value"], began - 601);
}

/// Every poller takes any cursor without a panic, and calls nobody for a broken one.
#[tokio::test]
async fn any_cursor_is_taken_or_refused() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, _| Answer::new(500, "")).await;
    let connection = || overlap(&fake);
    let account = json!({"client_email": "a@b.example", "private_key": rsa_pem().expose()}).to_string();
    let play = GooglePlayOptions {
        login_url: fake.base.clone(),
        connection: connection(),
        ..GooglePlayOptions::new("a.b", Secret::new(account))
    };
    let login = ZendeskLogin::Bearer(key());
    let mut pollers: Vec<Box<dyn Poller>> = vec![
        Box::new(
            DatadogEvents::new(DatadogOptions {
                connection: connection(),
                ..DatadogOptions::new(key(), key())
            })
            .unwrap(),
        ),
        Box::new(
            PosthogEvents::new(PosthogOptions {
                connection: connection(),
                ..PosthogOptions::new("7", key())
            })
            .unwrap(),
        ),
        Box::new(
            ZendeskTickets::new(ZendeskOptions {
                connection: connection(),
                ..ZendeskOptions::new("", login)
            })
            .unwrap(),
        ),
        Box::new(
            IntercomConversations::new(IntercomOptions {
                connection: connection(),
                ..IntercomOptions::new(key())
            })
            .unwrap(),
        ),
        Box::new(
            AppStore::new(AppStoreOptions {
                connection: connection(),
                ..AppStoreOptions::new("1", "i", "k", ecdsa_pem())
            })
            .unwrap(),
        ),
        Box::new(GooglePlay::new(play).unwrap()),
    ];
    let whose = [
        "datadog",
        "posthog/7",
        &format!("zendesk/{}", &fake.base[7..]),
        "intercom",
        "app_store/1",
        "google_play/a.b",
    ];
    for (poller, of) in pollers.iter_mut().zip(whose) {
        for bad in ["", "0", "[]", "{\"v\":1}", r#"{"v":1,"of":"other","at":{}}"#] {
            assert_eq!(poller.fetch(Some(bad)).await.unwrap_err().kind(), ErrorKind::Invalid, "{of}: {bad}");
        }
        assert!(fake.asked().is_empty() || of != "datadog");
        for time in ["-262143-01-01T00:00:00Z", "+262142-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00Z"] {
            let at = json!({"mark": time, "top": time, "page": "\u{0}&x=1", "after": null,
                "since": time, "resets": 255, "pages": u32::MAX});
            let cursor = json!({"v": 1, "of": of, "at": at}).to_string();
            let error = poller.fetch(Some(&cursor)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{of}: {error}");
        }
    }
}
