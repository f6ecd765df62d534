//! What all pollers share, seen through the one of Sentry.

use std::time::Duration;

use soulcaster_core::ErrorKind;
use soulcaster_core::port::Source;

use super::driver::Driver;
use super::server::{Answer, Fake, Hand};
use super::{KEY, key};
use crate::pull::{Connection, SentryOptions};

fn options(connection: Connection) -> SentryOptions {
    SentryOptions { organization: "acme".into(), connection, ..SentryOptions::default() }
}

fn poller(connection: Connection) -> Box<dyn Source> {
    options(connection).source(key()).unwrap()
}

async fn failing(answer: fn() -> Answer) -> (ErrorKind, String, Option<Duration>) {
    let fake = Fake::start(&Hand::new(), move |_, _| answer()).await;
    let error = poller(fake.connection()).fetch(None).await.unwrap_err();
    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    (error.kind(), error.message().to_owned(), error.retry_after())
}

#[tokio::test]
async fn refusals_have_their_kind_and_remedy() {
    for (answer, kind, says) in [
        (
            (|| Answer::new(400, r#"{"detail": "bad search"}"#)) as fn() -> Answer,
            ErrorKind::Invalid,
            "(bad search)",
        ),
        (
            || Answer::new(401, format!(r#"{{"detail": "{KEY} is no token"}}"#)),
            ErrorKind::Unauthorized,
            "(*** is no token)",
        ),
        (|| Answer::new(403, ""), ErrorKind::Unauthorized, "credentials"),
        (|| Answer::new(404, "<html>"), ErrorKind::NotFound, "names"),
        (|| Answer::new(302, "").with("Location", "http://127.0.0.1:1/"), ErrorKind::Invalid, "redirects"),
        (|| Answer::new(500, ""), ErrorKind::Unavailable, "try again later"),
        (|| Answer::new(418, ""), ErrorKind::Unexpected, "base URL"),
        (|| Answer::ok("{\"not\": \"a list\"}"), ErrorKind::Unexpected, "cannot be read"),
        (|| Answer::ok("[{"), ErrorKind::Unexpected, "cannot be read"),
        (|| Answer::ok("[]").cut(), ErrorKind::Unavailable, "breaks the connection"),
    ] {
        let (got, message, wait) = failing(answer).await;
        assert_eq!(got, kind, "{message}");
        assert!(message.contains(says) && message.contains("127.0.0.1"), "{message}");
        assert_eq!(wait, None);
    }
}

#[tokio::test]
async fn servers_name_the_wait() {
    for (answer, kind, seconds) in [
        ((|| Answer::new(429, "").with("Retry-After", 17)) as fn() -> Answer, ErrorKind::RateLimited, 17),
        (
            || Answer::new(429, "").with("Retry-After", "Sun, 01 Mar 2026 12:00:40 GMT"),
            ErrorKind::RateLimited,
            40,
        ),
        (|| Answer::new(503, "").with("Retry-After", 5), ErrorKind::Unavailable, 5),
        (|| Answer::new(403, "").with("Retry-After", 60), ErrorKind::RateLimited, 60),
        (
            || Answer::new(403, "").with("X-RateLimit-Remaining", 0).with("X-RateLimit-Reset", 1_772_366_490),
            ErrorKind::RateLimited,
            90,
        ),
    ] {
        let (got, message, wait) = failing(answer).await;
        assert_eq!((got, wait), (kind, Some(Duration::from_secs(seconds))), "{message}");
    }
}

#[tokio::test]
async fn impatient_callers_are_held_off_without_a_call() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |n, _| match n {
        0 => Answer::new(429, "").with("Retry-After", 17),
        1 => Answer::ok("[]").with("X-RateLimit-Remaining", "0.0").with("X-RateLimit-Reset", 30),
        _ => Answer::ok("[]"),
    })
    .await;
    let mut poller = poller(fake.connection());
    for _ in 0..5 {
        let error = poller.fetch(None).await.unwrap_err();
        let wait = error.retry_after().unwrap().as_secs();
        assert_eq!((error.kind(), wait, fake.asked().len()), (ErrorKind::RateLimited, 17, 1));
    }
    hand.pass(Duration::from_secs(17));
    let batch = poller.fetch(None).await.unwrap();
    assert_eq!(batch.wait.as_secs(), 30, "the last call was used up");
    assert!(poller.fetch(None).await.is_err());
    hand.pass(Duration::from_secs(30));
    let batch = poller.fetch(None).await.unwrap();
    assert_eq!((fake.asked().len(), batch.wait), (3, Duration::ZERO));
}

#[tokio::test]
async fn budget_is_kept_in_any_span() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, _| Answer::ok("[]")).await;
    let mut poller = poller(Connection { calls: 3, ..fake.connection() });
    for second in 0..300 {
        let _ = poller.fetch(None).await;
        hand.pass(Duration::from_secs(1 + second % 3));
    }
    let times: Vec<_> = fake.asked().iter().map(|asked| asked.at).collect();
    assert!(times.len() >= 27, "{}", times.len());
    assert!(times.windows(4).all(|four| (four[3] - four[0]).num_seconds() >= 60), "{times:?}");
}

