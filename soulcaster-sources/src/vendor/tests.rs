//! Settings as JSON.

use serde_json::json;
use soulcaster_core::ErrorKind;

use super::*;

fn with(vendor: &str, settings: Value) -> Result<Box<dyn Webhook>> {
    let Value::Object(settings) = settings else { panic!("no object") };
    configured(vendor, Auth::AllowUnsigned, &settings)
}

#[track_caller]
fn refused(vendor: &str, settings: Value) -> String {
    let error = with(vendor, settings).err().unwrap();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Invalid, "webhook.check"));
    error.message().to_owned()
}

#[test]
fn every_vendor_takes_its_settings_and_names_them_when_one_is_unknown() {
    let settings = [
        ("alertmanager", json!({})),
        ("datadog", json!({"monitors": ["*"]})),
        ("discord", json!({"channels": ["1"], "bots": false, "tolerance_seconds": 60})),
        ("email", json!({})),
        ("generic", json!({"name": "forms", "mapping": {"title": "/what"}})),
        ("github", json!({"repositories": ["a/b"], "severities": {"bug": "high"}})),
        ("grafana", json!({"signature_header": "X-S", "timestamp_header": "X-T", "tolerance_seconds": 60})),
        ("intercom", json!({})),
        ("manual", json!({})),
        ("otlp", json!({"min_severity": 17})),
        ("pagerduty", json!({})),
        ("posthog", json!({"event_types": null})),
        ("sentry", json!({"environments": [], "levels": ["error"]})),
        ("slack", json!({"channels": [], "bots": true, "tolerance_seconds": 300})),
        ("splunk", json!({"searches": []})),
        ("standard_webhooks", json!({"name": "svix", "mapping": {}, "tolerance_seconds": 300})),
        ("zendesk", json!({"base_url": "https://acme.zendesk.com", "tolerance_seconds": 300})),
    ];
    assert_eq!(settings.each_ref().map(|(vendor, _)| *vendor), VENDORS);
    for (vendor, settings) in settings {
        let mut names: Vec<String> = settings.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert!(with(vendor, settings).is_ok(), "{vendor}");
        let there_are = if names.is_empty() {
            "there are none".into()
        } else {
            format!("there are {}", names.join(", "))
        };
        assert_eq!(
            refused(vendor, json!({"enabled": true})),
            format!("{vendor}: no setting \"enabled\"; {there_are}")
        );
    }
}

#[test]
fn a_wrong_value_is_refused_with_vendor_setting_and_what_it_may_be() {
    for (vendor, settings, message) in [
        (
            "sentry",
            json!({"levels": "error"}),
            "sentry: levels: invalid type: string \"error\", expected a sequence",
        ),
        (
            "splunk",
            json!({"searches": [7]}),
            "splunk: searches: invalid type: integer `7`, expected a string",
        ),
        (
            "slack",
            json!({"channels": ["C"], "bots": 1}),
            "slack: bots: invalid type: integer `1`, expected a boolean",
        ),
        (
            "github",
            json!({"severities": {"bug": "awful"}}),
            "github: severities: unknown variant `awful`, expected one of `info`, `low`, `medium`, `high`, `critical`",
        ),
        (
            "datadog",
            json!({"monitors": ["a", " "]}),
            "datadog: monitors holds a blank name; give names, or leave it out",
        ),
        (
            "posthog",
            json!({"event_types": [""]}),
            "posthog: event_types holds a blank name; give names, or leave it out",
        ),
        (
            "github",
            json!({"repositories": ["a"]}),
            "github: repositories holds an entry that is not owner/name",
        ),
        ("otlp", json!({"min_severity": 25}), "otlp: min_severity must be 1 to 24, not 25"),
        ("zendesk", json!({"base_url": "acme"}), "zendesk: base_url is not a web address"),
        ("zendesk", json!({"tolerance_seconds": 3601}), "zendesk: tolerance_seconds must be 1 to 3600"),
        (
            "standard_webhooks",
            json!({"tolerance_seconds": 0}),
            "standard_webhooks: tolerance_seconds must be 1 to 3600",
        ),
        ("grafana", json!({"signature_header": "a: b"}), "grafana: \"a: b\" is not a header name"),
        (
            "generic",
            json!({"name": " "}),
            "name of the source must be 1 to 128 bytes without control characters",
        ),
        ("generic", json!({"mapping": {"title": "what"}}), "generic: title: \"what\" must begin with /"),
    ] {
        assert_eq!(refused(vendor, settings), message);
    }
    let message = refused("generic", json!({"mapping": {"titel": "/x"}}));
    assert!(
        message.starts_with("generic: mapping: unknown field `titel`, expected one of `items`"),
        "{message}"
    );
}

#[test]
fn a_mapping_keeps_the_defaults_of_what_it_leaves_out() {
    let source =
        with("standard_webhooks", json!({"name": "svix", "mapping": {"title": "/data/what"}})).unwrap();
    let body = r#"{"type": "t", "timestamp": "2024-06-01T12:00:00Z", "data": {"what": "Slow", "id": "1"}}"#;
    let report = crate::fixture::report(source.as_ref(), body);
    assert_eq!((report.source.as_str(), report.title.as_str()), ("svix", "Slow"));
    assert_eq!((report.external_id.as_deref(), &report.metadata["event_type"]), (Some("1"), &json!("t")));
}

#[test]
fn a_vendor_that_signs_nothing_takes_no_signing_secret() {
    let signed = || Auth::Signed { secrets: vec![soulcaster_core::Secret::new("s")] };
    for vendor in ["alertmanager", "datadog", "email", "otlp", "posthog"] {
        let error = webhook(vendor, signed()).err().unwrap();
        assert_eq!(error.message(), format!("{vendor}: deliveries are not signed; use a header secret"));
    }
    for vendor in VENDORS {
        for auth in [
            Auth::Signed { secrets: vec![] },
            Auth::HeaderSecret { header: "Authorization".into(), secrets: vec![] },
            Auth::PathToken { secrets: vec![] },
        ] {
            assert_eq!(webhook(vendor, auth).err().unwrap().kind(), ErrorKind::Invalid, "{vendor}");
        }
    }
}
