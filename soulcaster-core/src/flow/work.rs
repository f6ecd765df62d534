//! Working on a fix: clone, agent, policy, proof, pull request. Each step is kept before the next begins.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::engine::plan::instructions;
use crate::engine::{policy, pull_request};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::fix::Hands;
use crate::flow::job_log::JobLog;
use crate::flow::lease::{MAX_ATTEMPTS, is_lost};
use crate::flow::plan::SUSPECTS;
use crate::flow::proof::{ProofTask, prove};
use crate::model::fix::{AgentJob, FixEvidence, FixStatus, FixStep};
use crate::model::proof::ProofVerdict;
use crate::port::agent::{AgentEvent, AgentTask, StopReason, Transcript};
use crate::port::host::{Checkout, Publication, PullRequest};
use crate::port::store::{Expect, Write};
use crate::soulcaster::Soulcaster;

/// How a job ends that does not fail for want of something outside.
enum End {
    Published(PullRequest),
    /// There is nothing to publish, and why.
    Nothing(String),
}

/// One job in the hands of one holder.
struct Work<'a> {
    soulcaster: &'a Soulcaster,
    hands: &'a Hands,
    job: AgentJob,
    token: u64,
    /// An empty folder of the job's own.
    folder: &'a Path,
    log: JobLog<'a>,
}

impl Soulcaster {
    /// Works on the claimed fix `job` until it ends, in `folder`, an empty folder that is the job's own and that the
    /// caller removes. Clones, lets the agent work, holds the patch against the policy, proves it, and opens a draft
    /// pull request. What an earlier holder finished is not done again.
    ///
    /// The caller renews the lease meanwhile ([`Soulcaster::renew_fix`]) and drops the future when that fails, which
    /// stops the agent.
    ///
    /// A want that time may mend (a service that does not answer) gives the job back, to be begun again; after three
    /// attempts it has failed.
    ///
    /// # Errors
    /// `Conflict` when the job was cancelled ([`Soulcaster::end_cancelled_fix`]) or is somebody else's now, and those
    /// of the store. Everything else ends
    /// the job and is told in it.
    pub async fn work_on_fix(
        &self,
        job: AgentJob,
        hands: &Hands,
        folder: &Path,
        now: &(dyn Fn() -> DateTime<Utc> + Send + Sync),
    ) -> Result<AgentJob> {
        let (project, id) = (job.project_id.clone(), job.id.clone());
        let Some(token) = job.lease.as_ref().map(|lease| lease.token) else {
            return Err(Error::invalid("fixes.work", "a fix is claimed before it is worked on"));
        };
        let log = JobLog::open(self, &project, &id, token, now).await?;
        let mut work = Work { soulcaster: self, hands, job, token, folder, log };
        let outcome = work.run().await;
        let (status, message) = match outcome {
            Ok(End::Published(pull_request)) => {
                let branch = work.job.branch_name();
                return self
                    .finish(&project, &id, token, (FixStatus::Succeeded, None), now(), |job| {
                        job.branch = Some(branch.clone());
                        job.pull_request = Some(pull_request.clone());
                    })
                    .await;
            }
            Ok(End::Nothing(why)) => (FixStatus::Failed, why),
            Err(error) if is_lost(&error) => return Err(error),
            Err(error) if is_passing(&error) && work.job.attempts < MAX_ATTEMPTS => {
                return self.give_back(&project, &id, token, &error).await;
            }
            Err(error) => (FixStatus::Failed, error.message().to_owned()),
        };
        // Whether this can still be said does not decide what is said in the job.
        let _ = work.log.append(vec![AgentEvent::Refused { text: message.clone() }]).await;
        self.finish(&project, &id, token, (status, Some(message)), now(), |_| {}).await
    }
}

/// Whether time may mend it.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited | ErrorKind::Full)
}

