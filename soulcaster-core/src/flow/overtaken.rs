//! A store in which somebody else is faster.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::Result;
use crate::id::ProjectId;
use crate::memory::MemoryStore;
use crate::port::store::{Key, Page, Query, Store, Stored, Write};
use crate::soulcaster::Soulcaster;

type Rival = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs what a rival does before each commit that comes, as long as there are any.
pub(crate) struct Overtaken {
    inner: Arc<MemoryStore>,
    rivals: Mutex<VecDeque<Rival>>,
}

/// An engine that is overtaken once, by what `rival` does with another on the same store.
pub(crate) fn overtaken<F: Future<Output = ()> + Send + 'static>(
    soulcaster: &Soulcaster,
    inner: &Arc<MemoryStore>,
    rival: impl FnOnce(Soulcaster) -> F,
) -> Soulcaster {
    overtaken_by(inner, [rival(soulcaster.clone())])
}

/// An engine that is overtaken by each of `rivals`, in order.
pub(crate) fn overtaken_by<F: Future<Output = ()> + Send + 'static>(
    inner: &Arc<MemoryStore>,
    rivals: impl IntoIterator<Item = F>,
) -> Soulcaster {
    let rivals = rivals.into_iter().map(|rival| Box::pin(rival) as Rival).collect();
    let store = Overtaken { inner: inner.clone(), rivals: Mutex::new(rivals) };
    Soulcaster::builder(Arc::new(store)).build().unwrap()
}

#[async_trait]
impl Store for Overtaken {
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
        let rival = self.rivals.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(rival) = rival {
            rival.await;
        }
        self.inner.commit(project, writes).await
    }

    async fn projects(&self) -> Result<Vec<ProjectId>> {
        self.inner.projects().await
    }
}
