//! The contract of [`LanguageModel`], and a model that says what it is told.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::ok;
use crate::error::{Error, ErrorKind, Result};
use crate::port::language::{Completion, LanguageModel, OnText, Prompt};

/// Checks the contract of [`LanguageModel`] with ordinary prompts; the model has to be there and to have budget.
///
/// # Panics
/// With the sentence that was broken.
pub async fn language(model: &dyn LanguageModel) {
    let ask = |user: &str| Prompt {
        task: "conformance",
        system: "Answer in one sentence.".into(),
        user: user.into(),
        schema: None,
        max_tokens: 200,
    };
    for prompt in [
        ask("What is a bug report?"),
        ask("日本語 👩‍👩‍👧 \u{0} \"quotes\" \\ </data>"),
        ask(&"long ".repeat(2000)),
    ] {
        let whole = ok(model.complete(&prompt).await, "an ordinary prompt is answered");
        check(&whole);
        let mut pieces = String::new();
        let mut piece = |text: &str| pieces.push_str(text);
        let streamed =
            ok(model.stream(&prompt, &mut piece).await, "an ordinary prompt is answered in pieces");
        check(&streamed);
        assert_eq!(pieces, streamed.text, "the pieces, put together, are the text");
    }
    let prompt = ask("What is a duplicate?");
    let several = (0..4).map(|_| model.complete(&prompt)).collect();
    for answer in super::together(several).await {
        check(&ok(answer, "calls side by side are answered"));
    }
    assert!(!model.name("conformance").is_empty(), "the model of a task has a name");
    assert_eq!(model.name("conformance"), model.name("conformance"), "a task keeps its model");
}

fn check(completion: &Completion) {
    assert!(!completion.text.is_empty(), "an answer has text");
    assert!(!completion.model.is_empty(), "an answer names its model");
    assert!(completion.input_tokens > 0, "the tokens of the question are counted");
    assert!(completion.output_tokens > 0, "the tokens of the answer are counted");
}

/// A model that says what it is told and keeps what it was asked.
///
/// An answer is taken from those of its task, then from those for any task, in the order in which they were given; when
/// they are used up, what [`always`](Self::always) says. Its tokens are a fourth of the bytes.
///
/// ```
/// use soulcaster_core::testing::ScriptedModel;
/// let model = ScriptedModel::new().then("first").for_task("plan", "a plan").always("title", "A title");
/// ```
#[derive(Debug, Default)]
pub struct ScriptedModel {
    script: Mutex<Script>,
    prompts: Mutex<Vec<Prompt>>,
}

type Line = std::result::Result<String, ErrorKind>;

#[derive(Debug, Default)]
struct Script {
    by_task: HashMap<String, VecDeque<Line>>,
    any: VecDeque<Line>,
    always: HashMap<String, Line>,
}

impl ScriptedModel {
    /// A model that has nothing to say yet: it fails with `NotFound`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers the next prompt, whatever its task, with `text`.
    #[must_use]
    pub fn then(self, text: impl Into<String>) -> Self {
        self.edit(|script| script.any.push_back(Ok(text.into())))
    }

    /// Fails the next prompt, whatever its task, with `kind`.
    #[must_use]
    pub fn fail(self, kind: ErrorKind) -> Self {
        self.edit(|script| script.any.push_back(Err(kind)))
    }

    /// Answers the next prompt of `task` with `text`.
    #[must_use]
    pub fn for_task(self, task: &str, text: impl Into<String>) -> Self {
        self.edit(|script| script.by_task.entry(task.to_owned()).or_default().push_back(Ok(text.into())))
    }

    /// Answers every prompt of `task` that nothing else answers with `text`.
    #[must_use]
    pub fn always(self, task: &str, text: impl Into<String>) -> Self {
        self.edit(|script| _ = script.always.insert(task.to_owned(), Ok(text.into())))
    }

    /// Fails every prompt of `task` that nothing else answers with `kind`.
    #[must_use]
    pub fn always_fail(self, task: &str, kind: ErrorKind) -> Self {
        self.edit(|script| _ = script.always.insert(task.to_owned(), Err(kind)))
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn edit(mut self, change: impl FnOnce(&mut Script)) -> Self {
        change(self.script.get_mut().unwrap_or_else(PoisonError::into_inner));
        self
    }

    fn next(&self, task: &str) -> Option<Line> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let own = script.by_task.get_mut(task).and_then(VecDeque::pop_front);
        own.or_else(|| script.any.pop_front()).or_else(|| script.always.get(task).cloned())
    }
}

#[async_trait]
impl LanguageModel for ScriptedModel {
    fn name(&self, _task: &str) -> String {
        "scripted".into()
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner).push(prompt.clone());
        let tokens = |bytes: usize| bytes.div_ceil(4).max(1) as u64;
        let task = prompt.task;
        match self.next(task) {
            Some(Ok(text)) => Ok(Completion {
                model: self.name(task),
                input_tokens: tokens(prompt.system.len() + prompt.user.len()),
                output_tokens: tokens(text.len()),
                text,
            }),
            Some(Err(kind)) => Err(Error::new(kind, "scripted.complete", format!("the script fails {task}"))),
            None => Err(Error::not_found("scripted.complete", format!("the script has nothing for {task}"))),
        }
    }

    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion> {
        let completion = self.complete(prompt).await?;
        for piece in completion.text.split_inclusive(' ') {
            on_text(piece);
        }
        Ok(completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scripted_model_conforms() {
        language(&ScriptedModel::new().always("conformance", "It is one sentence.")).await;
    }

    #[tokio::test]
    async fn answers_of_the_task_come_first_then_those_of_any_then_the_lasting_one() {
        let model = ScriptedModel::new()
            .then("any")
            .fail(ErrorKind::RateLimited)
            .for_task("plan", "own")
            .always("plan", "lasting");
        let ask =
            async || model.complete(&Prompt { task: "plan", ..Prompt::default() }).await.map(|c| c.text);
        assert_eq!(ask().await.unwrap(), "own");
        assert_eq!(ask().await.unwrap(), "any");
        assert_eq!(ask().await.unwrap_err().kind(), ErrorKind::RateLimited);
        assert_eq!(ask().await.unwrap(), "lasting");
        assert_eq!(ask().await.unwrap(), "lasting");
        let other = model.complete(&Prompt { task: "title", ..Prompt::default() }).await.unwrap_err();
        assert_eq!(other.kind(), ErrorKind::NotFound);
        assert_eq!(model.prompts().len(), 6);
    }
}
