//! Versions and what to update to.

mod requirement;
mod update;
mod version;

pub use requirement::Requirement;
pub use update::{latest, update_for};
pub use version::{ParseError, Version};
