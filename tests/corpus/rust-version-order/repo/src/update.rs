use std::cmp::Ordering;

use crate::requirement::Requirement;
use crate::version::Version;

/// The highest version; of equal ones the first.
pub fn latest(versions: &[Version]) -> Option<&Version> {
    versions.iter().reduce(|best, next| if next.precedence(best) == Ordering::Greater { next } else { best })
}

/// What to update to: the highest one that will do and is newer. Those who run a release get releases only.
pub fn update_for<'a>(current: &Version, wanted: &Requirement, offered: &'a [Version]) -> Option<&'a Version> {
    let mut best: Option<&Version> = None;
    for version in offered {
        let newer = version.precedence(best.unwrap_or(current)) == Ordering::Greater;
        if newer && wanted.matches(version) && (version.is_release() || !current.is_release()) {
            best = Some(version);
        }
    }
    best
}
