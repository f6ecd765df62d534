//! Keys and sources, as whoever runs a server sets them up.

use serde_json::Value;

use crate::binary::Desk;

/// The lines after the header of a table.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(1).map(|line| line.split_whitespace().collect()).collect()
}

/// Adds a source and gives what is said about it.
#[track_caller]
fn add(desk: &Desk, args: &[&str]) -> Value {
    desk.run(&[&["sources", "add", "--json"], args].concat()).ok().json()
}

#[test]
fn a_key_is_printed_once_and_alone() {
    let desk = Desk::new();
    let run = desk.run(&["keys", "create", "--project", "shop"]).ok();
    let key = run.out.strip_suffix('\n').unwrap();
    let parts: Vec<&str> = key.split('_').collect();
    assert_eq!((parts.len(), parts[0], parts[1].len(), parts[2].len()), (3, "sc", 10, 40), "{run:#?}");
    assert!(run.err.contains("project shop") && run.err.contains("admin") && !run.err.contains(key));
    let other = desk.run(&["keys", "create", "--project", "shop", "-q"]).ok();
    assert!(other.out != run.out && other.err.is_empty(), "{other:#?}");
    let list = desk.run(&["keys", "list", "--project", "shop"]).ok().out;
    assert!(!list.contains(parts[2]) && !list.contains("hash"), "{list}");
    assert_eq!(rows(&list)[0][..3], [parts[1], "shop", "admin"]);
    assert!(desk.run(&["keys", "list"]).ok().out.starts_with("no keys"), "another project's");
    desk.run(&["keys", "revoke", parts[1]]).told(1, &["no key", "in project default"]);
    let revoked = desk.run(&["keys", "revoke", parts[1], "--project", "shop", "--json"]).ok().json();
    assert!(revoked["revoked_at"].is_string() && revoked.get("hash").is_none(), "{revoked}");
    let list = desk.run(&["keys", "list", "--project", "shop"]).ok().out;
    assert!(rows(&list)[0][4].starts_with("20") && rows(&list)[1][4] == "-", "{list}");
}

#[test]
fn an_operator_key_belongs_to_no_project() {
    let desk = Desk::new();
    let args = ["keys", "create", "--scope", "operator", "--project", "shop", "--json"];
    let made = desk.run(&args).ok().json();
    assert_eq!((&made["project"], &made["scope"]), (&Value::Null, &"operator".into()));
    assert!(made["key"].as_str().unwrap().contains(made["id"].as_str().unwrap()));
    let made = desk.run(&["keys", "create", "--scope", "ingest", "--json"]).ok().json();
    assert_eq!((&made["project"], &made["scope"]), (&"default".into(), &"ingest".into()));
    assert!(desk.run(&["keys", "list", "--project", "shop"]).ok().out.starts_with("no keys"));
    let all = desk.run(&["keys", "list", "--all", "--json"]).ok().json();
    let scopes: Vec<&str> = all.as_array().unwrap().iter().map(|k| k["scope"].as_str().unwrap()).collect();
    assert_eq!(scopes, ["operator", "ingest"]);
    desk.run(&["keys", "revoke", all[0]["id"].as_str().unwrap(), "--project", "shop"]).ok();
    desk.run(&["keys", "create", "--scope", "root"]).told(2, &["ingest, read, admin, operator"]);
    let doctor = desk.run(&["doctor", "--json"]).ok().json();
    assert_eq!(doctor["projects"].as_array().map(Vec::len), Some(0), "keys are no project: {doctor}");
}

#[test]
fn a_source_proves_itself_as_its_vendor_can() {
    let desk = Desk::new();
    for (vendor, proof) in [("github", "signature"), ("grafana", "signature"), ("datadog", "header")] {
        let added = add(&desk, &[vendor]);
        let (id, path) = (added["id"].as_str().unwrap(), added["path"].as_str().unwrap());
        assert_eq!((path, id.len()), (format!("/ingest/{vendor}/{id}").as_str(), 16));
        assert_eq!(added["proof"]["kind"], proof);
        assert_eq!(added["secret"].as_str().unwrap().len(), 40);
    }
    let run = desk.run(&["sources", "add", "splunk"]).ok();
    let path = run.out.lines().find_map(|line| line.strip_prefix("deliver to ")).unwrap();
    let parts: Vec<&str> = path.split('/').collect();
    assert_eq!((parts[1], parts[2], parts[3].len(), parts[4].len()), ("ingest", "splunk", 16, 40));
    let run = desk.run(&["sources", "add", "manual", "--header", "X-Key"]).ok();
    assert!(run.out.contains("with the header X-Key: Bearer ") && run.err.is_empty(), "{run:#?}");
    let run = desk.run(&["sources", "add", "email", "--allow-unsigned"]).ok();
    assert!(run.err.contains("warning: anybody who knows the path may deliver"), "{run:#?}");
    let list = desk.run(&["sources", "list"]).ok().out;
    let proofs: Vec<&str> = rows(&list).iter().map(|row| row[2]).collect();
    assert_eq!(proofs, ["signature", "signature", "header", "path", "header", "none"], "{list}");
    assert!(!list.contains(parts[4]), "{list}");
    assert!(desk.run(&["sources", "list", "--project", "other"]).ok().out.contains("has no sources"));
    let export = desk.run(&["export"]).ok().out;
    assert!(!export.contains("splunk") && !export.contains("secret"), "{export}");
}

