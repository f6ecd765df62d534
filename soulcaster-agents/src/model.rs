//! Language models of Gemini, Anthropic, OpenAI, Azure and every server that speaks as OpenAI does.
//!
//! The three wires are spoken here and not through a client for all providers: of those that are maintained `genai` (0.7)
//! comes nearest, but it reads answers whole however long they are, unpacks what is compressed without a bound, puts
//! whole answers into errors and traces, gives no wait that stands in the body of a refusal, knows no Azure, and turns on
//! the `preserve_order` of `serde_json` for every crate of a program, on whose order kept records depend.

mod anthropic;
mod breaker;
mod events;
mod gemini;
mod openai;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use soulcaster_core::port::{Completion, LanguageModel, OnText, Prompt};
use soulcaster_core::{Error, ErrorKind, Result, Secret};
use tokio::time::Instant;

use crate::answer::Refusal;
use crate::caller::{Caller, Parts};
use crate::endpoint::Endpoint;
use crate::retry::{Failure, Next, Tries};
use breaker::Breaker;
use events::Events;
use wire::{Answer, End};

pub use wire::Wire;

const BUILD: &str = "model.build";
const CALL: &str = "model.complete";
/// Tasks that a small model is good enough for.
const MINI_TASKS: [&str; 2] = ["title", "summary"];

/// What a [`RemoteModel`] is made of.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    /// How the server speaks.
    pub wire: Wire,
    /// The name of the model (of the deployment, on Azure).
    pub model: String,
    /// Where the API is, up to the part before `/chat/completions`, `/messages` or `/models`. Without credentials, query
    /// and fragment; with a key it is https, or http to this machine.
    pub base_url: String,
    /// The key; local servers often need none.
    pub key: Option<Secret>,
    /// How long one request may take, answer included.
    pub timeout: Duration,
    /// How often a request is sent before its error is returned, at least once.
    pub attempts: u32,
    /// Most bytes of an answer.
    pub answer_bytes: usize,
}

impl ModelConfig {
    /// `model` at the usual place of `wire`: 60 seconds, 3 attempts, 4 MiB.
    #[must_use]
    pub fn new(wire: Wire, model: impl Into<String>, key: Option<Secret>) -> Self {
        Self {
            wire,
            model: model.into(),
            base_url: wire.base_url().to_owned(),
            key,
            timeout: Duration::from_secs(60),
            attempts: 3,
            answer_bytes: 4 << 20,
        }
    }
}

/// One model behind an HTTP interface.
///
/// - Requests are sent again after 408, 429, 5xx and a connection that failed or broke, but not after a timeout: half a
///   second later, then twice as long each time, or when the server says (`Retry-After` in both forms, or Google's
///   `retryDelay`), if that is within a minute. A stream is not begun again once a piece was handed on.
/// - After 5 failures in a row nothing is sent for 30 seconds; then one request tries whether it works again.
/// - A server that refuses a schema (400 or 422) is asked once more without it, with the schema in the instructions.
/// - Redirects are not followed: a key stays with its host. Keys go in headers and never in addresses.
/// - Needs a tokio runtime with time and network.
///
/// # Errors
/// | kind | when |
/// | --- | --- |
/// | `Invalid` | the server answers 400 or 422, or redirects; the model refuses to answer |
/// | `Unauthorized` | 401 or 403 |
/// | `QuotaExceeded` | 402, or the code `insufficient_quota` |
/// | `NotFound` | 404: there is no such model or no such path |
/// | `TooLarge` | 413; an answer over its bytes, or cut off at its tokens |
/// | `RateLimited` | 429 until the last attempt |
/// | `Unavailable` | 408, 5xx, no connection or half an answer until the last attempt; a timeout; a pause after failures |
/// | `Unexpected` | another status; an answer that cannot be read or has no text |
///
/// Messages name model, host and remedy, and hold what the server says: 300 characters, `***` for the key, and nothing at
/// all when it quotes the prompt.
///
/// ```no_run
/// # async fn run(key: String) -> soulcaster_core::Result<()> {
/// use soulcaster_agents::model::{ModelConfig, RemoteModel, Wire};
/// use soulcaster_core::{Secret, port::{LanguageModel, Prompt}};
///
/// let model = RemoteModel::new(ModelConfig::new(Wire::Anthropic, "claude-haiku-4-5", Some(Secret::new(key))))?;
/// let prompt = Prompt { task: "title", user: "500 when I use a coupon".into(), ..Prompt::default() };
/// println!("{}", model.complete(&prompt).await?.text);
/// # Ok(()) }
/// ```
pub struct RemoteModel {
    config: ModelConfig,
    caller: Caller,
    once: Url,
    streamed: Url,
    breaker: Mutex<Breaker>,
}

