//! The records: plain data that stores keep and callers see.

pub mod account;
pub mod brief;
pub mod cluster;
pub mod constraint;
pub mod decision;
pub mod event;
pub mod fix;
pub mod head;
pub mod item;
pub mod job;
pub mod key;
pub mod plan;
pub mod proof;
pub mod pull;
pub mod source;
pub mod usage;
pub mod vector;
pub mod visible;

pub use account::{FixSuccess, Limits, ProjectInfo, Usage, User};
pub use brief::{Brief, BriefReport, Clues, Contradiction, Frame, Suspect};
pub use cluster::{Cluster, ClusterStatus, Cohesion, Lineage, Tightness};
pub use constraint::{Constraint, ConstraintKind};
pub use decision::{Cut, Decision, Evidence, Neighbour, Regime, RunnerUp, Scores, Verdict};
pub use event::{EventKind, Move, TimelineEvent};
pub use fix::{AgentJob, FixEvidence, FixSettings, FixStatus, FixStep, Lease, LogLine, Refusal};
pub use head::{Calibration, Head};
pub use item::{AuthStrength, FeedbackItem, Inbound, Severity};
pub use job::{ClusterJob, JobStats, JobStatus};
pub use key::{ApiKey, Scope};
pub use plan::{CodingPlan, PlanAuthor, PlanStatus};
pub use proof::{ProofReport, ProofStep, ProofVerdict, TestCommand, TestDialect, TestOutcome, TestRun};
pub use pull::{PullFailure, PullState};
pub use source::{Proof, SecretValue, SecretView, SourceConfig, SourceSecret, SourceView};
pub use usage::{Ceilings, Period, UsageEvent};
pub use vector::StoredVector;
