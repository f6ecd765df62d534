//! What holds for every webhook: published signatures, hostile payloads, any bytes.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use serde_json::Value;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Decoded, Delivery, Webhook};
use soulcaster_core::{Error, ErrorKind, Result, Secret};

use crate::discord::{DiscordSettings, DiscordWebhook};
use crate::fixture::{bytes, files, now};
use crate::generic::{GenericWebhook, Mapping};
use crate::github::{GithubSettings, GithubWebhook};
use crate::manual::ManualWebhook;
use crate::pagerduty::PagerdutyWebhook;
use crate::sentry::{SentrySettings, SentryWebhook};
use crate::signature::Auth;
use crate::slack::{SlackSettings, SlackWebhook};
use crate::standard_webhooks::StandardWebhook;

fn webhook(vendor: &str, auth: Auth) -> Option<Box<dyn Webhook>> {
    Some(match vendor {
        "github" => Box::new(GithubWebhook::new(auth, GithubSettings::default()).unwrap()),
        "sentry" => Box::new(SentryWebhook::new(auth, SentrySettings::default()).unwrap()),
        "slack" => Box::new(SlackWebhook::new(auth, SlackSettings::default()).unwrap()),
        "discord" => Box::new(DiscordWebhook::new(auth, DiscordSettings::default()).unwrap()),
        "pagerduty" => Box::new(PagerdutyWebhook::new(auth).unwrap()),
        "generic" => Box::new(GenericWebhook::new("generic", auth, Mapping::default()).unwrap()),
        "manual" => Box::new(ManualWebhook::new(auth).unwrap()),
        "standard-webhooks" => {
            Box::new(StandardWebhook::new("svix", auth, StandardWebhook::default_mapping()).unwrap())
        }
        _ => return None,
    })
}

const VENDORS: [&str; 8] =
    ["github", "sentry", "slack", "discord", "pagerduty", "generic", "manual", "standard-webhooks"];

/// One published or computed signature.
struct Vector {
    vendor: String,
    secret: String,
    body: Vec<u8>,
    headers: Vec<(String, String)>,
    time: Option<i64>,
}

