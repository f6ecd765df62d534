//! Values that no log may show.

use std::fmt;

/// A key, a token or a signing secret. `Debug` prints `***`, and there is no `Display` and no `Serialize`.
///
/// ```
/// use soulcaster_core::Secret;
/// let key = Secret::new("sk-1234");
/// assert_eq!(format!("{key:?} {:?}", Some(&key)), "*** Some(***)");
/// assert_eq!(key.expose(), "sk-1234");
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`, as it is.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, to be sent or checked and not to be kept or printed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
