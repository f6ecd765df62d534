//! The two stores: paging, mapping and what they want signed.

use std::time::Duration;

use serde_json::json;
use soulcaster_core::model::Severity;
use soulcaster_core::{ErrorKind, Secret};

use super::driver::Driver;
use super::server::{Answer, Fake, Hand};
use super::{KEY, fixture};
use crate::pull::jwt::Key;
use crate::pull::jwt::tests::{ecdsa_pem, rsa_pem, verify};
use crate::pull::{AppStoreOptions, GooglePlayOptions};

#[tokio::test]
async fn app_store_reviews_become_reports() {
    let hand = Hand::new();
    let pem = ecdsa_pem();
    let fake = Fake::start(&hand, move |n, asked| match asked.query.get("cursor").map(String::as_str) {
        _ if n == 1 => Answer::new(429, fixture("app_store/error.429.json")),
        None => {
            let host = asked.header("host").unwrap();
            let page = fixture("app_store/customerReviews.list.json");
            Answer::ok(page.replace("https://api.appstoreconnect.apple.com", &format!("http://{host}")))
                .with("X-Rate-Limit", "user-hour-lim:3500;user-hour-rem:500;")
        }
        Some("AQ.AK") => Answer::ok(fixture("app_store/customerReviews.page2-no-next.json")),
        Some(_) => Answer::new(400, ""),
    })
    .await;
    let options = AppStoreOptions {
        apps: vec!["123".into()],
        issuer: "57246542-96fe".into(),
        key_id: "2X9R4HXF34".into(),
        connection: fake.connection(),
    };
    let mut poller = options.clone().source(&pem).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await, ["00000015-a1b2-c3d4-e5f6-000000000001", "r-0000002", "r-0000003"]);
    assert!(driver.errors[0].message().contains("We've received too many requests"), "{:?}", driver.errors);
    let kept = driver.kept().await;
    let item = &kept["00000015-a1b2-c3d4-e5f6-000000000001"];
    assert_eq!((item.source.as_str(), item.title.as_str()), ("app_store", "Crashes on launch"));
    assert_eq!((item.severity, item.author.as_deref()), (Some(Severity::High), Some("mapfan77")));
    assert_eq!(item.tags, ["USA"]);
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2024-05-02T14:14:22+00:00");
    let item = &kept["r-0000002"];
    assert_eq!((item.title.as_str(), item.severity), ("", Some(Severity::Critical)));
    assert_eq!(kept["r-0000003"].severity, Some(Severity::Info));

    let asked = fake.asked();
    let token = asked[0].header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    let (header, claims) = verify(&Key::ecdsa("test", &pem).unwrap(), token);
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "2X9R4HXF34"}));
    let issued = asked[0].at.timestamp();
    assert_eq!(
        claims,
        json!({"iss": "57246542-96fe", "iat": issued, "exp": issued + 900, "aud": "appstoreconnect-v1"})
    );
    hand.pass(Duration::from_secs(841));
    driver.round(poller.as_mut()).await;
    assert_ne!(fake.asked().last().unwrap().header("authorization"), asked[0].header("authorization"));

    let elsewhere =
        Fake::start(&hand, |_, _| Answer::ok(fixture("app_store/customerReviews.list.json"))).await;
    let options = AppStoreOptions { connection: elsewhere.connection(), ..options };
    let error = options.source(&pem).unwrap().fetch(None).await.unwrap_err();
    assert!(error.message().contains("another host"), "{error}");
}

