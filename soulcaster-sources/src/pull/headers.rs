//! What answers say beside their body.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;

use super::clock::until;

/// No server's word keeps a poller waiting for longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// The text of a header.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Reads `Retry-After`: seconds, whole or not, or an HTTP date, which gives nothing to wait for once past.
pub(super) fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    let wait = match seconds(value) {
        Some(wait) => wait,
        None => until(DateTime::parse_from_rfc2822(value).ok()?.with_timezone(&Utc), now),
    };
    Some(wait.min(LONGEST_WAIT))
}

/// How long to wait as no call is left, by whichever headers the vendor has; nothing while some are left.
pub(super) fn exhausted(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    for (remaining, reset) in [
        ("x-ratelimit-remaining", "x-ratelimit-reset"),
        ("x-sentry-rate-limit-remaining", "x-sentry-rate-limit-reset"),
        ("ratelimit-remaining", "ratelimit-reset"),
    ] {
        let Some(left) = text(headers, remaining).and_then(|value| value.trim().parse::<f64>().ok()) else {
            continue;
        };
        if left < 1.0 {
            let wait = text(headers, reset).and_then(|value| reset_in(value, now));
            return Some(wait.unwrap_or(Duration::from_secs(60)));
        }
    }
    // `user-hour-lim:3500;user-hour-rem:0;` over a rolling hour: some call is free again soon.
    let rolling = text(headers, "x-rate-limit")?;
    let left = rolling.split(';').find_map(|part| part.trim().strip_prefix("user-hour-rem:"))?;
    (left.trim().parse::<f64>().ok()? < 1.0).then_some(Duration::from_secs(60))
}

/// Seconds from now, or the second since 1970.
fn reset_in(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let number = seconds(value.trim())?;
    let wait = match i64::try_from(number.as_secs()).ok()? {
        moment @ 1_000_000_000.. => until(DateTime::from_timestamp(moment, 0)?, now),
        _ => number,
    };
    Some(wait.min(LONGEST_WAIT))
}

fn seconds(value: &str) -> Option<Duration> {
    if !value.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Duration::try_from_secs_f64(value.parse().ok()?).ok()
}

/// One entry of a `Link` header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Link {
    pub(super) url: String,
    /// Names, in lower case, with their values.
    parameters: Vec<(String, String)>,
}

impl Link {
    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is(&self, relation: &str) -> bool {
        self.get("rel")
            .is_some_and(|rel| rel.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case(relation)))
    }
}

/// The entry of the `Link` headers that leads to the next page.
pub(super) fn next_link(headers: &HeaderMap) -> Option<Link> {
    let values = headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(links).find(|link| link.is("next"))
}

/// Reads a `Link` header as RFC 8288 has it. What cannot be read is left out.
pub(super) fn links(value: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find('<') {
        let Some((url, after)) = rest[start + 1..].split_once('>') else { break };
        let (parameters, after) = parameters(after);
        links.push(Link { url: url.trim().to_owned(), parameters });
        rest = after;
    }
    links
}

/// Reads `; name=value; name="value"` up to a comma outside quotes, and gives what follows that.
fn parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix(',') {
            return (found, after);
        }
        let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
        let name = rest[..end].trim().to_ascii_lowercase();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            (value, rest) = parameter_value(after.trim_start());
        }
        found.push((name, value));
    }
}

