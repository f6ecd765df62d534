//! A cache of limited weight.

mod cache;
mod stats;

pub use cache::Cache;
pub use stats::Stats;
