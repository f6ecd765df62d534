//! Lists: orders, fields, pages, changes.

use super::store::{all, commit, delete, doc, ids, put};
use super::{fails, fresh, ok};
use crate::error::ErrorKind;
use crate::id::ProjectId;
use crate::port::store::{Document, Expect, Order, Page, Query, Store, Write};

/// The ids of all pages of `limit`, with `between` called after each page but the last.
async fn paged(
    store: &dyn Store,
    project: &ProjectId,
    query: &Query,
    limit: usize,
    mut between: impl AsyncFnMut(),
) -> Vec<String> {
    let mut query = Query { limit, ..query.clone() };
    let mut found = Vec::new();
    loop {
        let Page { records, next } = ok(store.list(project, &query).await, "list answers");
        assert!(records.len() <= limit, "a page has at most `limit` records: {query:?}");
        assert!(next.is_none() || records.len() == limit, "only the last page is short: {query:?}");
        found.extend(records.into_iter().map(|stored| stored.id));
        query.after = next;
        if query.after.is_none() {
            return found;
        }
        between().await;
    }
}

pub(super) async fn changes(store: &dyn Store) {
    let project = &fresh(store, "changes").await;
    let since = async |version| {
        let query = Query { changed_after: Some(version), ..all() };
        let page = ok(store.list(project, &query).await, "list answers");
        assert!(page.records.is_sorted_by_key(|r| r.version), "changes come in version order");
        let count = ok(store.count(project, &query).await, "count answers");
        assert_eq!(count, page.records.len(), "count gives how many list would give: {query:?}");
        page.records
    };
    let names = async |version| since(version).await.into_iter().map(|r| r.id).collect::<Vec<_>>();
    let writes =
        ["a", "b", "c"].map(|id| put(id, Expect::Absent, Document { blob: Some(vec![1]), ..doc(1) }));
    let one = commit(store, project, writes.to_vec()).await;
    assert_eq!(names(0).await, ["a", "b", "c"], "changed_after shows what was written after");
    assert!(names(one).await.is_empty(), "changed_after leaves out what was written up to then");
    assert!(names(u64::MAX).await.is_empty(), "nothing is written after the greatest version");
    let two = commit(store, project, vec![put("a", Expect::Any, doc(2))]).await;
    assert_eq!(names(one).await, ["a"], "changed_after shows what was written after");
    assert_eq!(names(0).await, ["b", "c", "a"], "a record shows once, at its latest version");

    let three = commit(store, project, vec![delete("b", Expect::Any)]).await;
    let sentence = "a deleted record leaves a trace that changed_after shows";
    let traces = since(two).await;
    assert_eq!(traces.len(), 1, "{sentence}");
    let trace = &traces[0];
    assert_eq!(
        (trace.id.as_str(), trace.version),
        ("b", three),
        "{sentence}, at the version of its deletion"
    );
    assert!(trace.is_deleted() && trace.blob.is_none(), "{sentence}, without its data");
    assert_eq!(names(0).await, ["c", "a", "b"], "{sentence}");
    assert_eq!(ids(store, project, &all()).await, ["a", "c"], "only changed_after shows a trace");
    let filtered = Query { changed_after: Some(0), ..all() }.with("colour", "red");
    assert!(ids(store, project, &filtered).await.is_empty(), "a trace has no fields");
    let four = commit(store, project, vec![delete("b", Expect::Any), delete("z", Expect::Any)]).await;
    assert!(
        names(four).await.is_empty() && !names(0).await.contains(&"z".into()),
        "removing nothing leaves no trace"
    );
    let paged_query = Query { changed_after: Some(0), ..all() };
    let pages = paged(store, project, &paged_query, 1, async || ()).await;
    assert_eq!(pages, names(0).await, "changes are the same in pages");
    commit(store, project, vec![put("b", Expect::Absent, doc(3))]).await;
    assert_eq!(names(0).await, ["c", "a", "b"], "a record written again has no trace any more");
    assert!(since(0).await.iter().all(|r| !r.is_deleted()), "a record written again has no trace any more");
}

