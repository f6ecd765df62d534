//! Exchanges with a model, written down and played back: what was asked once need not be asked again.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io::{BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::{Completion, LanguageModel, OnText, Prompt};
use soulcaster_core::{Error, ErrorKind, Result, id};

/// One exchange: a line of a recording.
#[derive(Serialize, Deserialize)]
struct Exchange {
    /// The digest of the prompt.
    prompt: String,
    task: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Outcome {
    Answer { text: String, model: String, input_tokens: u64, output_tokens: u64 },
    Failure { error: ErrorKind },
}

/// The same prompt has the same digest, on every machine.
fn digest(prompt: &Prompt) -> String {
    let schema = prompt.schema.as_ref().map(ToString::to_string).unwrap_or_default();
    let tokens = prompt.answer_tokens().to_le_bytes();
    let parts = [
        prompt.task.as_bytes(),
        prompt.system.as_bytes(),
        prompt.user.as_bytes(),
        schema.as_bytes(),
        &tokens,
    ];
    id::digest(&parts, 32)
}

/// Writes down what a model is asked and answers, a line of JSON an exchange: the digest of the prompt, not its text.
pub struct Recorder<W> {
    model: Arc<dyn LanguageModel>,
    to: Mutex<W>,
}

impl<W: Write + Send> Recorder<W> {
    /// Writes the exchanges of `model` to `to`.
    #[must_use]
    pub fn new(model: Arc<dyn LanguageModel>, to: W) -> Self {
        Self { model, to: Mutex::new(to) }
    }

    fn keep(&self, prompt: &Prompt, answer: &Result<Completion>) -> Result<()> {
        let outcome = match answer {
            Ok(Completion { text, model, input_tokens, output_tokens }) => Outcome::Answer {
                text: text.clone(),
                model: model.clone(),
                input_tokens: *input_tokens,
                output_tokens: *output_tokens,
            },
            Err(error) => Outcome::Failure { error: error.kind() },
        };
        let exchange = Exchange { prompt: digest(prompt), task: prompt.task.to_owned(), outcome };
        let failed = |e: std::io::Error| {
            Error::new(ErrorKind::Unavailable, "recording.write", "the exchange cannot be written down")
                .with_source(e)
        };
        let mut line = serde_json::to_vec(&exchange).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(&line).and_then(|()| to.flush()).map_err(failed)
    }
}

#[async_trait]
impl<W: Write + Send> LanguageModel for Recorder<W> {
    fn name(&self, task: &str) -> String {
        self.model.name(task)
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion> {
        let answer = self.model.complete(prompt).await;
        self.keep(prompt, &answer)?;
        answer
    }

    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion> {
        let answer = self.model.stream(prompt, on_text).await;
        self.keep(prompt, &answer)?;
        answer
    }
}

impl<W> fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// Answers as a recording says. A prompt that was recorded several times is answered in that order, and with the last
/// answer from then on; one that was not is `NotFound`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # use std::sync::Arc;
/// # use soulcaster_agents::recording::{Recorder, Replayer};
/// # use soulcaster_core::{port::{LanguageModel, Prompt}, testing::ScriptedModel};
/// let mut kept = Vec::new();
/// let prompt = Prompt { task: "title", user: "500 when I use a coupon".into(), ..Prompt::default() };
/// let model = Arc::new(ScriptedModel::new().then("Coupons break checkout"));
/// Recorder::new(model, &mut kept).complete(&prompt).await?;
/// let replayer = Replayer::read(kept.as_slice())?;
/// assert_eq!(replayer.complete(&prompt).await?.text, "Coupons break checkout");
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[derive(Default)]
pub struct Replayer {
    answers: Mutex<HashMap<String, VecDeque<Outcome>>>,
    names: HashMap<String, String>,
}

impl Replayer {
    /// Reads a recording.
    ///
    /// # Errors
    /// `Invalid` naming the line that is no exchange.
    pub fn read(from: impl BufRead) -> Result<Self> {
        let mut replayer = Self::default();
        let answers = replayer.answers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (number, line) in from.lines().enumerate() {
            let refuse = |what: &str| Error::invalid("recording.read", format!("line {} {what}", number + 1));
            let line = line.map_err(|e| refuse("cannot be read").with_source(e))?;
            let exchange: Exchange =
                serde_json::from_str(&line).map_err(|e| refuse("is no exchange").with_source(e))?;
            if let Outcome::Answer { model, .. } = &exchange.outcome {
                replayer.names.entry(exchange.task).or_insert_with(|| model.clone());
            }
            answers.entry(exchange.prompt).or_default().push_back(exchange.outcome);
        }
        Ok(replayer)
    }
}

#[async_trait]
impl LanguageModel for Replayer {
    fn name(&self, task: &str) -> String {
        self.names.get(task).cloned().unwrap_or_else(|| "replayed".into())
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers.get_mut(&digest(prompt));
        let next =
            known.and_then(|known| if known.len() > 1 { known.pop_front() } else { known.front().cloned() });
        match next {
            Some(Outcome::Answer { text, model, input_tokens, output_tokens }) => {
                Ok(Completion { text, model, input_tokens, output_tokens })
            }
            Some(Outcome::Failure { error }) => Err(Error::new(
                error,
                "recording.play",
                format!("{} failed when it was recorded", prompt.task),
            )),
            None => {
                let message = format!("this prompt for {} was not recorded; record it anew", prompt.task);
                Err(Error::not_found("recording.play", message))
            }
        }
    }

    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion> {
        let completion = self.complete(prompt).await?;
        on_text(&completion.text);
        Ok(completion)
    }
}

impl fmt::Debug for Replayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayer").field("names", &self.names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use soulcaster_core::testing::{ScriptedModel, language};

