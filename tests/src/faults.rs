//! A store that fails at any moment: never a false success, never half a decision.

use std::sync::Arc;

use soulcaster_core::flow::{ClusterQuery, ItemQuery};
use soulcaster_core::memory::MemoryStore;
use soulcaster_core::port::Store;
use soulcaster_core::testing::{Fault, FaultyStore};
use soulcaster_core::{ErrorKind, Result, Soulcaster};
use soulcaster_sources::SqliteStore;

use crate::reports::{at, project, reports};

/// Everything a day brings: two deliveries, grouping, a correction, a full run, an undo. Gives how many steps
/// were acknowledged.
async fn day(soulcaster: &Soulcaster) -> (usize, Result<()>) {
    let project = project();
    let mut done = 0;
    let mut run = async || -> Result<()> {
        soulcaster.ingest(&project, reports(40), at(0)).await?;
        done += 1;
        soulcaster.group(&project, at(1)).await?;
        done += 1;
        soulcaster.ingest(&project, reports(50), at(2)).await?;
        done += 1;
        soulcaster.group(&project, at(3)).await?;
        done += 1;
        let clusters = soulcaster.clusters(&project, &ClusterQuery::default()).await?.clusters;
        soulcaster.merge(&project, &clusters[0].id, &[clusters[1].id.clone()], at(4)).await?;
        done += 1;
        soulcaster.recluster(&project, true, at(5)).await?;
        done += 1;
        soulcaster.undo(&project, at(6)).await?;
        done += 1;
        Ok(())
    };
    let result = run().await;
    (done, result)
}

async fn sweep(fresh: impl Fn() -> Arc<dyn Store>) {
    let project = project();
    let counter = Arc::new(FaultyStore::never(fresh()));
    let (steps, result) = day(&Soulcaster::builder(counter.clone()).build().unwrap()).await;
    result.unwrap();
    assert_eq!(steps, 7);
    let commits = counter.commits();
    assert!(commits >= 8, "{commits}");
    for fault in [Fault::Before, Fault::After, Fault::DiskFull] {
        for nth in 1..=commits {
            let inner = fresh();
            let broken =
                Soulcaster::builder(Arc::new(FaultyStore::new(inner.clone(), fault, nth))).build().unwrap();
            let (done, result) = day(&broken).await;
            let error = result.expect_err("the fault was swallowed");
            let kind = if fault == Fault::DiskFull { ErrorKind::Full } else { ErrorKind::Unavailable };
            assert_eq!(error.kind(), kind, "{fault:?} at {nth}: {error}");
            // What was acknowledged is there, what is there agrees, and the day can be done again.
            let healthy = Soulcaster::builder(inner).build().unwrap();
            let faults: Vec<_> =
                healthy.check(&project).await.unwrap().into_iter().filter(|f| f.fault).collect();
            assert!(faults.is_empty(), "{fault:?} at {nth}: {faults:?}");
            let items = healthy.items(&project, &ItemQuery::default()).await.unwrap();
            let acknowledged = [0, 40, 40, 50, 50, 50, 50, 50][done];
            assert!(items.total >= acknowledged, "{fault:?} at {nth}: {} of {acknowledged}", items.total);
            assert!(
                [0, 40, 50].contains(&items.total),
                "{fault:?} at {nth}: half a delivery, {}",
                items.total
            );
            assert!(items.items.iter().all(|placed| placed.item.occurrences == 1));
            healthy.ingest(&project, reports(50), at(10)).await.unwrap();
            healthy.group(&project, at(11)).await.unwrap();
            let findings = healthy.check(&project).await.unwrap();
            assert!(findings.is_empty(), "{fault:?} at {nth}: {findings:?}");
            assert_eq!(healthy.items(&project, &ItemQuery::default()).await.unwrap().total, 50);
        }
    }
}

#[tokio::test]
async fn no_fault_of_a_memory_store_leaves_half_a_decision() {
    sweep(|| Arc::new(MemoryStore::new())).await;
}

#[tokio::test]
async fn no_fault_of_a_sqlite_store_leaves_half_a_decision() {
    let folder = tempfile::tempdir().unwrap();
    let next = std::sync::atomic::AtomicUsize::new(0);
    sweep(|| {
        let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(SqliteStore::open(folder.path().join(format!("{n}.db"))).unwrap())
    })
    .await;
}
