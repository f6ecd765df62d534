//! Settings of a source: read from JSON over the defaults, checked once.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::payload::cut;

const CHECK: &str = "webhook.check";

/// Longest message, in bytes: it may repeat what was given.
const MAX_MESSAGE: usize = 600;

/// The settings of `source`: the defaults, with what is `given` in their place. The members of a setting that
/// is an object take the place of its default members one by one.
///
/// # Errors
/// `Invalid` naming the source, the setting, and what it may be.
pub(crate) fn read<T: Default + Serialize + DeserializeOwned>(
    source: &str,
    given: &Map<String, Value>,
) -> Result<T> {
    let unwritable =
        |e| Error::new(ErrorKind::Unexpected, CHECK, "default settings have no JSON form").with_source(e);
    let mut settings = serde_json::to_value(T::default()).map_err(unwritable)?;
    let mut read = T::default();
    for (name, value) in given {
        let Some(known) = settings.get_mut(name) else {
            let names: Vec<&str> =
                settings.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let there_are = if names.is_empty() {
                "there are none".into()
            } else {
                format!("there are {}", names.join(", "))
            };
            return Err(refused(source, &format!("no setting {:?}; {there_are}", cut(name, 64))));
        };
        match (known, value) {
            (Value::Object(known), Value::Object(value)) => known.extend(value.clone()),
            (known, value) => *known = value.clone(),
        }
        read = T::deserialize(&settings).map_err(|e| refused(source, &format!("{name}: {e}")))?;
    }
    Ok(read)
}

/// A setting that cannot work.
pub(crate) fn refused(source: &str, why: &str) -> Error {
    Error::invalid(CHECK, cut(&format!("{source}: {why}"), MAX_MESSAGE))
}

/// Checks a list of names that a source keeps to.
///
/// # Errors
/// `Invalid` when one is blank.
pub(crate) fn check_names(source: &str, setting: &str, names: &[String]) -> Result<()> {
    if names.iter().any(|name| name.trim().is_empty()) {
        return Err(refused(source, &format!("{setting} holds a blank name; give names, or leave it out")));
    }
    Ok(())
}

/// Checks the name that items carry as their source.
///
/// # Errors
/// `Invalid` unless it is 1 to 128 bytes without control characters.
pub(crate) fn check_source(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            CHECK,
            "name of the source must be 1 to 128 bytes without control characters",
        ));
    }
    Ok(())
}
