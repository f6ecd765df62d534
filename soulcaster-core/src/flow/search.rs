//! Finding items by meaning and by words.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::engine::words::words;
use crate::error::{Error, Result};
use crate::flow::query::PlacedItem;
use crate::id::{FeedbackId, ProjectId};
use crate::model::item::FeedbackItem;
use crate::model::vector::StoredVector;
use crate::port::store::{Order, Query};
use crate::soulcaster::Soulcaster;

/// An item that was searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Found {
    /// The item and where it is.
    #[serde(flatten)]
    pub item: PlacedItem,
    /// Cosine of the vectors, -1 to 1; absent when only words matched.
    pub dense: Option<f32>,
    /// Whether words of the query are in it.
    pub lexical: bool,
}

impl Soulcaster {
    /// Items about `text`: by meaning and by words, fused by reciprocal rank (Cormack et al. 2009).
    ///
    /// # Errors
    /// Those of the store, the index and the embedder; `Invalid` for an empty text.
    pub async fn search(&self, project: &ProjectId, text: &str, limit: usize) -> Result<Vec<Found>> {
        if text.trim().is_empty() {
            return Err(Error::invalid("search", "give some words to search for"));
        }
        self.base(project).await?;
        self.catch_up(project).await?;
        let pool = limit.saturating_mul(4).max(50);
        let Some(query) = self.embedder.embed(&[text.to_owned()]).await?.pop() else { return Ok(Vec::new()) };
        let dense = self.index.search(project, &query, pool).await?;
        let words: Vec<String> = words(text).collect();
        let text = if words.is_empty() { text.to_owned() } else { words.join(" ") };
        let lexical =
            Query { text: Some(text), order: Order::Relevance, limit: pool, ..Query::all::<FeedbackItem>() };
        let lexical = self.store.list(project, &lexical).await?.records;
        let rank = |at: usize| 1.0 / (60.0 + at as f64);
        let mut found: HashMap<FeedbackId, (f64, Option<f32>, bool)> = HashMap::new();
        for (at, hit) in dense.into_iter().enumerate() {
            found.insert(hit.item, (rank(at), Some(hit.score), false));
        }
        for (at, stored) in lexical.into_iter().enumerate() {
            let (score, _, lexical) = found.entry(FeedbackId::from(stored.id)).or_insert((0.0, None, true));
            *score += rank(at);
            *lexical = true;
        }
        let mut scored: Vec<(FeedbackId, f64)> =
            found.iter().map(|(id, (score, ..))| (id.clone(), *score)).collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        scored.truncate(limit);
        let ids: Vec<FeedbackId> = scored.iter().map(|(id, ..)| id.clone()).collect();
        let items = self.placed(project, &ids).await?;
        let found = |item: PlacedItem| {
            let (_, dense, lexical) = found.get(&item.item.id)?;
            Some(Found { dense: *dense, lexical: *lexical, item })
        };
        Ok(items.into_iter().filter_map(found).collect())
    }

    /// Brings the index up to the store: what was embedded since the last look is added, what is gone removed.
    pub(crate) async fn catch_up(&self, project: &ProjectId) -> Result<()> {
        let since = {
            let indexed = self.indexed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            indexed.get(project).copied().unwrap_or(0)
        };
        let query = Query { changed_after: Some(since), blobs: true, ..Query::all::<StoredVector>() };
        let changed = self.store.list(project, &query).await?.records;
        let Some(last) = changed.iter().map(|stored| stored.version).max() else { return Ok(()) };
        let (mut points, mut gone) = (Vec::new(), Vec::new());
        for stored in changed {
            if stored.is_deleted() {
                gone.push(FeedbackId::from(stored.id));
                continue;
            }
            let vector: StoredVector = stored.decode()?;
            if let Some(embedding) = vector.embedding {
                points.push((vector.item_id, embedding));
            }
        }
        self.index.upsert(project, points).await?;
        self.index.remove(project, &gone).await?;
        let mut indexed = self.indexed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seen = indexed.entry(project.clone()).or_insert(0);
        *seen = last.max(*seen);
        Ok(())
    }
}
