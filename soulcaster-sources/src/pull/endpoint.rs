//! Where calls go.

use std::net::IpAddr;

use reqwest::Url;
use soulcaster_core::{Error, Result};

use super::address::is_public;

/// A checked address.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    operation: &'static str,
    base: Url,
    loopback: bool,
}

impl Endpoint {
    /// Checks `base`: https, or http on this machine alone, since calls carry credentials; no address that is not
    /// public, unless `private` ones are allowed.
    pub(super) fn new(operation: &'static str, base: &str, private: bool) -> Result<Self> {
        // The address itself is not repeated: it may hold what must not be printed.
        let refuse = |why: &str| Error::invalid(operation, format!("base_url {why}"));
        if base.is_empty() {
            return Err(refuse("is missing"));
        }
        let mut url = Url::parse(base).map_err(|e| refuse(&format!("cannot be read: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("holds credentials; pass them apart"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment; leave it out"));
        }
        let (name, address) = host_of(&url).ok_or_else(|| refuse("has no host"))?;
        // Where a name leads is seen when it is called.
        if !private && address.is_some_and(|address| !is_public(address)) {
            return Err(refuse("is not on the public network; allow_private_network lets it be called"));
        }
        let loopback =
            name == "localhost" || address.is_some_and(|address| address.to_canonical().is_loopback());
        if url.scheme() == "http" && !(loopback && private) {
            return Err(refuse("is plain http, which shows the credentials to the network; use https"));
        }
        let folder = url.path().trim_end_matches('/').to_owned();
        url.set_path(&folder);
        Ok(Self { operation, base: url, loopback })
    }

    /// The address of `path` under the base, each part of it escaped; an empty last part ends it with a
    /// slash.
    pub(super) fn at<'a>(&self, path: &[&str], query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(path);
        }
        let mut query = query.into_iter().peekable();
        if query.peek().is_some() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Checks that `link` stays on this host, and gives it.
    pub(super) fn own(&self, link: &str) -> Result<Url> {
        let refuse = |why: &str| {
            let host = host(&self.base);
            Error::invalid(self.operation, format!("{host} names a next page {why}; check the base URL"))
        };
        let url = self.base.join(link).map_err(|_| refuse("that is no address"))?;
        if url.origin() != self.base.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("on another host"));
        }
        Ok(url)
    }

    /// Whether calls stay on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// Host, and port unless it is the usual one.
pub(super) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// The value of `name` in the query of `url`.
pub(super) fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// `pairs` as a form.
pub(super) fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let Ok(mut url) = Url::parse("form:") else { return Vec::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().as_bytes().to_vec()
}

/// Checks a name that becomes part of a path: letters, digits, `_`, `-` and `.`.
pub(super) fn check_name(operation: &'static str, what: &str, name: &str) -> Result<()> {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > 255 || name.chars().all(|c| c == '.') || !name.chars().all(usual) {
        let rule = format!("{what} is 1 to 255 letters, digits, '_', '-' and '.'");
        return Err(Error::invalid(operation, rule));
    }
    Ok(())
}

/// The host as a name in lower case without a dot at its end, and as an address if it is one.
fn host_of(url: &Url) -> Option<(&str, Option<IpAddr>)> {
    let name = url.host_str()?.trim_end_matches('.');
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    (!name.is_empty()).then(|| (name, bare.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_query_are_escaped() {
        let endpoint = Endpoint::new("test", "https://Host.example:8443/v1/", false).unwrap();
        let url = endpoint.at(&["a b/c", "..", "issues", ""], [("q", "x&y=1")]);
        assert_eq!(url.as_str(), "https://host.example:8443/v1/a%20b%2Fc/issues/?q=x%26y%3D1");
        let plain = Endpoint::new("test", "https://host.example", false).unwrap().at(&["x"], []);
        assert_eq!(plain.as_str(), "https://host.example/x");
    }

    #[test]
    fn unfit_addresses_are_refused_without_being_repeated() {
        for base in [
            "",
            "host.example/v1",
            "ftp://host.example/swordfish",
            "https://swordfish@host.example",
            "https://user:swordfish@host.example",
            "https://host.example/v1?key=swordfish",
            "https://host.example/v1#swordfish",
            "http://host.example/swordfish",
            "http://10.0.0.1/swordfish",
            "http://localhost.example/swordfish",
        ] {
            let error = Endpoint::new("test", base, true).err().unwrap_or_else(|| panic!("{base} is taken"));
            assert_eq!(error.kind(), soulcaster_core::ErrorKind::Invalid);
            assert!(!format!("{error:?}").contains("swordfish"), "{error:?}");
        }
        for base in ["http://localhost:1", "http://127.8.8.8", "http://[::1]:8080"] {
            assert!(Endpoint::new("test", base, true).unwrap().is_loopback(), "{base}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_refused_in_every_form() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.1.",
            "０.０.０.０",
            "10.0.0.8",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.1.1",
            "224.0.0.1",
            "[::1]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::a00:1]",
            "[2002:a00:1::]",
            "[fe80::1]",
            "[fd00::1]",
        ] {
            let base = format!("https://{host}/api");
            let error =
                Endpoint::new("test", &base, false).err().unwrap_or_else(|| panic!("{base} is taken"));
            assert!(error.message().contains("allow_private_network"), "{base}: {error}");
            assert!(Endpoint::new("test", &base, true).is_ok(), "{base}");
        }
        assert!(Endpoint::new("test", "http://localhost:1", false).is_err());
        for host in ["api.github.com", "8.8.8.8", "[2600::1]", "localhost.example"] {
            assert!(Endpoint::new("test", &format!("https://{host}"), false).is_ok(), "{host}");
        }
    }

    #[test]
    fn links_stay_on_the_host() {
        let endpoint = Endpoint::new("test", "https://host.example/v1", false).unwrap();
        for link in ["https://host.example/other?page=2", "/v2?page=2", "https://HOST.example:443/"] {
            assert!(endpoint.own(link).is_ok(), "{link}");
        }
        for link in [
            "https://evil.example/v1?page=2",
            "//evil.example/v1",
            "http://host.example/v1?page=2",
            "https://host.example:444/v1",
            "https://user@host.example/v1",
            "https://host.example.evil.example/v1",
            "https://[",
            "data:text/plain,x",
        ] {
            assert!(endpoint.own(link).is_err(), "{link}");
        }
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(form(&[("a", "1 2"), ("b", "&=é")]), b"a=1+2&b=%26%3D%C3%A9");
    }
}
