//! Coding agents: what shuts them in, what they are told, what they leave behind.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// How well something is shut in, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// A process of the same user, which sees what the user sees.
    None,
    /// Its own view of the file system, and no network but the broker.
    Confined,
    /// A machine of its own.
    Machine,
}

/// The most that a run may use of each thing. All of it is held from outside the agent's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Seconds by the wall clock.
    pub wall_seconds: u64,
    /// Tokens of model calls, questions and answers together.
    pub tokens: u64,
    /// Millionths of a US dollar for model calls.
    pub micro_usd: u64,
    /// Bytes that it writes to its output.
    pub output_bytes: u64,
    /// Lines that the patch adds or removes.
    pub diff_lines: usize,
    /// Files that the patch touches.
    pub diff_files: usize,
    /// Bytes of the patch.
    pub diff_bytes: usize,
    /// Processes at one time.
    pub processes: usize,
    /// Bytes of memory, all processes together.
    pub memory_bytes: u64,
    /// Bytes that its folders hold.
    pub disk_bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            wall_seconds: 30 * 60,
            tokens: 2_000_000,
            micro_usd: 5_000_000,
            output_bytes: 16 << 20,
            diff_lines: 2000,
            diff_files: 50,
            diff_bytes: 1 << 20,
            processes: 256,
            memory_bytes: 2 << 30,
            disk_bytes: 2 << 30,
        }
    }
}

impl Budget {
    /// The longest a run may take.
    #[must_use]
    pub fn wall(&self) -> Duration {
        Duration::from_secs(self.wall_seconds)
    }
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The agent said that it was done.
    Finished,
    /// The agent ended with a failure of its own.
    AgentFailed,
    /// Somebody cancelled it.
    Cancelled,
    /// [`Budget::wall_seconds`] were up.
    WallClock,
    /// [`Budget::tokens`] were used.
    Tokens,
    /// [`Budget::micro_usd`] were spent.
    Cost,
    /// It wrote more than [`Budget::output_bytes`].
    Output,
    /// The patch is larger than the budget allows.
    Diff,
    /// It ran more than [`Budget::processes`].
    Processes,
    /// It used more than [`Budget::memory_bytes`].
    Memory,
    /// It wrote more than [`Budget::disk_bytes`].
    Disk,
}

/// What model calls took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Spend {
    /// Calls.
    pub calls: u64,
    /// Tokens of questions.
    pub input_tokens: u64,
    /// Tokens of answers.
    pub output_tokens: u64,
    /// Millionths of a US dollar, by the price table.
    pub micro_usd: u64,
}

impl Spend {
    /// Tokens of questions and answers.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.micro_usd = self.micro_usd.saturating_add(other.micro_usd);
    }
}

/// What an agent is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentTask {
    /// The job's id; names folders and sandboxes.
    pub job: String,
    /// A clean clone, the agent's to change. Its `.git` is the agent's too and is never trusted again.
    pub checkout: PathBuf,
    /// What to do, Markdown: the frozen plan and the brief, with what strangers wrote fenced as data.
    pub instructions: String,
    /// The most it may use.
    pub budget: Budget,
}

/// Something that happened during a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentEvent {
    /// A step of the job begins.
    Step {
        /// Which, in words.
        text: String,
    },
    /// The agent says something.
    Text {
        /// What.
        text: String,
    },
    /// The agent uses a tool.
    Tool {
        /// The tool.
        name: String,
        /// With what, at most some kilobytes of it.
        input: String,
        /// What came back, if that is known; at most some kilobytes of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
    },
    /// A line that a program wrote and that is no event of its own.
    Output {
        /// The line.
        text: String,
    },
    /// Something was refused or stopped.
    Refused {
        /// What and why.
        text: String,
    },
    /// What the model calls so far took.
    Spend {
        /// In all.
        spend: Spend,
    },
}

/// Keeps what happens during a run.
///
/// # Contract
/// - What returned `Ok` is as durable as the store behind it, in the order of the calls.
/// - An error means that the run is to end: it was cancelled (`Conflict`), or nothing can be kept any more.
#[async_trait]
pub trait Transcript: Send + Sync {
    /// Adds events at the end.
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()>;
}

/// What an agent leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentOutcome {
    /// A unified diff (`git diff --binary`) against the clean clone; may be empty.
    pub patch: String,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// More about the reason, such as the last words of an agent that failed.
    pub message: Option<String>,
    /// What its model calls took.
    pub spend: Spend,
}

/// Runs a coding agent in a clean clone.
///
/// # Contract
/// - Returns a patch, whatever the reason it ended; never pushes, never holds a token of a code host.
/// - Dropping the future stops the agent, all its processes and its sandbox, and cleans up.
/// - A budget that is used up ends the run with its [`StopReason`], not with an error. An error means that the run
///   could not be made: no such program, no sandbox of the level, no answer of a service.
/// - Events reach the transcript while the run goes on. When the transcript fails the run ends with that error.
#[async_trait]
pub trait AgentRunner: Send + Sync {
    /// Its name, such as `kilo`.
    fn name(&self) -> &str;

    /// How well the agent is shut in.
    fn isolation(&self) -> Isolation;

    /// Runs the agent.
    async fn run(&self, task: &AgentTask, transcript: &dyn Transcript) -> Result<AgentOutcome>;
}
