//! What each route of the server does, on real data.

use serde_json::{Value, json};
use soulcaster_core::model::{Inbound, Scope};

use crate::binary::{Desk, example};
use crate::reports::reports;
use crate::server::{Client, Reply, Server, key};

mod accounts;
mod canaries;
mod correcting;
mod handshakes;
mod limits;
mod looking;
mod protocol;
mod sources;

/// A server with a project, and its owner.
struct Shop {
    desk: Desk,
    server: Server,
    /// With an admin key.
    client: Client,
}

impl Shop {
    /// An empty one; `args` are further ones of `serve`.
    fn open(args: &[&str]) -> Self {
        let desk = Desk::new();
        let admin = key(&desk, "default", Scope::Admin, 1);
        let server = Server::start(&desk, args);
        let client = Client::with_key(&server, &admin);
        Self { desk, server, client }
    }

    /// One with `n` reports, grouped: every third came as `generic`, the others as `manual`.
    fn full(n: usize) -> Self {
        let shop = Self::open(&["--group-after", "0"]);
        let (generic, manual): (Vec<_>, Vec<_>) =
            reports(n).iter().map(report).enumerate().partition(|(at, _)| at % 3 == 0);
        for (vendor, reports) in [("generic", generic), ("manual", manual)] {
            let reports: Value = reports.into_iter().map(|(_, report)| report).collect();
            shop.client.post(&format!("/ingest/{vendor}"), &reports).is(202);
        }
        shop.client.settled();
        shop
    }

    /// One with 150 reports of a bug tracker, of which some are unsure.
    fn tracker() -> Self {
        let shop = Self::open(&["--group-after", "0"]);
        let all = std::fs::read_to_string(example("hadoop-bugs.jsonl")).unwrap();
        let some: Vec<&str> = all.lines().take(150).collect();
        shop.client.send("POST", "/ingest/generic", Some(some.join("\n").as_bytes())).unwrap().is(202);
        shop.client.settled();
        shop
    }

    /// Somebody with another key of the project.
    fn with_scope(&self, scope: Scope, seed: u64) -> Client {
        Client::with_key(&self.server, &key(&self.desk, "default", scope, seed))
    }

    #[track_caller]
    fn patch(&self, path: &str, body: &Value) -> Reply {
        self.client.send("PATCH", path, Some(body.to_string().as_bytes())).unwrap()
    }

    #[track_caller]
    fn delete(&self, path: &str) -> Reply {
        self.client.send("DELETE", path, None).unwrap()
    }

    /// Clusters of two or more, largest first.
    #[track_caller]
    fn clusters(&self) -> Vec<Value> {
        list(&self.client.get("/clusters").is(200).json()["clusters"])
    }

    /// The ids of the items of a cluster.
    #[track_caller]
    fn members(&self, cluster: &str) -> Vec<String> {
        let page = self.client.get(&format!("/clusters/{cluster}/items?limit=1000")).is(200).json();
        ids(&page["items"])
    }
}

fn report(report: &Inbound) -> Value {
    json!({"title": report.title, "id": report.external_id})
}

/// Every page of a list; `path` has a query already. Between two pages `meanwhile` happens.
#[track_caller]
fn pages(client: &Client, path: &str, what: &str, mut meanwhile: impl FnMut(usize)) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let found = client.get(&format!("{path}{cursor}")).is(200).json();
        all.extend(list(&found[what]));
        let Some(next) = found["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        meanwhile(page);
    }
    all
}

#[track_caller]
fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).clone()
}

#[track_caller]
fn ids(value: &Value) -> Vec<String> {
    list(value).iter().map(|one| text(&one["id"])).collect()
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// That `reply` is a problem with that status and code; gives it.
#[track_caller]
fn problem(reply: Reply, status: u16, code: &str) -> Value {
    let reply = reply.is(status);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    let told = reply.json();
    assert_eq!((&told["status"], &told["code"]), (&json!(status), &json!(code)), "{told}");
    for member in ["type", "title", "detail"] {
        assert!(told[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {told}");
    }
    assert!(reply.header("x-request-id").is_some(), "{reply:?}");
    told
}

/// A recorded delivery of `soulcaster-sources/fixtures`.
#[track_caller]
fn fixture(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../soulcaster-sources/fixtures/");
    std::fs::read(format!("{folder}{name}")).unwrap_or_else(|e| panic!("{name}: {e}"))
}
