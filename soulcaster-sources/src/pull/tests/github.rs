//! GitHub: changes in their order, states, ETags.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use soulcaster_core::ErrorKind;
use soulcaster_core::model::{AuthStrength, Severity};
use soulcaster_core::port::Source;

use super::driver::Driver;
use super::server::{Answer, Asked, Fake, Hand};
use super::{KEY, fixture, key};
use crate::pull::{Connection, GithubOptions};

/// Issues by number, with the second of their last change and whether they are open; answers like GitHub.
#[derive(Default, Clone)]
struct Issues {
    all: BTreeMap<u64, (i64, bool)>,
}

impl Issues {
    fn answer(&self, asked: &Asked) -> Answer {
        let query = &asked.query;
        assert_eq!((query["sort"].as_str(), query["direction"].as_str()), ("updated", "asc"));
        let since =
            query.get("since").map_or(i64::MIN, |t| DateTime::parse_from_rfc3339(t).unwrap().timestamp());
        let open_alone = query["state"] == "open";
        let mut list: Vec<_> = self.all.iter().map(|(id, (second, open))| (*second, *id, *open)).collect();
        list.retain(|(second, _, open)| *second >= since && (*open || !open_alone));
        list.sort_unstable();
        let (size, page): (usize, usize) =
            (query["per_page"].parse().unwrap(), query["page"].parse().unwrap());
        let rows: Vec<Value> = list
            .iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|(second, id, open)| issue(*id, *second, *open))
            .collect();
        let tag = format!(
            "W/\"{:x}\"",
            json!(rows).to_string().bytes().fold(7u64, |a, b| a.wrapping_mul(31) + u64::from(b))
        );
        if asked.header("if-none-match") == Some(&tag) {
            return Answer::new(304, "").with("ETag", tag);
        }
        let mut answer = Answer::ok(json!(rows)).with("ETag", tag);
        if list.len() > page * size {
            let host = asked.header("host").unwrap();
            answer = answer.with(
                "Link",
                format!("<http://{host}/repositories/42/issues?page={}>; rel=\"next\"", page + 1),
            );
        }
        answer
    }
}

