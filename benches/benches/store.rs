//! How long the SQLite store takes: acknowledged commits (with their disk flush) and lists.

use std::hint::black_box;
use std::time::Duration;

use chrono::{DateTime, Utc};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use soulcaster_core::model::{Cluster, ClusterStatus, FeedbackItem, Inbound, Lineage};
use soulcaster_core::port::{Expect, Order, Query, Store, Write};
use soulcaster_core::{ClusterId, ProjectId};
use soulcaster_sources::SqliteStore;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime starts")
}

fn project() -> ProjectId {
    ProjectId::new("bench").expect("a plain name")
}

fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let store = SqliteStore::open(folder.path().join("bench.db")).expect("a new file opens");
    (folder, store)
}

/// `count` items of about forty words, two fields each.
fn items(count: usize) -> Vec<Write> {
    const WORDS: [&str; 16] = [
        "crash", "login", "page", "slow", "export", "button", "colour", "settings", "after", "update",
        "when", "phone", "sync", "error", "dark", "theme",
    ];
    let item = |n: usize| {
        let body: Vec<String> =
            (0..40).map(|i| format!("{}{}", WORDS[(n * 7 + i * i) % 16], (n + i) % 29)).collect();
        let inbound =
            Inbound::new("bench", format!("Report {n}")).external_id(n.to_string()).body(body.join(" "));
        let item = FeedbackItem::first(&project(), inbound, DateTime::<Utc>::UNIX_EPOCH);
        Write::put(&item, Expect::Absent).expect("an item has a JSON form")
    };
    (0..count).map(item).collect()
}

/// `count` clusters of at least 1,000 items.
fn clusters(count: usize) -> Vec<Write> {
    let cluster = |n: usize| Cluster {
        id: ClusterId::from(format!("c{n}")),
        project_id: project(),
        title: format!("The export of report {n} never ends"),
        summary: Some("Exports of large reports stop at ninety per cent and never end. ".repeat(4)),
        keywords: ["export", "report", "ninety", "per cent", "never"].map(str::to_owned).to_vec(),
        status: ClusterStatus::New,
        fixed_at: None,
        is_named: false,
        size: 1000 + n % 17,
        occurrences: 1500,
        sources: [("github".to_owned(), 700), ("file".to_owned(), 300)].into(),
        first_seen: DateTime::UNIX_EPOCH,
        last_seen: DateTime::UNIX_EPOCH,
        severity: None,
        cohesion: None,
        examples: (0..5).map(|i| format!("item{n}x{i}").as_str().into()).collect(),
        lineage: Lineage::default(),
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        centroid: None,
    };
    (0..count).map(|n| Write::put(&cluster(n), Expect::Absent).expect("a cluster has a JSON form")).collect()
}

fn commit(c: &mut Criterion) {
    let (runtime, writes) = (runtime(), items(10_000));
    let mut group = c.benchmark_group("store");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("commit/10000", |b| {
        b.iter_batched(
            || (open(), writes.clone()),
            |((folder, store), writes)| {
                runtime.block_on(store.commit(&project(), writes)).expect("the commit is acknowledged");
                (folder, store)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn list(c: &mut Criterion) {
    let (runtime, (_folder, store)) = (runtime(), open());
    for writes in [items(10_000), clusters(2_000)] {
        runtime.block_on(store.commit(&project(), writes)).expect("the commit is acknowledged");
    }
    let query = Query { order: Order::Sort, limit: 100, ..Query::all::<Cluster>().with("kind", "group") };
    let mut group = c.benchmark_group("store");
    group.bench_function("list_clusters/100", |b| {
        b.iter(|| {
            let page = runtime.block_on(store.list(&project(), black_box(&query))).expect("the list is read");
            assert_eq!(page.records.len(), 100);
            page
        });
    });
    let text = Some("login3 crash7 export".to_owned());
    let search = Query { text, order: Order::Relevance, limit: 20, ..Query::all::<FeedbackItem>() };
    group.bench_function("search/10000", |b| {
        b.iter(|| {
            let page =
                runtime.block_on(store.list(&project(), black_box(&search))).expect("the list is read");
            assert_eq!(page.records.len(), 20);
            page
        });
    });
    group.finish();
}

criterion_group!(benches, commit, list);
criterion_main!(benches);
