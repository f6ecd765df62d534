//! A stream that does not wait for ever: for the rest of the headers, or for a client to take its answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// What the connection and its requests tell each other.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    limit: Duration,
    /// A request is being answered; its body has a deadline of its own.
    busy: Arc<AtomicBool>,
    /// Requests whose headers have come.
    requests: Arc<AtomicU64>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, busy: Arc::default(), requests: Arc::default() }
    }

    pub(crate) fn headers_are_here(&self) {
        self.busy.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_is_answered(&self) {
        self.busy.store(false, Ordering::Relaxed);
    }
}

/// A TCP stream under a [`Patience`].
#[derive(Debug)]
pub(crate) struct Timed {
    stream: TcpStream,
    patience: Patience,
    /// Runs from the first byte of a request to the end of its headers.
    reading: Option<Pin<Box<Sleep>>>,
    /// Requests whose headers had come when that clock began.
    seen: u64,
    /// Runs while the client takes nothing.
    writing: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    pub(crate) fn new(stream: TcpStream, patience: Patience) -> Self {
        Self { stream, patience, reading: None, seen: 0, writing: None }
    }

    /// The clock that runs while the client takes nothing.
    fn stalled<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = None;
            return written;
        }
        let limit = self.patience.limit * 2;
        let clock = self.writing.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Err(late("the client does not read")))
    }
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let requests = self.patience.requests.load(Ordering::Relaxed);
        if self.seen != requests {
            self.seen = requests;
            self.reading = None;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.patience.busy.load(Ordering::Relaxed) {
            return read;
        }
        if buffer.filled().len() > before && self.reading.is_none() {
            self.reading = Some(Box::pin(sleep(self.patience.limit)));
        }
        if let Some(clock) = &mut self.reading
            && (clock.deadline() <= Instant::now() || clock.as_mut().poll(cx).is_ready())
        {
            return Poll::Ready(Err(late("the headers do not end")));
        }
        read
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.stalled(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.stalled(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
