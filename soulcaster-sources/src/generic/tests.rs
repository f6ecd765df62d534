use serde_json::json;
use soulcaster_core::ErrorKind;
use soulcaster_core::model::Inbound;

use super::*;
use crate::fixture::{bytes, decoded, delivery, now, report, reports, shown};

fn source(mapping: Mapping) -> GenericWebhook {
    GenericWebhook::new("monitor", Auth::AllowUnsigned, mapping).unwrap()
}

fn read(file: &str) -> Inbound {
    report(&source(Mapping::default()), bytes(&format!("generic/{file}.json")))
}

#[test]
fn usual_names_fill_every_field() {
    assert_eq!(
        shown(&read("alerta.pingdom_down")),
        json!({
            "source": "monitor",
            "external_id": "803318",
            "title": "Alerta API on OpenShift",
            "body": "HTTP Server Error 503 Service Unavailable",
            "url": "http://api.alerta.io/",
            "severity": "high",
            "metadata": {"status": "DOWN"},
            "occurred_at": "2017-06-30T22:25:43Z",
            "auth_strength": "none",
        })
    );
    let relic = read("alerta.new_relic_notification");
    assert_eq!(
        (relic.title.as_str(), relic.body.as_str()),
        ("New Relic Alert - Test Condition", "I am a test Violation")
    );
    assert_eq!(relic.occurred_at.unwrap().timestamp_millis(), 1_601_033_007_849);
    assert_eq!(read("alerta.cloudwatch_notification").title, "ALARM: \"bucketbytesAlarm\" in EU (Ireland)");
    let answer = decoded(
        &source(Mapping::default()),
        bytes("generic/alerta.cloudwatch_subscription_confirmation.json"),
    );
    assert_eq!(answer, payload::not_a_report("SubscriptionConfirmation"));
}

#[test]
fn mapping_finds_fields_where_it_says() {
    let mapping: Mapping = serde_json::from_value(json!({
        "external_id": "/alert/ref", "title": ["/none", "/alert/what"], "body": "/alert/notes/0",
            "author": "/by",
        "url": "/alert/see", "severity": "/alert/how", "tags": "/labels", "occurred_at": "/at",
        "updated_at": "/changed",
        "status": "/alert/now", "metadata": {"region": "/where"}
    }))
    .unwrap();
    let body = json!({"alert": {"ref": 7, "what": "Disk\nfull", "notes": ["now"], "see": "https://x/1",
        "how": "P1", "now": "open"},
        "by": "ada", "labels": {"env": "prod"}, "at": 1_700_000_000, "changed": "2023-11-15", "where": "eu"});
    assert_eq!(
        shown(&report(&source(mapping), body.to_string())),
        json!({
            "source": "monitor", "external_id": "7", "title": "Disk full", "body": "now", "author": "ada",
            "url": "https://x/1", "severity": "critical", "tags": ["env:prod"],
            "metadata": {"status": "open", "region": "eu"}, "occurred_at": "2023-11-14T22:13:20Z",
            "updated_at": "2023-11-15T00:00:00Z", "auth_strength": "none",
        })
    );
}

#[test]
fn a_list_is_many_reports() {
    let mapping = Mapping { items: Some("/a/1/rows".into()), ..Mapping::default() };
    let (one, two) =
        (r#"{"title" : "one", "tags": "x, y,"}"#, r#"{"title":"two","tags":["x",{"name":"z"},7]}"#);
    let body = format!(r#" {{"a": [0, {{"rows": [ {one}, {two} ]}}]}}"#);
    let Decoded::Reports(reports) = decoded(&source(mapping), body) else { panic!() };
    assert_eq!(
        (&reports[0].tags[..], &reports[1].tags[..]),
        (&["x", "y"].map(String::from)[..], &["x", "z", "7"].map(String::from)[..])
    );
    let Decoded::Reports(reports) =
        decoded(&source(Mapping::default()), "[{\"title\":\"a\"}, {\"text\":\"b\\nc\"}]")
    else {
        panic!()
    };
    assert_eq!(reports[1].title, "b");
    assert_eq!(decoded(&source(Mapping::default()), "[]"), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn json_lines_are_many_reports() {
    let lines = "\u{feff}{\"title\": \"a\", \"id\": 1}\r\n\n {\"text\": \"b\\nc\", \"tags\": \"x\"}\n{\"title\": \"d\"}\n\n";
    let all = reports(&source(Mapping::default()), lines);
    assert_eq!(all.iter().map(|report| report.title.as_str()).collect::<Vec<_>>(), ["a", "b", "d"]);
    assert_eq!((all[0].external_id.as_deref(), all[1].tags.as_slice()), (Some("1"), &["x".to_owned()][..]));
    for one in ["{\"title\": \"a\"}\n\n", "{\n\"title\": \"a\"\n}\n", "{\"x\": {\n}, \"title\": \"a\"}"] {
        assert_eq!(report(&source(Mapping::default()), one).title, "a");
    }
}

#[test]
fn a_delivery_is_kept_whole_or_refused() {
    let refused = |mapping: Mapping, body: &str| {
        let error = source(mapping).decode(&delivery(&[], body), now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        error.message().to_owned()
    };
    let none = refused(Mapping::default(), r#"[{"title":"a"},{"title":" "}]"#);
    assert_eq!(none, "entry 1: no text: title and body are missing or empty");
    assert!(
        refused(Mapping::default(), r#"[{"title":"a"},{"title":"b","id":1e30}]"#).starts_with("entry 1: /id")
    );
    assert_eq!(refused(Mapping { items: Some("/x".into()), ..Mapping::default() }, "{}"), "/x is not a list");
    let lines = |second: &str| refused(Mapping::default(), &format!("{{\"title\":\"a\"}}\n{second}\n"));
    assert_eq!(lines("{\"title\":7,"), "entry 1: the body is not JSON at line 1 column 11");
    assert_eq!(lines("{\"title\":\"\"}"), "entry 1: no text: title and body are missing or empty");
    assert_eq!(lines("7"), "entry 1: no text: title and body are missing or empty");
    assert_eq!(lines(&"{}\n".repeat(10_000)), "the body holds more than 10000 lines");
    refused(Mapping::default(), "7");
    refused(Mapping::default(), "{");
    assert_eq!(decoded(&source(Mapping::default()), "{\"x\":1}"), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn settings_are_checked() {
    let refused =
        |name: &str, mapping: Mapping| GenericWebhook::new(name, Auth::AllowUnsigned, mapping).is_err();
    assert!(refused("", Mapping::default()) && refused("a\nb", Mapping::default()));
    assert!(refused("x", Mapping { title: vec!["title".into()], ..Mapping::default() }));
    assert!(refused("x", Mapping { items: Some("rows".into()), ..Mapping::default() }));
    assert!(refused("x", Mapping { title: vec![], body: vec![], ..Mapping::default() }));
    assert!(serde_json::from_str::<Mapping>("{\"titel\": \"/x\"}").is_err());
}
