//! SIGTERM while everybody is busy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::Victim;
use crate::server::{Client, Server, key};
use crate::wire::Wire;
use soulcaster_core::model::Scope;

#[test]
fn a_server_told_to_stop_finishes_what_it_has_begun() {
    let Victim { desk, mut server, _alone: _lock, .. } = Victim::start();
    let admin = key(&desk, "default", Scope::Admin, 2);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    for round in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..6)
            .map(|sender| {
                let (client, stop) = (Client::with_key(&server, &admin), stop.clone());
                let acknowledged = acknowledged.clone();
                std::thread::spawn(move || {
                    for n in 0.. {
                        let id = format!("r{round}-{sender}-{n}");
                        let report = json!({"text": format!("report {n} of {sender}"), "id": id}).to_string();
                        match client.send("POST", "/ingest/manual", Some(report.as_bytes())) {
                            Ok(reply) if reply.status == 202 => acknowledged.lock().unwrap().push(id),
                            Ok(reply) => assert_eq!(reply.status, 503, "{reply:?}"),
                            // It stops: nothing was promised.
                            Err(_) if stop.load(Ordering::Relaxed) => return n,
                            Err(error) => panic!("{id}: {error}"),
                        }
                    }
                    0
                })
            })
            .collect();
        // Some that only sit there, some in the middle of their headers or bodies.
        let mut idle: Vec<Wire> = (0..60).map(|_| Wire::open(&server)).collect();
        for (n, wire) in idle.iter_mut().enumerate() {
            let partial =
                ["", "GET /hea", "POST /ingest/manual HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"];
            wire.send(partial[n % 3].as_bytes());
        }
        std::thread::sleep(Duration::from_millis(700 + round * 300));
        stop.store(true, Ordering::Relaxed);
        let (code, took) = server.stop();
        println!(
            "round {round}: code {code:?} after {took:?}, {} acknowledged",
            acknowledged.lock().unwrap().len()
        );
        assert!(code == Some(0) && took < Duration::from_secs(10), "{code:?} after {took:?}");
        for sender in senders {
            assert!(sender.join().expect("only the end was refused") > 5, "it was not busy");
        }
        server = Server::start(&desk, &["--group-after", "0"]);
    }
    let client = Client::with_key(&server, &admin);
    client.settled();
    let mut kept: BTreeMap<String, u64> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/feedback?limit=1000{cursor}")).is(200).json();
        for item in page["items"].as_array().unwrap() {
            if let Some(id) = item["external_id"].as_str() {
                *kept.entry(id.to_owned()).or_default() += item["occurrences"].as_u64().unwrap();
            }
        }
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let acknowledged = acknowledged.lock().unwrap();
    let lost: Vec<_> = acknowledged.iter().filter(|id| kept.get(*id) != Some(&1)).collect();
    assert!(lost.is_empty(), "of {} acknowledged these are lost or doubled: {lost:?}", acknowledged.len());
    assert!(acknowledged.len() > 100);
}