    use super::*;

    fn prompt(user: &str) -> Prompt {
        Prompt { task: "title", user: user.into(), ..Prompt::default() }
    }

    #[tokio::test]
    async fn recording_plays_answers_and_failures_in_their_order() {
        let model =
            ScriptedModel::new().then("first").fail(ErrorKind::RateLimited).then("other").then("last");
        let mut kept = Vec::new();
        let recorder = Recorder::new(Arc::new(model), &mut kept);
        recorder.complete(&prompt("a stranger's text")).await.unwrap();
        recorder.complete(&prompt("a stranger's text")).await.unwrap_err();
        recorder.complete(&prompt("b")).await.unwrap();
        recorder.stream(&prompt("a stranger's text"), &mut |_| {}).await.unwrap();
        drop(recorder);
        assert_eq!(kept.iter().filter(|byte| **byte == b'\n').count(), 4);
        assert!(!String::from_utf8_lossy(&kept).contains("stranger"));

        let replayer = Replayer::read(kept.as_slice()).unwrap();
        let ask = async |user| replayer.complete(&prompt(user)).await.map(|answer| answer.text);
        assert_eq!(ask("a stranger's text").await.unwrap(), "first");
        assert_eq!(ask("a stranger's text").await.unwrap_err().kind(), ErrorKind::RateLimited);
        for _ in 0..2 {
            assert_eq!(ask("a stranger's text").await.unwrap(), "last");
        }
        assert_eq!(ask("b").await.unwrap(), "other");
        assert_eq!(ask("c").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!((replayer.name("title"), replayer.name("plan")), ("scripted".into(), "replayed".into()));
    }

    #[tokio::test]
    async fn both_conform() {
        let model = ScriptedModel::new().always("conformance", "It is one sentence.");
        let mut kept = Vec::new();
        language(&Recorder::new(Arc::new(model), &mut kept)).await;
        language(&Replayer::read(kept.as_slice()).unwrap()).await;
    }

    #[test]
    fn every_part_of_a_prompt_counts() {
        let base = prompt("a");
        let others = [
            Prompt { task: "plan", ..base.clone() },
            Prompt { system: "a".into(), user: String::new(), ..base.clone() },
            Prompt { schema: Some(json!({})), ..base.clone() },
            Prompt { max_tokens: 1, ..base.clone() },
        ];
        for other in others {
            assert_ne!(digest(&base), digest(&other), "{other:?}");
        }
        assert_eq!(digest(&base), digest(&Prompt { max_tokens: Prompt::MAX_TOKENS, ..base.clone() }));
    }

    #[test]
    fn line_that_is_no_exchange_is_named() {
        let error =
            Replayer::read(&b"{\"prompt\":\"x\",\"task\":\"t\",\"error\":\"full\"}\n{}\n"[..]).unwrap_err();
        assert_eq!(error.message(), "line 2 is no exchange");
    }
}
