//! Reports that are acknowledged and not yet taken in, by project.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use soulcaster_core::ProjectId;

/// Counts them, so that a limit holds for what is on its way too.
#[derive(Debug)]
pub(crate) struct Pending(Mutex<HashMap<ProjectId, u64>>);

impl Pending {
    /// What waits already.
    pub(crate) fn of_waiting(reports: BTreeMap<ProjectId, u64>) -> Self {
        Self(Mutex::new(reports.into_iter().collect()))
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<ProjectId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, project: &ProjectId, reports: u64) {
        *self.counts().entry(project.clone()).or_default() += reports;
    }

    pub(crate) fn remove(&self, project: &ProjectId, reports: u64) {
        let mut counts = self.counts();
        if let Some(count) = counts.get_mut(project) {
            *count = count.saturating_sub(reports);
            if *count == 0 {
                counts.remove(project);
            }
        }
    }

    pub(crate) fn of(&self, project: &ProjectId) -> u64 {
        self.counts().get(project).copied().unwrap_or(0)
    }
}
