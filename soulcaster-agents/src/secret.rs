//! Values that no log may show.

use std::fmt;

use soulcaster_core::{Error, ErrorKind, Result};

/// A key or a token. `Debug` prints `***`, and there is no `Display`.
///
/// ```
/// use soulcaster_agents::Secret;
/// let key = Secret::new("sk-1234");
/// assert_eq!(format!("{key:?}"), "***");
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

    /// Reads the environment variable `name`, as it is. No other function of this crate reads a key from there.
    ///
    /// # Errors
    /// `Unauthorized` when the variable is unset, empty or not Unicode.
    pub fn from_env(name: &str) -> Result<Self> {
        match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Self(value)),
            _ => Err(Error::new(
                ErrorKind::Unauthorized,
                "secret.from_env",
                format!("environment variable {name} is unset, empty or not Unicode; set it to the key"),
            )),
        }
    }

    /// The value itself, to be sent and not to be kept or printed.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_value_also_inside_other_values() {
        let secret = Secret::new("sk-1234");
        assert_eq!(format!("{secret:?} {:?} {:#?}", Some(&secret), secret.clone()), "*** Some(***) ***");
    }

    #[test]
    fn environment_gives_the_value_or_names_the_variable() {
        assert_eq!(Secret::from_env("PATH").unwrap().expose(), std::env::var("PATH").unwrap());
        let error = Secret::from_env("SOULCASTER_NO_SUCH_KEY").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.message().contains("SOULCASTER_NO_SUCH_KEY"), "{error}");
    }
}
