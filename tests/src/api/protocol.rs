//! What holds for every route: problems, ids of requests, repeated changes.

use serde_json::{Value, json};

use super::{Shop, list, problem, text};
use crate::server::Client;
use crate::wire::Wire;

#[test]
fn every_error_is_a_problem() {
    let shop = Shop::open(&[]);
    let nobody = Client::new(&shop.server);
    let form = shop.client.clone().header("content-type", "application/x-www-form-urlencoded");
    let send = |client: &Client, method: &str, path: &str, body: &[u8]| {
        client.send(method, path, (!body.is_empty()).then_some(body)).unwrap()
    };
    for (reply, status, code) in [
        (nobody.get("/nothing/here"), 404, "not_found"),
        (nobody.get("/"), 404, "not_found"),
        (nobody.get("/docs/nothing/here"), 404, "not_found"),
        (send(&nobody, "POST", "/healthz", b"{}"), 405, "invalid"),
        (send(&nobody, "PUT", "/feedback", b"{}"), 405, "invalid"),
        (send(&nobody, "DELETE", "/openapi.json", b""), 405, "invalid"),
        (send(&shop.client, "PATCH", "/search", b"{}"), 405, "invalid"),
        (nobody.get("/feedback"), 401, "unauthorized"),
        (send(&form, "POST", "/cluster-jobs", b"full=true"), 415, "invalid"),
        (send(&form, "POST", "/keys", b"{}"), 415, "invalid"),
        (send(&shop.client, "POST", "/cluster-jobs", b"{"), 400, "invalid"),
        (send(&shop.client, "POST", "/cluster-jobs", b"[]"), 400, "invalid"),
        (send(&shop.client, "POST", "/cluster-jobs", b"[true]"), 400, "invalid"),
        (send(&shop.client, "POST", "/cluster-jobs", b"{\"full\": 1}"), 400, "invalid"),
        (send(&shop.client, "POST", "/cluster-jobs", b"{\"ful\": true}"), 400, "invalid"),
        (send(&shop.client, "POST", "/cluster-jobs", b"{\"full\": true} x"), 400, "invalid"),
        (send(&shop.client, "POST", "/ingest/manual", b"nonsense"), 400, "invalid"),
        (send(&shop.client, "POST", "/ingest/manual", b"{}"), 400, "invalid"),
        (send(&shop.client, "POST", "/ingest/fax", b"{}"), 404, "not_found"),
        (send(&nobody, "POST", "/ingest/github/none", b"{}"), 404, "not_found"),
        (send(&nobody, "POST", "/ingest/splunk/none/token", b"{}"), 404, "not_found"),
        (send(&nobody, "POST", "/ingest/%ff/none", b"{}"), 404, "not_found"),
        (send(&shop.client, "POST", "/ingest/%ff", b"{}"), 404, "not_found"),
        (shop.client.get("/feedback/%ff"), 404, "not_found"),
        (shop.client.get("/feedback?limit=%ff"), 400, "invalid"),
        (shop.client.get("/feedback?cursor=%00"), 404, "not_found"),
    ] {
        problem(reply, status, code);
    }
    let allow = send(&nobody, "PUT", "/feedback", b"{}");
    let allowed: Vec<&str> = allow.header("allow").expect("405 says what is allowed").split(',').collect();
    assert!(allowed.contains(&"GET") && !allowed.contains(&"PUT"), "{allowed:?}");
}

