//! Commits: expectations, versions, walls.

use std::task::Poll;

use super::{fails, fresh, ok, together};
use crate::error::ErrorKind;
use crate::id::ProjectId;
use crate::port::store::{Change, Document, Expect, Key, Query, Store, Stored, Write};

pub(super) const ALPHA: &str = "alpha";
pub(super) const BETA: &str = "beta";

pub(super) fn key(id: &str) -> Key {
    Key { collection: ALPHA, id: id.to_owned() }
}

/// A document that says `n`.
pub(super) fn doc(n: i64) -> Document {
    Document { json: format!("{{\"n\":{n}}}"), sort: n, ..Document::default() }
}

pub(super) fn put(id: &str, expect: Expect, document: Document) -> Write {
    Write { key: key(id), expect, change: Change::Put(document) }
}

pub(super) fn delete(id: &str, expect: Expect) -> Write {
    Write { key: key(id), expect, change: Change::Delete }
}

pub(super) fn all() -> Query {
    Query { collection: ALPHA, ..Query::default() }
}

/// Commits what has to go well.
#[track_caller]
pub(super) fn commit<'a>(
    store: &'a dyn Store,
    project: &'a ProjectId,
    writes: Vec<Write>,
) -> impl Future<Output = u64> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        ok(store.commit(project, writes).await, &format!("a commit that nothing speaks against ({caller})"))
    }
}

pub(super) async fn read(store: &dyn Store, project: &ProjectId, id: &str) -> Option<Stored> {
    let mut found = ok(store.get(project, &[key(id)], true).await, "get answers");
    assert_eq!(found.len(), 1, "get gives one answer a key");
    found.remove(0)
}

pub(super) async fn ids(store: &dyn Store, project: &ProjectId, query: &Query) -> Vec<String> {
    let page = ok(store.list(project, query).await, "list answers");
    if query.limit == 0 && query.after.is_none() {
        let count = ok(store.count(project, query).await, "count answers");
        assert_eq!(count, page.records.len(), "count gives how many list would give: {query:?}");
        assert_eq!(page.next, None, "a list without a limit has one page");
    }
    page.records.into_iter().map(|stored| stored.id).collect()
}

pub(super) async fn expectations(store: &dyn Store) {
    let project = &fresh(store, "expectations").await;
    let conflict = "a write whose expectation fails makes the commit a Conflict";
    let refused = async |write: Write, why: &str| {
        fails(store.commit(project, vec![write]).await, ErrorKind::Conflict, &format!("{conflict} ({why})"));
    };
    refused(put("a", Expect::Version(1), doc(1)), "Version, but nothing is there").await;
    refused(delete("a", Expect::Version(1)), "deleting a Version, but nothing is there").await;
    assert!(read(store, project, "a").await.is_none(), "when commit returns an error nothing of it is seen");

    let first = commit(store, project, vec![put("a", Expect::Absent, doc(1))]).await;
    refused(put("a", Expect::Absent, doc(2)), "Absent, but it is there").await;
    refused(delete("a", Expect::Absent), "deleting with Absent, but it is there").await;
    refused(put("a", Expect::Version(first + 1), doc(2)), "a later Version").await;
    refused(put("a", Expect::Version(u64::MAX), doc(2)), "the greatest Version").await;
    let second = commit(store, project, vec![put("a", Expect::Version(first), doc(2))]).await;
    refused(put("a", Expect::Version(first), doc(3)), "an old Version").await;
    refused(delete("a", Expect::Version(first)), "deleting an old Version").await;
    commit(store, project, vec![put("a", Expect::Any, doc(4))]).await;
    refused(put("a", Expect::Version(second), doc(3)), "overwritten with Any").await;
    let found = read(store, project, "a").await.expect("a record is there after its commit");
    assert_eq!(found.json, doc(4).json, "the last write is what is read");

    commit(store, project, vec![delete("a", Expect::Version(found.version))]).await;
    assert!(read(store, project, "a").await.is_none(), "a deleted record is not there");
    commit(store, project, vec![delete("a", Expect::Any)]).await;
    commit(store, project, vec![delete("never-there", Expect::Absent)]).await;
    refused(put("a", Expect::Version(found.version), doc(5)), "Version, but it was deleted").await;
    commit(store, project, vec![put("a", Expect::Absent, doc(6))]).await;
}

