//! From the path of a request to a file below a folder.

mod decode;
mod mime;
mod resolve;

pub use decode::decode;
pub use mime::content_type;
pub use resolve::{Denied, Root};
