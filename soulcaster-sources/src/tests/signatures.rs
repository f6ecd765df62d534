//! Who is let in: every signature scheme on published and on own deliveries, every mutation of each, replays,
//! header secrets.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::{Decoded, Delivery};
use soulcaster_core::{Error, ErrorKind, Secret};

use super::signing::{SIGNING, Signed, other_secret};
use super::{open, recorded};
use crate::fixture::{bytes, now};
use crate::signature::{Auth, SecretHash};
use crate::vendor::{VENDORS, webhook};

/// Everything that is signed: what was published, and one delivery of each scheme.
fn all() -> Vec<Signed> {
    let own = (0..SIGNING.len()).map(|scheme| {
        let file = recorded(SIGNING[scheme].0).into_iter().find(|file| bytes(file).len() < 4096);
        Signed::new(scheme, file.map_or_else(|| br#"{"title": "t"}"#.to_vec(), |file| bytes(&file)))
    });
    Signed::published().into_iter().chain(own).collect()
}

/// Verified as signed, whatever the body then is.
#[track_caller]
fn accepted(signed: &Signed, secrets: &[&str], now: DateTime<Utc>) -> bool {
    match signed.answer(secrets, now) {
        Ok(Decoded::Reports(reports)) => {
            assert!(reports.iter().all(|report| report.auth_strength == AuthStrength::Signed));
            true
        }
        Ok(_) => true,
        Err(error) => error.operation() == "webhook.read",
    }
}

/// The refusal after a change, which tells no secret.
#[track_caller]
fn refusal(signed: &Signed, what: &str, change: impl FnOnce(&mut Signed)) -> Error {
    let mut changed = signed.clone();
    change(&mut changed);
    let error = changed.answer(&[&changed.secret], signed.at).expect_err(what);
    assert_eq!(error.operation(), "webhook.verify", "{}: {what}", signed.vendor);
    assert!(!error.to_string().contains(&signed.secret), "{}: {what}", signed.vendor);
    error
}

#[test]
fn every_signature_is_accepted_with_either_of_two_secrets() {
    assert_eq!(Signed::published().len(), 10);
    for signed in all() {
        let (own, other) = (signed.secret.as_str(), other_secret(signed.vendor));
        for secrets in [&[own][..], &[&other, own], &[own, &other]] {
            assert!(accepted(&signed, secrets, signed.at), "{}", signed.vendor);
        }
    }
}

#[test]
fn every_mutation_of_every_signature_is_unauthorized() {
    type Change = (&'static str, fn(&mut Signed));
    let changes: [Change; 9] = [
        ("a bit of the body", |signed| match signed.body.len() {
            0 => signed.body.push(b' '),
            length => signed.body[length / 2] ^= 1,
        }),
        ("a byte of the signature short", |signed| {
            signed.header(signed.signature).pop();
        }),
        ("upper case", |signed| {
            let value = signed.header(signed.signature);
            let prefix = value.trim_end_matches('=').rfind(['=', ',']).map_or(0, |at| at + 1);
            *value = format!("{}{}", &value[..prefix], value[prefix..].to_uppercase());
        }),
        ("an empty signature", |signed| signed.header(signed.signature).clear()),
        ("no signature", |signed| signed.headers.retain(|(name, _)| name != signed.signature)),
        ("two signatures", |signed| {
            let value = signed.header(signed.signature).replace(['0', 'A'], "1");
            signed.headers.push((signed.signature.to_ascii_lowercase(), value));
        }),
        ("another layout of the body", |signed| match serde_json::from_slice::<Value>(&signed.body) {
            Ok(json) => {
                let pretty = serde_json::to_vec_pretty(&json).unwrap();
                let same = pretty == signed.body;
                signed.body = if same { json.to_string().into_bytes() } else { pretty };
            }
            Err(_) => signed.body.extend(b" \n"),
        }),
        ("the secret of another project", |signed| signed.secret = other_secret(signed.vendor)),
        ("another algorithm", |signed| {
            let instead = if signed.vendor == "intercom" { "sha256=" } else { "sha1=" };
            let value = signed.header(signed.signature);
            let bare = value.trim_end_matches('=').rsplit(['=', ',']).next().unwrap_or_default().to_owned();
            *value = format!("{instead}{bare}");
        }),
    ];
    for signed in all() {
        for (what, change) in changes {
            let error = refusal(&signed, what, change);
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}: {what}: {error}", signed.vendor);
        }
    }
}

#[test]
fn a_signed_time_is_good_for_300_seconds_either_way() {
    let timed: Vec<Signed> = all().into_iter().filter(|signed| signed.timestamp.is_some()).collect();
    assert_eq!(timed.len(), 4 + 5);
    for signed in timed {
        for away in [-299, 299, -300, 300] {
            assert!(
                accepted(&signed, &[&signed.secret], signed.at + TimeDelta::seconds(away)),
                "{}",
                signed.vendor
            );
        }
        for away in [-301, 301, -3600, 86_400] {
            let error = signed.answer(&[&signed.secret], signed.at + TimeDelta::seconds(away)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{} {away}", signed.vendor);
            assert_eq!(error.operation(), "webhook.verify");
        }
        for text in ["soon", "1.5", "-1531420618", "99999999999999999999", "1e9", "0x5b4f", "15314206\u{661}"]
        {
            let error =
                refusal(&signed, text, |signed| *signed.header(signed.timestamp.unwrap()) = text.into());
            // Discord tests its receivers with wrong headers and wants 401 for each.
            let kind = if signed.vendor == "discord" { ErrorKind::Unauthorized } else { ErrorKind::Invalid };
            assert_eq!(error.kind(), kind, "{} {text}", signed.vendor);
        }
        let error = refusal(&signed, "no time", |signed| {
            signed.headers.retain(|(name, _)| Some(name.as_str()) != signed.timestamp);
        });
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{}", signed.vendor);
    }
}

#[test]
fn without_its_headers_a_signed_delivery_is_not_parsed() {
    for signed in all() {
        let error = refusal(&signed, "no headers", |signed| {
            signed.headers.clear();
            signed.body = b"{ not json".to_vec();
        });
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert!(error.message().ends_with("is missing"), "{error}");
    }
}

#[test]
fn discords_test_of_a_wrong_signature_is_unauthorized_and_its_pings_are_answered() {
    for (body, status, answer) in [
        (&br#"{"version":1,"type":0}"#[..], 204, &b""[..]),
        (br#"{"id":"1","type":1,"token":"t"}"#, 200, b"{\"type\":1}"),
    ] {
        let signed = Signed::new(0, body.to_vec());
        let expected = Decoded::Handshake { status, content_type: "application/json", body: answer.to_vec() };
        assert_eq!(signed.answer(&[&signed.secret], now()).unwrap(), expected);
        let error = refusal(&signed, "wrong", |signed| *signed.header(signed.signature) = "00".repeat(64));
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }
}

#[test]
fn a_header_secret_lets_in_what_brings_it_once_and_marks_it() {
    for vendor in VENDORS {
        let body = recorded(vendor).into_iter().map(|file| bytes(&file)).find(|body| {
            let open = webhook(vendor, Auth::AllowUnsigned).unwrap();
            matches!(
                open.decode(&Delivery { body: body.clone(), ..Delivery::default() }, now()),
                Ok(Decoded::Reports(_))
            )
        });
        let body = body.unwrap_or_else(|| br#"{"title": "t"}"#.to_vec());
        let secrets =
            ["s3cret-new", "s3cret-old"].map(|secret| SecretHash::of(&Secret::new(secret))).to_vec();
        let reader =
            webhook(vendor, Auth::HeaderSecret { header: "X-Triage-Token".into(), secrets }).unwrap();
        let send = |values: &[&str]| {
            let headers = values.iter().map(|value| ("x-triage-token".to_owned(), (*value).to_owned()));
            let delivery = Delivery { headers: headers.collect(), path: String::new(), body: body.clone() };
            reader.decode(&delivery, now())
        };
        for good in ["s3cret-new", "Bearer s3cret-old"] {
            let Ok(Decoded::Reports(reports)) = send(&[good]) else { panic!("{vendor}: {good} was refused") };
            assert!(reports.iter().all(|report| report.auth_strength == AuthStrength::SharedSecret));
        }
        for bad in [&[][..], &[""], &["s3cret"], &["s3cret-new", "s3cret-old"]] {
            let error = send(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{vendor}");
            assert!(error.message().starts_with("X-Triage-Token ") && !error.message().contains("s3cret"));
        }
    }
}

#[test]
fn what_anybody_may_send_is_marked_as_not_proven() {
    for (vendor, reader) in open() {
        for file in recorded(vendor) {
            if let Decoded::Reports(reports) = crate::fixture::decoded(reader.as_ref(), bytes(&file)) {
                assert!(reports.iter().all(|report| report.auth_strength == AuthStrength::None), "{file}");
            }
        }
    }
}
