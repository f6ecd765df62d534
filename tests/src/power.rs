//! Power cuts: whatever a disk may hold after one, what was acknowledged before it is there, once, and nothing is
//! damaged.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use soulcaster_core::model::FeedbackItem;
use soulcaster_core::port::Query;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::{Arrival, Inbox, SqliteStore};
use tempfile::TempDir;

use crate::binary::Desk;
use crate::disk::{Disk, Fate, Record};
use crate::ledger::{Entry, Ledger};
use crate::random::Random;
use crate::sender::{Sender, Sent};
use crate::server::{Client, Server, block_on};

/// Cuts in a normal run; `SOULCASTER_CUTS` asks for another number.
const CUTS: usize = 360;

/// Cuts while a log is folded in, and what makes that happen: so many deliveries of so many bytes.
const FOLDED: usize = 30;
const MANY: usize = 10;
const LARGE: usize = 600_000;

/// Every so many cuts it is the server that goes on from there.
const SERVED: usize = 24;

const WRITERS: usize = 3;

/// Deliveries of each writer in each life of the server.
const DELIVERIES: usize = 12;

/// Names the acknowledgement of the key.
const KEY: &str = "key";

/// Builds the library that writes down what a process writes; `None` where that cannot be done.
fn recorder(folder: &Path) -> Option<PathBuf> {
    let library = folder.join("power.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/power.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl");
    let built = cfg!(target_os = "linux") && compiler.status().is_ok_and(|status| status.success());
    assert!(built || std::env::var("CI").as_deref() != Ok("true"), "power cuts need Linux and cc");
    if !built {
        eprintln!("SKIPPED: power cuts are not tested; they need Linux and a C compiler named cc");
    }
    built.then_some(library)
}

/// What was done, and by whom it was acknowledged.
struct Recording {
    log: Vec<u8>,
    key: String,
    /// By writer, in order.
    sent: Vec<Vec<Sent>>,
}

fn acknowledge(log: &mut File, name: &str, nth: usize) {
    let record = Record { kind: b'A', thread: 0, offset: nth as u64, name, data: b"" };
    log.write_all(&record.bytes()).expect("the log is written");
}

