//! The calls of E2B that a run needs, as its own client makes them.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use super::E2bConfig;
use super::frames::{Frame, Frames, frame};
use crate::endpoint::Endpoint;
use crate::retry;

/// The port at which a sandbox answers.
const PORT: &str = "49983";

/// How often a silent process is asked to give a sign of life, in seconds.
const KEEPALIVE: u64 = 50;

/// A sandbox, as it is created.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Created {
    #[serde(rename = "sandboxID")]
    pub(super) id: String,
    #[serde(rename = "envdAccessToken", default)]
    token: Option<Secret2>,
    #[serde(default)]
    domain: Option<String>,
}

/// A secret that is read from JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "String")]
struct Secret2(Secret);

impl From<String> for Secret2 {
    fn from(value: String) -> Self {
        Self(Secret::new(value))
    }
}

/// Something that a process does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It has begun.
    Started(u64),
    /// It wrote to its output.
    Out(Vec<u8>),
    /// It wrote to its error output.
    Err(Vec<u8>),
    /// It has ended with this code.
    Ended(i32),
}

/// Speaks to E2B.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    api: String,
    sandbox: Option<String>,
    domain: String,
    key: Secret,
    user: String,
    patience: Duration,
}

impl Api {
    pub(super) fn new(config: &E2bConfig) -> Result<Self> {
        let api = config.api_url.clone().unwrap_or_else(|| format!("https://api.{}", config.domain));
        let endpoint = Endpoint::new("e2b.build", &api, "sandboxes", true)?;
        if let Some(sandbox) = &config.sandbox_url {
            Endpoint::new("e2b.build", sandbox, "files", true)?;
        }
        let mut client = Client::builder()
            .user_agent(concat!("soulcaster/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(15));
        if endpoint.is_loopback() {
            client = client.no_proxy();
        }
        let client = client.build().map_err(|e| {
            Error::new(ErrorKind::Unexpected, "e2b.build", "TLS cannot be set up").with_source(e)
        })?;
        Ok(Self {
            client,
            api,
            sandbox: config.sandbox_url.clone(),
            domain: config.domain.clone(),
            key: config.key.clone(),
            user: config.user.clone(),
            patience: config.request_timeout,
        })
    }

    /// Creates a sandbox that lives for `life`.
    pub(super) async fn create(&self, template: &str, life: Duration, internet: bool) -> Result<Created> {
        let body = json!({"templateID": template, "timeout": life.as_secs(), "allow_internet_access": internet,
            "autoPause": false});
        let mut answer = None;
        for path in ["v2/sandboxes", "sandboxes"] {
            let response =
                self.send("e2b.create", self.control(reqwest::Method::POST, path)?.json(&body)).await?;
            let newer = matches!(response.status(), StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
            answer = Some(response);
            if !newer {
                break;
            }
        }
        let answer = answer.ok_or_else(|| unavailable("e2b.create", "it was not asked"))?;
        let answer = check("e2b.create", answer).await?;
        let bytes = bounded("e2b.create", answer, 1 << 20).await?;
        let created = serde_json::from_slice::<Created>(&bytes);
        let created = created.map_err(|_| unexpected("e2b.create", "the answer is none"))?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if created.id.is_empty() || !created.id.chars().all(fits) {
            return Err(unexpected("e2b.create", "the sandbox has no usable id"));
        }
        Ok(created)
    }

    /// Ends a sandbox; one that is gone already is fine.
    pub(super) async fn delete(&self, id: &str) -> Result<()> {
        let request = self.control(reqwest::Method::DELETE, &format!("sandboxes/{id}"))?;
        let response = self.send("e2b.delete", request).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        check("e2b.delete", response).await.map(|_| ())
    }

    /// Writes a file.
    pub(super) async fn upload(&self, sandbox: &Created, path: &str, bytes: Vec<u8>) -> Result<()> {
        let boundary = format!("soulcaster-{:x}", bytes.len() ^ 0x5ca1ab1e);
        let name = path.replace(['"', '\r', '\n'], "_");
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: \
             application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend(bytes);
        body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        let request = self.inner(sandbox, reqwest::Method::POST, "files", Some(path))?;
        let request =
            request.header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}")).body(body);
        check("e2b.upload", self.send("e2b.upload", request).await?).await.map(|_| ())
    }

    /// Reads a file of at most `most` bytes.
    pub(super) async fn download(&self, sandbox: &Created, path: &str, most: usize) -> Result<Vec<u8>> {
        let request = self.inner(sandbox, reqwest::Method::GET, "files", Some(path))?;
        let response = check("e2b.download", self.send("e2b.download", request).await?).await?;
        bounded("e2b.download", response, most).await
    }

    /// Starts a command of bash; what it does comes by [`Process::next`].
    pub(super) async fn start(
        &self,
        sandbox: &Created,
        command: &str,
        env: &[(String, String)],
        life: Duration,
    ) -> Result<Process> {
        let envs: serde_json::Map<String, Value> =
            env.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let message = json!({"process": {"cmd": "/bin/bash", "args": ["-l", "-c", command], "envs": envs},
            "stdin": false});
        let request = self
            .rpc(sandbox, "process.Process/Start")?
            .header(CONTENT_TYPE, "application/connect+json")
            .header("Connect-Timeout-Ms", life.as_millis().to_string())
            .header("Keepalive-Ping-Interval", KEEPALIVE.to_string())
            .timeout(life)
            .body(frame(&message));
        let response = tokio::time::timeout(self.patience, request.send());
        let response = response.await.map_err(|_| unavailable("e2b.start", "no answer in time"))?;
        let response = check("e2b.start", response.map_err(|e| broken("e2b.start", &e))?).await?;
        Ok(Process { response, frames: Frames::default(), patience: Duration::from_secs(3 * KEEPALIVE) })
    }

    /// Kills a process.
    pub(super) async fn kill(&self, sandbox: &Created, pid: u64) -> Result<()> {
        let message = json!({"process": {"pid": pid}, "signal": "SIGNAL_SIGKILL"});
        let request = self.rpc(sandbox, "process.Process/SendSignal")?.json(&message);
        check("e2b.kill", self.send("e2b.kill", request).await?).await.map(|_| ())
    }

    fn control(&self, method: reqwest::Method, path: &str) -> Result<RequestBuilder> {
        let endpoint = Endpoint::new("e2b.call", &self.api, path, true)?;
        Ok(self.client.request(method, endpoint.url()).header("X-API-KEY", self.key.expose()))
    }

    fn rpc(&self, sandbox: &Created, path: &str) -> Result<RequestBuilder> {
        let request = self.inner(sandbox, reqwest::Method::POST, path, None)?;
        let user = BASE64_STANDARD.encode(format!("{}:", self.user));
        Ok(request.header("Connect-Protocol-Version", "1").header("Authorization", format!("Basic {user}")))
    }

    fn inner(
        &self,
        sandbox: &Created,
        method: reqwest::Method,
        path: &str,
        file: Option<&str>,
    ) -> Result<RequestBuilder> {
        let domain = sandbox.domain.as_deref().unwrap_or(&self.domain);
        let base = match &self.sandbox {
            Some(base) => base.clone(),
            None if domain == "e2b.app" => format!("https://sandbox.{domain}"),
            None => format!("https://{PORT}-{}.{domain}", sandbox.id),
        };
        let mut url: Url = Endpoint::new("e2b.call", &base, path, true)?.url();
        if let Some(file) = file {
            url.query_pairs_mut().append_pair("path", file).append_pair("username", &self.user);
        }
        let mut request = self.client.request(method, url);
        request = request.header("E2b-Sandbox-Id", &sandbox.id).header("E2b-Sandbox-Port", PORT);
        if let Some(token) = &sandbox.token {
            request = request.header("X-Access-Token", token.0.expose());
        }
        Ok(request)
    }

    async fn send(&self, operation: &'static str, request: RequestBuilder) -> Result<Response> {
        request.timeout(self.patience).send().await.map_err(|e| broken(operation, &e))
    }
}

/// A process that was started.
pub(super) struct Process {
    response: Response,
    frames: Frames,
    patience: Duration,
}

impl Process {
    /// The next thing that it does.
    ///
    /// # Errors
    /// `Unavailable` when the sandbox is gone or falls silent.
    pub(super) async fn next(&mut self) -> Result<Event> {
        let operation = "e2b.stream";
        loop {
            match self.frames.next()? {
                Some(Frame::Message(message)) => {
                    if let Some(event) = event(&message)? {
                        return Ok(event);
                    }
                }
                Some(Frame::End(error)) => {
                    let code = error.as_ref().and_then(|error| error["code"].as_str());
                    let code = code.unwrap_or("none").chars().take(40).collect::<String>();
                    return Err(unavailable(
                        operation,
                        &format!("the sandbox ended the stream, code {code}"),
                    ));
                }
                None => {
                    let chunk = tokio::time::timeout(self.patience, self.response.chunk()).await;
                    let chunk = chunk.map_err(|_| unavailable(operation, "the sandbox fell silent"))?;
                    match chunk.map_err(|e| broken(operation, &e))? {
                        Some(bytes) => self.frames.push(&bytes),
                        None => return Err(unavailable(operation, "the stream broke off")),
                    }
                }
            }
        }
    }
}

fn event(message: &Value) -> Result<Option<Event>> {
    let odd = || unexpected("e2b.stream", "an event cannot be read");
    let event = &message["event"];
    if let Some(start) = event.get("start") {
        return Ok(Some(Event::Started(start["pid"].as_u64().ok_or_else(odd)?)));
    }
    if let Some(data) = event.get("data") {
        for (name, make) in [("stdout", Event::Out as fn(Vec<u8>) -> Event), ("stderr", Event::Err)] {
            if let Some(text) = data[name].as_str() {
                return Ok(Some(make(BASE64_STANDARD.decode(text).map_err(|_| odd())?)));
            }
        }
    }
    if let Some(end) = event.get("end") {
        // JSON of protobuf leaves out what is zero.
        let code = end["exitCode"].as_i64().unwrap_or_default();
        return Ok(Some(Event::Ended(i32::try_from(code).map_err(|_| odd())?)));
    }
    Ok(None)
}

/// Turns an answer that is no success into an error. What it says is not repeated.
async fn check(operation: &'static str, response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let (kind, what) = match status.as_u16() {
        401 | 403 => (ErrorKind::Unauthorized, "E2B refuses the key"),
        404 => (ErrorKind::NotFound, "E2B knows no such template, sandbox or file"),
        402 => (ErrorKind::QuotaExceeded, "E2B wants to be paid"),
        429 => (ErrorKind::RateLimited, "E2B has had too many requests"),
        400..=499 => (ErrorKind::Unexpected, "E2B refuses the request"),
        _ => (ErrorKind::Unavailable, "E2B cannot answer"),
    };
    let error = Error::new(kind, operation, format!("{what} ({})", status.as_u16()));
    let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Err(match wait.and_then(|value| retry::retry_after(value, SystemTime::now().into())) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    })
}

async fn bounded(operation: &'static str, mut response: Response, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| broken(operation, &e))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most {
            let message = format!("it is larger than {most} bytes");
            return Err(Error::new(ErrorKind::TooLarge, operation, message));
        }
    }
    Ok(bytes)
}

/// The source may show the address and is left out.
fn broken(operation: &'static str, error: &reqwest::Error) -> Error {
    let what = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "E2B cannot be reached"
    } else {
        "the connection broke off"
    };
    unavailable(operation, what)
}

fn unavailable(operation: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, message)
}

fn unexpected(operation: &'static str, message: &str) -> Error {
    Error::new(ErrorKind::Unexpected, operation, message)
}
