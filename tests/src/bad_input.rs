//! Bad input: what the user is told, what stays, what is left behind.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crate::binary::{Desk, example, finish};

const GOOD: &str = "{\"id\": \"1\", \"title\": \"The map stays blank\"}\n";

#[test]
fn a_broken_line_is_named_and_the_rest_goes_in() {
    let desk = Desk::new();
    desk.file(
        "in.jsonl",
        format!("{GOOD}{{\"id\": \"2\", \"title\": \"Cras\n{{\"id\": \"3\", \"title\": \"Slow\"}}\n"),
    );
    let run = desk.run(&["triage", "in.jsonl"]);
    run.told(1, &["refused: in.jsonl:2: broken JSON at column", "error: 1 report refused, the rest taken"]);
    assert!(run.out.starts_with("2 new reports taken in"), "{run:#?}");
    assert_eq!(desk.items(), 2);
}

#[test]
fn many_broken_lines_are_counted_and_shown_on_demand() {
    let desk = Desk::new();
    desk.file("in.jsonl", format!("{GOOD}{}", "{broken\n".repeat(30)));
    let run = desk.run(&["triage", "in.jsonl", "--json"]);
    run.told(1, &["in.jsonl:11:", "… 20 more were refused; -v shows them", "30 reports refused"]);
    assert!(!run.err.contains("in.jsonl:12:"), "{run:#?}");
    let refused = &run.json()["refused"];
    assert_eq!((&refused["count"], &refused["first"][29]["line"]), (&30.into(), &31.into()));
    desk.run(&["triage", "in.jsonl", "-v"]).told(1, &["in.jsonl:31: broken JSON"]);
}

#[test]
fn text_that_is_not_utf8_is_refused_by_line() {
    let desk = Desk::new();
    desk.file("in.jsonl", [GOOD.as_bytes(), b"{\"id\": \"2\", \"title\": \"caf\xe9\"}\n"].concat());
    desk.run(&["triage", "in.jsonl"]).told(1, &["in.jsonl:2:", "UTF-8"]);
    assert_eq!(desk.items(), 1);
}

#[test]
fn a_report_without_text_is_refused() {
    let desk = Desk::new();
    desk.file("in.jsonl", format!("{GOOD}{{\"id\": \"2\", \"title\": \"  \"}}\n{{\"id\": \"3\"}}\n"));
    desk.run(&["triage", "in.jsonl"]).told(1, &["in.jsonl:2: no text", "in.jsonl:3: no text"]);
    desk.run(&["group", "in.jsonl", "--out", "out.jsonl"]).told(1, &["in.jsonl:2: no text"]);
}

#[test]
fn the_same_id_again_is_the_same_report() {
    let desk = Desk::new();
    let other = "{\"id\": \"1\", \"title\": \"The map stays blank since the update\"}\n";
    desk.file("in.jsonl", format!("{GOOD}{GOOD}{other}"));
    let run = desk.run(&["triage", "in.jsonl"]).ok();
    assert!(run.out.starts_with("1 new report taken in, 1 further occurrence, 1 repeat;"), "{run:#?}");
    let item = &desk.run(&["items", "--json"]).ok().json()["items"][0];
    assert_eq!(
        (&item["occurrences"], &item["title"]),
        (&2.into(), &"The map stays blank since the update".into())
    );
    let run = desk.run(&["group", "in.jsonl", "--out", "-"]).ok();
    assert_eq!(run.out.lines().count(), 1);
    assert!(run.err.contains("2 reports with an id that was there before left out"), "{run:#?}");
}

#[test]
fn a_control_character_in_an_id_is_refused_and_one_in_a_text_is_harmless() {
    let desk = Desk::new();
    desk.file(
        "in.jsonl",
        "{\"id\": \"a\\u001b[2J\", \"title\": \"x\"}\n{\"id\": \"b\", \"title\": \"red \\u001b[31malert\"}\n",
    );
    desk.run(&["triage", "in.jsonl"]).told(1, &["in.jsonl:1: id holds the control character U+001B"]);
    let run = desk.run(&["items"]).ok();
    assert!(run.out.contains("red \u{fffd}[31malert") && !run.out.contains('\u{1b}'), "{run:#?}");
}

