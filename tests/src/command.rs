//! The command line as its users meet it, on the reports of `examples/data`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::binary::{Desk, example};

pub(crate) fn desk() -> Desk {
    let desk = Desk::new();
    desk.run(&["triage", &example("banking-questions.jsonl"), "-q"]).ok();
    desk
}

/// The ids of the groups, largest first.
pub(crate) fn groups(desk: &Desk) -> Vec<String> {
    let page = desk.run(&["clusters", "--json", "-n", "0"]).ok().json();
    page["clusters"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect()
}

/// Where each report is, by the id of its source.
pub(crate) fn places(desk: &Desk) -> BTreeMap<String, String> {
    let page = desk.run(&["items", "--json", "-n", "0"]).ok().json();
    let place = |item: &Value| item["verdict"]["cluster"].as_str().unwrap_or("unsure").to_owned();
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| (item["external_id"].as_str().unwrap().to_owned(), place(item))).collect()
}

#[test]
fn triage_groups_and_writes_a_page_that_needs_no_network() {
    let desk = Desk::new();
    let run = desk
        .run(&[
            "triage",
            &example("hadoop-bugs.jsonl"),
            &example("banking-questions.jsonl"),
            "--report",
            "r.html",
        ])
        .ok();
    assert!(run.out.starts_with("5,583 new reports taken in; "), "{run:#?}");
    assert!(run.out.contains("report: r.html") && run.err.is_empty(), "{run:#?}");
    let page = std::fs::read_to_string(desk.path("r.html")).unwrap();
    for outside in ["src=\"http", "href=\"http", "@import", "url(http", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let data = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["counts"]["items"], 5583);
    assert!(data["groups"].as_array().unwrap().len() > 50);
    assert_eq!(data["sources"]["banking77"], 3080);
    // Taking it all in again changes nothing.
    let again = desk
        .run(&["triage", &example("hadoop-bugs.jsonl"), &example("banking-questions.jsonl"), "--json"])
        .ok()
        .json();
    assert_eq!((&again["accepted"], &again["duplicates"]), (&0.into(), &5583.into()));
    assert!(
        again["grouped"]["event"].is_null()
            && again["grouped"]["diff"]["moves"].as_array().unwrap().is_empty()
    );
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
}

#[test]
fn group_needs_no_database_and_agrees_with_triage() {
    let desk = desk();
    let file = example("banking-questions.jsonl");
    let run = desk.run(&["group", &file, "--out", "g.jsonl", "--json", "--threads", "1"]).ok();
    assert_eq!(run.json()["reports"], 3080);
    desk.run(&["group", &file, "--out", "h.jsonl", "-q", "--threads", "3"]).ok();
    let lines = std::fs::read_to_string(desk.path("g.jsonl")).unwrap();
    assert_eq!(
        lines,
        std::fs::read_to_string(desk.path("h.jsonl")).unwrap(),
        "the number of threads changes nothing"
    );
    let places = places(&desk);
    let mut names: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(cluster) = line["cluster"].as_u64() {
            names.entry(cluster).or_default().insert(&places[line["id"].as_str().unwrap()]);
        }
    }
    assert!(names.len() > 70 && names.values().all(|ids| ids.len() == 1), "{names:?}");
    let scores = desk
        .run(&["eval", "--gold", &example("banking-questions.gold.jsonl"), "--pred", "g.jsonl", "--json"])
        .ok()
        .json();
    let stored =
        desk.run(&["eval", "--gold", &example("banking-questions.gold.jsonl"), "--json"]).ok().json();
    assert_eq!(scores, stored);
    assert!(scores["ari"].as_f64().unwrap() > 0.4, "{scores}");
}

#[test]
fn nearest_finds_recorded_duplicates() {
    let desk = Desk::new();
    desk.run(&["nearest", &example("hadoop-bugs.jsonl"), "--top", "10", "--out", "n.jsonl"]).ok();
    let scores = desk
        .run(&["eval", "--gold", &example("hadoop-bugs.gold.jsonl"), "--pred", "n.jsonl", "--json"])
        .ok()
        .json();
    assert!(scores["recall_at_5"].as_f64().unwrap() > 0.4, "{scores}");
}

