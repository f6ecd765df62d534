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
    AppStoreOptions, DatadogOptions, GooglePlayOptions, IntercomOptions, PosthogOptions, ZendeskOptions,
};

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
    let options = DatadogOptions { connection: fake.connection(), ..DatadogOptions::default() };
    let mut poller = options.clone().source(key(), key()).unwrap();
    let mut driver = Driver::new(&hand);
    let began = hand.now();
    driver.round(poller.as_mut()).await;
    assert_eq!((fake.asked().len(), driver.ids().await.len()), (3, 3));
    hand.pass(Duration::from_secs(300));
    driver.round(poller.as_mut()).await;
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
    let kept = driver.kept().await;
    let item = &kept[id];
    assert_eq!((item.source.as_str(), item.title.as_str()), ("datadog", "[Synthetics] EVMGT pipeline test"));
    assert!(item.body.starts_with("Synthetics test check"));
    assert_eq!((item.severity, item.auth_strength), (Some(Severity::Info), AuthStrength::SharedSecret));
    assert_eq!(item.tags, ["environment:staging", "source:my_apps"]);
    assert_eq!(item.occurred_at.unwrap().timestamp_millis(), 1_655_744_852_000);

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
        assert_eq!(options.source(key(), key()).unwrap().fetch(None).await.unwrap().items.len(), count);
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
    let options = PosthogOptions {
        projects: vec!["7".into()],
        connection: fake.connection(),
        ..PosthogOptions::default()
    };
    let batch = options.source(key()).unwrap().fetch(None).await.unwrap();
    assert_eq!((batch.items.len(), batch.rejected.len(), batch.rejected[0].index), (2, 1, 3));
    let item = &batch.items[0];
    assert_eq!(item.external_id.as_deref(), Some("0195a1b2-1111-7000-8000-000000000001"));
    assert_eq!(item.title, "TypeError: Cannot read properties of undefined (reading 'id')");
    assert_eq!((item.author.as_deref(), item.severity), (Some("user_42"), Some(Severity::High)));
    assert!(item.url.as_deref().unwrap().starts_with("https://us.posthog.com/project/1/events/"));
    assert_eq!(item.tags, ["lib:web", "url:https://shop.example.com/checkout"]);
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
    let options = PosthogOptions {
        projects: vec!["7".into()],
        events: None,
        connection: fake.connection(),
        ..PosthogOptions::default()
    };
    let mut driver = Driver::new(&hand);
    driver.round(options.clone().source(key()).unwrap().as_mut()).await;
    assert_eq!(driver.ids().await.len(), 40);

    let evil =
        Fake::start(&hand, |_, _| Answer::ok(json!({"next": "https://evil.example/", "results": []}))).await;
    let options = PosthogOptions { connection: evil.connection(), ..options };
    let error = options.source(key()).unwrap().fetch(None).await.unwrap_err();
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
    let email = Some("me@acme.example".into());
    let options = ZendeskOptions { email, connection: fake.connection(), ..ZendeskOptions::default() };
    let mut poller = options.source(key()).unwrap();
    let mut driver = Driver::new(&hand);
    for _ in 0..3 {
        driver.round(poller.as_mut()).await;
    }
    assert_eq!(driver.ids().await, ["ticket:5158", "ticket:6", "ticket:9"]);
    assert_eq!((driver.unread.len(), driver.unread[0].index), (1, 1), "it has no text");
    let first = fake.asked().remove(0);
    assert_eq!(first.query["start_time"], (hand.now().timestamp() - 30 * 24 * 3600).to_string());
    assert_eq!(first.header("authorization"), Some("Basic bWVAYWNtZS5leGFtcGxlL3Rva2VuOnN3b3JkZmlzaC0xMjM0"));
    let kept = driver.kept().await;
    let item = &kept["ticket:5158"];
    assert_eq!((item.title.as_str(), item.severity), ("PDF export broken", Some(Severity::High)));
    assert_eq!(item.body, "Export to PDF fails with error 500 since yesterday");
    assert_eq!(
        (item.author.as_deref(), item.tags.as_slice()),
        (Some("8447388090494"), ["export", "pdf"].map(str::to_owned).as_slice())
    );
    assert_eq!(item.url, Some(format!("{}/agent/tickets/5158", fake.base)));
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2025-01-08T10:12:07+00:00");

    let endless = Fake::start(&hand, |_, _| Answer::ok(r#"{"tickets": [], "end_of_stream": false}"#)).await;
    let bearer = ZendeskOptions { connection: endless.connection(), ..ZendeskOptions::default() };
    assert_eq!(bearer.source(key()).unwrap().fetch(None).await.unwrap_err().kind(), ErrorKind::Unexpected);
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
    let options = IntercomOptions { connection: fake.connection(), ..IntercomOptions::default() };
    let mut poller = options.source(key()).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await, ["conversation:471", "conversation:5"]);
    assert_eq!(driver.unread.len(), 1, "one has no text");
    let kept = driver.kept().await;
    let item = &kept["conversation:471"];
    assert_eq!(
        (item.title.as_str(), item.body.as_str()),
        ("this is the message body", "this is the message body")
    );
    assert_eq!(
        (item.author.as_deref(), item.tags.as_slice()),
        (Some("Ciaran166 Lee <admin166@email.com>"), ["Test tag".to_owned()].as_slice())
    );
    assert_eq!(item.occurred_at.unwrap().timestamp(), 1_734_537_460);
    assert_eq!(kept["conversation:5"].title, "Hi & bye");
    let began = hand.now().timestamp();
    hand.pass(Duration::from_secs(100));
    driver.round(poller.as_mut()).await;
    let last: Value = serde_json::from_str(&fake.asked()[2].body).unwrap();
    assert_eq!(last["query"]["value"], began - 601);
}

