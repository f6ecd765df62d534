//! How much may be sent: quotas, rates, bodies.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use soulcaster_core::model::{Proof, Scope};

use super::{Shop, problem, text};
use crate::server::{Client, source};
use crate::signing::hmac_hex;
use crate::wire::Wire;

fn reports(from: usize, to: usize) -> Value {
    (from..to).map(|n| json!({"text": format!("report {n}"), "id": n})).collect()
}

#[test]
fn who_has_as_much_as_is_free_is_told_so() {
    let shop = Shop::open(&["--max-items", "5", "--group-after", "0"]);
    shop.client.post("/ingest/manual", &reports(0, 3)).is(202);
    shop.client.settled();
    let told = problem(shop.client.post("/ingest/manual", &reports(3, 6)), 429, "quota_exceeded");
    assert_eq!(
        (&told["current_count"], &told["limit"], &told["requested"]),
        (&json!(3), &json!(5), &json!(3))
    );
    shop.client.post("/ingest/manual", &reports(3, 5)).is(202);
    // What is on its way counts too.
    let told = problem(shop.client.post("/ingest/manual", &reports(5, 6)), 429, "quota_exceeded");
    assert_eq!(told["current_count"], 5);
    shop.client.settled();
    shop.client.post("/ingest/manual", &reports(0, 5)).is(202);
    shop.client.settled();
    let usage = shop.client.get("/projects").is(200).json()["usage"].clone();
    assert_eq!((&usage["items"], &usage["items_limit"]), (&json!(5), &json!(5)));
    // Datadog tries again at nothing but a server's error.
    let event = json!({"title": "CPU is high", "id": "77"});
    let refused = shop.client.post("/ingest/datadog", &event);
    assert!(refused.header("retry-after").is_some(), "{refused:?}");
    assert_eq!(problem(refused, 503, "quota_exceeded")["requested"], 1);
    let path = source(
        &shop.desk,
        "default",
        "datadog",
        Proof::Header { name: "x-secret".into() },
        "0123456789abcdef",
        9,
    );
    let datadog = Client::new(&shop.server).header("x-secret", "0123456789abcdef");
    problem(datadog.post(&path, &event), 503, "quota_exceeded");
    shop.client.settled();
    assert_eq!(shop.client.get("/stats").is(200).json()["items"], 5);
}

#[test]
fn the_limit_is_that_of_the_user_over_all_projects() {
    let shop = Shop::open(&["--max-items", "5", "--group-after", "0"]);
    let operator = shop.with_scope(Scope::Operator, 2);
    let made = operator.post("/users", &json!({"github_id": "7"})).is(201).json();
    let first = Client::with_key(&shop.server, made["key"].as_str().unwrap());
    let second = first.post("/projects", &json!({"name": "Second"})).is(201).json();
    let second = Client::with_key(&shop.server, second["key"].as_str().unwrap());
    first.post("/ingest/manual", &reports(0, 3)).is(202);
    first.settled();
    let told = problem(second.post("/ingest/manual", &reports(0, 3)), 429, "quota_exceeded");
    assert_eq!((&told["current_count"], &told["requested"]), (&json!(3), &json!(3)));
    second.post("/ingest/manual", &reports(0, 2)).is(202);
    // Another user's limit is untouched.
    shop.client.post("/ingest/manual", &reports(0, 5)).is(202);
}

#[test]
fn too_many_requests_are_told_when_to_come_again() {
    let shop = Shop::open(&["--rate", "5"]);
    let statuses: Vec<u16> = (0..30).map(|_| shop.client.get("/stats").status).collect();
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((10..=16).contains(&passed), "ten at once and five a second: {statuses:?}");
    let refused = (0..30).map(|_| shop.client.get("/stats")).find(|reply| reply.status == 429);
    let refused = refused.expect("a burst is over some time");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    problem(refused, 429, "rate_limited");
    let other = shop.with_scope(Scope::Admin, 2);
    other.get("/stats").is(200);
    std::thread::sleep(std::time::Duration::from_secs(wait));
    shop.client.get("/stats").is(200);
    // Datadog tries again at nothing but a server's error, by key and by source.
    let event = json!({"title": "CPU is high", "id": "1"});
    let path = source(
        &shop.desk,
        "default",
        "datadog",
        Proof::Header { name: "x-secret".into() },
        "0123456789abcdef",
        9,
    );
    let datadog = Client::new(&shop.server).header("x-secret", "0123456789abcdef");
    for (client, path) in [(&shop.client, "/ingest/datadog"), (&datadog, &path)] {
        let refused = (0..40).map(|_| client.post(path, &event)).find(|reply| reply.status != 202).unwrap();
        assert!(refused.header("retry-after").is_some(), "{refused:?}");
        problem(refused, 503, "rate_limited");
    }
}

