//! What has been acknowledged, written down where no kill reaches, and whether a store has it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use sha2::{Digest, Sha256};
use soulcaster_core::FeedbackId;
use soulcaster_core::model::{FeedbackItem, Inbound};

use crate::sender::Sent;

/// Where one sender writes down what became of its deliveries.
pub(crate) struct Log(File);

impl Log {
    pub(crate) fn create(path: &Path) -> Self {
        Self(File::create(path).expect("a log"))
    }

    /// A delivery has been acknowledged.
    pub(crate) fn acknowledged(&mut self, sent: &Sent) {
        self.write("acknowledged", sent);
    }

    /// A delivery was not answered and is not sent again.
    pub(crate) fn given_up(&mut self, sent: &Sent) {
        self.write("given-up", sent);
    }

    fn write(&mut self, what: &str, sent: &Sent) {
        let ids: Vec<&str> = sent.items.iter().map(FeedbackId::as_str).collect();
        writeln!(self.0, "{what} {} {}", hash(&sent.body), ids.join(" ")).expect("the log is written");
        self.0.sync_data().expect("the log is on disk");
    }
}

/// SHA-256 in hex.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A delivery as its sender remembers it.
pub(crate) struct Entry {
    /// Otherwise nobody knows whether it was kept.
    acknowledged: bool,
    /// Of the bytes.
    hash: String,
    items: Vec<String>,
}

impl Entry {
    pub(crate) fn of(sent: &Sent, acknowledged: bool) -> Self {
        let items = sent.items.iter().map(ToString::to_string).collect();
        Self { acknowledged, hash: hash(&sent.body), items }
    }
}

/// What an item has to be.
#[derive(Default)]
struct Wanted {
    /// Deliveries about it that were acknowledged, and those that may have been kept beside them.
    acknowledged: u64,
    open: u64,
    /// The hashes of the deliveries that may be the latest.
    latest: Vec<String>,
}

/// What the senders of one project know.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Deliveries that were acknowledged.
    pub(crate) deliveries: usize,
    wanted: BTreeMap<String, Wanted>,
    /// The items of deliveries of which nobody knows whether they were kept.
    open: Vec<Vec<String>>,
}

impl Ledger {
    /// Reads the log of another sender.
    pub(crate) fn read(&mut self, log: &Path) {
        let text = std::fs::read_to_string(log).expect("a log");
        let entry = |line: &str| {
            let mut words = line.split(' ').map(str::to_owned);
            let acknowledged = words.next().expect("a word") == "acknowledged";
            Entry { acknowledged, hash: words.next().expect("a hash"), items: words.collect() }
        };
        self.add(&text.lines().map(entry).collect::<Vec<_>>());
    }

    /// Adds the deliveries of another sender, in order.
    pub(crate) fn add(&mut self, entries: &[Entry]) {
        let mut latest: BTreeMap<&str, &str> = BTreeMap::new();
        for Entry { acknowledged, hash, items } in entries {
            for id in items {
                let wanted = self.wanted.entry(id.clone()).or_default();
                if *acknowledged {
                    wanted.acknowledged += 1;
                    latest.insert(id, hash);
                } else {
                    wanted.open += 1;
                    wanted.latest.push(hash.clone());
                }
            }
            if *acknowledged {
                self.deliveries += 1;
            } else {
                self.open.push(items.clone());
            }
        }
        for (id, hash) in latest {
            self.wanted.entry(id.to_owned()).or_default().latest.push(hash.to_owned());
        }
    }

    /// How many items there have to be.
    pub(crate) fn items(&self) -> usize {
        self.wanted.values().filter(|wanted| wanted.acknowledged > 0).count()
    }

    /// That what was acknowledged waits or has been taken in, while nothing runs.
    pub(crate) fn check_kept(&self, items: &[FeedbackItem], waiting: &[Inbound]) {
        let mut found: BTreeMap<String, u64> =
            items.iter().map(|item| (item.id.to_string(), item.occurrences)).collect();
        for report in waiting {
            *found.entry(report.feedback_id().to_string()).or_default() += 1;
        }
        for (id, Wanted { acknowledged, .. }) in &self.wanted {
            let found = found.get(id).copied().unwrap_or(0);
            assert!(found >= *acknowledged, "{id}: {found} of {acknowledged} reports kept");
        }
    }

    /// That `items` are what was acknowledged, exactly: each once, with the bytes of its latest delivery; of what
    /// was not acknowledged whole deliveries or nothing.
    pub(crate) fn check(&self, items: &[FeedbackItem]) {
        let mut found: BTreeMap<&str, &FeedbackItem> =
            items.iter().map(|item| (item.id.as_str(), item)).collect();
        assert_eq!(found.len(), items.len(), "an item is there twice");
        for ids in &self.open {
            let kept = ids.iter().filter(|id| found.contains_key(id.as_str())).count();
            assert!(kept == 0 || kept == ids.len(), "half a delivery: {kept} of {ids:?}");
        }
        for (id, Wanted { acknowledged, open, latest }) in &self.wanted {
            let Some(item) = found.remove(id.as_str()) else {
                assert_eq!(*acknowledged, 0, "{id} was acknowledged and is lost");
                continue;
            };
            let counted = *acknowledged..=acknowledged + open;
            assert!(counted.contains(&item.occurrences), "not {counted:?}: {item:?}");
            let hash = hash(item.raw_payload.as_deref().expect("the bytes are kept"));
            assert!(latest.contains(&hash), "{id} has other bytes than its latest delivery");
        }
        assert!(found.is_empty(), "nobody has sent {:?}", found.keys());
    }
}