#[test]
fn dates_of_every_kind_are_read_or_kept_with_a_warning() {
    let desk = Desk::new();
    let dates = [
        "2024-01-31T10:00:00Z",
        "2024-01-31",
        "31 Jan 2024",
        "1706652000",
        "1706652000000",
        "01/31/2024",
        "Wed, 31 Jan 2024 10:00:00 +0000",
    ];
    let mut lines = String::new();
    for (i, date) in dates.iter().chain(&["02/01/2024", "yesterday", "9999-12-31"]).enumerate() {
        writeln!(lines, "{{\"id\": \"{i}\", \"title\": \"report {i}\", \"created_at\": \"{date}\"}}")
            .unwrap();
    }
    desk.file("in.jsonl", lines);
    let run = desk.run(&["triage", "in.jsonl"]).ok();
    run.told(
        0,
        &[
            "warning: in.jsonl:8:",
            "may be month/day or day/month",
            "warning: in.jsonl:9:",
            "warning: in.jsonl:10:",
        ],
    );
    let items = desk.run(&["items", "--json"]).ok().json();
    for (i, item) in items["items"].as_array().unwrap().iter().enumerate() {
        let at = item["occurred_at"].as_str().unwrap_or_default();
        assert_eq!(at.starts_with("2024-01-3"), i < dates.len(), "{item}");
        assert_eq!(item["metadata"]["created_at"].is_null(), i < dates.len(), "{item}");
    }
}

/// Feeds a line of 200 MB and looks, while the program waits for its end, at the memory it has taken.
#[test]
fn a_line_of_200_mb_is_passed_over_without_being_held() {
    let desk = Desk::new();
    let pipe = Stdio::piped;
    let mut child =
        desk.command(&["triage", "-"]).stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(GOOD.as_bytes()).unwrap();
    input.write_all(b"{\"id\": \"2\", \"title\": \"").unwrap();
    let megabyte = vec![b'x'; 1 << 20];
    (0..200).for_each(|_| input.write_all(&megabyte).unwrap());
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", child.id())) {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 150_000, "{peak} kB");
    }
    input.write_all(b"\"}\n{\"id\": \"3\", \"title\": \"Cannot log in\"}\n").unwrap();
    drop(input);
    let run = finish(child.wait_with_output().unwrap());
    run.told(1, &["standard input:2:", "1 report refused"]);
    assert!(run.err.contains("16"), "the limit is named: {run:#?}");
    assert_eq!(desk.items(), 2);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let desk = Desk::new();
    desk.file("in.jsonl", "");
    for nothing in ["[]", "id,title\n", "\n\n"] {
        desk.file("none", nothing);
        desk.run(&["triage", "none"]).told(0, &["none is empty; there is nothing in it to take in"]);
    }
    let run = desk.run(&["triage", "in.jsonl"]);
    run.told(0, &["in.jsonl is empty; there is nothing in it to take in"]);
    assert!(run.out.starts_with("0 new reports taken in; 0 groups"), "{run:#?}");
    desk.run(&["group", "in.jsonl", "--out", "out.jsonl"]).told(0, &["in.jsonl is empty"]);
    assert_eq!(std::fs::read(desk.path("out.jsonl")).unwrap(), b"");
}

#[test]
fn wrong_names_are_known_before_anything_is_taken_in() {
    let desk = Desk::new();
    desk.file("in.jsonl", GOOD);
    desk.run(&["triage", "in.jsonl", "im.jsonl"]).told(1, &["no file im.jsonl", "in.jsonl"]);
    desk.run(&["triage", "in.jsonl", "."]).told(2, &[". is a folder; name a file in it"]);
    desk.run(&["triage", "in.jsonl", "in.jsonl"]).told(2, &["in.jsonl is named twice"]);
    desk.run(&["triage", "in.jsonl", "--report", "no/where.html"])
        .told(1, &["no/where.html cannot be written: there is no such directory"]);
    assert_eq!(desk.names(), ["in.jsonl"]);
}

