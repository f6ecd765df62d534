//! A store and an index in memory, and what every other store shares with them: what a word is ([`text`]),
//! where a page ended ([`Cursor`]), and the checks of a commit ([`rules`]).

pub mod cursor;
pub mod index;
pub mod rules;
pub mod store;
pub mod text;

pub use cursor::Cursor;
pub use index::FlatIndex;
pub use store::MemoryStore;