#[test]
fn corrections_hold_and_are_taken_back() {
    let desk = desk();
    let ids = groups(&desk);
    let before = places(&desk);
    let run = desk.run(&["merge", &ids[0], &ids[1][..6], "--json"]).ok().json();
    assert_eq!(run["kind"], "merged");
    let gone = desk.run(&["show", &ids[1]]);
    gone.told(1, &[&ids[1], &ids[0]]);
    let (moved, to) = ("b77test-00236", &ids[5]);
    desk.run(&["move", moved, "--to", to]).ok();
    let split = desk.run(&["show", &ids[2], "--json"]).ok().json();
    let part: Vec<&str> =
        split["items"].as_array().unwrap()[..3].iter().map(|i| i["external_id"].as_str().unwrap()).collect();
    let cut = desk.run(&["split", &ids[2], "--items", &part.join(","), "--json"]).ok().json();
    let cut = cut["cluster"].as_str().unwrap();
    desk.run(&["confirm", &ids[3]]).ok();
    let dry = desk.run(&["recluster", "--dry-run", "--json"]).ok().json();
    let held = places(&desk);
    let wet = desk.run(&["recluster", "--json"]).ok().json();
    assert_eq!(dry["diff"], wet["diff"], "what was announced is what happened");
    let after = places(&desk);
    let changed = after.iter().filter(|(id, place)| held[*id] != **place).count();
    let announced = wet["diff"]["moves"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["from"]["cluster"] != m["to"]["cluster"])
        .count();
    assert_eq!(changed, announced);
    assert_eq!(&after[moved], to);
    assert!(part.iter().all(|id| after[*id] == cut));
    assert!(
        before
            .iter()
            .filter(|(_, place)| **place == ids[1])
            .all(|(id, _)| after[id] == ids[0] || id == moved)
    );
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
    let mut undone = 0;
    while desk.run(&["undo"]).code == Some(0) {
        undone += 1;
    }
    assert!((4..=5).contains(&undone), "{undone}");
    assert_eq!(places(&desk), before);
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
    assert!(desk.run(&["timeline"]).ok().out.contains("(undone by "));
}

#[test]
fn lookups_answer_in_words_and_in_json() {
    let desk = desk();
    let ids = groups(&desk);
    let run = desk.run(&["clusters"]).ok();
    assert!(
        run.out.starts_with("REPORTS") && run.out.contains("more; `soulcaster clusters -n 0` lists all"),
        "{run:#?}"
    );
    assert!(desk.run(&["show", &ids[0][..5]]).ok().out.contains("set apart by: "));
    let run = desk.run(&["explain", "b77test-00236"]).ok();
    assert!(
        run.out.contains("NEAREST")
            && run.out.contains("decided ")
            && run.out.contains("builtin-static-minilm"),
        "{run:#?}"
    );
    let json = desk.run(&["explain", "b77test-00236", "--json"]).ok().json();
    assert_eq!(json["decision"]["evidence"]["algorithm"], "auto");
    let found = desk.run(&["search", "my", "card", "was", "stolen", "--json"]).ok().json();
    assert!(found[0]["title"].as_str().unwrap().contains("stolen"), "{found}");
    assert!(desk.run(&["search", "stolen card"]).ok().out.contains("stolen"));
    assert_eq!(
        desk.run(&["items", "--cluster", &ids[0], "--json"]).ok().json()["total"],
        desk.run(&["show", &ids[0], "--json"]).ok().json()["cluster"]["size"]
    );
    assert!(desk.run(&["analyze"]).ok().out.contains("COHESION"));
    let proposed = desk.run(&["cleanup", "--json"]).ok().json().as_array().unwrap().len();
    let run = desk.run(&["cleanup", "--apply"]).ok();
    assert_eq!(proposed > 0, run.out.contains("merged near-equal clusters"), "{run:#?}");
    assert!(desk.run(&["doctor"]).ok().out.ends_with("all is well\n"));
}

