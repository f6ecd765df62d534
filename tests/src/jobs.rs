//! Grouping jobs of the server, beside other processes that group.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use soulcaster_core::ProjectId;
use soulcaster_core::model::{Inbound, Scope};
use soulcaster_sources::{Arrival, Inbox};

use crate::binary::Desk;
use crate::reports::{at, reports};
use crate::server::{Client, Server, block_on, key};

const SERVE: [&str; 6] = ["serve", "--listen", "127.0.0.1:0", "--group-after", "0", "--rate=0"];

/// Jobs that each of four clients asks for.
const JOBS: usize = 20;

#[test]
fn no_job_fails_because_another_process_groups() {
    let desk = Desk::new();
    let key = key(&desk, "default", Scope::Admin, 1);
    let server = Server::run(desk.command(&SERVE));
    let client = Client::with_key(&server, &key);
    let deliver = |texts: Vec<String>| {
        let items: Vec<Value> = texts.into_iter().map(|text| json!({"title": text})).collect();
        client.post("/ingest/manual", &json!({"items": items})).is(202);
    };
    deliver(reports(400).into_iter().map(|report| report.title).collect());
    client.settled();
    let (asked, settled) = (AtomicUsize::new(0), AtomicBool::new(false));
    let asked_for: BTreeSet<String> = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut runs = 0;
                while runs < 3 || asked.load(Ordering::Relaxed) < 4 * JOBS {
                    desk.run(&["recluster"]).ok();
                    runs += 1;
                }
            });
        }
        let clients = (0..4).map(|number| {
            let (asked, client, deliver) = (&asked, &client, &deliver);
            scope.spawn(move || {
                let ask = |nth: usize| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    deliver(vec![format!("the export number {number} of {nth} is empty")]);
                    let job =
                        client.post("/cluster-jobs", &json!({"full": nth % 4 == number})).is(202).json();
                    std::thread::sleep(Duration::from_millis(30));
                    job["id"].as_str().unwrap().to_owned()
                };
                (0..JOBS).map(ask).collect::<Vec<_>>()
            })
        });
        let clients: Vec<_> = clients.collect();
        // Not even for a while.
        let watch = scope.spawn(|| {
            while !settled.load(Ordering::Relaxed) {
                let jobs = client.get("/cluster-jobs?limit=1000").is(200).json();
                let failed = jobs.as_array().unwrap().iter().find(|job| job["status"] == "failed");
                assert!(failed.is_none(), "{failed:#?}");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let asked_for = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        client.settled();
        settled.store(true, Ordering::Relaxed);
        watch.join().unwrap();
        asked_for
    });
    let jobs = client.get("/cluster-jobs?limit=1000").is(200).json();
    let jobs = jobs.as_array().unwrap();
    let others: Vec<&Value> = jobs.iter().filter(|job| job["status"] != "succeeded").collect();
    assert!(others.is_empty(), "{others:#?}");
    let known: BTreeSet<&str> = jobs.iter().map(|job| job["id"].as_str().unwrap()).collect();
    let found = asked_for.iter().filter(|id| known.contains(id.as_str())).count();
    assert!(found > 0, "none of {} jobs is in the book", asked_for.len());
    assert_eq!(server.stop().0, Some(0));
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
}

#[test]
fn what_waits_at_the_start_counts_until_it_is_grouped() {
    let desk = Desk::new();
    let key = key(&desk, "default", Scope::Admin, 1);
    let (parts, each) = (300, 5);
    {
        let inbox = Inbox::open(desk.path("s.inbox.db"), parts).unwrap();
        let texts = reports(96);
        let report =
            |n: usize| Inbound { external_id: Some(format!("r{n}")), ..texts[n % texts.len()].clone() };
        block_on(async {
            for part in 0..parts {
                let reports = (part * each..(part + 1) * each).map(report).collect();
                let project = ProjectId::new("default").unwrap();
                inbox.put(&Arrival { project, received_at: at(0), reports }).await.unwrap();
            }
        });
    }
    let doctor = desk.run(&["doctor"]).ok().out;
    assert!(doctor.contains("300 deliveries wait") && !doctor.contains("all is well"), "{doctor}");
    let server = Server::run(desk.command(&SERVE));
    let client = Client::with_key(&server, &key);
    client.settled();
    let stats = client.get("/stats").is(200).json();
    assert_eq!((&stats["items"], &stats["waiting"]), (&json!(parts * each), &json!(0)), "{stats}");
    assert_eq!(server.stop().0, Some(0));
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
}
