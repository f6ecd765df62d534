//! Sentry: places in a list that moves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use soulcaster_core::ErrorKind;
use soulcaster_core::model::{AuthStrength, Severity};
use soulcaster_core::port::Source;

use super::driver::Driver;
use super::server::{Answer, Asked, Fake, Hand};
use super::{KEY, fixture, key};
use crate::pull::{Connection, SentryOptions};

/// Issues with the time of their last event; lists them like Sentry, ten a page.
#[derive(Default)]
struct Issues {
    list: Vec<(u64, i64)>,
}

impl Issues {
    fn see(&mut self, id: u64, second: i64) {
        self.list.retain(|(known, _)| *known != id);
        self.list.push((id, second));
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let mut list = self.list.clone();
        list.sort_by_key(|(id, second)| (-second, *id));
        let start = match asked.query.get("cursor") {
            Some(cursor) => match cursor.strip_prefix("c:").and_then(|start| start.parse::<usize>().ok()) {
                Some(start) => start,
                None => return Answer::new(400, r#"{"detail": "Invalid cursor parameter."}"#),
            },
            None => 0,
        };
        let page: Vec<Value> =
            list.iter().skip(start).take(10).map(|(id, second)| issue(*id, *second)).collect();
        let host = asked.header("host").unwrap();
        let end = start + page.len();
        let link = format!(
            "<http://{host}/api/0/?&cursor=p>; rel=\"previous\"; results=\"false\"; cursor=\"p\", \
             <http://{host}/api/0/?&cursor=c:{end}>; rel=\"next\"; results=\"{}\"; cursor=\"c:{end}\"",
            end < list.len()
        );
        Answer::ok(json!(page)).with("Link", link)
    }
}

fn issue(id: u64, second: i64) -> Value {
    let time = chrono::DateTime::from_timestamp(second, 0).unwrap().to_rfc3339();
    json!({"id": id.to_string(), "title": format!("issue {id}"), "level": "error",
        "lastSeen": time, "firstSeen": time})
}

fn poller(connection: Connection) -> Box<dyn Source> {
    let options = SentryOptions { organization: "acme".into(), connection, ..SentryOptions::default() };
    options.source(key()).unwrap()
}

#[tokio::test]
async fn nothing_is_missed_while_the_list_moves_and_the_server_fails() {
    let hand = Hand::new();
    let start = hand.now().timestamp();
    let issues = Arc::new(Mutex::new(Issues::default()));
    for id in 0..95 {
        issues.lock().unwrap().see(id, start - 10_000 + i64::try_from(id).unwrap());
    }
    let (shared, clock) = (Arc::clone(&issues), hand.clone());
    let fake = Fake::start(&hand, move |n, asked| {
        assert_eq!(asked.path, "/api/0/organizations/acme/issues/");
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        clock.pass(Duration::from_secs(1));
        let now = clock.now().timestamp();
        let mut issues = shared.lock().unwrap();
        // Between calls a new issue comes to the front, and an old one gets another event.
        if n < 60 {
            issues.see(1000 + n as u64, now);
            issues.see(n as u64 * 7 % 95, now);
        }
        match n {
            2 => Answer::new(429, "").with("Retry-After", 30),
            4 => Answer::new(429, "").with(
                "Retry-After",
                (clock.now() + chrono::TimeDelta::seconds(45)).format("%a, %d %b %Y %H:%M:%S GMT"),
            ),
            6 | 7 => Answer::new(500, "oops"),
            8 => issues.answer(asked).cut(),
            9 => Answer::new(400, r#"{"detail": "Invalid cursor parameter."}"#),
            12 => Answer::new(404, ""),
            14 => Answer::ok("[{\"id\":"),
            _ => issues.answer(asked),
        }
    })
    .await;
    let mut poller = poller(Connection { calls: 10, ..fake.connection() });
    let mut driver = Driver::new(&hand);
    driver.crashes = true;
    for _ in 0..12 {
        driver.round(poller.as_mut()).await;
        hand.pass(Duration::from_secs(60));
    }
    assert!(fake.asked().len() > 60);
    let kept = driver.kept().await;
    let issues = issues.lock().unwrap();
    assert_eq!(kept.len(), issues.list.len());
    for (id, second) in &issues.list {
        let item = &kept[&format!("sentry:{id}")];
        assert_eq!(item.last_seen.timestamp(), *second, "the last event of {id}");
    }
    let times: Vec<_> = fake.asked().iter().map(|asked| asked.at).collect();
    assert!(times.windows(11).all(|calls| (calls[10] - calls[0]).num_seconds() >= 60 - 10), "{times:?}");
}

#[tokio::test]
async fn quiet_rounds_read_one_page() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let mut issues = Issues::default();
    for id in 0..95 {
        issues.see(id, now - 100_000 + 100 * i64::try_from(id).unwrap());
    }
    let fake = Fake::start(&hand, move |_, asked| issues.answer(asked)).await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!((fake.asked().len(), driver.ids().await.len()), (10, 95));
    driver.round(poller.as_mut()).await;
    assert_eq!(fake.asked().len(), 11);
}

#[tokio::test]
async fn cursor_that_the_server_never_takes_ends_the_round_in_the_end() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, asked| match asked.query.get("cursor") {
        Some(_) => Answer::new(400, r#"{"detail": "Invalid cursor parameter."}"#),
        None => Answer::ok(json!([issue(1, 1_700_000_000)]))
            .with("Link", r#"</x?cursor=c:1>; rel="next"; results="true"; cursor="c:1""#),
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    for calls in [8, 16] {
        driver.round(poller.as_mut()).await;
        assert_eq!((fake.asked().len(), driver.ids().await.len()), (calls, 1));
    }
    assert!(driver.unread[0].reason.contains("Invalid cursor parameter"), "{:?}", driver.unread);
    assert_eq!((driver.unread.len(), driver.errors.len()), (2, 0));
}

#[tokio::test]
async fn page_that_stays_unreadable_blocks_nothing_for_ever() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let mut issues = Issues::default();
    for id in 0..35 {
        issues.see(id, now - 100_000 - 100 * i64::try_from(id).unwrap());
    }
    let fake = Fake::start(&hand, move |n, asked| match asked.query.get("cursor").map(String::as_str) {
        Some("c:10") if n < 8 => issues.answer(asked).but("[{\"id\":"),
        _ => issues.answer(asked),
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!((driver.ids().await.len(), driver.errors.len(), driver.unread.len()), (25, 2, 1));
    assert!(driver.unread[0].reason.starts_with("acme: a page is left out"), "{:?}", driver.unread);
    for _ in 0..2 {
        driver.round(poller.as_mut()).await;
    }
    assert_eq!(driver.ids().await.len(), 35, "the next round comes by again");
}

#[tokio::test]
async fn last_page_that_stays_unreadable_keeps_the_mark() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let mut issues = Issues::default();
    for id in 0..15 {
        issues.see(id, now - 100_000 - 100 * i64::try_from(id).unwrap());
    }
    let fake = Fake::start(&hand, move |n, asked| match asked.query.get("cursor") {
        Some(_) if n < 5 => issues.answer(asked).but("["),
        _ => issues.answer(asked),
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!((driver.ids().await.len(), driver.unread.len()), (10, 1));
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await.len(), 15);
}

#[tokio::test]
async fn next_page_on_another_host_is_refused() {
    let fake = Fake::start(&Hand::new(), |_, _| {
        Answer::ok("[]")
            .with("Link", r#"<https://evil.example/?cursor=x>; rel="next"; results="true"; cursor="x""#)
    })
    .await;
    let error = poller(fake.connection()).fetch(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("another host") && !error.message().contains("evil"), "{error}");
}

#[tokio::test]
async fn issue_becomes_a_report() {
    let hook: Value = serde_json::from_str(&fixture("sentry/issue.created.json")).unwrap();
    let raw = hook["data"]["issue"].to_string();
    let body = format!(
        "[{raw}, {{\"id\": 5, \"title\": \"quiet\", \"level\": \"info\"}}, {{\"title\": \"x\", \"level\": \"error\"}}]"
    );
    let fake = Fake::start(&Hand::new(), move |_, _| Answer::ok(&body)).await;
    let options = SentryOptions {
        connection: fake.connection(),
        levels: vec!["Error".into()],
        environments: vec!["prod".into()],
        projects: vec![7],
        organization: "acme".into(),
        ..SentryOptions::default()
    };
    let batch = options.source(key()).unwrap().fetch(None).await.unwrap();
    assert_eq!(batch.items.len(), 1, "the other is of another level");
    let item = &batch.items[0];
    assert_eq!((item.source.as_str(), item.external_id.as_deref()), ("sentry", Some("sentry:1170820242")));
    assert_eq!(item.title, "ReferenceError: blooopy is not defined");
    assert_eq!(item.body, "?(runner)\nReferenceError: blooopy is not defined");
    assert_eq!(item.severity, Some(Severity::High));
    assert_eq!(item.tags, ["javascript", "front-end", "escalating"]);
    assert_eq!(item.url, None);
    assert_eq!(item.metadata["short_id"], "FRONT-END-9");
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2019-08-19T20:58:37.391+00:00");
    assert_eq!(item.updated_at, item.occurred_at);
    assert_eq!(item.auth_strength, AuthStrength::SharedSecret);
    assert_eq!(item.raw_payload.as_deref(), Some(raw.as_bytes()));
    assert_eq!((batch.rejected[0].index, batch.rejected[0].reason.as_str()), (2, "/id is missing"));
    let asked = &fake.asked()[0];
    assert_eq!((asked.query["environment"].as_str(), asked.query["project"].as_str()), ("prod", "7"));
    assert_eq!(asked.query["query"], "");
}
