//! What went wrong once, through the command line.

use serde_json::Value;

use crate::binary::{Desk, example};
use crate::command::{desk, groups, places};

/// Lines of a log: four templates, each with a number that varies.
fn log(n: usize) -> String {
    const TEMPLATES: [&str; 4] = [
        "connection from host N closed",
        "block N replicated",
        "session N opened for user",
        "disk N is almost full",
    ];
    let line = |i: usize| TEMPLATES[i % 4].replace('N', &(i * 37 % 991).to_string());
    (0..n).map(|i| format!("{{\"id\": \"l{i}\", \"title\": \"{}\"}}\n", line(i))).collect()
}

#[test]
fn a_line_that_is_split_off_leaves_its_template_together() {
    for one in ["l0", "l396"] {
        let desk = Desk::new();
        desk.file("log.jsonl", log(400));
        desk.run(&["triage", "log.jsonl", "-q"]).ok();
        let home = &places(&desk)[one];
        desk.run(&["split", home, "--items", one]).ok();
        desk.run(&["recluster"]).ok();
        // By growth, and one by one.
        for n in [620, 640] {
            desk.file("log.jsonl", log(n));
            desk.run(&["triage", "log.jsonl", "-q"]).ok();
            let places = places(&desk);
            let of = |id: &str| &places[id];
            assert_ne!(of(one), of("l4"), "{one} at {n}");
            assert!((4..396).step_by(4).all(|i| of(&format!("l{i}")) == of("l4")), "{one} at {n}");
            assert!((400..n).step_by(4).all(|i| of(&format!("l{i}")) == of("l4")), "{one} at {n}");
        }
        assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
    }
}

#[test]
fn a_known_report_that_comes_again_is_seen_in_its_group_and_found_by_its_new_text() {
    let desk = desk();
    let home = places(&desk)["b77test-00236"].clone();
    let again = "{\"id\": \"b77test-00236\", \"source\": \"banking77\", \"title\": \"The printer jams on thick paper\", \
                 \"created_at\": \"2031-05-01\"}\n";
    let run = desk.feed(&["triage", "-"], again).ok();
    assert!(run.out.starts_with("0 new reports taken in, 1 further occurrence;"), "{run:#?}");
    let cluster = &desk.run(&["show", &home, "--json"]).ok().json()["cluster"];
    assert_eq!(cluster["occurrences"].as_u64(), cluster["size"].as_u64().map(|size| size + 1));
    assert!(cluster["last_seen"].as_str().unwrap().starts_with("2031-05-01"), "{cluster}");
    let found = desk.run(&["search", "printer jams thick paper", "--json"]).ok().json();
    assert_eq!(found[0]["external_id"], "b77test-00236");
    assert!(found[0]["dense"].as_f64().unwrap() > 0.8, "{found}");
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
}

#[test]
fn an_imported_project_knows_its_reports() {
    let desk = desk();
    desk.run(&["export", "--out", "e.jsonl"]).ok();
    desk.run(&["import", "e.jsonl", "--project", "copy", "-q"]).ok();
    let run =
        desk.run(&["triage", &example("banking-questions.jsonl"), "--project", "copy", "--json"]).ok().json();
    assert_eq!((&run["accepted"], &run["duplicates"]), (&0.into(), &3080.into()));
    let text = std::fs::read_to_string(desk.path("e.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for n in [0, 1, 2000, lines.len() - 1] {
        desk.file("cut.jsonl", lines[..n].join("\n"));
        desk.run(&["import", "cut.jsonl", "--project", "cut"])
            .told(2, &["the export is cut short; export it anew"]);
    }
    let without = [&lines[..100], &lines[101..]].concat().join("\n");
    desk.file("cut.jsonl", without);
    desk.run(&["import", "cut.jsonl", "--project", "cut"]).told(2, &["lines are missing; export it anew"]);
    assert_eq!(desk.run(&["items", "--project", "cut", "--json"]).ok().json()["total"], 0);
}

#[test]
fn a_name_that_means_two_things_is_refused() {
    let desk = desk();
    let items = desk.run(&["items", "--json", "-n", "0"]).ok().json();
    let items: Vec<&str> =
        items["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap()).collect();
    let groups = groups(&desk);
    let begins = |name: &&str| items.iter().filter(|id| id.starts_with(*name)).count() == 1;
    let both: Vec<&str> = groups.iter().map(|id| &id[..3]).filter(begins).collect();
    assert!(!both.is_empty(), "no name means two things");
    for name in both.into_iter().filter(|name| groups.iter().filter(|id| id.starts_with(*name)).count() == 1)
    {
        desk.run(&["confirm", name]).told(2, &["means item", "and cluster", "give more letters"]);
    }
    desk.run(&["confirm", &groups[0]]).ok();
}

/// Three people correct at once, again and again.
#[test]
fn corrections_at_once_leave_a_whole_project() {
    let desk = Desk::new();
    desk.file(
        "log.jsonl",
        std::fs::read_to_string(example("banking-questions.jsonl"))
            .unwrap()
            .lines()
            .take(400)
            .collect::<Vec<_>>()
            .join("\n"),
    );
    desk.run(&["triage", "log.jsonl", "-q"]).ok();
    std::thread::scope(|scope| {
        for worker in 0..3usize {
            let desk = &desk;
            scope.spawn(move || {
                for step in 0..12usize {
                    let groups = groups(desk);
                    let pick = |i: usize| groups[(worker * 7 + step * 5 + i) % groups.len()].as_str();
                    let items = desk.run(&["items", "--cluster", pick(0), "--json", "-n", "1"]);
                    let item = serde_json::from_str::<Value>(&items.out).ok();
                    let item =
                        item.and_then(|page| page["items"][0]["external_id"].as_str().map(str::to_owned));
                    let run = match (step % 4, item) {
                        (0, _) => desk.run(&["merge", pick(0), pick(1)]),
                        (1, Some(item)) => desk.run(&["move", &item, "--to", pick(2)]),
                        (2, Some(item)) => desk.run(&["split", pick(0), "--items", &item]),
                        _ => desk.run(&["undo"]),
                    };
                    // What it wanted may be gone by then; what it says is for people.
                    assert!(!run.err.contains("exists already") && !run.err.contains("version"), "{run:#?}");
                }
            });
        }
    });
    for _ in 0..2 {
        let run = desk.run(&["doctor"]).ok();
        assert!(run.out.ends_with("all is well\n"), "{run:#?}");
        desk.run(&["recluster"]).ok();
    }
}

#[test]
fn undo_leaves_no_suggestion_to_a_group_without_reports() {
    let desk = Desk::new();
    let text = std::fs::read_to_string(example("hadoop-bugs.jsonl")).unwrap();
    desk.file("in.jsonl", text.lines().take(60).collect::<Vec<_>>().join("\n"));
    desk.run(&["triage", "in.jsonl", "-q"]).ok();
    desk.run(&["confirm", "hadoop-13279494", "--no"]).ok();
    let near = "{\"id\": \"p0\", \"title\": \"Javadoc errors are\", \
                \"body\": \"There are many javadoc [thirdparty] Do not exclude error_prone\"}\n";
    desk.feed(&["triage", "-", "-q"], near).ok();
    let opened = places(&desk)["hadoop-13279494"].clone();
    let items = desk.run(&["items", "--unsure", "--json"]).ok().json();
    let waits =
        items["items"].as_array().unwrap().iter().any(|item| item["verdict"]["suggestion"] == *opened);
    assert!(waits, "nothing is suggested to the group that the undo empties: {items}");
    desk.run(&["undo"]).ok();
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
}
