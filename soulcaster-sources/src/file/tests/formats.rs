//! What is read, and what becomes of each field.

use serde_json::json;
use soulcaster_core::model::Severity;

use super::*;

#[test]
fn json_lines_are_read_with_any_line_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = [r#"{"title":"a"}"#, "", r#"{"title":"b"}"#, r#"{"title":"c"}"#].join(end);
        assert_eq!(outline(&rows(&text)), [(1, "a"), (3, "b"), (4, "c")], "{end:?}");
        assert_eq!(
            outline(&rows(format!("\u{feff}{end}{text}{end}"))),
            [(2, "a"), (4, "b"), (5, "c")],
            "{end:?}"
        );
    }
}

#[test]
fn raw_payload_is_the_line_the_element_or_the_record() {
    let raw = |text: &str| {
        rows(text).into_iter().map(|row| row.result.unwrap().raw_payload.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        raw("{\"title\": \"a\"} \r\n {\"title\":\"b\"}"),
        [&b"{\"title\": \"a\"} "[..], b" {\"title\":\"b\"}"]
    );
    assert_eq!(
        raw("[ {\"title\": \"a\"} ,\n{\"title\":\"b\"\n}]"),
        [&b"{\"title\": \"a\"}"[..], b"{\"title\":\"b\"\n}"]
    );
    assert_eq!(raw("id,title\r\n1,\"a\nb\"\r\n2,c"), [&b"1,\"a\nb\""[..], b"2,c"]);
}

#[test]
fn arrays_are_read_compact_pretty_wrapped_and_one_after_another() {
    let compact = r#"[{"title":"a","x":{"y":["]"]}},{"title":"b"}]"#;
    assert_eq!(outline(&rows(compact)), [(1, "a"), (1, "b")]);
    let pretty = "[\n  {\n    \"title\": \"a\",\n    \"x\": [\n      {}\n    ]\n  },\n  {\n    \"title\": \"b\"\n  }\n]\n";
    assert_eq!(outline(&rows(pretty)), [(2, "a"), (8, "b")]);
    for wrapped in [
        "{\"items\":[{\"title\":\"a\"},{\"title\":\"b\"}]}",
        "{\"total\": 2, \"next\": null,\"issues\": [{\"title\":\"a\"},{\"title\":\"b\"}], \"more\": {\"x\": [\"}\"]}}\n",
    ] {
        assert_eq!(outline(&rows(wrapped)), [(1, "a"), (1, "b")], "{wrapped}");
        assert_eq!(format(wrapped), Format::JsonArray);
    }
    assert_eq!(
        outline(&rows("[{\"title\":\"a\"}][{\"title\":\"b\"}]\n{\"title\":\"c\"}\n")),
        [(1, "a"), (1, "b"), (2, "c")]
    );
    assert_eq!(outline(&rows("[\r{\"title\":\"a\"}\n,{\"title\":\"b\"}]")), [(2, "a"), (3, "b")]);
    assert_eq!(rows("[]"), []);
    assert_eq!(rows(" [ \n ] "), []);
    assert_eq!(format("[]"), Format::JsonArray);
}

#[test]
fn a_report_with_a_list_in_it_is_not_taken_for_a_list() {
    let item = only(r#"{"items":[{"title":"inner"}],"title":"outer"}"#);
    assert_eq!(item.title, "outer");
    assert_eq!(item.metadata["items"], json!([{"title": "inner"}]));
    let lines = "{\"data\":[{\"title\":\"inner\"}],\"key\":\"1\"}\n{\"title\":\"b\"}\n";
    assert_eq!(format(lines), Format::JsonLines);
}

#[test]
fn objects_over_several_lines_are_read_one_after_another() {
    let text = "{\n  \"title\": \"a\"\n}\n{\n  \"title\": \"b\"\n}\n";
    assert_eq!(format(text), Format::JsonObjects);
    assert_eq!(outline(&rows(text)), [(1, "a"), (4, "b")]);
    assert_eq!(only("{\"title\":\"one\"}").title, "one");
}

#[test]
fn tables_are_read_with_each_delimiter() {
    for delimiter in [',', ';', '\t'] {
        let text =
            "id|title|body\n1|\"a \"\"b\"\"|c\"|\"two\nlines\"\n\n2|d\n".replace('|', &delimiter.to_string());
        let rows = rows(&text);
        assert_eq!(format(&text), Format::Table { delimiter });
        let title = format!("a \"b\"{delimiter}c");
        assert_eq!(outline(&rows), [(2, title.as_str()), (5, "d")]);
        assert_eq!(rows[0].result.as_ref().unwrap().body, "two\nlines");
        assert_eq!(rows[1].warnings, ["2 cells under 3 columns; the last ones are taken as empty"]);
    }
}

#[test]
fn tables_are_read_with_any_line_end() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["\u{feff}ID,Title", "1,a", "", "2,\"b", "c\"", "3,d"].join(end);
        assert_eq!(outline(&rows(&text)), [(2, "a"), (4, format!("b{end}c").as_str()), (6, "d")], "{end:?}");
    }
}

