//! The ports: what the engine needs from outside, as object-safe traits held behind `Arc<dyn …>`.
//!
//! Each trait states its contract; [`crate::testing`] (feature `testing`) checks it and every adapter runs it.

pub mod agent;
pub mod embedder;
pub mod index;
pub mod language;
pub mod source;
pub mod store;

pub use agent::{
    AgentEvent, AgentOutcome, AgentRunner, AgentTask, CodeHost, Isolation, Publication, PullRequest,
};
pub use embedder::{Embedder, EmbedderId, Embedding, embed_rows};
pub use index::{Hit, VectorIndex};
pub use language::{Completion, LanguageModel, Prompt};
pub use source::{Batch, Decoded, Delivery, Ignored, Rejected, Source, Webhook};
pub use store::{Change, Document, Expect, Key, Order, Page, Query, Record, Store, Stored, Write};
