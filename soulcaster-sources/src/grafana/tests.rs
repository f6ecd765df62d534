use super::*;
use crate::fixture::{bytes, lines, report};

fn open() -> GrafanaWebhook {
    GrafanaWebhook::new(Auth::AllowUnsigned, GrafanaSettings::default()).unwrap()
}

#[test]
fn an_alert_is_mapped_with_its_values() {
    let report = report(&open(), bytes("grafana/v11.values.json"));
    assert_eq!(
        lines(&report),
        "id: e6349a25f5ef0e9e:2024-03-01T02:09:00Z\n\
         title: Memory (copy)\n\
         body: High memory usage⏎⏎[ var='A' labels={instance=node_exporter:9100, job=node} value=2.473545728e+09 ], \
         [ var='B' labels={instance=node_exporter:9100, job=node} value=0 ], [ var='C' labels={} value=1 ], \
         [ var='minute' labels={} value=9 ]\n\
         time: 2024-03-01T02:09:00+00:00 -\nseverity: -\n\
         tags: alertname:Memory (copy) | debug:true | grafana_folder:device\n\
         url: https://play.grafana.org/alerting/grafana/dd2f0260-3cfc-4c65-a4c4-f3f632c551f4/view?orgId=1\n\
         author: -\nstatus: firing"
    );
    assert!(report.metadata["silence_url"].as_str().unwrap().contains("/alerting/silence/new"));
}

#[test]
fn a_relative_link_is_joined_to_the_address_of_grafana() {
    let test = report(&open(), bytes("grafana/v12.test-alert.json"));
    assert_eq!(test.url.as_deref(), Some("https://grafana.example.com/?orgId=1"));
    let url = |base: &str, link: &str| {
        let body = format!(
            r#"{{"externalURL":"{base}","alerts":[{{"labels":{{"alertname":"A"}},"generatorURL":"{link}"}}]}}"#
        );
        report(&open(), body).url
    };
    assert_eq!(url("https://g.example/sub", "/a/b").as_deref(), Some("https://g.example/sub/a/b"));
    assert_eq!(
        url("https://g.example", "https://other.example/x").as_deref(),
        Some("https://other.example/x")
    );
    for (base, link) in [
        ("https://g.example", "javascript:alert(1)"),
        ("https://g.example", "//evil.invalid"),
        ("ftp://g", "?a"),
        ("", ""),
    ] {
        assert_eq!(url(base, link), None, "{base} {link}");
    }
}

#[test]
fn a_legacy_alert_is_mapped() {
    let legacy = report(&open(), bytes("grafana/alerta.grafana_alert_alerting.json"));
    assert_eq!(
        lines(&legacy),
        "id: rule:7\n\
         title: Zeta CPU alert\n\
         body: boom!⏎⏎user = 97.007606\n\
         time: - -\nseverity: -\n\
         tags: __name__:netdata_cpu_cpu_percentage_average | chart:cpu.cpu0 | dimension:user | family:utilization | \
         info.host_id:i-0d0721c7f97545d43 | instance:zeta.domain | job:monitoring\n\
         url: https://grafana.domain.tld/dashboard/db/alarms?fullscreen&edit&tab=alert&panelId=1&orgId=1\n\
         author: -\nstatus: firing"
    );
    let ok = report(
        &open(),
        r#"{"ruleId":7,"ruleName":"Zeta CPU alert","state":"ok","tags":{"severity":"high"}}"#,
    );
    assert_eq!(ok.external_id, legacy.external_id);
    assert_eq!(ok.metadata["status"], "resolved");
    assert_eq!(ok.severity, Some(Severity::High));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let with = |settings: GrafanaSettings| GrafanaWebhook::new(Auth::AllowUnsigned, settings).is_err();
    assert!(with(GrafanaSettings { signature_header: String::new(), ..GrafanaSettings::default() }));
    assert!(with(GrafanaSettings { timestamp_header: Some("a: b".into()), ..GrafanaSettings::default() }));
    assert!(with(GrafanaSettings { tolerance_seconds: 0, ..GrafanaSettings::default() }));
}
