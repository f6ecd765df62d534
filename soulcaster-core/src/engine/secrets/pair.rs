//! Values of names that mean a secret: `password=…`, `"api_key": "…"`, `Authorization: Bearer …`, `?token=…`.

use super::shape::{distinct, is_mixed, is_word, run};
use super::{Care, Found};

/// Longest name that is looked at, with its separators.
const NAME: usize = 64;
/// How much of a value is looked at.
const VALUE: usize = 512;
/// Longest value.
const LONGEST: usize = 64 * 1024;

/// How a name ends that means a secret, in lower case and without separators.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pass",
    "secret",
    "secretkey",
    "apikey",
    "accesskey",
    "accountkey",
    "sharedkey",
    "privatekey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "authkey",
    "token",
    "bearer",
    "credential",
    "credentials",
    "auth",
    "authorization",
    "sharedaccesssignature",
];

/// Names that may mean a secret: their values count when they are long and mixed.
const WEAK: &[&str] = &[
    "session",
    "sessionid",
    "cookie",
    "sid",
    "signature",
    "sig",
    "code",
    "otp",
    "key",
    "phpsessid",
    "jsessionid",
    "xamzcredential",
    "xamzsignature",
    "csrf",
];

/// Words in the place of a secret that are none.
const WORDS: &[&str] = &[
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "empty",
    "string",
    "str",
    "bytes",
    "number",
    "boolean",
    "bool",
    "object",
    "any",
    "required",
    "optional",
    "invalid",
    "valid",
    "missing",
    "expired",
    "wrong",
    "incorrect",
    "failed",
    "fails",
    "failure",
    "error",
    "field",
    "value",
    "changed",
    "reset",
    "default",
    "filtered",
    "redacted",
    "hidden",
    "removed",
    "masked",
    "secret",
    "password",
    "token",
    "bearer",
    "basic",
    "auth",
    "enabled",
    "disabled",
    "unknown",
    "unset",
    "kerberos",
    "simple",
    "oauth",
    "oauth2",
    "login",
    "bypass",
    "yes",
    "with",
    "from",
    "this",
    "that",
    "your",
    "yourpassword",
    "here",
    "must",
    "cannot",
    "can't",
    "does",
    "should",
    "will",
    "when",
    "which",
    "after",
    "before",
    "used",
    "using",
    "same",
    "correct",
    "provided",
    "passed",
    "pass",
    "fail",
    "okay",
    "type",
    "text",
];

/// The value behind the `=` or `:` at `at`, if the name before it means a secret.
pub(super) fn value(bytes: &[u8], at: usize, care: Care) -> Found {
    let kind = name(bytes, at)?;
    // `==`, `::`, `=>` is a separator in some languages, `:=` in others.
    let second = bytes.get(at + 1).copied();
    if matches!((bytes[at], second), (b'=', Some(b'=' | b'~')) | (b':', Some(b':'))) {
        return None;
    }
    let separator = at + 1 + usize::from(matches!(second, Some(b'>' | b'=')));
    let tight = !bytes.get(separator).is_some_and(u8::is_ascii_whitespace);
    let mut start = run(bytes, separator, 16, |b| b == b' ' || b == b'\t');
    // `\"` is a quote inside a string of JSON.
    let escaped = usize::from(bytes.get(start) == Some(&b'\\'));
    let quote = bytes.get(start + escaped).copied().filter(|b| b"\"'`".contains(b));
    start += quote.map_or(0, |_| escaped + 1);
    let mut end = value_end(bytes, start, quote, VALUE);
    let scheme = bytes[start..end].to_ascii_lowercase();
    if ["bearer", "basic", "token", "digest", "apikey"].iter().any(|s| s.as_bytes() == scheme) {
        start = run(bytes, end, 4, |b| b == b' ');
        end = value_end(bytes, start, quote, VALUE);
    }
    let value = &bytes[start..end];
    let alone = quote.is_some() || (tight && bytes[at] == b'=') || ends_line(bytes, end);
    let counts = match (kind, care) {
        _ if is_placeholder(value) || is_code(bytes, end, value, quote.is_some()) => false,
        // `group:hadoop-auth:jar:3.4.0`
        _ if tight && bytes[at] == b':' && quote.is_none() && value.contains(&b':') => false,
        (Name::Weak, Care::Code) => false,
        (Name::Weak, Care::Report) => is_mixed(value, 16) && (quote.is_some() || tight),
        (Name::Strong, Care::Code) => {
            is_mixed(value, 12) && (quote.is_some() || !is_identifier(value)) && digits(value) > 1
        }
        (Name::Strong, Care::Report) => (value.len() >= 4 && alone) || (value.len() >= 6 && is_odd(value)),
    };
    counts.then(|| ("password or token", start..value_end(bytes, start, quote, LONGEST)))
}

/// The token behind the blank at `at`, if the word before it is `Bearer`.
pub(super) fn bearer(bytes: &[u8], at: usize) -> Found {
    let word = bytes[..at].len().checked_sub(6)?;
    if !bytes[word..at].eq_ignore_ascii_case(b"bearer") || (word > 0 && is_word(bytes[word - 1])) {
        return None;
    }
    let start = run(bytes, at, 4, |b| b == b' ');
    let end = run(bytes, start, LONGEST, |b| is_word(b) || b"-._~+/=".contains(&b));
    is_mixed(&bytes[start..end], 16).then_some(("bearer token", start..end))
}

