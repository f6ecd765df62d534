//! The parsers of what vendors' servers say, for the fuzz targets.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::endpoint::Endpoint;
use super::round::Round;
use super::{cursor, headers};
use crate::fixture::now;
use crate::tests::fuzz::Target;

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

pub(crate) fn targets() -> Vec<Target> {
    vec![links(), waits(), limits(), cursors(), next_pages(), bases()]
}

fn links() -> Target {
    let corpus = [
        r#"<https://api.example/issues?page=2>; rel="next", <https://api.example/issues?page=9>; rel="last""#,
        r#"<a,b;c>;title="x, \"y\"; z";REL = next , <d>; rel=prev;flag"#,
    ];
    Target::new("link", corpus, |input| {
        let value = String::from_utf8_lossy(input);
        for link in headers::links(&value) {
            assert!(!link.url.contains('>') && value.contains(link.url.as_str()));
            let _ = link.get("cursor");
        }
    })
}

fn waits() -> Target {
    let corpus = ["17", "1.5", "Sun, 01 Mar 2026 12:00:09 GMT", "99999999999"];
    Target::new("retry-after", corpus, |input| {
        let wait = headers::retry_after(&String::from_utf8_lossy(input), now());
        assert!(wait.is_none_or(|wait| wait <= DAY));
    })
}

fn limits() -> Target {
    let corpus = [
        "x-ratelimit-remaining: 0\nx-ratelimit-reset: 47",
        "x-sentry-rate-limit-remaining: 0\nx-sentry-rate-limit-reset: 1780000090",
        "ratelimit-remaining: 0.0\nratelimit-reset: 5",
        "x-rate-limit: user-hour-lim:3500;user-hour-rem:0;",
    ];
    Target::new("rate limit", corpus, |input| {
        let mut map = HeaderMap::new();
        for line in input.split(|b| *b == b'\n') {
            let mut parts = line.splitn(2, |b| *b == b':');
            let name = HeaderName::from_bytes(parts.next().unwrap_or_default().trim_ascii());
            let value = HeaderValue::from_bytes(parts.next().unwrap_or_default().trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            }
        }
        assert!(headers::exhausted(&map, now()).is_none_or(|wait| wait <= DAY));
        let _ = headers::next_link(&map);
    })
}

fn cursors() -> Target {
    let place = Round { page: Some("x".into()), ..Round::default() };
    let corpus = [
        cursor::write("fuzz", "github/a/b", &place).unwrap(),
        "{\"v\":1,\"of\":\"github/a/b\",\"at\":{}}".into(),
    ];
    Target::new("poll cursor", corpus, |input| {
        if let Ok(place) = cursor::read::<Round>("fuzz", "github/a/b", Some(&String::from_utf8_lossy(input)))
        {
            let again = cursor::write("fuzz", "github/a/b", &place).unwrap();
            assert_eq!(cursor::read::<Round>("fuzz", "github/a/b", Some(&again)).unwrap(), place);
        }
    })
}

/// No link leads to another host, however it is written.
fn next_pages() -> Target {
    let corpus = [
        "https://host.example/v1?page=2",
        "//evil.example/v1",
        "https://user@host.example/v1",
        "https://host.example.evil.example/v1",
        "http://0x7f000001/",
        "https://[::ffff:127.0.0.1]/",
        "/v2?next=https://evil.example",
        "\\\\evil.example\\v1",
        "https:evil.example",
    ];
    Target::new("next page", corpus, |input| {
        let endpoint = Endpoint::new("fuzz", "https://host.example/v1", false).unwrap();
        if let Ok(url) = endpoint.own(&String::from_utf8_lossy(input)) {
            assert!(url.as_str().starts_with("https://host.example/"), "{url}");
            let again = Url::parse(url.as_str()).unwrap();
            assert_eq!((again.host_str(), again.port()), (Some("host.example"), None));
        }
    })
}

/// A base carries credentials over TLS or nowhere.
fn bases() -> Target {
    let corpus = [
        "https://host.example/v1/",
        "http://localhost:1",
        "http://[::1]:8080",
        "http://127.8.8.8",
        "http://10.0.0.1/",
        "https://u:p@x/",
    ];
    Target::new("base URL", corpus, |input| {
        let text = String::from_utf8_lossy(input);
        match Endpoint::new("fuzz", &text, false) {
            Ok(endpoint) => {
                let url = endpoint.at(&["a"], []);
                assert!(url.scheme() == "https" || endpoint.is_loopback(), "{url}");
                assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none());
            }
            Err(error) => assert!(text.len() < 24 || !error.to_string().contains(&*text)),
        }
    })
}