#[tokio::test]
async fn google_play_reviews_become_reports() {
    let hand = Hand::new();
    let pem = rsa_pem();
    let fake = Fake::start(&hand, |n, asked| match asked.query.get("token").map(String::as_str) {
        _ if asked.path == "/token" => {
            Answer::ok(json!({"access_token": format!("t{n}"), "expires_in": 3599}))
        }
        None => Answer::ok(fixture("google_play/reviews.list.json")),
        Some("12334566") if n == 2 => Answer::new(400, r#"{"error": {"message": "token expired"}}"#),
        Some("12334566") => Answer::ok(fixture("google_play/reviews.edited-and-translated.json")),
        Some(_) => Answer::ok(fixture("google_play/reviews.empty.json")),
    })
    .await;
    let account = json!({"client_email": "a@b.example", "private_key_id": "k1",
        "private_key": pem.expose(), "token_uri": "https://evil.example/"});
    let account = Secret::new(account.to_string());
    let options = GooglePlayOptions {
        packages: vec!["org.example.app".into()],
        login_url: format!("{}/token", fake.base),
        connection: fake.connection(),
    };
    let mut poller = options.clone().source(&account).unwrap();
    let mut driver = Driver::new(&hand);
    driver.round(poller.as_mut()).await;
    assert_eq!(driver.ids().await, ["11223344", "12345678", "gp:1"]);
    let paths: Vec<_> = fake.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths.len(), 5, "login, page, lost page, page again, last page");
    assert_eq!(paths[1], "/androidpublisher/v3/applications/org.example.app/reviews");
    let kept = driver.kept().await;
    let item = &kept["12345678"];
    assert_eq!((item.title.as_str(), item.body.as_str()), ("", "This is the best app ever!"));
    assert_eq!((item.severity, item.author.as_deref()), (Some(Severity::Info), Some("Jane Bloggs")));
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2016-01-06T21:12:03.913+00:00");
    assert_eq!(kept["11223344"].tags, ["1.2.3", "trltespr"]);
    assert_eq!(kept["gp:1"].occurrences, 2, "it was edited");
    let login = &fake.asked()[0];
    let url = reqwest::Url::parse(&format!("http://x/?{}", login.body)).unwrap();
    let form: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    let (header, claims) = verify(&Key::rsa("test", &pem).unwrap(), &form["assertion"]);
    assert_eq!((header["alg"].as_str(), header["kid"].as_str()), (Some("RS256"), Some("k1")));
    assert_eq!(
        (claims["iss"].as_str(), claims["aud"].as_str()),
        (Some("a@b.example"), Some(options.login_url.as_str()))
    );
    assert_eq!(fake.asked()[1].header("authorization"), Some("Bearer t0"));

    for unfit in ["", "{}", r#"{"client_email": "a", "private_key": "swordfish-1234"}"#] {
        let error = options.clone().source(&Secret::new(unfit)).err().unwrap();
        assert!(!format!("{error:?}").contains(KEY) && error.kind() == ErrorKind::Invalid);
    }
    let refusing = Fake::start(&hand, |_, _| Answer::new(400, r#"{"error": "invalid_grant"}"#)).await;
    let options = GooglePlayOptions { login_url: refusing.base.clone(), ..options };
    let error = options.source(&account).unwrap().fetch(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn title_of_a_play_review_is_the_part_before_a_tab() {
    let review = |id: u64, text: &str| {
        let comment = json!({"userComment": {"text": text}});
        json!({"reviewId": id.to_string(), "authorName": "", "comments": [comment]})
    };
    let (both, body_alone) = (review(1, "Bad\tIt crashes"), review(2, "\tIt crashes"));
    let body = json!({"reviews": [both, body_alone, {"reviewId": "3", "comments": []}]});
    let fake = Fake::start(&Hand::new(), move |n, _| {
        if n == 0 { Answer::ok(r#"{"access_token": "t"}"#) } else { Answer::ok(&body) }
    })
    .await;
    let account = json!({"client_email": "a@b.example", "private_key": rsa_pem().expose()});
    let options = GooglePlayOptions {
        packages: vec!["org.example.app".into()],
        login_url: fake.base.clone(),
        connection: fake.connection(),
    };
    let mut poller = options.source(&Secret::new(account.to_string())).unwrap();
    let batch = poller.fetch(None).await.unwrap();
    let texts: Vec<_> = batch.items.iter().map(|item| (item.title.as_str(), item.body.as_str())).collect();
    assert_eq!(texts, [("Bad", "Bad\tIt crashes"), ("", "It crashes")]);
    assert_eq!((batch.items[0].author.as_deref(), batch.rejected[0].index), (None, 2));
    assert!(batch.is_done);
}
