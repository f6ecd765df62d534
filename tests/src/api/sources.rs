//! Sources: configured, changed, their secrets exchanged while deliveries go on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use soulcaster_core::ProjectId;
use soulcaster_core::model::Scope;
use soulcaster_core::port::{Expect, Write};

use super::{Shop, list, problem, text};
use crate::binary::finish;
use crate::server::{Client, Server, block_on, engine};
use crate::signing::hmac_hex;

const SECRET: &str = "a-secret-that-the-vendor-has";

#[test]
fn a_source_is_added_changed_and_removed() {
    let shop = Shop::open(&["--group-after", "0"]);
    let made = shop.client.post("/sources", &json!({"vendor": "datadog"})).is(201).json();
    let (id, secret) = (text(&made["id"]), text(&made["secret"]));
    assert_eq!(made["proof"], json!({"kind": "header", "name": "Authorization"}));
    assert_eq!(made["deliver_to"], format!("/ingest/datadog/{id}"));
    let path = text(&made["deliver_to"]);
    let body = json!({"title": "CPU is high", "id": "1", "alert_type": "error"});
    let datadog = Client::with_key(&shop.server, &secret);
    datadog.post(&path, &body).is(202);
    problem(Client::with_key(&shop.server, "another").post(&path, &body), 401, "unauthorized");
    problem(Client::new(&shop.server).post(&path, &body), 401, "unauthorized");
    let wrong_vendor = format!("/ingest/splunk/{id}");
    problem(datadog.post(&wrong_vendor, &body), 404, "not_found");

    let off = shop.patch(&format!("/sources/{id}"), &json!({"enabled": false})).is(200).json();
    assert_eq!(off["enabled"], false);
    let ignored = datadog.post(&path, &json!({"title": "ignored", "id": "2"})).is(202).json();
    assert_eq!(
        ignored,
        json!({"status": "ignored", "because": {"reason": "filtered", "setting": "enabled"}})
    );
    problem(Client::new(&shop.server).post(&path, &body), 401, "unauthorized");
    shop.client.settled();
    assert_eq!(shop.client.get("/feedback").is(200).json()["total"], 1);

    let only = json!({"settings": {"monitors": ["disk*"]}, "enabled": true});
    shop.patch(&format!("/sources/{id}"), &only).is(200);
    assert_eq!(datadog.post(&path, &body).is(202).json()["because"]["setting"], "monitors");
    problem(shop.patch(&format!("/sources/{id}"), &json!({"settings": {"monitor": 1}})), 400, "invalid");
    shop.delete(&format!("/sources/{id}")).is(204);
    problem(datadog.post(&path, &body), 404, "not_found");
    problem(shop.client.get(&format!("/sources/{id}")), 404, "not_found");
    problem(shop.delete(&format!("/sources/{id}")), 404, "not_found");
    assert_eq!(shop.client.get("/feedback").is(200).json()["total"], 1, "its reports stay");
}

#[test]
fn a_source_that_cannot_work_is_refused() {
    let shop = Shop::open(&[]);
    for (source, status, code) in [
        (json!({"vendor": "fax"}), 404, "not_found"),
        (json!({"vendor": "slack"}), 400, "invalid"),
        (json!({"vendor": "github", "secret": ""}), 400, "invalid"),
        (json!({"vendor": "github", "secret": "  "}), 400, "invalid"),
        (json!({"vendor": "datadog", "secret": "short"}), 400, "invalid"),
        (json!({"vendor": "datadog", "proof": {"kind": "signature"}}), 400, "invalid"),
        (json!({"vendor": "splunk", "proof": {"kind": "header", "name": "a b"}}), 400, "invalid"),
        (json!({"vendor": "github", "settings": {"repository": "x"}}), 400, "invalid"),
        (json!({"vendor": "discord", "secret": "not a key"}), 400, "invalid"),
        (json!({"vendor": "manual", "proof": {"kind": "unsigned"}, "secret": "why"}), 400, "invalid"),
        (json!({"vendor": "github", "project_id": "other"}), 400, "invalid"),
        (json!({}), 400, "invalid"),
    ] {
        problem(shop.client.post("/sources", &source), status, code);
    }
    assert_eq!(list(&shop.client.get("/sources").is(200).json()).len(), 0);
    let reader = shop.with_scope(Scope::Read, 2);
    problem(reader.post("/sources", &json!({"vendor": "splunk"})), 403, "forbidden");
    reader.get("/sources").is(200);
}

#[test]
fn no_key_of_a_project_has_the_server_call_its_private_network() {
    let shop = Shop::open(&[]);
    let poller = |connection: Value| {
        json!({"vendor": "github", "proof": {"kind": "pull"}, "enabled": false,
               "settings": {"repositories": ["octo/hello"], "connection": connection}})
    };
    let inside = json!({"base_url": "http://169.254.169.254", "allow_private_network": true});
    for allow in [json!(true), json!("true"), json!(1)] {
        let mut connection = inside.clone();
        connection["allow_private_network"] = allow;
        problem(shop.client.post("/sources", &poller(connection)), 403, "forbidden");
    }
    let made = shop.client.post("/sources", &poller(json!({"allow_private_network": false}))).is(201).json();
    let path = format!("/sources/{}", text(&made["id"]));
    let settings = |connection: &Value| json!({"settings": poller(connection.clone())["settings"]});
    problem(shop.patch(&path, &settings(&inside)), 403, "forbidden");
    let changed = shop.patch(&path, &settings(&json!({"overlap_seconds": 900}))).is(200).json();
    assert_eq!(changed["settings"]["connection"]["overlap_seconds"], 900);
    let allowed = Shop::open(&["--allow-private-network"]);
    allowed.client.post("/sources", &poller(inside)).is(201);
}

