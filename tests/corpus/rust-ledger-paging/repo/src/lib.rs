//! Pages through ledgers.

mod ledger;
mod page;
mod view;

pub use ledger::{Entry, Ledger};
pub use page::{page_count, slice, Page};
pub use view::{footer, statement};
