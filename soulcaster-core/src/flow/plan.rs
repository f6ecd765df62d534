//! Briefs and plans: from a group to what is to be done about it.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::engine::brief::brief;
use crate::engine::plan::{PlanText, by_rule};
use crate::engine::repository;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::ingest::TRIES;
use crate::id::{ClusterId, ProjectId};
use crate::model::brief::{Brief, Suspect};
use crate::model::cluster::Cluster;
use crate::model::fix::FixSettings;
use crate::model::plan::{CodingPlan, PlanAuthor, PlanStatus};
use crate::port::agent::Budget;
use crate::port::store::{Expect, Write};
use crate::port::{CodeHost, Isolation, LanguageModel, Workshop};
use crate::soulcaster::Soulcaster;

/// What to change of a plan; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PlanChange {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What is wrong and what is to be reached, Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What to do, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<String>>,
    /// What must be true afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Vec<String>>,
}

/// Files that are searched for.
pub(crate) const SUSPECTS: usize = 10;
/// Most characters of one part of a plan.
const MAX_PART: usize = 20_000;
/// Most steps, and most conditions.
const MAX_LINES: usize = 50;

impl Soulcaster {
    /// How fixes of the project are made.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn fix_settings(&self, project: &ProjectId) -> Result<FixSettings> {
        let kept = self.store.read::<FixSettings>(project, "settings").await?;
        Ok(kept.map_or_else(FixSettings::default, |(settings, _)| settings))
    }

    /// Changes how fixes of the project are made; jobs that exist keep what they began with.
    ///
    /// # Errors
    /// `Invalid` naming the setting, and those of the store.
    pub async fn change_fix_settings(&self, project: &ProjectId, settings: &FixSettings) -> Result<()> {
        settings.check()?;
        self.store.commit(project, vec![Write::put(settings, Expect::Any)?]).await.map(|_| ())
    }

    /// The brief of a cluster. `suspects` come from a search for its clues ([`Brief::clues`]) in the repository.
    ///
    /// # Errors
    /// `NotFound`, and those of the store and the embedder.
    pub async fn brief(&self, project: &ProjectId, id: &ClusterId, suspects: Vec<Suspect>) -> Result<Brief> {
        let Some((cluster, _)) = self.store.read::<Cluster>(project, id.as_str()).await? else {
            return Err(no_cluster(project, id));
        };
        let members = self.members(project, id).await?;
        let material = self.load_members(project, &[], &members).await?;
        let settings = self.fix_settings(project).await?;
        let repository = repository::of(&material.items, &settings);
        Ok(brief(&cluster, &material.items, material.vectors.view(), repository, suspects))
    }

    /// Clones the repository of a cluster into the new folder `into` and looks there for what the reports name.
    /// Nothing when no repository is known.
    ///
    /// # Errors
    /// Those of [`Soulcaster::brief`], the host and the workshop.
    pub async fn survey(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        host: &dyn CodeHost,
        workshop: &dyn Workshop,
        into: &Path,
    ) -> Result<Vec<Suspect>> {
        let brief = self.brief(project, id, Vec::new()).await?;
        let Some(repository) = brief.repository else { return Ok(Vec::new()) };
        let base = self.fix_settings(project).await?.base;
        let checkout = host.checkout(&repository, base.as_deref(), into).await?;
        workshop.search(&checkout.path, &brief.clues, SUSPECTS).await
    }

    /// The plan of a cluster, if it has one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn plan(&self, project: &ProjectId, id: &ClusterId) -> Result<Option<CodingPlan>> {
        Ok(self.store.read::<CodingPlan>(project, id.as_str()).await?.map(|(plan, _)| plan))
    }

    /// Writes the plan of a cluster anew, by `model` or, without one or when it gives no plan, by rule. What was there
    /// before is replaced, and is to be approved again.
    ///
    /// # Errors
    /// Those of [`Soulcaster::brief`]. A model that fails is no error; the plan says who wrote it.
    pub async fn make_plan(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        suspects: Vec<Suspect>,
        model: Option<&dyn LanguageModel>,
        now: DateTime<Utc>,
    ) -> Result<CodingPlan> {
        let brief = self.brief(project, id, suspects).await?;
        let mut text = by_rule(&brief);
        let mut author = PlanAuthor::Rule;
        if let Some(model) = model
            && let Ok((better, name)) = self.plan_by(model, &brief).await
        {
            // Files are what was found, not what a model remembers.
            text = PlanText { files: text.files, ..better };
            author = PlanAuthor::Model { name };
        }
        for _ in 0..TRIES {
            let before = self.store.read::<CodingPlan>(project, id.as_str()).await?;
            let (revision, created_at, expect) = match &before {
                Some((plan, version)) => (plan.revision + 1, plan.created_at, Expect::Version(*version)),
                None => (1, now, Expect::Absent),
            };
            let PlanText { title, description, steps, files, acceptance } = text.clone();
            let plan = CodingPlan {
                cluster_id: id.clone(),
                project_id: project.clone(),
                revision,
                title,
                description,
                steps,
                files,
                acceptance,
                author: author.clone(),
                status: PlanStatus::Draft,
                brief: brief.clone(),
                created_at,
                updated_at: now,
            };
            match self.store.commit(project, vec![Write::put(&plan, expect)?]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| plan),
            }
        }
        Err(keeps_changing(id))
    }

    /// Changes a plan by hand. It is a draft again. With `revision` only that one is changed.
    ///
    /// # Errors
    /// `NotFound` where there is no plan, `Conflict` when it has another revision, `Invalid` for an empty or overlong
    /// part, and those of the store.
    pub async fn edit_plan(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        revision: Option<u32>,
        change: PlanChange,
        now: DateTime<Utc>,
    ) -> Result<CodingPlan> {
        change.check()?;
        self.rewrite_plan(project, id, revision, |plan| {
            let PlanChange { title, description, steps, acceptance } = change.clone();
            plan.title = title.unwrap_or_else(|| plan.title.clone());
            plan.description = description.unwrap_or_else(|| plan.description.clone());
            plan.steps = steps.unwrap_or_else(|| plan.steps.clone());
            plan.acceptance = acceptance.unwrap_or_else(|| plan.acceptance.clone());
            plan.author = PlanAuthor::Person;
            plan.status = PlanStatus::Draft;
            plan.revision += 1;
            plan.updated_at = now;
        })
        .await
    }

    /// Agrees to a plan as it is, or with `revision` as it was shown.
    ///
    /// # Errors
    /// `NotFound` where there is no plan, `Conflict` when it has another revision, and those of the store.
    pub async fn approve_plan(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        revision: Option<u32>,
        now: DateTime<Utc>,
    ) -> Result<CodingPlan> {
        self.rewrite_plan(project, id, revision, |plan| {
            plan.status = PlanStatus::Approved;
            plan.updated_at = now;
        })
        .await
    }

    async fn rewrite_plan(
        &self,
        project: &ProjectId,
        id: &ClusterId,
        revision: Option<u32>,
        change: impl Fn(&mut CodingPlan) + Send + Sync,
    ) -> Result<CodingPlan> {
        for _ in 0..TRIES {
            let Some((mut plan, version)) = self.store.read::<CodingPlan>(project, id.as_str()).await? else {
                let message = format!("cluster {id} has no plan; `soulcaster plan {id}` makes one");
                return Err(Error::not_found("plans.show", message));
            };
            if let Some(wanted) = revision
                && wanted != plan.revision
            {
                let message =
                    format!("the plan of {id} is at revision {} and not at {wanted}", plan.revision);
                return Err(Error::conflict("plans.change", message));
            }
            change(&mut plan);
            match self.store.commit(project, vec![Write::put(&plan, Expect::Version(version))?]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other.map(|_| plan),
            }
        }
        Err(keeps_changing(id))
    }
}

