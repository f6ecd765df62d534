use super::*;
use crate::fixture::{bytes, lines, now, report, reports, sent};
use crate::signature::SecretHash;
use soulcaster_core::model::Inbound;
use soulcaster_core::{ErrorKind, Secret};

fn open(settings: SplunkSettings) -> SplunkWebhook {
    SplunkWebhook::new(Auth::AllowUnsigned, settings).unwrap()
}

fn read(body: impl Into<Vec<u8>>) -> Inbound {
    report(&open(SplunkSettings::default()), body)
}

#[test]
fn an_alert_is_mapped() {
    let report = read(bytes("splunk/search_one_result.json"));
    let id = report.external_id.clone().unwrap();
    assert!(id.starts_with("rt_scheduler__admin__search__sudo_at_1483557185_2.2:"), "{id}");
    let url = "http://example.com:8000/app/search/search?q=%7Cloadjob%20rt_scheduler__admin__search__sudo_at_\
               1483557185_2.2%20%7C%20head%201%20%7C%20tail%201&earliest=0&latest=now";
    assert_eq!(
        lines(&report),
        format!(
            "id: {id}\n\
             title: sudo\n\
             body: Jan  4 11:14:32 myserver sudo: pam_unix(sudo:session): session closed for user root\n\
             time: 2017-01-04T19:14:32+00:00 -\nseverity: -\n\
             tags: app:search | index:main | sourcetype:syslog | host:myserver\n\
             url: {url}\nauthor: admin\nstatus: -"
        )
    );
}

#[test]
fn a_search_without_a_name_and_a_result_without_raw_text_still_say_something() {
    let report = read(bytes("splunk/missing_search_name.json"));
    assert!(report.title.starts_with("Jan 4 11:14:32 myserver sudo"), "{}", report.title);
    let report = read(bytes("splunk/missing_raw.json"));
    assert_eq!(report.title, "sudo");
    assert!(report.body.starts_with('{') && report.body.contains(r#""host":"myserver""#), "{}", report.body);
    let report = read(bytes("splunk/unsaved_search.json"));
    assert_eq!(report.title, "Splunk alert");
    assert_eq!(report.body, r#"{"count":"8","severity":"high","sourcetype":"api"}"#);
    assert_eq!(report.severity, soulcaster_core::model::Severity::parse("high"));
    assert_eq!(report.occurred_at, None);
}

#[test]
fn each_row_of_a_search_is_a_report_of_its_own() {
    let id = |row: &str| read(format!(r#"{{"sid":"s","result":{row}}}"#)).external_id.unwrap();
    assert_ne!(id(r#"{"a":"1"}"#), id(r#"{"a":"2"}"#));
    assert_eq!(id(r#"{"a":"1","b":"2"}"#), id(r#"{ "b": "2", "a": "1" }"#));
}

#[test]
fn a_detector_is_mapped_and_its_end_is_a_later_version() {
    let source = open(SplunkSettings::default());
    let fires = reports(&source, bytes("splunk/observability.anomalous.json")).remove(0);
    assert_eq!(
        lines(&fires),
        "id: incident:FxW1AAAAAAA\n\
         title: Major Alert: checkout latency (Checkout detector)\n\
         body: p99 latency of checkout is above 500 ms for 5 minutes.⏎⏎The value of latency.p99 is above 500.\n\
         time: 2025-06-01T10:00:00+00:00 -\n\
         severity: High\n\
         tags: service:checkout | sf_metric:latency.p99\n\
         url: https://app.us1.signalfx.com/#/detector/FwTqWCPAgAA/edit?incidentId=FxW1AAAAAAA\n\
         author: -\nstatus: firing"
    );
    let ends = reports(&source, bytes("splunk/observability.ok.json")).remove(0);
    assert_eq!(ends.external_id, fires.external_id);
    assert_eq!(ends.metadata["status"], "resolved");
    assert!(ends.seen_at() > fires.seen_at());
}

#[test]
fn searches_are_kept_by_name() {
    let decode = |searches: Option<&[&str]>, file: &str| {
        let searches = searches.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let source = open(SplunkSettings { searches });
        source.decode(&sent(bytes(file)), now()).unwrap()
    };
    let (sudo, unsaved) = ("splunk/search_one_result.json", "splunk/unsaved_search.json");
    let detector = "splunk/observability.anomalous.json";
    for (searches, file) in [
        (None, unsaved),
        (Some(&["other", "sudo"][..]), sudo),
        (Some(&["Checkout detector"]), detector),
        (Some(&["p99 too high"]), detector),
    ] {
        assert!(matches!(decode(searches, file), Decoded::Reports(_)), "{searches:?} {file}");
    }
    for (searches, file) in [(&[][..], sudo), (&["Sudo"], sudo), (&["sudo"], unsaved), (&["sudo"], detector)]
    {
        assert_eq!(decode(Some(searches), file), payload::filtered("searches"), "{searches:?} {file}");
    }
}

fn send(source: &SplunkWebhook, path: &str) -> Result<Decoded> {
    source.decode(&Delivery { path: path.into(), ..sent(bytes("splunk/missing_raw.json")) }, now())
}

#[test]
fn the_path_token_is_compared_by_its_hash() {
    let secrets = ["kP3x-new", "kP3x-old"].map(|token| SecretHash::of(&Secret::new(token))).into();
    let source = SplunkWebhook::new(Auth::PathToken { secrets }, SplunkSettings::default()).unwrap();
    for path in ["/ingest/splunk/k1/kP3x-new", "/ingest/splunk/k1/kP3x-old/", "/kP3x-new?x=1"] {
        let Ok(Decoded::Reports(reports)) = send(&source, path) else { panic!("{path} was refused") };
        assert_eq!(reports[0].auth_strength, AuthStrength::SharedSecret);
    }
    for path in
        ["", "/", "/ingest/splunk/k1/", "/ingest/splunk/kP3x-new/k1", "/x?token=kP3x-new", "/x?/kP3x-new"]
    {
        let error = send(&source, path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{path}");
        assert_eq!(error.message(), "the path does not end in an active token");
    }
    assert!(!format!("{source:?}").contains("kP3x"));
}
