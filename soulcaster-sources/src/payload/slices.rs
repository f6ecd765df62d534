//! The bytes of each entry of a list within a body.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The entries of the list that `pointer` leads to, as they were sent; `None` when there is no such list.
pub(crate) fn slices<'a>(body: &'a [u8], pointer: &str) -> Option<Vec<&'a [u8]>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut raw: &RawValue = serde_json::from_slice(body).ok()?;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        raw = if raw.get().starts_with('[') {
            let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
            list.get(step.parse::<usize>().ok()?).copied()?
        } else {
            let object: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
            object.get(&step).copied()?
        };
    }
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    Some(list.into_iter().map(|entry| entry.get().as_bytes()).collect())
}