#[tokio::test]
async fn backoff_grows_with_failures_and_ends_with_success() {
    let hand = Hand::new();
    let fake = Fake::start(&hand, |n, _| if n < 12 { Answer::new(500, "") } else { Answer::ok("[]") }).await;
    let mut poller = poller(fake.connection());
    let mut driver = Driver::new(&hand);
    let mut waits = Vec::new();
    for _ in 0..13 {
        let _ = driver.pull(poller.as_mut()).await;
        waits.push((driver.due().await - hand.now()).num_seconds());
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 300]);
}

#[tokio::test]
async fn answers_are_bounded_in_size_and_time() {
    let fake = Fake::start(&Hand::new(), |_, _| Answer::ok(format!("[{}]", " ".repeat(5000)))).await;
    let mut small = poller(Connection { body_bytes: 5000, ..fake.connection() });
    assert_eq!(small.fetch(None).await.unwrap_err().kind(), ErrorKind::TooLarge);
    assert!(poller(Connection { body_bytes: 5002, ..fake.connection() }).fetch(None).await.is_ok());

    // Takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", silent.local_addr().unwrap());
    let timeout_seconds = 1;
    let error =
        poller(Connection { base_url, timeout_seconds, ..fake.connection() }).fetch(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("timeout"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let hand = Hand::new();
    let fake = Fake::start(&hand, |_, _| Answer::ok("[]")).await;
    let error = poller(Connection { base_url, ..fake.connection() }).fetch(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn names_that_lead_into_the_private_network_are_not_called() {
    let fake = Fake::start(&Hand::new(), |_, _| Answer::ok("[]")).await;
    let base_url = fake.base.replace("http://127.0.0.1", "https://localhost");
    let strict = Connection { base_url, allow_private_network: false, ..fake.connection() };
    let error = poller(strict).fetch(None).await.unwrap_err();
    assert!(error.message().contains("is not on the public network"), "{error}");
    assert_eq!((error.kind(), fake.asked().len()), (ErrorKind::Invalid, 0));
    let local = Connection { allow_private_network: false, ..fake.connection() };
    assert!(options(local).source(key()).is_err_and(|e| e.message().contains("allow_private_network")));
}

#[test]
fn unfit_options_are_refused() {
    let fit = Connection::new("https://sentry.example", 1, 1);
    let with = |connection| options(connection).source(key());
    assert!(with(fit.clone()).is_ok());
    for unfit in [
        Connection { base_url: "http://sentry.example".into(), ..fit.clone() },
        Connection { base_url: "https://10.0.0.1".into(), ..fit.clone() },
        Connection { timeout_seconds: 0, ..fit.clone() },
        Connection { timeout_seconds: 601, ..fit.clone() },
        Connection { body_bytes: 0, ..fit.clone() },
        Connection { calls: 0, ..fit.clone() },
        Connection { per_seconds: 0, ..fit.clone() },
        Connection { overlap_seconds: u64::MAX, ..fit.clone() },
    ] {
        let told = format!("{unfit:?}");
        assert_eq!(with(unfit).err().map(|error| error.kind()), Some(ErrorKind::Invalid), "{told}");
    }
    for organization in ["", "..", "a/b", "a b", "a?b"] {
        let named = SentryOptions { organization: organization.into(), ..options(fit.clone()) };
        assert!(named.source(key()).is_err(), "{organization}");
    }
    for token in ["", "line\nend"] {
        assert!(options(fit.clone()).source(soulcaster_core::Secret::new(token)).is_err());
    }
}
