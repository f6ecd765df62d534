//! Language models.

use async_trait::async_trait;
use serde_json::Value;

use crate::error::Result;

/// A question to a language model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prompt {
    /// What it is for, such as `title`: routes to a model and labels its usage.
    pub task: &'static str,
    /// Instructions, written by this project alone.
    pub system: String,
    /// The question; text of strangers in it is fenced as data.
    pub user: String,
    /// The answer must be JSON of this schema.
    pub schema: Option<Value>,
    /// At most so many tokens of answer.
    pub max_tokens: u32,
}

/// A language model's answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Completion {
    /// The text.
    pub text: String,
    /// The model that wrote it.
    pub model: String,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
}

/// Answers prompts.
///
/// # Contract
/// - With a schema, an `Ok` answer conforms to it.
/// - `QuotaExceeded` when a budget is used up, `RateLimited` or `Unavailable` when trying later may help.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Answers one prompt.
    async fn complete(&self, prompt: &Prompt) -> Result<Completion>;
}
