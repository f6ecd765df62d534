//! Reddit: several lists, a token, posts that come and go.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use soulcaster_core::ErrorKind;
use soulcaster_core::port::Source;

use super::driver::Driver;
use super::server::{Answer, Asked, Fake, Hand};
use super::{KEY, fixture, key};
use crate::pull::{Connection, RedditOptions, RedditSort};

const AGENT: &str = "server:org.example.triage:1.0 (by /u/example)";

fn options(fake: &Fake, subreddits: &[&str]) -> RedditOptions {
    RedditOptions {
        subreddits: subreddits.iter().map(|name| (*name).to_owned()).collect(),
        client_id: "app-id".into(),
        user_agent: AGENT.into(),
        login_url: fake.base.clone(),
        connection: fake.connection(),
        ..RedditOptions::default()
    }
}

fn reddit(fake: &Fake, subreddits: &[&str]) -> Box<dyn Source> {
    options(fake, subreddits).source(key()).unwrap()
}

fn login() -> Answer {
    Answer::ok(json!({"access_token": "token-1", "token_type": "bearer", "expires_in": 3600, "scope": "*"}))
}

fn is_login(asked: &Asked) -> bool {
    asked.path == "/api/v1/access_token"
}

/// Posts of one subreddit with the second they were written; ten a page.
#[derive(Default)]
struct Posts {
    list: Vec<(u64, i64)>,
}

impl Posts {
    fn answer(&self, asked: &Asked) -> Answer {
        assert_eq!(asked.query["raw_json"], "1");
        let mut list = self.list.clone();
        list.sort_by_key(|(id, second)| (-second, *id));
        let start = match asked.query.get("after") {
            None => 0,
            // A list that follows a post that is gone is empty.
            Some(after) => {
                list.iter().position(|(id, _)| format!("t3_{id}") == *after).map_or(list.len(), |at| at + 1)
            }
        };
        let children: Vec<Value> =
            list.iter().skip(start).take(10).map(|(id, second)| post(*id, *second)).collect();
        let end = start + children.len();
        let after = (end < list.len() && !children.is_empty()).then(|| format!("t3_{}", list[end - 1].0));
        Answer::ok(json!({"kind": "Listing", "data": {"children": children, "after": after, "before": null}}))
    }
}

fn post(id: u64, second: i64) -> Value {
    json!({"kind": "t3", "data": {
        "name": format!("t3_{id}"), "title": format!("post {id}"), "subreddit": "rust",
        "created_utc": second as f64,
        "permalink": format!("/r/rust/comments/{id}/"), "author": "someone", "selftext": ""
    }})
}

#[tokio::test]
async fn nothing_is_missed_while_posts_come_and_go_and_the_server_fails() {
    let hand = Hand::new();
    let start = hand.now().timestamp();
    let subs: Arc<Mutex<[Posts; 2]>> = Arc::default();
    for id in 0..60u64 {
        let second = start - 5_000 + i64::try_from(id).unwrap();
        subs.lock().unwrap()[(id % 2) as usize].list.push((id, second));
    }
    let gone = Arc::new(Mutex::new(Vec::new()));
    let (shared, lost, clock) = (Arc::clone(&subs), Arc::clone(&gone), hand.clone());
    let fake = Fake::start(&hand, move |n, asked| {
        if is_login(asked) {
            return login();
        }
        clock.pass(Duration::from_secs(2));
        let mut subs = shared.lock().unwrap();
        if n < 80 {
            // Posts are inserted at the front while pages are read.
            subs[n % 2].list.push((10_000 + n as u64, clock.now().timestamp()));
        }
        let sub = if asked.path == "/r/rust/new" { 0 } else { 1 };
        if let Some(after) = asked.query.get("after").filter(|_| n % 5 == 0) {
            // The post that the page follows is deleted.
            let id: u64 = after[3..].parse().unwrap();
            subs[sub].list.retain(|(known, _)| *known != id);
            lost.lock().unwrap().push(format!("t3_{id}"));
        }
        match n {
            3 => Answer::new(429, "").with("Retry-After", 20),
            7 => Answer::new(429, "").with(
                "Retry-After",
                (clock.now() + chrono::TimeDelta::seconds(33)).format("%a, %d %b %Y %H:%M:%S GMT"),
            ),
            9 | 13 => Answer::new(500, ""),
            10 => subs[sub].answer(asked).cut(),
            12 => subs[sub].answer(asked).but("{\"kind\":"),
            11 => Answer::new(401, ""),
            _ => subs[sub]
                .answer(asked)
                .with("X-Ratelimit-Remaining", if n == 17 { "0.0" } else { "50.0" })
                .with("X-Ratelimit-Reset", 25),
        }
    })
    .await;
    let mut options = options(&fake, &["Rust", "programming", " rust "]);
    options.connection = Connection { calls: 20, ..options.connection };
    let mut poller = options.source(key()).unwrap();
    let mut driver = Driver::new(&hand);
    for round in 0..25 {
        driver.crashes = round % 2 == 0;
        driver.round(poller.as_mut()).await;
        hand.pass(Duration::from_secs(120));
    }
    assert!(fake.asked().len() > 80);
    let kept = driver.kept().await;
    assert!(kept.values().all(|item| item.occurrences == 1), "a post that is read again is the same");
    for posts in subs.lock().unwrap().iter() {
        for (id, _) in &posts.list {
            assert!(kept.contains_key(&format!("t3_{id}")), "t3_{id} is missed");
        }
    }
    assert!(!gone.lock().unwrap().is_empty());
    let times: Vec<_> = fake.asked().iter().map(|asked| asked.at).collect();
    assert!(times.windows(21).all(|calls| (calls[20] - calls[0]).num_seconds() >= 60 - 2), "{times:?}");
    assert!(fake.asked().iter().all(|asked| asked.header("user-agent") == Some(AGENT)));
}

