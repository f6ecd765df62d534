//! Two projects on one server, and everything that one may try to reach the other: every operation that the server
//! describes, with every kind of credential, every kind of foreign id, foreign cursors and foreign names in bodies.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use soulcaster_core::ProjectId;
use soulcaster_core::model::Scope;

use crate::binary::Desk;
use crate::server::{Client, Reply, Server, block_on, engine, key};

mod operation;
mod tenant;

use operation::Operation;
use tenant::Tenant;

/// What a request may be told that reaches for somebody else's things: refused, not there, or no such request.
const REFUSED: [u16; 6] = [400, 401, 403, 404, 409, 422];

/// A server with two tenants that know nothing of each other.
struct House {
    desk: Desk,
    server: Server,
    operator: String,
    mine: Tenant,
    theirs: Tenant,
    operations: Vec<Operation>,
    /// What was said to the server about the other tenant and kept by it, as a text of one's own.
    said: BTreeSet<String>,
}

impl House {
    fn new() -> Self {
        let desk = Desk::new();
        let operator = key(&desk, "", Scope::Operator, 1);
        let server = Server::start(&desk, &["--group-after", "0"]);
        let [mine, theirs] = ["mine", "theirs"].map(|name| {
            let mut tenant = Tenant::settle(&server, &operator, name);
            tenant.fix(&engine(&desk));
            tenant
        });
        let document = Client::new(&server).get("/openapi.json").is(200).json();
        let mut operations = Operation::all(&document);
        // Looks come first: what changes leaves texts of its own behind.
        operations.sort_by_key(Operation::changes);
        Self { desk, server, operator, mine, theirs, operations, said: BTreeSet::new() }
    }

    fn client(&self, key: &str) -> Client {
        Client::with_key(&self.server, key)
    }

    /// Everything there is of the other tenant.
    fn state(&self) -> String {
        let mut lines = Vec::new();
        let engine = engine(&self.desk);
        for project in &self.theirs.projects {
            let project = ProjectId::new(project).unwrap();
            block_on(engine.export(&project, &mut |line| {
                lines.push(line.to_owned());
                Ok(())
            }))
            .unwrap();
            let sources = block_on(engine.sources(&project)).unwrap();
            let keys = block_on(engine.keys(&project)).unwrap();
            let jobs = block_on(engine.jobs(&project, 0)).unwrap();
            lines.push(format!("{sources:#?}{keys:#?}{jobs:#?}"));
        }
        let client = self.client(&self.theirs.admin);
        for path in ["/projects", "/stats", "/clusters?singles=true&limit=1000"] {
            lines.push(String::from_utf8(client.get(path).is(200).body).unwrap());
        }
        lines.join("\n")
    }

    /// Sends a request as `who`; nothing of the other tenant may come back that was not said to the server.
    #[track_caller]
    fn send(&mut self, who: &Client, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let text = body.map(Value::to_string);
        let sent = who.send(method, path, text.as_ref().map(String::as_bytes));
        let reply = sent.unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        let said = format!("{path} {}", text.unwrap_or_default());
        if reply.status < 300 && method != "GET" {
            self.said.extend(self.theirs.marks.iter().filter(|mark| said.contains(*mark)).cloned());
        }
        let whole = format!("{:?} {}", reply.headers, String::from_utf8_lossy(&reply.body));
        for mark in self.theirs.marks.iter().filter(|mark| !self.said.contains(*mark)) {
            assert!(
                said.contains(mark) || !whole.contains(mark.as_str()),
                "{method} {said} told of {mark}: {whole}"
            );
        }
        assert!(reply.status < 500, "{method} {said}: {whole}");
        reply
    }

    /// Sends `operation` with each of the other's ids in the place of every parameter, as `who`.
    fn reach(&mut self, who: &Client, operation: &Operation, judge: impl Fn(u16) -> bool) {
        for target in self.theirs.targets() {
            let (path, body) = operation.aimed(&target, &target);
            let reply = self.send(who, &operation.method, &path, body.as_ref());
            assert!(judge(reply.status), "{} {path}: {reply:?}", operation.method);
        }
    }
}