/// Reads a token, or a text in quotes with `\` before characters that stand for themselves.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value| retry_after(value, now()).map(|wait| wait.as_millis());
        assert_eq!(read("0"), Some(0));
        assert_eq!(read(" 17 "), Some(17_000));
        assert_eq!(read("1.5"), Some(1_500));
        assert_eq!(read("Sun, 01 Mar 2026 12:00:09 GMT"), Some(9_000));
        assert_eq!(read("Sun, 01 Mar 2026 11:59:00 GMT"), Some(0));
        assert_eq!(read("99999999999"), Some(86_400_000), "a day is the longest");
        for odd in ["", "-1", "soon", "inf", "nan", "+5", "1e400"] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn exhaustion_is_read_in_every_vendors_words() {
        let wait =
            |pairs: &[(&'static str, &str)]| exhausted(&headers(pairs), now()).map(|wait| wait.as_secs());
        assert_eq!(wait(&[("x-ratelimit-remaining", "12.0"), ("x-ratelimit-reset", "47")]), None);
        assert_eq!(wait(&[("x-ratelimit-remaining", "0.0"), ("x-ratelimit-reset", "47")]), Some(47));
        let reset = (now().timestamp() + 90).to_string();
        assert_eq!(wait(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)]), Some(90));
        let sentry = [("x-sentry-rate-limit-remaining", "0"), ("x-sentry-rate-limit-reset", reset.as_str())];
        assert_eq!(wait(&sentry), Some(90));
        assert_eq!(wait(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "5")]), Some(5));
        assert_eq!(wait(&[("x-rate-limit", "user-hour-lim:3500;user-hour-rem:500;")]), None);
        assert_eq!(wait(&[("x-rate-limit", "user-hour-lim:3500;user-hour-rem:0;")]), Some(60));
        assert_eq!(wait(&[("x-ratelimit-remaining", "0")]), Some(60), "no word on when");
        assert_eq!(wait(&[("x-ratelimit-remaining", "many")]), None);
    }

    #[test]
    fn links_of_vendors_are_read() {
        let sentry = concat!(
            r#"<https://sentry.io/api/0/issues/?&cursor=1:0:1>; rel="previous"; results="false"; "#,
            r#"cursor="1:0:1", <https://sentry.io/api/0/issues/?&cursor=1:100:0>; rel="next"; "#,
            r#"results="true"; cursor="1:100:0""#
        );
        let next = next_link(&headers(&[("link", sentry)])).unwrap();
        assert_eq!((next.get("results"), next.get("cursor")), (Some("true"), Some("1:100:0")));
        let github = "<https://api.github.com/repositories/1/issues?page=2>; rel=\"next\", \
                      <https://api.github.com/repositories/1/issues?page=9>; rel=\"last\"";
        assert_eq!(
            next_link(&headers(&[("link", github)])).unwrap().url,
            "https://api.github.com/repositories/1/issues?page=2"
        );
        let odd = links(r#"<a,b;c>;title="x, \"y\"; z";REL = next , <d>; rel=prev;flag, <e"#);
        assert_eq!(odd.len(), 2);
        assert_eq!(odd[0].url, "a,b;c");
        assert_eq!(odd[0].get("title"), Some(r#"x, "y"; z"#));
        assert!(odd[0].is("next") && odd[1].is("prev"));
        assert_eq!(odd[1].get("flag"), Some(""));
        assert_eq!(
            next_link(&headers(&[("link", "<a>; rel=prev"), ("link", "<b>; rel=next")])).unwrap().url,
            "b"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_link_is_read(value in ".{0,200}", near in "[<>;,=\"\\\\ a-c]{0,60}") {
            let _ = (links(&value), links(&near));
        }

        #[test]
        fn what_is_written_is_read_back(
            entries in proptest::collection::vec(("[a-z:/?&=,;.]{0,20}", "[ -~]{0,20}"), 0..5),
        ) {
            let quoted = |value: &str| value.replace('\\', r"\\").replace('"', "\\\"");
            let write = |(url, value): &(String, String)| {
                format!("<{url}>; rel=next; cursor=\"{}\"", quoted(value))
            };
            let written: Vec<String> = entries.iter().map(write).collect();
            let read = links(&written.join(", "));
            let cursor = |link: &Link| (link.url.clone(), link.get("cursor").unwrap().to_owned());
            let read: Vec<_> = read.iter().map(cursor).collect();
            proptest::prop_assert_eq!(read, entries);
        }

        #[test]
        fn any_retry_after_is_read_or_left(value in ".{0,40}", near in "[0-9eE+., :A-Za-z-]{0,32}") {
            for value in [value, near] {
                if let Some(wait) = retry_after(&value, now()) {
                    proptest::prop_assert!(wait <= LONGEST_WAIT);
                }
                let _ = reset_in(&value, now());
            }
        }

        #[test]
        fn dates_are_waited_for(ahead in 0i64..86_400) {
            let date = now() + chrono::TimeDelta::seconds(ahead);
            let wait = retry_after(&date.format("%a, %d %b %Y %H:%M:%S GMT").to_string(), now());
            proptest::prop_assert_eq!(wait, Some(Duration::from_secs(ahead.unsigned_abs())));
        }
    }
}