#[test]
fn a_repeated_change_counts_as_one_request() {
    let shop = Shop::open(&["--rate", "5"]);
    let keyed = shop.client.clone().header("idempotency-key", "k");
    let statuses: Vec<u16> = (0..10).map(|_| keyed.post("/cluster-jobs", &json!({})).status).collect();
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_bodies_are_read_within_the_limit() {
    let shop = Shop::open(&["--body-limit", "64"]);
    let zipped = shop.client.clone().header("content-encoding", "gzip");
    let body = json!({"text": "a report that came compressed"}).to_string();
    let sent = zipped.send("POST", "/ingest/manual", Some(&gzip(body.as_bytes()))).unwrap().is(202);
    assert_eq!(sent.json()["items"].as_array().unwrap().len(), 1);
    // A thousand to one: 64 KiB would become 64 MiB.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 70 << 10, "{}", bomb.len());
    problem(zipped.send("POST", "/ingest/manual", Some(&bomb[..60 << 10])).unwrap(), 413, "too_large");
    problem(zipped.send("POST", "/ingest/manual", Some(b"no gzip")).unwrap(), 400, "invalid");
    let broken = &gzip(body.as_bytes())[..20];
    problem(zipped.send("POST", "/ingest/manual", Some(broken)).unwrap(), 400, "invalid");
    for other in ["br", "deflate", "gzip, gzip"] {
        let odd = shop.client.clone().header("content-encoding", other);
        problem(odd.send("POST", "/ingest/manual", Some(&gzip(body.as_bytes()))).unwrap(), 415, "invalid");
    }
    let exact = json!({"text": "x".repeat((64 << 10) - 11)}).to_string();
    assert_eq!(exact.len(), 64 << 10);
    shop.client.send("POST", "/ingest/manual", Some(exact.as_bytes())).unwrap().is(202);
    let over = format!("{exact} ");
    problem(shop.client.send("POST", "/ingest/manual", Some(over.as_bytes())).unwrap(), 413, "too_large");
    zipped.send("POST", "/ingest/manual", Some(&gzip(exact.as_bytes()))).unwrap().is(202);
    problem(zipped.send("POST", "/ingest/manual", Some(&gzip(over.as_bytes()))).unwrap(), 413, "too_large");
}

#[test]
fn the_limit_of_a_body_holds_for_every_route() {
    let shop = Shop::open(&["--body-limit", "4096"]);
    let made = shop.client.post("/ingest/manual", &json!({"text": "short"})).is(202).json();
    shop.client.settled();
    let item = text(&made["items"][0]);
    let long = "x".repeat(3 << 20);
    let edited = shop.patch(&format!("/feedback/{item}"), &json!({"body": long}));
    // 3 MiB are within the body limit, and too long for this field.
    assert!(text(&problem(edited, 400, "invalid")["detail"]).contains("body is longer than"));
    // Who is refused in the middle of sending finds the answer when it looks.
    let mut wire = Wire::open(&shop.server);
    let head = format!("PATCH /feedback/{item} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
    wire.send(format!("{head}Content-Length: {}\r\n\r\n", 5 << 20).as_bytes());
    wire.send("x".repeat(5 << 20).as_bytes());
    problem(wire.answer().expect("an answer"), 413, "too_large");
}

#[test]
fn what_is_signed_comes_uncompressed() {
    let shop = Shop::open(&[]);
    let path = source(&shop.desk, "default", "generic", Proof::Signature, "secret-of-the-hook", 3);
    let body = br#"{"title": "signed"}"#;
    let signed = format!("sha256={}", hmac_hex("secret-of-the-hook", &[body]));
    let client = Client::new(&shop.server).header("x-signature-256", &signed);
    client.send("POST", &path, Some(body)).unwrap().is(202);
    let zipped = client.header("content-encoding", "gzip");
    problem(zipped.send("POST", &path, Some(&gzip(body))).unwrap(), 415, "invalid");
}