#[test]
fn an_export_comes_back_whole() {
    let desk = desk();
    let ids = groups(&desk);
    desk.run(&["merge", &ids[0], &ids[1]]).ok();
    desk.run(&["export", "--out", "e.jsonl"]).ok();
    let run = desk.run(&["import", "e.jsonl", "--db", "copy.db", "--project", "copy"]).ok();
    assert!(run.out.contains("3,080 reports"), "{run:#?}");
    let places =
        |db: &str, project: &str| desk.run(&["items", "-n", "0", "--db", db, "--project", project]).ok().out;
    assert_eq!(places("s.db", "default"), places("copy.db", "copy"));
    desk.run(&["undo", "--db", "copy.db", "--project", "copy"]).ok();
    assert!(desk.run(&["doctor", "--db", "copy.db"]).ok().out.ends_with("all is well\n"));
    desk.run(&["import", "e.jsonl"]).told(1, &["project default has 3080 items already"]);
}

#[test]
fn projects_do_not_see_each_other() {
    let desk = desk();
    let ids = groups(&desk);
    desk.file("in.csv", "id,title\n1,The map stays blank\n2,Map is blank\n");
    desk.run(&["triage", "in.csv", "--project", "maps", "-q"]).ok();
    assert_eq!(desk.run(&["items", "--project", "maps", "--json"]).ok().json()["total"], 2);
    desk.run(&["show", &ids[0], "--project", "maps"]).told(1, &["in project maps"]);
    assert_eq!(desk.items(), 3080);
}

#[test]
fn every_shell_gets_completions_and_every_command_help() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(desk.run(&["completions", shell]).ok().out.contains("triage"), "{shell}");
    }
    let help = desk.run(&["--help"]).ok().out;
    let (_, commands) = help.split_once("Commands:").unwrap();
    let (commands, _) = commands.split_once("Options:").unwrap();
    let names = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 22, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(desk.run(&[name, "--help"]).ok().out.contains("Usage:"), "{name}");
    }
    assert!(help.contains("Examples:") && help.contains("Exit codes:"));
}

#[test]
fn decode_shows_what_a_delivery_is_read_as() {
    let desk = Desk::new();
    let body = "{\"action\":\"opened\",\"repository\":{\"id\":9},\"issue\":{\"id\":1,\"title\":\"Crash on save\",\"body\":null}}";
    desk.file("issue.json", body);
    desk.file("ping.json", "{\"zen\":\"Keep it logically awesome.\",\"hook_id\":1}");
    desk.file("secret", "It's a Secret to Everybody\n");
    let run = desk.run(&["decode", "github", "issue.json", "--header", "X-GitHub-Event: issues"]).ok();
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&report["external_id"], &report["title"]), (&"9#issue:1".into(), &"Crash on save".into()));
    assert_eq!(report["auth_strength"], "none");
    let run = desk.run(&["decode", "github", "ping.json", "--header", "X-GitHub-Event: ping"]);
    let line: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, &line["ignored"]["reason"]), (Some(1), &"ping".into()));
    // The example of GitHub's documentation: the signature is right, the body is no JSON.
    desk.file("hello", "Hello, World!");
    let signed = |mac: &str| {
        let header = format!("X-Hub-Signature-256: sha256={mac}");
        let run = desk.run(&["decode", "github", "hello", "--secret-file", "secret", "--header", &header]);
        assert_eq!(run.code, Some(1), "{run:#?}");
        assert!(!run.out.contains("Everybody") && !run.err.contains("Everybody"), "{run:#?}");
        serde_json::from_str::<Value>(&run.out).unwrap()["refused"]["kind"].clone()
    };
    assert_eq!(signed("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), "invalid");
    assert_eq!(signed("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18"), "unauthorized");
    desk.run(&["decode", "fax", "issue.json"]).told(1, &["no vendor \"fax\"", "zendesk"]);
    desk.run(&["decode", "github", "none.json"]).told(1, &["no file none.json"]);
    desk.run(&["decode", "github", "issue.json", "--header", "oops"]).told(2, &["write 'Name: value'"]);
}