pub(super) async fn fields(store: &dyn Store) {
    let project = &fresh(store, "fields").await;
    let with = |fields: &[(&'static str, &str)]| Document {
        fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..doc(1)
    };
    let writes = vec![
        put("a", Expect::Any, with(&[("colour", "red"), ("size", "big")])),
        put("b", Expect::Any, with(&[("colour", "red"), ("size", "small")])),
        put("c", Expect::Any, with(&[("colour", "blue"), ("size", "big")])),
        put("d", Expect::Any, with(&[("size", "red")])),
        put("e", Expect::Any, with(&[("tag", "x"), ("tag", "y"), ("tag", "x")])),
        put("f", Expect::Any, with(&[("colour", "Red"), ("size", "")])),
    ];
    commit(store, project, writes).await;
    let sentence = "all of these fields have these values";
    for (fields, expected) in [
        (&[("colour", "red")][..], &["a", "b"][..]),
        (&[("colour", "red"), ("size", "big")], &["a"]),
        (&[("size", "big"), ("colour", "red")], &["a"]),
        (&[("colour", "red"), ("colour", "blue")], &[]),
        (&[("tag", "x"), ("tag", "y")], &["e"]),
        (&[("tag", "x")], &["e"]),
        (&[("size", "")], &["f"]),
        (&[("colour", "")], &[]),
        (&[("colour", "re")], &[]),
        (&[("none", "red")], &[]),
    ] {
        let query = fields.iter().fold(all(), |query, (name, value)| query.with(name, *value));
        for order in [Order::Arrival, Order::Sort, Order::Relevance] {
            let query = Query { order, ..query.clone() };
            assert_eq!(ids(store, project, &query).await, expected, "{sentence}: {query:?}");
        }
        let query = Query { changed_after: Some(0), ..query };
        assert_eq!(ids(store, project, &query).await, expected, "{sentence}: {query:?}");
    }
    let b = Document { sort: 7, ..with(&[("colour", "blue")]) };
    commit(store, project, vec![put("b", Expect::Any, b), delete("a", Expect::Any)]).await;
    let sentence = "fields are those of the last write";
    assert!(ids(store, project, &all().with("colour", "red")).await.is_empty(), "{sentence}");
    assert!(ids(store, project, &all().with("size", "small")).await.is_empty(), "{sentence}");
    assert_eq!(ids(store, project, &all().with("colour", "blue")).await, ["b", "c"], "{sentence}");
    let sorted = Query { order: Order::Sort, ..all().with("colour", "blue") };
    commit(store, project, vec![put("c", Expect::Any, Document { sort: 9, ..with(&[("colour", "blue")]) })])
        .await;
    assert_eq!(
        ids(store, project, &sorted).await,
        ["c", "b"],
        "the order of a field is that of the last write"
    );
}

/// Thirty records, some equal in sort and in text.
async fn filled(store: &dyn Store, project: &ProjectId) {
    let document = |n: i64| Document {
        sort: [5, -3, 5, 0, i64::MAX, i64::MIN][n as usize % 6],
        fields: vec![("third", (n % 3).to_string())],
        text: Some(format!("word {}", "again ".repeat(n as usize % 5))),
        ..doc(n)
    };
    let writes: Vec<Write> =
        (0..30).map(|n| put(&format!("r{}", (n * 7) % 30), Expect::Absent, document(n))).collect();
    commit(store, project, writes).await;
}

/// Every way to order the records of [`filled`].
fn queries() -> Vec<Query> {
    let search = |text: &str, order| Query { text: Some(text.into()), order, ..all() };
    vec![
        all(),
        all().with("third", "1"),
        Query { order: Order::Sort, ..all() },
        Query { order: Order::Sort, ..all() }.with("third", "2"),
        Query { order: Order::Relevance, ..all() },
        search("word again", Order::Relevance),
        search("again", Order::Relevance).with("third", "0"),
        search("again", Order::Arrival),
        search("again", Order::Sort),
        Query { changed_after: Some(0), ..all() },
        Query { changed_after: Some(0), ..all() }.with("third", "1"),
    ]
}

async fn in_pages(store: &dyn Store, project: &ProjectId, query: &Query) {
    let whole = ids(store, project, query).await;
    assert!(!whole.is_empty(), "the list finds something: {query:?}");
    for limit in [1, 2, 7, whole.len(), whole.len() + 1, usize::MAX] {
        let pages = paged(store, project, query, limit, async || ()).await;
        assert_eq!(pages, whole, "pages of {limit} give what one list gives: {query:?}");
    }
}

pub(super) async fn orders(store: &dyn Store) {
    let project = &fresh(store, "orders").await;
    filled(store, project).await;
    for query in queries() {
        in_pages(store, project, &query).await;
    }
    let arrival = ids(store, project, &all()).await;
    assert_eq!(arrival[..4], ["r0", "r7", "r14", "r21"], "arrival is the order of the first writes");
    let sorted = ids(store, project, &Query { order: Order::Sort, ..all() }).await;
    let place = |id: &String| arrival.iter().position(|a| a == id).expect("both lists have it");
    let sort = |id: &String| [5, -3, 5, 0, i64::MAX, i64::MIN][place(id) % 6];
    let right = sorted.is_sorted_by_key(|id| (std::cmp::Reverse(sort(id)), place(id)));
    assert!(right, "greatest sort first, equal ones as they were first written: {sorted:?}");
    commit(store, project, vec![put("r21", Expect::Any, Document { sort: i64::MAX, ..doc(3) })]).await;
    assert_eq!(ids(store, project, &all()).await, arrival, "writing again does not change the arrival");
    let sorted = ids(store, project, &Query { order: Order::Sort, ..all() }).await;
    assert_eq!(sorted[0], "r21", "the sort is that of the last write");
}

pub(super) async fn while_changing(store: &dyn Store) {
    let sentence = "a list read in pages sees each record that did not change exactly once";
    for query in queries() {
        let project = &fresh(store, "changing").await;
        filled(store, project).await;
        let before = ids(store, project, &query).await;
        // between two pages a record comes, one goes, one changes its place
        let mut round = 0;
        let mut touched = Vec::new();
        let found = paged(store, project, &query, 3, async || {
            round += 1;
            if round > 7 {
                return;
            }
            let moved = Document {
                sort: 1 - round,
                fields: vec![("third", "1".into())],
                text: Some("again word again".into()),
                ..doc(round)
            };
            let (goes, changes) = (format!("r{round}"), format!("r{}", 29 - round));
            let comes = put(&format!("new{round}"), Expect::Absent, moved.clone());
            let writes = vec![comes, delete(&goes, Expect::Any), put(&changes, Expect::Any, moved)];
            commit(store, project, writes).await;
            touched.extend([goes, changes]);
        })
        .await;
        let stayed = |id: &&String| !touched.contains(id) && !id.starts_with("new");
        let seen: Vec<&String> = found.iter().filter(stayed).collect();
        let expected: Vec<&String> = before.iter().filter(stayed).collect();
        assert_eq!(seen, expected, "{sentence}: {query:?}");
    }
}

pub(super) async fn cursors(store: &dyn Store) {
    let project = &fresh(store, "cursors").await;
    filled(store, project).await;
    let sentence = "an `after` that ended no page of this list is Invalid";
    for query in queries() {
        for after in ["", "x", "-1", "a.", "null", "r.1"] {
            let query = Query { after: Some(after.into()), ..query.clone() };
            fails(store.list(project, &query).await, ErrorKind::Invalid, &format!("{sentence}: {query:?}"));
        }
    }
    let first = ok(store.list(project, &Query { limit: 2, ..all() }).await, "list answers");
    let sorted = Query { order: Order::Sort, after: first.next, ..all() };
    fails(
        store.list(project, &sorted).await,
        ErrorKind::Invalid,
        &format!("{sentence}: one of another order"),
    );
}
