//! Lends an agent a language model without the key to it.
//!
//! An agent talks to a [`Broker`] of its own run, at a socket of this machine. The broker adds the key and passes calls
//! on to one upstream, for one model, whatever the agent names. It counts tokens and money by what the upstream
//! reports, or by bytes where it reports nothing, and refuses every call once the budget is used up. Calls go one after
//! the other, so that never more is spent than the budget and one call.
//!
//! Nothing that a provider would do for the agent gets through: no search, no page fetched, no tool server, no
//! picture by its address. All that would be a way out of the sandbox.

mod call;
mod request;
#[cfg(test)]
mod tests;
mod usage;

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Client, redirect};
use soulcaster_core::port::agent::{Budget, Spend, StopReason};
use soulcaster_core::{Error, ErrorKind, Result, Secret};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::endpoint::Endpoint;

const OPERATION: &str = "broker.start";

/// Connections at one time.
const CONNECTIONS: usize = 64;

/// The price of a call in millionths of a US dollar, by model and tokens of question and answer.
pub type Price = Arc<dyn Fn(&str, u64, u64) -> u64 + Send + Sync>;

/// How a key is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`, as OpenAI and most others want it.
    #[default]
    Bearer,
    /// `x-api-key: KEY`, as Anthropic wants it.
    XApiKey,
    /// `api-key: KEY`, as Azure wants it.
    ApiKey,
}

/// Options of an [`Upstream`].
#[derive(Clone)]
pub struct UpstreamConfig {
    /// Where the API is, up to the part before `/chat/completions`, `/responses` or `/messages`.
    pub base_url: String,
    /// The model that every call goes to.
    pub model: String,
    /// The key; local servers often need none.
    pub key: Option<Secret>,
    /// How the key is sent.
    pub key_header: KeyHeader,
    /// What calls cost.
    pub price: Price,
    /// The most bytes of a question.
    pub request_bytes: usize,
    /// The most bytes of an answer.
    pub response_bytes: usize,
    /// The most tokens of an answer.
    pub max_tokens: u64,
    /// How long the upstream may stay silent.
    pub patience: Duration,
}

impl UpstreamConfig {
    /// OpenAI's way without a key, calls that cost nothing, 8 MiB a question, 16 MiB and 32,000 tokens an answer, five
    /// minutes of patience.
    #[must_use]
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            key: None,
            key_header: KeyHeader::Bearer,
            price: Arc::new(|_, _, _| 0),
            request_bytes: 8 << 20,
            response_bytes: 16 << 20,
            max_tokens: 32_000,
            patience: Duration::from_secs(300),
        }
    }
}

/// The provider of a model: where calls go, with which key, for which price.
#[derive(Clone)]
pub struct Upstream {
    client: Client,
    config: Arc<UpstreamConfig>,
    key: Option<(HeaderName, HeaderValue)>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("model", &self.config.model).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Checks the options. Sends nothing.
    ///
    /// # Errors
    /// `Invalid` when the base URL, the model or the key is unfit, `Unexpected` when TLS cannot be set up.
    pub fn new(config: UpstreamConfig) -> Result<Self> {
        let endpoint = Endpoint::new(OPERATION, &config.base_url, "models", config.key.is_some())?;
        if config.model.trim().is_empty() {
            return Err(Error::invalid(OPERATION, "the model has no name"));
        }
        let mut key = None;
        if let Some(secret) = &config.key {
            // Without the source: it may show the value.
            let unfit = |_| Error::invalid(OPERATION, "the key has characters that no header carries");
            let (name, value) = match config.key_header {
                KeyHeader::Bearer => (AUTHORIZATION, format!("Bearer {}", secret.expose())),
                KeyHeader::XApiKey => (HeaderName::from_static("x-api-key"), secret.expose().to_owned()),
                KeyHeader::ApiKey => (HeaderName::from_static("api-key"), secret.expose().to_owned()),
            };
            let mut value = HeaderValue::from_str(&value).map_err(unfit)?;
            value.set_sensitive(true);
            key = Some((name, value));
        }
        let mut client = Client::builder()
            .user_agent(concat!("soulcaster/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(config.patience);
        if endpoint.is_loopback() {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|e| {
            Error::new(ErrorKind::Unexpected, OPERATION, "TLS cannot be set up").with_source(e)
        })?;
        Ok(Self { client, config: Arc::new(config), key })
    }

    /// The model that every call goes to.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.config.model
    }
}

/// What all calls of a run share.
struct Ledger {
    upstream: Upstream,
    token: String,
    tokens: u64,
    micro_usd: u64,
    spend: watch::Sender<Spend>,
    refused: watch::Sender<Option<StopReason>>,
    fault: Mutex<Option<String>>,
    /// Held during a call.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Ledger {
    /// What of the budget is used up.
    fn exhausted(&self) -> Option<StopReason> {
        let spend = *self.spend.borrow();
        if spend.tokens() >= self.tokens {
            Some(StopReason::Tokens)
        } else if spend.micro_usd >= self.micro_usd {
            Some(StopReason::Cost)
        } else {
            None
        }
    }

