//! Every recorded delivery, sent several times in any order over four connections, with a kill in between: the end is
//! what one delivery each gives.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde_json::Value;
use sha2::{Digest, Sha256};
use soulcaster_core::ProjectId;
use soulcaster_core::model::{FeedbackItem, Scope};
use soulcaster_core::port::Query;
use soulcaster_sources::vendor::VENDORS;

use crate::binary::Desk;
use crate::random::Random;
use crate::server::{Client, Server, block_on, engine, key};

const SEEDS: [u64; 3] = [1, 2, 3];
const CONNECTIONS: usize = 4;

/// A recorded delivery and where it goes.
struct Recorded {
    path: String,
    body: Vec<u8>,
}

/// The recorded deliveries of every vendor that delivers, in order of their names.
fn recorded() -> Vec<Recorded> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../soulcaster-sources/fixtures"));
    let mut all = Vec::new();
    for vendor in VENDORS {
        let Ok(files) = std::fs::read_dir(folder.join(vendor)) else { continue };
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let is_delivery = |file: &Path| file.extension().is_some_and(|end| end != "md");
        all.extend(
            files.into_iter().filter(|file| is_delivery(file)).map(|file| Recorded {
                path: format!("/ingest/{vendor}"),
                body: std::fs::read(file).unwrap(),
            }),
        );
    }
    all
}

/// Every item by its id, with the hash of its bytes; without the times that say when it arrived here.
fn dump(desk: &Desk, begun: DateTime<Utc>) -> BTreeMap<String, Value> {
    let engine = engine(desk);
    let query = Query { blobs: true, ..Query::all::<FeedbackItem>() };
    let project = ProjectId::new("default").unwrap();
    let items: Vec<FeedbackItem> = block_on(engine.store().read_all(&project, &query)).unwrap();
    let canonical = |item: FeedbackItem| {
        let raw = item.raw_payload.as_ref().map(|raw| format!("{:x?}", Sha256::digest(raw)));
        let arrived = item.last_seen >= begun;
        let id = item.id.to_string();
        let mut value = serde_json::to_value(item).unwrap();
        value["raw"] = raw.into();
        value["received_at"] = Value::Null;
        if arrived {
            value["last_seen"] = Value::Null;
        }
        (id, value)
    };
    items.into_iter().map(canonical).collect()
}

#[test]
fn repetition_order_and_a_kill_change_nothing() {
    let begun: DateTime<Utc> = SystemTime::now().into();
    let calm = Desk::new();
    let server = Server::start(&calm, &["--group-after", "3600"]);
    let client = Client::with_key(&server, &key(&calm, "default", Scope::Admin, 1));
    let mut deliveries = recorded();
    deliveries.retain(|delivery| {
        let reply = client.send("POST", &delivery.path, Some(&delivery.body)).unwrap();
        assert!(reply.status < 500, "{}: {reply:?}", delivery.path);
        reply.status < 300
    });
    assert!(deliveries.len() > 60, "{} deliveries were taken", deliveries.len());
    taken_in(&client);
    assert_eq!(server.stop().0, Some(0));
    let wanted = dump(&calm, begun);
    assert!(wanted.len() > 50, "{} items", wanted.len());

    for seed in SEEDS {
        let mut random = Random::new(seed);
        let mut queue: Vec<usize> =
            (0..deliveries.len()).flat_map(|at| vec![at; 1 + random.below(5)]).collect();
        random.shuffle(&mut queue);
        let half = queue.split_off(queue.len() / 2);
        let desk = Desk::new();
        let server = Server::start(&desk, &["--group-after", "3600"]);
        let key = key(&desk, "default", Scope::Admin, seed);
        // What had no answer when the server was killed is sent again, as its sender would.
        let unanswered = send(&server, &key, &deliveries, queue, Some(Duration::from_millis(300)));
        server.kill();
        let server = Server::start(&desk, &["--group-after", "3600"]);
        let rest = unanswered.into_iter().chain(half).collect();
        assert!(send(&server, &key, &deliveries, rest, None).is_empty());
        taken_in(&Client::with_key(&server, &key));
        assert_eq!(server.stop().0, Some(0));
        let found = dump(&desk, begun);
        for (id, item) in &wanted {
            assert_eq!(found.get(id), Some(item), "seed {seed}");
        }
        assert_eq!(found.len(), wanted.len(), "seed {seed}");
    }
}

/// Sends deliveries over four connections; gives those that were not answered within `time`.
fn send(
    server: &Server,
    key: &str,
    deliveries: &[Recorded],
    queue: Vec<usize>,
    time: Option<Duration>,
) -> Vec<usize> {
    let begun = std::time::Instant::now();
    let queue = Mutex::new(queue);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let client = Client::with_key(server, key);
                while time.is_none_or(|time| begun.elapsed() < time) {
                    let Some(at) = queue.lock().unwrap().pop() else { return };
                    let Recorded { path, body } = &deliveries[at];
                    let reply = client.send("POST", path, Some(body)).unwrap();
                    assert!(reply.status < 300, "{path}: {reply:?}");
                }
            });
        }
    });
    queue.into_inner().unwrap()
}

/// Waits until everything acknowledged is in the store.
fn taken_in(client: &Client) {
    while client.get("/readyz").is(200).json()["waiting"] != 0 {
        std::thread::sleep(Duration::from_millis(20));
    }
}
