//! Names that are read.

use soulcaster_core::{Error, Result};

use super::endpoint::check_name;

/// Most feeds of one source.
const MAX_FEEDS: usize = 1000;

/// `names` without blanks around them, in lower case, each once, in the order given.
pub(super) fn tidy(names: &[String]) -> Vec<String> {
    let mut tidy: Vec<String> = Vec::new();
    for name in names {
        let name = name.trim().to_lowercase();
        if !name.is_empty() && !tidy.contains(&name) {
            tidy.push(name);
        }
    }
    tidy
}

/// Checks that there are `feeds`, and not too many; `setting` says what they are.
pub(super) fn check_feeds(operation: &'static str, setting: &str, feeds: &[String]) -> Result<()> {
    match feeds.len() {
        0 => Err(Error::invalid(operation, format!("{setting} is empty; name at least one"))),
        1..=MAX_FEEDS => Ok(()),
        many => Err(Error::invalid(operation, format!("{setting} are {MAX_FEEDS} at most, not {many}"))),
    }
}

/// Trims `names`, and checks that each of them can be a part of an address.
pub(super) fn paths(operation: &'static str, setting: &str, names: &[String]) -> Result<Vec<String>> {
    let mut paths: Vec<String> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        check_name(operation, setting, name)?;
        if !paths.iter().any(|known| known == name) {
            paths.push(name.to_owned());
        }
    }
    check_feeds(operation, setting, &paths)?;
    Ok(paths)
}
