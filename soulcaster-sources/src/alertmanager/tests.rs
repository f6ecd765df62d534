use super::*;
use crate::fixture::{at, bytes, lines, now, report, reports, sent};
use soulcaster_core::ProjectId;
use soulcaster_core::model::FeedbackItem;

fn open() -> AlertmanagerWebhook {
    AlertmanagerWebhook::new(Auth::AllowUnsigned).unwrap()
}

#[test]
fn an_alert_is_mapped() {
    let report = report(&open(), bytes("alertmanager/msteams.prom_post_request.json"));
    let id = report.external_id.clone().unwrap();
    assert!(id.ends_with(":2018-03-07T11:33:21.873077559Z"), "{id}");
    assert_eq!(
        lines(&report),
        format!(
            "id: {id}\n\
             title: high_memory_load\n\
             body: Server High Memory usage⏎⏎10.80.40.11 reported high memory usage with 23.28%.\n\
             time: 2018-03-07T11:33:21.873077559+00:00 -\n\
             severity: Medium\n\
             tags: alertname:high_memory_load | instance:instance-with-hyphen_and_underscore | \
             job:docker_nodes | monitor:master | severity:warning\n\
             url: -\nauthor: -\nstatus: firing"
        )
    );
}

#[test]
fn every_alert_of_a_group_is_a_report_with_its_own_status() {
    let alerts = reports(&open(), bytes("alertmanager/v4.mixed-firing-resolved.json"));
    let [fires, ends] = alerts.as_slice() else { panic!("{}", alerts.len()) };
    assert_eq!(
        lines(fires),
        "id: 0000000000000001:2025-06-01T10:00:00.123456789Z\n\
         title: DiskWillFill\n\
         body: db-1 /data fills in 4h\n\
         time: 2025-06-01T10:00:00.123456789+00:00 -\n\
         severity: Medium\n\
         tags: alertname:DiskWillFill | instance:db-1:9100 | mountpoint:/data | severity:warning\n\
         url: http://prom.example:9090/graph?g0.expr=x\nauthor: -\nstatus: firing"
    );
    assert_eq!(fires.metadata["runbook_url"], "https://runbooks.example/disk");
    assert_eq!(ends.metadata["status"], "resolved");
    assert_eq!(ends.updated_at, Some(at("2025-06-01T11:00:00Z")));
    let two = reports(&open(), bytes("alertmanager/zulip.two-alerts.json"));
    assert_eq!(two.len(), 2);
    assert_ne!(two[0].external_id, two[1].external_id);
    assert_eq!(two[0].tags, two[1].tags);
}

fn group(alert: &str) -> String {
    format!(r#"{{"version":"4","status":"firing","alerts":[{alert}]}}"#)
}

#[test]
fn a_resolution_stands_whatever_arrives_first() {
    let fires = r#"{"status":"firing","labels":{"alertname":"A"},"startsAt":"2025-06-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f"}"#;
    for ends_at in ["2025-06-01T10:30:00Z", "2025-06-01T10:00:00Z", "0001-01-01T00:00:00Z", "nonsense"] {
        let ends = fires.replace("firing", "resolved").replace("0001-01-01T00:00:00Z", ends_at);
        let project = ProjectId::new("p").unwrap();
        let versions = [fires, &ends].map(|alert| report(&open(), group(alert)));
        assert_eq!(versions[0].external_id, versions[1].external_id);
        let settled = |order: [usize; 2]| {
            let mut item = FeedbackItem::first(&project, versions[order[0]].clone(), now());
            item.absorb(versions[order[1]].clone(), now());
            item.raw_payload = None;
            item
        };
        assert_eq!(settled([0, 1]), settled([1, 0]), "{ends_at}");
        assert_eq!(settled([1, 0]).metadata["status"], "resolved", "{ends_at}");
    }
}

#[test]
fn an_alert_without_a_name_is_named_by_what_it_says() {
    let title = |alert: &str| report(&open(), group(alert)).title;
    assert_eq!(title(r#"{"annotations":{"summary":"s","description":"d"}}"#), "s");
    assert_eq!(title(r#"{"annotations":{"description":"d\nmore"}}"#), "d");
    assert_eq!(title(r#"{"labels":{"job":"j","zone":"z"}}"#), "job:j, zone:z");
}

#[test]
fn the_group_is_kept_whole_or_not_at_all() {
    let decode = |body: &str| open().decode(&sent(body), now());
    assert_eq!(decode(r#"{"version":"4","alerts":[]}"#).unwrap(), Decoded::Ignored(Ignored::Empty));
    for body in [group(r#"{"labels":{"alertname":"A"}},7"#), "{}".into(), r#"{"alerts":{}}"#.into()] {
        assert_eq!(decode(&body).unwrap_err().kind(), soulcaster_core::ErrorKind::Invalid, "{body}");
    }
}