#[test]
fn nobody_reaches_another_project() {
    let mut house = House::new();
    assert!(house.operations.len() > 40, "{}", house.operations.len());
    the_marks_would_be_seen(&house);
    let before = house.state();
    let operations = house.operations.clone();

    let nobody = Client::new(&house.server);
    let garbage = house.client("sc_0000000000_0000000000000000000000000000000000000000");
    let revoked = house.client(&house.theirs.revoked);
    for operation in &operations {
        for who in [&nobody, &garbage, &revoked] {
            house.reach(who, operation, |status| match (operation.secured, operation.changes()) {
                (true, _) => status == 401,
                // Open to anybody: how the server is, and deliveries, which prove themselves.
                (false, false) => status == 200,
                (false, true) => REFUSED.contains(&status),
            });
        }
    }
    let operator = house.client(&house.operator);
    let ingest = house.client(&house.mine.ingest);
    let read = house.client(&house.mine.read);
    let admin = house.client(&house.mine.admin);
    let delivers = |operation: &Operation| operation.path == "/ingest/{vendor}";
    for operation in operations.iter().filter(|operation| operation.secured) {
        // Users are an operator's business; projects are not.
        if !operation.path.starts_with("/users") {
            house.reach(&operator, operation, |status| status == 403);
        }
        house.reach(&ingest, operation, |status| status == 403 || delivers(operation));
        house.reach(&read, operation, |status| match (operation.changes(), operation.named()) {
            (true, _) => status == 403,
            (false, true) => REFUSED.contains(&status),
            (false, false) => status != 401,
        });
        house.reach(&admin, operation, |status| !operation.named() || REFUSED.contains(&status));
    }
    unchanged(&house, &before);

    // One's own things in the path, the other's in the body.
    for operation in operations.iter().filter(|operation| operation.secured && operation.has_body()) {
        for own in house.mine.targets() {
            for target in house.theirs.targets() {
                let (path, body) = operation.aimed(&own, &target);
                house.send(&admin, &operation.method, &path, body.as_ref());
            }
        }
    }
    unchanged(&house, &before);
}

/// A search that cannot find proves nothing: the owner sees what nobody else may.
fn the_marks_would_be_seen(house: &House) {
    let owner = house.client(&house.theirs.admin);
    for operation in house.operations.iter().filter(|o| o.secured && !o.changes() && o.named()) {
        if operation.path.starts_with("/users") {
            continue;
        }
        let found = house.theirs.targets().into_iter().any(|target| {
            let (path, _) = operation.aimed(&target, "");
            let reply = owner.get(path.split('?').next().unwrap());
            let body = String::from_utf8_lossy(&reply.body);
            reply.status == 200 && house.theirs.marks.iter().any(|mark| body.contains(mark))
        });
        assert!(found, "{} shows its owner nothing", operation.path);
    }
}

#[track_caller]
fn unchanged(house: &House, before: &str) {
    let after = house.state();
    if after != before {
        let line = before.lines().zip(after.lines()).find(|(was, is)| was != is);
        panic!("the other project is not what it was: {line:?}");
    }
}

#[test]
fn what_names_anothers_things_is_not_found() {
    let mut house = House::new();
    let before = house.state();
    let admin = house.client(&house.mine.admin);
    let (item, cluster) = (house.mine.one("item"), house.mine.one("cluster"));
    let (their_item, their_cluster) = (house.theirs.one("item"), house.theirs.one("cluster"));
    let requests = [
        (format!("/clusters/{cluster}/merge"), json!({"others": [their_cluster]})),
        (format!("/clusters/{their_cluster}/merge"), json!({"others": [cluster]})),
        (format!("/clusters/{cluster}/split"), json!({"items": [their_item]})),
        (format!("/clusters/{cluster}/split"), json!({"items": [item, their_item]})),
        (format!("/clusters/{their_cluster}/split"), json!({"items": [item]})),
        (format!("/feedback/{item}/move"), json!({"to": their_cluster})),
        (format!("/feedback/{their_item}/move"), json!({"to": cluster})),
        (format!("/feedback/{their_item}/confirm"), json!({"right": true})),
        (format!("/clusters/{their_cluster}/confirm"), json!({})),
    ];
    // Nothing tells what another has from what nobody has.
    let unknown =
        |text: &str| text.replace(&their_item, "0000000000000000").replace(&their_cluster, "0000000000");
    for (path, body) in requests {
        let reply = house.send(&admin, "POST", &path, Some(&body));
        assert!([400, 404].contains(&reply.status), "{path} {body}: {reply:?}");
        let nobodys =
            admin.send("POST", &unknown(&path), Some(unknown(&body.to_string()).as_bytes())).unwrap();
        assert_eq!(nobodys.status, reply.status, "{path} {body}");
        assert_eq!(nobodys.json().to_string(), unknown(&reply.json().to_string()), "{path} {body}");
    }
    for cursor in house.theirs.cursors.clone() {
        for path in ["/feedback", "/clusters", &format!("/clusters/{cluster}/items")] {
            let reply = house.send(&admin, "GET", &format!("{path}?cursor={cursor}"), None);
            assert_eq!(reply.status, 404, "{path}: {reply:?}");
        }
    }
    unchanged(&house, &before);
}

