//! Hostile and slow clients, and crowds of them. A binary of its own, one test at a time: it measures.
#![allow(clippy::unwrap_used)] // nothing but tests and what they share
#![cfg(target_os = "linux")] // reads /proc

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;
use soulcaster_core::model::Scope;

#[allow(dead_code)] // the other tests use the rest
mod binary;
#[path = "hostile/bodies.rs"]
mod bodies;
#[path = "hostile/crowd.rs"]
mod crowd;
#[path = "hostile/drips.rs"]
mod drips;
#[path = "hostile/framing.rs"]
mod framing;
#[allow(dead_code)]
mod server;
#[path = "hostile/stopping.rs"]
mod stopping;
mod wire;

use binary::Desk;
use server::{Client, Server, key};

/// The default limit of a body.
const LIMIT: u64 = 1 << 20;

/// Tests that measure do so one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server, and one of its healthy clients.
struct Victim {
    desk: Desk,
    server: Server,
    client: Client,
    _alone: MutexGuard<'static, ()>,
}

impl Victim {
    fn start() -> Self {
        let alone = alone();
        let desk = Desk::new();
        let admin = key(&desk, "default", Scope::Admin, 1);
        // Grouping would be measured too.
        let server = Server::start(&desk, &["--group-after", "3600"]);
        let client = Client::with_key(&server, &admin);
        // The first ones are what lists begin with: let them be short.
        for n in 0..10 {
            client.post("/ingest/manual", &json!({"text": format!("one of the first reports {n}")})).is(202);
        }
        taken_in(&client);
        Self { desk, server, client, _alone: alone }
    }

    /// The same after much use, so that what it holds is what it goes on to hold.
    fn used(self) -> Self {
        let client = &self.client;
        // As long as a body may be, and of as many parts; at once, so that every thread has seen them.
        let many: serde_json::Map<_, _> = (0..45_000).map(|n| (format!("k{n}"), n.into())).collect();
        let largest = [json!({"text": "x".repeat(1_000_000)}), json!({"text": "many", "parts": many})];
        let largest = largest.map(|report| report.to_string());
        std::thread::scope(|scope| {
            for n in 0..4 {
                let (client, largest) = (client.clone(), &largest);
                scope.spawn(move || {
                    for body in largest.iter().cycle().take(10) {
                        client.send("POST", "/ingest/manual", Some(body.as_bytes())).unwrap().is(202);
                    }
                    for m in 0..50 {
                        client.post("/ingest/manual", &json!({"text": format!("report {m} of {n}")})).is(202);
                        client.get("/feedback?limit=5").is(200);
                    }
                });
            }
        });
        taken_in(client);
        self
    }

    /// Memory of the server, in bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// That a delivery is still taken and a look answered, soon.
    #[track_caller]
    fn is_well(&self) {
        let begun = Instant::now();
        self.client.post("/ingest/manual", &json!({"text": "are you well?"})).is(202);
        self.client.get("/feedback?limit=1").is(200);
        assert!(begun.elapsed() < Duration::from_secs(2), "it answers late: {:?}", begun.elapsed());
    }
}

/// Waits until everything acknowledged lies in the store.
#[track_caller]
fn taken_in(client: &Client) {
    let begun = Instant::now();
    while client.get("/stats").is(200).json()["waiting"] != 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is taken in");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The 99th percentile of how long `requests` deliveries and looks take, the median of several windows.
fn p99(client: &Client, windows: usize, requests: usize) -> Duration {
    let mut found: Vec<Duration> = (0..windows)
        .map(|_| {
            let mut took: Vec<Duration> = (0..requests)
                .map(|n| {
                    let begun = Instant::now();
                    if n % 2 == 0 {
                        client
                            .post("/ingest/manual", &json!({"text": "a report of a healthy client"}))
                            .is(202);
                    } else {
                        client.get("/feedback?limit=5").is(200);
                    }
                    begun.elapsed()
                })
                .collect();
            took.sort();
            took[requests * 99 / 100]
        })
        .collect();
    found.sort();
    found[windows / 2]
}
