//! Load on `soulcaster serve`, on loopback, by clients that keep their connections; prints a table.
//!
//! `cargo bench -p soulcaster-benches --bench load` builds the release binary and takes about two minutes.
//! The machine's two cores are shared by server and clients.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // it prints a table, and stops at the first surprise

mod client;
mod server;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::{Connection, Latencies};
use server::Server;

/// Clients that send as fast as they are answered.
const CLIENTS: usize = 8;
/// Reports sent one a request.
const SINGLES: usize = 8_000;
/// Reports sent in batches, and how many a batch.
const BATCHED: usize = 40_000;
const BATCH: usize = 100;
/// Requests a second offered, for how long, by how many connections, and how large.
const OFFERED: usize = 1_000;
const SPAN: Duration = Duration::from_secs(15);
const CONNECTIONS: usize = 64;
const BODY: usize = 4 << 10;
/// Reads of the list of clusters.
const READS: usize = 2_000;

/// The published figures of the system that this one replaces, one process on two cores, in requests a second:
/// in memory without grouping, and with grouping on a local Redis.
const IN_MEMORY: f64 = 538.0;
const GROUPING: f64 = 30.5;

fn main() {
    let questions = questions();
    println!("| what | figure | |\n|---|---|---|");

    let server = Server::start(&["--group-after", "1", "--rate", "0"]);
    let (rate, latencies) =
        flat_out(&server, SINGLES, |n| ("/ingest/manual", report(n, &questions[n % questions.len()])));
    println!(
        "| one report a request, {CLIENTS} clients, durable, grouping on | {rate:.0}/s; {latencies} | {:.0}x the {GROUPING}/s with grouping, {:.1}x the {IN_MEMORY}/s in memory |",
        rate / GROUPING,
        rate / IN_MEMORY
    );
    let taken = server.settle();
    println!("| the same, until the last report is grouped | {taken:.1} s more | |");
    drop(server);

    let server = Server::start(&["--group-after", "1", "--rate", "0"]);
    let (rate, latencies) = flat_out(&server, BATCHED / BATCH, |batch| {
        let reports: Vec<String> = (batch * BATCH..(batch + 1) * BATCH)
            .map(|n| report(n, &format!("{} ({})", questions[n % questions.len()], n / questions.len())))
            .collect();
        ("/ingest/generic", format!("[{}]", reports.join(",")))
    });
    println!(
        "| batches of {BATCH}, {CLIENTS} clients, durable, grouping on | {:.0} reports/s; a batch {latencies} | |",
        rate * BATCH as f64
    );
    drop(server);

    let body = |n: usize| {
        let question = &questions[n % questions.len()];
        let filler = "x ".repeat((BODY - question.len().min(BODY)) / 2);
        ("/ingest/manual", report(n, &format!("{question} {filler}")))
    };
    let server = Server::start(&["--group-after", "3600", "--rate", "0"]);
    let idle = offered(&server, 0, body);
    println!("| {OFFERED} requests/s of 4 KiB offered, no grouping | {idle} | |");
    drop(server);
    let server = Server::start(&["--group-after", "1", "--rate", "0"]);
    let busy = offered(&server, 0, body);
    let groups = server.clusters();
    println!(
        "| the same while their project is grouped ({groups} groups by then) | {busy} | p99 {:+.0} % |",
        100.0 * (busy.at(0.99) / idle.at(0.99) - 1.0)
    );
    drop(server);

    let server = Server::start(&["--group-after", "0", "--rate", "0"]);
    let reports: Vec<String> =
        (0..1_000).map(|n| report(n, &variant(&questions[n % 100], n / 100))).collect();
    server.connection().post("/ingest/generic", &format!("[{}]", reports.join(",")));
    server.settle();
    let clusters = server.clusters();
    let mut connection = server.connection();
    let mut reads = Latencies::default();
    for _ in 0..READS {
        let begun = Instant::now();
        connection.get("/clusters?limit=100");
        reads.push(begun.elapsed());
    }
    println!("| GET /clusters, 1,000 reports in {clusters} clusters, one connection | {reads} | |");
}

/// Sends `requests` as fast as the server answers; gives how many a second.
fn flat_out(
    server: &Server,
    requests: usize,
    make: impl Fn(usize) -> (&'static str, String) + Sync,
) -> (f64, Latencies) {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let all = std::thread::scope(|scope| {
        let work = || {
            let (mut connection, mut latencies) = (server.connection(), Latencies::default());
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= requests {
                    return latencies;
                }
                let (path, body) = make(n);
                let sent = Instant::now();
                connection.post(path, &body);
                latencies.push(sent.elapsed());
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    (requests as f64 / begun.elapsed().as_secs_f64(), all)
}

/// Sends [`OFFERED`] requests a second whether or not they are answered; a latency counts from when its request was due.
fn offered(server: &Server, from: usize, make: impl Fn(usize) -> (&'static str, String) + Sync) -> Latencies {
    let begun = Instant::now() + Duration::from_millis(100);
    let total = OFFERED * SPAN.as_secs() as usize;
    std::thread::scope(|scope| {
        let make = &make;
        let work = move |first: usize| {
            let (mut connection, mut latencies): (Connection, _) =
                (server.connection(), Latencies::default());
            for n in (first..total).step_by(CONNECTIONS) {
                let due = begun + Duration::from_secs_f64(n as f64 / OFFERED as f64);
                let (path, body) = make(from + n);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                connection.post(path, &body);
                latencies.push(due.elapsed());
            }
            latencies
        };
        let clients: Vec<_> = (0..CONNECTIONS).map(|first| scope.spawn(move || work(first))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn report(n: usize, text: &str) -> String {
    serde_json::json!({"id": format!("load-{n}"), "text": text, "title": text}).to_string()
}

/// The same thing said a little differently.
fn variant(question: &str, n: usize) -> String {
    const OPENINGS: [&str; 10] =
        ["", "Hello, ", "Hi! ", "Please: ", "Help, ", "Question: ", "Hey, ", "So, ", "Urgent: ", "Again: "];
    format!("{}{question}", OPENINGS[n])
}

fn questions() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/banking-questions.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let title = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["title"].as_str().unwrap().to_owned()
    };
    text.lines().map(title).collect()
}
