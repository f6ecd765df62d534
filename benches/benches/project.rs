//! How long a person waits who opens a large project in one SQLite file: `project/<what>/<items>`.
//!
//! Targets: 100 clusters are listed within a millisecond; a project of 100,000 items gives its first answer
//! within two seconds of being opened.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use soulcaster_core::flow::ClusterQuery;
use soulcaster_core::model::Inbound;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::SqliteStore;
use soulcaster_sources::file::FileReader;
use tokio::runtime::{Builder, Runtime};

const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/banking-questions.jsonl");

/// Reports of one batch.
const BATCH: usize = 5_000;

fn project(name: &str) -> ProjectId {
    ProjectId::new(name).expect("a plain name")
}

fn open(path: &Path) -> Soulcaster {
    let store = SqliteStore::open(path).expect("the file opens");
    Soulcaster::builder(Arc::new(store)).build().expect("the defaults are sound")
}

/// Fills a project with variations of `often + seldom` questions: `times` of each of the first ones, twenty
/// of each of the others. They differ in numbers only, so they are grouped by template, which takes n steps.
fn fill(
    runtime: &Runtime,
    soulcaster: &Soulcaster,
    project: &ProjectId,
    often: usize,
    times: usize,
    seldom: usize,
) {
    let questions = FileReader::open(QUESTIONS).expect("the example data is in the repository");
    let questions = questions.map(|row| row.result.expect("every line of it is a report"));
    let reports: Vec<Inbound> = questions
        .take(often + seldom)
        .enumerate()
        .flat_map(|(q, question)| {
            (0..if q < often { times } else { 20 }).map(move |i| {
                let title =
                    format!("{} Case {} of {} on card {}", question.title, 7 * q + i, 31 * i, 1_009 * q + i);
                Inbound::new("bench", title).external_id(format!("{q}-{i}"))
            })
        })
        .collect();
    let now = DateTime::<Utc>::UNIX_EPOCH;
    runtime.block_on(async {
        for batch in reports.chunks(BATCH) {
            soulcaster.ingest(project, batch.to_vec(), now).await.expect("the batch is kept");
        }
        soulcaster.group(project, now).await.expect("the project is grouped");
    });
}

fn first_answers(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("bench.db");
    let (small, large) = (project("small"), project("large"));
    let soulcaster = open(&path);
    fill(&runtime, &soulcaster, &small, 100, 10, 0);
    fill(&runtime, &soulcaster, &large, 100, 500, 2_500);
    let query = ClusterQuery { limit: 100, ..ClusterQuery::default() };

    let mut group = c.benchmark_group("project");
    group.sample_size(10);
    for (project, size) in [(&small, 1_000), (&large, 100_000)] {
        group.bench_function(format!("list-100-clusters/{size}"), |b| {
            b.iter(|| {
                let page = runtime.block_on(soulcaster.clusters(project, black_box(&query)));
                assert!(page.expect("the clusters are read").clusters.len() > 90);
            });
        });
    }
    group.bench_function("search-open/100000", |b| {
        b.iter(|| {
            let found = runtime.block_on(soulcaster.search(&large, black_box("my card was stolen"), 20));
            assert_eq!(found.expect("the index is filled").len(), 20);
        });
    });
    drop(soulcaster);

    group.measurement_time(Duration::from_secs(15));
    group.bench_function("reopen-and-list/100000", |b| {
        b.iter_with_large_drop(|| {
            let soulcaster = open(&path);
            let page = runtime.block_on(soulcaster.clusters(&large, &query));
            (page.expect("the clusters are read"), soulcaster)
        });
    });
    group.bench_function("reopen-and-search/100000", |b| {
        b.iter_with_large_drop(|| {
            let soulcaster = open(&path);
            let found = runtime.block_on(soulcaster.search(&large, black_box("my card was stolen"), 20));
            (found.expect("the index is filled"), soulcaster)
        });
    });
    group.finish();
}

criterion_group!(benches, first_answers);
criterion_main!(benches);
