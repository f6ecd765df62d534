//! Paths as git quotes them in diffs.

/// Reads a path in double quotes with C escapes at the beginning of `text`: the path and what follows it.
/// Nothing if it is not well-formed or is not UTF-8.
pub(super) fn unquote(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let bytes = inner.as_bytes();
    let mut path = Vec::new();
    let mut at = 0;
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        match byte {
            b'"' => return Some((String::from_utf8(path).ok()?, inner.get(at..)?)),
            b'\\' => {
                let escape = *bytes.get(at)?;
                at += 1;
                path.push(match escape {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => escape,
                    b'0'..=b'3' => {
                        let digits = bytes.get(at..at + 2)?;
                        at += 2;
                        if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
                            return None;
                        }
                        (escape - b'0') * 64 + (digits[0] - b'0') * 8 + (digits[1] - b'0')
                    }
                    _ => return None,
                });
            }
            _ => path.push(byte),
        }
    }
}

/// The path behind `prefix` (`a/`) in a header: quoted, or as it is, which forbids control characters.
pub(super) fn path(text: &str, prefix: &str) -> Option<String> {
    let whole = if text.starts_with('"') {
        let (path, rest) = unquote(text)?;
        if !rest.is_empty() {
            return None;
        }
        path
    } else if text.chars().any(char::is_control) || text.contains('"') {
        return None;
    } else {
        text.to_owned()
    };
    whole.strip_prefix(prefix).filter(|path| !path.is_empty()).map(str::to_owned)
}

/// Both paths of the line `diff --git a/… b/…`. Unquoted ones must be the same, or `renamed` must say what they are.
pub(super) fn pair(text: &str, renamed: Option<(&str, &str)>) -> Option<(String, String)> {
    if let Some((from, to)) = renamed
        && text == format!("a/{from} b/{to}")
    {
        return Some((from.to_owned(), to.to_owned()));
    }
    if text.starts_with('"') {
        let (first, rest) = unquote(text)?;
        let first = first.strip_prefix("a/").filter(|path| !path.is_empty())?.to_owned();
        return Some((first, path(rest.strip_prefix(' ')?, "b/")?));
    }
    if text.ends_with('"') {
        let (first, second) = text.split_at(text.find(" \"")?);
        return Some((path(first, "a/")?, path(&second[1..], "b/")?));
    }
    let name = text.len().checked_sub(5)? / 2;
    let first = path(text.get(..name + 2)?, "a/")?;
    let second = path(text.get(name + 2..)?.strip_prefix(' ')?, "b/")?;
    (first == second).then_some((first, second))
}
