//! A server on this machine that answers like the API, by its published schema.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Components of each vector that [`embeddings`] gives.
pub(super) const DIMENSIONS: usize = 8;

/// A request that came in.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Request line and headers, in lower case.
    pub(super) head: String,
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn input(&self) -> Vec<&str> {
        self.body["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
    }
}

/// What goes out.
pub(super) struct Answer {
    status: u16,
    headers: &'static str,
    body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: &(impl ToString + ?Sized)) -> Self {
        Self { status, headers: "", body: body.to_string() }
    }

    /// Adds whole header lines.
    pub(super) fn with(mut self, headers: &'static str) -> Self {
        self.headers = headers;
        self
    }
}

/// The server; it stops with the runtime of the test.
pub(super) struct Fake {
    /// The base URL of the API.
    pub(super) base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers request number `n`, counted from 0, with `answer(n, request)`.
    pub(super) async fn start(answer: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            // One connection after the other, as the embedder asks.
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read(&mut stream).await else { continue };
                let answer = answer(log.lock().unwrap().len(), &request);
                log.lock().unwrap().push(request);
                let (status, headers, body) = (answer.status, answer.headers, answer.body);
                let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n{headers}", body.len());
                let whole = format!("{head}Connection: close\r\n\r\n{body}");
                // Whoever has read enough hangs up.
                let _ = stream.write_all(whole.as_bytes()).await;
            }
        });
        Self { base, asked }
    }

    /// Like the API itself.
    pub(super) async fn api() -> Self {
        Self::start(|_, request| embeddings(request)).await
    }

    /// Gives the same answer each time.
    pub(super) async fn always(status: u16, body: &(impl ToString + ?Sized)) -> Self {
        let body = body.to_string();
        Self::start(move |_, _| Answer::new(status, &body)).await
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let body = &bytes[end + 4..];
        if body.len() == length.parse::<usize>().unwrap() {
            return Some(Asked { head, body: serde_json::from_slice(body).unwrap() });
        }
    }
}

/// Checks the request as the API does and gives a vector for each text, last text first.
pub(super) fn embeddings(request: &Asked) -> Answer {
    let refuse = |message: &str| {
        let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
        Answer::new(400, &json!({ "error": error }))
    };
    let input = request.input();
    let known = ["model", "input", "encoding_format", "dimensions", "user"];
    if request.body.as_object().unwrap().keys().any(|name| !known.contains(&name.as_str())) {
        return refuse("Unrecognized request argument supplied");
    }
    if request.body["encoding_format"] != "float" || !request.body["model"].is_string() {
        return refuse("you must provide a model parameter");
    }
    if input.is_empty() || input.len() > 2048 || input.iter().any(|text| text.trim().is_empty()) {
        return refuse("'$.input' is invalid. Please check the API reference");
    }
    // As if each byte were a token, which is the most there can be.
    if input.iter().any(|text| text.len() > 8192) {
        return refuse("This model's maximum context length is 8192 tokens");
    }
    let total: usize = input.iter().map(|text| text.len()).sum();
    if total > 300_000 {
        return refuse("max 300000 tokens per request");
    }
    let rows = input.iter().enumerate().rev();
    let rows =
        rows.map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)}));
    let usage = json!({"prompt_tokens": total, "total_tokens": total});
    let data: Vec<Value> = rows.collect();
    Answer::new(200, &json!({"object": "list", "data": data, "model": request.body["model"], "usage": usage}))
}

/// A direction that depends on each byte of `text`.
pub(super) fn vector(text: &str) -> Vec<f32> {
    let mut state = 17u32;
    for byte in text.bytes() {
        state = (state ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
    };
    (0..DIMENSIONS).map(|_| next()).collect()
}
