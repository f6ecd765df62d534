//! Taking back the last change.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::flow::binding::{broken, verdicts};
use crate::flow::ingest::{TRIES, busy, is_lost_race};
use crate::flow::settle::Change;
use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::constraint::Constraint;
use crate::model::decision::Verdict;
use crate::model::event::{EventKind, Move, TimelineEvent};
use crate::port::store::{Key, Order, Query};
use crate::soulcaster::Soulcaster;

impl Soulcaster {
    /// Takes back the latest correction, clean-up or full regrouping that has not been taken back.
    ///
    /// Its items go back to where they were, but for those that something later moved on; its constraints are
    /// out of force, the ones it had superseded back in force. Items that came since stay where they are.
    ///
    /// # Errors
    /// `NotFound` when there is nothing to undo.
    pub async fn undo(&self, project: &ProjectId, now: DateTime<Utc>) -> Result<TimelineEvent> {
        for _ in 0..TRIES {
            match self.try_undo(project, now).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other,
            }
        }
        Err(busy(project))
    }

    async fn try_undo(&self, project: &ProjectId, now: DateTime<Utc>) -> Result<TimelineEvent> {
        let base = self.base(project).await?;
        let events: Vec<TimelineEvent> = self
            .store
            .read_all(project, &Query { order: Order::Sort, ..Query::all::<TimelineEvent>() })
            .await?;
        let last = events.into_iter().find(|event| event.kind.is_undoable() && event.undone_by.is_none());
        let Some(last) = last else {
            return Err(Error::not_found("undo", format!("nothing to undo in project {project}")));
        };
        // Read again with its moves.
        let Some((event, _)) = self.store.read::<TimelineEvent>(project, last.id.as_str()).await? else {
            return Err(Error::not_found("undo", format!("event {} is gone", last.id)));
        };
        let moves: HashMap<&FeedbackId, &Move> =
            event.moves.iter().map(|change| (&change.item, change)).collect();
        let touched: BTreeSet<ClusterId> = event
            .moves
            .iter()
            .flat_map(|change| change.from.iter().chain([&change.to]))
            .map(|verdict| match verdict {
                Verdict::Joined { cluster } | Verdict::New { cluster } => cluster.clone(),
                Verdict::Unsure { suggestion } => suggestion.clone(),
            })
            .collect();
        let touched: Vec<ClusterId> = touched.into_iter().collect();
        let items: Vec<FeedbackId> = event.moves.iter().map(|change| change.item.clone()).collect();
        let present = self.load_clusters(project).await?;
        let material = self.load_members(project, &touched, &items).await?;
        let mut unsure = HashMap::new();
        let wanted: Vec<Option<ClusterId>> = material
            .items
            .iter()
            .zip(&material.decisions)
            .map(|(item, decision)| {
                let now = decision.as_ref().map(|d| &d.verdict)?;
                let back = moves
                    .get(&item.id)
                    .filter(|change| same_place(&change.to, now))
                    .and_then(|change| change.from.as_ref());
                if let Some(Verdict::Unsure { suggestion }) = back {
                    unsure.insert(item.id.clone(), suggestion.clone());
                }
                back.unwrap_or(now).cluster().cloned()
            })
            .collect();
        let place: HashMap<&FeedbackId, Option<&ClusterId>> =
            material.items.iter().map(|item| &item.id).zip(wanted.iter().map(Option::as_ref)).collect();
        let keys = |ids: &[crate::id::ConstraintId]| {
            ids.iter().map(|id| Key::of::<Constraint>(id.as_str())).collect::<Vec<_>>()
        };
        let (mut switched, mut constraints) = (Vec::new(), Vec::new());
        for stored in self.store.get(project, &keys(&event.constraints), false).await?.into_iter().flatten() {
            switched.push(Constraint { active: false, ..stored.decode()? });
        }
        for stored in self.store.get(project, &keys(&event.superseded), false).await?.into_iter().flatten() {
            let constraint: Constraint = stored.decode()?;
            match broken(&constraint, &place) {
                Some(rest) => constraints.extend(rest),
                None => switched.push(Constraint { active: true, ..constraint }),
            }
        }
        let verdicts = verdicts(&material, &wanted, &unsure, |_, evidence| {
            evidence.corrections.retain(|id| !event.constraints.contains(id));
        });
        let change =
            Change { kind: EventKind::Undone, verdicts, constraints, switched, undoes: Some(event.clone()) };
        Ok(self.settle(project, base, &material, present, change, now).await?.event)
    }
}

/// Whether two verdicts put an item in one place.
fn same_place(a: &Verdict, b: &Verdict) -> bool {
    match (a, b) {
        (Verdict::Unsure { .. }, Verdict::Unsure { .. }) => true,
        _ => a.cluster().is_some() && a.cluster() == b.cluster(),
    }
}
