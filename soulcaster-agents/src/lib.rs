//! Thinks and acts for the Soulcaster triage engine; here so far: remote embedders.
//!
//! | what | where |
//! | --- | --- |
//! | turn texts into vectors over an OpenAI-compatible endpoint | [`OpenAiEmbedder`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks to.
//! Nothing here is used unless a program makes it: the engine alone stays offline.

mod answer;
mod endpoint;
pub mod openai;
mod retry;

pub use openai::OpenAiEmbedder;
