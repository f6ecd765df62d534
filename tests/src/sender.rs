//! Somebody who delivers without end, and knows what has to come of it.

use serde_json::{Value, json};
use soulcaster_core::FeedbackId;
use soulcaster_core::model::Inbound;

use crate::random::Random;
use crate::reports::reports;

/// Ids that every sender of a project reports about.
const SHARED: usize = 3;

/// Bytes that a delivery is padded with, and one in sixteen.
const PADDING: [usize; 2] = [40, 30_000];

/// One delivery.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) path: &'static str,
    pub(crate) body: Vec<u8>,
    /// What its reports are about.
    pub(crate) items: Vec<FeedbackId>,
    /// Nobody has reported about any of them before.
    pub(crate) is_first: bool,
    /// The id of a single report.
    single: Option<String>,
}

/// Gives deliveries that differ from each other: single reports, several at once, known ids again.
pub(crate) struct Sender {
    name: String,
    random: Random,
    texts: Vec<String>,
    number: usize,
    /// Ids of single reports that are there.
    known: Vec<String>,
    padding: [usize; 2],
    /// Sends no lists and no alerts.
    is_single: bool,
}

impl Sender {
    pub(crate) fn new(name: impl Into<String>, seed: u64) -> Self {
        // Few texts and many reports: grouping them is not what is tested.
        let texts = reports(96).into_iter().map(|report| report.title).collect();
        Self {
            name: name.into(),
            random: Random::new(seed),
            texts,
            number: 0,
            known: Vec::new(),
            padding: PADDING,
            is_single: false,
        }
    }

    /// Sends single reports alone, each padded with so many bytes.
    pub(crate) fn large(self, padding: usize) -> Self {
        Self { padding: [padding; 2], is_single: true, ..self }
    }

    /// From now on this delivery may be followed by others about its item.
    pub(crate) fn acknowledged(&mut self, sent: &Sent) {
        self.known.extend(sent.single.clone().filter(|_| sent.is_first));
    }

    pub(crate) fn next(&mut self) -> Sent {
        self.number += 1;
        let kind = self.random.below(20);
        match if self.is_single { 0 } else { kind } {
            0..9 => {
                let id = format!("{}-{}", self.name, self.number);
                self.single(id, true)
            }
            9..12 => self.list(),
            12..15 => self.alerts(),
            15 => {
                let id = format!("shared-{}", self.random.below(SHARED));
                self.single(id, false)
            }
            _ if self.known.is_empty() => self.list(),
            _ => {
                let id = self.random.of(&self.known).clone();
                self.single(id, false)
            }
        }
    }

    fn text(&mut self) -> String {
        self.random.of(&self.texts).clone()
    }

    /// Bytes of no meaning, which make a delivery one of its kind.
    fn padding(&mut self) -> String {
        let length = self.padding[usize::from(self.random.below(16) == 0)];
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length).map(|_| char::from(*self.random.of(letters))).collect()
    }

    fn single(&mut self, id: String, is_first: bool) -> Sent {
        let body = json!({"text": self.text(), "id": id, "metadata": {"number": self.number, "padding": self.padding(), "by": self.name}});
        Sent {
            single: Some(id.clone()),
            is_first,
            ..self.sent("/ingest/manual", &body, vec![item("manual", &id)])
        }
    }

    fn list(&mut self) -> Sent {
        let ids: Vec<String> = self.ids();
        let entry =
            |id: &String| json!({"id": id, "title": self.random.of(&self.texts), "number": self.number});
        let mut list: Vec<Value> = ids.iter().map(entry).collect();
        list[0]["padding"] = self.padding().into();
        let items = ids.iter().map(|id| item("generic", id)).collect();
        self.sent("/ingest/generic", &list.into(), items)
    }

    fn alerts(&mut self) -> Sent {
        const START: &str = "2026-03-01T10:00:00Z";
        let ids: Vec<String> = self.ids();
        let alert = |id: &String| {
            json!({"status": "firing", "fingerprint": id, "startsAt": START, "endsAt": "0001-01-01T00:00:00Z",
                "labels": {"alertname": "Load", "severity": "warning"}, "annotations": {"summary": self.random.of(&self.texts)}})
        };
        let alerts: Vec<Value> = ids.iter().map(alert).collect();
        let body = json!({"version": "4", "status": "firing", "groupKey": self.padding(), "alerts": alerts});
        let items = ids.iter().map(|id| item("alertmanager", &format!("{id}:{START}"))).collect();
        self.sent("/ingest/alertmanager", &body, items)
    }

    /// Two to six new ids.
    fn ids(&mut self) -> Vec<String> {
        (0..2 + self.random.below(5)).map(|part| format!("{}-{}.{part}", self.name, self.number)).collect()
    }

    fn sent(&self, path: &'static str, body: &Value, items: Vec<FeedbackId>) -> Sent {
        Sent { path, body: body.to_string().into_bytes(), items, is_first: true, single: None }
    }
}

fn item(source: &str, id: &str) -> FeedbackId {
    Inbound::new(source, "").external_id(id).feedback_id()
}
