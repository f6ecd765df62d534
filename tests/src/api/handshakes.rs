//! What vendors ask before they deliver, and how they want to be answered.

use serde_json::json;
use soulcaster_core::model::Proof;

use super::{Shop, fixture, problem, text};
use crate::server::{Client, Reply, source};
use crate::signing::{Ed25519, hmac_hex, now};

#[test]
fn slack_gets_its_challenge_back() {
    let shop = Shop::open(&[]);
    let path = source(&shop.desk, "default", "slack", Proof::Signature, "signing-secret-of-the-app", 2);
    let body = fixture("slack/events_url_verification.event_body.json");
    let send = |secret: &str, stamp: &str| {
        let signature = format!("v0={}", hmac_hex(secret, &[b"v0:", stamp.as_bytes(), b":", &body]));
        let slack = Client::new(&shop.server).header("x-slack-request-timestamp", stamp);
        slack.header("x-slack-signature", &signature).send("POST", &path, Some(&body)).unwrap()
    };
    let answer = send("signing-secret-of-the-app", &now()).is(200);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.body, b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P");
    problem(send("another-secret", &now()), 401, "unauthorized");
    problem(send("signing-secret-of-the-app", "1500000000"), 401, "unauthorized");
}

#[test]
fn discord_gets_a_pong_and_401_for_the_wrong_signatures_it_sends_on_purpose() {
    let shop = Shop::open(&[]);
    let key = Ed25519::seeded(7);
    let path = source(&shop.desk, "default", "discord", Proof::Signature, &key.public(), 2);
    let send = |signer: &Ed25519, body: &[u8]| -> Reply {
        let stamp = now();
        let signature = signer.sign(&[stamp.as_bytes(), body]);
        let discord = Client::new(&shop.server).header("x-signature-timestamp", &stamp);
        discord.header("x-signature-ed25519", &signature).send("POST", &path, Some(body)).unwrap()
    };
    let pong = send(&key, br#"{"type":1,"application_id":"1"}"#).is(200);
    assert_eq!((pong.header("content-type"), pong.json()), (Some("application/json"), json!({"type": 1})));
    let nothing = send(&key, br#"{"version":1,"application_id":"1","type":0}"#).is(204);
    assert!(nothing.body.is_empty());
    problem(send(&Ed25519::seeded(8), br#"{"type":1}"#), 401, "unauthorized");
    for (stamp, signature) in [("x", "y"), ("", ""), ("1500000000", "00"), ("0", &"0".repeat(128))] {
        let wrong = Client::new(&shop.server).header("x-signature-timestamp", stamp);
        let wrong = wrong.header("x-signature-ed25519", signature);
        problem(wrong.send("POST", &path, Some(br#"{"type":1}"#)).unwrap(), 401, "unauthorized");
    }
    problem(Client::new(&shop.server).post(&path, &json!({"type": 1})), 401, "unauthorized");
}

#[test]
fn otlp_is_answered_in_the_form_of_the_request() {
    let shop = Shop::open(&["--group-after", "0"]);
    let logs = fixture("otlp/logs.json");
    let reply = shop.client.send("POST", "/ingest/otlp", Some(&logs)).unwrap().is(200);
    assert_eq!((reply.header("content-type"), &reply.body[..]), (Some("application/json"), &b"{}"[..]));
    let protobuf = shop.client.clone().header("content-type", "application/x-protobuf");
    // `ExportLogsServiceRequest` with one record whose body is a text.
    let text = b"the disk is full";
    let mut value = vec![0x0a, text.len() as u8];
    value.extend(text);
    let record = wrap(0x2a, &[&[0x10, 17], &wrap(0x2a, &value)[..]].concat());
    let request = wrap(0x0a, &wrap(0x12, &wrap(0x12, &record[2..])));
    let reply = protobuf.send("POST", "/ingest/otlp", Some(&request)).unwrap().is(200);
    assert_eq!((reply.header("content-type"), reply.body.len()), (Some("application/x-protobuf"), 0));
    shop.client.settled();
    let kept = shop.client.get("/search?q=disk+full").is(200).json();
    assert_eq!(kept[0]["title"], "the disk is full", "{kept}");
    problem(protobuf.send("POST", "/ingest/otlp", Some(&[0xff; 40])).unwrap(), 400, "invalid");
}

/// A field of Protocol Buffers that has a length.
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![tag, u8::try_from(content.len()).expect("short")];
    field.extend(content);
    field
}

#[test]
fn splunk_delivers_by_the_token_in_its_path() {
    let shop = Shop::open(&["--group-after", "0"]);
    let path = source(&shop.desk, "default", "splunk", Proof::PathToken, "", 2);
    let body = fixture("splunk/search_one_result.json");
    let splunk = Client::new(&shop.server);
    let sent = splunk.send("POST", &path, Some(&body)).unwrap().is(202).json();
    shop.client.settled();
    let kept = shop.client.get(&format!("/feedback/{}", text(&sent["items"][0]))).is(200).json();
    assert_eq!((&kept["source"], &kept["auth_strength"]), (&json!("splunk"), &json!("shared_secret")));
    let (source, token) = path.rsplit_once('/').unwrap();
    problem(splunk.send("POST", &format!("{source}/wrong"), Some(&body)).unwrap(), 401, "unauthorized");
    problem(splunk.send("POST", source, Some(&body)).unwrap(), 404, "not_found");
    problem(splunk.send("POST", &format!("{source}?token={token}"), Some(&body)).unwrap(), 404, "not_found");
    let in_query = format!("{source}/wrong?{token}");
    problem(splunk.send("POST", &in_query, Some(&body)).unwrap(), 401, "unauthorized");
}
