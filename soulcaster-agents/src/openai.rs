//! Embeddings over `POST {base}/embeddings`, as OpenAI and many other servers speak it.

mod builder;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Embedder;
use soulcaster_core::port::embedder::{EmbedderId, Embedding};
use soulcaster_core::{ErrorKind, Result};

use crate::caller::Caller;
use crate::endpoint::Endpoint;
use crate::retry::{Failure, Tries};

pub use builder::Builder;

const OPERATION: &str = "openai.embed";
/// Most texts that the API takes in one request.
const BATCH_TEXTS: usize = 2048;
/// Most bytes of all texts in one request. The API takes 300,000 tokens, and no token is shorter than a byte.
const BATCH_BYTES: usize = 300_000;
/// Most bytes of one text unless asked otherwise. The API takes 8,192 tokens.
const TEXT_BYTES: usize = 8_000;
/// What a blank text is sent as: the API refuses the empty one, and some servers the blank one.
const BLANK: &str = ".";
/// Most bytes of an answer, besides [`COMPONENT_BYTES`] for each number asked for.
const REPLY_BYTES: usize = 1024 * 1024;
const COMPONENT_BYTES: usize = 64;

/// Embeds with a model behind an OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, LM Studio,
/// text-embeddings-inference, gateways that take a bearer token.
///
/// - Every text is sent as it is, but for two things: a text is cut after
///   [`text_bytes`](Builder::text_bytes), and a text of blanks and invisible characters is sent as `.`.
/// - [`id`](Embedder::id) is `openai:{model}/{dimensions}@{base}`, where the base is host, port unless it is the
///   usual one, and path; another text limit than the default is added as `/{bytes}b`. The same model at two
///   addresses has two ids: nothing proves that two servers run the same weights. A server that changes the
///   model behind a name keeps the id, so name a fixed version where there is one.
/// - The server decides whether a text gets the same vector each time. Models on graphics processors may differ
///   in the last digits; most of that goes away as vectors are rounded to the
///   [grid](soulcaster_core::port::embedder::GRID).
/// - Requests go out one after the other. Each is sent again after 408, 429, 5xx and a connection that failed or
///   broke, but not after a timeout: half a second later, then 1, 2, 4 seconds, or when `Retry-After` says, if
///   that is within a minute. Redirects are not followed: a key stays with its host.
/// - Needs a tokio runtime with time and network.
///
/// # Errors
/// | kind | when |
/// | --- | --- |
/// | `Invalid` | the server answers 400 or 422, or redirects |
/// | `Unauthorized` | 401 or 403 |
/// | `QuotaExceeded` | 402, or the code `insufficient_quota` |
/// | `NotFound` | 404: there is no such model or no such path |
/// | `TooLarge` | 413, or the reply is longer than the vectors asked for can be |
/// | `RateLimited` | 429 until the last attempt |
/// | `Unavailable` | 408, 5xx or no connection until the last attempt, or a timeout |
/// | `Unexpected` | another status; a reply that cannot be read, or with wrong count, order numbers or dimensions |
///
/// Messages name model, host and remedy, and hold what the server says: 300 characters, `***` for the key, and
/// nothing at all when it quotes a text.
///
/// ```no_run
/// # async fn run(key: String) -> soulcaster_core::Result<()> {
/// use soulcaster_agents::OpenAiEmbedder;
/// use soulcaster_core::{Secret, port::Embedder};
///
/// let remote = OpenAiEmbedder::builder("text-embedding-3-small", 1536)
///     .key(Secret::new(key))
///     .build()?;
/// let local = OpenAiEmbedder::builder("nomic-embed-text", 768)
///     .base_url("http://localhost:11434/v1")
///     .build()?;
/// assert_eq!(local.id().0, "openai:nomic-embed-text/768@localhost:11434/v1");
/// let vectors = remote.embed(&["The app crashes".into(), "It crashed again".into()]).await?;
/// assert!(vectors[0].cosine(&vectors[1]) > 0.5);
/// # Ok(()) }
/// ```
pub struct OpenAiEmbedder {
    caller: Caller,
    endpoint: Endpoint,
    options: Builder,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    index: usize,
    /// Read wide, so that what does not fit is told by [`Embedding::new`].
    embedding: Vec<f64>,
}

impl OpenAiEmbedder {
    /// Starts an embedder for `model`, whose vectors have `dimensions` components, 1 to 65,536.
    #[must_use]
    pub fn builder(model: impl Into<String>, dimensions: usize) -> Builder {
        Builder::new(model.into(), dimensions)
    }

