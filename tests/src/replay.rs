//! Every vendor's deliveries in any order, several times, over several connections, with a kill in between: the same
//! items as from one of each in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use soulcaster_core::ProjectId;
use soulcaster_core::model::{FeedbackItem, Inbound, Proof, Scope};
use soulcaster_core::port::{Decoded, Delivery, Query};
use soulcaster_sources::signature::Auth;
use soulcaster_sources::vendor::{VENDORS, default_proof, webhook};

use crate::binary::Desk;
use crate::ledger::hash;
use crate::random::Random;
use crate::server::{Client, Server, block_on, engine, key, source};
use crate::signing;

const SERVE: [&str; 6] = ["serve", "--listen", "127.0.0.1:0", "--group-after", "0", "--rate=0"];
const SEEDS: [u64; 6] = [1, 2, 3, 4, 5, 6];
const CONNECTIONS: usize = 4;

/// A recorded delivery.
struct Recorded {
    vendor: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    reports: Vec<Inbound>,
}

/// Every recorded delivery that is pushed and can be read, in order.
fn recorded() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../soulcaster-sources/fixtures");
    let mut all = Vec::new();
    for vendor in VENDORS {
        let Ok(files) = std::fs::read_dir(folder.join(vendor)) else { continue };
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_none_or(|extension| extension != "md")) {
            let name = file.file_name().unwrap().to_str().unwrap();
            let kind = name.split('.').next().unwrap().to_owned();
            let headers = match vendor {
                "github" => vec![("x-github-event", kind)],
                "sentry" if ["comment", "event_alert", "issue", "metric_alert"].contains(&&*kind) => {
                    vec![("sentry-hook-resource", kind)]
                }
                _ => vec![],
            };
            let body = std::fs::read(file).unwrap();
            let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let delivery = Delivery { headers: owned, path: String::new(), body: body.clone() };
            let reader = webhook(vendor, Auth::AllowUnsigned).unwrap();
            let reports = match reader.decode(&delivery, SystemTime::now().into()) {
                Ok(Decoded::Reports(reports)) => reports,
                Ok(_) => vec![],
                Err(error) => panic!("{vendor} {name}: {error}"),
            };
            all.push(Recorded { vendor, headers, body, reports });
        }
    }
    all
}

/// A server's files, with a source of each vendor.
struct Place {
    desk: Desk,
    key: String,
    /// By vendor: how it proves itself, and where to.
    sources: BTreeMap<&'static str, (Proof, String)>,
}

impl Place {
    fn new() -> Self {
        let desk = Desk::new();
        let key = key(&desk, "shop", Scope::Admin, 1);
        let sources = (100..).zip(VENDORS).map(|(seed, vendor)| {
            let proof = default_proof(vendor).unwrap();
            let path = source(&desk, "shop", vendor, proof.clone(), &signing::secret(vendor, &proof), seed);
            (vendor, (proof, path))
        });
        let sources = sources.collect();
        Self { desk, key, sources }
    }

    /// Sends one delivery; whether it was answered.
    fn deliver(&self, url: &str, recorded: &Recorded) -> bool {
        let Recorded { vendor, headers, body, .. } = recorded;
        let (proof, path) = &self.sources[vendor];
        let mut client = Client::at(url);
        for (name, value) in headers.iter().cloned().chain(signing::headers(vendor, proof, body)) {
            client = client.header(name, &value);
        }
        let Ok(reply) = client.send("POST", path, Some(body)) else { return false };
        let told = String::from_utf8_lossy(&reply.body);
        assert!((200..300).contains(&reply.status), "{vendor}: {} {told}", reply.status);
        true
    }