#[derive(Clone, Copy)]
enum Name {
    Strong,
    Weak,
}

/// What the name before the separator at `at` means.
fn name(bytes: &[u8], at: usize) -> Option<Name> {
    let before = &bytes[at.saturating_sub(NAME)..at];
    let mut letters = [0; NAME];
    let mut first = NAME;
    // Blanks and a closing quote may stand between the name and the separator.
    let skipped = before.iter().rev().take_while(|b| b" \t\"'`\\])".contains(b)).count();
    for byte in before[..before.len() - skipped].iter().rev() {
        match byte {
            b if b.is_ascii_alphanumeric() => {
                first -= 1;
                letters[first] = b.to_ascii_lowercase();
            }
            b'_' | b'-' | b'.' => {}
            _ => break,
        }
    }
    let name = &letters[first..];
    // `pass` and `auth` are ends of other words, too: `bypass`, `compass`.
    let short = |end: &str| matches!(end, "pass" | "auth" | "pwd");
    let ends =
        |end: &&str| name.ends_with(end.as_bytes()) && (!short(end) || whole(before, skipped, end.len()));
    if NAMES.iter().any(ends) {
        return Some(Name::Strong);
    }
    // Those are the whole name.
    (bytes[at] == b'=' && WEAK.iter().any(|weak| name == weak.as_bytes())).then_some(Name::Weak)
}

/// Whether the last `length` letters of the name are a word of their own: `DB_PASS`, `dbPass`.
fn whole(before: &[u8], skipped: usize, length: usize) -> bool {
    let Some(start) = (before.len() - skipped).checked_sub(length) else { return false };
    match start.checked_sub(1).map(|last| before[last]) {
        None => true,
        Some(last) => {
            !last.is_ascii_alphabetic() || (last.is_ascii_lowercase() && before[start].is_ascii_uppercase())
        }
    }
}

fn value_end(bytes: &[u8], start: usize, quote: Option<u8>, longest: usize) -> usize {
    match quote {
        Some(quote) => run(bytes, start, longest, |b| b != quote && b != b'\n' && b != b'\\'),
        None => {
            let end =
                run(bytes, start, longest, |b| b > b' ' && b != 0x7f && !b"\"'`,;&<>)]}|\\".contains(&b));
            // The end of a sentence is none of the value.
            let last = bytes[start..end].iter().rposition(|b| !b".:!?".contains(b));
            last.map_or(start, |last| start + last + 1)
        }
    }
}

fn ends_line(bytes: &[u8], end: usize) -> bool {
    let rest = run(bytes, end, 16, |b| b == b' ' || b == b'\t' || b == b'\r' || b == b',' || b == b';');
    matches!(bytes.get(rest), None | Some(b'\n'))
}

/// Whether something else stands where a secret would be.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let word: &[u8] = lower.as_slice().trim_ascii();
    let around = matches!(value.first(), Some(b'<' | b'$' | b'%' | b'{' | b'[' | b'(' | b'*'));
    let numbers = value.len() < 8 && value.iter().all(|b| b.is_ascii_digit() || *b == b'.');
    around || numbers || distinct(value) < 3 || WORDS.iter().any(|w| w.as_bytes() == word)
}

/// Whether it is a call, a member or a template of some language and no literal.
fn is_code(bytes: &[u8], end: usize, value: &[u8], quoted: bool) -> bool {
    let has = |mark: &[u8]| value.windows(mark.len()).any(|w| w == mark);
    if quoted {
        // Prose between quotes, and templates.
        return has(b"${") || has(b"{{") || has(b"%s") || value.iter().filter(|b| **b == b' ').count() > 1;
    }
    let next = bytes.get(end).copied();
    has(b"(")
        || has(b"[")
        || has(b"{")
        || has(b"::")
        || has(b"->")
        || matches!(next, Some(b'(' | b'[' | b'<'))
        || is_member(value)
}

/// Whether it is like `self.password` or `config.auth.token`.
fn is_member(value: &[u8]) -> bool {
    value.contains(&b'.')
        && value.split(|b| *b == b'.').all(|part| {
            part.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') && is_identifier(part)
        })
}

/// Whether it reads like a name in code: words with few digits at their ends.
fn is_identifier(value: &[u8]) -> bool {
    value.iter().all(|b| is_word(*b) || *b == b'-' || *b == b'.')
        && value.split(|b| b"_-.".contains(b)).all(|part| {
            let letters = part.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let digits = &part[letters..];
            digits.len() <= 3 && digits.iter().all(u8::is_ascii_digit)
        })
}

/// Whether it is more than a word of some language: has digits, signs, or capitals inside.
fn is_odd(value: &[u8]) -> bool {
    digits(value) > 0
        || value.iter().any(|b| b"!@#$%^*+=~_".contains(b))
        || value[1..].iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase)
}

fn digits(value: &[u8]) -> usize {
    value.iter().filter(|b| b.is_ascii_digit()).count()
}
