//! Times and texts that are odd, in the places where a vendor has its own.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use soulcaster_core::port::Decoded;

use super::hostile::behaves;
use super::{open, places, sample, samples};
use crate::fixture::{now, sent};

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
