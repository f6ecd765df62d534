//! What is said of bad reports, and that the rest still goes in.

use std::io::{self, Read};

use serde_json::json;

use super::*;

/// Puts a bad line between two good ones and gives its reason.
#[track_caller]
fn reason(line: impl AsRef<[u8]>) -> String {
    let text = [&b"{\"title\":\"before\"}\n"[..], line.as_ref(), b"\n{\"title\":\"after\"}\n"].concat();
    let rows = rows(text);
    let outline = outline(&rows);
    assert_eq!(outline.len(), 3, "{outline:?}");
    assert_eq!((outline[0], outline[2], outline[1].0), ((1, "before"), (3, "after"), 2));
    rows[1].result.clone().unwrap_err()
}

#[test]
fn a_broken_line_says_column_and_reason() {
    assert_eq!(
        reason(r#"{"title": "a" "body": 1}"#),
        "broken JSON at column 15: expected `,` or `}`; mend or remove it"
    );
    assert_eq!(
        reason(r#"{"title": "a"#),
        "broken JSON at column 12: EOF while parsing a string; mend or remove it"
    );
    assert_eq!(reason("oops"), "broken JSON at column 1: expected value; mend or remove it");
    assert_eq!(
        reason(r#"{"title": "\ud800"}"#),
        "broken JSON at column 18: unexpected end of hex escape; mend or remove it"
    );
}

#[test]
fn a_value_that_is_no_object_is_named() {
    let said = |kind: &str| format!("this is {kind}, not a JSON object; write a report as {{\"title\": …}}");
    assert_eq!(reason("[1, 2]"), said("an array"));
    assert_eq!(reason("\"text\""), said("a text"));
    assert_eq!(reason("12"), said("a number"));
    assert_eq!(reason("null"), said("null"));
    assert_eq!(reason("false"), said("true or false"));
}

#[test]
fn bytes_that_are_not_utf_8_are_placed() {
    assert_eq!(
        reason(b"{\"title\":\"caf\xe9\"}"),
        "byte 14 is 0xe9, which is not UTF-8; save the file as UTF-8"
    );
    let rows = rows(b"title\ncaf\xe9\ngood\n");
    assert_eq!(
        outline(&rows),
        [(2, "byte 4 is 0xe9, which is not UTF-8; save the file as UTF-8"), (3, "good")]
    );
}

#[test]
fn a_missing_text_names_what_is_there() {
    assert_eq!(
        reason(r#"{"id":1,"url":"u"}"#),
        "no text: title and body are missing or empty (it has `id`, `url`); give it a `title` or a `body`"
    );
    assert_eq!(
        reason("{}"),
        "no text: title and body are missing or empty (there is no name with a text); give it a `title` or a `body`"
    );
    assert_eq!(
        reason(r#"{"title":{"en":"a"}}"#),
        "no text: title and body are missing or empty (`title` is an object, which is not a text; kept in metadata); \
         give it a `title` or a `body`"
    );
}

#[test]
fn bad_ids_are_refused() {
    assert_eq!(
        reason("{\"id\":\"a\\u0007\",\"title\":\"a\"}"),
        "id holds the control character U+0007; correct it"
    );
    assert_eq!(
        reason("{\"id\":\"a\\n\",\"title\":\"a\"}"),
        "id holds the control character U+000A; correct it"
    );
    assert_eq!(
        reason(r#"{"id":123456789012345678901234567890,"title":"a"}"#),
        "`id` is a number too great to be kept exactly; write it in quotes"
    );
}

#[test]
fn nesting_bombs_are_refused() {
    let bomb = format!("{{\"title\":\"a\",\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(reason(&bomb), "nested more than 127 levels deep; flatten it");
    let rows = rows(format!("[{bomb},\n{}\n{{\"title\":\"after\"}}]", "[".repeat(100_000)));
    assert_eq!(rows[0].result, Err("nested more than 127 levels deep; flatten it".into()));
    assert_eq!(outline(&rows).get(2), Some(&(3, "after")));
}

#[test]
fn nul_bytes_are_placed() {
    assert_eq!(reason(b"{\"title\":\"a\0\"}"), "byte 12 is a NUL; remove it");
}

#[test]
fn a_name_that_occurs_twice_keeps_its_last_value() {
    let row = rows(r#"{"title":"a","title":"b"}"#).remove(0);
    assert_eq!(row.result.unwrap().title, "b");
    assert_eq!(row.warnings, ["`title` occurs more than once; its last value is kept"]);
}

#[test]
fn times_that_cannot_be_read_are_kept_as_text() {
    let row = |time: &str| {
        let mut row = rows(format!(r#"{{"title":"a","date":{time}}}"#)).remove(0);
        let item = row.result.unwrap();
        assert_eq!(item.occurred_at, None);
        (row.warnings.remove(0), json!(item.metadata))
    };
    assert_eq!(
        row("\"soon\""),
        (
            "`date` \"soon\" is not a known form of time; write it as 2024-01-31T10:37:00Z; the report is kept without a \
             time"
                .into(),
            json!({"created_at": "soon"})
        )
    );
    assert_eq!(
        row("\"01/02/2024\"").0,
        "`date` \"01/02/2024\" may be month/day or day/month; write it as 2024-01-31; the report is kept without a time"
    );
    assert_eq!(
        row("\"9999-01-01\""),
        (
            "`date` \"9999-01-01\" lies outside the years 1970 to 2200; correct it; the report is kept without a time".into(),
            json!({"created_at": "9999-01-01"})
        )
    );
    assert_eq!(row("{\"y\":1}").1, json!({"created_at": {"y": 1}}));
    let row = rows(r#"{"title":"a","created_at":"soon","date":"2024-01-03","time":2.5}"#).remove(0);
    let item = row.result.unwrap();
    assert_eq!(json!(item.metadata), json!({"created_at": "soon", "date": "2024-01-03"}));
    assert_eq!(
        row.warnings,
        ["`time` 2.5 is taken as seconds since 1970; write times as 2024-01-31T10:37:00Z"]
    );
}

/// Gives `good` once and `filler` `count` times before and `good` after, without holding it.
fn long(before: &'static str, count: u64, after: &'static str) -> impl Read + Send {
    before.as_bytes().chain(io::repeat(b'x').take(count)).chain(after.as_bytes())
}

#[test]
fn a_row_over_the_limit_is_passed_over() {
    let size: u64 = 200_000_000;
    let reason = |over: u64| {
        format!(
            "longer than the limit: {} bytes, at most 16777216; split the report or raise the limit",
            size + over
        )
    };
    let cases: [(&str, &str, usize, u64); 4] = [
        ("{\"title\":\"a\"}\n{\"title\":\"", "\"}\n{\"title\":\"b\"}", 2, 12),
        ("[{\"title\":\"a\"},\n{\"title\":\"", "\"},\n{\"title\":\"b\"}]", 2, 12),
        ("title\na\n", "\nb", 3, 0),
        ("title\na\n\"", "\"\nb", 3, 2),
    ];
    for (before, after, line, over) in cases {
        let reader =
            FileReader::from_reader(long(before, size, after), "inbox", FileOptions::default()).unwrap();
        let rows: Vec<Row> = reader.collect();
        assert_eq!(rows.len(), 3, "{before}");
        assert_eq!((rows[1].line, &rows[1].result), (line, &Err(reason(over))), "{before}");
        assert_eq!((outline(&rows)[0].1, outline(&rows)[2].1), ("a", "b"));
    }
}

#[test]
fn the_limit_is_exact_for_every_format() {
    for text in [
        "{\"title\":\"a\"}\r\n{\"title\":\"ab\"}\n",
        "[{\"title\":\"a\"},{\"title\":\"ab\"}]",
        "title\n0123456789abc\n0123456789abcd\n",
    ] {
        let rows: Vec<Row> = reader(text.as_bytes(), "inbox", 13).unwrap().collect();
        assert!(rows[0].result.is_ok(), "{text}: {rows:?}");
        let reason = "longer than the limit: 14 bytes, at most 13; split the report or raise the limit";
        assert_eq!(rows[1].result, Err(reason.into()), "{text}");
    }
}

#[test]
fn a_broken_element_costs_one_report() {
    for broken in [
        r#"{"title":"x""#,
        r#"{"title":"x"#,
        r#"{"title":"x","y":{"z":1}"#,
        r#"{"title":"x","y":[1}"#,
        r#"{"title" "x"}"#,
        r#"{"title":"x" , }"#,
        "rubbish",
        "12",
    ] {
        for (open, between, close) in
            [("[", ",\n", "]"), ("[\n  ", ",\n  ", "\n]"), ("[\n", "\n,", "\n]"), ("", "\n", "")]
        {
            let text = format!(
                "{open}{{\"title\":\"a\"}}{between}{broken}{between}{{\"title\":\"b\"}}{between}{{\"title\":\"c\"}}{close}\n"
            );
            let rows = rows(&text);
            let titles: Vec<&str> = rows
                .iter()
                .filter_map(|row| row.result.as_ref().ok())
                .map(|item| item.title.as_str())
                .collect();
            assert_eq!(titles, ["a", "b", "c"], "{text}: {rows:?}");
            assert_eq!(rows.len(), 4, "{text}: {rows:?}");
        }
    }
}

#[test]
fn a_broken_element_over_several_lines_is_placed() {
    let text = "[\n  {\n    \"title\": \"a\",\n    \"x\" 1\n  },\n  {\n    \"title\": \"b\"\n  }\n]";
    let rows = rows(text);
    assert_eq!(
        outline(&rows),
        [(2, "broken JSON at line 4, column 9: expected `:`; mend or remove it"), (6, "b")]
    );
}

#[test]
fn nothing_but_openings_takes_linear_time() {
    let start = std::time::Instant::now();
    for (text, count) in [
        ("[\n".to_owned() + &"{\n".repeat(200_000), 200_001),
        ("title,x\n".to_owned() + &"a\",\"\n".repeat(100_000), 100_000),
    ] {
        assert_eq!(rows(text).len(), count);
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn an_element_without_its_last_bracket_is_placed() {
    let text = "[\n{\"title\":\"a\",\"x\":{\"y\":1},\n{\"title\":\"b\"}\n]";
    let reason = "broken JSON at column 24: EOF while parsing an object; mend or remove it";
    assert_eq!(outline(&rows(text)), [(2, reason), (3, "b")]);
}

#[test]
fn an_array_that_is_not_closed_says_so() {
    assert_eq!(
        outline(&rows("[{\"title\":\"a\"},\n")),
        [
            (1, "a"),
            (
                2,
                "the array is not closed: reports after this place may be missing; add `]` or copy the file anew"
            )
        ]
    );
}

#[test]
fn a_quote_that_is_not_closed_costs_one_line() {
    let text = "id,title\n1,\"open\n2,\"b\"\n3,\"c\nd\"\n4,e\n";
    let rows = rows(text);
    let reason = "a double quote is opened in this line and not closed before the next cell; close it, or write it twice \
                  if it is part of the text";
    assert_eq!(outline(&rows), [(2, reason), (3, "b"), (4, "c\nd"), (6, "e")]);
    let rows = super::rows("title\na\n\"open\nb\nc\n");
    assert_eq!(outline(&rows), [(2, "a"), (3, reason), (4, "b"), (5, "c")]);
}

#[test]
fn a_record_with_too_many_cells_is_refused() {
    assert_eq!(
        outline(&rows("id,title\n1,Crash, on start\n2,b,,\n")),
        [(2, "3 cells under 2 columns; put cells that hold `,` in double quotes"), (3, "b")]
    );
}

#[test]
fn a_column_that_occurs_twice_is_kept() {
    let rows = rows("title,Title,title,x\na,b,c,d\n");
    let item = rows[0].result.as_ref().unwrap();
    assert_eq!(json!(item.metadata), json!({"Title_2": "b", "title_2": "c", "x": "d"}));
    assert_eq!(item.title, "a");
    assert_eq!(
        rows[0].warnings,
        [
            "column `Title` occurs more than once; the later one is `Title_2`",
            "column `title` occurs more than once; the later one is `title_2`"
        ]
    );
}