fn issue(id: u64, second: i64, open: bool) -> Value {
    let time = DateTime::from_timestamp(second, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut issue = json!({
        "id": id, "number": id, "title": format!("issue {id}"), "body": null, "user": null, "labels": [],
        "state": if open { "open" } else { "closed" },
        "created_at": "2020-01-01T00:00:00Z", "updated_at": time,
    });
    if id.is_multiple_of(10) {
        issue["pull_request"] = json!({"url": "https://api.github.com/x"});
    }
    issue
}

fn repository(asked: &Asked) -> Option<Answer> {
    (asked.path == "/repos/acme/app").then(|| Answer::ok(json!({"id": 42, "full_name": "acme/app"})))
}

fn options(connection: Connection) -> GithubOptions {
    GithubOptions { repositories: vec![" Acme/App ".into()], connection, ..GithubOptions::default() }
}

fn poller(connection: Connection) -> Box<dyn Source> {
    options(connection).source(Some(key())).unwrap()
}

/// A server of `issues`, which may change.
async fn serve(hand: &Hand, issues: &Arc<Mutex<Issues>>) -> Fake {
    let issues = Arc::clone(issues);
    let answer = move |asked: &Asked| issues.lock().unwrap().answer(asked);
    Fake::start(hand, move |_, asked| repository(asked).unwrap_or_else(|| answer(asked))).await
}

fn name(id: u64) -> String {
    format!("42#issue:{id}")
}

#[tokio::test]
async fn nothing_is_missed_while_issues_change_and_the_server_fails() {
    let hand = Hand::new();
    let start = hand.now().timestamp();
    let issues = Arc::new(Mutex::new(Issues::default()));
    for id in 1..=450u64 {
        issues.lock().unwrap().all.insert(id, (start - 100_000 + 7 * i64::try_from(id).unwrap(), id % 3 > 0));
    }
    let (shared, clock) = (Arc::clone(&issues), hand.clone());
    let fake = Fake::start(&hand, move |n, asked| {
        assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
        if let Some(answer) = repository(asked) {
            return answer;
        }
        clock.pass(Duration::from_secs(3));
        let now = clock.now().timestamp();
        let mut issues = shared.lock().unwrap();
        if n < 60 {
            let n = n as u64;
            // A new issue; an edit, a closing and a reopening of old ones.
            issues.all.insert(1001 + 3 * n, (now, true));
            issues.all.insert(1 + n * 13 % 450, (now, true));
            issues.all.insert(1 + n * 29 % 450, (now, n.is_multiple_of(2)));
        }
        match n {
            3 => Answer::new(429, "").with("Retry-After", 30),
            5 => Answer::new(403, r#"{"message": "You have exceeded a secondary rate limit"}"#).with(
                "Retry-After",
                (clock.now() + chrono::TimeDelta::seconds(61)).format("%a, %d %b %Y %H:%M:%S GMT"),
            ),
            7 | 8 => Answer::new(502, "<html>"),
            9 => issues.answer(asked).cut(),
            10 => issues.answer(asked).but("[{\"id\":"),
            11 => Answer::new(403, "")
                .with("X-RateLimit-Remaining", 0)
                .with("X-RateLimit-Reset", clock.now().timestamp() + 100),
            _ => issues.answer(asked),
        }
    })
    .await;
    let mut poller = poller(Connection { calls: 10, ..fake.connection() });
    let mut driver = Driver::new(&hand);
    for round in 0..50 {
        driver.crashes = round % 2 == 0;
        driver.round(poller.as_mut()).await;
        hand.pass(Duration::from_secs(90));
    }
    assert!(fake.asked().len() > 70);
    let (changed, store) = (start, driver.kept().await);
    for (id, (second, open)) in &issues.lock().unwrap().all {
        let kept = store.get(&name(*id));
        if id % 10 == 0 {
            assert!(kept.is_none(), "{id} is a pull request");
        } else if *open || *second >= changed {
            let kept = kept.unwrap_or_else(|| panic!("{id} is missed"));
            assert_eq!(kept.last_seen.timestamp(), *second, "the last change of {id}");
            assert_eq!(kept.metadata["status"], if *open { "open" } else { "closed" });
        } else {
            assert!(kept.is_none(), "{id} was closed before the first round");
        }
    }
    let times: Vec<_> = fake.asked().iter().map(|asked| asked.at).collect();
    assert!(times.windows(11).all(|calls| (calls[10] - calls[0]).num_seconds() >= 60 - 3), "{times:?}");
}

#[tokio::test]
async fn issues_of_one_second_are_all_read_though_one_leaves() {
    let hand = Hand::new();
    let then = hand.now().timestamp() - 5000;
    let mut issues = Issues { all: (1..=520).map(|id| (id, (then, true))).collect() };
    let fake = Fake::start(&hand, move |n, asked| {
        if let Some(answer) = repository(asked) {
            return answer;
        }
        if n == 3 {
            // It was on a page that was read, so everything after it moves up.
            issues.all.insert(7, (then + 4000, true));
        }
        issues.answer(asked)
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.kept().await.len(), 520 - 52);
    assert!(fake.asked().len() < 12, "{}", fake.asked().len());
}

#[tokio::test]
async fn closed_and_reopened_issues_are_followed() {
    let hand = Hand::new();
    let issues = Arc::new(Mutex::new(Issues::default()));
    let at = hand.now().timestamp() - 3600;
    issues.lock().unwrap().all.extend([(1, (at, true)), (2, (at + 60, false)), (3, (at + 120, true))]);
    let fake = serve(&hand, &issues).await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await, [name(1), name(3)], "the first round has open ones alone");
    for (open, state) in [(false, "closed"), (true, "open")] {
        hand.pass(Duration::from_secs(3600));
        issues.lock().unwrap().all.insert(3, (hand.now().timestamp() - 1, open));
        driver.round(poller.as_mut()).await;
        assert_eq!(driver.kept().await[&name(3)].metadata["status"], state);
    }
    assert_eq!(driver.ids().await, [name(1), name(3)]);
    let queries: Vec<_> = fake.asked().iter().filter_map(|asked| asked.query.get("state").cloned()).collect();
    assert_eq!(queries, ["open", "all", "all"]);
}

#[tokio::test]
async fn what_is_closed_during_the_first_round_is_followed() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 50_000;
    let mut issues =
        Issues { all: (1..=250).map(|id| (id, (at + i64::try_from(id).unwrap(), true))).collect() };
    let clock = hand.clone();
    let fake = Fake::start(&hand, move |n, asked| {
        if let Some(answer) = repository(asked) {
            return answer;
        }
        if n == 2 {
            issues.all.insert(5, (clock.now().timestamp(), false));
            // The rest of the first round takes longer than the overlap, and ends with something new.
            clock.pass(Duration::from_secs(7200));
            issues.all.insert(999, (clock.now().timestamp(), true));
        }
        issues.answer(asked)
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.kept().await[&name(5)].metadata["status"], "open");
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.kept().await[&name(5)].metadata["status"], "closed");
}

