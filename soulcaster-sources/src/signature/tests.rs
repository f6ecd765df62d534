//! Verification of single values; `vectors` runs the published signatures through the vendors.

use ed25519_dalek::{Signer, SigningKey};

use super::auth::header_secret;
use super::*;

fn delivery(headers: &[(&str, &str)]) -> Delivery {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Delivery { headers, ..Delivery::default() }
}

fn secrets(values: &[&str]) -> Vec<Secret> {
    values.iter().map(|value| Secret::new(*value)).collect()
}

fn hashes(values: &[&str]) -> Vec<SecretHash> {
    secrets(values).iter().map(SecretHash::of).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

const GITHUB: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

#[test]
fn any_active_secret_and_any_listed_signature_will_do() {
    let body: &[&[u8]] = &[b"Hello, ", b"World!"];
    for active in [["It's a Secret to Everybody", "other"], ["other", "It's a Secret to Everybody"]] {
        let zeros = "0".repeat(64);
        for signatures in [[GITHUB, &zeros], [zeros.as_str(), GITHUB]] {
            let result = hmac_sha256_hex(&secrets(&active), body, "X", &signatures);
            assert_eq!(result.unwrap(), AuthStrength::Signed);
        }
    }
    let error = hmac_sha256_hex(&secrets(&["other"]), body, "X-Sig", &[GITHUB]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(error.message(), "X-Sig does not match the body");
    assert!(hmac_sha256_hex(&[], body, "X", &[GITHUB]).is_err());
    let empty_key = Hmac::<Sha256>::new_from_slice(b"").unwrap().chain_update(b"x").finalize().into_bytes();
    assert!(hmac_sha256_hex(&secrets(&[""]), &[b"x"], "X", &[&hex_of(&empty_key)]).is_err());
}

#[test]
fn encodings_are_exact() {
    assert_eq!(hex("00ff"), Some(vec![0, 255]));
    for text in ["0", "0g", "FF", " 00", "00 ", "é0"] {
        assert_eq!(hex(text), None, "{text}");
    }
    assert_eq!(base64("aGk="), Some(b"hi".to_vec()));
    for text in ["aGk", "aGl=", "a-_=", "aGk=\n"] {
        assert_eq!(base64(text), None, "{text}");
    }
}

#[test]
fn ed25519_checks_the_message_under_each_key() {
    let (signer, other) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let signature = hex_of(&signer.sign(b"1700000000{}").to_bytes());
    let keys: Vec<Secret> =
        [&other, &signer].map(|key| Secret::new(hex_of(key.verifying_key().as_bytes()))).into();
    assert!(ed25519_hex(&keys, &[b"1700000000", b"{}"], "X", &signature).is_ok());
    assert!(ed25519_hex(&keys[..1], &[b"1700000000", b"{}"], "X", &signature).is_err());
    assert!(ed25519_hex(&keys, &[b"1700000001", b"{}"], "X", &signature).is_err());
    assert!(ed25519_hex(&keys, &[b"1700000000", b"{}"], "X", &signature[2..]).is_err());
    assert!(ed25519_hex(&secrets(&["not a key"]), &[b"{}"], "X", &signature).is_err());
}

#[test]
fn header_secret_comes_bare_as_bearer_or_as_basic() {
    let known = hashes(&["s3cret", "olduser:oldpass"]);
    for value in ["s3cret", "Bearer s3cret", "bearer  s3cret", "Token s3cret", "olduser:oldpass"] {
        let result = header_secret(&delivery(&[("X-Key", value)]), "x-key", &known);
        assert_eq!(result.unwrap(), AuthStrength::SharedSecret, "{value}");
    }
    for pair in ["anyone:s3cret", "olduser:oldpass"] {
        let value = format!("Basic {}", STANDARD.encode(pair));
        assert!(header_secret(&delivery(&[("Authorization", &value)]), "authorization", &known).is_ok());
    }
    for value in ["", "s3cre", "s3cret2", "Bearer", "Basic s3cret", "Digest s3cret"] {
        let error = header_secret(&delivery(&[("X-Key", value)]), "X-Key", &known).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{value}");
        assert!(!error.message().contains("s3cre"), "{error}");
    }
    assert!(header_secret(&delivery(&[("X-Key", "s3cret"), ("x-key", "s3cret")]), "X-Key", &known).is_err());
    assert!(header_secret(&delivery(&[]), "X-Key", &known).is_err());
}

#[test]
fn a_secret_is_compared_by_its_hash_also_after_it_was_stored() {
    let hash = SecretHash::of(&Secret::new("abc"));
    let stored = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!((hash.to_string().as_str(), &SecretHash::parse(stored).unwrap()), (stored, &hash));
    assert!(header_secret(&delivery(&[("X-Key", "abc")]), "X-Key", std::slice::from_ref(&hash)).is_ok());
    let error = header_secret(&delivery(&[("X-Key", stored)]), "X-Key", &[hash]).unwrap_err();
    assert_eq!(error.message(), "X-Key does not hold an active secret", "the hash itself opens nothing");
    for text in ["", "00", &"G".repeat(64), &"A".repeat(64)] {
        assert!(SecretHash::parse(text).is_err(), "{text}");
    }
}

#[test]
fn timestamps_are_fresh_within_the_tolerance() {
    let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let tolerance = TimeDelta::seconds(TOLERANCE_SECONDS);
    for (away, accepted) in [(0, true), (-299, true), (300, true), (-301, false), (301, false)] {
        assert_eq!(fresh(1_700_000_000 + away, now, tolerance).is_ok(), accepted, "{away}");
    }
    assert!(fresh(i64::MIN, now, tolerance).is_err());
    assert!(fresh(i64::MAX, now, tolerance).is_err());
}

#[test]
fn a_timestamp_that_is_no_number_is_invalid() {
    assert_eq!(seconds(&delivery(&[("X-Time", "1700000000")]), "X-Time").unwrap(), 1_700_000_000);
    for text in ["now", "-1", "+1", "1.5", "99999999999999999999", "1e9", "0x10", "１"] {
        let error = seconds(&delivery(&[("X-Time", text)]), "X-Time").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
    }
    assert_eq!(seconds(&delivery(&[]), "X-Time").unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[test]
fn configuration_without_a_secret_is_refused() {
    let header =
        |header: &str, values: &[&str]| Auth::HeaderSecret { header: header.into(), secrets: hashes(values) };
    assert!(Auth::AllowUnsigned.check("x").is_ok());
    assert!(header("X-Key", &["a", "b"]).check("x").is_ok());
    let wrong = [
        Auth::Signed { secrets: vec![] },
        Auth::Signed { secrets: secrets(&["a", ""]) },
        Auth::Signed { secrets: secrets(&[" \n"]) },
        header("X-Key", &[]),
        header("X-Key", &["a", ""]),
        header("", &["a"]),
        header("X Key", &["a"]),
        Auth::PathToken { secrets: vec![] },
        Auth::PathToken { secrets: hashes(&[""]) },
    ];
    for auth in wrong {
        assert_eq!(auth.check("x").unwrap_err().kind(), ErrorKind::Invalid, "{auth:?}");
    }
    assert!(!format!("{:?}", header("X-Key", &["hidden"])).contains("hidden"));
}

#[test]
fn vectors_of_base64_and_sha1_schemes_are_accepted() {
    let file = crate::fixture::bytes("signature-vectors.json");
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let mut checked = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let text = |pointer: &str| vector.pointer(pointer).and_then(serde_json::Value::as_str);
        let secrets = secrets(&[text("/secret").unwrap()]);
        let (body, grafana) = (text("/body").unwrap().as_bytes(), "/headers/X-Grafana-Alerting-Signature");
        let accepted = match text("/provider").unwrap() {
            "zendesk" => {
                let stamp = text("/headers/X-Zendesk-Webhook-Signature-Timestamp").unwrap().as_bytes();
                let signature = text("/headers/X-Zendesk-Webhook-Signature").unwrap();
                hmac_sha256_base64(&secrets, &[stamp, body], "X", &[signature])
            }
            "intercom" => {
                let signature = strip(text("/headers/X-Hub-Signature").unwrap(), "sha1=", "X").unwrap();
                hmac_sha1_hex(&secrets, &[body], "X", &[signature])
            }
            "grafana" => match text("/headers/X-Grafana-Alerting-Timestamp") {
                Some(stamp) => {
                    hmac_sha256_hex(&secrets, &[stamp.as_bytes(), b":", body], "X", &[text(grafana).unwrap()])
                }
                None => hmac_sha256_hex(&secrets, &[body], "X", &[text(grafana).unwrap()]),
            },
            _ => continue,
        };
        assert_eq!(accepted.unwrap(), AuthStrength::Signed);
        checked += 1;
    }
    assert_eq!(checked, 4);
}