#[tokio::test]
async fn no_more_than_a_hundred_calls_are_made_in_a_minute() {
    let hand = Hand::new();
    let fake =
        Fake::start(&hand, |_, asked| if is_login(asked) { login() } else { Posts::default().answer(asked) })
            .await;
    let usual = RedditOptions::default().connection;
    let connection = Connection { calls: usual.calls, per_seconds: usual.per_seconds, ..fake.connection() };
    let mut poller = RedditOptions { connection, ..options(&fake, &["rust"]) }.source(key()).unwrap();
    for _ in 0..130 {
        let _ = poller.fetch(None).await;
    }
    assert_eq!(fake.asked().len(), 100);
    hand.pass(Duration::from_secs(60));
    poller.fetch(None).await.unwrap();
}

#[tokio::test]
async fn list_that_stays_broken_leaves_the_others() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let fake = Fake::start(&hand, move |_, asked| match asked.path.as_str() {
        _ if is_login(asked) => login(),
        "/r/broken/new" => Answer::new(500, ""),
        "/r/odd/new" => Answer::ok("<html>"),
        _ => Posts { list: vec![(7, now)] }.answer(asked),
    })
    .await;
    let mut poller = reddit(&fake, &["broken", "odd", "rust"]);
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await, ["t3_7"]);
    assert_eq!((driver.unread.len(), driver.errors.len()), (2, 4));
    assert_eq!(fake.asked().len(), 8, "login, three tries of each, and the good one");
}

#[tokio::test]
async fn token_is_kept_until_shortly_before_its_end() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, asked| {
        if is_login(asked) {
            assert_eq!(asked.body, "grant_type=client_credentials");
            let basic = asked.header("authorization").unwrap();
            assert_eq!(basic, "Basic YXBwLWlkOnN3b3JkZmlzaC0xMjM0");
            return login();
        }
        assert_eq!(asked.header("authorization"), Some("Bearer token-1"));
        Posts::default().answer(asked)
    })
    .await;
    let mut poller = reddit(&fake, &["rust"]);
    let logins = || fake.asked().iter().filter(|asked| is_login(asked)).count();
    for (seconds, expected) in [(0, 1), (3539, 1), (1, 2), (10, 2)] {
        hand.pass(Duration::from_secs(seconds));
        poller.fetch(None).await.unwrap();
        assert_eq!(logins(), expected, "after {seconds} s more");
    }
}

