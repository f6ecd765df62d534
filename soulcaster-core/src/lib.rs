//! The triage engine: reports come in, the ones about the same problem are put together, and every decision
//! says why.
//!
//! This crate decides. It has no socket, no file, no async runtime and starts no task; what it needs from
//! outside it asks for through the [`port`]s. `soulcaster-sources` brings and keeps data.
//!
//! - [`Soulcaster`] is the facade: [`ingest`](Soulcaster::ingest), [`group`](Soulcaster::group),
//!   [`clusters`](Soulcaster::clusters), [`explain`](Soulcaster::explain), [`merge`](Soulcaster::merge), …
//! - [`engine`] is the pure part: [`engine::group()`] takes texts and vectors and gives a grouping.
//! - [`embedder::BuiltinEmbedder`] turns texts into vectors offline; the model is part of the crate.
//! - [`model`] has the records, [`port`] the traits, [`memory`] a store and an index that forget.
//!
//! Same input, same output: on any number of threads, in any process.

pub mod embedder;
pub mod engine;
pub mod error;
pub mod flow;
pub mod id;
pub mod memory;
pub mod model;
pub mod port;
mod secret;
mod soulcaster;
#[cfg(feature = "testing")]
pub mod testing;

pub use error::{Error, ErrorKind, Result};
pub use id::{ClusterId, ConstraintId, EventId, FeedbackId, ProjectId};
pub use secret::Secret;
pub use soulcaster::{Builder, Soulcaster};