    fn fault(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the model calls of one run. Dropping it ends every call.
///
/// ```no_run
/// # async fn example() -> soulcaster_core::Result<()> {
/// use soulcaster_agents::broker::{Broker, Upstream, UpstreamConfig};
/// let upstream = Upstream::new(UpstreamConfig::new("http://127.0.0.1:8080/v1", "qwen3-coder"))?;
/// let broker = Broker::on_loopback(&upstream, &Default::default()).await?;
/// println!("{:?} {}", broker.url(), broker.token());
/// # Ok(())
/// # }
/// ```
pub struct Broker {
    ledger: Arc<Ledger>,
    url: Option<String>,
    serving: JoinHandle<()>,
}

impl Broker {
    /// Serves at the new unix socket `path`, for the tokens and the money of `budget`.
    ///
    /// # Errors
    /// `Unavailable` when the socket cannot be made.
    pub async fn on_socket(upstream: &Upstream, budget: &Budget, path: &Path) -> Result<Self> {
        let listener = UnixListener::bind(path).map_err(unavailable)?;
        Self::start(upstream, budget, None, listener)
    }

    /// Serves at a port of the loopback address, for the tokens and the money of `budget`.
    ///
    /// # Errors
    /// `Unavailable` when no port can be had.
    pub async fn on_loopback(upstream: &Upstream, budget: &Budget) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(unavailable)?;
        let port = listener.local_addr().map_err(unavailable)?.port();
        let url = Some(format!("http://127.0.0.1:{port}"));
        Self::start(upstream, budget, url, listener)
    }

    fn start(
        upstream: &Upstream,
        budget: &Budget,
        url: Option<String>,
        listener: impl Listen,
    ) -> Result<Self> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)
            .map_err(|e| Error::new(ErrorKind::Unavailable, OPERATION, "no random bytes").with_source(e))?;
        let ledger = Arc::new(Ledger {
            upstream: upstream.clone(),
            token: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            tokens: budget.tokens,
            micro_usd: budget.micro_usd,
            spend: watch::Sender::new(Spend::default()),
            refused: watch::Sender::new(None),
            fault: Mutex::new(None),
            turn: Arc::default(),
        });
        let shared = ledger.clone();
        let serving = tokio::spawn(async move {
            let room = Arc::new(Semaphore::new(CONNECTIONS));
            let mut connections = JoinSet::new();
            loop {
                let Ok(permit) = room.clone().acquire_owned().await else { return };
                let stream = match listener.take().await {
                    Ok(stream) => stream,
                    // Out of descriptors, say: it passes.
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                };
                while connections.try_join_next().is_some() {}
                let ledger = shared.clone();
                connections.spawn(async move {
                    let answer = service_fn(|request| {
                        let ledger = ledger.clone();
                        async move { Ok::<_, Infallible>(call::answer(&ledger, request).await) }
                    });
                    // What goes wrong on a connection is the agent's to see.
                    let _ = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                    drop(permit);
                });
            }
        });
        Ok(Self { ledger, url, serving })
    }

    /// Where it serves, up to the part before `/v1`; nothing for one at a unix socket.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// What an agent sends in place of a key. It is worth nothing elsewhere, and nothing after the run.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.ledger.token
    }

    /// What calls took so far.
    #[must_use]
    pub fn spend(&self) -> Spend {
        *self.ledger.spend.borrow()
    }

    /// Waits until a call is refused because the budget is used up, and says what of it.
    pub async fn exhausted(&self) -> StopReason {
        let mut refused = self.ledger.refused.subscribe();
        match refused.wait_for(Option::is_some).await.map(|reason| *reason) {
            Ok(Some(reason)) => reason,
            // The ledger that sends lives as long as this.
            _ => std::future::pending().await,
        }
    }

    /// What the upstream last complained of, if its last answer was no success.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.ledger.fault().clone()
    }

    /// Ends every call and returns what all of them took.
    pub async fn close(mut self) -> Spend {
        self.serving.abort();
        // It was cancelled, which is what it says.
        let _ = (&mut self.serving).await;
        self.spend()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Where connections come in.
trait Listen: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn take(&self) -> impl Future<Output = std::io::Result<Self::Stream>> + Send;
}

impl Listen for UnixListener {
    type Stream = UnixStream;

    async fn take(&self) -> std::io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Listen for TcpListener {
    type Stream = TcpStream;

    async fn take(&self) -> std::io::Result<TcpStream> {
        Ok(self.accept().await?.0)
    }
}

fn unavailable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, OPERATION, "no place to listen at").with_source(error)
}
