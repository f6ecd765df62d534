//! Thinks and acts for the Soulcaster triage engine.
//!
//! | what | where |
//! | --- | --- |
//! | turn texts into vectors over an OpenAI-compatible endpoint | [`OpenAiEmbedder`] |
//! | lend an agent a model without the key | [`broker::Broker`] |
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
#[cfg(unix)]
mod cli;
#[cfg(all(unix, feature = "docker"))]
pub mod docker;
#[cfg(unix)]
pub mod e2b;
mod endpoint;
#[cfg(unix)]
pub mod git;
#[cfg(unix)]
pub mod local;
#[cfg(unix)]
mod log;
pub mod openai;
#[cfg(unix)]
mod patch;
#[cfg(unix)]
pub mod replay;
mod retry;
#[cfg(unix)]
pub mod sandbox;

pub use openai::OpenAiEmbedder;
