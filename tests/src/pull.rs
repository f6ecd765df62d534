//! Pulling page by page: reports and cursor are kept together or not at all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use soulcaster_core::engine::Schedule;
use soulcaster_core::flow::ItemQuery;
use soulcaster_core::memory::MemoryStore;
use soulcaster_core::model::{Inbound, PullState};
use soulcaster_core::port::{Batch, Key, Page, Query, Rejected, Source, Store, Stored, Write};
use soulcaster_core::testing::{Fault, FaultyStore};
use soulcaster_core::{Error, ErrorKind, ProjectId, Result, Soulcaster};
use soulcaster_sources::SqliteStore;

use crate::reports::{at, project, reports};

const ID: &str = "feed-1";

/// Ten reports in pages of three; the cursor is how many have been read.
#[derive(Default)]
struct Feed {
    fetches: usize,
}

#[async_trait]
impl Source for Feed {
    fn name(&self) -> &str {
        "feed"
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        self.fetches += 1;
        let start: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let items: Vec<Inbound> = reports(10).into_iter().skip(start).take(3).collect();
        let end = start + items.len();
        let rejected = vec![Rejected { index: 3, reason: "has no id".into() }];
        let wait = Duration::from_secs(2);
        Ok(Batch { items, rejected, cursor: Some(end.to_string()), is_done: end == 10, wait })
    }
}

/// Gives one error for ever.
struct Down(fn() -> Error);

#[async_trait]
impl Source for Down {
    fn name(&self) -> &str {
        "down"
    }

    async fn fetch(&mut self, _: Option<&str>) -> Result<Batch> {
        Err((self.0)())
    }
}

/// While its page is on its way, another poller pulls the same source.
struct Overtaken(Soulcaster);

#[async_trait]
impl Source for Overtaken {
    fn name(&self) -> &str {
        "feed"
    }

    async fn fetch(&mut self, cursor: Option<&str>) -> Result<Batch> {
        self.0.pull(&project(), ID, &mut Feed::default(), at(0)).await?;
        let items = vec![Inbound::new("feed", "too late")];
        Ok(Batch { items, cursor: cursor.map(str::to_owned), ..Batch::default() })
    }
}

/// Before its first commit, somebody else delivers one of the reports.
struct Rush {
    inner: Arc<dyn Store>,
    first: std::sync::atomic::AtomicBool,
}

#[async_trait]
impl Store for Rush {
    async fn get(&self, project: &ProjectId, keys: &[Key], blobs: bool) -> Result<Vec<Option<Stored>>> {
        self.inner.get(project, keys, blobs).await
    }

    async fn list(&self, project: &ProjectId, query: &Query) -> Result<Page> {
        self.inner.list(project, query).await
    }

    async fn count(&self, project: &ProjectId, query: &Query) -> Result<usize> {
        self.inner.count(project, query).await
    }

    async fn commit(&self, project: &ProjectId, writes: Vec<Write>) -> Result<u64> {
        if self.first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            let other = Soulcaster::builder(self.inner.clone()).build()?;
            other.ingest(project, reports(2), at(0)).await?;
        }
        self.inner.commit(project, writes).await
    }

    async fn projects(&self) -> Result<Vec<ProjectId>> {
        self.inner.projects().await
    }
}

/// Every report once, and no other.
async fn assert_whole(soulcaster: &Soulcaster) {
    let items = soulcaster.items(&project(), &ItemQuery::default()).await.unwrap();
    let ids: BTreeSet<_> = items.items.iter().filter_map(|placed| placed.item.external_id.clone()).collect();
    assert_eq!((items.total, ids.len()), (10, 10));
    assert!(items.items.iter().all(|placed| placed.item.occurrences == 1));
}

#[tokio::test]
async fn pages_are_kept_with_their_cursor_until_the_end() {
    let soulcaster = Soulcaster::in_memory();
    let mut feed = Feed::default();
    assert_eq!(soulcaster.pull_state(&project(), ID).await.unwrap(), None);
    for (page, (accepted, cursor, is_done)) in
        [(3, "3", false), (3, "6", false), (3, "9", false), (1, "10", true), (0, "10", true)]
            .into_iter()
            .enumerate()
    {
        let now = at(page as i64);
        let pulled = soulcaster.pull(&project(), ID, &mut feed, now).await.unwrap();
        assert_eq!((pulled.report.accepted, pulled.unread.len()), (accepted, 1));
        let state = pulled.state;
        assert_eq!((state.cursor.as_deref(), state.is_done), (Some(cursor), is_done));
        assert_eq!((state.last_success, state.not_before), (Some(now), Some(at(page as i64 + 2))));
        assert_eq!(soulcaster.pull_state(&project(), ID).await.unwrap(), Some(state));
    }
    assert_whole(&soulcaster).await;
    assert_eq!(soulcaster.pull_state(&project(), "feed-2").await.unwrap(), None);

    soulcaster.restart_pull(&project(), ID).await.unwrap();
    let again = soulcaster.pull(&project(), ID, &mut feed, at(9)).await.unwrap();
    assert_eq!((again.report.duplicates, again.state.cursor.as_deref()), (3, Some("3")));
    assert_whole(&soulcaster).await;
}