#[test]
fn an_empty_first_column_is_a_column() {
    let item = only("\ttitle\n7\ta\n");
    assert_eq!((item.title.as_str(), &item.metadata["column_1"]), ("a", &json!("7")));
}

#[test]
fn archives_are_read_by_content_also_in_several_members() {
    let mut packed = gzip("{\"title\":\"a\"}\n{\"ti");
    packed.extend(gzip("tle\":\"b\"}\n"));
    assert_eq!(outline(&rows(&packed)), [(1, "a"), (2, "b")]);
    assert_eq!(outline(&rows(gzip("title\na\n"))), [(2, "a")]);
    assert_eq!(format(gzip("")), Format::Empty);
}

#[test]
fn a_file_without_reports_says_so() {
    assert_eq!((format(""), format("\u{feff}")), (Format::Empty, Format::Empty));
    assert_eq!((format("\n \r\n\t"), format("\n".repeat(200_000))), (Format::Blank, Format::Blank));
    assert!(format("").is_empty() && format("\n").is_empty() && !format("[]").is_empty());
    assert_eq!(rows("\n\n"), []);
    assert_eq!(outline(&rows("\n".repeat(200_000) + "{\"title\":\"a\"}")), [(200_001, "a")]);
}

#[test]
fn every_field_is_found_under_its_names() {
    let item = only(
        r#"{"External-ID":7,"Subject":"a","Description":"b","source":"web","occurredAt":"2024-01-03","link":"http://x",
        "user":{"id":1,"login":"ann"},"priority":"P1","labels":["x",{"name":"y"},null,3],"label":"z","n":null,"deep":{"k":[1]}}"#
            .replace('\n', ""),
    );
    assert_eq!((item.external_id.as_deref(), item.title.as_str(), item.body.as_str()), (Some("7"), "a", "b"));
    assert_eq!(
        (item.source.as_str(), item.url.as_deref(), item.author.as_deref()),
        ("web", Some("http://x"), Some("ann"))
    );
    assert_eq!(item.occurred_at.unwrap().to_rfc3339(), "2024-01-03T00:00:00+00:00");
    assert_eq!(
        (item.severity, item.tags),
        (Some(Severity::Critical), vec!["x".into(), "y".into(), "3".into()])
    );
    assert_eq!(json!(item.metadata), json!({"label": "z", "deep": {"k": [1]}}));
}

#[test]
fn the_best_name_is_used_and_the_others_are_kept() {
    let item = only(
        r#"{"id":"1","key":"2","name":"c","title":"","summary":"b","text":"e","body":"d","date":1,"created_at":"2024-01-03"}"#,
    );
    assert_eq!((item.external_id.as_deref(), item.title.as_str(), item.body.as_str()), (Some("1"), "b", "d"));
    assert_eq!(json!(item.metadata), json!({"key": "2", "name": "c", "text": "e", "date": 1}));
}

#[test]
fn a_message_is_the_title_or_else_the_body() {
    let texts = |text: &str| {
        let item = only(text);
        (item.title, item.body, json!(item.metadata))
    };
    assert_eq!(texts(r#"{"message":"m"}"#), ("m".into(), String::new(), json!({})));
    assert_eq!(texts(r#"{"message":"m","text":"b"}"#), ("m".into(), "b".into(), json!({})));
    assert_eq!(texts(r#"{"message":"m","title":"t"}"#), ("t".into(), "m".into(), json!({})));
    assert_eq!(
        texts(r#"{"message":"m","title":"t","body":"b"}"#),
        ("t".into(), "b".into(), json!({"message": "m"}))
    );
    assert_eq!(texts(r#"{"message":"m","name":"n"}"#), ("m".into(), String::new(), json!({"name": "n"})));
}

#[test]
fn unknown_words_and_wrong_types_stay_in_metadata() {
    let row = rows(
        r#"{"title":"a","body":{"x":1},"level":"odd","priority":2,"tags":{"x":1},"url":["u"],"user":true}"#,
    )
    .remove(0);
    let item = row.result.unwrap();
    assert_eq!(
        json!(item.metadata),
        json!({"body": {"x": 1}, "level": "odd", "priority": 2, "tags": {"x": 1}, "url": ["u"], "user": true})
    );
    assert_eq!(item.severity, None);
    assert_eq!(
        row.warnings,
        [
            "`body` is an object, which is not a text; kept in metadata",
            "`url` is an array, which is not a text; kept in metadata",
            "`user` is true or false, which is not a text; kept in metadata",
            "`tags` is an object, which is not a list of texts; kept in metadata",
        ]
    );
}

#[test]
fn tags_are_split_at_commas() {
    assert_eq!(only("title;tags\na;\"x, y,,z\"\n").tags, ["x", "y", "z"]);
}

#[test]
fn numbers_are_taken_as_text() {
    let item = only(r#"{"id":12345678901234567890,"title":1.5}"#);
    assert_eq!((item.external_id.as_deref(), item.title.as_str()), (Some("12345678901234567890"), "1.5"));
}
