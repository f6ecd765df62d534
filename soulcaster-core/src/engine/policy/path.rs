//! Paths that lead out of a work tree, or into what git keeps for itself.

use crate::model::visible::is_invisible;

/// What is wrong with a path, whatever system it ends up on.
pub(super) fn fault(path: &str) -> Option<&'static str> {
    if path.starts_with('/') || path.starts_with('~') {
        return Some("is absolute");
    }
    if path.chars().any(|c| is_invisible(c) || c.is_control()) {
        return Some("has characters that nobody sees");
    }
    if path.contains('\\') {
        return Some("has a back-slash");
    }
    if path.len() > 1024 {
        return Some("is too long");
    }
    path.split('/').find_map(part_fault)
}

fn part_fault(part: &str) -> Option<&'static str> {
    // Windows forgets dots and blanks at the end and takes what follows a colon for a stream of the file.
    let trimmed = part.trim_end_matches(['.', ' ']);
    if part.is_empty() || trimmed.is_empty() {
        return Some("has an empty part, `.` or `..`");
    }
    if part.contains(':') {
        return Some("has a colon");
    }
    let folded = trimmed.trim_start().to_lowercase();
    let short = folded.strip_prefix("git~").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    if folded == ".git" || short {
        return Some("is git's own folder");
    }
    if trimmed != part {
        return Some("has a part that ends in a dot or blank");
    }
    None
}

/// Whether a link at `path` with this target leads to something in the tree that a patch may touch.
pub(super) fn stays_inside(path: &str, target: &str) -> bool {
    let target = target.strip_suffix('\r').unwrap_or(target);
    if target.is_empty() || target.starts_with(['/', '~']) || target.contains(['\\', ':', '\0']) {
        return false;
    }
    let mut depth = path.split('/').count() - 1;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            part if part_fault(part).is_some() => return false,
            _ => depth += 1,
        }
    }
    true
}

/// Whether people expect a file of this name to be executable.
pub(super) fn may_be_executable(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    folder.split('/').any(|part| matches!(part, "bin" | "scripts" | "script" | "tools"))
        || name.ends_with(".sh")
}
