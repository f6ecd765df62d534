//! Three-way merge of texts by lines.

mod common;
mod merge;
mod text;

pub use common::common;
pub use merge::{merge, Merged};
pub use text::{lines, show};
