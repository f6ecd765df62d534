//! The records: plain data that stores keep and callers see.

pub mod cluster;
pub mod constraint;
pub mod decision;
pub mod event;
pub mod head;
pub mod item;
pub mod key;
pub mod vector;
pub mod visible;

pub use cluster::{Cluster, ClusterStatus, Cohesion, Lineage, Tightness};
pub use constraint::{Constraint, ConstraintKind};
pub use decision::{Cut, Decision, Evidence, Neighbour, Regime, RunnerUp, Scores, Verdict};
pub use event::{EventKind, Move, TimelineEvent};
pub use head::{Calibration, Head};
pub use item::{AuthStrength, FeedbackItem, Inbound, Severity};
pub use key::{ApiKey, Scope};
pub use vector::StoredVector;