#[test]
fn secrets_are_exchanged_while_deliveries_go_on() {
    let shop = Shop::open(&["--group-after", "3600"]);
    let hook = json!({"vendor": "generic", "proof": {"kind": "signature"}, "secret": SECRET});
    let made = shop.client.post("/sources", &hook).is(201).json();
    let (id, path) = (text(&made["id"]), text(&made["deliver_to"]));
    let first = text(&made["secrets"][0]["id"]);
    let signing = Arc::new(Mutex::new(SECRET.to_owned()));
    let (done, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let sender = {
        let (signing, done, sent) = (signing.clone(), done.clone(), sent.clone());
        let (client, path) = (Client::new(&shop.server), path.clone());
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let n = sent.load(Ordering::Relaxed);
                let body = format!("{{\"title\": \"delivery {n}\", \"id\": {n}}}");
                // The sender holds its secret while it sends, as a vendor does.
                let secret = signing.lock().unwrap();
                let signed = format!("sha256={}", hmac_hex(&secret, &[body.as_bytes()]));
                let reply = client.clone().header("x-signature-256", &signed).send(
                    "POST",
                    &path,
                    Some(body.as_bytes()),
                );
                let reply = reply.unwrap();
                assert_eq!(reply.status, 202, "delivery {n}: {reply:?}");
                sent.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let some_more = || {
        let (before, begun) = (sent.load(Ordering::Relaxed), Instant::now());
        while sent.load(Ordering::Relaxed) < before + 10 && !sender.is_finished() {
            assert!(begun.elapsed() < Duration::from_secs(30), "nothing is delivered");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    some_more();
    let added = shop.client.post(&format!("/sources/{id}/secrets"), &json!({})).is(201).json();
    let new = text(&added["secret"]);
    assert_eq!(list(&added["secrets"]).len(), 2);
    let third = shop.client.post(&format!("/sources/{id}/secrets"), &json!({}));
    assert!(text(&problem(third, 409, "conflict")["detail"]).contains(&first), "it names the one to remove");
    some_more();
    signing.lock().unwrap().clone_from(&new);
    some_more();
    shop.delete(&format!("/sources/{id}/secrets/{first}")).is(200);
    some_more();
    done.store(true, Ordering::Relaxed);
    sender.join().expect("no valid delivery was refused");
    assert!(sent.load(Ordering::Relaxed) >= 40);

    let body = b"{\"title\": \"late\"}";
    let old =
        Client::new(&shop.server).header("x-signature-256", &format!("sha256={}", hmac_hex(SECRET, &[body])));
    problem(old.send("POST", &path, Some(body)).unwrap(), 401, "unauthorized");
    let last = text(&added["secrets"][1]["id"]);
    problem(shop.delete(&format!("/sources/{id}/secrets/{last}")), 409, "conflict");
    problem(shop.delete(&format!("/sources/{id}/secrets/none")), 404, "not_found");
    let stored = shop.client.get("/readyz").is(200).json();
    assert_eq!(stored["set_aside"], 0);
}

#[test]
fn a_source_open_to_anybody_is_shown_as_such() {
    let shop = Shop::open(&["--group-after", "0"]);
    assert_eq!(shop.client.get("/readyz").is(200).json()["unsigned_sources"], 0);
    let open = json!({"vendor": "alertmanager", "proof": {"kind": "unsigned"}});
    let made = shop.client.post("/sources", &open).is(201).json();
    assert_eq!((&made["unsigned"], made.get("secret")), (&json!(true), None));
    let shown = &shop.client.get("/sources").is(200).json()[0];
    assert_eq!((&shown["unsigned"], &shown["proof"]["kind"]), (&json!(true), &json!("unsigned")));
    assert_eq!(shop.client.get("/readyz").is(200).json()["unsigned_sources"], 1);
    let body = super::fixture("alertmanager/zulip.two-alerts.json");
    let sent =
        Client::new(&shop.server).send("POST", &text(&made["deliver_to"]), Some(&body)).unwrap().is(202);
    shop.client.settled();
    for item in list(&sent.json()["items"]) {
        let kept = shop.client.get(&format!("/feedback/{}", text(&item))).is(200).json();
        assert_eq!(kept["auth_strength"], "none");
    }
    let Shop { desk, server, .. } = shop;
    server.stop();
    let again = Server::start(&desk, &[]);
    assert!(again.log().contains("anybody may deliver to this source"), "{}", again.log());
}

#[test]
fn a_source_without_its_secret_keeps_the_server_from_starting() {
    let shop = Shop::open(&[]);
    let made = shop.client.post("/sources", &json!({"vendor": "github", "secret": SECRET})).is(201).json();
    let id = text(&made["id"]);
    let Shop { desk, server, .. } = shop;
    assert_eq!(server.stop().0, Some(0));
    let engine = engine(&desk);
    let mut config = block_on(engine.source_config(&id)).unwrap();
    let kept = std::mem::take(&mut config.secrets);
    let system = ProjectId::system();
    let put = |config| Write::put(&config, Expect::Any).unwrap();
    block_on(engine.store().commit(&system, vec![put(config.clone())])).unwrap();
    let run = finish(desk.command(&["serve", "--listen", "127.0.0.1:0"]).output().unwrap());
    run.told(2, &[&id, "github", "no secret"]);
    assert!(!run.err.contains("listening"), "{run:?}");
    config.secrets = kept;
    block_on(engine.store().commit(&system, vec![put(config)])).unwrap();
    let server = Server::start(&desk, &[]);
    assert!(!server.log().contains(SECRET));
}
