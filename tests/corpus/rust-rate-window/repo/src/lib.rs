//! Sliding-window rate limits. Times are milliseconds and come from the caller.

mod limiter;
mod rule;
mod verdict;

pub use limiter::Limiter;
pub use rule::Rule;
pub use verdict::Verdict;