    /// Every item, once everything is taken in and the server has stopped.
    fn items(&self, server: Server) -> Vec<FeedbackItem> {
        Client::with_key(&server, &self.key).settled();
        assert_eq!(server.stop().0, Some(0));
        assert!(self.desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
        let query = Query { blobs: true, ..Query::all::<FeedbackItem>() };
        let store = engine(&self.desk).store().clone();
        block_on(store.read_all(&ProjectId::new("shop").unwrap(), &query)).unwrap()
    }
}

/// What the deliveries are about.
#[derive(Default)]
struct Subjects {
    /// By item: the contents it is reported with.
    contents: BTreeMap<String, BTreeSet<String>>,
    /// Items with a report that gives no time.
    untimed: BTreeSet<String>,
}

impl Subjects {
    fn of(all: &[Recorded]) -> Self {
        let mut subjects = Self::default();
        for report in all.iter().flat_map(|recorded| &recorded.reports) {
            let id = report.feedback_id().to_string();
            subjects.contents.entry(id.clone()).or_default().insert(report.occurrence());
            if report.seen_at().is_none() {
                subjects.untimed.insert(id);
            }
        }
        subjects
    }

    /// The items as text that does not depend on when the server received what.
    fn dump(&self, items: &[FeedbackItem]) -> String {
        let line = |item: &FeedbackItem| {
            let mut shown = serde_json::to_value(item).unwrap();
            let fields = shown.as_object_mut().unwrap();
            fields.remove("received_at");
            if self.untimed.contains(item.id.as_str()) {
                fields.remove("last_seen");
            }
            fields.insert("raw".into(), hash(item.raw_payload.as_deref().unwrap()).into());
            format!("{} {shown}", item.id)
        };
        let mut lines: Vec<String> = items.iter().map(line).collect();
        lines.sort();
        lines.join("\n")
    }
}

#[test]
fn deliveries_in_any_order_and_number_give_the_items_of_one_each() {
    let all = recorded();
    let subjects = Subjects::of(&all);
    let wanted: BTreeSet<&str> = subjects.contents.keys().map(String::as_str).collect();
    assert!(all.len() > 80 && wanted.len() > 60, "{} deliveries, {} items", all.len(), wanted.len());
    let several: Vec<_> = subjects.contents.iter().filter(|(_, contents)| contents.len() > 1).collect();
    // One that gives no time is as late as it arrives: its order would matter.
    assert!(
        several.len() > 1 && several.iter().all(|(id, _)| !subjects.untimed.contains(*id)),
        "{several:?}"
    );
    let calm = Place::new();
    let server = Server::run(calm.desk.command(&SERVE));
    assert!(all.iter().all(|recorded| calm.deliver(&server.url, recorded)));
    let items = calm.items(server);
    assert_eq!(items.iter().map(|item| item.id.as_str()).collect::<BTreeSet<_>>(), wanted);
    let calm = subjects.dump(&items);
    for seed in SEEDS {
        let mut random = Random::new(seed);
        let mut order: Vec<usize> = (0..all.len()).flat_map(|n| vec![n; 1 + random.below(5)]).collect();
        random.shuffle(&mut order);
        let middle = order.len() * (30 + random.below(40)) / 100;
        let place = Place::new();
        let server = Server::run(place.desk.command(&SERVE));
        let (url, left) = (Mutex::new(server.url.clone()), Mutex::new(order));
        let server = std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    while let Some(next) = { left.lock().unwrap().pop() } {
                        // Whoever gets no answer sends it again, wherever the server is then.
                        while !place.deliver(&{ url.lock().unwrap().clone() }, &all[next]) {
                            std::thread::sleep(Duration::from_millis(5));
                        }
                    }
                });
            }
            while { left.lock().unwrap().len() } > middle {
                std::thread::sleep(Duration::from_millis(1));
            }
            server.kill();
            let server = Server::run(place.desk.command(&SERVE));
            url.lock().unwrap().clone_from(&server.url);
            server
        });
        let dump = subjects.dump(&place.items(server));
        for (line, calm) in dump.lines().zip(calm.lines()) {
            assert_eq!(line, calm, "seed {seed}");
        }
        assert_eq!(dump.len(), calm.len(), "seed {seed}");
    }
}