#[tokio::test]
async fn zendesk_goes_past_a_page_that_is_never_given() {
    let hand = Hand::new();
    let start = hand.now().timestamp() - 6 * 3600;
    let mend = hand.now() + chrono::TimeDelta::hours(2);
    // A ticket every ten minutes, three a page; the page with the sixth cannot be had for two hours.
    let clock = hand.clone();
    let fake = Fake::start(&hand, move |_, asked| {
        let now = clock.now();
        let known = (now.timestamp() - start) / 600;
        let from = match asked.query.get("cursor") {
            Some(cursor) => cursor.parse::<i64>().unwrap(),
            None => (asked.query["start_time"].parse::<i64>().unwrap() - start).max(0) / 600,
        };
        let ids: Vec<i64> = (from..known).take(3).collect();
        if ids.contains(&6) && now < mend {
            return Answer::new(500, "");
        }
        let end = from + ids.len() as i64;
        let tickets: Vec<Value> = ids
            .iter()
            .map(|id| {
                json!({"id": id, "subject": format!("ticket {id}"), "generated_timestamp": start + id * 600})
            })
            .collect();
        Answer::ok(
            json!({"tickets": tickets, "after_cursor": end.to_string(), "end_of_stream": end >= known}),
        )
    })
    .await;
    let options = ZendeskOptions { connection: fake.connection(), ..ZendeskOptions::default() };
    let mut poller = options.source(key()).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    let ids = driver.ids().await;
    assert!(!ids.contains(&"ticket:6".into()) && ids.contains(&"ticket:35".into()), "{ids:?}");
    let calls = fake.asked().len();
    assert!(calls < 30, "{calls}");
    assert!(driver.unread[0].reason.contains("a page is left out"), "{:?}", driver.unread);
    hand.pass(Duration::from_secs(2 * 3600));
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await.len(), 48, "nothing is lost");
    let all = fake.asked().len();
    driver.round(poller.as_mut()).await;
    assert_eq!(fake.asked().len(), all + 1, "and it goes on from the end");
}