/// Lives with everything in them: files that are made, deliveries, groupings, a stop, a kill, a recovery.
fn record(
    library: &Path,
    folder: &Path,
    lives: usize,
    deliveries: usize,
    mut senders: Vec<Sender>,
) -> Recording {
    let (desk, log) = (Desk::new(), folder.join("log"));
    File::create(&log).unwrap();
    let command = |args: &[&str]| {
        let mut command = desk.command(args);
        let watched = desk.path("").canonicalize().unwrap();
        command.env("LD_PRELOAD", library).env("POWER_LOG", &log).env("POWER_FOLDER", watched);
        command
    };
    let append = || OpenOptions::new().append(true).open(&log).unwrap();
    let made = command(&["keys", "create", "--project", "shop", "-q"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    acknowledge(&mut append(), KEY, 0);
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let sent: Arc<Mutex<Vec<Vec<Sent>>>> = Arc::new(Mutex::new(vec![Vec::new(); WRITERS]));
    for end in (0..lives).rev() {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--group-after", "0", "--rate=0"];
        let server = Server::run(command(&serve));
        std::thread::scope(|scope| {
            for (writer, sender) in senders.iter_mut().enumerate() {
                let (client, sent, mut log) = (Client::with_key(&server, &key), sent.clone(), append());
                scope.spawn(move || {
                    for _ in 0..deliveries {
                        let delivery = sender.next();
                        let nth = {
                            let mut sent = sent.lock().unwrap();
                            sent[writer].push(delivery.clone());
                            sent[writer].len() - 1
                        };
                        client.send("POST", delivery.path, Some(&delivery.body)).unwrap().is(202);
                        acknowledge(&mut log, &format!("w{writer}"), nth);
                        sender.acknowledged(&delivery);
                    }
                });
            }
        });
        match end {
            2 => assert_eq!(server.stop().0, Some(0)),
            1 => server.kill(),
            _ => {
                Client::with_key(&server, &key).settled();
                assert_eq!(server.stop().0, Some(0));
            }
        }
    }
    let sent = std::mem::take(&mut *sent.lock().unwrap());
    Recording { log: std::fs::read(&log).unwrap(), key, sent }
}

/// What has been acknowledged so far.
#[derive(Default)]
struct Acknowledged {
    key: bool,
    /// By writer.
    deliveries: [usize; WRITERS],
}

impl Acknowledged {
    fn note(&mut self, record: &Record<'_>) {
        match record.name.strip_prefix('w') {
            Some(writer) => self.deliveries[writer.parse::<usize>().unwrap()] = record.offset as usize + 1,
            None => self.key = true,
        }
    }

    /// What has to be there, and the delivery of each writer that was under way.
    fn ledger(&self, sent: &[Vec<Sent>]) -> Ledger {
        let mut ledger = Ledger::default();
        for (sent, count) in sent.iter().zip(self.deliveries) {
            let entries = sent.iter().take(count + 1).enumerate();
            let entries: Vec<Entry> = entries.map(|(n, sent)| Entry::of(sent, n < count)).collect();
            ledger.add(&entries);
        }
        ledger
    }
}

fn project() -> ProjectId {
    ProjectId::new("shop").unwrap()
}

/// Opens what the cut has left, takes in what waits, and looks at everything.
fn look(folder: &Path, acknowledged: &Acknowledged, recording: &Recording) {
    let inbox = Inbox::open(folder.join("s.inbox.db"), usize::MAX).unwrap();
    let store = Arc::new(SqliteStore::open(folder.join("s.db")).unwrap());
    let soulcaster = Soulcaster::builder(store.clone()).build().unwrap();
    block_on(async {
        for (seq, arrival) in inbox.oldest(usize::MAX, usize::MAX).unwrap() {
            let Arrival { project, received_at, reports } = arrival.unwrap();
            let reports = reports.into_iter().map(|report| (report, received_at)).collect();
            let report = soulcaster.ingest_received(&project, reports).await.unwrap();
            assert!(report.rejected.is_empty(), "{report:?}");
            inbox.remove(seq).await.unwrap();
        }
        let query = Query { blobs: true, ..Query::all::<FeedbackItem>() };
        acknowledged
            .ledger(&recording.sent)
            .check(&soulcaster.store().read_all(&project(), &query).await.unwrap());
        if acknowledged.key {
            soulcaster.authenticate(&recording.key).await.unwrap();
        }
        let faults: Vec<_> =
            soulcaster.check(&project()).await.unwrap().into_iter().filter(|finding| finding.fault).collect();
        assert!(faults.is_empty(), "{faults:?}");
    });
    assert_eq!((inbox.check().unwrap(), store.check().unwrap()), (vec![], vec![]));
    let jobs = folder.join("s.jobs.db");
    if jobs.exists() {
        let jobs = rusqlite::Connection::open(jobs).unwrap();
        let whole: String = jobs.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(whole, "ok");
    }
}

/// Lets the server go on from what the cut has left.
fn serve(folder: &Path, acknowledged: &Acknowledged, recording: &Recording) {
    let mut command = Desk::new().command(&["serve", "--listen", "127.0.0.1:0", "--group-after", "0"]);
    let server = Server::run({
        command.env("SOULCASTER_DB", folder.join("s.db")).current_dir(folder);
        command
    });
    if acknowledged.key {
        let client = Client::with_key(&server, &recording.key);
        client.settled();
        let jobs = client.get("/cluster-jobs").is(200).json();
        assert!(jobs.as_array().unwrap().iter().all(|job| job["status"] == "succeeded"), "{jobs}");
    }
    assert_eq!(server.stop().0, Some(0));
}

/// Where the files of a cut are put: in memory where there is a place, for nothing depends on that disk.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn senders() -> impl Iterator<Item = Sender> {
    (0..WRITERS).map(|n| Sender::new(format!("w{n}"), n as u64))
}

/// Cuts the power after each of `points`, which are places in the log.
fn cut(recording: &Recording, records: &[Record<'_>], mut points: Vec<usize>, random: &mut Random) {
    let (begun, cuts) = (Instant::now(), points.len());
    points.sort_unstable();
    let (mut disk, mut acknowledged, mut next) = (Disk::default(), Acknowledged::default(), 0);
    for (nth, point) in points.into_iter().enumerate() {
        for record in &records[next..(point + 1).max(next)] {
            disk.apply(record);
            if record.kind == b'A' {
                acknowledged.note(record);
            }
        }
        next = next.max(point + 1);
        let percent = *random.of(&[5, 50, 95]);
        let fate = match random.below(4) {
            0 => Fate::Lost,
            1 => Fate::Kept,
            _ => Fate::Torn(Random::new(random.number()), percent),
        };
        let told = format!("cut {nth} after record {point} of {}: {fate:?}", records.len());
        let place = scratch();
        for (name, bytes) in disk.after_a_cut(fate) {
            std::fs::write(place.path().join(name), bytes).unwrap();
        }
        let checked = std::panic::catch_unwind(|| {
            if nth % SERVED == 0 {
                serve(place.path(), &acknowledged, recording);
            }
            look(place.path(), &acknowledged, recording);
        });
        assert!(checked.is_ok(), "{told}");
    }
    let count = |kind| records.iter().filter(|record| record.kind == kind).count();
    eprintln!(
        "{cuts} power cuts over {} writes, {} syncs and {} deliveries; {:.0} s",
        count(b'W'),
        count(b'E'),
        count(b'A') - 1,
        begun.elapsed().as_secs_f64()
    );
}

#[test]
fn a_power_cut_at_any_moment_loses_and_damages_nothing() {
    let folder = scratch();
    let Some(library) = recorder(folder.path()) else { return };
    let cuts = std::env::var("SOULCASTER_CUTS").map_or(CUTS, |cuts| cuts.parse().expect("a number"));
    let recording = record(&library, folder.path(), 3, DELIVERIES, senders().collect());
    let records = Record::all(&recording.log);
    let told: Vec<usize> = (0..records.len()).filter(|at| records[*at].kind == b'A').collect();
    assert_eq!(told.len(), 1 + 3 * WRITERS * DELIVERIES);
    let mut random = Random::new(0x9077);
    let points = (0..cuts).map(|n| match n % 3 {
        _ if cuts >= records.len() => n % records.len(),
        // Right after an acknowledgement.
        0 => *random.of(&told),
        _ => random.below(records.len()),
    });
    cut(&recording, &records, points.collect(), &mut random);
}

#[test]
fn a_power_cut_while_the_log_is_folded_into_the_file_loses_and_damages_nothing() {
    let folder = scratch();
    let Some(library) = recorder(folder.path()) else { return };
    let large = senders().map(|sender| sender.large(LARGE)).collect();
    let recording = record(&library, folder.path(), 1, MANY, large);
    let records = Record::all(&recording.log);
    let told: Vec<usize> = (0..records.len()).filter(|at| records[*at].kind == b'A').collect();
    // Syncs of a database: its log has reached the size at which it is folded in, or the server stops.
    let late = told[told.len() / 3]..records.len();
    let is_sync =
        |at: &usize| records[*at].kind == b'S' && ["s.db", "s.inbox.db"].contains(&records[*at].name);
    let folded: Vec<usize> = late.filter(is_sync).collect();
    let end = records.len() - records.len() / 20;
    assert!(folded.iter().any(|at| *at < end), "only at the end: {folded:?} of {}", records.len());
    let mut random = Random::new(0xf01d);
    let points = (0..FOLDED).map(|_| (random.of(&folded) + random.below(200)).saturating_sub(100));
    let points = points.map(|point| point.min(records.len() - 1)).collect();
    cut(&recording, &records, points, &mut random);
}
