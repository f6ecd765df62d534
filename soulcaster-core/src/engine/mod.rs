//! The pure engine: values in, values out; same input, same output, on any number of threads.

pub mod brief;
pub mod calibrate;
pub mod clues;
pub mod community;
pub mod config;
pub mod conform;
pub(crate) mod copies;
pub(crate) mod fixed;
pub mod group;
pub mod identity;
pub mod keywords;
pub mod layout;
pub mod leader;
pub mod lexical;
pub mod linkage;
pub mod mask;
pub mod neighbours;
pub mod online;
pub mod patch;
pub(crate) mod personal;
pub mod placement;
pub mod plan;
pub mod policy;
pub mod portrait;
pub(crate) mod product;
<<<<<<< HEAD
pub mod proof;
=======
pub mod prompt;
>>>>>>> models
pub(crate) mod prose;
pub mod pull_request;
pub mod rank;
pub mod repository;
pub mod role;
pub(crate) mod roots;
pub mod rules;
pub mod sanitise;
pub mod schedule;
pub mod score;
pub mod secrets;
pub mod template;
pub mod testlog;
pub mod trace;
pub(crate) mod words;

pub use config::{Algorithm, GroupConfig, Tuning};
pub use group::group;
pub use mask::{Masked, mask};
pub use online::{Online, group_online};
pub use placement::{Grouping, Near, Place, Placement};
pub use prompt::{Filled, Template};
pub use rules::Rules;
pub use sanitise::{fence, sanitise};
pub use schedule::Schedule;
pub use secrets::{SecretFinding, secrets};
