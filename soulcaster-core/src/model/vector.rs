//! The vector of an item, as it is kept.

use serde::{Deserialize, Serialize};

use crate::id::{FeedbackId, digest};
use crate::port::embedder::{EmbedderId, Embedding};
use crate::port::store::Record;

/// An item's vector, with the model and the text that it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredVector {
    /// The item.
    pub item_id: FeedbackId,
    /// The model.
    pub embedder: EmbedderId,
    /// Names the text; another text needs another vector.
    pub text: String,
    /// The vector itself, kept beside the record.
    #[serde(skip)]
    pub embedding: Option<Embedding>,
}

impl StoredVector {
    /// The name of `text` in [`StoredVector::text`].
    #[must_use]
    pub fn text_name(text: &str) -> String {
        digest(&[text.as_bytes()], 16)
    }
}

impl Record for StoredVector {
    const COLLECTION: &'static str = "vector";
    fn key(&self) -> String {
        self.item_id.to_string()
    }
    fn blob(&self) -> Option<Vec<u8>> {
        self.embedding.as_ref().map(Embedding::to_bytes)
    }
    fn attach(&mut self, blob: Vec<u8>) {
        self.embedding = Embedding::from_bytes(&blob).ok();
    }
}
