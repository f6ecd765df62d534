//! What holds for alerts, tickets, mail and logs: hostile, random and mutated deliveries are decoded or
//! refused, never worse.

use chrono::{DateTime, Utc};
use soulcaster_core::ErrorKind;
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Decoded, Delivery, Webhook};

use crate::alertmanager::AlertmanagerWebhook;
use crate::datadog::DatadogWebhook;
use crate::email::EmailWebhook;
pub(crate) use crate::fixture::{bytes as fixture, now};
use crate::grafana::GrafanaWebhook;
use crate::intercom::IntercomWebhook;
use crate::otlp::OtlpWebhook;
use crate::posthog::PosthogWebhook;
use crate::signature::{Auth, SecretHash};
use crate::splunk::SplunkWebhook;
use crate::zendesk::ZendeskWebhook;

pub(crate) fn at(rfc3339: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(rfc3339).unwrap().to_utc()
}

pub(crate) fn delivery(body: impl Into<Vec<u8>>) -> Delivery {
    Delivery { body: body.into(), ..Delivery::default() }
}

/// The reports of `body`, each of which can be kept and holds the bytes.
#[track_caller]
pub(crate) fn reports(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Vec<Inbound> {
    let delivery = delivery(body);
    match webhook.decode(&delivery, now()) {
        Ok(Decoded::Reports(reports)) => {
            for report in &reports {
                report.check().unwrap();
                assert_eq!(report.source, webhook.name());
                assert_eq!(report.raw_payload.as_deref(), Some(delivery.body.as_slice()));
                assert_eq!(report.auth_strength, AuthStrength::None);
            }
            reports
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn report(webhook: &dyn Webhook, body: impl Into<Vec<u8>>) -> Inbound {
    let mut reports = reports(webhook, body);
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// What a report is made of, one line each, without its bytes.
pub(crate) fn shown(report: &Inbound) -> String {
    let time = |time: Option<DateTime<Utc>>| time.map_or("-".into(), |time| time.to_rfc3339());
    let text = |text: &Option<String>| text.clone().unwrap_or("-".into());
    [
        format!("id: {}", text(&report.external_id)),
        format!("title: {}", report.title),
        format!("body: {}", report.body.replace('\n', "⏎")),
        format!("time: {} {}", time(report.occurred_at), time(report.updated_at)),
        format!("severity: {}", report.severity.map_or("-".into(), |s| format!("{s:?}"))),
        format!("tags: {}", report.tags.join(" | ")),
        format!("url: {}", text(&report.url)),
        format!("author: {}", text(&report.author)),
        format!("status: {}", report.metadata.get("status").and_then(|s| s.as_str()).unwrap_or("-")),
    ]
    .join("\n")
}

/// A header secret refuses what brings none, a wrong one or two, and marks what it lets in.
#[track_caller]
pub(crate) fn header_secret_guards(make: impl Fn(Auth) -> Box<dyn Webhook>, body: Vec<u8>) {
    let secrets = ["s3cret-new", "s3cret-old"]
        .map(|secret| SecretHash::of(&soulcaster_core::Secret::new(secret)))
        .into();
    let webhook = make(Auth::HeaderSecret { header: "X-Triage-Token".into(), secrets });
    let send = |values: &[&str]| {
        let headers = values.iter().map(|value| ("x-triage-token".to_owned(), (*value).to_owned())).collect();
        webhook.decode(&Delivery { headers, body: body.clone(), ..Delivery::default() }, now())
    };
    for good in ["s3cret-new", "s3cret-old"] {
        let Ok(Decoded::Reports(reports)) = send(&[good]) else { panic!("{good} was refused") };
        assert!(reports.iter().all(|report| report.auth_strength == AuthStrength::SharedSecret));
    }
    for bad in [&[][..], &[""], &["s3cret"], &["s3cret-new", "s3cret-old"]] {
        let error = send(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.message().starts_with("X-Triage-Token ") && !error.message().contains("s3cret"));
    }
}

fn all(auth: &Auth) -> Vec<Box<dyn Webhook>> {
    let auth = || auth.clone();
    vec![
        Box::new(AlertmanagerWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(DatadogWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(EmailWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(GrafanaWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(IntercomWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(OtlpWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(PosthogWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(SplunkWebhook::new(auth(), Default::default()).unwrap()),
        Box::new(ZendeskWebhook::new(auth(), Default::default()).unwrap()),
    ]
}

/// Every fixture in the folder of a vendor.
fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let path = format!("{}/fixtures/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(path).unwrap().map(|file| file.unwrap().path());
    let data = files.filter(|path| path.extension().is_some_and(|end| end != "md"));
    data.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

/// Decoded or refused for a reason that tells nothing of the body; what is kept can be kept.
#[track_caller]
fn behaves(webhook: &dyn Webhook, delivery: &Delivery) {
    let once = webhook.decode(delivery, now());
    match &once {
        Ok(Decoded::Reports(reports)) => {
            assert!(!reports.is_empty());
            for report in reports {
                report.check().unwrap();
                assert!(report.url.as_deref().is_none_or(|url| url.to_ascii_lowercase().starts_with("http")));
                assert!(!report.title.contains(['\n', '\r', '\u{0}', '\u{1b}']));
            }
        }
        Ok(_) => {}
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge), "{error}");
            assert!(error.message().len() < 200, "{error}");
        }
    }
    assert_eq!(format!("{once:?}"), format!("{:?}", webhook.decode(delivery, now())));
}

#[test]
fn every_fixture_gives_reports_or_a_reason() {
    for webhook in all(&Auth::AllowUnsigned) {
        let files = files(webhook.name());
        assert!(files.len() > 1, "{}", webhook.name());
        for (path, body) in files {
            let decoded = webhook.decode(&delivery(body), now());
            assert!(decoded.is_ok(), "{path}: {decoded:?}");
        }
    }
}

#[test]
fn hostile_deliveries_are_decoded_or_refused() {
    let mut bodies: Vec<Vec<u8>> = files("adversarial").into_iter().map(|(_, body)| body).collect();
    let vast = format!(r#"{{"alerts":[{}{{}}]}}"#, "{},".repeat(20_000));
    for body in ["", " ", "null", "[]", "{}", "0", "\"a\"", "{\"a\":", "\u{feff}{}", "\0", "<a>", &vast] {
        bodies.push(body.as_bytes().to_vec());
    }
    bodies.push(b"[".repeat(100_000));
    bodies.push(b"{\"a\":".repeat(100_000));
    bodies.push(vec![0xff; 1000]);
    bodies.push(
        br#"{"title":"\ud800","alerts":[{"labels":{"alertname":"\udfff"}}],"text":"a\u0000b"}"#.to_vec(),
    );
    for webhook in all(&Auth::AllowUnsigned) {
        for body in &bodies {
            behaves(webhook.as_ref(), &delivery(body.clone()));
        }
    }
}

#[test]
fn a_disabled_source_keeps_nothing() {
    macro_rules! off {
        ($vendor:ident, $file:literal) => {
            let settings = serde_json::from_str(r#"{"enabled":false}"#).unwrap();
            let webhook = $vendor::new(Auth::AllowUnsigned, settings).unwrap();
            let decoded = webhook.decode(&delivery(fixture($file)), now()).unwrap();
            assert_eq!(decoded, crate::payload::filtered("enabled"), $file);
        };
    }
    off!(AlertmanagerWebhook, "alertmanager/zulip.two-alerts.json");
    off!(DatadogWebhook, "datadog/keep.high_cpu_usage.json");
    off!(EmailWebhook, "email/html_only.eml");
    off!(GrafanaWebhook, "grafana/v11.values.json");
    off!(IntercomWebhook, "intercom/ticket.created.json");
    off!(OtlpWebhook, "otlp/error.json");
    off!(PosthogWebhook, "posthog/action.json");
    off!(SplunkWebhook, "splunk/missing_raw.json");
    off!(ZendeskWebhook, "zendesk/ticket.created.json");
}

#[test]
fn a_missing_secret_refuses_to_start() {
    let none = || Auth::HeaderSecret { header: "Authorization".into(), secrets: vec![] };
    assert!(AlertmanagerWebhook::new(none(), Default::default()).is_err());
    assert!(GrafanaWebhook::new(none(), Default::default()).is_err());
    assert!(SplunkWebhook::new(none(), Default::default()).is_err());
    assert!(SplunkWebhook::new(Auth::PathToken { secrets: vec![] }, Default::default()).is_err());
    let signed = || Auth::Signed { secrets: vec![soulcaster_core::Secret::new("s")] };
    assert!(ZendeskWebhook::new(Auth::Signed { secrets: vec![] }, Default::default()).is_err());
    for error in [
        DatadogWebhook::new(signed(), Default::default()).unwrap_err(),
        EmailWebhook::new(signed(), Default::default()).unwrap_err(),
        OtlpWebhook::new(signed(), Default::default()).unwrap_err(),
        PosthogWebhook::new(signed(), Default::default()).unwrap_err(),
    ] {
        assert!(error.message().contains("not signed; use a header secret"), "{error}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_are_decoded_or_refused(
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..300),
        kind in proptest::sample::select(vec!["application/json", "application/x-protobuf", "application/x-www-form-urlencoded", "message/rfc822"]),
    ) {
        for webhook in all(&Auth::AllowUnsigned) {
            let headers = vec![("content-type".to_owned(), kind.to_owned())];
            behaves(webhook.as_ref(), &Delivery { headers, body: body.clone(), ..Delivery::default() });
        }
    }

    #[test]
    fn mutated_fixtures_are_decoded_or_refused(
        pick in proptest::num::usize::ANY,
        cuts in proptest::collection::vec((proptest::num::usize::ANY, 0usize..40, proptest::sample::select(vec![
            "", "\"", "{", "}", "[", "]", "null", "1e999", "-1", "99999999999999999999", "\\ud800", "\"\"", "\u{202e}", "\u{0}", "<p>",
            "{\"a\":1}", "[1]", "true", ",", "9999-12-31T23:59:59Z", "\r\n", "=?utf-8?Q?=FF?=", "%%%", "$ID",
        ])), 1..6),
    ) {
        let webhooks = all(&Auth::AllowUnsigned);
        let webhook = &webhooks[pick % webhooks.len()];
        let files = files(webhook.name());
        let mut body = files[(pick / webhooks.len()) % files.len()].1.clone();
        for (place, length, with) in cuts {
            let start = place % (body.len() + 1);
            let end = (start + length).min(body.len());
            body.splice(start..end, with.bytes());
        }
        behaves(webhook.as_ref(), &delivery(body));
    }
}

/// The published deliveries of `provider`: secret, delivery, and the time at which it was signed.
pub(crate) fn vectors(provider: &str) -> Vec<(String, Delivery, Option<DateTime<Utc>>)> {
    let vectors: serde_json::Value = serde_json::from_slice(&fixture("signature-vectors.json")).unwrap();
    let all = vectors["vectors"].as_array().unwrap().iter();
    let own = all.filter(|vector| vector["provider"] == provider).map(|vector| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let headers = vector["headers"].as_object().unwrap().iter();
        let headers = headers.map(|(name, value)| (name.clone(), text(value))).collect();
        let signed = vector["timestamp"].as_i64().map(|at| DateTime::from_timestamp(at, 0).unwrap());
        (text(&vector["secret"]), Delivery { headers, ..delivery(text(&vector["body"])) }, signed)
    });
    own.collect()
}

/// Every mutation of a signed delivery that has to be refused, with what was done to it.
fn mutations(delivery: &Delivery, signature: &str) -> Vec<(&'static str, Delivery)> {
    let with = |change: &dyn Fn(&str) -> String| {
        let headers = delivery.headers.iter().map(|(name, value)| {
            let changed = name.eq_ignore_ascii_case(signature);
            (name.clone(), if changed { change(value) } else { value.clone() })
        });
        Delivery { headers: headers.collect(), ..delivery.clone() }
    };
    let body = |body: Vec<u8>| Delivery { body, ..delivery.clone() };
    let mut flipped = delivery.body.clone();
    flipped[delivery.body.len() / 2] ^= 1;
    let json: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    let mut twice = delivery.clone();
    twice.headers.push((signature.to_owned(), "00".into()));
    let mut without = delivery.clone();
    without.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(signature));
    vec![
        ("a bit of the body", body(flipped)),
        ("another layout of the JSON", body(serde_json::to_vec_pretty(&json).unwrap())),
        ("a byte short", with(&|value| value[..value.len() - 1].to_owned())),
        ("upper case", with(&str::to_uppercase)),
        ("empty", with(&|_| String::new())),
        ("twice", twice),
        ("absent", without),
        ("another algorithm", with(&|value| format!("sha1={}", value.trim_start_matches("sha1=")))),
        (
            "a prefix of another scheme",
            with(&|value| format!("sha256={}", value.trim_start_matches("sha1="))),
        ),
    ]
}

/// Accepts the delivery as signed, under either of two secrets, and refuses every mutation of it.
#[track_caller]
pub(crate) fn signature_guards(
    make: impl Fn(Auth) -> Box<dyn Webhook>,
    (secret, delivery, signed): (String, Delivery, Option<DateTime<Utc>>),
    signature: &str,
    timestamp: Option<&str>,
) {
    let secrets = |values: &[&str]| Auth::Signed {
        secrets: values.iter().map(|value| soulcaster_core::Secret::new(*value)).collect(),
    };
    let at = signed.unwrap_or_else(now);
    for active in [&[secret.as_str()][..], &["other", &secret], &[&secret, "other"]] {
        let decoded = make(secrets(active)).decode(&delivery, at);
        assert!(decoded.is_ok(), "{decoded:?}");
    }
    let refused = |webhook: &dyn Webhook, delivery: &Delivery, at: DateTime<Utc>, what: &str| {
        let error = webhook.decode(delivery, at).expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{what}");
        assert!(!error.message().contains(secret.as_str()), "{what}");
        error
    };
    refused(make(secrets(&["other"])).as_ref(), &delivery, at, "another secret");
    let webhook = make(secrets(&[&secret]));
    for (what, mutated) in mutations(&delivery, signature) {
        if what == "another algorithm" && delivery.header(signature).unwrap().starts_with("sha1=") {
            continue;
        }
        let error = refused(webhook.as_ref(), &mutated, at, what);
        assert!(error.message().starts_with(signature), "{what}: {error}");
    }
    let Some(timestamp) = timestamp else { return };
    for seconds in [-301, 301] {
        let at = at + chrono::TimeDelta::seconds(seconds);
        refused(webhook.as_ref(), &delivery, at, "a stale timestamp");
    }
    for seconds in [-299, 299] {
        assert!(webhook.decode(&delivery, at + chrono::TimeDelta::seconds(seconds)).is_ok());
    }
    for bad in ["soon", "-1", "99999999999999999999", "1e9", "\u{661}"] {
        let mut mutated = delivery.clone();
        mutated
            .headers
            .iter_mut()
            .filter(|(name, _)| name == timestamp)
            .for_each(|(_, value)| *value = bad.into());
        let error = webhook.decode(&mutated, at).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
    }
    let mut without = delivery.clone();
    without.headers.retain(|(name, _)| name != timestamp);
    refused(webhook.as_ref(), &without, at, "no timestamp");
}
