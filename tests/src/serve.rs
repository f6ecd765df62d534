//! The server as its users meet it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;
use soulcaster_core::model::{Proof, Scope};

use crate::binary::Desk;
use crate::server::{Client, Server, key, source};

/// A payload of GitHub, and its signature under `secret`.
fn github() -> (&'static [u8], &'static str) {
    let body = include_bytes!("../../soulcaster-sources/fixtures/github/issues.opened.json");
    // printf %s BODY | openssl dgst -sha256 -hmac s3cret-of-the-hook
    (body, "sha256=4f3f7ffe459029ebdeaafa8835abaaffc812fb01938f57c38c21912afce93ae7")
}

#[test]
fn a_manual_report_and_a_signed_delivery_are_grouped() {
    let desk = Desk::new();
    let server = Server::start(&desk, &["--group-after", "0"]);
    let client = Client::with_key(&server, &key(&desk, "default", Scope::Admin, 1));
    let receipt =
        client.post("/ingest/manual", &json!({"text": "the card was declined at checkout"})).is(202);
    let id = receipt.json()["items"][0].as_str().unwrap().to_owned();
    let hook = source(&desk, "default", "github", Proof::Signature, "s3cret-of-the-hook", 2);
    let (body, signature) = github();
    let hub = Client::new(&server).header("x-github-event", "issues").header("x-github-delivery", "d1");
    let refused = hub.clone().header("x-hub-signature-256", "sha256=00").send("POST", &hook, Some(body));
    refused.unwrap().is(401);
    let taken = hub.header("x-hub-signature-256", signature).send("POST", &hook, Some(body)).unwrap().is(202);
    let issue = taken.json()["items"][0].as_str().unwrap().to_owned();
    client.settled();
    let kept = client.get(&format!("/feedback/{issue}")).is(200).json();
    assert_eq!((&kept["source"], &kept["auth_strength"]), (&json!("github"), &json!("signed")), "{kept}");
    let item = client.get(&format!("/feedback/{id}")).is(200).json();
    assert_eq!(item["verdict"]["kind"], "new", "{item}");
    let (code, took) = server.stop();
    assert!(code == Some(0) && took.as_secs() < 10, "{code:?} {took:?}");
}

/// Answers for a repository with one open issue, for as long as somebody asks.
fn tracker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut request, mut line) = (String::new(), String::new());
            let _ = stream.read_line(&mut request);
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let issues = json!([{
                "id": 7, "number": 1, "title": "Crash when the list is empty", "body": "It crashes.", "state": "open",
                "html_url": "https://github.com/octo/hello/issues/1", "user": {"login": "mona"}, "labels": [],
                "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z",
                "repository_url": "https://api.github.com/repos/octo/hello",
            }]);
            let body = if request.contains("/issues") { issues } else { json!({"id": 9}) }.to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            // Whoever went away needs no answer.
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_source_that_is_added_is_pulled_and_its_items_are_grouped() {
    let desk = Desk::new();
    let server = Server::start(&desk, &["--group-after", "0", "--allow-private-network"]);
    let client = Client::with_key(&server, &key(&desk, "default", Scope::Admin, 1));
    let connection = json!({"base_url": tracker(), "allow_private_network": true});
    let settings = json!({"repositories": ["octo/hello"], "connection": connection});
    let add = json!({"vendor": "github", "proof": {"kind": "pull"}, "settings": settings, "secret": "token-of-the-api"});
    let added = client.post("/sources", &add).is(201).json();
    assert!(added.get("deliver_to").is_none() && !added.to_string().contains("token-of-the-api"), "{added}");
    let begun = Instant::now();
    let source = format!("/sources/{}", added["id"].as_str().unwrap());
    while client.get(&source).is(200).json()["pull"]["last_success"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{}", client.get(&source).json());
        std::thread::sleep(Duration::from_millis(50));
    }
    client.settled();
    let items = client.get("/feedback?source=github").is(200).json();
    assert_eq!(
        (&items["total"], &items["items"][0]["title"]),
        (&json!(1), &json!("Crash when the list is empty"))
    );
    assert_eq!(items["items"][0]["verdict"]["kind"], "new", "{items}");
}