impl Work<'_> {
    async fn run(&mut self) -> Result<End> {
        let patch = match self.soulcaster.fix_evidence(&self.job.project_id, &self.job.id).await? {
            Some(evidence) => evidence.patch,
            None => match self.agent().await? {
                Ok(patch) => patch,
                Err(why) => return Ok(End::Nothing(why)),
            },
        };
        if patch.trim().is_empty() {
            return Ok(End::Nothing("the agent changed nothing".into()));
        }
        self.step(FixStep::Check, "checking the patch against the policy").await?;
        let refusals = policy::check(&patch, &self.job.settings);
        if !refusals.is_empty() {
            let lines = refusals.iter().map(|refusal| AgentEvent::Refused {
                text: format!("{}: {}", refusal.rule, refusal.subject),
            });
            self.log.append(lines.collect()).await?;
            let why = format!("the policy refused the patch: {}, {}", refusals[0].rule, refusals[0].subject);
            self.advance(|job| job.refusals.clone_from(&refusals), Vec::new()).await?;
            return Ok(End::Nothing(why));
        }
        match self.proof(&patch).await? {
            ProofVerdict::Proven => self.publish(patch).await,
            ProofVerdict::Unproven { reason } => {
                Ok(End::Nothing(format!("the patch is not proven: {reason}")))
            }
            ProofVerdict::Refuted { evidence } => {
                Ok(End::Nothing(format!("the patch is refuted: {evidence}")))
            }
        }
    }

    /// Clones, looks for what the reports name, and lets the agent work. Gives the patch, or why there is none.
    async fn agent(&mut self) -> Result<std::result::Result<String, String>> {
        self.step(FixStep::Prepare, &format!("cloning {}", self.job.repository)).await?;
        let base = self.job.settings.base.clone();
        let checkout = self.checkout("agent", base.as_deref()).await?;
        let runner = self.hands.runner(Some(&self.job.runner))?;
        // What may have changed since it was asked for.
        self.job.settings.admits(&format!("runner {}", runner.name()), runner.isolation())?;
        self.job.settings.admits("the workshop", self.hands.workshop.isolation())?;
        let suspects =
            self.hands.workshop.search(&checkout.path, &self.job.plan.brief.clues, SUSPECTS).await?;
        let Checkout { base, commit, path } = checkout;
        self.advance(
            |job| {
                job.base = Some(base.clone());
                job.commit = Some(commit.clone());
                job.plan.brief.suspects.clone_from(&suspects);
            },
            Vec::new(),
        )
        .await?;
        self.step(FixStep::Agent, &format!("{} is at work", runner.name())).await?;
        let task = AgentTask {
            job: self.job.id.clone(),
            checkout: path,
            instructions: instructions(&self.job.plan),
            budget: self.job.settings.budget.clone(),
        };
        let outcome = runner.run(&task, &self.log).await?;
        self.log.append(vec![AgentEvent::Spend { spend: outcome.spend }]).await?;
        let is_done = outcome.stop_reason == StopReason::Finished;
        let evidence = FixEvidence { job: self.job.id.clone(), patch: outcome.patch.clone(), proof: None };
        // The patch of a run that was stopped is kept to be looked at, and never used: so it is written at the end.
        let with = if is_done { vec![Write::put(&evidence, Expect::Any)?] } else { Vec::new() };
        self.advance(
            |job| {
                job.stop_reason = Some(outcome.stop_reason);
                job.spend.add(outcome.spend);
            },
            with,
        )
        .await?;
        if is_done {
            return Ok(Ok(outcome.patch));
        }
        let more = outcome.message.map(|message| format!(": {message}")).unwrap_or_default();
        Ok(Err(format!("the agent was stopped ({}){more}", words(outcome.stop_reason))))
    }

    async fn proof(&mut self, patch: &str) -> Result<ProofVerdict> {
        self.step(FixStep::Prove, "proving: a test that fails before and passes after").await?;
        if let Some(verdict) = self.job.verdict.clone() {
            return Ok(verdict);
        }
        let base = self.job.base.clone();
        let checkout = self.checkout("proof", base.as_deref()).await?;
        let commit = self.job.commit.clone().unwrap_or(checkout.commit);
        let task = ProofTask {
            checkout: &checkout.path,
            commit: &commit,
            patch,
            reproduction: self.job.reproduction.as_deref(),
            command: self.job.settings.test.as_ref(),
            repetitions: self.job.settings.repetitions,
            budget: &self.job.settings.budget,
        };
        let report = prove(self.hands.workshop.as_ref(), &self.log, &task).await?;
        let verdict = report.verdict.clone();
        let evidence = FixEvidence { job: self.job.id.clone(), patch: patch.to_owned(), proof: Some(report) };
        let with = vec![Write::put(&evidence, Expect::Any)?];
        self.advance(|job| job.verdict = Some(verdict.clone()), with).await?;
        Ok(verdict)
    }

    async fn publish(&mut self, patch: String) -> Result<End> {
        self.step(FixStep::Publish, &format!("publishing {}", self.job.branch_name())).await?;
        let evidence = self.soulcaster.fix_evidence(&self.job.project_id, &self.job.id).await?;
        let proof = evidence.and_then(|evidence| evidence.proof);
        let members =
            self.soulcaster.members(&self.job.project_id, &self.job.cluster_id).await.unwrap_or_default();
        let items = self.soulcaster.placed(&self.job.project_id, &members).await?;
        let (title, body) =
            pull_request::describe(&self.job, proof.as_ref(), items.iter().map(|placed| &placed.item));
        let (Some(base), Some(commit)) = (self.job.base.clone(), self.job.commit.clone()) else {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "fixes.publish",
                "a proven patch has a commit that it is for",
            ));
        };
        let publication = Publication {
            repository: self.job.repository.clone(),
            branch: self.job.branch_name(),
            base,
            commit,
            title,
            body,
            patch,
        };
        let refusals = policy::check_publication(&publication, &self.job);
        if let Some(first) = refusals.first() {
            let why = format!("the policy refused the pull request: {}, {}", first.rule, first.subject);
            self.advance(|job| job.refusals.clone_from(&refusals), Vec::new()).await?;
            return Ok(End::Nothing(why));
        }
        let pull_request = self.hands.host.publish(&publication).await?;
        self.log
            .append(vec![AgentEvent::Step { text: format!("draft pull request {}", pull_request.url) }])
            .await?;
        Ok(End::Published(pull_request))
    }

    async fn checkout(&self, name: &str, base: Option<&str>) -> Result<Checkout> {
        // A later attempt finds what an earlier one left, and leaves that alone.
        let into = self.folder.join(format!("{name}-{}", self.token));
        self.hands.host.checkout(&self.job.repository, base, &into).await
    }

    /// A step begins.
    async fn step(&mut self, step: FixStep, text: &str) -> Result<()> {
        self.log.append(vec![AgentEvent::Step { text: text.to_owned() }]).await?;
        self.advance(|job| job.step = Some(step), Vec::new()).await
    }

    async fn advance(
        &mut self,
        change: impl Fn(&mut AgentJob) + Send + Sync,
        with: Vec<Write>,
    ) -> Result<()> {
        let AgentJob { project_id, id, .. } = &self.job;
        self.job = self.soulcaster.advance(project_id, id, self.token, change, with).await?;
        Ok(())
    }
}

/// A stop reason in words.
fn words(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Finished => "finished",
        StopReason::AgentFailed => "it failed",
        StopReason::Cancelled => "cancelled",
        StopReason::WallClock => "its time was up",
        StopReason::Tokens => "its tokens were used up",
        StopReason::Cost => "its money was used up",
        StopReason::Output => "it wrote too much output",
        StopReason::Diff => "its patch is too large",
        StopReason::Processes => "it started too many processes",
        StopReason::Memory => "it used too much memory",
        StopReason::Disk => "it filled too much of the disk",
    }
}
