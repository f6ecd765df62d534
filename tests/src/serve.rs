//! The server as its users meet it.

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
