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
    /// At most so many tokens of answer; 0 for [`Prompt::MAX_TOKENS`].
    pub max_tokens: u32,
}

impl Prompt {
    /// Tokens of an answer when a prompt does not say.
    pub const MAX_TOKENS: u32 = 4096;

    /// The most tokens that the answer may have.
    #[must_use]
    pub fn answer_tokens(&self) -> u32 {
        if self.max_tokens == 0 { Self::MAX_TOKENS } else { self.max_tokens }
    }

    /// No fewer tokens than the question has: no token is shorter than a byte, and providers add some of their own.
    #[must_use]
    pub fn question_tokens(&self) -> u64 {
        const AROUND: usize = 256;
        let schema = self.schema.as_ref().map_or(0, |schema| schema.to_string().len());
        (self.system.len() + self.user.len() + schema + AROUND) as u64
    }
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

/// Takes the pieces of an answer, in order.
pub type OnText<'a> = dyn FnMut(&str) + Send + 'a;

/// Answers prompts.
///
/// # Contract
/// - An answer has text, the name of the model that wrote it, and its tokens; where a provider does not count them they
///   are estimated and not zero.
/// - With a schema the model is asked for JSON of it. Whether it complied is for the caller to check, who can tell it
///   what was wrong: [`crate::flow::answer::ask_json`].
/// - `stream` gives what `complete` gives. Its pieces, put together, are the text; after an error they are worth nothing.
/// - Every call ends, in bounded time and memory, however the provider behaves.
/// - `QuotaExceeded` when a budget is used up, `RateLimited` or `Unavailable` when trying later may help, `Invalid` when
///   the model refuses to answer, `TooLarge` when the answer is longer than allowed.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use soulcaster_core::port::{LanguageModel, Prompt};
/// use soulcaster_core::testing::ScriptedModel;
///
/// let model = ScriptedModel::new().always("title", "Checkout fails with coupons");
/// let prompt = Prompt { task: "title", user: "500 when I use a coupon".into(), ..Prompt::default() };
/// assert_eq!(model.complete(&prompt).await?.text, "Checkout fails with coupons");
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// The name of the model that is asked for `task`.
    fn name(&self, task: &str) -> String;

    /// Answers one prompt.
    async fn complete(&self, prompt: &Prompt) -> Result<Completion>;

    /// Answers one prompt and hands on the text while it is written, for a person who waits.
    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion>;
}
