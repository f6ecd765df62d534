//! What has been used, and whether there is room for more.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::ProjectId;
use crate::model::account::{FixSuccess, Limits, Usage};
use crate::model::item::FeedbackItem;
use crate::port::store::{Expect, Query, Record, Write};
use crate::soulcaster::Soulcaster;

/// How far a limit is reached: the cause of what [`Soulcaster::check_quota`] refuses.
///
/// ```
/// use soulcaster_core::flow::QuotaState;
/// use soulcaster_core::{Error, ErrorKind};
/// let state = QuotaState { current_count: 1499, limit: 1500, requested: 2 };
/// let error = Error::new(ErrorKind::QuotaExceeded, "quota.check", state.to_string()).with_source(state);
/// assert_eq!(QuotaState::of(&error), Some(&state));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(description = "How far a limit is reached."))]
#[error("{current_count} of {limit} items are used and {requested} more do not fit; raise the limit")]
pub struct QuotaState {
    /// Items that count already, those on their way too.
    pub current_count: u64,
    /// Most items.
    pub limit: u64,
    /// How many were to be added.
    pub requested: u64,
}

impl QuotaState {
    /// The state that `error` tells of, if it is about a quota.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }
}

impl Soulcaster {
    /// How much the owner of `project` has used over all their projects; of a project without an owner, how much
    /// it has itself. Takes a few look-ups a project, however many items there are.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn usage(&self, project: &ProjectId, limits: Limits) -> Result<Usage> {
        let owner = self.project_info(project).await?.and_then(|info| info.user_id);
        let projects = match owner {
            Some(user) => self.projects_of(&user).await?.into_iter().map(|info| info.id).collect(),
            None => vec![project.clone()],
        };
        let Limits { items_per_user: items_limit, fixes_per_user: fixes_limit } = limits;
        let mut usage = Usage { items: 0, items_limit, fixes: 0, fixes_limit };
        for project in &projects {
            usage.items += self.count_all::<FeedbackItem>(project).await?;
            usage.fixes += self.count_all::<FixSuccess>(project).await?;
        }
        Ok(usage)
    }

    /// Checks that `more` items fit into what the owner of `project` may have; `pending` ones are on their way.
    /// Two who ask at once may both be told that there is room.
    ///
    /// # Errors
    /// `QuotaExceeded` with a [`QuotaState`], and those of the store.
    pub async fn check_quota(
        &self,
        project: &ProjectId,
        limits: Limits,
        more: u64,
        pending: u64,
    ) -> Result<()> {
        let Some(limit) = limits.items_per_user else { return Ok(()) };
        let current_count = self.usage(project, limits).await?.items.saturating_add(pending);
        if more <= limit.saturating_sub(current_count) {
            return Ok(());
        }
        let state = QuotaState { current_count, limit, requested: more };
        Err(Error::new(ErrorKind::QuotaExceeded, "quota.check", state.to_string()).with_source(state))
    }

    /// Counts a fix that succeeded; the same job again counts once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn record_fix(&self, project: &ProjectId, fix: &FixSuccess) -> Result<()> {
        self.store.commit(project, vec![Write::put(fix, Expect::Any)?]).await.map(|_| ())
    }

    async fn count_all<R: Record>(&self, project: &ProjectId) -> Result<u64> {
        Ok(self.store.count(project, &Query::all::<R>()).await? as u64)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::flow::accounts::NewUser;
    use crate::model::item::Inbound;

    async fn fill(soulcaster: &Soulcaster, project: &ProjectId, count: usize) {
        let reports = (0..count).map(|n| Inbound::new("mail", format!("{project} report {n}"))).collect();
        soulcaster.ingest(project, reports, DateTime::UNIX_EPOCH).await.unwrap();
    }

    #[tokio::test]
    async fn usage_is_that_of_all_projects_of_the_owner() {
        let soulcaster = Soulcaster::in_memory();
        let now = DateTime::UNIX_EPOCH;
        let new = NewUser { email: Some("a@example.com".into()), github_id: None };
        let (user, first) = soulcaster.create_user(new, &[1; 20], now).await.unwrap();
        let owned = |id: &str| Some(ProjectId::new(id).unwrap());
        let second =
            soulcaster.create_project(Some(&user.id), owned("shop"), "Shop", &[], now).await.unwrap();
        let foreign = ProjectId::new("foreign").unwrap();
        fill(&soulcaster, &first.id, 3).await;
        fill(&soulcaster, &second.id, 4).await;
        fill(&soulcaster, &foreign, 9).await;
        let fix = FixSuccess { job: "j1".into(), cluster: "c1".into(), at: now };
        soulcaster.record_fix(&second.id, &fix).await.unwrap();
        soulcaster.record_fix(&second.id, &fix).await.unwrap();
        let limits = Limits::FREE_TIER;
        let expected = Usage { items: 7, items_limit: Some(1500), fixes: 1, fixes_limit: Some(20) };
        assert_eq!(soulcaster.usage(&first.id, limits).await.unwrap(), expected);
        assert_eq!(soulcaster.usage(&second.id, limits).await.unwrap(), expected);
        let alone = soulcaster.usage(&foreign, Limits::default()).await.unwrap();
        assert_eq!(alone, Usage { items: 9, ..Usage::default() });
    }

    #[tokio::test]
    async fn what_exactly_fits_is_let_in_and_one_more_is_not() {
        let soulcaster = Soulcaster::in_memory();
        let project = ProjectId::new("shop").unwrap();
        fill(&soulcaster, &project, 5).await;
        let limits = Limits { items_per_user: Some(10), ..Limits::default() };
        soulcaster.check_quota(&project, limits, 5, 0).await.unwrap();
        soulcaster.check_quota(&project, limits, 2, 3).await.unwrap();
        soulcaster.check_quota(&project, Limits::default(), u64::MAX, u64::MAX).await.unwrap();
        let error = soulcaster.check_quota(&project, limits, 3, 3).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        let state = QuotaState { current_count: 8, limit: 10, requested: 3 };
        assert_eq!(QuotaState::of(&error), Some(&state));
        // A limit that was lowered refuses more, and nothing else.
        let limits = Limits { items_per_user: Some(2), ..Limits::default() };
        soulcaster.check_quota(&project, limits, 0, 0).await.unwrap();
        assert!(soulcaster.check_quota(&project, limits, 1, u64::MAX).await.is_err());
    }
}
