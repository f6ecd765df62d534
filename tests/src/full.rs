//! A server whose disk is full: it refuses, keeps what it has, answers what is asked, and goes on when there is room.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use soulcaster_core::ProjectId;
use soulcaster_core::model::{FeedbackItem, Scope};
use soulcaster_core::port::Query;

use crate::binary::Desk;
use crate::ledger::{Entry, Ledger};
use crate::sender::{Sender, Sent};
use crate::server::{Client, Server, block_on, engine, key};

const SERVE: [&str; 6] = ["serve", "--listen", "127.0.0.1:0", "--group-after", "0", "--rate=0"];

/// Refusals after which the disk counts as full.
const REFUSALS: usize = 40;

/// A sender, and the status of each of its deliveries.
struct Story {
    sender: Sender,
    told: Vec<(Sent, u16)>,
}

impl Story {
    fn deliver(&mut self, client: &Client) -> u16 {
        let sent = self.sender.next();
        let status = client.send("POST", sent.path, Some(&sent.body)).unwrap().status;
        if status == 202 {
            self.sender.acknowledged(&sent);
        }
        self.told.push((sent, status));
        status
    }

    /// Delivers until nothing is taken any more.
    fn fill(&mut self, client: &Client) {
        let mut refused = 0;
        while refused < REFUSALS {
            match self.deliver(client) {
                202 => {}
                503 | 507 => refused += 1,
                other => panic!("status {other}"),
            }
            assert!(self.told.len() < 5000, "the disk is not full");
        }
        client.get("/healthz").is(200);
        let page = client.get("/feedback?limit=10").is(200).json();
        assert_eq!(page["items"].as_array().unwrap().len(), 10);
        client.get("/clusters").is(200);
    }

    /// There is room: everything is taken again, and nothing acknowledged was lost.
    fn go_on(mut self, desk: &Desk, server: Server, client: &Client) {
        for _ in 0..20 {
            assert_eq!(self.deliver(client), 202);
        }
        client.settled();
        assert_eq!(server.stop().0, Some(0));
        let query = Query { blobs: true, ..Query::all::<FeedbackItem>() };
        let store = engine(desk).store().clone();
        let items =
            block_on(store.read_all::<FeedbackItem>(&ProjectId::new("shop").unwrap(), &query)).unwrap();
        // 507 says that nothing was kept, 503 that nobody knows.
        let known = self.told.iter().filter(|(_, status)| *status != 507);
        let entries: Vec<Entry> = known.map(|(sent, status)| Entry::of(sent, *status == 202)).collect();
        let mut ledger = Ledger::default();
        ledger.add(&entries);
        ledger.check(&items);
        assert!(ledger.deliveries > 30, "{}", ledger.deliveries);
        let doctor = desk.run(&["doctor"]).ok().out;
        assert!(doctor.ends_with("all is well\n"), "{doctor}");
    }
}

fn story() -> Story {
    Story { sender: Sender::new("w", 7), told: Vec::new() }
}

#[test]
fn files_that_may_not_grow_are_refused_and_kept() {
    let (desk, mut story) = (Desk::new(), story());
    let key = key(&desk, "shop", Scope::Admin, 1);
    // No file may grow over 2 MB.
    let inner = desk.command(&SERVE);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""]).arg(inner.get_program());
    command.args(inner.get_args()).current_dir(desk.path("")).env("SOULCASTER_DB", desk.path("s.db"));
    let server = Server::run(command);
    story.fill(&Client::with_key(&server, &key));
    assert_eq!(server.stop().0, Some(0));
    let server = Server::run(desk.command(&SERVE));
    let client = Client::with_key(&server, &key);
    story.go_on(&desk, server, &client);
}

/// A small disk over a folder, until it is dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None` for who may not mount.
    fn mount(folder: &'a Path) -> Option<Self> {
        let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=6m", "none"]).arg(folder));
        mounted.then_some(Self(folder))
    }

    fn make_room(&self) {
        assert!(run(Command::new("mount").args(["-o", "remount,size=512m"]).arg(self.0)));
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.0));
    }
}

fn run(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_full_disk_is_answered_507_and_left_as_it_was() {
    let desk = Desk::new();
    let folder = desk.path("");
    let Some(disk) = Small::mount(&folder) else {
        eprintln!("SKIPPED: a full disk is not tested; only root may mount one");
        return;
    };
    let mut story = story();
    let key = key(&desk, "shop", Scope::Admin, 1);
    let server = Server::run(desk.command(&SERVE));
    let client = Client::with_key(&server, &key);
    story.fill(&client);
    assert!(story.told.iter().any(|(_, status)| *status == 507));
    disk.make_room();
    story.go_on(&desk, server, &client);
}