    /// How many of `inputs` go into the next request; at least one.
    fn fitting(&self, inputs: &[&str]) -> usize {
        let mut bytes = 0;
        let fits = |input: &&&str| {
            bytes += input.len();
            bytes <= BATCH_BYTES
        };
        inputs.iter().take(self.options.batch).take_while(fits).count().max(1)
    }

    /// Embeds one batch, in as many attempts as it takes and is allowed.
    async fn embed_batch(&self, batch: &[&str]) -> Result<Vec<Embedding>> {
        let mut tries = Tries::new(self.options.attempts);
        loop {
            match self.attempt(batch).await {
                Ok(vectors) => return Ok(vectors),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    async fn attempt(&self, batch: &[&str]) -> Result<Vec<Embedding>, Failure> {
        let request = Request {
            model: &self.options.model,
            input: batch,
            encoding_format: "float",
            dimensions: self.options.shorten.then_some(self.options.dimensions),
        };
        let response = self.caller.send(self.endpoint.url(), &[], &request, batch).await?;
        let limit = REPLY_BYTES + batch.len() * self.options.dimensions * COMPONENT_BYTES;
        let body = self.caller.read(response, limit).await?;
        Ok(self.vectors(&body, batch.len())?)
    }

    /// Reads the vectors of `count` texts, by their order numbers.
    fn vectors(&self, body: &[u8], count: usize) -> Result<Vec<Embedding>> {
        let unexpected = |what: String| self.caller.error(ErrorKind::Unexpected, what);
        // Without the source: it may show what the server sent.
        let reply: Reply = serde_json::from_slice(body).map_err(|e| {
            let place = format!("line {} column {}", e.line(), e.column());
            unexpected(format!(
                "sends no list of embeddings ({place}); check that the server speaks this API"
            ))
        })?;
        if reply.data.len() != count {
            return Err(unexpected(format!("sends {} vectors for {count} texts", reply.data.len())));
        }
        let mut vectors = vec![None; count];
        for Row { index, embedding } in reply.data {
            if embedding.len() != self.options.dimensions {
                let (got, expected) = (embedding.len(), self.options.dimensions);
                let what =
                    format!("sends vectors of {got} components, not {expected}; give the model's dimensions");
                return Err(unexpected(format!("{what}, or shorten them if it can")));
            }
            #[allow(clippy::cast_possible_truncation)] // too large becomes infinite, which is refused
            let vector = Embedding::new(embedding.into_iter().map(|x| x as f32).collect())
                .map_err(|e| unexpected(format!("sends a vector that is none: {}", e.message())))?;
            match vectors.get_mut(index) {
                Some(place @ None) => *place = Some(vector),
                Some(Some(_)) => return Err(unexpected(format!("sends vector {index} twice"))),
                None => return Err(unexpected(format!("sends vector {index} for {count} texts"))),
            }
        }
        // As many vectors as places, and none taken twice: every place is filled.
        Ok(vectors.into_iter().flatten().collect())
    }
}

/// What is sent for `text`, of at most `limit` bytes.
pub(crate) fn input(text: &str, limit: usize) -> &str {
    let text = &text[..text.floor_char_boundary(limit)];
    if text.chars().all(is_invisible) { BLANK } else { text }
}

/// Whether `c` leaves no mark: white space, control characters, and those of no width.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

pub(crate) fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "check model, dimensions and text limit",
        ErrorKind::Unauthorized => "check the key and what it may do",
        ErrorKind::QuotaExceeded => "check plan and billing of the account",
        ErrorKind::NotFound => "check the base URL and the name of the model",
        ErrorKind::TooLarge => "lower the batch or the text limit",
        ErrorKind::RateLimited => "try again later or lower the batch",
        ErrorKind::Unavailable => "try again later",
        _ => "check the base URL",
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn id(&self) -> EmbedderId {
        let Builder { model, dimensions, text_bytes, .. } = &self.options;
        let limit = if *text_bytes == TEXT_BYTES { String::new() } else { format!("/{text_bytes}b") };
        EmbedderId(format!("openai:{model}/{dimensions}{limit}@{}", self.endpoint.base()))
    }

    fn dimensions(&self) -> usize {
        self.options.dimensions
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>> {
        let inputs: Vec<&str> = texts.iter().map(|text| input(text, self.options.text_bytes)).collect();
        let mut vectors = Vec::with_capacity(inputs.len());
        let mut rest = inputs.as_slice();
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(self.fitting(rest));
            vectors.extend(self.embed_batch(batch).await?);
            rest = later;
        }
        Ok(vectors)
    }
}

impl fmt::Debug for OpenAiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiEmbedder").field("id", &self.id().0).field("key", &self.options.key).finish()
    }
}