#[tokio::test]
async fn token_that_is_not_good_any_more_is_renewed_at_once() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |n, asked| match n {
        _ if is_login(asked) => login(),
        2 => Answer::new(401, ""),
        _ => Posts::default().answer(asked),
    })
    .await;
    let mut poller = reddit(&fake, &["rust"]);
    poller.fetch(None).await.unwrap();
    poller.fetch(None).await.unwrap();
    assert_eq!(fake.asked().len(), 5, "login, page, refused page, login, page");
    let refusing =
        Fake::start(&hand, |_, asked| if is_login(asked) { login() } else { Answer::new(401, "") });
    let refusing = refusing.await;
    let error = reddit(&refusing, &["rust"]).fetch(None).await.unwrap_err();
    assert_eq!(
        (error.kind(), refusing.asked().len()),
        (ErrorKind::Unauthorized, 2),
        "a new token is not renewed"
    );
}

#[tokio::test]
async fn round_goes_on_though_the_posts_that_a_page_follows_are_gone() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let mut posts = Posts { list: (0..30).map(|id| (id, now - i64::try_from(id).unwrap())).collect() };
    let fake = Fake::start(&hand, move |n, asked| {
        if is_login(asked) {
            return login();
        }
        if n == 2 {
            posts.list.retain(|(id, _)| !(8..10).contains(id));
        }
        posts.answer(asked)
    })
    .await;
    let mut poller = reddit(&fake, &["rust"]);
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await.len(), 30, "the two that are gone were read before");
    assert_eq!(fake.asked().len(), 6, "login, three pages, and two that followed nothing");
}