impl Vector {
    fn all() -> Vec<Self> {
        let file: Value = serde_json::from_slice(&bytes("signature-vectors.json")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let vectors = file["vectors"].as_array().unwrap().iter().map(|vector| {
            let body = text(&vector["body"]);
            Self {
                vendor: text(&vector["provider"]),
                secret: text(&vector["secret"]),
                body: body.strip_prefix("@file:").map_or_else(|| body.clone().into_bytes(), bytes),
                headers: vector["headers"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(n, v)| (n.clone(), text(v)))
                    .collect(),
                time: vector["timestamp"].as_i64(),
            }
        });
        vectors.filter(|vector| VENDORS.contains(&vector.vendor.as_str())).collect()
    }

    /// The time it is sent at; now where it carries none that is signed.
    fn now(&self) -> DateTime<Utc> {
        self.time.map_or_else(now, |time| DateTime::from_timestamp(time, 0).unwrap())
    }

    fn signature(&self) -> usize {
        let named = |(name, _): &(String, String)| name.to_ascii_lowercase().contains("signature");
        let named = |header: &(String, String)| named(header) && !header.0.contains("Timestamp");
        self.headers.iter().position(named).unwrap()
    }

    fn timestamp(&self) -> Option<usize> {
        self.time?;
        self.headers.iter().position(|(name, _)| name.to_ascii_lowercase().contains("timestamp"))
    }

    fn answer(&self, secrets: &[&str], now: DateTime<Utc>) -> Result<Decoded> {
        let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        let webhook = webhook(&self.vendor, Auth::Signed { secrets }).unwrap();
        let delivery =
            Delivery { headers: self.headers.clone(), path: String::new(), body: self.body.clone() };
        webhook.decode(&delivery, now)
    }

    /// Verified, whatever the body then is.
    fn accepted(&self) -> bool {
        self.accepts(&[&self.secret])
    }

    fn accepts(&self, secrets: &[&str]) -> bool {
        match self.answer(secrets, self.now()) {
            Ok(Decoded::Reports(reports)) => {
                reports.iter().all(|item| item.auth_strength == AuthStrength::Signed)
            }
            Ok(_) => true,
            Err(error) => error.operation() == "webhook.read",
        }
    }

    /// The refusal, after a change.
    fn refusal(mut self, change: impl FnOnce(&mut Self)) -> Error {
        let now = self.now();
        change(&mut self);
        let error = self.answer(&[&self.secret], now).unwrap_err();
        assert_eq!(error.operation(), "webhook.verify", "{}", self.vendor);
        assert!(!error.to_string().contains(&self.secret));
        error
    }
}

/// Another secret of the same form.
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn every_vector_is_accepted_with_either_of_two_secrets() {
    let vectors = Vector::all();
    assert_eq!(vectors.len(), 6);
    for vector in &vectors {
        assert!(vector.accepted(), "{}", vector.vendor);
        assert!(vector.accepts(&[OTHER, &vector.secret]), "{}", vector.vendor);
        assert!(vector.accepts(&[&vector.secret, OTHER]), "{}", vector.vendor);
    }
}

#[test]
fn every_mutation_of_every_vector_is_refused() {
    type Change = (&'static str, fn(&mut Vector));
    let changes: [Change; 8] = [
        ("a bit of the body", |v| match v.body.first_mut() {
            Some(byte) => *byte ^= 1,
            None => v.body.push(b' '),
        }),
        ("no last byte", |v| {
            let at = v.signature();
            let value = &mut v.headers[at].1;
            value.truncate(value.len() - 2);
        }),
        ("upper case", |v| {
            let at = v.signature();
            let value = v.headers[at].1.clone();
            let prefix = value.rfind(['=', ',']).filter(|at| at + 1 < value.len()).map_or(0, |at| at + 1);
            v.headers[at].1 = format!("{}{}", &value[..prefix], value[prefix..].to_uppercase());
        }),
        ("an empty signature", |v| {
            let at = v.signature();
            v.headers[at].1.clear();
        }),
        ("two signature headers", |v| {
            let (name, value) = v.headers[v.signature()].clone();
            v.headers.push((name, value.replace(['0', 'A'], "1")));
        }),
        ("other white space", |v| v.body.extend(b" \n")),
        ("the secret of another project", |v| v.secret = OTHER.into()),
        ("another algorithm", |v| {
            let at = v.signature();
            let value = v.headers[at].1.clone();
            let bare = value.rsplit(['=', ',']).find(|part| part.len() > 20).unwrap_or(&value).to_owned();
            v.headers[at].1 = format!("sha1={bare}");
        }),
    ];
    for (what, change) in changes {
        for vector in Vector::all() {
            let vendor = vector.vendor.clone();
            let error = vector.refusal(change);
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{vendor}: {what}: {error}");
        }
    }
}

#[test]
fn timestamps_out_of_the_window_or_out_of_form_are_refused() {
    let timed = || Vector::all().into_iter().filter(|vector| vector.time.is_some());
    assert_eq!(timed().count(), 2);
    for vector in timed() {
        for (away, accepted) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let answer = vector.answer(&[&vector.secret], vector.now() + TimeDelta::seconds(away));
            let verified = answer.is_ok() || answer.as_ref().unwrap_err().operation() == "webhook.read";
            assert_eq!(verified, accepted, "{} {away}", vector.vendor);
            if let Err(error) = answer {
                assert_eq!(error.kind(), ErrorKind::Unauthorized);
            }
        }
    }
    for text in ["soon", "1.5", "-1531420618", "99999999999999999999", "0x5b4f", "1531420618\u{0661}"] {
        for vector in timed() {
            let error = vector.refusal(|vector| {
                let at = vector.timestamp().unwrap();
                vector.headers[at].1 = text.into();
            });
            assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        }
    }
}

#[test]
fn without_its_headers_a_signed_delivery_is_unauthorized_and_not_parsed() {
    for vector in Vector::all() {
        let error = vector.refusal(|vector| {
            vector.headers.clear();
            vector.body = b"{ not json".to_vec();
        });
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.message().ends_with("is missing"), "{error}");
    }
}

#[test]
fn hostile_payloads_decode_or_are_refused_typed() {
    let files = files("adversarial");
    assert_eq!(files.len(), 16);
    for vendor in VENDORS {
        let webhook = webhook(vendor, Auth::AllowUnsigned).unwrap();
        for file in &files {
            let delivery = Delivery { body: bytes(file), ..Delivery::default() };
            match webhook.decode(&delivery, now()) {
                Ok(Decoded::Reports(reports)) => {
                    for item in reports {
                        item.check().unwrap();
                        assert_eq!(item.raw_payload.as_deref(), Some(&delivery.body[..]), "{file}");
                        assert!(!item.title.chars().any(char::is_control), "{file}");
                        assert!(!item.body.contains(['\0', '\u{1b}', '\u{7}']), "{file}");
                        assert!(!item.metadata.contains_key("project_id"), "{file}");
                    }
                }
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "{vendor} {file}"),
            }
        }
    }
}

