//! The pure engine: values in, values out; same input, same output, on any number of threads.

pub mod calibrate;
pub mod community;
pub mod config;
pub(crate) mod copies;
pub(crate) mod fixed;
pub mod group;
pub mod identity;
pub mod keywords;
pub mod layout;
pub mod leader;
pub mod lexical;
pub mod linkage;
pub mod neighbours;
pub mod online;
pub mod patch;
pub mod placement;
pub mod policy;
pub mod portrait;
pub(crate) mod product;
pub mod proof;
pub(crate) mod prose;
pub mod rank;
pub mod role;
pub(crate) mod roots;
pub mod rules;
pub mod schedule;
pub mod score;
pub mod template;
pub mod testlog;
pub(crate) mod words;

pub use config::{Algorithm, GroupConfig, Tuning};
pub use group::group;
pub use online::{Online, group_online};
pub use placement::{Grouping, Near, Place, Placement};
pub use rules::Rules;
pub use schedule::Schedule;