impl PlanChange {
    fn check(&self) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid("plans.change", what.to_owned()));
        if self
            .title
            .as_ref()
            .is_some_and(|title| title.trim().is_empty() || title.contains('\n') || title.len() > 300)
        {
            return refuse("a title is one line of 1 to 300 bytes");
        }
        if self.description.as_ref().is_some_and(|text| text.chars().count() > MAX_PART) {
            return refuse("a description has at most 20,000 characters");
        }
        for lines in [&self.steps, &self.acceptance].into_iter().flatten() {
            if lines.len() > MAX_LINES
                || lines.iter().any(|line| line.trim().is_empty() || line.chars().count() > MAX_PART / 10)
            {
                return refuse("steps and conditions are at most 50, each of 1 to 2,000 characters");
            }
        }
        if self.steps.as_ref().is_some_and(Vec::is_empty) {
            return refuse("a plan has at least one step");
        }
        Ok(())
    }
}

/// Whether `number` is more than the API's documents, and other languages, can say.
pub(crate) fn is_huge(number: u64) -> bool {
    i64::try_from(number).is_err()
}

impl FixSettings {
    /// Checks that jobs can be made with it.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::invalid("fixes.settings", message));
        if let Some(name) = &self.repository
            && repository::name(name).is_none()
        {
            return refuse(format!("repository {name:?} is not of the form owner/name"));
        }
        if !(1..=10).contains(&self.repetitions) {
            return refuse("repetitions is 1 to 10".into());
        }
        if self.test.as_ref().is_some_and(|test| test.argv.is_empty()) {
            return refuse("test.argv names no program".into());
        }
        let folder = self.test.as_ref().and_then(|test| test.folder.as_deref());
        if folder.is_some_and(|folder| folder.starts_with('/') || folder.split('/').any(|part| part == ".."))
        {
            return refuse("test.folder leaves the repository".into());
        }
        if self.budget.wall_seconds == 0 || self.budget.processes == 0 {
            return refuse("budget.wall_seconds and budget.processes are at least 1".into());
        }
        let Budget { wall_seconds, tokens, micro_usd, output_bytes, memory_bytes, disk_bytes, .. } =
            self.budget;
        if [wall_seconds, tokens, micro_usd, output_bytes, memory_bytes, disk_bytes].into_iter().any(is_huge)
        {
            return refuse(format!("no number of the budget is above {}", i64::MAX));
        }
        if self.protected.len() > 1000
            || self.protected.iter().any(|glob| glob.is_empty() || glob.len() > 500)
        {
            return refuse("protected is at most 1,000 patterns of 1 to 500 bytes".into());
        }
        Ok(())
    }

    /// Whether something shut in as well as `isolation` may read what strangers wrote.
    ///
    /// # Errors
    /// `Invalid` saying what is missing.
    pub fn admits(&self, what: &str, isolation: Isolation) -> Result<()> {
        if isolation >= self.least_isolation {
            return Ok(());
        }
        let message = format!(
            "{what} is shut in as {isolation:?}, and this project wants at least {:?}; install bubblewrap, or lower least_isolation for a repository and reports that you trust",
            self.least_isolation
        );
        Err(Error::invalid("fixes.isolation", message.to_lowercase()))
    }
}

fn no_cluster(project: &ProjectId, id: &ClusterId) -> Error {
    Error::not_found("clusters.show", format!("no cluster {id} in project {project}"))
}

fn keeps_changing(id: &ClusterId) -> Error {
    Error::conflict("plans.change", format!("the plan of cluster {id} keeps changing; try again"))
}
