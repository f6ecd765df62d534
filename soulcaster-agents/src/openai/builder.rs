//! Options of the embedder.

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use soulcaster_core::{Error, Result, Secret};

use super::{BATCH_BYTES, BATCH_TEXTS, OPERATION as EMBED, OpenAiEmbedder, TEXT_BYTES, remedy};
use crate::caller::{Caller, Parts};
use crate::endpoint::Endpoint;

const OPERATION: &str = "openai.build";

/// Options of an [`OpenAiEmbedder`]; made by [`OpenAiEmbedder::builder`].
pub struct Builder {
    pub(super) model: String,
    pub(super) dimensions: usize,
    pub(super) shorten: bool,
    pub(super) base_url: String,
    pub(super) key: Option<Secret>,
    pub(super) batch: usize,
    pub(super) text_bytes: usize,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

impl Builder {
    pub(super) fn new(model: String, dimensions: usize) -> Self {
        Self {
            model,
            dimensions,
            shorten: false,
            base_url: "https://api.openai.com/v1".into(),
            key: None,
            batch: 256,
            text_bytes: TEXT_BYTES,
            timeout: Duration::from_secs(60),
            attempts: 4,
        }
    }

    /// Where the API is, up to the part before `/embeddings`; `https://api.openai.com/v1` unless given.
    ///
    /// Without credentials, query and fragment. With a key it is https, or http to this machine (`localhost`,
    /// `127.0.0.0/8`, `::1`). The proxy of the environment is used for every other machine and never for this one.
    #[must_use]
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = base_url.into();
        self
    }

    /// The key, sent as bearer token. Local servers often need none; it is never looked up anywhere.
    #[must_use]
    pub fn key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// Whether the server is asked to shorten its vectors to the dimensions of this embedder. Off unless given:
    /// the dimensions are then those that the model has anyway, and many servers refuse to be asked.
    #[must_use]
    pub fn shorten(mut self, shorten: bool) -> Self {
        self.shorten = shorten;
        self
    }

    /// Most texts in one request, 1 to 2,048; 256 unless given. text-embeddings-inference takes 32 by default.
    #[must_use]
    pub fn batch(mut self, texts: usize) -> Self {
        self.batch = texts;
        self
    }

    /// Most bytes of one text, 1 to 300,000; what follows is cut off, never inside a character. 8,000 unless
    /// given: no token is shorter than a byte, so every text fits a model that takes 8,192 of them. For a model
    /// of 512 tokens whose server does not cut texts itself, 500 always fits and 1,500 fits most English.
    #[must_use]
    pub fn text_bytes(mut self, bytes: usize) -> Self {
        self.text_bytes = bytes;
        self
    }

    /// How long one request may take, answer included; 60 seconds unless given.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a request is sent before its error is returned, at least once; 4 times unless given.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when an option is out of its range, the base URL is unfit or the key cannot be sent in a header;
    /// `Unexpected` when TLS cannot be set up.
    pub fn build(self) -> Result<OpenAiEmbedder> {
        let check = |holds: bool, rule: &str| {
            if holds { Ok(()) } else { Err(Error::invalid(OPERATION, rule)) }
        };
        check((1..=65_536).contains(&self.dimensions), "dimensions are 1 to 65536")?;
        check((1..=BATCH_TEXTS).contains(&self.batch), "a batch is 1 to 2048 texts")?;
        check((1..=BATCH_BYTES).contains(&self.text_bytes), "a text is 1 to 300000 bytes")?;
        check(self.attempts > 0, "there is at least one attempt")?;
        let endpoint = Endpoint::new(OPERATION, &self.base_url, "embeddings", self.key.is_some())?;

        let caller = Caller::new(Parts {
            building: OPERATION,
            calling: EMBED,
            endpoint: &endpoint,
            model: &self.model,
            key: self.key.as_ref(),
            key_header: (AUTHORIZATION, "Bearer "),
            timeout: self.timeout,
            remedy,
        })?;
        Ok(OpenAiEmbedder { caller, endpoint, options: self })
    }
}
