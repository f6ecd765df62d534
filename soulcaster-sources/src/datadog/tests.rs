use super::*;
use crate::fixture::{at, bytes, lines, now, report, sent};
use proptest::prelude::{prop_assert, prop_assert_eq};

fn open(settings: DatadogSettings) -> DatadogWebhook {
    DatadogWebhook::new(Auth::AllowUnsigned, settings).unwrap()
}

fn read(body: impl Into<Vec<u8>>) -> Inbound {
    report(&open(DatadogSettings::default()), body)
}

#[test]
fn the_default_template_is_mapped() {
    let report = read(bytes("datadog/webhook.default-template.json"));
    assert_eq!(
        lines(&report),
        "id: 7900000000000000001\n\
         title: [Triggered on {service:checkout}] Checkout error rate is high\n\
         body: @webhook-triage Error rate of checkout is above 5 % for 10 minutes.⏎⏎\
         See the [dashboard](https://app.datadoghq.com/dash/1).\n\
         time: 2025-01-01T00:00:00+00:00 2025-01-01T00:01:00+00:00\n\
         severity: -\ntags: \nurl: -\nauthor: -\nstatus: firing"
    );
    assert_eq!(report.metadata["org"], "Acme");
}

#[test]
fn a_template_of_ones_own_is_mapped_and_unexpanded_variables_are_absent() {
    let report = read(bytes("datadog/webhook.custom-template.json"));
    assert_eq!(
        lines(&report),
        "id: 0c7f3b1e5a9d4f60\n\
         title: [Recovered on {service:checkout}] Checkout error rate is high\n\
         body: Error rate of checkout was above 5 % at least once during the last 10m\n\
         time: 2025-01-01T00:10:00+00:00 -\n\
         severity: High\n\
         tags: monitor | service:checkout | env:prod\n\
         url: https://app.datadoghq.com/event/jump_to?event_id=7900000000000000002\n\
         author: -\nstatus: resolved"
    );
    assert!(!report.metadata.contains_key("event_id"));
}

#[test]
fn a_payload_without_times_and_ids_of_events_is_mapped() {
    let report = read(bytes("datadog/keep.mq_consumer_struggling.json"));
    assert_eq!(
        lines(&report),
        "id: monitor:1234567891\n\
         title: MQ Consumer Is Struggling\n\
         body: MQ Consumer is processing less than 10 messages per second on {{host.name}}.\n\
         time: - -\nseverity: Low\n\
         tags: environment:production | team:database\nurl: -\nauthor: -\nstatus: -"
    );
}

#[test]
fn who_and_where_are_read_from_the_template() {
    let body = r#"{"title":"t","body":"b","id":"7","user":"Ada\n Lovelace","link":"https://app.datadoghq.com/event/7",
        "tags":["env:prod"," ","env:prod"],"priority":"P2","hostname":"db-1"}"#;
    let report = read(body);
    assert_eq!(
        lines(&report),
        "id: 7\ntitle: t\nbody: b\ntime: - -\nseverity: High\ntags: env:prod\n\
         url: https://app.datadoghq.com/event/7\nauthor: Ada Lovelace\nstatus: -"
    );
    assert_eq!(report.metadata["hostname"], "db-1");
    assert_eq!(read(r#"{"title":"t","user":"$USER","link":"$LINK"}"#).author, None);
}

#[test]
fn times_come_in_any_unit_and_nonsense_is_no_time() {
    for date in
        ["1735689600000", "1735689600", "\"1735689600000\"", "\"1735689600\"", "\"2025-01-01T00:00:00Z\""]
    {
        let report = read(format!(r#"{{"title":"t","date":{date}}}"#));
        assert_eq!(report.occurred_at, Some(at("2025-01-01T00:00:00Z")), "{date}");
    }
    for date in ["-1", "1e300", "\"soon\"", "true", "\"$DATE\"", "{}", "-9223372036854775809"] {
        assert_eq!(read(format!(r#"{{"title":"t","date":{date}}}"#)).occurred_at, None, "{date}");
    }
}

#[test]
fn a_form_says_the_same_as_json() {
    let body =
        "title=%5BTriggered%5D+CPU+100%25&body=%25%25%25%0Ahot%0A%25%25%25&id=7&tags=a%2Cb&alert_type=error";
    let headers = vec![("Content-Type".into(), "application/x-www-form-urlencoded; charset=utf-8".into())];
    let form = Delivery { headers, ..sent(body) };
    let Ok(Decoded::Reports(reports)) = open(DatadogSettings::default()).decode(&form, now()) else {
        panic!("not read")
    };
    assert_eq!(
        lines(&reports[0]),
        "id: 7\ntitle: [Triggered] CPU 100%\nbody: hot\ntime: - -\nseverity: High\n\
         tags: a | b\nurl: -\nauthor: -\nstatus: firing"
    );
}

#[test]
fn severities_are_priorities_first() {
    for (fields, severity) in [
        (r#""alert_priority":"P1","alert_type":"info""#, Some(Severity::Critical)),
        (r#""priority":"normal","alert_type":"error""#, Some(Severity::High)),
        (r#""priority":5"#, Some(Severity::Info)),
        (r#""alert_type":"warning""#, Some(Severity::Medium)),
        (r#""alert_type":"success""#, Some(Severity::Info)),
        (r#""priority":"normal""#, None),
    ] {
        assert_eq!(read(format!(r#"{{"title":"t",{fields}}}"#)).severity, severity, "{fields}");
    }
}

#[test]
fn monitors_are_kept_by_id_name_or_pattern() {
    let body = bytes("datadog/webhook.custom-template.json");
    let keeps = |monitors: Option<&[&str]>| {
        let monitors = monitors.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let source = open(DatadogSettings { monitors });
        match source.decode(&sent(body.clone()), now()).unwrap() {
            Decoded::Reports(_) => true,
            other => {
                assert_eq!(other, payload::filtered("monitors"));
                false
            }
        }
    };
    for kept in [None, Some(&["*"][..]), Some(&["4242"]), Some(&["x", "Checkout*"]), Some(&["*error rate*"])]
    {
        assert!(keeps(kept), "{kept:?}");
    }
    for left_out in [&[][..], &["424"], &["checkout*"], &["Checkout error rate"], &["*latency*"]] {
        assert!(!keeps(Some(left_out)), "{left_out:?}");
    }
    assert!(DatadogSettings { monitors: Some(vec![" ".into()]) }.check().is_err());
}

#[test]
fn nothing_to_read_and_answers_of_the_api_are_no_reports() {
    let source = open(DatadogSettings::default());
    let decode = |body: &str| source.decode(&sent(body), now()).unwrap();
    assert_eq!(decode(""), Decoded::Ignored(Ignored::Empty));
    assert_eq!(decode(r#"{"id":"7","date":"1735689600000"}"#), Decoded::Ignored(Ignored::Empty));
    for body in [r#"{"data":[]}"#, r#"[{"name":"monitor"}]"#] {
        assert_eq!(decode(body), payload::not_a_report("answer of the API"));
    }
}

proptest::proptest! {
    #[test]
    fn a_pattern_matches_what_it_was_made_of(parts in proptest::collection::vec("[a-c]{0,4}", 1..5)) {
        let text = parts.join("xy");
        let around = ["*", &text, "*"].concat();
        prop_assert!(matches(&parts.join("*"), &text) && matches("*", &text) && matches(&around, &text));
        prop_assert_eq!(matches("", &text), text.is_empty());
    }
}
