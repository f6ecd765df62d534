//! Settings of a source: read from JSON over the defaults, checked once.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::payload::cut;

const CHECK: &str = "webhook.check";

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
            return Err(refused(source, &format!("no setting {name:?}; {there_are}")));
        };
        match (known, value) {
            (Value::Object(known), Value::Object(value)) => known.extend(value.clone()),
            (known, value) => *known = value.clone(),
        }
        read = T::deserialize(&settings).map_err(|e| refused(source, &cut(&format!("{name}: {e}"), 400)))?;
    }
    Ok(read)
}

/// A setting that cannot work.
pub(crate) fn refused(source: &str, why: &str) -> Error {
    Error::invalid(CHECK, format!("{source}: {why}"))
}
