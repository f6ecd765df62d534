//! What agents say, on its way to the transcript.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use soulcaster_core::Result;
use soulcaster_core::port::agent::{AgentEvent, Spend, Transcript};

use crate::cli::{Cli, Reader};

/// How often events are written down while a run goes on.
pub(crate) const BATCH: Duration = Duration::from_millis(300);

/// The most that is kept of a line of output.
const LINE: usize = 256 << 10;

/// What an agent has said and nobody has written down yet.
pub(crate) struct Log(Mutex<Pages>);

struct Pages {
    reader: Reader,
    events: Vec<AgentEvent>,
    /// What was last written down of what calls took.
    spend: Spend,
}

impl Log {
    pub(crate) fn new(cli: &Cli) -> Self {
        Self(Mutex::new(Pages { reader: Reader::new(cli), events: Vec::new(), spend: Spend::default() }))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, line: &str) {
        let mut pages = self.pages();
        let events = pages.reader.read(line);
        pages.events.extend(events);
    }

    /// Reads the lines in `bytes`; `open` is the one that has not ended.
    pub(crate) fn take(&self, open: &mut Vec<u8>, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n");
            let kept = text.unwrap_or(part);
            open.extend_from_slice(&kept[..kept.len().min(LINE - open.len())]);
            if text.is_some() {
                self.read(&String::from_utf8_lossy(open));
                open.clear();
            }
        }
    }

    pub(crate) fn last_words(&self) -> Option<String> {
        self.pages().reader.last_words()
    }

    /// Writes down what is new, and what calls took if that has changed.
    pub(crate) async fn write(&self, transcript: &dyn Transcript, spend: Spend) -> Result<()> {
        let events = {
            let mut pages = self.pages();
            if pages.spend != spend {
                pages.spend = spend;
                pages.events.push(AgentEvent::Spend { spend });
            }
            std::mem::take(&mut pages.events)
        };
        if events.is_empty() { Ok(()) } else { transcript.append(events).await }
    }
}
