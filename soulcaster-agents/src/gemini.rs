//! Embeddings over `POST {base}/models/{model}:batchEmbedContents`, <https://ai.google.dev/api/embeddings>.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderName;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::Embedder;
use soulcaster_core::port::embedder::{EmbedderId, Embedding};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use crate::caller::{Caller, Parts};
use crate::endpoint::Endpoint;
use crate::model::Wire;
use crate::openai::{input, remedy};
use crate::retry::{Failure, Tries};

const BUILD: &str = "gemini.build";
const CALL: &str = "gemini.embed";
/// The model.
const MODEL: &str = "gemini-embedding-001";
/// Components of its vectors: of the 3,072 that it can give, the first 768 lose little.
const DIMENSIONS: usize = 768;
/// Most texts that the API takes in one request.
const BATCH_TEXTS: usize = 100;
/// Most bytes of one text. The API cuts a text after 2,048 tokens by itself.
const TEXT_BYTES: usize = 8_000;
const TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 4;
/// Most bytes of an answer for one text, and for all of them together besides.
const VECTOR_BYTES: usize = 64 * DIMENSIONS;
const REPLY_BYTES: usize = 1024 * 1024;

/// Embeds with `gemini-embedding-001`, 768 components.
///
/// - A text is cut after 8,000 bytes, and one of blanks and invisible characters is sent as `.`.
/// - [`id`](Embedder::id) is `gemini:gemini-embedding-001/768@{host and path}`.
/// - Requests of at most 100 texts go out one after the other, each 4 times at most, as
///   [`OpenAiEmbedder`](crate::OpenAiEmbedder) sends its own; errors are of the same kinds.
///
/// ```no_run
/// # async fn run(key: String) -> soulcaster_core::Result<()> {
/// use soulcaster_agents::GeminiEmbedder;
/// use soulcaster_core::{Secret, port::Embedder};
///
/// let embedder = GeminiEmbedder::new(Secret::new(key))?;
/// let vectors = embedder.embed(&["The app crashes".into(), "It crashed again".into()]).await?;
/// assert!(vectors[0].cosine(&vectors[1]) > 0.5);
/// # Ok(()) }
/// ```
pub struct GeminiEmbedder {
    caller: Caller,
    endpoint: Endpoint,
}

#[derive(Serialize)]
struct Request<'a> {
    requests: Vec<One<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    model: &'static str,
    content: Content<'a>,
    task_type: &'static str,
    output_dimensionality: usize,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct Reply {
    embeddings: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    /// Read wide, so that what does not fit is told by [`Embedding::new`].
    values: Vec<f64>,
}

impl GeminiEmbedder {
    /// An embedder at the usual place.
    ///
    /// # Errors
    /// `Invalid` when the key cannot be sent in a header, `Unexpected` when TLS cannot be set up.
    pub fn new(key: Secret) -> Result<Self> {
        Self::at(Wire::Gemini.base_url(), key)
    }

    /// An embedder at another place, up to the part before `/models`: https, or http to this machine.
    ///
    /// # Errors
    /// Those of [`GeminiEmbedder::new`], and `Invalid` for an unfit base URL.
    pub fn at(base_url: &str, key: Secret) -> Result<Self> {
        let endpoint = Endpoint::new(BUILD, base_url, &format!("models/{MODEL}:batchEmbedContents"), true)?;
        let caller = Caller::new(Parts {
            building: BUILD,
            calling: CALL,
            endpoint: &endpoint,
            model: MODEL,
            key: Some(&key),
            key_header: (HeaderName::from_static("x-goog-api-key"), ""),
            timeout: TIMEOUT,
            remedy,
        })?;
        Ok(Self { caller, endpoint })
    }

    async fn attempt(&self, batch: &[&str]) -> Result<Vec<Embedding>, Failure> {
        let one = |text| One {
            model: "models/gemini-embedding-001",
            content: Content { parts: [Part { text }] },
            // Vectors are compared with each other, of texts of one kind.
            task_type: "SEMANTIC_SIMILARITY",
            output_dimensionality: DIMENSIONS,
        };
        let request = Request { requests: batch.iter().map(|text| one(*text)).collect() };
        let response = self.caller.send(self.endpoint.url(), &[], &request, batch).await?;
        let body = self.caller.read(response, REPLY_BYTES + batch.len() * VECTOR_BYTES).await?;
        Ok(self.vectors(&body, batch.len())?)
    }