#[test]
fn every_answer_forbids_what_it_does_not_need() {
    let shop = Shop::open(&[]);
    for path in ["/healthz", "/feedback", "/nothing", "/docs/", "/metrics"] {
        let reply = shop.client.get(path);
        for (header, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(reply.header(header), Some(value), "{path}");
        }
        assert!(reply.header("content-security-policy").unwrap().contains("default-src 'none'"), "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn a_request_has_the_id_that_it_was_given() {
    let shop = Shop::open(&[]);
    let given = shop.client.clone().header("x-request-id", "4bf92f35-77b3:4da.6_A");
    assert_eq!(given.get("/stats").header("x-request-id"), Some("4bf92f35-77b3:4da.6_A"));
    assert_eq!(given.get("/nothing").header("x-request-id"), Some("4bf92f35-77b3:4da.6_A"));
    let (one, two) = (shop.client.get("/stats"), shop.client.get("/stats"));
    assert_ne!(one.header("x-request-id").unwrap(), two.header("x-request-id").unwrap());
    let long = "x".repeat(129);
    for wrong in ["a b", "{\"x\": 1}", "", &long] {
        let reply = shop.client.clone().header("x-request-id", wrong).get("/stats").is(200);
        let id = reply.header("x-request-id").unwrap();
        assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{wrong:?} became {id:?}");
    }
}

#[test]
fn a_change_asked_for_twice_happens_once() {
    let shop = Shop::full(60);
    let [a, b] = [0, 1].map(|at: usize| text(&shop.clusters()[at]["id"]));
    let keyed = shop.client.clone().header("idempotency-key", "merge-1");
    let (path, body) = (format!("/clusters/{a}/merge"), json!({"others": [b]}));
    let first = keyed.post(&path, &body).is(200);
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = keyed.post(&path, &body).is(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!((again.header("content-type"), &again.body), (first.header("content-type"), &first.body));
    let merged = list(&shop.client.get("/timeline").is(200).json());
    assert_eq!(merged.iter().filter(|event| event["kind"] == "merged").count(), 1);
    problem(keyed.post(&path, &json!({"others": [a]})), 422, "invalid");
    problem(keyed.post("/undo", &json!({})), 422, "invalid");
    // Without the key it is another request, which cannot be done twice.
    problem(shop.client.post(&path, &body), 404, "not_found");
    // A refusal is remembered as it was.
    let refused = shop.client.clone().header("idempotency-key", "merge-2");
    let told = problem(refused.post(&path, &body), 404, "not_found");
    assert_eq!(refused.post(&path, &body).json(), told);
    // Looks are not changes.
    assert_eq!(keyed.get("/stats").is(200).header("idempotent-replayed"), None);
    for wrong in ["", &"k".repeat(256)] {
        let wrong = shop.client.clone().header("idempotency-key", wrong);
        problem(wrong.post("/undo", &json!({})), 400, "invalid");
    }
}

#[test]
fn of_changes_with_one_key_at_once_one_happens() {
    let shop = Shop::full(60);
    let [a, b] = [0, 1].map(|at: usize| text(&shop.clusters()[at]["id"]));
    let (path, body) = (format!("/clusters/{a}/merge"), json!({"others": [b]}));
    let replies: Vec<_> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let keyed = shop.client.clone().header("idempotency-key", "at-once");
                let (path, body) = (&path, &body);
                scope.spawn(move || keyed.post(path, body))
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let done: Vec<Value> = replies.iter().filter(|r| r.status == 200).map(|r| r.json()).collect();
    assert!(!done.is_empty() && done.iter().all(|event| *event == done[0]), "{replies:?}");
    for refused in replies.into_iter().filter(|reply| reply.status != 200) {
        problem(refused, 409, "conflict");
    }
    let events = list(&shop.client.get("/timeline").is(200).json());
    assert_eq!(events.iter().filter(|event| event["kind"] == "merged").count(), 1);
}

#[test]
fn metrics_name_no_project_and_nothing_a_stranger_chose() {
    let shop = Shop::open(&["--group-after", "0"]);
    let named = json!({"vendor": "generic", "proof": {"kind": "unsigned"}, "settings": {"name": "chosen-by-a-tenant"}});
    let made = shop.client.post("/sources", &named).is(201).json();
    Client::new(&shop.server).post(&text(&made["deliver_to"]), &json!({"title": "hello"})).is(202);
    shop.client.settled();
    assert_eq!(shop.client.get("/feedback").is(200).json()["items"][0]["source"], "chosen-by-a-tenant");
    for method in ["BREW", "X-ODD", "PROPFIND"] {
        let mut wire = Wire::open(&shop.server);
        wire.send(format!("{method} /stats HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
        wire.answer().expect("an answer").is(405);
    }
    shop.client.get("/chosen-path/x");
    let figures = Client::new(&shop.server).get("/metrics").is(200);
    assert!(figures.header("content-type").unwrap().starts_with("text/plain"));
    let figures = String::from_utf8(figures.body).unwrap();
    for figure in [
        "soulcaster_http_requests_total{",
        "soulcaster_deliveries_total{source=\"generic\",outcome=\"taken\"} 1",
    ] {
        assert!(figures.contains(figure), "{figure} is missing:\n{figures}");
    }
    for chosen in ["chosen-by-a-tenant", "BREW", "X-ODD", "PROPFIND", "chosen-path", "default"] {
        assert!(!figures.contains(chosen), "{chosen}:\n{figures}");
    }
}

#[test]
fn the_document_names_every_operation_once_and_describes_its_own_body() {
    let shop = Shop::open(&[]);
    let document = Client::new(&shop.server).get("/openapi.json").is(200).json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                names.insert(text(&operation["operationId"])),
                "{method} {path}: {}",
                operation["operationId"]
            );
            assert!(operation["summary"].is_string() && operation["tags"][0].is_string(), "{method} {path}");
        }
    }
    let fields = |method: &str, path: &str| -> Vec<String> {
        let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"];
        let name = text(&body["$ref"]);
        let schema = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
        assert_eq!(schema["additionalProperties"], false, "{path}");
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    // Two of a name would hide each other.
    assert_eq!(fields("patch", "/feedback/{id}"), ["body", "tags", "title", "url"]);
    assert_eq!(fields("patch", "/clusters/{id}"), ["status", "summary", "title"]);
    assert_eq!(fields("patch", "/sources/{id}"), ["enabled", "settings"]);
    assert_eq!(fields("post", "/sources/{id}/secrets"), ["secret"]);
    assert_eq!(fields("post", "/cluster-jobs"), ["full"]);
    assert_eq!(fields("post", "/keys"), ["scope"]);
}
