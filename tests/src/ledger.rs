//! What has been acknowledged, written down where no kill reaches, and whether a store has it.

use std::collections::{BTreeMap, BTreeSet};
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

/// What an item has to be.
#[derive(Default)]
struct Wanted {
    occurrences: u64,
    /// The hash of each sender's latest delivery about it.
    latest: Vec<String>,
}

/// What the senders of one project know.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Deliveries that were acknowledged.
    pub(crate) deliveries: usize,
    wanted: BTreeMap<String, Wanted>,
    /// Deliveries about new items of which nobody knows whether they were kept: hash, items.
    open: Vec<(String, Vec<String>)>,
}

impl Ledger {
    /// Reads the log of another sender.
    pub(crate) fn read(&mut self, log: &Path) {
        let text = std::fs::read_to_string(log).expect("a log");
        let mut latest: BTreeMap<String, String> = BTreeMap::new();
        for line in text.lines() {
            let mut words = line.split(' ').map(str::to_owned);
            let (what, hash) = (words.next().expect("a word"), words.next().expect("a hash"));
            let ids = words.collect();
            if what == "acknowledged" {
                self.add(&hash, &ids, &mut latest);
            } else {
                self.open.push((hash, ids));
            }
        }
        self.close(latest);
    }

    /// The deliveries of one sender, all of them acknowledged.
    pub(crate) fn of(sent: &[Sent]) -> Self {
        let (mut ledger, mut latest) = (Self::default(), BTreeMap::new());
        for sent in sent {
            let ids: Vec<String> = sent.items.iter().map(ToString::to_string).collect();
            ledger.add(&hash(&sent.body), &ids, &mut latest);
        }
        ledger.close(latest);
        ledger
    }

    fn add(&mut self, hash: &str, ids: &Vec<String>, latest: &mut BTreeMap<String, String>) {
        self.deliveries += 1;
        for id in ids {
            self.wanted.entry(id.clone()).or_default().occurrences += 1;
            latest.insert(id.clone(), hash.to_owned());
        }
    }

    fn close(&mut self, latest: BTreeMap<String, String>) {
        for (id, hash) in latest {
            self.wanted.entry(id).or_default().latest.push(hash);
        }
    }

    /// Adds a delivery that may have been kept and was not acknowledged.
    pub(crate) fn may_have(&mut self, sent: &Sent) {
        self.open.push((hash(&sent.body), sent.items.iter().map(ToString::to_string).collect()));
    }

    /// How many items there have to be.
    pub(crate) fn items(&self) -> usize {
        self.wanted.len()
    }

    /// That what was acknowledged waits or has been taken in, while nothing runs.
    pub(crate) fn check_kept(&self, items: &[FeedbackItem], waiting: &[Inbound]) {
        let mut found: BTreeMap<String, u64> =
            items.iter().map(|item| (item.id.to_string(), item.occurrences)).collect();
        for report in waiting {
            *found.entry(report.feedback_id().to_string()).or_default() += 1;
        }
        for (id, wanted) in &self.wanted {
            let found = found.get(id).copied().unwrap_or(0);
            assert!(found >= wanted.occurrences, "{id}: {found} of {} reports kept", wanted.occurrences);
        }
    }

    /// That `items` are what was acknowledged, exactly: each once, with the bytes of its latest delivery; of what
    /// was not acknowledged whole deliveries or nothing.
    pub(crate) fn check(&self, items: &[FeedbackItem]) {
        let found: BTreeMap<&str, &FeedbackItem> =
            items.iter().map(|item| (item.id.as_str(), item)).collect();
        assert_eq!(found.len(), items.len(), "an item is there twice");
        let raw = |item: &FeedbackItem| hash(item.raw_payload.as_deref().expect("the bytes are kept"));
        for (id, wanted) in &self.wanted {
            let item = found.get(id.as_str()).unwrap_or_else(|| panic!("{id} was acknowledged and is lost"));
            assert_eq!(item.occurrences, wanted.occurrences, "{id}: {item:?}");
            assert!(wanted.latest.contains(&raw(item)), "{id} has other bytes than its latest delivery");
        }
        let mut known: BTreeSet<&str> = self.wanted.keys().map(String::as_str).collect();
        for (hash, ids) in &self.open {
            let kept: Vec<_> = ids.iter().filter_map(|id| found.get(id.as_str())).collect();
            assert!(kept.is_empty() || kept.len() == ids.len(), "half a delivery: {} of {ids:?}", kept.len());
            assert!(kept.iter().all(|item| item.occurrences == 1 && raw(item) == *hash), "{kept:?}");
            known.extend(ids.iter().map(String::as_str));
        }
        let strangers: Vec<_> = found.keys().filter(|id| !known.contains(*id)).collect();
        assert!(strangers.is_empty(), "nobody has sent {strangers:?}");
    }
}