#[test]
fn a_truncated_archive_gives_what_stands_before_the_cut() {
    let desk = Desk::new();
    let mut text = String::new();
    for i in 0..5000u64 {
        // Digits that do not repeat, so that the archive is long enough to be cut inside.
        writeln!(
            text,
            "{{\"id\": \"{i}\", \"title\": \"report {:x}\"}}",
            i.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        )
        .unwrap();
    }
    let mut archive = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    archive.write_all(text.as_bytes()).unwrap();
    let archive = archive.finish().unwrap();
    desk.file("in.jsonl.gz", &archive[..archive.len() * 2 / 3]);
    desk.run(&["triage", "in.jsonl.gz", "-q"]).told(1, &["in.jsonl.gz:", "cut short", "1 report refused"]);
    let kept = desk.items();
    assert!((2000..5000).contains(&kept), "{kept}");
}

#[test]
fn a_damaged_database_is_told_from_a_newer_one_and_from_no_database() {
    let desk = Desk::new();
    desk.file("in.jsonl", GOOD);
    desk.file("s.db", "this is no database, it is a letter to a friend");
    desk.run(&["triage", "in.jsonl"]).told(2, &["s.db is not a database; name another file"]);
    desk.run(&["clusters", "--db", "nothing.db"])
        .told(1, &["there is no database nothing.db", "`soulcaster triage FILE` makes one"]);
    desk.run(&["triage", "in.jsonl", "--db", "."]).told(2, &["is a directory; name a file"]);

    desk.run(&["triage", &example("banking-questions.jsonl"), "--db", "big.db", "-q"]).ok();
    let mut bytes = std::fs::read(desk.path("big.db")).unwrap();
    let newer = {
        // Bytes 60 to 63 of the header are the user version (https://www.sqlite.org/fileformat.html).
        let mut bytes = bytes.clone();
        bytes[63] = 99;
        bytes
    };
    desk.file("newer.db", newer);
    desk.run(&["clusters", "--db", "newer.db"])
        .told(2, &["written by a newer version", "upgrade soulcaster"]);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 200_000].fill(0x5a);
    desk.file("s.db", bytes);
    let run = desk.run(&["doctor"]);
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.out.contains("  fault ") && run.out.contains("the file is damaged"), "{run:#?}");
}

