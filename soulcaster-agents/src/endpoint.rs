//! Where requests go.

use std::net::IpAddr;

use reqwest::Url;
use soulcaster_core::{Error, Result};

/// A checked address. Neither credentials nor a query can be in it, so it may be printed.
pub(crate) struct Endpoint {
    url: Url,
    base: String,
    host: String,
    loopback: bool,
}

impl Endpoint {
    /// Puts `path` behind `base`. `keyed` says that requests carry a key, which plain http may take to this
    /// machine alone.
    pub(crate) fn new(operation: &'static str, base: &str, path: &str, keyed: bool) -> Result<Self> {
        // The address itself is not repeated: it may hold what must not be printed.
        let refuse = |why: &str| Error::invalid(operation, format!("base URL {why}"));
        let mut url = Url::parse(base).map_err(|e| refuse(&format!("cannot be read: {e}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("holds credentials; pass the key apart"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has a query or a fragment; leave it out"));
        }
        let name = url.host_str().ok_or_else(|| refuse("has no host"))?;
        let loopback = is_loopback(name);
        if keyed && url.scheme() == "http" && !loopback {
            return Err(refuse("is plain http, which shows the key to the network; use https"));
        }
        let host = url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let folder = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{folder}/{path}"));
        Ok(Self { url, base: format!("{host}{folder}"), host, loopback })
    }

    /// The whole address.
    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Host, port unless it is the usual one, and the path of the base URL.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Host, and port unless it is the usual one.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether requests stay on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(base: &str, keyed: bool) -> Result<Endpoint> {
        Endpoint::new("test", base, "embeddings", keyed)
    }

    #[test]
    fn path_goes_behind_the_base() {
        for base in ["https://Host.example:8443/v1", "https://host.example:8443/v1/"] {
            let endpoint = endpoint(base, true).unwrap();
            assert_eq!(endpoint.url().as_str(), "https://host.example:8443/v1/embeddings");
            assert_eq!((endpoint.base(), endpoint.host()), ("host.example:8443/v1", "host.example:8443"));
        }
        assert_eq!(endpoint("https://host.example", true).unwrap().url().path(), "/embeddings");
    }

    #[test]
    fn unfit_addresses_are_refused_without_being_repeated() {
        for base in [
            "",
            "host.example/v1",
            "ftp://host.example/swordfish",
            "file:///swordfish",
            "https://swordfish@host.example",
            "https://user:swordfish@host.example",
            "https://host.example/v1?key=swordfish",
            "https://host.example/v1#swordfish",
        ] {
            let error = endpoint(base, false).err().unwrap_or_else(|| panic!("{base} is taken"));
            assert_eq!(error.kind(), soulcaster_core::ErrorKind::Invalid);
            assert!(!format!("{error:?}").contains("swordfish"), "{error:?}");
        }
    }

    #[test]
    fn plain_http_carries_a_key_to_this_machine_alone() {
        for base in ["http://localhost:1", "http://127.0.0.1", "http://127.8.8.8", "http://[::1]:8080"] {
            assert!(endpoint(base, true).unwrap().is_loopback(), "{base}");
        }
        for base in
            ["http://host.example", "http://10.0.0.1", "http://[2001:db8::1]", "http://localhost.example"]
        {
            assert!(endpoint(base, true).is_err(), "{base}");
            assert!(!endpoint(base, false).unwrap().is_loopback(), "{base}");
        }
    }
}
