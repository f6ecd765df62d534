//! Personal data in a text: addresses of e-mail and of the internet, numbers of cards and telephones.

use core::net::Ipv6Addr;
use std::ops::Range;

/// What it is, as placeholders name it, and its bytes.
pub(crate) type Personal = (&'static str, Range<usize>);

/// Finds personal data, in order, without overlap.
///
/// Left alone are addresses of the machine itself, numbers of versions, and numbers that are no number of a card by
/// their first digits, length and check digit.
pub(crate) fn personal(text: &str) -> Vec<Personal> {
    let bytes = text.as_bytes();
    let mut found: Vec<Personal> = Vec::new();
    let mut at = 0;
    let mut free = 0;
    while at < bytes.len() {
        let begins = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
        let next = match bytes[at] {
            b'@' => email(bytes, at, free).map(|range| ("email", range)),
            b'0'..=b'9' if begins => ip4(bytes, at)
                .or_else(|| ip6(text, at))
                .map(|range| ("ip", range))
                .or_else(|| card(bytes, at).map(|range| ("card", range)))
                .or_else(|| phone(bytes, at).map(|range| ("phone", range))),
            b'a'..=b'f' | b'A'..=b'F' | b':' if begins => ip6(text, at).map(|range| ("ip", range)),
            b'+' | b'(' if begins => phone(bytes, at).map(|range| ("phone", range)),
            _ => None,
        };
        match next {
            Some((kind, range)) => {
                at = range.end;
                free = at;
                found.push((kind, range));
            }
            None => at += 1,
        }
    }
    found
}

/// The address around the `@` at `at`, not before `free`.
fn email(bytes: &[u8], at: usize, free: usize) -> Option<Range<usize>> {
    /// Endings of files: `logo@2x.png`.
    const FILES: &[&str] =
        &["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "json", "html", "md"];
    let local = bytes[free.max(at.saturating_sub(64))..at].iter().rev();
    let mut start = at - local.take_while(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(b)).count();
    while start < at && !bytes[start].is_ascii_alphanumeric() {
        start += 1;
    }
    let rest = &bytes[at + 1..bytes.len().min(at + 1 + 253)];
    let mut end = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(b)).count();
    while end > 0 && !rest[end - 1].is_ascii_alphanumeric() {
        end -= 1;
    }
    let domain = &rest[..end];
    let mut labels = domain.rsplit(|b| *b == b'.');
    let last = labels.next()?;
    let is_domain = labels.next().is_some()
        && domain.split(|b| *b == b'.').all(|label| !label.is_empty() && label[0] != b'-')
        && last.len() >= 2
        && last.iter().all(u8::is_ascii_alphabetic)
        && !FILES.iter().any(|file| last.eq_ignore_ascii_case(file.as_bytes()));
    // `git@host:path` is where a repository is.
    let is_remote = &bytes[start..at] == b"git" && bytes.get(at + 1 + end) == Some(&b':');
    // `abfs://container@account`: the user of an address of another kind.
    let is_user = bytes[..start].ends_with(b"://");
    // Shorter ones would make the text grow more than twofold once there are many placeholders.
    (is_domain && !is_remote && !is_user && start < at && at + 1 + end - start >= 7)
        .then_some(start..at + 1 + end)
}

fn ip4(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let mut end = at;
    let mut parts = [0u16; 4];
    for (index, part) in parts.iter_mut().enumerate() {
        if index > 0 {
            (bytes.get(end) == Some(&b'.')).then_some(())?;
            end += 1;
        }
        let digits = bytes[end..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        let text = core::str::from_utf8(&bytes[end..end + digits]).ok()?;
        *part = text.parse().ok().filter(|part| *part < 256 && (digits == 1 || !text.starts_with('0')))?;
        end += digits;
    }
    let more = match bytes.get(end) {
        Some(b'.') => bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric),
        Some(b) => b.is_ascii_alphanumeric() || b"-_".contains(b),
        None => false,
    };
    let of_this_machine = parts[0] == 127 || parts[0] == 0 || parts == [255; 4];
    // Four small numbers are a version far more often than an address outside the private network.
    let small = parts[0] != 10 && parts.iter().all(|part| *part < 32);
    (!more && !of_this_machine && !small && !is_version(bytes, at)).then_some(at..end)
}

/// Whether what is before makes a number of a version of it: `Chrome/120.0.0.0`, `version 1.2.3.4`, `-1.2.3.4`.
fn is_version(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[at.saturating_sub(16)..at];
    match before.last() {
        Some(b'/') => before.len() > 1 && before[before.len() - 2].is_ascii_alphanumeric(),
        Some(b'-' | b'_' | b'.' | b'^' | b'~') => true,
        Some(b' ' | b':' | b'=') => {
            let words = before.trim_ascii_end().to_ascii_lowercase();
            let words = words.strip_suffix(b":").or_else(|| words.strip_suffix(b"=")).unwrap_or(&words);
            ["version", "ver", "v", "release", "build", "versions"].iter().any(|word| {
                words
                    .strip_suffix(word.as_bytes())
                    .is_some_and(|b| !b.last().is_some_and(u8::is_ascii_alphanumeric))
            })
        }
        _ => false,
    }
}

fn ip6(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let rest = &bytes[at..bytes.len().min(at + 46)];
    let mut end = rest.iter().take_while(|b| b.is_ascii_hexdigit() || b":.".contains(b)).count();
    // The end of a sentence.
    while end > 0 && (rest[end - 1] == b'.' || (rest[end - 1] == b':' && !rest[..end].ends_with(b"::"))) {
        end -= 1;
    }
    if rest[..end].iter().filter(|b| **b == b':').count() < 2
        || rest.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b':')
    {
        return None;
    }
    let address: Ipv6Addr = text.get(at..at + end)?.parse().ok()?;
    let written = &rest[..end];
    // `a::b` is a path in some languages, and `12::3` nothing at all.
    let first = written.split(|b| *b == b':').next().unwrap_or_default();
    let groups = written.split(|b| *b == b':').filter(|group| !group.is_empty()).count();
    let is_address =
        written.iter().any(u8::is_ascii_digit) && (groups > 3 || (groups > 1 && first.len() > 2));
    (is_address && !address.is_loopback() && !address.is_unspecified()).then_some(at..at + end)
}