#[tokio::test]
async fn failures_are_noted_and_forgotten_with_success() {
    let soulcaster = Soulcaster::in_memory();
    soulcaster.pull(&project(), ID, &mut Feed::default(), at(0)).await.unwrap();
    let slow = || {
        Error::new(ErrorKind::RateLimited, "down.fetch", "too fast").with_retry_after(Duration::from_secs(40))
    };
    for failures in 1..=3 {
        let error = soulcaster.pull(&project(), ID, &mut Down(slow), at(failures)).await.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::RateLimited, "down.fetch"));
    }
    let state = soulcaster.pull_state(&project(), ID).await.unwrap().unwrap();
    assert_eq!((state.failures, state.cursor.as_deref(), state.last_success), (3, Some("3"), Some(at(0))));
    let failure = state.last_failure.clone().unwrap();
    assert_eq!(
        (failure.at, failure.kind, failure.message.as_str()),
        (at(3), ErrorKind::RateLimited, "too fast")
    );
    assert_eq!(Schedule::default().next_at(&state, 0.0), at(43));

    let state = soulcaster.pull(&project(), ID, &mut Feed::default(), at(50)).await.unwrap().state;
    assert_eq!((state.failures, state.cursor.as_deref()), (0, Some("6")));
    assert_eq!(state.last_failure, Some(failure), "it can still be looked at");
    assert_eq!(Schedule::default().next_at(&state, 1.0), at(52));
}

#[tokio::test]
async fn failure_before_the_first_success_is_noted() {
    let soulcaster = Soulcaster::in_memory();
    let error = Error::invalid("make", "no token");
    let state = soulcaster.note_failure(&project(), ID, &error, at(0)).await.unwrap();
    assert_eq!((state.failures, state.cursor.as_deref(), state.last_success), (1, None, None));
    assert_eq!(Schedule::default().next_at(&state, 1.0), at(1));
}

#[tokio::test]
async fn of_two_pulls_at_once_one_moves_the_cursor() {
    let soulcaster = Soulcaster::in_memory();
    for (start, end) in [(None, "3"), (Some("3"), "6")] {
        let before = soulcaster.pull_state(&project(), ID).await.unwrap().and_then(|state| state.cursor);
        assert_eq!(before.as_deref(), start);
        let error = soulcaster
            .pull(&project(), ID, &mut Overtaken(soulcaster.clone()), at(1))
            .await
            .expect_err("the other was faster");
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Conflict, "pull"));
        let state = soulcaster.pull_state(&project(), ID).await.unwrap().unwrap();
        assert_eq!((state.cursor.as_deref(), state.failures), (Some(end), 0));
    }
    let items = soulcaster.items(&project(), &ItemQuery::default()).await.unwrap();
    assert!(items.items.iter().all(|placed| placed.item.title != "too late"));
}

#[tokio::test]
async fn reports_that_somebody_else_delivers_meanwhile_do_not_hold_up_the_cursor() {
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let rush = Rush { inner, first: true.into() };
    let soulcaster = Soulcaster::builder(Arc::new(rush)).build().unwrap();
    let mut feed = Feed::default();
    let pulled = soulcaster.pull(&project(), ID, &mut feed, at(0)).await.unwrap();
    assert_eq!((pulled.report.accepted, pulled.report.duplicates, feed.fetches), (1, 2, 1));
    assert_eq!(pulled.state.cursor.as_deref(), Some("3"));
}

/// Pulls until the end, whatever fails on the way, and gives how often something did.
async fn pull_all(soulcaster: &Soulcaster) -> usize {
    let (mut feed, mut failed) = (Feed::default(), 0);
    for second in 0..20 {
        match soulcaster.pull(&project(), ID, &mut feed, at(second)).await {
            Ok(pulled) if pulled.state.is_done => return failed,
            Ok(_) => {}
            Err(error) => {
                let passing = [ErrorKind::Unavailable, ErrorKind::Full];
                assert!(passing.contains(&error.kind()), "{error}");
                failed += 1;
            }
        }
    }
    panic!("it never ends");
}

async fn sweep(fresh: impl Fn() -> Arc<dyn Store>) {
    let counter = Arc::new(FaultyStore::never(fresh()));
    assert_eq!(pull_all(&Soulcaster::builder(counter.clone()).build().unwrap()).await, 0);
    assert_eq!(counter.commits(), 4, "a page is one commit");
    for fault in [Fault::Before, Fault::After, Fault::DiskFull] {
        for nth in 1..=counter.commits() {
            let inner = fresh();
            let broken = Arc::new(FaultyStore::new(inner.clone(), fault, nth));
            let failed = pull_all(&Soulcaster::builder(broken).build().unwrap()).await;
            let healthy = Soulcaster::builder(inner).build().unwrap();
            assert_whole(&healthy).await;
            let state: PullState = healthy.pull_state(&project(), ID).await.unwrap().unwrap();
            assert_eq!(
                (state.cursor.as_deref(), failed, state.failures),
                (Some("10"), 1, 0),
                "{fault:?} {nth}"
            );
            assert!(state.last_failure.is_some(), "{fault:?} {nth}");
        }
    }
}

#[tokio::test]
async fn no_fault_of_a_store_loses_or_doubles_a_page() {
    sweep(|| Arc::new(MemoryStore::new())).await;
    let folder = tempfile::tempdir().unwrap();
    let next = std::sync::atomic::AtomicUsize::new(0);
    sweep(|| {
        let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(SqliteStore::open(folder.path().join(format!("{n}.db"))).unwrap())
    })
    .await;
}
