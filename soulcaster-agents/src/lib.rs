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
//! | clone from GitHub or from folders, publish as a draft pull request | [`host::GitHub`], [`host::LocalHost`] |
//! | search a checkout and run its tests, shut in | [`workshop::LocalWorkshop`] |
//! | run git so that nothing of a repository runs with it | [`git::Git`] |
//! | run coding agents, shut in here | [`local::LocalRunner`] |
//! | run coding agents in containers, with the feature `docker` | `docker::DockerRunner` |
//! | run coding agents in machines of E2B | [`e2b::E2bRunner`] |
//! | replay what an agent did | [`replay::ReplayRunner`] |
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
#[cfg(all(unix, feature = "docker"))]
pub mod docker;
#[cfg(unix)]
pub mod e2b;
mod endpoint;
pub mod environment;
mod gemini;
#[cfg(unix)]
pub mod git;
#[cfg(unix)]
pub mod host;
#[cfg(unix)]
pub mod local;
#[cfg(unix)]
mod log;
pub mod model;
pub mod openai;
#[cfg(unix)]
mod patch;
pub mod price;
pub mod recording;
#[cfg(unix)]
pub mod replay;
mod retry;
#[cfg(unix)]
pub mod sandbox;
#[cfg(test)]
mod server;
#[cfg(unix)]
pub mod workshop;

pub use gemini::GeminiEmbedder;
pub use openai::OpenAiEmbedder;