/// 13 to 19 digits, in groups or not, that are a number of a card (ISO/IEC 7812).
fn card(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    if at > 0 && b".-_#/".contains(&bytes[at - 1]) {
        return None;
    }
    let (digits, end) = grouped(bytes, at, b" -", 19)?;
    let more = bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || b"_".contains(b));
    let beginning =
        |count: usize| digits[..count].iter().fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    let is_known = (13..=19).contains(&digits.len())
        && matches!(
            (beginning(1), beginning(2), beginning(4), digits.len()),
            (4, _, _, 13 | 16 | 19) | (_, 51..=55, _, 16) | (_, _, 2221..=2720, 16)
            | (_, 34 | 37, _, 15) | (_, 36 | 38 | 39, _, 14) | (_, _, 3000..=3059, 14)
            | (_, 62 | 65, _, 16..=19) | (_, _, 6011 | 6440..=6499 | 3528..=3589, 16..=19)
            | (_, _, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 16..=19)
        );
    (is_known && !more && luhn(&digits)).then_some(at..end)
}

/// Whether the check digit is right.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match u32::from(*digit) * (1 + index as u32 % 2) {
            double @ 10.. => double - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != digits[0])
}

/// At most `most` digits from `at`, single marks of `between` among them, and where they end.
fn grouped(bytes: &[u8], at: usize, between: &[u8], most: usize) -> Option<(Vec<u8>, usize)> {
    let mut digits = Vec::new();
    let mut end = at;
    let mut next = at;
    while let Some(byte) = bytes.get(next) {
        if byte.is_ascii_digit() {
            digits.push(byte - b'0');
            end = next + 1;
        } else if !between.contains(byte) || next != end {
            break;
        }
        if digits.len() > most {
            return None;
        }
        next += 1;
    }
    Some((digits, end))
}

/// A number of a telephone as people write it: with `+` and the country, with the area in brackets, `555-010-0123`,
/// or behind a word such as `phone`.
fn phone(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    if at > 0 && (b".-_#/=@".contains(&bytes[at - 1]) || bytes[at - 1].is_ascii_alphanumeric()) {
        return None;
    }
    let mut end = at;
    let mut digits = Vec::new();
    let mut groups = vec![0usize];
    let mut marks = Vec::new();
    let mut next = at + usize::from(bytes[at] == b'+');
    while let Some(byte) = bytes.get(next).filter(|_| next < at + 32) {
        match byte {
            b'0'..=b'9' => {
                digits.push(*byte);
                *groups.last_mut()? += 1;
                end = next + 1;
            }
            b' ' | b'-' | b'.' | b'(' | b')' if next - end.min(next) < 2 => {
                marks.push(*byte);
                if groups.last() != Some(&0) {
                    groups.push(0);
                }
            }
            _ => break,
        }
        next += 1;
    }
    groups.retain(|group| *group > 0);
    if bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || b"_/:%".contains(b)) {
        return None;
    }
    let count = digits.len();
    let plain = !marks.contains(&b'.') || groups.iter().all(|group| *group > 1);
    let counts = match bytes[at] {
        b'+' => (9..=15).contains(&count) && digits[0] != b'0' && plain && groups.len() < 8,
        b'(' => count == 10 && groups == [3, 3, 4],
        _ if is_called_phone(bytes, at) => (7..=15).contains(&count) && plain,
        // As in North America; elsewhere a zero before the area, and at least two marks.
        _ if groups == [3, 3, 4] => !marks.contains(&b' ') && digits[0] > b'1',
        b'0' => {
            (10..=11).contains(&count)
                && (3..=5).contains(&groups.len())
                && digits[1] != b'0'
                && groups[0] < 6
                && marks.iter().all(|mark| *mark == b' ')
        }
        _ => false,
    };
    counts.then_some(at..end)
}

/// Whether the word before names a telephone.
fn is_called_phone(bytes: &[u8], at: usize) -> bool {
    let before = bytes[at.saturating_sub(24)..at].to_ascii_lowercase();
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"number").unwrap_or(before).trim_ascii_end();
    let before = before.strip_suffix(b":").unwrap_or(before).trim_ascii_end();
    let before = before.strip_suffix(b"number").unwrap_or(before).trim_ascii_end();
    ["phone", "tel", "tel.", "mobile", "cell", "fax", "telephone", "whatsapp", "call me at", "call me on"]
        .iter()
        .any(|word| {
            before
                .strip_suffix(word.as_bytes())
                .is_some_and(|b| !b.last().is_some_and(u8::is_ascii_alphanumeric))
        })
}
