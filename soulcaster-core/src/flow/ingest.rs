//! Taking reports in: checked, de-duplicated, durable.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::{FeedbackId, ProjectId};
use crate::model::item::{FeedbackItem, Inbound};
use crate::port::source::Rejected;
use crate::port::store::{Expect, Key, Record, Write};
use crate::soulcaster::Soulcaster;

/// What became of a batch of reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct IngestReport {
    /// New items.
    pub accepted: usize,
    /// Deliveries that were here already, word for word; nothing changed.
    pub duplicates: usize,
    /// Further occurrences of known items; counted on them.
    pub occurrences: usize,
    /// Reports that could not be kept: place in the batch, from 0, and why.
    pub rejected: Vec<Rejected>,
    /// The item of each report that was not rejected, in order.
    pub items: Vec<FeedbackId>,
}

/// Marks that one delivery of an item has been counted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Occurrence {
    item: FeedbackId,
    name: String,
}

impl Record for Occurrence {
    const COLLECTION: &'static str = "occurrence";
    fn key(&self) -> String {
        format!("{}:{}", self.item, self.name)
    }
}

/// A report and when it arrived.
pub(crate) type Received = (Inbound, DateTime<Utc>);

/// How often a commit is tried again when somebody else was faster.
pub(crate) const TRIES: usize = 8;

/// Whether a commit failed because somebody else was faster.
pub(crate) fn is_lost_race(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict && error.operation() == "store.commit"
}

/// What is said when that happens again and again.
pub(crate) fn busy(project: &ProjectId) -> Error {
    let message = format!("another process keeps changing project {project}; run it again");
    Error::conflict(BUSY, message)
}

/// Whether that is what was said.
pub(crate) fn is_busy(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict && error.operation() == BUSY
}

const BUSY: &str = "project.change";

impl Soulcaster {
    /// Keeps `reports`, received at `now`, in one commit.
    ///
    /// An item is known by (project, source, external id), or by its text when the source gives no id. A known
    /// one that comes with other content is another occurrence: it is counted, moves `last_seen`, and the
    /// latest content stands. The very same content again is a redelivery and changes nothing, so sending a
    /// batch twice is safe. A report that cannot be kept is told in the result and holds up no other.
    ///
    /// # Errors
    /// Those of the store; then nothing of the batch was kept.
    pub async fn ingest(
        &self,
        project: &ProjectId,
        reports: Vec<Inbound>,
        now: DateTime<Utc>,
    ) -> Result<IngestReport> {
        self.ingest_received(project, reports.into_iter().map(|report| (report, now)).collect()).await
    }

    /// Keeps reports that were received at different times, as [`Soulcaster::ingest`] does, in one commit.
    ///
    /// # Errors
    /// Those of [`Soulcaster::ingest`].
    pub async fn ingest_received(
        &self,
        project: &ProjectId,
        reports: Vec<(Inbound, DateTime<Utc>)>,
    ) -> Result<IngestReport> {
        for _ in 0..TRIES {
            match self.try_ingest(project, &reports, Vec::new()).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other,
            }
        }
        Err(busy(project))
    }

    /// Keeps `reports` in one commit together with the writes `with` them, unless somebody else is faster.
    pub(crate) async fn try_ingest(
        &self,
        project: &ProjectId,
        reports: &[Received],
        with: Vec<Write>,
    ) -> Result<IngestReport> {
        let mut report = IngestReport::default();
        let mut good: Vec<(&Received, FeedbackId, String)> = Vec::with_capacity(reports.len());
        for (index, received) in reports.iter().enumerate() {
            let inbound = &received.0;
            match inbound.check() {
                Ok(()) => good.push((received, inbound.feedback_id(), inbound.occurrence())),
                Err(error) => report.rejected.push(Rejected { index, reason: error.message().to_owned() }),
            }
        }
        let mut keys: Vec<Key> = good.iter().map(|(_, id, _)| Key::of::<FeedbackItem>(id.as_str())).collect();
        keys.sort_unstable();
        keys.dedup();
        let stored = self.store.get(project, &keys, false).await?;
        let mut known: HashMap<FeedbackId, (FeedbackItem, Expect)> = HashMap::new();
        for stored in stored.into_iter().flatten() {
            let version = stored.version;
            let item: FeedbackItem = stored.decode()?;
            known.insert(item.id.clone(), (item, Expect::Version(version)));
        }
        let marks: Vec<Key> = good
            .iter()
            .filter(|(_, id, _)| known.contains_key(id))
            .map(|(_, id, name)| Key::of::<Occurrence>(format!("{id}:{name}")))
            .collect();
        let found = self.store.get(project, &marks, false).await?;
        let mut counted: HashMap<String, bool> =
            found.into_iter().flatten().map(|stored| (stored.id, true)).collect();
        let mut changed: Vec<FeedbackId> = Vec::new();
        let mut is_changed = std::collections::HashSet::new();
        let mut writes = with;
        for ((inbound, now), id, name) in good {
            report.items.push(id.clone());
            match known.get_mut(&id) {
                None => {
                    report.accepted += 1;
                    known.insert(
                        id.clone(),
                        (FeedbackItem::first(project, inbound.clone(), *now), Expect::Absent),
                    );
                }
                Some((item, _))
                    if item.occurrence == name || counted.contains_key(&format!("{id}:{name}")) =>
                {
                    report.duplicates += 1;
                    continue;
                }
                Some((item, _)) => {
                    report.occurrences += 1;
                    for name in [item.occurrence.clone(), name] {
                        let mark = Occurrence { item: id.clone(), name };
                        if counted.insert(mark.key(), true).is_none() {
                            writes.push(Write::put(&mark, Expect::Any)?);
                        }
                    }
                    item.absorb(inbound.clone(), *now);
                }
            }
            if is_changed.insert(id.clone()) {
                changed.push(id);
            }
        }
        for id in &changed {
            if let Some((item, expect)) = known.get(id) {
                writes.push(Write::put(item, *expect)?);
            }
        }
        if !writes.is_empty() {
            self.store.commit(project, writes).await?;
        }
        Ok(report)
    }

    /// Changes the text, labels or address of an item by hand; `edit` gets the item as it is.
    ///
    /// # Errors
    /// `NotFound` for an unknown item, `Invalid` when no text would be left.
    pub async fn edit_item(
        &self,
        project: &ProjectId,
        id: &FeedbackId,
        edit: impl Fn(&mut FeedbackItem) + Send,
    ) -> Result<FeedbackItem> {
        for _ in 0..TRIES {
            let Some((mut item, version)) = self.store.read::<FeedbackItem>(project, id.as_str()).await?
            else {
                return Err(Error::not_found("items.edit", format!("no item {id} in project {project}")));
            };
            let (id, source) = (item.id.clone(), item.source.clone());
            edit(&mut item);
            (item.id, item.source) = (id, source);
            if item.text().is_empty() {
                return Err(Error::invalid("items.edit", "title and body must not both be empty"));
            }
            match self.store.commit(project, vec![Write::put(&item, Expect::Version(version))?]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| item),
            }
        }
        Err(Error::conflict("items.edit", format!("item {id} keeps changing; try again")))
    }
}