#[test]
fn a_secret_comes_from_a_file_or_standard_input_and_is_never_shown() {
    let desk = Desk::new();
    const SECRET: &str = "xoxb-it-is-slacks-own";
    desk.file("secret", format!("{SECRET}\r\n"));
    let added = add(&desk, &["slack", "--secret-file", "secret"]);
    assert_eq!(added["secret"], Value::Null, "what was given is not told again");
    let args = [
        "sources",
        "add",
        "sentry",
        "--pull",
        "--secret-file",
        "-",
        "--settings",
        "{\"organization\":\"acme\"}",
    ];
    let run = desk.feed(&args, SECRET).ok();
    assert!(run.out.contains("its API is asked") && !run.out.contains("/ingest/"), "{run:#?}");
    for args in [vec!["sources", "list"], vec!["sources", "list", "--json"], vec!["keys", "list", "--all"]] {
        let run = desk.run(&args).ok();
        assert!(!run.out.contains(SECRET) && !run.err.contains(SECRET), "{run:#?}");
    }
    let list = desk.run(&["sources", "list", "--json"]).ok().json();
    assert_eq!(list[1]["settings"]["organization"], "acme");
    desk.run(&["sources", "add", "slack", "--secret", SECRET]).told(2, &["unexpected argument '--secret'"]);
    desk.file("short", "too short");
    desk.file("empty", "\n");
    for (args, code, told) in [
        (vec!["slack"], 2, "it makes the secret of its signatures itself"),
        (vec!["reddit"], 2, "it makes the token of its API"),
        (vec!["fax"], 1, "no vendor \"fax\""),
        (vec!["slack", "--pull", "--secret-file", "secret"], 2, "its API is not asked"),
        (vec!["datadog", "--signature", "--secret-file", "secret"], 2, "not signed"),
        (vec!["datadog", "--secret-file", "short"], 2, "at least 16 bytes"),
        (vec!["github", "--secret-file", "empty"], 2, "empty"),
        (vec!["github", "--secret-file", "none"], 1, "no file none"),
        (vec!["github", "--settings", "none.json"], 2, "none.json cannot be read"),
        (vec!["github", "--settings", "{\"a\":"], 2, "no JSON object"),
        (vec!["email", "--allow-unsigned", "--header", "X-Key"], 2, "cannot be used with"),
        (vec!["email", "--path-token", "--secret-file", "secret"], 2, "cannot be used with"),
    ] {
        let run = desk.run(&[&["sources", "add"], &args[..]].concat());
        run.told(code, &[told]);
        assert!(!run.err.contains(SECRET), "{run:#?}");
    }
    assert_eq!(desk.run(&["sources", "list", "--json"]).ok().json().as_array().unwrap().len(), 2);
}

#[test]
fn a_secret_is_exchanged_while_both_are_good() {
    let desk = Desk::new();
    let added = add(&desk, &["datadog"]);
    let (id, first) = (added["id"].as_str().unwrap(), added["secrets"][0]["id"].as_str().unwrap());
    desk.run(&["sources", "remove-secret", id, first]).told(1, &["the last secret", "would be open"]);
    let run = desk.run(&["sources", "rotate", id]).ok();
    assert!(run.out.contains("with the header Authorization: Bearer "), "{run:#?}");
    let command = format!("soulcaster sources remove-secret {id} {first}");
    assert!(run.out.contains(&command) && !run.out.contains(added["secret"].as_str().unwrap()), "{run:#?}");
    desk.run(&["sources", "rotate", id]).told(1, &["has 2 secrets", &command]);
    assert!(rows(&desk.run(&["sources", "list"]).ok().out)[0].contains(&first));
    desk.run(&["sources", "remove-secret", id, first]).ok();
    let list = desk.run(&["sources", "list", "--json"]).ok().json();
    assert_eq!(list[0]["secrets"].as_array().unwrap().len(), 1);
    assert_ne!(list[0]["secrets"][0]["id"], first);
    let slack = {
        desk.file("secret", "slacks own");
        add(&desk, &["slack", "--secret-file", "secret"])
    };
    desk.run(&["sources", "rotate", slack["id"].as_str().unwrap()])
        .told(2, &["slack: it makes the secret of its signatures itself"]);
}

#[test]
fn a_source_is_switched_off_and_on_and_removed_by_its_own_project_only() {
    let desk = Desk::new();
    let added = add(&desk, &["github"]);
    let id = added["id"].as_str().unwrap();
    let enabled = || desk.run(&["sources", "list", "--json"]).ok().json()[0]["enabled"].clone();
    for args in [["disable", id], ["enable", id], ["remove", id], ["rotate", id]] {
        let run = desk.run(&["sources", args[0], args[1], "--project", "other"]);
        run.told(1, &["no source", "in project other"]);
    }
    desk.run(&["sources", "disable", id]).ok();
    assert_eq!(enabled(), false);
    desk.run(&["sources", "enable", id]).ok();
    assert_eq!(enabled(), true);
    desk.run(&["sources", "remove", id]).ok();
    desk.run(&["sources", "enable", id]).told(1, &["no source"]);
    assert!(desk.run(&["sources", "list"]).ok().out.contains("has no sources"));
}

#[test]
fn every_command_for_keys_and_sources_has_help() {
    let desk = Desk::new();
    for command in
        ["keys create", "keys list", "keys revoke", "sources list", "sources add", "sources enable"]
            .into_iter()
            .chain(["sources disable", "sources rotate", "sources remove-secret", "sources remove"])
    {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        assert!(desk.run(&args).ok().out.contains("Usage:"), "{command}");
    }
    let help = desk.run(&["sources", "add", "--help"]).ok().out;
    assert!(help.contains("Examples:") && help.contains("Secrets are read from files"), "{help}");
    assert!(desk.run(&["keys", "--help"]).ok().out.contains("Examples:"));
}
