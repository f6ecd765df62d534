//! The flows: each loads, asks the engine once, commits once.

pub mod cleanup;
pub mod correct;
pub mod group;
pub mod health;
pub mod ingest;
pub(crate) mod load;
pub mod overview;
pub mod portable;
pub mod query;
pub(crate) mod settle;
pub mod undo;

pub use cleanup::{Analysis, ClusterAnalysis, Suggestion};
pub use group::{Diff, GroupReport};
pub use health::Finding;
pub use ingest::IngestReport;
pub use overview::{Counts, Example, GroupView, MergeView, Overview, OverviewOptions, UnsureView};
pub use portable::ImportReport;
pub use query::{
    ClusterDetail, ClusterPage, ClusterQuery, Explanation, Found, ItemPage, ItemQuery, PlacedItem,
};
