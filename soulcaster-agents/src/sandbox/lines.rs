//! What programs write, as lines of bounded length.

use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::Sender;

use super::Stream;
use super::supervisor::Message;

/// The most that is kept of a line.
const LONGEST: usize = 256 << 10;

/// A line, without its end.
pub(super) struct Line {
    pub(super) stream: Stream,
    pub(super) text: String,
}

/// Counts the bytes of a run's outputs against a ceiling.
#[derive(Clone)]
pub(super) struct Meter {
    pub(super) written: Arc<AtomicU64>,
    pub(super) ceiling: u64,
}

/// Reads `from` to its end in a thread of its own. Whoever writes is held up while nobody takes the lines; past the
/// ceiling, and once nobody listens, what comes is thrown away.
pub(super) fn read(
    stream: Stream,
    mut from: impl Read + Send + 'static,
    meter: Meter,
    lines: Sender<Line>,
    supervisor: mpsc::Sender<Message>,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("sandbox-output".to_owned()).spawn(move || {
        let mut buffer = vec![0; 32 << 10];
        let mut line = Vec::new();
        let mut open = true;
        let send = |line: &mut Vec<u8>| {
            let text = String::from_utf8_lossy(line).into_owned();
            line.clear();
            lines.blocking_send(Line { stream, text }).is_ok()
        };
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let written = meter.written.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
            if written > meter.ceiling && open {
                open = false;
                // The supervisor outlives its readers' need of it.
                let _ = supervisor.send(Message::Flood);
            }
            if !open {
                continue;
            }
            for part in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
                let (text, ends) = match part.split_last() {
                    Some((b'\n', text)) => (text, true),
                    _ => (part, false),
                };
                line.extend_from_slice(&text[..text.len().min(LONGEST - line.len())]);
                if ends && !send(&mut line) {
                    open = false;
                    break;
                }
            }
        }
        if open && !line.is_empty() {
            send(&mut line);
        }
        let _ = supervisor.send(Message::Silent);
    })
}
