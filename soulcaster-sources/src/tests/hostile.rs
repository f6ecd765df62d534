//! Hostile, broken and vast deliveries: read, ignored with a reason or refused as `Invalid`, never worse.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value, json};
use soulcaster_core::ErrorKind;
use soulcaster_core::port::{Decoded, Delivery, Webhook};

use super::{open, recorded};
use crate::fixture::{bytes, files, now, sent};

/// What a reader may answer to anything, given that it verifies nothing.
#[track_caller]
pub(super) fn behaves(webhook: &dyn Webhook, delivery: &Delivery) -> soulcaster_core::Result<Decoded> {
    let answer = webhook.decode(delivery, now());
    match &answer {
        Ok(Decoded::Reports(reports)) => {
            assert!(!reports.is_empty());
            for report in reports {
                report.check().unwrap();
                assert_eq!(report.source, webhook.name());
                assert!(!report.title.chars().any(char::is_control));
                assert!(!report.body.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')));
                assert!(report.title.len().max(report.body.len()) <= (256 << 10) + "\n[cut]".len());
                assert!(report.url.as_deref().is_none_or(|url| url.to_ascii_lowercase().starts_with("http")));
                for time in [report.occurred_at, report.updated_at].into_iter().flatten() {
                    assert!((1970..=2201).contains(&time.year()), "{time}");
                }
                let raw = report.raw_payload.as_deref().unwrap();
                assert!(raw == delivery.body || delivery.body.windows(raw.len()).any(|part| part == raw));
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
    answer
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

/// Every place in a JSON value.
pub(super) fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(members) => {
                for (name, inner) in members {
                    walk(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Value::Array(list) => {
                list.iter()
                    .enumerate()
                    .for_each(|(index, inner)| walk(inner, &format!("{at}/{index}"), found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// The recorded deliveries that become reports, as JSON, the shortest first.
fn samples(vendor: &str, webhook: &dyn Webhook) -> Vec<Value> {
    if vendor == "manual" {
        return vec![
            json!({"title": "t", "body": "b", "external_id": "1", "author": "a", "url": "https://x.example",
            "severity": "high", "tags": ["x"], "occurred_at": "2024-01-01T00:00:00Z", "metadata": {"a": 1}}),
        ];
    }
    let bodies = recorded(vendor).into_iter().map(|file| bytes(&file));
    let read =
        bodies.filter(|body| matches!(webhook.decode(&sent(body.clone()), now()), Ok(Decoded::Reports(_))));
    let mut samples: Vec<Value> = read.filter_map(|body| serde_json::from_slice(&body).ok()).collect();
    samples.sort_by_key(|value| value.to_string().len());
    samples
}

fn sample(vendor: &str, webhook: &dyn Webhook) -> Value {
    samples(vendor, webhook).remove(0)
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

/// Every place that names a time, with `date` in it.
fn dated(value: &mut Value, date: &Value, count: &mut usize) {
    let names = [
        "date",
        "time",
        "_at",
        "_on",
        "datetime",
        "timestamp",
        "At",
        "lastSeen",
        "firstSeen",
        "ts",
        "Nano",
        "_time",
        "last_updated",
        "Date",
        "edited_timestamp",
        "_posix",
    ];
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                if names.iter().any(|end| name.ends_with(end)) && !inner.is_object() && !inner.is_array() {
                    *inner = date.clone();
                    *count += 1;
                } else {
                    dated(inner, date, count);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| dated(inner, date, count)),
        _ => {}
    }
}

#[test]
fn a_time_in_any_unit_is_read_and_nonsense_is_no_time() {
    let moment = DateTime::from_timestamp(1_735_689_600, 0).unwrap();
    let units = [
        json!(1_735_689_600),
        json!(1_735_689_600_000_u64),
        json!(1_735_689_600_000_000_u64),
        json!(1_735_689_600_000_000_000_u64),
        json!("1735689600"),
        json!("1735689600000"),
        json!("2025-01-01T00:00:00Z"),
        json!("2025-01-01T02:00:00.000+02:00"),
        json!("Wed, 01 Jan 2025 00:00:00 GMT"),
    ];
    let nonsense = [
        json!("soon"),
        json!(""),
        json!(-1),
        json!("-1735689600"),
        json!("9999-12-31T23:59:59Z"),
        json!(7_289_654_400_u64),
        json!(1e300),
        json!("1e400"),
        json!("0001-01-01T00:00:00Z"),
        json!("2025-02-30T00:00:00Z"),
        json!(true),
        json!(null),
        json!("31/12/25"),
    ];
    // OTLP counts nanoseconds alone, and a time of Slack is an id as well.
    for (vendor, webhook) in open().into_iter().filter(|(vendor, _)| !matches!(*vendor, "otlp" | "slack")) {
        let timed = |sample: &Value| {
            let mut count = 0;
            dated(&mut sample.clone(), &json!(0), &mut count);
            count > 0
        };
        let sample = samples(vendor, webhook.as_ref()).into_iter().find(timed).unwrap();
        let times = |date: &Value| -> Vec<Option<DateTime<Utc>>> {
            let mut value = sample.clone();
            dated(&mut value, date, &mut 0);
            match behaves(webhook.as_ref(), &sent(value.to_string())) {
                Ok(Decoded::Reports(reports)) => {
                    reports.iter().flat_map(|report| [report.occurred_at, report.updated_at]).collect()
                }
                Err(_) if vendor == "manual" => Vec::new(), // it names the wrong field instead
                other => panic!("{vendor} {date}: {other:?}"),
            }
        };
        for date in &units {
            let read = times(date);
            assert!(read.iter().flatten().any(|time| *time == moment), "{vendor} {date}: {read:?}");
        }
        for date in &nonsense {
            let read = times(date);
            assert!(read.iter().flatten().all(|time| *time == now()), "{vendor} {date}: {read:?}");
        }
    }
}

#[test]
fn vast_text_is_cut_and_kept_raw() {
    let vast = "words of a report. ".repeat((10 << 20) / 19);
    for (vendor, webhook) in open() {
        let sample = sample(vendor, webhook.as_ref());
        let texts: Vec<String> = places(&sample)
            .into_iter()
            .filter(|place| sample.pointer(place).is_some_and(Value::is_string))
            .collect();
        let (mut kept, mut answered) = (0, 0);
        for place in texts {
            let mut value = sample.clone();
            *value.pointer_mut(&place).unwrap() = json!(vast);
            answered += 1;
            if let Ok(Decoded::Reports(reports)) = behaves(webhook.as_ref(), &sent(value.to_string())) {
                kept += usize::from(
                    reports
                        .iter()
                        .any(|report| report.body.ends_with("[cut]") || report.title.ends_with("[cut]")),
                );
            }
        }
        assert!(kept > 0 && answered > 0, "{vendor}");
    }
}

#[test]
fn a_body_put_together_of_many_texts_is_cut_too() {
    let line = "words ".repeat(1000);
    let many =
        |n: usize, each: fn(usize, &str) -> Value| (0..n).map(|index| each(index, &line)).collect::<Value>();
    let facts: Map<String, Value> = (0..500).map(|n| (format!("fact {n}"), json!(line))).collect();
    let frames = many(10, |_, line| json!({"function": line, "filename": line, "in_app": true}));
    let raised = json!([{"type": "E", "value": "v", "stacktrace": {"frames": frames}}]);
    let blocks = many(500, |_, line| json!({"type": "section", "text": {"type": "mrkdwn", "text": line}}));
    let deliveries = [
        ("pagerduty", json!({"type": "incident", "id": "1", "title": "t", "body": {"details": facts}})),
        (
            "sentry",
            json!({"data": {"event": {"event_id": "e", "title": "t", "exception": {"values": vec![raised[0].clone(); 5]}}}}),
        ),
        (
            "slack",
            json!({"type": "event_callback", "team_id": "T", "event":
            {"type": "message", "channel": "C", "ts": "1596183880.0042", "text": "", "blocks": blocks}}),
        ),
        (
            "discord",
            json!({"id": "1", "channel_id": "2", "content": "", "embeds": many(500, |n, line| json!({"title": n, "description": line}))}),
        ),
        (
            "alertmanager",
            json!({"alerts": [{"annotations": {"summary": line.repeat(40), "description": format!("d {}", line.repeat(40))}}]}),
        ),
    ];
    for (vendor, webhook) in open() {
        if let Some((_, body)) = deliveries.iter().find(|(known, _)| *known == vendor) {
            let Ok(Decoded::Reports(reports)) = behaves(webhook.as_ref(), &sent(body.to_string())) else {
                panic!("{vendor}")
            };
            assert!(reports[0].body.ends_with("\n[cut]"), "{vendor}");
        }
    }
}

#[test]
fn half_a_surrogate_pair_becomes_a_mark_and_the_rest_is_read() {
    for (vendor, webhook) in open() {
        let sample = sample(vendor, webhook.as_ref()).to_string();
        let before = behaves(webhook.as_ref(), &sent(sample.clone())).unwrap();
        let broken = format!("{{\"zz\\ud800\":\"\\udfff\\ud83d x\",{}", &sample[1..]);
        let Decoded::Reports(before) = before else { panic!("{vendor}") };
        match behaves(webhook.as_ref(), &sent(broken)).unwrap() {
            Decoded::Reports(reports) => assert_eq!(reports[0].title, before[0].title, "{vendor}"),
            other => panic!("{vendor}: {other:?}"),
        }
    }
}

#[test]
fn what_nobody_sees_is_kept_and_neither_matched_nor_shown_as_text() {
    let hidden = "pass\u{200b}wo\u{202e}rd\u{e0069}\u{e0067} is lost\u{feff}";
    for (vendor, webhook) in open() {
        let sample = sample(vendor, webhook.as_ref());
        let mut found = false;
        for place in places(&sample) {
            let mut value = sample.clone();
            let place = value.pointer_mut(&place).unwrap();
            if !place.is_string() {
                continue;
            }
            *place = json!(hidden);
            if let Ok(Decoded::Reports(reports)) = behaves(webhook.as_ref(), &sent(value.to_string())) {
                for report in reports {
                    let compared = soulcaster_core::model::item::text_of(&report.title, &report.body);
                    assert!(
                        !compared.contains(['\u{200b}', '\u{202e}', '\u{e0069}', '\u{feff}']),
                        "{vendor}"
                    );
                    found |= compared.contains("password is lost");
                    let raw = String::from_utf8(report.raw_payload.unwrap()).unwrap();
                    assert!(raw.contains(hidden), "{vendor}");
                }
            }
        }
        assert!(found, "{vendor}");
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
