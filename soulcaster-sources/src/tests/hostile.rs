//! Hostile, broken and vast deliveries: read, ignored with a reason or refused as `Invalid`, never worse.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value, json};
use soulcaster_core::port::{Decoded, Delivery, Webhook};
use soulcaster_core::{ErrorKind, Result};

use super::{open, places, recorded, sample};
use crate::fixture::{bytes, files, now, sent};

/// What a reader may answer to anything, given that it verifies nothing.
#[track_caller]
pub(super) fn behaves(webhook: &dyn Webhook, delivery: &Delivery) -> Result<Decoded> {
    let answer = webhook.decode(delivery, now());
    fits(webhook.name(), &delivery.body, &answer);
    answer
}

/// What may be said about `body`, a stranger's, in the name of `source`.
#[track_caller]
pub(super) fn fits(source: &str, body: &[u8], answer: &Result<Decoded>) {
    match answer {
        Ok(Decoded::Reports(reports)) => {
            assert!(!reports.is_empty());
            for report in reports {
                report.check().unwrap();
                assert_eq!(report.source, source);
                assert!(!report.title.chars().any(char::is_control));
                assert!(!report.body.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')));
                assert!(report.title.len().max(report.body.len()) <= (256 << 10) + "\n[cut]".len());
                assert!(report.url.as_deref().is_none_or(|url| url.to_ascii_lowercase().starts_with("http")));
                for time in [report.occurred_at, report.updated_at].into_iter().flatten() {
                    assert!((1970..=2201).contains(&time.year()), "{time}");
                }
                let raw = report.raw_payload.as_deref().unwrap();
                assert!(raw == body || body.windows(raw.len()).any(|part| part == raw));
                assert!(!report.metadata.contains_key("project_id"));
            }
        }
        Ok(Decoded::Ignored(_) | Decoded::Handshake { status: 200 | 204, .. }) => {}
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge), "{error}");
            assert!(error.message().len() < 600, "{error}");
        }
    }
}

/// A body that every vendor refuses or ignores.
#[track_caller]
fn nothing(body: &[u8], why: &str) {
    for (vendor, webhook) in open() {
        let answer = behaves(webhook.as_ref(), &sent(body));
        assert!(
            !matches!(answer, Ok(Decoded::Reports(_) | Decoded::Handshake { .. })),
            "{vendor}: {why}: {answer:?}"
        );
    }
}

/// A body that every vendor but mail and protobuf refuses as JSON out of bounds.
#[track_caller]
fn refused(body: &str, why: &str) {
    nothing(body.as_bytes(), why);
    for (vendor, webhook) in open() {
        let error = match webhook.decode(&sent(body), now()) {
            Err(error) => error,
            Ok(answer) => panic!("{vendor}: {why}: {answer:?}"),
        };
        assert_eq!(error.kind(), ErrorKind::Invalid, "{vendor}: {why}");
    }
}

#[test]
fn recorded_deliveries_are_reports_or_have_a_reason() {
    let mut reports = 0;
    for (vendor, webhook) in open() {
        for file in recorded(vendor) {
            let answer = behaves(webhook.as_ref(), &sent(bytes(&file))).unwrap();
            assert_eq!(webhook.decode(&sent(bytes(&file)), now()).unwrap(), answer, "{file}");
            reports += usize::from(matches!(answer, Decoded::Reports(_)));
        }
    }
    assert!(reports > 50, "{reports}");
}

#[test]
fn the_adversarial_corpus_is_read_or_refused_by_every_vendor() {
    let files = files("adversarial");
    assert_eq!(files.len(), 16);
    for (_, webhook) in open() {
        for file in &files {
            let _ = behaves(webhook.as_ref(), &sent(bytes(file)));
        }
    }
}

