//! A small JSON writer, and a reader for strings.

mod read;
mod value;
mod write;

pub use read::{read_string, Fault};
pub use value::Value;
pub use write::{quote, write, Options};