#[test]
fn every_fixture_is_a_report_or_a_typed_answer() {
    let mut reports = 0;
    for vendor in ["github", "sentry", "slack", "discord", "pagerduty", "generic"] {
        let webhook = webhook(vendor, Auth::AllowUnsigned).unwrap();
        for file in files(vendor) {
            let delivery = Delivery { body: bytes(&file), ..Delivery::default() };
            let first = webhook.decode(&delivery, now()).unwrap();
            assert_eq!(webhook.decode(&delivery, now()).unwrap(), first, "{file}");
            if let Decoded::Reports(items) = first {
                items.iter().for_each(|item| item.check().unwrap());
                reports += items.len();
            }
        }
    }
    assert!(reports > 30, "{reports}");
}

/// All fixtures, for mutation.
fn corpus() -> Vec<Vec<u8>> {
    let folders =
        ["github", "sentry", "slack", "discord", "pagerduty", "generic", "adversarial", "standard_webhooks"];
    folders
        .iter()
        .flat_map(|folder| files(folder))
        .map(|file| bytes(&file))
        .filter(|b| b.len() < 16_000)
        .collect()
}

/// Text that resembles a signature, or does not.
const SIGNATURES: &str = "[ -~]{0,80}|v1,[A-Za-z0-9+/=]{0,60}|(sha256|v0|v1)=[0-9a-fA-F]{0,66}";

fn never_panics(headers: &[(String, String)], body: &[u8]) {
    for vendor in VENDORS {
        let delivery = Delivery { headers: headers.to_vec(), path: String::new(), body: body.to_vec() };
        if let Ok(Decoded::Reports(items)) =
            webhook(vendor, Auth::AllowUnsigned).unwrap().decode(&delivery, now())
        {
            for item in items {
                assert!(item.check().is_ok(), "{vendor}: {:?}", item.check());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        never_panics(&[], &body);
    }

    #[test]
    fn mutated_fixtures_are_answered(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let corpus = corpus();
        let mut body = which.get(&corpus).clone();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        never_panics(&[], &body);
    }

    /// Values of any type in the places of others.
    #[test]
    fn values_of_other_types_are_answered(
        which in any::<prop::sample::Index>(),
        places in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..9), 1..6),
    ) {
        let corpus = corpus();
        let body = &corpus[which.index(corpus.len())];
        let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return Ok(()) };
        for (at, kind) in places {
            let mut pointers = Vec::new();
            walk(&value, String::new(), &mut pointers);
            let odd = [Value::Null, Value::Bool(true), (-1).into(), u64::MAX.into(), 1e300.into(), "".into(),
                "\u{0}\u{202e}".into(), Value::Array(vec![]), Value::Object(serde_json::Map::new())];
            *value.pointer_mut(&pointers[at.index(pointers.len())]).unwrap() = odd[kind].clone();
        }
        never_panics(&[], value.to_string().as_bytes());
    }

    #[test]
    fn any_signature_headers_are_answered(
        values in proptest::collection::vec(SIGNATURES, 3),
        body in "[{}a-z\":]{0,20}",
    ) {
        for vector in Vector::all() {
            let names = vector.headers.iter().map(|(name, _)| name.clone());
            let headers: Vec<_> = names.zip(values.iter().cloned()).collect();
            let auth = Auth::Signed { secrets: vec![Secret::new(&vector.secret)] };
            let webhook = webhook(&vector.vendor, auth).unwrap();
            let delivery = Delivery { headers, path: String::new(), body: body.clone().into_bytes() };
            let error = webhook.decode(&delivery, vector.now()).unwrap_err();
            prop_assert!(matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Invalid));
            prop_assert_eq!(error.operation(), "webhook.verify");
        }
    }
}

fn walk(value: &Value, at: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                walk(inner, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), pointers);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                walk(inner, format!("{at}/{index}"), pointers);
            }
        }
        _ => {}
    }
    pointers.push(at);
}