pub(super) async fn all_or_nothing(store: &dyn Store) {
    let project = &fresh(store, "all-or-nothing").await;
    let before =
        commit(store, project, vec![put("a", Expect::Any, doc(1)), put("b", Expect::Any, doc(1))]).await;
    let rich = Document {
        fields: vec![("colour", "red".into())],
        text: Some("unseen words".into()),
        blob: Some(vec![1]),
        ..doc(2)
    };
    let writes = vec![
        put("a", Expect::Any, rich.clone()),
        delete("b", Expect::Any),
        put("c", Expect::Absent, rich),
        put("d", Expect::Version(before), doc(2)),
    ];
    let sentence = "commit applies all writes or none";
    fails(store.commit(project, writes).await, ErrorKind::Conflict, sentence);
    assert_eq!(ids(store, project, &all()).await, ["a", "b"], "{sentence}");
    let a = read(store, project, "a").await.expect("it was there before");
    assert_eq!((a.json, a.blob), (doc(1).json, None), "{sentence}");
    assert!(ids(store, project, &all().with("colour", "red")).await.is_empty(), "{sentence} (fields)");
    let searched = Query { text: Some("unseen".into()), ..all() };
    assert!(ids(store, project, &searched).await.is_empty(), "{sentence} (text)");
    let changed = Query { changed_after: Some(before), ..all() };
    assert!(ids(store, project, &changed).await.is_empty(), "{sentence} (traces)");

    let sentence = "a key occurs once in a commit; twice is Invalid";
    for second in [put("e", Expect::Any, doc(2)), delete("e", Expect::Any)] {
        let twice = vec![put("e", Expect::Any, doc(1)), second];
        fails(store.commit(project, twice).await, ErrorKind::Invalid, sentence);
    }
    assert!(read(store, project, "e").await.is_none(), "{sentence}, and nothing of it is seen");
    let elsewhere = Write { key: Key { collection: BETA, id: "e".into() }, ..put("e", Expect::Any, doc(2)) };
    commit(store, project, vec![put("e", Expect::Any, doc(1)), elsewhere]).await;
    let empty = Document { json: String::new(), ..doc(1) };
    let sentence = "only a deleted record has empty JSON; writing it is Invalid";
    fails(store.commit(project, vec![put("f", Expect::Any, empty)]).await, ErrorKind::Invalid, sentence);
}

pub(super) async fn versions(store: &dyn Store) {
    let project = &fresh(store, "versions").await;
    let other = &fresh(store, "versions-of-another").await;
    let sentence = "versions grow with every write of the store";
    let one =
        commit(store, project, vec![put("a", Expect::Any, doc(1)), put("b", Expect::Any, doc(1))]).await;
    let (a, b) = (read(store, project, "a").await, read(store, project, "b").await);
    let (a, b) = (a.expect("just written"), b.expect("just written"));
    assert!(a.version < b.version, "{sentence}, also inside a commit");
    assert_eq!(b.version, one, "commit gives the version of the last write");
    assert_eq!((a.created, b.created), (a.version, b.version), "created is the version of the first write");
    let two = commit(store, other, vec![put("a", Expect::Any, doc(1))]).await;
    assert!(two > one, "{sentence}, also across projects");
    fails(
        store.commit(project, vec![put("c", Expect::Any, doc(1)), put("a", Expect::Absent, doc(1))]).await,
        ErrorKind::Conflict,
        "an expectation that fails",
    );
    assert!(ok(store.commit(project, vec![]).await, "an empty commit is no error") >= two, "{sentence}");

    let three = commit(store, project, vec![put("a", Expect::Any, doc(2))]).await;
    assert!(three > two, "{sentence}");
    let again = read(store, project, "a").await.expect("just written");
    assert_eq!(
        (again.version, again.created),
        (three, a.created),
        "created is the version of the first write"
    );
    let gone = commit(store, project, vec![delete("a", Expect::Any)]).await;
    assert!(gone > three, "{sentence}, deletions included");
    let new = commit(store, project, vec![put("a", Expect::Any, doc(3))]).await;
    let found = read(store, project, "a").await.expect("just written");
    assert_eq!(found.created, new, "a record written again after its deletion is new");
    assert_eq!(
        ids(store, project, &all()).await,
        ["b", "a"],
        "a record written again after its deletion is new"
    );
}