#[tokio::test]
async fn quiet_rounds_are_answered_by_304() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 60;
    let issues = Arc::new(Mutex::new(Issues { all: BTreeMap::from([(1, (at, true))]) }));
    let fake = serve(&hand, &issues).await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    for _ in 0..5 {
        driver.round(poller.as_mut()).await;
        hand.pass(Duration::from_secs(300));
    }
    let tagged =
        |fake: &Fake| fake.asked().iter().filter(|asked| asked.header("if-none-match").is_some()).count();
    assert!(tagged(&fake) >= 2, "{}", tagged(&fake));
    assert!(driver.state().await.is_done);
    issues.lock().unwrap().all.insert(1, (hand.now().timestamp(), false));
    driver.round(poller.as_mut()).await;
    assert_eq!(
        driver.kept().await[&name(1)].metadata["status"],
        "closed",
        "a change is seen through the tag"
    );
    let cursor = driver.cursor().await;
    let again = poller.fetch(cursor.as_deref()).await.unwrap();
    let twice = poller.fetch(cursor.as_deref()).await.unwrap();
    assert_eq!(again, twice);
}

#[tokio::test]
async fn rounds_that_are_answered_by_304_cost_nothing() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 60;
    let issues = Arc::new(Mutex::new(Issues { all: BTreeMap::from([(1, (at, true))]) }));
    let fake = serve(&hand, &issues).await;
    let mut poller = poller(Connection { calls: 4, per_seconds: 86_400, ..fake.connection() });
    let mut driver = Driver::new(&hand);
    for _ in 0..30 {
        driver.round(poller.as_mut()).await;
    }
    assert!(fake.asked().len() > 30);
    assert_eq!(hand.now(), Hand::new().now(), "nothing had to wait");
}

#[tokio::test]
async fn repositories_are_read_one_after_the_other_though_one_is_gone() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 50_000;
    let fake = Fake::start(&hand, move |n, asked| {
        let (number, first) = match asked.path.split('/').nth(3) {
            Some("app") => (42, 1),
            Some("web") => (43, 1001),
            _ => return Answer::new(404, r#"{"message": "Not Found"}"#),
        };
        if asked.query.is_empty() {
            return Answer::ok(json!({"id": number, "full_name": "acme/x"}));
        }
        if n == 4 {
            return Answer::new(429, "").with("Retry-After", 5);
        }
        let range = first..first + 150u64;
        Issues { all: range.map(|id| (id, (at + i64::try_from(id).unwrap(), true))).collect() }.answer(asked)
    })
    .await;
    let names = ["acme/app", "acme/gone", "Acme/web", "acme/app"];
    let repositories = names.iter().map(|name| (*name).to_owned()).collect();
    let several = GithubOptions { repositories, ..options(fake.connection()) };
    let mut poller = several.source(Some(key())).unwrap();
    let mut driver = Driver::new(&hand);
    for _ in 0..2 {
        driver.round(poller.as_mut()).await;
    }
    let ids = driver.ids().await;
    assert_eq!(ids.len(), 2 * 135, "but for pull requests");
    assert!(ids.contains(&"42#issue:1".into()) && ids.contains(&"43#issue:1001".into()));
    assert_eq!(driver.unread.len(), 2, "once a round");
    assert!(driver.unread[0].reason.starts_with("acme/gone: ") && driver.unread[0].reason.contains("404"));
    assert!(driver.kept().await.values().all(|item| item.occurrences == 1));
}

#[tokio::test]
async fn page_that_the_server_never_gives_holds_up_no_other() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 50_000;
    let issues = Arc::new(Mutex::new(Issues::default()));
    for id in 1..=350 {
        issues.lock().unwrap().all.insert(id, (at + i64::try_from(id).unwrap(), true));
    }
    let second = DateTime::from_timestamp(at + 99, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true);
    let broken = Arc::new(Mutex::new(true));
    let (shared, down) = (Arc::clone(&issues), Arc::clone(&broken));
    let fake = Fake::start(&hand, move |_, asked| match repository(asked) {
        Some(answer) => answer,
        // The second one.
        None if *down.lock().unwrap()
            && asked.query.get("since") == Some(&second)
            && asked.query["page"] == "1" =>
        {
            Answer::new(500, "")
        }
        None => shared.lock().unwrap().answer(asked),
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    let (read, calls) = (driver.ids().await.len(), fake.asked().len());
    assert!(read > 200 && read < 250, "{read}");
    assert!(driver.unread[0].reason.starts_with("acme/app: a page is left out"), "{:?}", driver.unread);
    assert!(calls < 12, "{calls}");
    *broken.lock().unwrap() = false;
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await.len(), 315, "the next round comes by again");
}

