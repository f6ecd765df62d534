//! Nearest vectors.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{FeedbackId, ProjectId};
use crate::port::embedder::Embedding;

/// A vector near the one asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The item.
    pub item: FeedbackId,
    /// Cosine, -1 to 1.
    pub score: f32,
}

/// Finds the nearest vectors of a project.
///
/// # Contract
/// - Every project is a namespace of its own; nothing of one is ever seen from another.
/// - `upsert` replaces the vector of a known item; `remove` of an unknown one is no error.
/// - `search` gives at most `limit` hits, best first; equal scores in the order of their item ids.
/// - A vector of other dimensions than the project's first one is `Invalid`.
/// - The store is the truth: an index may be dropped and filled again at any time.
#[async_trait]
pub trait VectorIndex: Send + Sync {
    /// Adds or replaces vectors.
    async fn upsert(&self, project: &ProjectId, points: Vec<(FeedbackId, Embedding)>) -> Result<()>;

    /// Forgets vectors.
    async fn remove(&self, project: &ProjectId, items: &[FeedbackId]) -> Result<()>;

    /// The nearest to `query`. An empty project gives an empty list.
    async fn search(&self, project: &ProjectId, query: &Embedding, limit: usize) -> Result<Vec<Hit>>;

    /// How many vectors the project has.
    async fn len(&self, project: &ProjectId) -> Result<usize>;
}