#[tokio::test]
async fn bad_login_is_told_without_the_secret() {
    for answer in [
        (|| Answer::new(401, r#"{"message": "Unauthorized", "error": 401}"#)) as fn() -> Answer,
        || Answer::ok(r#"{"error": "invalid_grant"}"#),
        || Answer::ok("{\"access_token\": \"line\\nend\"}"),
    ] {
        let fake = Fake::start(&Hand::new(), move |_, _| answer()).await;
        let error = reddit(&fake, &["rust"]).fetch(None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    }
}

#[tokio::test]
async fn refused_login_is_of_no_list_alone() {
    for status in [400, 401, 403, 404, 500] {
        let fake = Fake::start(&Hand::new(), move |_, _| Answer::new(status, "")).await;
        let mut poller = reddit(&fake, &["rust", "programming"]);
        let mut driver = Driver::new(&fake.hand);
        for _ in 0..4 {
            driver.pull(poller.as_mut()).await.unwrap_err();
        }
        assert_eq!((fake.asked().len(), driver.unread.len()), (4, 0), "{status}");
        assert_eq!(driver.state().await.failures, 4);
    }
}

#[tokio::test]
async fn refused_list_leaves_the_others() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let fake = Fake::start(&hand, move |_, asked| {
        if is_login(asked) {
            return login();
        }
        match asked.path.as_str() {
            "/r/banned/new" => Answer::new(404, r#"{"message": "Not Found", "reason": "banned"}"#),
            "/r/gone/new" => Answer::new(302, "").with("Location", "/subreddits/search"),
            "/r/private/new" => Answer::new(403, r#"{"reason": "private"}"#),
            _ => Posts { list: vec![(7, now)] }.answer(asked),
        }
    })
    .await;
    let mut poller = reddit(&fake, &["banned", "gone", "private", "rust"]);
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await, ["t3_7"]);
    assert_eq!(driver.unread.len(), 3);
    assert!(driver.unread[0].reason.starts_with("banned/new: "), "{:?}", driver.unread);
    let mut alone = reddit(&fake, &["banned"]);
    assert_eq!(alone.fetch(None).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn lists_that_are_not_by_time_are_read_from_the_top_each_round() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, asked| {
        if is_login(asked) {
            return login();
        }
        let children = [post(1, 1_600_000_000), post(2, 1_700_000_000)];
        Answer::ok(json!({"data": {"children": children, "after": "t3_2"}}))
    })
    .await;
    let sorts = vec![RedditSort::Top, RedditSort::Hot, RedditSort::Top];
    let mut poller = RedditOptions { sorts, ..options(&fake, &["rust"]) }.source(key()).unwrap();
    let mut driver = Driver::new(&hand);
    for _ in 0..3 {
        driver.round(poller.as_mut()).await;
    }
    let paths: Vec<_> = fake.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths[1..], ["/r/rust/top", "/r/rust/hot"].repeat(3));
    assert_eq!(fake.asked()[1].query["t"], "day");
    assert_eq!(driver.ids().await, ["t3_1", "t3_2"]);
}

#[tokio::test]
async fn round_has_a_last_page() {
    let hand = Hand::new();
    let now = hand.now().timestamp();
    let list = (0..95).map(|id| (id, now - i64::try_from(id).unwrap())).collect();
    let posts = Posts { list };
    let fake =
        Fake::start(&hand, move |_, asked| if is_login(asked) { login() } else { posts.answer(asked) }).await;
    let mut poller = RedditOptions { pages: 4, ..options(&fake, &["rust"]) }.source(key()).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!((driver.ids().await.len(), driver.state().await.is_done), (40, true));
}

#[tokio::test]
async fn recorded_posts_and_comments_become_reports() {
    let fake = Fake::start(&Hand::new(), |_, asked| match asked.path.as_str() {
        _ if is_login(asked) => login(),
        "/r/askreddit/new" => Answer::ok(fixture("reddit/subreddit.new.json")),
        _ => Answer::ok(fixture("reddit/comment.info.json")),
    })
    .await;
    let sorts = vec![RedditSort::New, RedditSort::Comments];
    let options = RedditOptions { sorts, pages: 1, ..options(&fake, &["askreddit"]) };
    let mut poller = options.source(key()).unwrap();
    let posts = poller.fetch(None).await.unwrap();
    assert!(!posts.is_done, "comments come next");
    let item = &posts.items[0];
    assert_eq!((item.source.as_str(), item.external_id.as_deref()), ("reddit", Some("t3_48fbm9")));
    assert_eq!(
        item.title,
        "[Serious] Parents of Reddit, what's the biggest lie about yourself you've told your kids?"
    );
    assert_eq!(item.author.as_deref(), Some("RedHeadQc"));
    assert_eq!(
        item.url.as_deref(),
        Some(
            "https://reddit.com/r/AskReddit/comments/48fbm9/serious_parents_of_reddit_whats_the_biggest_lie/"
        )
    );
    assert_eq!(item.tags, ["serious replies only", "AskReddit"]);
    assert_eq!(item.occurred_at.unwrap().timestamp(), 1_456_821_458);
    assert_eq!(item.updated_at, None);
    let raw: Value = serde_json::from_slice(item.raw_payload.as_deref().unwrap()).unwrap();
    assert_eq!(raw["data"]["score"], 1);
    assert!(
        fixture("reddit/subreddit.new.json")
            .contains(std::str::from_utf8(item.raw_payload.as_deref().unwrap()).unwrap())
    );
    let comments = poller.fetch(posts.cursor.as_deref()).await.unwrap();
    let item = &comments.items[0];
    assert_eq!((item.external_id.as_deref(), item.title.as_str()), (Some("t1_cklhv0f"), ""));
    assert!(item.body.starts_with("Yes it does."));
    assert!(comments.is_done);
}

#[tokio::test]
async fn deleted_post_comes_without_text_and_author_and_later_than_before() {
    let alive = json!({"name": "t3_1", "title": "It crashes", "selftext": "At once", "author": "me",
        "created_utc": 1e9, "edited": false});
    let mut dead = alive.clone();
    (dead["selftext"], dead["author"]) = ("[deleted]".into(), "[deleted]".into());
    let list = json!({"data": {"children": [{"kind": "t3", "data": alive}, {"kind": "t3", "data": dead},
        {"kind": "more", "data": {"name": "more_1"}}, {"kind": "t3", "data": {}}]}});
    let fake =
        Fake::start(&Hand::new(), move |_, asked| if is_login(asked) { login() } else { Answer::ok(&list) })
            .await;
    let batch = reddit(&fake, &["rust"]).fetch(None).await.unwrap();
    let [alive, dead] = batch.items.as_slice() else { panic!("{batch:?}") };
    assert_eq!((alive.author.as_deref(), alive.body.as_str()), (Some("me"), "At once"));
    assert_eq!((dead.author.as_deref(), dead.body.as_str()), (None, ""));
    assert_eq!(dead.metadata["deleted"], true);
    assert!(dead.seen_at() > alive.seen_at());
    assert_eq!((batch.rejected.len(), batch.rejected[0].index), (1, 3));
}