pub(super) async fn documents(store: &dyn Store) {
    let project = &fresh(store, "documents").await;
    let with_blob = |blob: Option<&[u8]>, n| Document { blob: blob.map(<[u8]>::to_vec), ..doc(n) };
    let bytes: Vec<u8> = (0..=255).collect();
    commit(store, project, vec![put("a", Expect::Any, with_blob(Some(&bytes), 1))]).await;
    commit(store, project, vec![put("a", Expect::Any, with_blob(None, 2))]).await;
    let found = read(store, project, "a").await.expect("just written");
    assert_eq!(found.json, doc(2).json, "the last write is what is read");
    assert_eq!(found.blob.as_ref(), Some(&bytes), "a blob of None leaves what is there");
    commit(store, project, vec![put("a", Expect::Any, with_blob(Some(&[]), 3))]).await;
    let found = read(store, project, "a").await.expect("just written");
    assert_eq!(found.blob.as_deref(), Some(&[][..]), "an empty blob is kept as one");
    let keys = [key("missing"), key("a"), key("a")];
    let found = ok(store.get(project, &keys, false).await, "get answers");
    assert!(found[0].is_none() && found[1].is_some(), "get answers in the order of the keys");
    assert_eq!(found[1], found[2], "get answers a key that is asked for twice");
    assert!(found[1].as_ref().is_some_and(|a| a.blob.is_none()), "blobs come only when they are asked for");
    assert!(
        ok(store.get(project, &[], true).await, "get of nothing answers").is_empty(),
        "no keys, no records"
    );
    for (blobs, expected) in [(false, None), (true, Some(vec![]))] {
        let page = ok(store.list(project, &Query { blobs, ..all() }).await, "list answers");
        assert_eq!(page.records[0].blob, expected, "blobs come only when they are asked for");
    }
    commit(store, project, vec![delete("a", Expect::Any)]).await;
    commit(store, project, vec![put("a", Expect::Any, doc(4))]).await;
    let found = read(store, project, "a").await.expect("just written");
    assert_eq!(found.blob, None, "a record written again after its deletion is new, its blob is gone");
}

pub(super) async fn odd_strings(store: &dyn Store) {
    let project = &fresh(store, "odd").await;
    let odd = [
        "",
        " ",
        "a.b",
        "A",
        "a",
        "%",
        "_",
        "*",
        "'",
        "\"",
        "\\",
        "'; DROP TABLE records; --",
        "\u{0}",
        "a\u{0}b",
        "\n",
        "é",
        "e\u{301}",
        "日本語",
        "👩‍👩‍👧",
        "\u{feff}",
        "\u{10ffff}",
        "null",
        "../../etc",
        "{}",
    ];
    let long = "long".repeat(500);
    let strings: Vec<&str> = odd.into_iter().chain([long.as_str()]).collect();
    let value = |s: &str| serde_json::to_string(s).expect("a string has a JSON form");
    let document = |s: &str| Document {
        json: value(s),
        fields: vec![("odd", s.to_owned())],
        text: Some(s.to_owned()),
        ..Document::default()
    };
    let writes: Vec<Write> = strings.iter().map(|s| put(s, Expect::Absent, document(s))).collect();
    commit(store, project, writes).await;
    assert_eq!(ids(store, project, &all()).await, strings, "any string is an id");
    for s in &strings {
        let found = read(store, project, s).await.unwrap_or_else(|| panic!("any string is an id: {s:?}"));
        assert_eq!(found.json, value(s), "the JSON comes back as it was: {s:?}");
        let query = all().with("odd", *s);
        assert_eq!(ids(store, project, &query).await, [*s], "a field matches exactly: {s:?}");
    }
    let projects = ["a", "A", "é", "日本", "a'b", "a.b", "%"];
    for name in projects {
        let project = ok(ProjectId::new(format!("{}-{name}", project.as_str())), "the name is a project id");
        commit(store, &project, vec![put(name, Expect::Any, doc(1))]).await;
        assert_eq!(ids(store, &project, &all()).await, [name], "projects are walls: {name:?}");
    }
}

pub(super) async fn walls(store: &dyn Store) {
    let sentence = "projects are walls: no call sees or changes a record of another";
    let (left, right) = (&fresh(store, "left").await, &fresh(store, "right").await);
    let listed = async |project| ok(store.projects().await, "projects can be listed").contains(project);
    assert!(!listed(left).await, "a project without records is not listed");
    let secret = Document {
        fields: vec![("colour", "red".into())],
        text: Some("secret".into()),
        blob: Some(vec![1]),
        ..doc(1)
    };
    let before = commit(store, left, vec![put("a", Expect::Any, secret.clone())]).await;
    assert!(listed(left).await && !listed(right).await, "projects lists those that have records");
    assert!(read(store, right, "a").await.is_none(), "{sentence}");
    for query in [
        all(),
        all().with("colour", "red"),
        Query { text: Some("secret".into()), ..all() },
        Query { changed_after: Some(0), ..all() },
    ] {
        assert!(ids(store, right, &query).await.is_empty(), "{sentence}: {query:?}");
        assert_eq!(ids(store, left, &query).await, ["a"], "its own project sees it: {query:?}");
        let elsewhere = Query { collection: BETA, ..query };
        assert!(ids(store, left, &elsewhere).await.is_empty(), "collections are apart");
    }
    commit(store, right, vec![delete("a", Expect::Any)]).await;
    commit(store, right, vec![put("a", Expect::Absent, doc(2))]).await;
    let a = read(store, left, "a").await.expect("its own project sees it");
    assert_eq!((a.version, a.json), (before, secret.json), "{sentence}");
    commit(store, left, vec![delete("a", Expect::Any)]).await;
    assert!(!listed(left).await, "a project without records is not listed");
    assert_eq!(ids(store, right, &all()).await, ["a"], "{sentence}");
    let projects = ok(store.projects().await, "projects can be listed");
    assert!(projects.is_sorted(), "projects come in the order of their names");
}

