//! What holds for any bytes and any reports.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// What a report is made of: names and texts. The texts are never blank, for an empty cell is an absent value.
fn report() -> impl Strategy<Value = Map<String, Value>> {
    let name = prop::sample::select(vec![
        "id",
        "key",
        "title",
        "subject",
        "message",
        "name",
        "body",
        "text",
        "source",
        "created_at",
        "date",
        "url",
        "author",
        "severity",
        "level",
        "tags",
        "labels",
        "label",
        "plan",
        "Größe",
    ]);
    let text = prop_oneof![
        "[a-z]{1,6}",
        "[a-z\",;\t\r\n '{}\\[\\]\\\\:é漢😀]{0,12}x",
        Just("2024-01-03T10:37:00Z".to_owned()),
        Just("01/02/2024".to_owned()),
        Just("1704278220".to_owned()),
        Just("fatal".to_owned()),
        Just("a, b".to_owned()),
    ];
    btree_map(name, text, 1..8).prop_map(|report| {
        report.into_iter().map(|(name, text)| (name.to_owned(), Value::String(text))).collect()
    })
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', ';', '\t', '\r', '\n', ' ']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn table(reports: &[Map<String, Value>], delimiter: &str, end: &str) -> String {
    let mut names: Vec<&str> = reports.iter().flat_map(|report| report.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = names.join(delimiter) + end;
    for report in reports {
        let cells: Vec<String> = names
            .iter()
            .map(|name| quoted(report.get(*name).and_then(Value::as_str).unwrap_or_default()))
            .collect();
        text += &(cells.join(delimiter) + end);
    }
    text
}

/// The reports and reasons, without place and payload.
fn content(bytes: impl AsRef<[u8]>) -> Vec<(Result<Inbound, String>, Vec<String>)> {
    rows(bytes)
        .into_iter()
        .map(|row| (row.result.map(|item| Inbound { raw_payload: None, ..item }), row.warnings))
        .collect()
}

fn json_lines(reports: &[Map<String, Value>], end: &str) -> String {
    reports.iter().map(|report| json!(report).to_string() + end).collect()
}

/// A good report by itself on a line.
fn good(number: usize) -> String {
    format!("{{\"title\":\"good {number}\"}}")
}

fn good_titles(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let Ok(reader) = reader(bytes.as_ref(), "inbox", 4_096) else { return Vec::new() };
    reader.filter_map(|row| Some(row.result.ok()?.title)).filter(|title| title.starts_with("good ")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400), head in "(\\[|\\{|title,id\n|\\{\"items\":\\[\\{)?") {
        let bytes = [head.as_bytes(), &bytes].concat();
        for (bytes, name) in [(bytes.clone(), "inbox"), (bytes.clone(), "inbox.csv"), (gzip(&bytes), "inbox.json")] {
            if let Ok(reader) = reader(&bytes, name, 64) {
                let rows: Vec<Row> = reader.collect();
                prop_assert!(rows.len() <= bytes.len() * 2 + 400);
            }
        }
    }

    #[test]
    fn text_like_json_or_a_table_is_read_or_refused(
        text in "([\\[\\]{},:\"\\\\ \n\r]|title|id|1|\\{\"title\":\"good\"\\}|\t){0,60}",
        limit in 1usize..40,
    ) {
        for name in ["inbox", "inbox.csv", "inbox.jsonl"] {
            if let Ok(reader) = reader(text.as_bytes(), name, limit) {
                prop_assert!(reader.count() <= text.len() + 1);
            }
        }
    }

    #[test]
    fn good_lines_between_bad_ones_are_kept(bad in vec(vec(any::<u8>(), 0..40), 1..12)) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for (number, bad) in bad.iter().enumerate() {
            bytes.extend_from_slice(good(number).as_bytes());
            bytes.push(b'\n');
            bytes.extend_from_slice(bad);
            bytes.push(b'\n');
            expected.push(format!("good {number}"));
        }
        prop_assert_eq!(good_titles(&bytes), expected.clone());
        prop_assert_eq!(good_titles(gzip(&bytes)), expected);
    }

    #[test]
    fn good_lines_after_a_bad_start_are_kept(start in "[\\[\\]{}:,\"a-z0-9 \\\\é]{1,30}|title[,;]id|\\{\"items\":.{0,9}", count in 1usize..4) {
        let expected: Vec<String> = (0..count).map(|number| format!("good {number}")).collect();
        let text = (0..count).fold(start, |text, number| text + "\n" + &good(number));
        prop_assert_eq!(good_titles(&text), expected.clone(), "{}", text);
        prop_assert_eq!(good_titles(gzip(&text)), expected);
    }

    #[test]
    fn good_elements_between_bad_ones_are_kept(
        bad in vec("(\\{\"title\":[\"0-9a-z{}:,\\\\]{0,12}|[a-z0-9\\\\:]{1,8})", 1..12),
        indent in 0usize..3,
    ) {
        let mut text = "[\n".to_owned();
        let mut expected = Vec::new();
        for (number, bad) in bad.iter().enumerate() {
            let indent = " ".repeat(indent);
            text += &format!("{indent}{},\n{indent}{bad},\n", good(number));
            expected.push(format!("good {number}"));
        }
        text += "{\"title\":\"good end\"}\n]";
        expected.push("good end".into());
        prop_assert_eq!(good_titles(&text), expected, "{}", text);
    }

    #[test]
    fn every_format_gives_the_same_reports(reports in vec(report(), 1..6)) {
        let lines = json_lines(&reports, "\n");
        let expected = content(&lines);
        prop_assert_eq!(expected.len(), reports.len());
        prop_assert_eq!(&content(json_lines(&reports, "\r\n")), &expected);
        prop_assert_eq!(&content(gzip(&lines)), &expected);
        prop_assert_eq!(&content(json!(reports).to_string()), &expected);
        prop_assert_eq!(&content(serde_json::to_string_pretty(&reports).unwrap()), &expected);
        prop_assert_eq!(&content(json!({"page": 1, "items": reports}).to_string()), &expected);
        // A cell with a line that begins like JSON makes the whole look like lines of JSON.
        let looks_else = reports.iter().flat_map(|report| report.values()).any(|value| {
            value.as_str().is_some_and(|text| ["\r{", "\n{", "\r[", "\n["].iter().any(|line| text.contains(line)))
        });
        if !looks_else && reports.iter().any(|report| ["title", "subject", "message", "name", "body", "text"].iter().any(|n| report.contains_key(*n))) {
            for (delimiter, end) in [(",", "\n"), (";", "\r\n"), ("\t", "\r")] {
                let table = table(&reports, delimiter, end);
                prop_assert_eq!(&content(&table), &expected, "{}", table);
                prop_assert_eq!(&content(gzip(&table)), &expected);
            }
        }
    }
}