    fn vectors(&self, body: &[u8], count: usize) -> Result<Vec<Embedding>> {
        let unexpected = |what: String| self.caller.error(ErrorKind::Unexpected, what);
        // Without the source: it may show what the server sent.
        let reply: Reply = serde_json::from_slice(body).map_err(|e| {
            let place = format!("line {} column {}", e.line(), e.column());
            unexpected(format!("sends no list of embeddings ({place}); check the base URL"))
        })?;
        if reply.embeddings.len() != count {
            return Err(unexpected(format!("sends {} vectors for {count} texts", reply.embeddings.len())));
        }
        let vector = |row: Row| {
            if row.values.len() != DIMENSIONS {
                let got = row.values.len();
                return Err(unexpected(format!("sends vectors of {got} components, not {DIMENSIONS}")));
            }
            #[allow(clippy::cast_possible_truncation)] // too large becomes infinite, which is refused
            Embedding::new(row.values.into_iter().map(|x| x as f32).collect())
                .map_err(|e: Error| unexpected(format!("sends a vector that is none: {}", e.message())))
        };
        reply.embeddings.into_iter().map(vector).collect()
    }
}

#[async_trait]
impl Embedder for GeminiEmbedder {
    fn id(&self) -> EmbedderId {
        EmbedderId(format!("gemini:{MODEL}/{DIMENSIONS}@{}", self.endpoint.base()))
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>> {
        let inputs: Vec<&str> = texts.iter().map(|text| input(text, TEXT_BYTES)).collect();
        let mut vectors = Vec::with_capacity(inputs.len());
        for batch in inputs.chunks(BATCH_TEXTS) {
            let mut tries = Tries::new(ATTEMPTS);
            loop {
                match self.attempt(batch).await {
                    Ok(more) => break vectors.extend(more),
                    Err(failure) => tries.again(failure).await?,
                }
            }
        }
        Ok(vectors)
    }
}

impl fmt::Debug for GeminiEmbedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeminiEmbedder").field("id", &self.id().0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use soulcaster_core::testing;

    use super::*;
    use crate::server::{Asked, Reply as Said, Server};

    /// Checks the request as the API does and gives a vector for each text.
    fn embeddings(asked: &Asked) -> Said {
        assert!(asked.head.starts_with("post /models/gemini-embedding-001:batchembedcontents http/1.1"));
        assert!(asked.head.contains("x-goog-api-key: sesame"));
        let requests = asked.body["requests"].as_array().unwrap();
        assert!((1..=100).contains(&requests.len()));
        let vector = |request: &Value| {
            assert_eq!(request["model"], "models/gemini-embedding-001");
            assert_eq!(
                (&request["outputDimensionality"], &request["taskType"]),
                (&json!(768), &json!("SEMANTIC_SIMILARITY"))
            );
            let text = request["content"]["parts"][0]["text"].as_str().unwrap();
            assert!(!text.trim().is_empty() && text.len() <= 8000);
            let mut state = 17u32;
            text.bytes().for_each(|byte| state = (state ^ u32::from(byte)).wrapping_mul(16_777_619));
            let values = (0..768u32).map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223 + n);
                f64::from(state >> 16) / 32_768.0 - 1.0
            });
            json!({"values": values.collect::<Vec<f64>>()})
        };
        Said::json(200, &json!({"embeddings": requests.iter().map(vector).collect::<Vec<Value>>()}))
    }

    fn embedder(server: &Server) -> GeminiEmbedder {
        GeminiEmbedder::at(&server.base, Secret::new("sesame")).unwrap()
    }

    #[tokio::test]
    async fn conforms() {
        let server = Server::start(|_, asked| embeddings(asked)).await;
        testing::embedder(&embedder(&server)).await;
        assert!(embedder(&server).id().0.starts_with("gemini:gemini-embedding-001/768@127.0.0.1:"));
    }

    #[tokio::test]
    async fn texts_go_by_the_hundred_and_stay_in_order() {
        let server = Server::start(|_, asked| embeddings(asked)).await;
        let texts: Vec<String> = (0..250).map(|n| format!("text {n}")).collect();
        let all = embedder(&server).embed(&texts).await.unwrap();
        assert_eq!((all.len(), server.asked().len()), (250, 3));
        assert_eq!(embedder(&server).embed(&texts[249..]).await.unwrap()[0], all[249]);
    }

    #[tokio::test]
    async fn wait_in_the_body_is_kept_and_wrong_vectors_are_refused() {
        let busy = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "0.1s"}]}});
        let server =
            Server::start(move |n, asked| if n == 0 { Said::json(429, &busy) } else { embeddings(asked) })
                .await;
        embedder(&server).embed(&["x".into()]).await.unwrap();
        assert_eq!(server.asked().len(), 2);
        for (body, why) in [
            (json!({"embeddings": []}), "0 vectors for 1 texts"),
            (json!({"embeddings": [{"values": [1.0]}]}), "1 components, not 768"),
            (json!({"embeddings": [{"values": vec![0.0; 768]}]}), "a vector that is none"),
            (json!({"vectors": []}), "no list of embeddings"),
        ] {
            let server = Server::start(move |_, _| Said::json(200, &body)).await;
            let error = embedder(&server).embed(&["x".into()]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unexpected);
            assert!(error.message().contains(why), "{error}");
        }
    }
}
