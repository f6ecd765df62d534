//! Thinks and acts for the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | turn texts into vectors over an OpenAI-compatible endpoint | [`OpenAiEmbedder`] |
//! | the same with Gemini | [`GeminiEmbedder`] |
//! | ask Gemini, Anthropic, OpenAI, Azure or a compatible server | [`model::RemoteModel`], [`environment::Models`] |
//! | know what tokens cost | [`price::PriceTable`] |
//! | write down and play back what models say | [`recording`] |
//! | lend an agent a model without the key | [`broker::Broker`] |
//! | run git so that nothing of a repository runs with it | [`git::Git`] |
//! | run programs shut in, within a budget | [`sandbox::Sandbox`] |
//!
//! Everything here is behind a port of [`soulcaster_core::port`]; the engine never sees which one it talks to.
//! Nothing here is used unless a program makes it: the engine alone stays offline.

mod answer;
#[cfg(unix)]
pub mod broker;
mod caller;
#[cfg(unix)]
mod cli;
mod endpoint;
pub mod environment;
mod gemini;
#[cfg(unix)]
pub mod git;
#[cfg(unix)]
pub mod local;
pub mod model;
pub mod openai;
#[cfg(unix)]
mod patch;
pub mod price;
pub mod recording;
mod retry;
#[cfg(unix)]
pub mod sandbox;
#[cfg(test)]
mod server;

pub use gemini::GeminiEmbedder;
pub use openai::OpenAiEmbedder;