#[test]
fn nesting_keys_and_values_are_bounded() {
    refused(&format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)), "depth");
    refused(&format!("{{\"title\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000)), "depth");
    refused(&"{\"a\":".repeat(100_000), "depth, never closed");
    let keys = (0..1_000_000).map(|n| format!("\"k{n}\":1")).collect::<Vec<_>>().join(",");
    refused(&format!("{{\"title\":\"t\",{keys}}}"), "keys");
    refused(&format!("{{\"title\":\"t\",\"{}\":1}}", "k".repeat(10 << 20)), "a long key");
    refused(&format!("{{\"title\":\"t\",\"alerts\":[{}{{}}]}}", "{},".repeat(20_000)), "entries");
    refused("{\"title\":\"a\",\"title\":\"b\"}", "a key twice");
    refused("{\"title\":\"a\",\"x\":{\"id\":1,\"\\u0069d\":2}}", "a key twice, written differently");
}

#[test]
fn broken_json_and_other_encodings_are_refused_without_a_word_of_them() {
    for body in [
        "{\"title\":\"swordfish\"",
        "{\"title\":NaN}",
        "{\"title\":1e400,\"swordfish\":1}",
        "{'title':1}",
        "{\"title\":\"a\u{0}swordfish\"}",
        "{\"title\":\"a\"} swordfish",
        "{\"title\":Infinity}",
        "{\"a\":\"\\x\"}",
    ] {
        refused(body, body);
        for (vendor, webhook) in open() {
            let error = webhook.decode(&sent(body), now()).unwrap_err();
            assert!(!error.to_string().contains("swordfish"), "{vendor}: {error}");
        }
    }
    let text = "{\"title\":\"t\",\"text\":\"t\"}";
    let utf16 = |mark: &[u8], write: fn(u16) -> [u8; 2]| -> Vec<u8> {
        mark.iter().copied().chain(text.encode_utf16().flat_map(write)).collect()
    };
    nothing(&utf16(b"\xff\xfe", u16::to_le_bytes), "UTF-16, little-endian");
    nothing(&utf16(b"\xfe\xff", u16::to_be_bytes), "UTF-16, big-endian");
    nothing(&utf16(b"", u16::to_le_bytes), "UTF-16 without a mark");
    nothing(&[0xff; 1000], "no text");
    nothing(b"\0", "NUL");
    nothing(b"{\"title\":\"\xff\xfe\"}", "no UTF-8");
}

#[test]
fn nothing_to_read_is_ignored_or_refused() {
    for body in
        ["", " ", " \r\n\t ", "\u{feff}", "\u{feff} \n", "null", "{}", "[]", "\"a\"", "7", "true", "[[]]"]
    {
        nothing(body.as_bytes(), body);
    }
    for text in ["", " \n ", "\\u0000", "\\u200b\\u202e\\ufeff", "\\u3164"] {
        let body = format!(
            r#"{{"title":"{text}","body":"{text}","text":"{text}","message":"{text}","subject":"{text}","description":"{text}"}}"#
        );
        nothing(body.as_bytes(), text);
    }
}

#[test]
fn a_value_of_any_type_in_any_place_is_read_or_refused() {
    let long = "long ".repeat(100_000);
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(1e-301),
        json!(""),
        json!("\u{0}\u{202e}\u{1b}[2J"),
        json!([]),
        json!({}),
        json!([[["x"]]]),
        json!({"a": {"b": null}}),
        json!(long),
    ];
    for (vendor, webhook) in open() {
        let sample = sample(vendor, webhook.as_ref());
        for place in places(&sample) {
            for odd in &odd {
                let mut value = sample.clone();
                *value.pointer_mut(&place).unwrap() = odd.clone();
                let _ = behaves(webhook.as_ref(), &sent(value.to_string()));
            }
        }
    }
}

#[test]
fn a_form_of_many_fields_is_read_once() {
    let headers = vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
    let mut body = format!("title={}", "a".repeat(10 << 20));
    (0..100_000).for_each(|n| body.push_str(&format!("&f{n}=%41")));
    for (_, webhook) in open() {
        let _ = behaves(webhook.as_ref(), &Delivery { headers: headers.clone(), ..sent(body.clone()) });
    }
}

#[test]
fn a_body_over_the_bound_is_too_large_before_anything_else() {
    for (vendor, webhook) in open() {
        let error = webhook.decode(&sent(vec![b' '; (25 << 20) + 1]), now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{vendor}");
    }
}

#[test]
fn a_clock_at_the_ends_of_time_is_borne() {
    let ends = [DateTime::<Utc>::MIN_UTC, DateTime::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC];
    for (vendor, webhook) in open() {
        let body = sample(vendor, webhook.as_ref()).to_string();
        for now in ends {
            let headers = vec![("Sentry-Hook-Timestamp".to_owned(), "1735689600".to_owned())];
            assert!(
                webhook.decode(&Delivery { headers, ..sent(body.clone()) }, now).is_ok(),
                "{vendor} {now}"
            );
        }
    }
    for scheme in 0..super::signing::SIGNING.len() {
        let signed = super::signing::Signed::new(scheme, b"{}".to_vec());
        for now in ends {
            let answer = signed.answer(&[&signed.secret], now);
            assert!(signed.timestamp.is_none() || answer.is_err(), "{}", signed.vendor);
        }
    }
}

#[test]
fn settings_out_of_a_strangers_hand_are_refused_without_a_panic() {
    for vendor in crate::vendor::VENDORS {
        for value in [json!(null), json!(-1), json!(1e300), json!("x"), json!([[]]), json!({"": {}})] {
            for name in
                ["mapping", "monitors", "tolerance_seconds", "severities", "min_severity", "name", "\u{0}"]
            {
                let settings: Map<String, Value> = [(name.to_owned(), value.clone())].into_iter().collect();
                let _ = crate::vendor::configured(vendor, crate::signature::Auth::AllowUnsigned, &settings);
            }
        }
    }
}