impl RemoteModel {
    /// Checks `config`. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when a part is out of its range, the base URL is unfit or the key cannot be sent in a header;
    /// `Unexpected` when TLS cannot be set up.
    pub fn new(config: ModelConfig) -> Result<Self> {
        let check = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(Error::invalid(BUILD, rule)) };
        check(config.attempts > 0, "there is at least one attempt")?;
        check(config.answer_bytes > 0, "an answer has at least one byte")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/@".contains(c);
        check(
            config.model.chars().all(plain) && !config.model.split('/').any(|part| part == ".."),
            "the name of a model has letters, digits, and - . _ : / @",
        )?;
        let place = |stream| {
            let (path, query) = config.wire.path(&config.model, stream);
            let endpoint = Endpoint::new(BUILD, &config.base_url, &path, config.key.is_some())?;
            let mut url = endpoint.url();
            url.set_query(query);
            Ok((endpoint, url))
        };
        let (endpoint, once) = place(false)?;
        let (_, streamed) = place(true)?;
        let caller = Caller::new(Parts {
            building: BUILD,
            calling: CALL,
            endpoint: &endpoint,
            model: &config.model,
            key: config.key.as_ref(),
            key_header: config.wire.key_header(),
            timeout: config.timeout,
            remedy,
        })?;
        Ok(Self { config, caller, once, streamed, breaker: Mutex::default() })
    }

    /// Answers in as many attempts as it takes and is allowed. `on_text` is for streams.
    async fn answer(&self, prompt: &Prompt, mut on_text: Option<&mut OnText<'_>>) -> Result<Completion> {
        let mut tries = Tries::new(self.config.attempts);
        let mut native = prompt.schema.is_some();
        loop {
            self.admit()?;
            let mut handed = false;
            let outcome = match &mut on_text {
                None => self.whole(prompt, native).await,
                Some(on_text) => {
                    let mut hand = |text: &str| {
                        handed = true;
                        (**on_text)(text);
                    };
                    self.streamed(prompt, native, &mut hand).await
                }
            };
            let failure = match outcome.and_then(|answer| self.finish(answer, prompt)) {
                Ok(completion) => {
                    self.breaker().note(true, Instant::now());
                    return Ok(completion);
                }
                Err(failure) => failure,
            };
            let down = matches!(failure.error.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited);
            self.breaker().note(!down, Instant::now());
            if handed {
                return Err(failure.error);
            }
            if native && matches!(failure.status, Some(400 | 422)) {
                native = false;
            } else {
                tries.again(failure).await?;
            }
        }
    }

    fn admit(&self) -> Result<()> {
        self.breaker().admit(Instant::now()).map_err(|wait| {
            let seconds = wait.as_secs() + 1;
            let what = format!("has failed again and again; nothing is sent to it for {seconds} s");
            self.caller.error(ErrorKind::Unavailable, what).with_retry_after(wait)
        })
    }

    async fn whole(&self, prompt: &Prompt, native: bool) -> Result<Answer, Failure> {
        let (wire, texts) = (self.config.wire, texts(prompt));
        let body = wire.body(&self.config.model, prompt, false, native);
        let response = self.caller.send(self.once.clone(), wire.headers(), &body, &texts).await?;
        let body = self.caller.read(response, self.config.answer_bytes).await?;
        let unreadable = |at: String| {
            let what = format!("sends no answer of this API{at}; {}", remedy(ErrorKind::Unexpected));
            self.caller.error(ErrorKind::Unexpected, what)
        };
        // Without the source: it may show what the server sent.
        let body = serde_json::from_slice(&body)
            .map_err(|e| unreadable(format!(" (line {} column {})", e.line(), e.column())))?;
        Ok(wire.read(&body).ok_or_else(|| unreadable(String::new()))?)
    }

    async fn streamed(
        &self,
        prompt: &Prompt,
        native: bool,
        on_text: &mut OnText<'_>,
    ) -> Result<Answer, Failure> {
        let (wire, texts) = (self.config.wire, texts(prompt));
        let body = wire.body(&self.config.model, prompt, true, native);
        let mut response = self.caller.send(self.streamed.clone(), wire.headers(), &body, &texts).await?;
        let mut answer = Answer::default();
        let mut events = Events::default();
        let mut bytes = 0;
        while let Some(chunk) = response.chunk().await.map_err(|e| self.caller.disconnected(e))? {
            bytes += chunk.len();
            if bytes > self.config.answer_bytes {
                return Err(self.caller.too_long(self.config.answer_bytes).into());
            }
            for data in events.push(&chunk) {
                let Ok(event) = serde_json::from_slice(&data) else { continue };
                if let Some(refusal) = Refusal::of(&event) {
                    // A stream has begun with success; what ends it is a trouble of the server.
                    let status = reqwest::StatusCode::SERVICE_UNAVAILABLE;
                    return Err(self.caller.refusal(status, None, &refusal, &texts));
                }
                let before = answer.text.len();
                wire.event(&event, &mut answer);
                if answer.text.len() > before {
                    on_text(&answer.text[before..]);
                }
            }
        }
        Ok(answer)
    }

    /// What an answer is worth.
    fn finish(&self, answer: Answer, prompt: &Prompt) -> Result<Completion, Failure> {
        let error = |kind, what: String| Failure::from(self.caller.error(kind, what));
        match answer.end {
            Some(End::Done) => {}
            Some(End::Length) => {
                let what = format!(
                    "needs more than {} tokens; {}",
                    prompt.answer_tokens(),
                    remedy(ErrorKind::TooLarge)
                );
                return Err(error(ErrorKind::TooLarge, what));
            }
            Some(End::Refused) => {
                let what = "refuses to answer; look at the reports, or take another model".to_owned();
                return Err(error(ErrorKind::Invalid, what));
            }
            None => {
                let what = "breaks off in the middle of the answer; try again later".to_owned();
                return Err(Failure { next: Next::Backoff, ..error(ErrorKind::Unavailable, what) });
            }
        }
        if answer.text.trim().is_empty() {
            return Err(error(ErrorKind::Unexpected, "answers with no text; take another model".into()));
        }
        let estimate = |bytes: usize| bytes.div_ceil(3).max(1) as u64;
        Ok(Completion {
            input_tokens: answer.input.unwrap_or_else(|| estimate(prompt.system.len() + prompt.user.len())),
            output_tokens: answer.output.unwrap_or_else(|| estimate(answer.text.len())),
            text: answer.text,
            model: self.config.model.clone(),
        })
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn texts(prompt: &Prompt) -> [&str; 2] {
    [&prompt.system, &prompt.user]
}

fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "check the model and its settings",
        ErrorKind::Unauthorized => "check the key and what it may do",
        ErrorKind::QuotaExceeded => "check plan and billing of the account",
        ErrorKind::NotFound => "check the base URL and the name of the model",
        ErrorKind::TooLarge => "ask for less, or take another model",
        ErrorKind::RateLimited | ErrorKind::Unavailable => "try again later",
        _ => "check the base URL",
    }
}

