//! A server on this machine.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::pull::{Clock, Connection};

/// A clock that moves when it is told to.
#[derive(Clone)]
pub(super) struct Hand(Arc<Mutex<DateTime<Utc>>>);

impl Hand {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-03-01T12:00:00Z".parse().unwrap())))
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    pub(super) fn pass(&self, span: Duration) {
        *self.0.lock().unwrap() += TimeDelta::from_std(span).unwrap();
    }

    /// The clock of a poller.
    pub(super) fn clock(&self) -> Clock {
        let hand = self.clone();
        Clock::new(move || hand.now())
    }
}

/// A request that came in.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Request line and headers, as they came.
    pub(super) head: String,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) body: String,
    /// By the clock of the test.
    pub(super) at: DateTime<Utc>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// What goes out.
#[derive(Default)]
pub(super) struct Answer {
    status: u16,
    headers: String,
    body: String,
    /// The connection breaks before the whole body is sent.
    is_cut: bool,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl ToString) -> Self {
        Self { status, headers: String::new(), body: body.to_string(), is_cut: false }
    }

    pub(super) fn ok(body: impl ToString) -> Self {
        Self::new(200, body)
    }

    /// The same, but for the end.
    pub(super) fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }

    /// The same with another body.
    pub(super) fn but(self, body: impl ToString) -> Self {
        Self { body: body.to_string(), ..self }
    }

    pub(super) fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }
}

/// The server; it stops with the runtime of the test.
pub(super) struct Fake {
    pub(super) base: String,
    pub(super) hand: Hand,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers request number `n`, counted from 0, with `answer(n, request)`.
    pub(super) async fn start(
        hand: &Hand,
        mut answer: impl FnMut(usize, &Asked) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, clock) = (Arc::clone(&asked), hand.clone());
        tokio::spawn(async move {
            // One connection after the other, as pollers ask.
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read(&mut stream, &clock).await else { continue };
                let answer = answer(log.lock().unwrap().len(), &request);
                log.lock().unwrap().push(request);
                let Answer { status, headers, body, is_cut } = answer;
                let length = body.len() + if is_cut { 1000 } else { 0 };
                let length =
                    if status == 304 { String::new() } else { format!("Content-Length: {length}\r\n") };
                let whole =
                    format!("HTTP/1.1 {status} Status\r\n{length}{headers}Connection: close\r\n\r\n{body}");
                // Whoever has read enough hangs up.
                let _ = stream.write_all(whole.as_bytes()).await;
            }
        });
        Self { base, hand: hand.clone(), asked }
    }

    /// How to reach it: a great budget, 10 minutes of overlap.
    pub(super) fn connection(&self) -> Connection {
        let connection = Connection::new(self.base.clone(), 1_000_000, 60);
        Connection { allow_private_network: true, clock: self.hand.clock(), ..connection }
    }

    /// All requests so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream, hand: &Hand) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let body = &bytes[end + 4..];
        if body.len() < length.parse::<usize>().unwrap() {
            continue;
        }
        let target = head.split_ascii_whitespace().nth(1).unwrap();
        let url = Url::parse(&format!("http://host{target}")).unwrap();
        let query = url.query_pairs().into_owned().collect();
        let (path, body) = (url.path().to_owned(), String::from_utf8_lossy(body).into_owned());
        return Some(Asked { head, path, query, body, at: hand.now() });
    }
}