#[test]
fn no_name_opens_a_project_that_is_in_use() {
    let mut house = House::new();
    // This one has reports, a key and a source, and nobody has given it a name.
    let plain = key(&house.desk, "plain", Scope::Admin, 7);
    let client = house.client(&plain);
    client.post("/ingest/manual", &json!({"text": "canary of a project without a name"})).is(202);
    client.settled();
    let before = house.state();
    let admins = [house.mine.admin.clone(), key(&house.desk, "stranger", Scope::Admin, 8)];
    let taken = [vec!["plain".to_owned(), "stranger".to_owned()], house.theirs.projects.clone()].concat();
    for admin in admins.map(|key| house.client(&key)) {
        for id in &taken {
            let body = json!({"name": "mine now", "id": id});
            let reply = house.send(&admin, "POST", "/projects", Some(&body));
            assert_eq!(reply.status, 409, "{id}: {reply:?}");
        }
        for id in ["_system", "", "a b"] {
            admin.post("/projects", &json!({"name": "system", "id": id})).is(400);
        }
    }
    let made =
        house.client(&house.mine.admin).post("/projects", &json!({"name": "New", "id": "new"})).is(201);
    let other = house.client(made.json()["key"].as_str().unwrap());
    assert_eq!(other.get("/feedback").is(200).json()["total"], 0);
    unchanged(&house, &before);
}

#[test]
fn an_idempotency_key_is_ones_own() {
    let house = House::new();
    let header = ("idempotency-key", house.theirs.idempotency_key.as_str());
    let theirs = house.client(&house.theirs.admin).header(header.0, header.1);
    let again = theirs.post("/cluster-jobs", &json!({"full": true})).is(202);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mine = house.client(&house.mine.admin).header(header.0, header.1);
    let reply = mine.post("/cluster-jobs", &json!({"full": true})).is(202);
    assert_eq!(reply.header("idempotent-replayed"), None);
    assert_eq!(reply.json()["project_id"], house.mine.projects[0]);
    let nobody = Client::new(&house.server).header(header.0, header.1);
    nobody.post("/cluster-jobs", &json!({"full": true})).is(401);
    let reader = house.client(&house.theirs.read).header(header.0, header.1);
    reader.post("/cluster-jobs", &json!({"full": true})).is(403);
}

#[test]
fn a_project_in_a_delivery_is_no_project() {
    let mut house = House::new();
    let before = house.state();
    let ingest = house.client(&house.mine.ingest);
    let project = house.theirs.projects[0].clone();
    for vendor in ["manual", "generic"] {
        for field in ["project_id", "project", "tenant"] {
            let body = json!({"text": "hello", "title": "hello", "id": field, field: project});
            house.send(&ingest, "POST", &format!("/ingest/{vendor}"), Some(&body)).is(202);
            let query = format!("/ingest/{vendor}?{field}={project}");
            house.send(&ingest, "POST", &query, Some(&body)).is(202);
        }
    }
    let named = ingest.header("x-project-id", &project).header("x-project", &project);
    house.send(&named, "POST", "/ingest/manual", Some(&json!({"text": "by header"}))).is(202);
    unchanged(&house, &before);
}

/// What a request at random is made of; the numbers pick from what there is.
type Try = (usize, usize, Vec<usize>, bool);

#[test]
fn requests_at_random_reach_nothing_either() {
    let mut house = House::new();
    let before = house.state();
    let operations = house.operations.clone();
    let who: Vec<Client> = [
        &house.mine.admin,
        &house.mine.read,
        &house.mine.ingest,
        &house.theirs.revoked,
        &house.operator,
        "garbage",
    ]
    .iter()
    .map(|key| house.client(key))
    .collect();
    let odd = ["_system", "..", "%2e%2e", "%00", "%ff", "*", "'", "%25", "0", "-1", "null", "%F0%9F%92%A9"];
    let pool: Vec<String> = house
        .theirs
        .targets()
        .into_iter()
        .chain(house.mine.targets())
        .chain(odd.map(str::to_owned))
        .collect();
    let pick = prop::collection::vec(0usize..1000, 4);
    let tries: Vec<Try> = {
        let config = Config { cases: 1, ..Config::default() };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[11; 32]);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let all = prop::collection::vec((0usize..1000, 0usize..1000, pick, any::<bool>()), 1500);
        all.new_tree(&mut runner).unwrap().current()
    };
    for (operation, who_at, picks, with_query) in tries {
        let operation = &operations[operation % operations.len()];
        // An operator may look at users, and a key of one's own may be withdrawn: neither is what is tried here.
        if operation.path.starts_with("/users") || (operation.path == "/keys/{id}" && who_at % who.len() == 0)
        {
            continue;
        }
        let values: Vec<&str> = picks.iter().map(|at| pool[at % pool.len()].as_str()).collect();
        let (path, body) = operation.filled(&values, with_query);
        let method = operation.method.clone();
        house.send(&who[who_at % who.len()], &method, &path, body.as_ref());
    }
    unchanged(&house, &before);
}
