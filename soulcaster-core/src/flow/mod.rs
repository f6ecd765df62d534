//! The flows: each loads, asks the engine once, commits once.

pub mod accounts;
pub mod answer;
pub(crate) mod binding;
pub mod cleanup;
pub mod clusters;
pub mod correct;
pub mod group;
pub mod health;
pub mod ingest;
pub mod jobs;
pub mod keys;
pub(crate) mod lineage;
pub(crate) mod load;
pub mod meter;
#[cfg(test)]
pub(crate) mod overtaken;
pub mod overview;
pub mod portable;
pub mod pull;
pub mod query;
pub mod quota;
pub mod search;
pub(crate) mod settle;
pub mod sources;
pub mod undo;
pub mod view;

pub use accounts::NewUser;
pub use answer::{Answered, ask_json};
pub use cleanup::{Analysis, ClusterAnalysis, Suggestion};
pub use clusters::{ClusterChange, ClusterPage, ClusterQuery, ClusterSort};
pub use group::{Diff, GroupReport};
pub use health::Finding;
pub use ingest::IngestReport;
pub use keys::Credential;
pub use meter::{Ledger, Metered, Reservation};
pub use portable::ImportReport;
pub use pull::PullReport;
pub use query::{ClusterDetail, Explanation, ItemPage, ItemQuery, Named, PlacedItem};
pub use quota::QuotaState;
pub use search::Found;
pub use sources::{NewSource, SourceChange};
pub use view::{Counts, Example, GroupView, MergeView, Overview, OverviewOptions, UnsureView};