pub(super) async fn large(store: &dyn Store) {
    let project = &fresh(store, "large").await;
    let document = |n: i64| Document {
        fields: vec![("parity", (n % 2).to_string())],
        text: Some(format!("report number {n} about the thing")),
        ..doc(n)
    };
    let writes = (0..5000).map(|n| put(&format!("r{n}"), Expect::Absent, document(n))).collect();
    commit(store, project, writes).await;
    let sentence = "a commit of 5,000 writes is applied whole";
    assert_eq!(ok(store.count(project, &all()).await, sentence), 5000, "{sentence}");
    assert_eq!(ok(store.count(project, &all().with("parity", "1")).await, sentence), 2500, "{sentence}");
    let query = Query { text: Some("4999".into()), ..all() };
    assert_eq!(ids(store, project, &query).await, ["r4999"], "{sentence}");
    let keys: Vec<Key> = (0..5000).rev().map(|n| key(&format!("r{n}"))).collect();
    let found = ok(store.get(project, &keys, false).await, sentence);
    let backwards =
        found.iter().zip(&keys).all(|(found, key)| found.as_ref().is_some_and(|f| f.id == key.id));
    assert!(backwards, "get answers 5,000 keys in their order");
    let mut writes: Vec<Write> = (0..5000).map(|n| delete(&format!("r{n}"), Expect::Any)).collect();
    writes.push(put("r0", Expect::Any, doc(1)));
    fails(store.commit(project, writes).await, ErrorKind::Invalid, "a key occurs once in a large commit");
}

pub(super) async fn concurrent(store: &dyn Store) {
    let project = &fresh(store, "concurrent").await;
    commit(store, project, vec![put("counter", Expect::Absent, doc(0))]).await;
    // Twenty writers add one to the counter and leave a mark, until each has been let through once.
    let add = async |n: i64| {
        loop {
            let counter = read(store, project, "counter").await.expect("it is never deleted");
            let value: i64 =
                counter.json.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
            let mark = format!("mark{n}");
            let writes = vec![
                put(&mark, Expect::Absent, doc(n)),
                put("counter", Expect::Version(counter.version), doc(value + 1)),
            ];
            match store.commit(project, writes).await {
                Ok(version) => return version,
                Err(e) => assert_eq!(
                    e.kind(),
                    ErrorKind::Conflict,
                    "two writers of one version: one conflicts: {e}"
                ),
            }
        }
    };
    let mut versions = together((0..20).map(|n| Box::pin(add(n)) as _).collect()).await;
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 20, "versions are never given twice");
    let counter = read(store, project, "counter").await.expect("it is never deleted");
    assert_eq!(counter.json, doc(20).json, "no update is lost when two write what they read");
    assert_eq!(counter.version, versions[19], "a record committed later has a greater version");
    assert_eq!(ids(store, project, &all()).await.len(), 21, "commits side by side are all applied");
}

pub(super) async fn whole(store: &dyn Store) {
    let project = &fresh(store, "whole").await;
    let pair = |n| vec![put("left", Expect::Any, doc(n)), put("right", Expect::Any, doc(n))];
    let mut last = commit(store, project, pair(0)).await;
    let sentence = "reads see whole commits only";
    let write = async {
        for n in 1..=50 {
            let version = commit(store, project, pair(n)).await;
            assert!(version > last, "versions grow with every write of the store");
            last = version;
            pause().await;
        }
    };
    let look = async || {
        for _ in 0..200 {
            let keys = [key("left"), key("right")];
            let found = ok(store.get(project, &keys, false).await, sentence);
            let found: Vec<_> = found.into_iter().flatten().map(|stored| stored.json).collect();
            assert!(found.len() == 2 && found[0] == found[1], "{sentence}: {found:?}");
            let listed = ok(store.list(project, &all()).await, sentence).records;
            let apart = listed[1].version - listed[0].version;
            assert!(listed.len() == 2 && apart == 1, "{sentence}: {listed:?}");
            pause().await;
        }
    };
    together(vec![Box::pin(write), Box::pin(look()), Box::pin(look())]).await;
}

/// Lets the others go on.
async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