#[tokio::test]
async fn server_that_breaks_down_is_not_asked_for_page_after_page() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 50_000;
    let issues = Issues { all: (1..=950).map(|id| (id, (at + i64::try_from(id).unwrap(), true))).collect() };
    let fake = Fake::start(&hand, move |n, asked| match repository(asked) {
        Some(answer) => answer,
        None if n < 2 => issues.answer(asked),
        None => Answer::new(503, ""),
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!((fake.asked().len(), driver.unread.len()), (14, 4), "four pages, each three times");
    for failures in 1..=5 {
        driver.pull(poller.as_mut()).await.unwrap_err();
        assert_eq!(driver.state().await.failures, failures, "and then it counts as down");
    }
}

#[tokio::test]
async fn page_that_stays_unreadable_is_read_in_a_later_round() {
    let hand = Hand::new();
    let at = hand.now().timestamp() - 50_000;
    let issues = Issues { all: (1..=250).map(|id| (id, (at + i64::try_from(id).unwrap(), true))).collect() };
    let fake = Fake::start(&hand, move |n, asked| match repository(asked) {
        Some(answer) => answer,
        None if (2..5).contains(&n) => issues.answer(asked).but("[{"),
        None => issues.answer(asked),
    })
    .await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    let read = driver.ids().await.len();
    assert!(read < 150 && driver.unread.len() == 1, "{read}");
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await.len(), 225);
}

#[tokio::test]
async fn recorded_issue_becomes_a_report() {
    let hook: Value = serde_json::from_str(&fixture("github/issues.opened.json")).unwrap();
    let raw = hook["issue"].to_string();
    let odd = json!({"id": 7, "title": "x",
        "labels": [null, "p1", {"name": null}, {"name": "severity: high"}],
        "user": {"login": null}, "updated_at": "soon"});
    let body = format!("[{raw},{odd},{{\"id\":8}},{{\"title\":\"y\"}},7]");
    let fake = Fake::start(&Hand::new(), move |_, asked| {
        let known = r#"{"id": 186853002, "full_name": "Codertocat/Hello-World"}"#;
        if asked.query.is_empty() { Answer::ok(known) } else { Answer::ok(&body) }
    })
    .await;
    let repositories = vec!["Codertocat/Hello-World".into()];
    let options = GithubOptions { repositories, ..options(fake.connection()) };
    let batch = options.source(None).unwrap().fetch(None).await.unwrap();
    let item = &batch.items[0];
    assert_eq!(item.external_id.as_deref(), Some("186853002#issue:444500041"));
    assert_eq!((item.source.as_str(), item.title.as_str()), ("github", "Spelling error in the README file"));
    assert_eq!(item.body, hook["issue"]["body"].as_str().unwrap());
    assert_eq!(item.author.as_deref(), Some("Codertocat"));
    assert_eq!(item.url.as_deref(), Some("https://github.com/Codertocat/Hello-World/issues/1"));
    assert_eq!((item.tags.as_slice(), item.severity), (["bug".to_owned()].as_slice(), None));
    assert_eq!(item.metadata["status"], "open");
    assert_eq!(item.metadata["repository"], "Codertocat/Hello-World");
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2019-05-15T15:20:18+00:00");
    assert_eq!(item.updated_at, item.occurred_at);
    assert_eq!(item.auth_strength, AuthStrength::None, "asked without a token");
    assert_eq!(item.raw_payload.as_deref(), Some(raw.as_bytes()));
    assert_eq!(
        (batch.items[1].tags.as_slice(), batch.items[1].severity),
        (["p1", "severity: high"].map(str::to_owned).as_slice(), Some(Severity::Critical))
    );
    let rejected: Vec<_> = batch.rejected.iter().map(|rejected| rejected.index).collect();
    assert_eq!((batch.items.len(), rejected), (2, vec![2, 3, 4]));
}

#[tokio::test]
async fn foreign_cursor_and_host_are_refused() {
    let fake = Fake::start(&Hand::new(), |_, asked| {
        repository(asked)
            .unwrap_or_else(|| Answer::ok("[]").with("Link", r#"<https://evil.example/?page=2>; rel="next""#))
    })
    .await;
    let mut poller = poller(fake.connection());
    let error = poller.fetch(None).await.unwrap_err();
    assert!(error.message().contains("another host"), "{error}");
    for cursor in ["", "{", r#"{"v":2,"of":"github","at":{}}"#, r#"{"v":1,"of":"reddit","at":{}}"#] {
        let error = poller.fetch(Some(cursor)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{cursor}");
        assert!(error.message().contains("fetch without one"), "{error}");
    }
    for repository in ["", "app", "acme/", "acme/app/x", "acme/..", "a b/c"] {
        let options = GithubOptions { repositories: vec![repository.into()], ..GithubOptions::default() };
        assert!(options.source(None).is_err(), "{repository}");
    }
}
