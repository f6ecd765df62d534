//! Patterns of paths.

/// Whether `pattern` stands for `path`, letters of either case alike: `*` is any part of a name, `?` one character
/// of it, `**` any folders. A pattern without `/` stands for a name in any folder, one that ends in `/` for all
/// that is in a folder.
///
/// ```
/// use soulcaster_core::engine::policy::matches;
/// assert!(matches("migrations/**", "migrations/2026/a.sql") && matches("*.lock", "a/b/yarn.lock"));
/// assert!(!matches("migrations/*", "migrations/2026/a.sql"));
/// ```
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.to_lowercase(), path.to_lowercase());
    let anchored = pattern.trim_end_matches('/').contains('/');
    let mut parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    if parts.last() == Some(&"") {
        parts.pop();
        parts.push("**");
    }
    if !anchored && !pattern.starts_with('/') {
        parts.insert(0, "**");
    }
    let names: Vec<&str> = path.split('/').collect();
    if pattern.is_empty() {
        return false;
    }
    wild(
        &parts,
        &names,
        |part| *part == "**",
        |part, name| {
            let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
            wild(&part, &name, |c| *c == '*', |one, other| one == other || *one == '?')
        },
    )
}

/// Matches with one kind of wild card, going back to the last one only: time is at most the product of the lengths.
fn wild<P, T>(pattern: &[P], text: &[T], any: impl Fn(&P) -> bool, same: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut last: Option<(usize, usize)> = None;
    while read < text.len() {
        if pattern.get(at).is_some_and(&any) {
            last = Some((at, read));
            at += 1;
        } else if pattern.get(at).is_some_and(|one| same(one, &text[read])) {
            (at, read) = (at + 1, read + 1);
        } else if let Some((star, taken)) = last {
            last = Some((star, taken + 1));
            (at, read) = (star + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(any)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stay_in_their_folder_and_double_stars_do_not() {
        for (pattern, path, expected) in [
            ("src/*.rs", "src/a.rs", true),
            ("src/*.rs", "src/b/a.rs", false),
            ("src/**/a.rs", "src/a.rs", true),
            ("src/**/a.rs", "src/b/c/a.rs", true),
            ("infra/", "infra/a/b.tf", true),
            ("infra/", "x/infra/a", true),
            ("/infra/", "x/infra/a", false),
            ("*.tf", "infra/a.TF", true),
            ("a?c", "x/abc", true),
            ("**", "a/b", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_full_of_stars_take_no_time() {
        let pattern = "*a".repeat(300);
        assert!(!matches(&pattern, &"a".repeat(299)));
        assert!(!matches(&"**/a/".repeat(200), &"a/".repeat(150)));
    }
}
