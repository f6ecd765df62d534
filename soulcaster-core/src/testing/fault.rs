//! A store that fails on purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::id::ProjectId;
use crate::port::store::{Key, Page, Query, Store, Stored, Write};

/// How a [`FaultyStore`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Before anything is applied: `Unavailable`.
    Before,
    /// After everything is applied: `Unavailable`, outcome unknown.
    After,
    /// Nothing is applied: `Full`.
    DiskFull,
}

/// A store of which one commit fails; all others, and all reads, go through.
///
/// To sweep: run once with [`FaultyStore::never`] and read [`FaultyStore::commits`], then once for each of them.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use soulcaster_core::{ProjectId, memory::MemoryStore, port::Store, testing::{Fault, FaultyStore}};
/// let store = FaultyStore::new(Arc::new(MemoryStore::new()), Fault::Before, 2);
/// let project = ProjectId::new("default")?;
/// assert!(store.commit(&project, vec![]).await.is_ok());
/// assert!(store.commit(&project, vec![]).await.is_err());
/// assert!(store.commit(&project, vec![]).await.is_ok());
/// assert_eq!(store.commits(), 3);
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    fault: Fault,
    nth: u64,
    commits: AtomicU64,
}

impl FaultyStore {
    /// Fails the `nth` commit, counted from 1.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, fault: Fault, nth: u64) -> Self {
        Self { inner, fault, nth, commits: AtomicU64::new(0) }
    }

    /// Fails none, and counts.
    #[must_use]
    pub fn never(inner: Arc<dyn Store>) -> Self {
        Self::new(inner, Fault::Before, 0)
    }

    /// How many commits have been tried.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Store for FaultyStore {
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
        let fail = |kind, message: &str| Err(Error::new(kind, "store.commit", message));
        if self.commits.fetch_add(1, Ordering::SeqCst) + 1 != self.nth {
            return self.inner.commit(project, writes).await;
        }
        match self.fault {
            Fault::Before => fail(ErrorKind::Unavailable, "the store failed before the commit, on purpose"),
            Fault::DiskFull => fail(ErrorKind::Full, "the disk is full, on purpose"),
            Fault::After => {
                self.inner.commit(project, writes).await?;
                fail(ErrorKind::Unavailable, "failed after the commit, on purpose: outcome unknown")
            }
        }
    }

    async fn projects(&self) -> Result<Vec<ProjectId>> {
        self.inner.projects().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use crate::model::Head;
    use crate::port::store::Expect;

    #[tokio::test]
    async fn only_a_failure_after_the_commit_leaves_something() {
        let project = ProjectId::new("p").unwrap();
        let write = || vec![Write::put(&Head::empty(&project), Expect::Any).unwrap()];
        for (fault, there) in [(Fault::Before, false), (Fault::DiskFull, false), (Fault::After, true)] {
            let inner: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let faulty = FaultyStore::new(inner.clone(), fault, 1);
            let error = faulty.commit(&project, write()).await.unwrap_err();
            let full = fault == Fault::DiskFull;
            assert_eq!(error.kind(), if full { ErrorKind::Full } else { ErrorKind::Unavailable });
            assert_eq!(error.message().contains("outcome unknown"), there);
            assert_eq!(error.message().contains("disk is full"), full);
            assert_eq!(inner.read::<Head>(&project, "head").await.unwrap().is_some(), there);
            faulty.commit(&project, write()).await.unwrap();
            assert_eq!(faulty.commits(), 2);
        }
    }
}
