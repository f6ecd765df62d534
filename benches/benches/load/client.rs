//! One connection that is kept, and how long it waited.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection to the server; HTTP/1.1, one request at a time.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    key: String,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, key: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), key: key.to_owned(), body: Vec::new() }
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> &[u8] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: s\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.key,
            body.len()
        );
        self.send(&(head + body))
    }

    pub(crate) fn get(&mut self, path: &str) -> &[u8] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: s\r\nauthorization: Bearer {}\r\n\r\n", self.key);
        self.send(&head)
    }

    fn send(&mut self, request: &str) -> &[u8] {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut line, mut length) = (String::new(), 0);
        self.stream.read_line(&mut line).unwrap();
        let is_good = line.starts_with("HTTP/1.1 2");
        let status = line.clone();
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).unwrap();
        assert!(is_good, "{status}{}", String::from_utf8_lossy(&self.body));
        &self.body
    }
}

/// How long requests took.
#[derive(Default)]
pub(crate) struct Latencies(Vec<f64>);

impl Latencies {
    pub(crate) fn push(&mut self, latency: Duration) {
        self.0.push(latency.as_secs_f64() * 1e3);
    }

    /// The latency that a part of the requests stays below, in milliseconds.
    pub(crate) fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[((sorted.len() as f64 * part) as usize).min(sorted.len() - 1)]
    }
}

impl FromIterator<Latencies> for Latencies {
    fn from_iter<I: IntoIterator<Item = Latencies>>(all: I) -> Self {
        Self(all.into_iter().flat_map(|part| part.0).collect())
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (p50, p99, p999) = (self.at(0.5), self.at(0.99), self.at(0.999));
        write!(f, "p50 {p50:.2} ms, p99 {p99:.1} ms, p99.9 {p999:.1} ms")
    }
}