#[cfg(unix)]
#[test]
fn a_place_that_may_not_be_written_is_named() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    let desk = Desk::new();
    let binary = desk.open_to_all();
    desk.file("in.jsonl", GOOD);
    desk.run(&["triage", "in.jsonl", "-q"]).ok();
    for name in desk.names() {
        let mode = if name == "soulcaster" { 0o555 } else { 0o444 };
        std::fs::set_permissions(desk.path(&name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    std::fs::set_permissions(desk.path(""), std::fs::Permissions::from_mode(0o555)).unwrap();
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    let run = |args: &[&str]| {
        let mut command = Command::new(&binary);
        command.args(args).current_dir(desk.path("")).env("SOULCASTER_DB", desk.path("s.db"));
        if is_root {
            // To root nothing is read-only; anybody else will do.
            command.uid(65534).gid(65534);
        }
        finish(command.output().unwrap())
    };
    run(&["triage", "in.jsonl"]).told(1, &["s.db", "read-only", "writable"]);
    run(&["group", "in.jsonl", "--out", "out.jsonl"])
        .told(1, &["out.jsonl cannot be written: it may not be written; choose another place"]);
    assert!(run(&["items"]).ok().out.contains("The map stays blank"));
    std::fs::set_permissions(desk.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let desk = Desk::new();
    desk.file("in.jsonl", GOOD);
    desk.run(&["group", "in.jsonl", "--out", "/dev/full"])
        .told(1, &["/dev/full cannot be written: the disk is full"]);
    desk.run(&["triage", "in.jsonl", "--report", "/dev/full"])
        .told(1, &["the disk is full; make room, or choose another place"]);
    assert_eq!(desk.items(), 1);

    // No file may grow over 2 MB: the database and the page both want more.
    let banking = example("banking-questions.jsonl");
    let limited = |args: &[&str]| {
        let mut command = desk.command(&[]);
        let binary = command.get_program().to_owned();
        command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""]).arg(binary).args(args);
        finish(command.current_dir(desk.path("")).output().unwrap())
    };
    let run = limited(&["triage", &banking, "--db", "small.db", "--report", "r.html"]);
    run.told(1, &["the disk failed while small.db was", "check the disk and try again"]);
    assert!(!desk.names().iter().any(|name| name.contains("r.html")), "{:?}", desk.names());
    // With room again, what was accepted is there and the same command goes on.
    desk.run(&["doctor", "--db", "small.db"]).ok();
    let run = desk.run(&["triage", &banking, "--db", "small.db", "--json", "-q"]).ok().json();
    assert_eq!(run["accepted"].as_u64().unwrap() + run["duplicates"].as_u64().unwrap(), 3080);
    assert!(desk.run(&["doctor", "--db", "small.db"]).ok().out.contains("all is well"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_in_the_middle_keeps_what_was_accepted() {
    let desk = Desk::new();
    let text = std::fs::read_to_string(example("banking-questions.jsonl")).unwrap();
    let half: String = text.lines().take(2500).flat_map(|line| [line, "\n"]).collect();
    let pipe = Stdio::piped;
    let args = ["triage", "-", "-v", "--report", "r.html"];
    let mut child = desk.command(&args).stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(half.as_bytes()).unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "standard input: 2000 reports safe\n");
    assert!(desk.names().iter().any(|name| name.starts_with("r.html.")), "{:?}", desk.names());
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains("stopped; what was accepted is kept"), "{rest}");
    assert!(!desk.names().iter().any(|name| name.contains("html")), "{:?}", desk.names());
    assert_eq!(desk.items(), 2000);
    let run = desk.feed(&["triage", "-"], &text).ok();
    assert!(run.out.starts_with("1,080 new reports taken in, 2,000 repeats"), "{run:#?}");
}

#[test]
fn wrong_use_is_told_with_the_remedy() {
    let desk = Desk::new();
    desk.file("in.jsonl", GOOD);
    desk.run(&["triage", "in.jsonl", "--reprot", "r.html"]).told(2, &["--report"]);
    desk.run(&["clusterz"]).told(2, &["clusters"]);
    desk.run(&["group", "in.jsonl", "--out", "o", "--algorithm", "fancy"])
        .told(2, &["no algorithm \"fancy\"", "auto, average, centroid, nearest"]);
    desk.run(&["group", "in.jsonl", "--out", "o", "--algorithm", "average", "--threshold", "1.5"])
        .told(2, &["from -1 to 1"]);
    desk.run(&["group", "in.jsonl", "--out", "o", "--algorithm", "average", "--mode", "online"])
        .told(2, &["average"]);
    desk.run(&["triage", "in.jsonl", "--project", "a b"]).told(2, &["a project id has no blanks"]);
    assert_eq!(desk.names(), ["in.jsonl"]);
    desk.run(&["triage", "in.jsonl", "-q"]).ok();
    desk.run(&["explain", "42"])
        .told(1, &["no item \"42\" in project default", "`soulcaster items` lists them"]);
    desk.run(&["show", "c000"]).told(1, &["no cluster \"c000\"", "`soulcaster clusters` lists them"]);
    desk.run(&["undo"]).told(1, &["nothing to undo in project default"]);
    desk.run(&["import", "in.jsonl", "--project", "other"]).told(2, &["line 1: not a line of an export"]);
    desk.run(&["eval", "--gold", "in.jsonl"]).told(2, &["in.jsonl:1:", "label"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let desk = Desk::new();
    desk.run(&["triage", &example("banking-questions.jsonl"), "-q"]).ok();
    let pipe = Stdio::piped;
    let mut child =
        desk.command(&["export"]).stdin(Stdio::null()).stdout(pipe()).stderr(pipe()).spawn().unwrap();
    let mut first = [0u8; 20];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let run = finish(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}
