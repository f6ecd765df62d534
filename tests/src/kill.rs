//! SIGKILL at any moment of a server that is delivered to: nothing acknowledged is lost, nothing doubled, nothing
//! halved, and everything is grouped in the end.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use soulcaster_core::ProjectId;
use soulcaster_core::model::{FeedbackItem, Scope};
use soulcaster_core::port::Query;
use soulcaster_sources::Inbox;

use crate::binary::Desk;
use crate::ledger::{Ledger, Log};
use crate::random::Random;
use crate::sender::Sender;
use crate::server::{Client, Server, block_on, engine, key};

/// Kills in a normal run; `SOULCASTER_KILLS` asks for another number.
const KILLS: usize = 100;

const PROJECTS: [&str; 2] = ["shop", "bank"];

/// Writers of each project.
const WRITERS: usize = 2;

const SERVE: [&str; 6] = ["serve", "--listen", "127.0.0.1:0", "--group-after", "0", "--rate=0"];

/// What the writers look at.
#[derive(Default)]
struct Board {
    /// Where the server is, while it lives.
    url: Mutex<Option<String>>,
    /// Set when no more is to be written.
    over: Mutex<bool>,
}

impl Board {
    fn show(&self, url: Option<&str>) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url.map(str::to_owned);
    }

    fn url(&self) -> Option<String> {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_over(&self) -> bool {
        *self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the writers, also when the test fails.
struct Writers(Arc<Board>, Vec<JoinHandle<()>>);

impl Writers {
    fn end(mut self) {
        *self.0.over.lock().unwrap() = true;
        for writer in std::mem::take(&mut self.1) {
            writer.join().expect("a writer met something unexpected");
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        *self.0.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// Delivers until it is over; a delivery that is not answered is sent again, and a few of them are not.
fn write(board: &Board, key: &str, mut sender: Sender, mut log: Log, seed: u64) {
    let mut random = Random::new(seed);
    let mut client: Option<Client> = None;
    while !board.is_over() {
        let sent = sender.next();
        loop {
            let Some(url) = board.url() else {
                if board.is_over() {
                    return; // the test has failed
                }
                std::thread::sleep(Duration::from_millis(2));
                continue;
            };
            let client = match client.take().filter(|client| client.url() == url) {
                Some(known) => client.insert(known),
                None => client.insert(Client::at(&url).key(key)),
            };
            match client.send("POST", sent.path, Some(&sent.body)) {
                Ok(reply) => {
                    let receipt = reply.is(202).json();
                    let items: Vec<_> = sent.items.iter().map(ToString::to_string).collect();
                    assert_eq!(receipt["items"], serde_json::json!(items), "{receipt}");
                    log.acknowledged(&sent);
                    sender.acknowledged(&sent);
                    break;
                }
                Err(_) if sent.is_first && random.below(4) == 0 => {
                    log.given_up(&sent);
                    break;
                }
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        std::thread::sleep(Duration::from_millis(random.below(12) as u64));
    }
}

/// Whether the process was still there to be killed.
fn kill(mut child: Child) -> bool {
    let lived = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    lived
}

struct Ward {
    desk: Desk,
    logs: Vec<(&'static str, PathBuf)>,
}

impl Ward {
    fn ledger(&self, project: &str) -> Ledger {
        let mut ledger = Ledger::default();
        self.logs.iter().filter(|(of, _)| *of == project).for_each(|(_, log)| ledger.read(log));
        ledger
    }

    fn items(&self, project: &str) -> Vec<FeedbackItem> {
        let query = Query { blobs: true, ..Query::all::<FeedbackItem>() };
        let project = ProjectId::new(project).unwrap();
        block_on(engine(&self.desk).store().read_all(&project, &query)).unwrap()
    }

    /// While no server runs: what was acknowledged is in the inbox or in the store.
    fn look(&self) {
        let inbox = Inbox::open(self.desk.path("s.inbox.db"), usize::MAX).unwrap();
        let waiting = inbox.oldest(usize::MAX, usize::MAX).unwrap();
        let waiting: Vec<_> = waiting.into_iter().map(|(_, arrival)| arrival.unwrap()).collect();
        for project in PROJECTS {
            let own = waiting.iter().filter(|arrival| arrival.project.as_str() == project);
            let reports: Vec<_> = own.flat_map(|arrival| arrival.reports.clone()).collect();
            self.ledger(project).check_kept(&self.items(project), &reports);
        }
    }
}

#[test]
fn a_killed_server_loses_doubles_and_halves_nothing() {
    let kills = std::env::var("SOULCASTER_KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let (begun, desk, board) = (Instant::now(), Desk::new(), Arc::new(Board::default()));
    let mut random = Random::new(0x6b31);
    let (mut logs, mut threads, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (seed, project) in (0..).zip(PROJECTS) {
        let key = key(&desk, project, Scope::Admin, seed);
        for writer in 0..WRITERS {
            let (name, seed) = (format!("{project}{writer}"), random.number());
            let path = desk.path(&format!("{name}.log"));
            let (sender, log) = (Sender::new(name, seed), Log::create(&path));
            logs.push((project, path));
            let (board, key) = (board.clone(), key.clone());
            threads.push(std::thread::spawn(move || write(&board, &key, sender, log, seed)));
        }
        keys.push(key);
    }
    let writers = Writers(board.clone(), threads);
    let ward = Ward { desk, logs };
    let desk = &ward.desk;
    let quiet = || {
        let mut command = desk.command(&SERVE);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let (mut serving, mut starting, mut stopping, mut round) = (0, 0, 0, 0);
    let mut to_start = Duration::from_millis(500);
    while serving + starting + stopping < kills {
        round += 1;
        if round % 3 == 0 {
            // While it starts, and mostly while it recovers from the kill before.
            for _ in 0..=round % 2 {
                let child = quiet();
                std::thread::sleep(to_start.mul_f64(random.below(1200) as f64 / 1000.0));
                starting += usize::from(kill(child));
            }
        }
        let started = Instant::now();
        let mut server = Server::run(desk.command(&SERVE));
        to_start = started.elapsed();
        board.show(Some(&server.url));
        std::thread::sleep(Duration::from_millis(50 + random.below(550) as u64));
        if round % 5 == 0 {
            server.signal();
            std::thread::sleep(Duration::from_millis(random.below(10) as u64));
            stopping += usize::from(server.is_running());
        } else {
            serving += 1;
        }
        server.kill();
        board.show(None);
        if round % 8 == 0 {
            ward.look();
        }
    }
    let server = Server::run(desk.command(&SERVE));
    board.show(Some(&server.url));
    writers.end();
    server.kill();
    // Nobody delivers any more, and nobody asks for anything to be grouped.
    let server = Server::run(desk.command(&SERVE));
    for key in &keys {
        let client = Client::with_key(&server, key);
        client.settled();
        let jobs = client.get("/cluster-jobs?limit=1000").is(200).json();
        let (done, others): (Vec<&Value>, Vec<&Value>) =
            jobs.as_array().unwrap().iter().partition(|job| job["status"] == "succeeded");
        assert!(!done.is_empty() && others.is_empty(), "{} done, but {others:#?}", done.len());
    }
    assert_eq!(server.stop().0, Some(0));
    let (mut deliveries, mut items) = (0, 0);
    for project in PROJECTS {
        let ledger = ward.ledger(project);
        ledger.check(&ward.items(project));
        (deliveries, items) = (deliveries + ledger.deliveries, items + ledger.items());
    }
    let doctor = desk.run(&["doctor"]).ok().out;
    assert!(doctor.ends_with("all is well\n"), "{doctor}");
    eprintln!(
        "kills: {serving} while serving, {starting} while starting, {stopping} while stopping; {deliveries} \
         deliveries about {items} items acknowledged; {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    assert!(
        starting >= kills / 8 && stopping >= kills / 30,
        "{starting} while starting, {stopping} while stopping"
    );
    assert!(deliveries > 2 * kills, "{deliveries} deliveries");
}
