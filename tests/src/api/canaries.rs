//! Secrets that must never come out: of the log at its most talkative, of the metrics, of any answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use soulcaster_core::model::Scope;

use super::{fixture, ids, text};
use crate::binary::Desk;
use crate::server::{Client, Reply, Server, key};
use crate::signing::hmac_hex;

/// What a signer and a header bring along.
const HOOK: &str = "canary-secret-of-the-hook";
const HEADER: &str = "canary-secret-in-a-header";
const PULLED: &str = "ghp_canaryTokenOfAnApi0123456789";
const QUERY: &str = "canary-in-a-query";
const REPORT: &str = "canary-text-of-a-report";

/// Everything that came back, to be searched at the end.
struct Witness {
    client: Client,
    seen: String,
}

impl Witness {
    fn note(&mut self, reply: &Reply) {
        self.seen +=
            &format!("{} {:?} {}\n", reply.status, reply.headers, String::from_utf8_lossy(&reply.body));
    }

    fn get(&mut self, path: &str) -> Value {
        let reply = self.client.get(path);
        self.note(&reply);
        reply.json()
    }
}

#[test]
fn no_secret_is_told_twice() {
    let desk = Desk::new();
    let admin = key(&desk, "default", Scope::Admin, 1);
    let operator = key(&desk, "default", Scope::Operator, 2);
    let mut command = desk.command(&["serve", "--listen", "127.0.0.1:0", "--group-after", "0"]);
    command.env("RUST_LOG", "trace");
    let server = Server::run(command);
    let client = Client::with_key(&server, &admin);
    let mut witness = Witness { client: client.clone(), seen: String::new() };
    let mut secrets =
        vec![admin.clone(), operator.clone(), HOOK.to_owned(), HEADER.to_owned(), PULLED.to_owned()];

    // What is made here is told once, in the answer that makes it.
    let header = json!({"kind": "header", "name": "X-Secret"});
    let hook = client.post("/sources", &json!({"vendor": "github", "secret": HOOK})).is(201);
    let shared =
        client.post("/sources", &json!({"vendor": "datadog", "proof": header, "secret": HEADER})).is(201);
    let poller = json!({"vendor": "github", "proof": {"kind": "pull"}, "secret": PULLED, "enabled": false,
                        "settings": {"repositories": ["octocat/hello-world"]}});
    let pulled = client.post("/sources", &poller).is(201);
    for reply in [&hook, &shared, &pulled] {
        witness.note(reply);
    }
    let splunk = client.post("/sources", &json!({"vendor": "splunk"})).is(201).json();
    let (hook, shared) = (hook.json(), shared.json());
    let second = client.post(&format!("/sources/{}/secrets", text(&hook["id"])), &json!({})).is(201).json();
    let read = client.post("/keys", &json!({"scope": "read"})).is(201).json();
    let user = Client::with_key(&server, &operator).post("/users", &json!({"github_id": "5"})).is(201).json();
    let project = client.post("/projects", &json!({"name": "Second"})).is(201).json();
    secrets.extend(
        [&splunk["secret"], &second["secret"], &read["key"], &user["key"], &project["key"]].map(text),
    );

    // Deliveries that are taken, and those that are refused for each reason there is.
    let body = fixture("github/issues.opened.json");
    let deliver = |path: &str, name: &str, value: &str, body: &[u8]| {
        let sender = Client::new(&server).header(name, value).header("x-github-event", "issues");
        sender.send("POST", path, Some(body)).unwrap()
    };
    let to_hook = text(&hook["deliver_to"]);
    let signature = format!("sha256={}", hmac_hex(HOOK, &[&body]));
    let to_splunk = format!("{}/{}", text(&splunk["deliver_to"]), text(&splunk["secret"]));
    let result = fixture("splunk/search_one_result.json");
    for reply in [
        deliver(&to_hook, "x-hub-signature-256", &signature, &body).is(202),
        deliver(&to_hook, "x-hub-signature-256", HOOK, &body).is(401),
        deliver(&format!("{to_hook}?secret={QUERY}"), "x-hub-signature-256", "sha256=00", &body).is(401),
        deliver(&text(&shared["deliver_to"]), "x-secret", HEADER, br#"{"title": "high", "id": "1"}"#).is(202),
        deliver(&text(&shared["deliver_to"]), "x-secret", &format!("{HEADER}!"), b"{}").is(401),
        deliver(&text(&shared["deliver_to"]), "x-secret", HEADER, b"{broken").is(400),
        deliver(&to_splunk, "x-none", "", &result).is(202),
        deliver(&to_splunk, "x-none", "", b"{broken").is(400),
        deliver(&format!("{to_splunk}x"), "x-none", "", &result).is(401),
        deliver(&format!("{to_splunk}/more"), "x-none", "", &result).is(404),
        deliver(&to_splunk.replace("/splunk/", "/github/"), "x-none", "", &result).is(404),
        Client::new(&server).get(&to_splunk).is(405),
        client.post("/ingest/manual", &json!({"text": REPORT})).is(202),
        Client::with_key(&server, &format!("{admin}x")).get("/stats").is(401),
        Client::with_key(&server, read["key"].as_str().unwrap())
            .post("/keys", &json!({"scope": "read"}))
            .is(403),
        client.get(&format!("/stats?key={admin}")),
    ] {
        witness.note(&reply);
    }
    secrets.extend([signature, QUERY.to_owned()]);
    client.settled();

    // Every look there is.
    let paths = client.get("/openapi.json").is(200).json()["paths"].clone();
    let named = ["/sources", "/keys", "/cluster-jobs"].map(|list| (list, ids(&witness.get(list))));
    for (path, methods) in
        paths.as_object().unwrap().iter().filter(|(_, methods)| methods.get("get").is_some())
    {
        assert!(methods.is_object());
        let some = named.iter().filter(|(list, _)| path.starts_with(list)).flat_map(|(_, ids)| ids);
        for id in some.chain([&"none".to_owned()]) {
            let reply = client.get(&path.replace("{id}", id));
            witness.note(&reply);
        }
    }
    for id in &named[0].1 {
        let changed =
            client.send("PATCH", &format!("/sources/{id}"), Some(br#"{"enabled": false}"#)).unwrap();
        witness.note(&changed.is(200));
    }
    let log = settled_log(&server, &client);
    for secret in &secrets {
        let inner = secret.rsplit('_').next().unwrap();
        for (place, text) in [("an answer", &witness.seen), ("the log", &log)] {
            let at = text.lines().find(|line| line.contains(inner));
            assert_eq!(at, None, "{secret} is in {place}");
        }
    }
    assert!(!log.contains(REPORT), "the text of a report is in the log");
    assert!(log.contains("\"route\":\"/ingest/{vendor}/{source}/{token}\""), "{log}");
    for line in log.lines().filter(|line| !line.starts_with("listening on ")) {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    }
}

/// The log up to now.
fn settled_log(server: &Server, client: &Client) -> String {
    client.clone().header("x-request-id", "the-last-one").get("/healthz").is(200);
    let begun = Instant::now();
    loop {
        let log = server.log();
        if log.contains("the-last-one") {
            return log;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the last request is not in the log");
        std::thread::sleep(Duration::from_millis(10));
    }
}
