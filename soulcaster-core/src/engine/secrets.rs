//! Secrets in a text: keys by their shape, private keys, credentials in addresses, values of names such as `password`.
//!
//! One pass over the bytes, without a look back further than a name: a megabyte takes some milliseconds, whatever is
//! in it. What is a well-known example of a vendor's documentation counts like any other.

use std::ops::Range;

use shape::{is_word, run};

mod pair;
mod shape;

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFinding {
    /// What it looks like, such as `GitHub token`; fit to be shown.
    pub kind: &'static str,
    /// Its bytes.
    pub range: Range<usize>,
}

/// How readily the value of a name such as `password` counts as a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// In code and patches: only a value that is hardly anything else.
    Code,
    /// In reports: whatever somebody may have pasted.
    Report,
}

/// Finds the secrets of `text`, in order, without overlap.
///
/// Personal data is not among them. The value of a name such as `password` counts only if it is long and mixed, so
/// that code which handles passwords is let through.
///
/// ```
/// use soulcaster_core::engine::secrets::secrets;
/// let token = format!("ghp_{}", "0aB1".repeat(9));
/// let text = format!("+const TOKEN = \"{token}\";");
/// let found = secrets(&text);
/// assert_eq!((found[0].kind, &text[found[0].range.clone()]), ("GitHub token", token.as_str()));
/// assert!(secrets("let password = read_password()?;").is_empty());
/// ```
#[must_use]
pub fn secrets(text: &str) -> Vec<SecretFinding> {
    find(text, Care::Code)
}

/// Finds secrets with the given care.
pub(crate) fn find(text: &str, care: Care) -> Vec<SecretFinding> {
    let bytes = text.as_bytes();
    let mut found: Vec<SecretFinding> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let next = match bytes[at] {
            b'-' => private_key(bytes, at),
            b':' if bytes[at..].starts_with(b"://") => in_address(bytes, at, care),
            b'=' | b':' => pair::value(bytes, at, care),
            b' ' => pair::bearer(bytes, at),
            byte if is_word(byte) && (at == 0 || !is_word(bytes[at - 1])) => {
                shape::key(bytes, at).or_else(|| jwt(bytes, at))
            }
            _ => None,
        };
        at = match next {
            Some((kind, range)) => {
                // A token behind a name is told by its own kind.
                let shaped = shape::key(bytes, range.start).or_else(|| jwt(bytes, range.start));
                let (kind, range) = shaped.filter(|(_, r)| r.end >= range.end).unwrap_or((kind, range));
                let end = text.floor_char_boundary(range.end);
                found.push(SecretFinding { kind, range: range.start..end });
                end
            }
            None => at + 1,
        };
    }
    found
}

type Found = Option<(&'static str, Range<usize>)>;

/// `-----BEGIN … PRIVATE KEY…-----` with what follows, up to its end or as far as it looks like one.
fn private_key(bytes: &[u8], at: usize) -> Found {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    const LONGEST: usize = 64 * 1024;
    if !bytes[at..].starts_with(BEGIN) {
        return None;
    }
    let name = at + BEGIN.len();
    let name_end = run(bytes, name, 64, |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
    let is_private = bytes[name..name_end].windows(11).any(|w| w == b"PRIVATE KEY");
    if !is_private || !bytes[name_end..].starts_with(b"-----") {
        return None;
    }
    let body = name_end + 5;
    // Lines of a patch and strings of JSON have marks of their own between the lines of the key.
    let inside =
        run(bytes, body, LONGEST, |b| b.is_ascii_alphanumeric() || b" \t\r\n+/=\\\"',:-".contains(&b));
    let end = bytes[body..inside].windows(END.len()).position(|w| w == END).map(|end| body + end);
    let key = &bytes[body..end.unwrap_or(inside)];
    // A header alone is what programs look for.
    if key.iter().filter(|b| b.is_ascii_alphanumeric()).count() < 32 {
        return None;
    }
    let end = match end {
        Some(end) => {
            let name_end = run(bytes, end + END.len(), 64, |b| b != b'-' && b != b'\n');
            run(bytes, name_end, 5, |b| b == b'-')
        }
        // Without an end it goes on to the last character that a key may have.
        None => {
            body + key
                .iter()
                .rposition(|b| b.is_ascii_alphanumeric() || *b == b'=')
                .map_or(0, |last| last + 1)
        }
    };
    Some(("private key", at..end))
}

/// A password in `scheme://user:password@host`, or a token in the place of the user.
fn in_address(bytes: &[u8], at: usize, care: Care) -> Found {
    const LONGEST: usize = 512;
    if at == 0 || !bytes[at - 1].is_ascii_alphanumeric() {
        return None;
    }
    let start = at + 3;
    let end = run(bytes, start, LONGEST, |b| b > b' ' && !b"/?#\"'`<>\\^{}|".contains(&b));
    let last = start + bytes[start..end].iter().rposition(|b| *b == b'@')?;
    let password = match bytes[start..last].iter().position(|b| *b == b':') {
        Some(colon) => start + colon + 1..last,
        // A user alone is a secret if it looks like one; `git@` does not.
        None if shape::is_mixed(&bytes[start..last], 16) => start..last,
        None => return None,
    };
    let value = &bytes[password.clone()];
    let fewest = if care == Care::Code { 8 } else { 4 };
    // `postgres:postgres@` is what programs begin with.
    let repeats = care == Care::Code && bytes[start..password.start].strip_suffix(b":") == Some(value);
    let counts = value.len() >= fewest && !repeats && !pair::is_placeholder(value);
    counts.then_some(("password in an address", password))
}

/// Three parts of base 64 between dots, the first the beginning of a JSON object.
fn jwt(bytes: &[u8], at: usize) -> Found {
    let upto = |from, longest| run(bytes, from, longest, |b| is_word(b) || b == b'-');
    let part = |from| upto(from, 16 * 1024);
    if !bytes[at..].starts_with(b"eyJ") {
        return None;
    }
    let header = upto(at, 1024);
    let mut end = header;
    for _ in 0..2 {
        if bytes.get(end) != Some(&b'.') {
            return None;
        }
        end = part(end + 1);
    }
    // Those that are encrypted have five parts.
    while bytes.get(end) == Some(&b'.') && part(end + 1) > end + 8 {
        end = part(end + 1);
    }
    (header - at >= 10 && end - header >= 16).then_some(("JSON Web Token", at..end))
}
