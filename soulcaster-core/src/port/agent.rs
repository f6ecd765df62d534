//! Coding agents and code hosts.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;

/// How well an agent is shut in, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isolation {
    /// A process of the same user.
    None,
    /// Own file system view and no network but the broker.
    Confined,
    /// A machine of its own.
    Machine,
}

/// What an agent is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentTask {
    /// A clean clone, the agent's to change.
    pub checkout: PathBuf,
    /// The brief, Markdown.
    pub brief: String,
    /// The longest it may take.
    pub deadline: Duration,
    /// The most tokens it may use.
    pub max_tokens: u64,
}

/// Something an agent did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// It said something.
    Text(String),
    /// It used a tool.
    Tool {
        /// The tool.
        name: String,
        /// With what.
        input: String,
    },
}

/// What an agent leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentOutcome {
    /// A unified diff against the clean clone; may be empty.
    pub patch: String,
    /// What it did, in order.
    pub transcript: Vec<AgentEvent>,
    /// Tokens it used.
    pub tokens: u64,
    /// Why it ended: `finished`, or the limit that stopped it.
    pub stop_reason: String,
}

/// Runs a coding agent in a clean clone.
///
/// # Contract
/// - Returns a patch and a transcript; never pushes, never holds a token of a code host.
/// - Dropping the future stops the agent and cleans up.
/// - A budget that is used up ends the run with its `stop_reason`, not with an error.
#[async_trait]
pub trait AgentRunner: Send + Sync {
    /// How well the agent is shut in.
    fn isolation(&self) -> Isolation;

    /// Runs the agent.
    async fn run(&self, task: &AgentTask) -> Result<AgentOutcome>;
}

/// A checked patch on its way to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// `owner/name`.
    pub repository: String,
    /// The branch to make; publishing the same one again changes nothing.
    pub branch: String,
    /// The branch to merge into.
    pub base: String,
    /// Title of the pull request.
    pub title: String,
    /// Its text, Markdown.
    pub body: String,
    /// The unified diff.
    pub patch: String,
}

/// An open draft pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Where to read it.
    pub url: String,
    /// Its number.
    pub number: u64,
}

/// Publishes checked patches; the only holder of a write token.
///
/// # Contract
/// - Idempotent by branch: a second call gives the pull request of the first.
#[async_trait]
pub trait CodeHost: Send + Sync {
    /// Makes the branch and a draft pull request.
    async fn publish(&self, publication: &Publication) -> Result<PullRequest>;
}
