//! Storage quotas of tenants.

mod plan;
mod report;
mod usage;

pub use plan::Plan;
pub use report::{human, line};
pub use usage::{Refused, Usage};
