//! A server on this machine for tests: it behaves as badly as it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Request line and headers, in lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// What goes out.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// All of it at once.
    Whole { status: u16, headers: String, body: Vec<u8> },
    /// A success whose body comes in these pieces with this pause before each; then the connection breaks.
    Pieces(Vec<Vec<u8>>, Duration),
    /// The connection breaks without an answer.
    Hangup,
    /// Nothing ever comes.
    Silence,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Whole { status, headers: String::new(), body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).with("Content-Type: application/json")
    }

    /// Adds a header line.
    pub(crate) fn with(mut self, line: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push_str(&format!("{line}\r\n"));
        }
        self
    }
}

/// The server; it stops with the runtime of the test.
pub(crate) struct Server {
    /// Its address.
    pub(crate) base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Answers request number `n`, counted from 0, with `reply(n, request)`.
    pub(crate) async fn start(reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, reply) = (Arc::clone(&asked), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                tokio::spawn(async move { serve(stream, &log, reply.as_ref()).await });
            }
        });
        Self { base, asked }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    reply: &(dyn Fn(usize, &Asked) -> Reply + Send + Sync),
) {
    let Some(request) = read(&mut stream).await else { return };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.len() - 1
    };
    // Whoever has read enough hangs up, so what cannot be written is no fault.
    match reply(number, &request) {
        Reply::Whole { status, headers, body } => {
            let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n{headers}", body.len());
            let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
        Reply::Pieces(pieces, pause) => {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            for piece in pieces {
                tokio::time::sleep(pause).await;
                let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
                chunk.extend_from_slice(&piece);
                chunk.extend_from_slice(b"\r\n");
                if stream.write_all(&chunk).await.is_err() {
                    return;
                }
            }
        }
        Reply::Hangup => {}
        Reply::Silence => {
            let _ = stream.read_u8().await;
        }
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
