//! Cursors as texts.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use soulcaster_core::{Error, ErrorKind, Result};

/// Changes with the meaning of what a cursor holds.
const VERSION: u32 = 1;
/// No cursor is longer, in bytes.
const MAX_CURSOR: usize = 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    /// Whose cursor it is.
    of: String,
    at: T,
}

/// Reads the place in a cursor of `of`; the beginning without one.
pub(super) fn read<T: DeserializeOwned + Default>(
    operation: &'static str,
    of: &str,
    cursor: Option<&str>,
) -> Result<T> {
    let Some(cursor) = cursor else { return Ok(T::default()) };
    let refuse =
        |why: &str| Error::invalid(operation, format!("the cursor {why}; fetch without one to begin again"));
    if cursor.len() > MAX_CURSOR {
        return Err(refuse("is too long"));
    }
    let Envelope { v, of: owner, at } = serde_json::from_str::<Envelope<serde_json::Value>>(cursor)
        .map_err(|_| refuse("is broken or of something else"))?;
    if v != VERSION {
        return Err(refuse("is of another version"));
    }
    if owner != of {
        return Err(refuse(&format!("is not of {of}")));
    }
    serde_json::from_value(at).map_err(|_| refuse("is broken"))
}

/// Writes the place `at` of `of`.
pub(super) fn write<T: Serialize>(operation: &'static str, of: &str, at: &T) -> Result<String> {
    serde_json::to_string(&Envelope { v: VERSION, of: of.to_owned(), at }).map_err(|e| {
        Error::new(ErrorKind::Unexpected, operation, "a cursor cannot be written").with_source(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pull::round::Round;

    #[test]
    fn broken_and_foreign_cursors_say_what_to_do() {
        let place = Round { page: Some("x".into()), ..Round::default() };
        let good = write("test", "github/a/b", &place).unwrap();
        assert_eq!(read::<Round>("test", "github/a/b", Some(&good)).unwrap(), place);
        assert_eq!(read::<Round>("test", "github/a/b", None).unwrap(), Round::default());
        let later = good.replace(r#""v":1"#, r#""v":2"#);
        let twisted = good.replace(r#""x""#, "[]");
        for bad in ["", "7", "{}", "row 7", &good[1..], &later, &twisted] {
            let error = read::<Round>("test", "github/a/b", Some(bad)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert!(error.message().contains("fetch without one"), "{error}");
        }
        let error = read::<Round>("test", "github/a/c", Some(&good)).unwrap_err();
        assert!(error.message().contains("is not of github/a/c"), "{error}");
        assert!(read::<Round>("test", "x", Some(&"[".repeat(MAX_CURSOR + 1))).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_cursor_is_read_or_refused(cursor in ".{0,200}", at in "[\\[\\]{}\":,a-z0-9T-]{0,80}") {
            let _ = read::<Round>("test", "a", Some(&cursor));
            let _ = read::<Round>("test", "a", Some(&format!("{{\"v\":1,\"of\":\"a\",\"at\":{at}}}")));
        }
    }
}