#[async_trait]
impl LanguageModel for RemoteModel {
    fn name(&self, _task: &str) -> String {
        self.config.model.clone()
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion> {
        self.answer(prompt, None).await
    }

    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion> {
        self.answer(prompt, Some(on_text)).await
    }
}

impl fmt::Debug for RemoteModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteModel").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Sends small tasks (titles, summaries) to a small model and all others to the main one.
#[derive(Clone)]
pub struct RoutedModel {
    main: Arc<dyn LanguageModel>,
    mini: Arc<dyn LanguageModel>,
}

impl RoutedModel {
    /// Routes between `main` and `mini`.
    #[must_use]
    pub fn new(main: Arc<dyn LanguageModel>, mini: Arc<dyn LanguageModel>) -> Self {
        Self { main, mini }
    }

    fn of(&self, task: &str) -> &dyn LanguageModel {
        if MINI_TASKS.contains(&task) { self.mini.as_ref() } else { self.main.as_ref() }
    }
}

#[async_trait]
impl LanguageModel for RoutedModel {
    fn name(&self, task: &str) -> String {
        self.of(task).name(task)
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion> {
        self.of(prompt.task).complete(prompt).await
    }

    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion> {
        self.of(prompt.task).stream(prompt, on_text).await
    }
}

impl fmt::Debug for RoutedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (main, mini) = (self.main.name("plan"), self.mini.name("title"));
        f.debug_struct("RoutedModel").field("main", &main).field("mini", &mini).finish()
    }
}
