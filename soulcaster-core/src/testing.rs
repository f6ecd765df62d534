//! Conformance suites: what an adapter runs to show that it keeps the contract of its port.
//!
//! Each suite panics with the sentence of the contract that was broken. It takes project names of its own, so
//! it may run against a store or index that is in use, and leaves its records there.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use soulcaster_core::{memory::MemoryStore, testing};
//! testing::store(&MemoryStore::new()).await;
//! # });
//! ```

mod embedder;
mod fault;
mod index;
mod language;
mod pages;
mod search;
mod store;

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use crate::error::{ErrorKind, Result};
use crate::id::ProjectId;
use crate::port::store::Store;

pub use embedder::embedder;
pub use fault::{Fault, FaultyStore};
pub use index::index;
pub use language::{ScriptedModel, language};

/// Checks every sentence of the contract of [`Store`], but for surviving a crash.
///
/// # Panics
/// With the sentence that was broken.
pub async fn store(store: &dyn Store) {
    store::expectations(store).await;
    store::all_or_nothing(store).await;
    store::versions(store).await;
    store::documents(store).await;
    store::odd_strings(store).await;
    store::walls(store).await;
    store::large(store).await;
    store::concurrent(store).await;
    store::whole(store).await;
    pages::changes(store).await;
    pages::fields(store).await;
    pages::orders(store).await;
    pages::while_changing(store).await;
    pages::cursors(store).await;
    search::words(store).await;
    search::relevance(store).await;
    search::kept_text(store).await;
}

/// Takes the value, or says what failed.
#[track_caller]
fn ok<T>(result: Result<T>, sentence: &str) -> T {
    result.unwrap_or_else(|e| panic!("{sentence}: {e}"))
}

/// Checks that it failed with `kind`.
#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind, sentence: &str) {
    match result {
        Ok(_) => panic!("{sentence}: no error"),
        Err(e) => assert_eq!(e.kind(), kind, "{sentence}: {e}"),
    }
}

/// A project that the store does not have yet.
async fn fresh(store: &dyn Store, name: &str) -> ProjectId {
    let taken = ok(store.projects().await, "projects can be listed");
    let names = (0..).map(|n| format!("conformance-{name}-{n}"));
    let mut projects = names.map(|name| ok(ProjectId::new(name), "the name is a project id"));
    projects.find(|project| !taken.contains(project)).expect("names do not end")
}

/// Runs futures side by side, in this task and on no runtime.
async fn together<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.into_iter().map(Some).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (slot, value) in pending.iter_mut().zip(&mut done) {
            if let Some(future) = slot
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *value = Some(ready);
                *slot = None;
            }
        }
        if pending.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{FlatIndex, MemoryStore};

    #[tokio::test]
    async fn the_memory_store_conforms_also_when_it_is_in_use() {
        let memory = MemoryStore::new();
        store(&memory).await;
        store(&memory).await;
    }

    #[tokio::test]
    async fn the_flat_index_conforms() {
        index(&FlatIndex::new()).await;
    }
}
