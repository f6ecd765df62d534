//! What is said of files that are bad as a whole, or from some place on.

use soulcaster_core::ErrorKind;

use super::*;

#[test]
fn an_archive_bomb_is_measured_and_not_held() {
    let mut packed = gzip("{\"title\":\"a\"}\n");
    for _ in 0..16 {
        packed.extend(gzip(vec![b' '; 4 << 20]));
    }
    packed.extend(gzip("\n{\"title\":\"b\"}\n"));
    let rows = rows(&packed);
    let reason =
        "longer than the limit: 67108864 bytes, at most 16777216; split the report or raise the limit";
    assert_eq!(outline(&rows), [(1, "a"), (2, reason), (3, "b")]);
}

#[test]
fn an_archive_that_is_cut_short_gives_what_is_before_the_cut() {
    let mut text = String::new();
    let mut state = 1u64;
    for number in 1..=5_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{{\"title\":\"t{number}\",\"x\":{state}}}\n"));
    }
    let table = text.replace("{\"title\":\"", "").replace("\",\"x\":", ",").replace('}', "");
    for (text, header) in [
        (text.clone(), 0),
        (format!("[{}]", text.trim_end().replace('\n', ",\n")), 0),
        (format!("title,x\n{table}"), 1),
    ] {
        let packed = gzip(&text);
        let rows = rows(&packed[..packed.len() / 2]);
        let (last, good) = rows.split_last().unwrap();
        assert!(good.len() > 1_000, "{}", good.len());
        for (at, row) in good.iter().enumerate() {
            assert_eq!(
                (row.line, row.result.as_ref().unwrap().title.clone()),
                (at + 1 + header, format!("t{}", at + 1))
            );
        }
        assert_eq!(
            last.result.clone().unwrap_err(),
            format!(
                "the archive is cut short at about line {}: the reports before it are read, the rest is missing; copy \
                 the archive anew",
                good.len() + 1 + header
            )
        );
    }
}

#[test]
fn an_archive_that_is_cut_before_the_first_report_is_refused() {
    assert_eq!(
        refusal(&gzip("{\"title\":\"a\"}")[..9]),
        "file.open: inbox is a gzip archive that is cut short before its first report; copy it anew"
    );
}

#[test]
fn a_damaged_archive_gives_what_is_before_the_damage() {
    let mut packed = gzip("{\"title\":\"a\"}\n");
    packed.extend_from_slice(b"rubbish after the archive");
    let rows = rows(&packed);
    assert_eq!(
        outline(&rows),
        [
            (1, "a"),
            (
                2,
                "the archive is damaged at about line 2 (invalid gzip header): the reports before it are read; copy the \
                 archive anew"
            )
        ]
    );
}

#[test]
fn a_file_named_gz_that_is_none_is_read_with_a_warning() {
    let rows: Vec<Row> = reader(b"{\"title\":\"a\"}", "inbox.jsonl.gz", 1_000).unwrap().collect();
    assert_eq!(
        rows[0].warnings,
        ["inbox.jsonl.gz is not a gzip archive despite its name; it is read as it is"]
    );
    assert_eq!(outline(&rows), [(1, "a")]);
}

#[test]
fn a_table_without_a_header_is_refused() {
    let said = "file.open: inbox is neither JSON nor a table with a header: its first line names no column that holds text; \
                add a header line with a column `title` or `body`";
    for text in ["1,Crash on start\n2,b\n", "just some words\n", ",,,\n1,2,3\n", "id,date\n1,2\n", "oops"] {
        assert_eq!(refusal(text), said, "{text}");
    }
    assert_eq!(
        refusal(b"title,caf\xe9\na,b\n"),
        "file.open: the header of inbox: byte 10 is 0xe9, which is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn binary_files_are_refused() {
    let said =
        |what: &str| format!("file.open: inbox holds {what}, not text; export it as JSON Lines or CSV");
    assert_eq!(refusal(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), said("a PNG image"));
    assert_eq!(refusal(b"SQLite format 3\0\x10\0"), said("an SQLite database"));
    assert_eq!(refusal(b"PK\x03\x04title\n"), said("a ZIP archive or an office document"));
    assert_eq!(refusal(gzip(gzip("{}"))), said("a gzip archive inside a gzip archive"));
    let noise: Vec<u8> = (0..4_096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert_eq!(refusal(noise), said("binary data"));
}

#[test]
fn wide_encodings_are_refused_with_a_remedy() {
    let said =
        "file.open: inbox is in UTF-16, not UTF-8; convert it, such as with `iconv -f UTF-16 -t UTF-8`";
    let text = "{\"title\":\"a\"}\n";
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [[b"\xff\xfe", &little[..]].concat(), [b"\xfe\xff", &big[..]].concat(), little, big] {
        assert_eq!(refusal(bytes), said);
    }
    assert!(refusal(b"\xff\xfe\0\0{\0\0\0").contains("UTF-32"));
}

#[test]
fn a_missing_file_suggests_near_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["reports.jsonl", "report.json", "other.csv"] {
        std::fs::write(path(name), "{}").unwrap();
    }
    let error = FileReader::open(path("Report.jsonl")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.message(),
        format!(
            "no file {}; did you mean {} or {}",
            path("Report.jsonl").display(),
            path("report.json").display(),
            path("reports.jsonl").display()
        )
    );
    let error = FileReader::open(path("zzz")).unwrap_err();
    assert_eq!(
        error.message(),
        format!("no file {}; check the name and the current folder", path("zzz").display())
    );
    let error = FileReader::open(path("none/a.csv")).unwrap_err();
    let (file, none) = (path("none/a.csv"), path("none"));
    assert_eq!(error.message(), format!("no file {}: there is no folder {}", file.display(), none.display()));
    let error = FileReader::open(path("other.csv/a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_folder_is_refused_with_the_files_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = FileReader::open(folder.path()).unwrap_err();
    let name = folder.path().display();
    assert_eq!(error.message(), format!("{name} is a folder; name a file in it"));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    std::fs::write(folder.path().join("a.jsonl.gz"), "").unwrap();
    std::fs::write(folder.path().join("b.png"), "").unwrap();
    let error = FileReader::open(folder.path()).unwrap_err();
    assert_eq!(error.message(), format!("{name} is a folder; name a file in it, such as a.jsonl.gz"));
}
