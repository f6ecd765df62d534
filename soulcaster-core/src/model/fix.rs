//! Fixes: jobs that lead from a plan to a proven pull request.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, ProjectId};
use crate::model::plan::CodingPlan;
use crate::model::proof::{ProofReport, ProofVerdict, TestCommand};
use crate::port::agent::{AgentEvent, Budget, Isolation, Spend, StopReason};
use crate::port::host::PullRequest;
use crate::port::store::Record;

/// How fixes of a project are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FixSettings {
    /// `owner/name` of the repository, for groups whose reports name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The branch to begin from and merge into; the repository's default if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The runner to use; the first one configured if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// How to run the tests; found out from the repository if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<TestCommand>,
    /// How often a test must fail before and pass after, 1 to 10.
    pub repetitions: u32,
    /// The weakest that an agent and tests may be shut in when somebody unknown had a word in what they are told.
    pub least_isolation: Isolation,
    /// Whether a person must approve a plan before it is carried out.
    pub needs_approval: bool,
    /// The most a fix may use.
    pub budget: Budget,
    /// Paths besides the built-in ones that no patch may touch; `*` stands for any part of a name, `**` for folders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
}

impl Default for FixSettings {
    fn default() -> Self {
        Self {
            repository: None,
            base: None,
            runner: None,
            test: None,
            repetitions: 3,
            least_isolation: Isolation::Confined,
            needs_approval: false,
            budget: Budget::default(),
            protected: Vec::new(),
        }
    }
}

impl Record for FixSettings {
    const COLLECTION: &'static str = "fix_settings";
    fn key(&self) -> String {
        "settings".to_owned()
    }
}

/// Where a fix stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FixStatus {
    /// It waits for its turn.
    Pending,
    /// It is being made.
    Running,
    /// A draft pull request is open.
    Succeeded,
    /// There is no pull request.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl FixStatus {
    /// Whether nothing will happen any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

/// What a running fix does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FixStep {
    /// Cloning, and looking for what the reports name.
    Prepare,
    /// The agent is at work.
    Agent,
    /// The patch is held against the policy.
    Check,
    /// The tests decide.
    Prove,
    /// The branch and the pull request are being made.
    Publish,
}

/// Something of a patch or of what would be published that the policy does not let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Refusal {
    /// The rule, such as `protected_path`.
    pub rule: String,
    /// What broke it: a path, or the place of a secret, never the secret.
    pub subject: String,
}

/// Who works on a job, and until when nobody else may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Lease {
    /// Who.
    pub holder: String,
    /// Grows with each holder; what an earlier one writes is refused.
    pub token: u64,
    /// Until when.
    pub until: DateTime<Utc>,
}

/// A fix in the making. One a group is active at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AgentJob {
    /// Its id; its branch is `triage/<id>`.
    pub id: String,
    /// The project.
    pub project_id: ProjectId,
    /// The group.
    pub cluster_id: ClusterId,
    /// `owner/name` of the repository.
    pub repository: String,
    /// The runner.
    pub runner: String,
    /// The plan as it was when the job was made; what becomes of the plan later does not matter.
    pub plan: CodingPlan,
    /// How it is made, as it was settled when the job was made.
    pub settings: FixSettings,
    /// A diff with tests that the patch must make pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduction: Option<String>,
    /// Where it stands.
    pub status: FixStatus,
    /// What it does, or did last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<FixStep>,
    /// Whether somebody wants it to end.
    #[serde(default)]
    pub cancel_requested: bool,
    /// The branch that it began from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The commit that it began from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How the agent's run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<StopReason>,
    /// What the agent's model calls took.
    #[serde(default)]
    pub spend: Spend,
    /// What the policy refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// What the proof came to; its runs are in [`FixEvidence`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<ProofVerdict>,
    /// The branch, once it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The pull request, once it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    /// When the pull request was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_at: Option<DateTime<Utc>>,
    /// When a report came in that says the problem is back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regressed_at: Option<DateTime<Utc>>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Who works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// How often somebody began to work on it.
    #[serde(default)]
    pub attempts: u32,
    /// How many leases there have been.
    #[serde(default)]
    pub tokens: u64,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DateTime<Utc>>,
}

impl AgentJob {
    /// A job that waits, for the group of `plan`.
    #[must_use]
    pub fn new(
        id: String,
        plan: CodingPlan,
        settings: FixSettings,
        repository: String,
        runner: &str,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            project_id: plan.project_id.clone(),
            cluster_id: plan.cluster_id.clone(),
            repository,
            runner: runner.to_owned(),
            plan,
            settings,
            reproduction: None,
            status: FixStatus::Pending,
            step: None,
            cancel_requested: false,
            base: None,
            commit: None,
            stop_reason: None,
            spend: Spend::default(),
            refusals: Vec::new(),
            verdict: None,
            branch: None,
            pull_request: None,
            merged_at: None,
            regressed_at: None,
            error: None,
            lease: None,
            attempts: 0,
            tokens: 0,
            created_at: now,
            started_at: None,
            finished_at: None,
        }
    }

    /// The branch that it publishes.
    #[must_use]
    pub fn branch_name(&self) -> String {
        format!("triage/{}", self.id)
    }
}

impl Record for AgentJob {
    const COLLECTION: &'static str = "fix";
    fn key(&self) -> String {
        self.id.clone()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        let state = if self.status.has_ended() { "ended" } else { "open" };
        vec![("cluster", self.cluster_id.to_string()), ("state", state.to_owned())]
    }
    fn sort(&self) -> i64 {
        self.created_at.timestamp_micros()
    }
}

/// What a job has made so far, kept beside it: a restart goes on from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FixEvidence {
    /// The job.
    pub job: String,
    /// The agent's patch.
    pub patch: String,
    /// The proof, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofReport>,
}

impl Record for FixEvidence {
    const COLLECTION: &'static str = "fix_evidence";
    fn key(&self) -> String {
        self.job.clone()
    }
}

/// One line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// The job.
    pub job: String,
    /// Its place in the log, from 1.
    pub number: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: AgentEvent,
}

impl Record for LogLine {
    const COLLECTION: &'static str = "fix_log";
    fn key(&self) -> String {
        format!("{}:{:010}", self.job, self.number)
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("job", self.job.clone())]
    }
}
