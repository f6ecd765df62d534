use super::*;
use crate::fixture::{at, bytes, lines, now, reports, sent};
use proptest::prelude::{any, prop_assert};

fn open() -> OtlpWebhook {
    OtlpWebhook::new(Auth::AllowUnsigned, OtlpSettings::default()).unwrap()
}

/// Writes a JSON request as protobuf, as an exporter would.
pub(crate) mod protobuf {
    use serde_json::Value;

    fn varint(mut value: u64, out: &mut Vec<u8>) {
        while value > 0x7f {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn bytes(field: u64, value: &[u8], out: &mut Vec<u8>) {
        varint(field << 3 | 2, out);
        varint(value.len() as u64, out);
        out.extend_from_slice(value);
    }

    fn text(field: u64, value: &Value, out: &mut Vec<u8>) {
        if let Some(value) = value.as_str() {
            bytes(field, value.as_bytes(), out);
        }
    }

    fn fixed(field: u64, value: &Value, out: &mut Vec<u8>) {
        if let Some(value) = value.as_str() {
            varint(field << 3 | 1, out);
            out.extend_from_slice(&value.parse::<u64>().unwrap().to_le_bytes());
        }
    }

    fn each(field: u64, list: &Value, write: fn(&Value) -> Vec<u8>, out: &mut Vec<u8>) {
        for value in list.as_array().into_iter().flatten() {
            bytes(field, &write(value), out);
        }
    }

    fn any(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        text(1, &value["stringValue"], &mut out);
        if let Some(flag) = value["boolValue"].as_bool() {
            out.extend([2 << 3, u8::from(flag)]);
        }
        if let Some(number) = value["intValue"].as_str() {
            varint(3 << 3, &mut out);
            varint(number.parse::<i64>().unwrap().cast_unsigned(), &mut out);
        }
        if let Some(number) = value["doubleValue"].as_f64() {
            varint(4 << 3 | 1, &mut out);
            out.extend(number.to_bits().to_le_bytes());
        }
        for (field, kind, write) in
            [(5, "arrayValue", any as fn(&Value) -> Vec<u8>), (6, "kvlistValue", key_value)]
        {
            if value.get(kind).is_some() {
                let mut inner = Vec::new();
                each(1, &value[kind]["values"], write, &mut inner);
                bytes(field, &inner, &mut out);
            }
        }
        out
    }

    fn key_value(pair: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        text(1, &pair["key"], &mut out);
        bytes(2, &any(&pair["value"]), &mut out);
        out
    }

    fn record(record: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        fixed(1, &record["timeUnixNano"], &mut out);
        varint(2 << 3, &mut out);
        varint(record["severityNumber"].as_u64().unwrap(), &mut out);
        text(3, &record["severityText"], &mut out);
        bytes(5, &any(&record["body"]), &mut out);
        each(6, &record["attributes"], key_value, &mut out);
        varint(8 << 3 | 5, &mut out);
        out.extend([1, 0, 0, 0]);
        for (field, name) in [(9, "traceId"), (10, "spanId")] {
            if let Some(id) = record[name].as_str() {
                bytes(field, &crate::signature::hex(&id.to_lowercase()).unwrap(), &mut out);
            }
        }
        fixed(11, &record["observedTimeUnixNano"], &mut out);
        text(12, &record["eventName"], &mut out);
        out
    }

    fn scope(logs: &Value) -> Vec<u8> {
        let (mut scope, mut out) = (Vec::new(), Vec::new());
        text(1, &logs["scope"]["name"], &mut scope);
        text(2, &logs["scope"]["version"], &mut scope);
        bytes(1, &scope, &mut out);
        each(2, &logs["logRecords"], record, &mut out);
        out
    }

    fn group(group: &Value) -> Vec<u8> {
        let (mut resource, mut out) = (Vec::new(), Vec::new());
        each(1, &group["resource"]["attributes"], key_value, &mut resource);
        bytes(1, &resource, &mut out);
        each(2, &group["scopeLogs"], scope, &mut out);
        out
    }

    pub(crate) fn request(json: &[u8]) -> Vec<u8> {
        let json: Value = serde_json::from_slice(json).unwrap();
        let mut out = Vec::new();
        each(1, &json["resourceLogs"], group, &mut out);
        out
    }
}

#[test]
fn errors_and_warnings_are_mapped_and_the_rest_is_left_out() {
    let reports = reports(&open(), bytes("otlp/error.json"));
    let [error, warning] = reports.as_slice() else { panic!("{}", reports.len()) };
    let id = error.external_id.clone().unwrap();
    assert_eq!(
        lines(error),
        format!(
            "id: {id}\n\
             title: TimeoutError: no answer from db-1 in 5000 ms\n\
             body: order 42 was not saved⏎⏎no answer from db-1 in 5000 ms⏎⏎at save (orders.js:12:3)⏎at submit (cart.js:40:9)\n\
             time: 2025-01-01T00:00:00.123456789+00:00 -\n\
             severity: High\n\
             tags: service:checkout | http.route:/orders | retries:3\n\
             url: -\nauthor: -\nstatus: -"
        )
    );
    assert_eq!(id.len(), 32);
    for (name, value) in [
        ("service.name", "checkout"),
        ("environment", "production"),
        ("scope", "shop.orders"),
        ("trace_id", "5b8efff798038103d269b633813fc60c"),
    ] {
        assert_eq!(error.metadata[name], value, "{name}");
    }
    assert_eq!(warning.title, "queue.backlog");
    assert_eq!(warning.body, r#"{"queue":"mail","waiting":900}"#);
    assert_eq!(warning.severity, Some(Severity::Medium));
    assert_eq!(warning.occurred_at, Some(at("2025-01-01T00:00:01Z")));
}

#[test]
fn protobuf_says_the_same_as_json() {
    for file in ["otlp/error.json", "otlp/logs.json"] {
        let json = bytes(file);
        let body = protobuf::request(&json);
        let source = OtlpWebhook::new(Auth::AllowUnsigned, OtlpSettings { min_severity: 1 });
        let source = source.unwrap();
        let bare = |mut reports: Vec<Inbound>| {
            reports.iter_mut().for_each(|report| report.raw_payload = None);
            reports
        };
        let binary = Delivery {
            headers: vec![("Content-Type".into(), "application/x-protobuf".into())],
            path: "/v1/logs".into(),
            ..sent(body.clone())
        };
        let Ok(Decoded::Reports(from_binary)) = source.decode(&binary, now()) else { panic!("{file}") };
        assert_eq!(bare(from_binary), bare(reports(&source, json)), "{file}");
        assert_eq!(bare(reports(&source, body.clone())).len(), bare(reports(&source, body)).len());
    }
}

#[test]
fn an_exception_is_a_report_at_any_severity_and_a_severity_may_be_a_word() {
    let record = |record: &str| {
        let body = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
        open().decode(&sent(body), now()).unwrap()
    };
    let exception =
        r#"{"severityNumber":5,"attributes":[{"key":"exception.type","value":{"stringValue":"E"}}]}"#;
    let Decoded::Reports(reports) = record(exception) else { panic!("left out") };
    assert_eq!((reports[0].title.as_str(), reports[0].severity), ("E", Some(Severity::Info)));
    let word = r#"{"severityText":"Error","body":{"stringValue":"no disk\nat all"}}"#;
    let Decoded::Reports(reports) = record(word) else { panic!("left out") };
    assert_eq!((reports[0].title.as_str(), reports[0].severity), ("no disk", Some(Severity::High)));
    assert_eq!(reports[0].occurred_at, None);
    assert_eq!(record(r#"{"body":{"stringValue":"x"}}"#), payload::filtered("min_severity"));
    assert_eq!(record(r#"{"severityNumber":17}"#), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn metrics_and_traces_are_no_reports() {
    for (file, what) in [("otlp/metrics.json", "metrics"), ("otlp/trace.json", "traces")] {
        let decoded = open().decode(&sent(bytes(file)), now()).unwrap();
        assert_eq!(decoded, payload::not_a_report(what));
        let sent = Delivery { path: format!("/ingest/otlp/v1/{what}"), ..sent(vec![0x0a, 0x02, 0x12, 0x00]) };
        assert_eq!(open().decode(&sent, now()).unwrap(), payload::not_a_report(what));
    }
    let decoded = open().decode(&sent(bytes("otlp/logs.json")), now()).unwrap();
    assert_eq!(decoded, payload::filtered("min_severity"));
    assert_eq!(
        open().decode(&sent(r#"{"resourceLogs":[]}"#), now()).unwrap(),
        Decoded::Ignored(Ignored::Empty)
    );
}

#[test]
fn records_of_a_vast_request_keep_their_own_bytes() {
    let record = |n: usize| {
        let severity = if n.is_multiple_of(2) { 17 } else { 9 };
        format!(r#"{{"severityNumber":{severity},"body":{{"stringValue":"{n} {}"}}}}"#, "x".repeat(2000))
    };
    let records: Vec<String> = (0..400).map(record).collect();
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{}]}}]}}]}}"#, records.join(","));
    for body in [json.clone().into_bytes(), protobuf::request(json.as_bytes())] {
        let Ok(Decoded::Reports(reports)) = open().decode(&sent(body), now()) else { panic!("refused") };
        assert_eq!(reports.len(), 200);
        for (n, report) in reports.iter().enumerate() {
            let start = format!("{} x", n * 2);
            let raw = String::from_utf8_lossy(report.raw_payload.as_deref().unwrap()).into_owned();
            assert!(report.body.starts_with(&start) && raw.contains(&start) && raw.len() < 2200);
        }
    }
}

#[test]
fn deep_and_broken_protobuf_is_refused() {
    let read = |body: Vec<u8>| {
        let headers = vec![("content-type".to_owned(), "application/x-protobuf".to_owned())];
        open().decode(&Delivery { headers, ..sent(body) }, now())
    };
    let mut deep = vec![];
    for _ in 0..200 {
        let wrap = |field: u8, inner: &[u8]| {
            let mut out = vec![field << 3 | 2, 0x80 | (inner.len() & 0x7f) as u8, (inner.len() >> 7) as u8];
            out.extend_from_slice(inner);
            out
        };
        deep = wrap(5, &wrap(1, &deep));
    }
    let mut body = vec![0x2a, 0x80 | (deep.len() & 0x7f) as u8, (deep.len() >> 7) as u8];
    body.extend(deep);
    for field in [2, 2, 1] {
        let mut outer = vec![field << 3 | 2, 0x80 | (body.len() & 0x7f) as u8, (body.len() >> 7) as u8];
        outer.extend(body);
        body = outer;
    }
    let error = read(body).unwrap_err();
    assert_eq!(error.message(), "a value nests deeper than 32");
    let groups = [0x0a, 0x04, 0x12, 0x02, 0x12, 0x00].repeat(10_000);
    assert_eq!(read(groups).unwrap_err().message(), "more than 20000 resources, scopes and records");
    for body in [vec![0x0a], vec![0x0a, 0x05, 0x00], vec![0xff; 20], vec![0x08, 0x01, 0x0b], vec![0x00, 0x00]]
    {
        assert_eq!(read(body.clone()).unwrap_err().kind(), soulcaster_core::ErrorKind::Invalid, "{body:?}");
    }
    assert_eq!(read(vec![0x10, 0x01]).unwrap(), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for min_severity in [0, 25] {
        assert!(OtlpSettings { min_severity }.check().is_err());
    }
}

proptest::proptest! {
    #[test]
    fn mutated_protobuf_is_read_or_refused(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut body = protobuf::request(&bytes("otlp/error.json"));
        for (place, byte) in changes {
            let place = place % body.len();
            body[place] = byte;
        }
        let headers = vec![("content-type".to_owned(), "application/x-protobuf".to_owned())];
        match open().decode(&Delivery { headers, ..sent(body) }, now()) {
            Ok(Decoded::Reports(reports)) => prop_assert!(reports.iter().all(|report| report.check().is_ok())),
            Ok(_) => {}
            Err(error) => prop_assert!(error.kind() == soulcaster_core::ErrorKind::Invalid),
        }
    }
}
