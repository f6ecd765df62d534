use std::sync::Arc;
use std::thread;
use std::time::Duration;

use chrono::DateTime;
use soulcaster_core::ErrorKind;
use soulcaster_core::memory::MemoryStore;
use soulcaster_core::model::{FeedbackItem, Inbound, TimelineEvent};
use soulcaster_core::port::{Change, Document, Expect, Order};
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::*;

pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

pub(super) fn project() -> ProjectId {
    ProjectId::new("p").unwrap()
}

pub(super) fn key(id: &str) -> Key {
    Key { collection: "thing", id: id.to_owned() }
}

pub(super) fn put(id: &str, expect: Expect) -> Write {
    let document = Document {
        json: format!("{{\"id\":\"{id}\"}}"),
        fields: vec![("id", id.to_owned())],
        text: Some(format!("the words of {id}")),
        ..Document::default()
    };
    Write { key: key(id), expect, change: Change::Put(document) }
}

pub(super) fn things() -> Query {
    Query { collection: "thing", ..Query::default() }
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(super) fn ids(store: &dyn Store) -> Vec<String> {
    wait(store.list(&project(), &things())).unwrap().records.into_iter().map(|record| record.id).collect()
}

#[tokio::test]
async fn conforms_also_when_it_is_in_use() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    soulcaster_core::testing::store(&store).await;
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    soulcaster_core::testing::store(&store).await;
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

/// Random commits give the same records, orders, searches and refusals as in memory.
#[test]
fn agrees_with_the_memory_store() {
    const WORDS: [&str; 8] = ["crash", "Crash", "crème", "login", "page", "日本", "x", "the"];
    let (_folder, path) = folder();
    let (sqlite, memory) = (SqliteStore::open(&path).unwrap(), MemoryStore::new());
    let mut state: u64 = 42;
    let mut random = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for round in 0..400 {
        let project = ProjectId::new(["p", "q"][random(2) as usize]).unwrap();
        let mut writes: Vec<Write> = Vec::new();
        for _ in 0..random(12) {
            let key = Key { collection: ["thing", "other"][random(2) as usize], id: random(40).to_string() };
            if writes.iter().any(|write| write.key == key) {
                continue;
            }
            let text: Vec<&str> = (0..random(6)).map(|_| WORDS[random(8) as usize]).collect();
            let document = Document {
                json: round.to_string(),
                blob: (random(2) == 0).then(|| vec![7; random(3) as usize]),
                fields: (0..random(3))
                    .map(|_| (["a", "b"][random(2) as usize], random(3).to_string()))
                    .collect(),
                sort: random(4) as i64,
                text: (random(3) > 0).then(|| text.join(" ")),
            };
            let change = if random(4) == 0 { Change::Delete } else { Change::Put(document) };
            let expect = if random(25) == 0 { Expect::Absent } else { Expect::Any };
            writes.push(Write { key, expect, change });
        }
        let (ours, theirs) =
            (wait(sqlite.commit(&project, writes.clone())), wait(memory.commit(&project, writes)));
        assert_eq!(ours.map_err(|e| e.to_string()), theirs.map_err(|e| e.to_string()));
        let mut query = Query { collection: ["thing", "other"][random(2) as usize], ..Query::default() };
        query.order = [Order::Arrival, Order::Sort, Order::Relevance][random(3) as usize];
        query.fields =
            (0..random(3)).map(|_| (["a", "b"][random(2) as usize], random(3).to_string())).collect();
        query.text =
            (random(2) == 0).then(|| format!("{} {}", WORDS[random(8) as usize], WORDS[random(8) as usize]));
        query.changed_after = (random(4) == 0).then(|| random(round + 1) * 3);
        query.limit = random(4) as usize;
        query.blobs = random(2) == 0;
        let count = wait(memory.count(&project, &query)).unwrap();
        assert_eq!(wait(sqlite.count(&project, &query)).unwrap(), count, "{query:?}");
        loop {
            let page = wait(memory.list(&project, &query)).unwrap();
            assert_eq!(wait(sqlite.list(&project, &query)).unwrap(), page, "{query:?}");
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
    }
    assert_eq!(wait(sqlite.projects()).unwrap(), wait(memory.projects()).unwrap());
    assert_eq!(sqlite.check().unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_acknowledged_is_there_after_opening_again() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let version = wait(store.commit(&project(), vec![put("a", Expect::Absent)])).unwrap();
    drop(store);
    assert!(!path.with_extension("db-wal").exists(), "dropping the store folds the log into the file");
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(ids(&store), ["a"]);
    assert!(wait(store.commit(&project(), vec![put("b", Expect::Absent)])).unwrap() > version);
}

#[test]
fn two_handles_see_each_other_and_conflict() {
    let (_folder, path) = folder();
    let (left, right) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    let one = wait(left.commit(&project(), vec![put("a", Expect::Absent)])).unwrap();
    assert_eq!(ids(&right), ["a"]);
    let refused = wait(right.commit(&project(), vec![put("a", Expect::Absent)])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let two = wait(right.commit(&project(), vec![put("a", Expect::Version(one))])).unwrap();
    assert!(two > one, "versions grow across processes");
    let refused = wait(left.commit(&project(), vec![put("a", Expect::Version(one))])).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(wait(left.commit(&project(), vec![put("b", Expect::Any)])).unwrap() > two);
    assert_eq!(ids(&right), ["a", "b"]);
}

#[test]
fn eight_threads_on_two_handles_lose_nothing() {
    let (_folder, path) = folder();
    let stores = [SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap()].map(Arc::new);
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let store = stores[n % 2].clone();
            thread::spawn(move || {
                (0..40)
                    .map(|i| {
                        let writes = vec![
                            put(&format!("t{n}i{i}"), Expect::Absent),
                            put(&format!("t{n}"), Expect::Any),
                        ];
                        let version = wait(store.commit(&project(), writes)).unwrap();
                        let there = wait(store.get(&project(), &[key(&format!("t{n}"))], false)).unwrap();
                        assert_eq!(there[0].as_ref().unwrap().version, version, "a commit is seen at once");
                        version
                    })
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let mut versions: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 320, "versions are never given twice");
    assert_eq!(ids(&*stores[0]).len(), 328);
    assert_eq!(stores[1].check().unwrap(), Vec::<String>::new());
}

#[test]
fn eight_threads_open_a_new_file_at_once() {
    for _ in 0..5 {
        let (_folder, path) = folder();
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let path = path.clone();
                thread::spawn(move || {
                    let store = SqliteStore::open(&path).unwrap();
                    wait(store.commit(&project(), vec![put(&n.to_string(), Expect::Absent)])).unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(ids(&SqliteStore::open(&path).unwrap()).len(), 8);
    }
}

#[test]
fn a_refused_commit_leaves_the_others_of_its_group() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&project(), vec![put("a", Expect::Absent)])).unwrap();
    let other = open::writable(&path, &Settings::default()).unwrap();
    let job = |writes| Job::new(&project(), writes).unwrap();
    let (one, mut first) = job(vec![put("b", Expect::Absent)]);
    let (two, mut second) = job(vec![put("c", Expect::Absent), put("a", Expect::Absent)]);
    let (three, mut third) = job(vec![put("c", Expect::Absent), put("b", Expect::Version(2))]);
    writer::answer(&other, &path, vec![one, two, three]);
    assert_eq!(first.try_recv().unwrap().unwrap(), 2);
    assert_eq!(second.try_recv().unwrap().unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(third.try_recv().unwrap().unwrap(), 4, "a later commit of the group builds on an earlier one");
    assert_eq!(ids(&store), ["a", "b", "c"]);
    assert_eq!(store.check().unwrap(), Vec::<String>::new());
}

#[test]
fn a_commit_waits_for_another_process_and_then_says_so() {
    let (_folder, path) = folder();
    let settings = Settings { patience: Duration::from_millis(200), ..Settings::default() };
    let store = SqliteStore::open_with(&path, settings).unwrap();
    wait(store.commit(&project(), vec![put("a", Expect::Any)])).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = wait(store.commit(&project(), vec![put("b", Expect::Any)])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let expected = format!("{} is being written by another process; try again or stop it", path.display());
    assert_eq!(error.message(), expected);
    assert_eq!(ids(&store), ["a"], "reading does not wait");
    let held = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        other.execute_batch("ROLLBACK").unwrap();
    });
    wait(store.commit(&project(), vec![put("b", Expect::Any)])).unwrap();
    held.join().unwrap();
}

#[test]
fn other_tools_see_records_through_views() {
    let (_folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let item = FeedbackItem::first(&project(), Inbound::new("github", "Crash").external_id("7"), now);
    let event: TimelineEvent = serde_json::from_str(
        r#"{"id":"e1","project_id":"p","kind":"grouped","at":"2023-11-14T22:13:20Z","summary":"1 item grouped","moved":1}"#,
    )
    .unwrap();
    let writes = vec![Write::put(&item, Expect::Any).unwrap(), Write::put(&event, Expect::Any).unwrap()];
    wait(store.commit(&project(), writes)).unwrap();
    let other = Connection::open(&path).unwrap();
    let line = |sql: &str| -> String { other.query_row(sql, [], |row| row.get(0)).unwrap() };
    let sql = "SELECT concat_ws('|', project, source, external_id, title, occurrences, last_seen) FROM items";
    assert_eq!(line(sql), "p|github|7|Crash|1|2023-11-14T22:13:20Z");
    assert_eq!(
        line("SELECT concat_ws('|', project, id, kind, summary, moved) FROM timeline"),
        "p|e1|grouped|1 item grouped|1"
    );
    for view in ["clusters", "decisions"] {
        assert_eq!(line(&format!("SELECT count(*) || '' FROM {view}")), "0");
    }
}

#[test]
fn a_backup_is_a_whole_store() {
    let (folder, path) = folder();
    let store = SqliteStore::open(&path).unwrap();
    wait(store.commit(&project(), vec![put("a", Expect::Any), put("b", Expect::Any)])).unwrap();
    let target = folder.path().join("deep/er/backup.db");
    store.backup_to(&target).unwrap();
    wait(store.commit(&project(), vec![put("c", Expect::Any)])).unwrap();
    let error = store.backup_to(&target).unwrap_err();
    assert_eq!(
        (error.kind(), error.message().contains("is there already")),
        (ErrorKind::Invalid, true),
        "{error}"
    );
    assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");

    let copy = SqliteStore::open_read_only(&target).unwrap();
    assert_eq!(ids(&copy), ["a", "b"]);
    assert_eq!(copy.check().unwrap(), Vec::<String>::new());
    let again = folder.path().join("again.db");
    copy.backup_to(&again).unwrap();
    let again = SqliteStore::open(&again).unwrap();
    wait(again.commit(&project(), vec![put("d", Expect::Any)])).unwrap();
    let query = Query { text: Some("words".into()), ..things() };
    assert_eq!(wait(again.count(&project(), &query)).unwrap(), 3);
    assert_eq!(again.check().unwrap(), Vec::<String>::new());
}

#[test]
fn check_finds_what_does_not_fit_together() {
    for (damage, told) in [
        ("DELETE FROM fields WHERE value = 'b'", "field id of record 2 is not indexed"),
        (
            "INSERT INTO fields SELECT space, name, 'z', sort, record FROM fields LIMIT 1",
            "1 entries without a record",
        ),
        ("DELETE FROM texts WHERE rowid = 1", "record 1 has 4 words, but 0 are indexed"),
        ("INSERT INTO texts (rowid, text) VALUES (9, 'x')", "indexed for record 9, which is not there"),
        (
            "INSERT OR REPLACE INTO texts (rowid, text) VALUES (1, 'x')",
            "record 1 has 4 words, but 1 are indexed",
        ),
        ("UPDATE records SET json = '{' WHERE id = 'a'", "project p: thing a is not JSON"),
        ("UPDATE spaces SET records = 7", "the totals of space 1 are wrong"),
        ("UPDATE meta SET value = 1", "1 records are newer than the last version"),
    ] {
        let (_folder, path) = folder();
        let store = SqliteStore::open(&path).unwrap();
        wait(store.commit(&project(), vec![put("a", Expect::Any), put("b", Expect::Any)])).unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let problems = store.check().unwrap();
        assert!(problems.len() == 1 && problems[0].contains(told), "{damage}: {problems:?}");
    }
}