#[tokio::test]
async fn round_of_datadog_ends_at_a_page_that_stays_unreadable_and_the_next_one_starts_at_the_top() {
    let hand = Hand::new();
    let (clock, broken) = (hand.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true)));
    let start = hand.now().timestamp();
    let down = std::sync::Arc::clone(&broken);
    let fake = Fake::start(&hand, move |_, asked| {
        assert_eq!(asked.query["sort"], "-timestamp");
        let newest = 100 + (clock.now().timestamp() - start) / 60;
        let from: i64 = asked.query.get("page[cursor]").map_or(newest, |page| page.parse().unwrap());
        if from <= 94 && down.load(std::sync::atomic::Ordering::SeqCst) {
            return Answer::ok("{\"data\": [");
        }
        let data: Vec<Value> = (80.max(from - 2)..=from)
            .rev()
            .map(|id| json!({"id": id.to_string(), "attributes": {"message": "m"}}))
            .collect();
        Answer::ok(json!({"data": data, "meta": {"page": {"after": (from - 3).to_string()}}}))
    })
    .await;
    let options = DatadogOptions { connection: fake.connection(), ..DatadogOptions::default() };
    let mut poller = options.source(key(), key()).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!((driver.ids().await.len(), driver.unread.len()), (6, 1));
    hand.pass(Duration::from_secs(300));
    driver.round(poller.as_mut()).await;
    assert!(driver.ids().await.contains(&"105".into()), "what is new comes");
    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    driver.round(poller.as_mut()).await;
    assert!(driver.ids().await.contains(&"80".into()), "what was left out comes");
    assert_eq!(driver.ids().await.len(), 26);
}

/// Every poller takes any cursor without a panic, and calls nobody for a broken one.
#[tokio::test]
async fn any_cursor_is_taken_or_refused() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, _| Answer::new(500, "")).await;
    let connection = || fake.connection();
    let account = json!({"client_email": "a@b.example", "private_key": rsa_pem().expose()}).to_string();
    let one = |name: &str| vec![name.to_owned()];
    let play =
        GooglePlayOptions { packages: one("a.b"), login_url: fake.base.clone(), connection: connection() };
    let app_store =
        AppStoreOptions { apps: one("1"), issuer: "i".into(), key_id: "k".into(), connection: connection() };
    let account_name = fake.base.strip_prefix("http://").unwrap();
    let mut pollers: Vec<(&str, &str, Box<dyn Source>)> = vec![
        (
            "datadog",
            "events",
            DatadogOptions { connection: connection(), ..Default::default() }.source(key(), key()).unwrap(),
        ),
        (
            "posthog",
            "7",
            PosthogOptions { projects: one("7"), connection: connection(), ..Default::default() }
                .source(key())
                .unwrap(),
        ),
        (
            "zendesk",
            account_name,
            ZendeskOptions { connection: connection(), ..Default::default() }.source(key()).unwrap(),
        ),
        (
            "intercom",
            "conversations",
            IntercomOptions { connection: connection(), ..Default::default() }.source(key()).unwrap(),
        ),
        ("app_store", "1", app_store.source(&ecdsa_pem()).unwrap()),
        ("google_play", "a.b", play.source(&Secret::new(account)).unwrap()),
    ];
    for (of, feed, poller) in &mut pollers {
        let asked = fake.asked().len();
        for bad in ["", "0", "[]", "{\"v\":1}", r#"{"v":1,"of":"other","at":{}}"#] {
            assert_eq!(poller.fetch(Some(bad)).await.unwrap_err().kind(), ErrorKind::Invalid, "{of}: {bad}");
        }
        assert_eq!(fake.asked().len(), asked);
        for time in ["-262143-01-01T00:00:00Z", "+262142-12-31T23:59:59.999999999Z"] {
            let round = json!({"mark": time, "top": time, "page": "\u{0}&x=1", "resets": 255, "pages": u32::MAX,
                "leaps": u32::MAX, "tag": "\n", "spare": [""]});
            let cursor = json!({"v": 1, "of": of, "at": {"next": feed, "feeds": {*feed: round}}}).to_string();
            let error = poller.fetch(Some(&cursor)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{of}: {error}");
        }
    }
}
