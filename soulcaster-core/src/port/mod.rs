//! The ports: what the engine needs from outside, as object-safe traits held behind `Arc<dyn …>`.
//!
//! Each trait states its contract; [`crate::testing`] (feature `testing`) checks it and every adapter runs it.

pub mod agent;
pub mod embedder;
pub mod host;
pub mod index;
pub mod language;
pub mod source;
pub mod store;
pub mod workshop;

pub use agent::{
    AgentEvent, AgentOutcome, AgentRunner, AgentTask, Budget, Isolation, Spend, StopReason, Transcript,
};
pub use embedder::{Embedder, EmbedderId, Embedding, embed_rows};
pub use host::{Checkout, CodeHost, Publication, PullRequest, PullRequestState};
pub use index::{Hit, VectorIndex};
pub use language::{Completion, LanguageModel, OnText, Prompt};
pub use source::{Batch, Decoded, Delivery, Ignored, Rejected, Source, Webhook};
pub use store::{Change, Document, Expect, Key, Order, Page, Query, Record, Store, Stored, Write};
pub use workshop::{TestTask, Workshop};
