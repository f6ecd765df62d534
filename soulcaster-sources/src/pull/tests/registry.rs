//! Pollers from JSON.

use serde_json::{Map, Value, json};
use soulcaster_core::{ErrorKind, Secret};

use super::{KEY, key};
use crate::pull::jwt::tests::{ecdsa_pem, rsa_pem};
use crate::pull::{VENDORS, source};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// The least that a vendor needs.
fn least(vendor: &str) -> (Map<String, Value>, Vec<Secret>) {
    let account = json!({"client_email": "a@b.example", "private_key": rsa_pem().expose()}).to_string();
    let (settings, secrets) = match vendor {
        "app_store" => (json!({"apps": ["1"], "issuer": "i", "key_id": "k"}), vec![ecdsa_pem()]),
        "datadog" => (json!({}), vec![key(), key()]),
        "github" => (json!({"repositories": ["a/b"]}), vec![]),
        "google_play" => (json!({"packages": ["a.b"]}), vec![Secret::new(account)]),
        "intercom" => (json!({}), vec![key()]),
        "posthog" => (json!({"projects": ["7"]}), vec![key()]),
        "reddit" => (json!({"subreddits": ["rust"], "client_id": "c", "user_agent": "a"}), vec![key()]),
        "sentry" => (json!({"organization": "acme"}), vec![key()]),
        "zendesk" => (json!({"connection": {"base_url": "https://acme.zendesk.com"}}), vec![key()]),
        other => panic!("{other}"),
    };
    (map(settings), secrets)
}

fn refusal(vendor: &str, settings: &Map<String, Value>, secrets: &[Secret]) -> String {
    let error = source(vendor, settings, secrets).err().unwrap_or_else(|| panic!("{vendor}: {settings:?}"));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{vendor}: {error}");
    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    error.message().to_owned()
}

#[test]
fn every_vendor_needs_no_more_than_it_says() {
    for vendor in VENDORS {
        let (settings, secrets) = least(vendor);
        assert_eq!(source(vendor, &settings, &secrets).unwrap().name(), vendor);
        for name in settings.keys() {
            let mut less = settings.clone();
            less.remove(name);
            let told = refusal(vendor, &less, &secrets);
            let named = if name == "connection" { "base_url" } else { name.as_str() };
            assert!(told.contains(named), "{vendor}: {told}");
        }
        let many = vec![key(); 3];
        assert!(refusal(vendor, &settings, &many).contains("secret"), "{vendor}");
        assert_eq!(source(vendor, &settings, &[]).is_ok(), vendor == "github", "{vendor}");
    }
    let error = source("fax", &Map::new(), &[]).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains("app_store, datadog"), "{error}");
}

#[test]
fn unknown_settings_are_named_with_those_there_are() {
    for vendor in VENDORS {
        let (mut settings, secrets) = least(vendor);
        settings.insert("colour".into(), "red".into());
        let told = refusal(vendor, &settings, &secrets);
        assert!(told.contains("no setting \"colour\"") && told.contains("connection"), "{vendor}: {told}");
        settings.remove("colour");
        settings.insert("connection".into(), json!({"base_uri": "x"}));
        assert!(refusal(vendor, &settings, &secrets).contains("base_url"), "{vendor}");
        settings.insert("connection".into(), json!({"base_url": "https://169.254.169.254/latest"}));
        assert!(refusal(vendor, &settings, &secrets).contains("allow_private_network"), "{vendor}");
    }
}

#[test]
fn settings_take_the_place_of_defaults_one_by_one() {
    let take = |vendor: &str, more: Value| {
        let (mut settings, secrets) = least(vendor);
        settings.extend(map(more));
        source(vendor, &settings, &secrets).map(|_| ()).map_err(|error| error.message().to_owned())
    };
    take("reddit", json!({"sorts": ["new", "comments"], "pages": 3, "connection": {"calls": 60}})).unwrap();
    take("github", json!({"severities": {"sev/one": "critical"}, "connection": {"overlap_seconds": 0}}))
        .unwrap();
    take(
        "sentry",
        json!({"projects": [7], "levels": ["error"], "connection": {"base_url": "https://de.sentry.io"}}),
    )
    .unwrap();
    take("posthog", json!({"events": null, "history_days": 1})).unwrap();
    take("datadog", json!({"monitors": ["*"], "query": "source:my_apps"})).unwrap();
    take("zendesk", json!({"email": "me@acme.example"})).unwrap();
    for (vendor, more, named) in [
        ("reddit", json!({"sorts": ["best"]}), "sorts"),
        ("reddit", json!({"sorts": []}), "sorts"),
        ("reddit", json!({"pages": 0}), "pages"),
        ("reddit", json!({"subreddits": [" ", "r/"]}), "subreddits"),
        ("reddit", json!({"subreddits": ["a/b"]}), "subreddits"),
        ("reddit", json!({"login_url": "http://10.0.0.1"}), "allow_private_network"),
        ("github", json!({"repositories": "a/b"}), "repositories"),
        ("github", json!({"severities": {"x": "awful"}}), "severities"),
        ("sentry", json!({"projects": ["front-end"]}), "projects"),
        ("datadog", json!({"history_days": -1}), "history_days"),
        ("posthog", json!({"connection": {"calls": 0}}), "calls"),
        ("intercom", json!({"connection": {"timeout_seconds": 0}}), "timeout_seconds"),
    ] {
        let told = take(vendor, more.clone()).unwrap_err();
        assert!(told.contains(named), "{more}: {told}");
    }
}
