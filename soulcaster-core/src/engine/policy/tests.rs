use super::*;
use crate::port::agent::Budget;

/// What looks like a token of GitHub.
fn token() -> String {
    format!("ghp_{}", "0aB1".repeat(9))
}

fn refusals(patch: &str) -> Vec<(String, String)> {
    let found = check(patch, &FixSettings::default());
    found.into_iter().map(|refusal| (refusal.rule, refusal.subject)).collect()
}

fn rules(patch: &str) -> Vec<String> {
    refusals(patch).into_iter().map(|(rule, _)| rule).collect()
}

fn quote(path: &str) -> String {
    path.bytes().fold(String::new(), |text, byte| format!("{text}\\{byte:03o}"))
}

/// A new file, its path quoted so that anything can be in it.
fn new(path: &str, mode: u32, lines: &[&str]) -> String {
    let path = quote(path);
    let body: String = lines.iter().map(|line| format!("+{line}\n")).collect();
    format!(
        "diff --git \"a/{path}\" \"b/{path}\"\nnew file mode {mode:o}\nindex 0..1\n--- /dev/null\n+++ \"b/{path}\"\n\
         @@ -0,0 +1,{} @@\n{body}",
        lines.len()
    )
}

fn add(path: &str, line: &str) -> String {
    format!("diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,3 @@\n x\n+{line}\n y\n")
}

#[test]
fn an_ordinary_patch_passes() {
    let patch = add(
        "src/a.rs",
        "let total = 9; // Größe ❤\u{fe0f} \u{1f469}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f468}\r",
    ) + &new("tests/b.rs", 0o100_644, &["\t#[test]"])
        + &new("scripts/check.sh", 0o100_755, &["#!/bin/sh"])
        + &new("src/gitignore.rs", 0o100_644, &["x"]);
    assert_eq!(refusals(&patch), []);
    assert_eq!(refusals(""), []);
}

#[test]
fn paths_that_lead_out_or_into_git_are_refused_in_every_spelling() {
    for path in [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a/./x",
        "a//x",
        "..",
        "~/x",
        ".git/config",
        ".GIT/config",
        "a/.git",
        "git~1/config",
        "GIT~2",
        ".git./config",
        ".git /config",
        ".git::$INDEX_ALLOCATION/config",
        "a.txt::$DATA",
        "C:/x",
        ".g\u{200c}it/config",
        "a\\..\\..\\x",
        "a\0b",
        "a\nb",
        "x/... /y",
    ] {
        assert!(rules(&new(path, 0o100_644, &["x"])).contains(&"path".to_owned()), "{path:?}");
    }
    assert_eq!(rules(&new(&"a/".repeat(600), 0o100_644, &["x"])), ["path"]);
}

#[test]
fn renaming_and_deleting_touch_what_is_protected_too() {
    let renamed = "diff --git a/.github/workflows/ci.yml b/ci.txt\nsimilarity index 100%\nrename from .github/workflows/ci.yml\nrename to ci.txt\n";
    assert_eq!(rules(renamed), ["protected_path"]);
    let deleted = "diff --git a/CODEOWNERS b/CODEOWNERS\ndeleted file mode 100644\n--- a/CODEOWNERS\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
    assert_eq!(rules(deleted), ["protected_path"]);
}

#[test]
fn files_that_decide_what_runs_or_who_decides_are_protected() {
    for path in [
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/ci.yml",
        "sub/.github/x",
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        ".travis.yml",
        "Jenkinsfile",
        "azure-pipelines.yml",
        "bitbucket-pipelines.yml",
        ".husky/pre-commit",
        ".githooks/pre-push",
        ".pre-commit-config.yaml",
        ".gitattributes",
        ".gitmodules",
        "AGENTS.md",
        "docs/agents.MD",
        "CLAUDE.md",
        ".claude/settings.json",
        ".cursorrules",
        ".cursor/rules/x.mdc",
        ".kilocode/rules.md",
        ".kilocodemodes",
        ".mcp.json",
        ".vscode/tasks.json",
        ".github/copilot-instructions.md",
        ".npmrc",
        ".cargo/config.toml",
        "pip.conf",
        ".yarnrc.yml",
        "docs/CODEOWNERS",
        ".env",
        ".envrc",
        ".devcontainer/devcontainer.json",
    ] {
        assert!(rules(&new(path, 0o100_644, &["x"])).contains(&"protected_path".to_owned()), "{path}");
    }
    for path in ["src/ci/parser.rs", "src/hooks/use-cart.js", "src/agents.rs", "src/github.rs", ".gitignore"]
    {
        assert_eq!(rules(&new(path, 0o100_644, &["x"])), [""; 0], "{path}");
    }
}

#[test]
fn a_project_protects_more() {
    let settings = FixSettings { protected: vec!["migrations/**".into()], ..FixSettings::default() };
    let found = check(&new("migrations/1.sql", 0o100_644, &["x"]), &settings);
    assert_eq!((found[0].rule.as_str(), found[0].subject.as_str()), ("protected_path", "migrations/1.sql"));
}

#[test]
fn links_stay_inside_and_submodules_stay_out() {
    for (path, target, refused) in [
        ("a/link", "b.txt", false),
        ("a/link", "../b.txt", false),
        ("a/link", "../../b.txt", true),
        ("link", "/etc/passwd", true),
        ("link", "a/../../b", true),
        ("link", ".git/config", true),
        ("link", "..\\b", true),
        ("link", "", true),
    ] {
        let found = rules(&new(path, 0o120_000, &[target]));
        assert_eq!(found.contains(&"symlink".to_owned()), refused, "{path} -> {target}: {found:?}");
    }
    assert_eq!(rules(&new("sub", 0o160_000, &["Subproject commit 1"])), ["submodule"]);
}

#[test]
fn executables_and_bytes_nobody_can_review_are_refused() {
    assert_eq!(rules("diff --git a/src/a.rs b/src/a.rs\nold mode 100644\nnew mode 100755\n"), ["executable"]);
    assert_eq!(
        rules("diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n"),
        ["binary"]
    );
}

#[test]
fn the_budget_bounds_bytes_files_and_lines() {
    let budget = Budget { diff_bytes: 1000, diff_files: 1, diff_lines: 1, ..Budget::default() };
    let settings = FixSettings { budget, ..FixSettings::default() };
    let rules = |patch: &str| check(patch, &settings).into_iter().map(|r| r.subject).collect::<Vec<_>>();
    assert_eq!(rules(&add("a", "x")), [""; 0]);
    assert_eq!(
        rules(&(add("a", "x") + &add("b", "x"))),
        ["the patch has 2 files, allowed are 1", "the patch has 2 lines that change, allowed are 1"]
    );
    assert_eq!(rules(&add("a", &"x".repeat(2000))).len(), 1);
}

#[test]
fn what_nobody_sees_in_added_lines_is_refused_and_shown() {
    for (line, code) in [
        ("if admin\u{202e} { // }", "U+202E"),
        ("pass\u{200b}word", "U+200B"),
        ("x\u{e0061}", "U+E0061"),
        ("a\u{2066}b", "U+2066"),
        ("a\u{1b}[2K", "U+001B"),
        ("a\rb", "U+000D"),
        ("a\u{fe0f}", "U+FE0F"),
        ("ad\u{200d}min", "U+200D"),
        ("क\u{200d}ष", "U+200D"),
        ("\u{1f468}\u{200d}admin", "U+200D"),
        ("\u{2764}\u{fe0f}\u{fe0f}\u{200d}", "U+200D"),
        ("\u{feff}", "U+FEFF"),
    ] {
        assert_eq!(
            refusals(&add("src/a.rs", line)),
            [("hidden_characters".into(), format!("src/a.rs:2: {code}"))]
        );
    }
    let (_, subject) = &refusals(&new("a\u{202e}b", 0o100_644, &["x"]))[0];
    assert!(subject.contains("⟦U+202E⟧") && !subject.contains('\u{202e}'));
}

#[test]
fn secrets_are_told_by_place_and_kind_alone() {
    let token = token();
    let patch = add("src/a.rs", &format!("let key = \"{token}\";"))
        + &new(&format!("{token}.txt"), 0o100_644, &["a", &token]);
    let found = refusals(&patch);
    assert_eq!(found[0], ("secret".into(), "src/a.rs:2 (GitHub token)".into()));
    assert_eq!(found[1], ("secret".into(), "the path of a file (GitHub token)".into()));
    assert_eq!(found[2].0, "secret");
    assert!(!found[0].1.contains(&token) && !found[1].1.contains(&token));
}

#[test]
fn packages_from_elsewhere_are_refused() {
    for (path, line) in [
        ("package-lock.json", "\"resolved\": \"https://evil.example/a.tgz\","),
        ("package-lock.json", "\"resolved\": \"https://registry.npmjs.org@evil.example/a.tgz\","),
        ("package-lock.json", "\"resolved\": \"git+ssh://git@github.com/a/b.git#1\","),
        ("Cargo.lock", "source = \"git+https://github.com/evil/a#1\""),
        ("yarn.lock", "  resolved \"http://evil.example/a.tgz\""),
        ("poetry.lock", "url = \"https://evil.example/simple\""),
        ("package.json", "\"left-pad\": \"github:evil/left-pad\","),
        ("package.json", "\"left-pad\": \"https://evil.example/a.tgz\","),
        ("package.json", "\"postinstall\": \"node x.js\","),
        ("Cargo.toml", "serde = { git = \"https://evil.example/serde\" }"),
        ("Cargo.toml", "[patch.crates-io]"),
        ("requirements.txt", "--extra-index-url https://evil.example"),
        ("requirements-dev.txt", "a @ https://evil.example/a.whl"),
        ("pyproject.toml", "[[tool.poetry.source]]"),
        ("go.mod", "replace a => ../b"),
        ("pom.xml", "<repository><url>https://evil.example</url>"),
    ] {
        assert_eq!(rules(&add(path, line)), ["registry"], "{path}: {line}");
    }
    for (path, line) in [
        ("package-lock.json", "\"resolved\": \"https://registry.npmjs.org/a/-/a-1.0.0.tgz\","),
        ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""),
        ("Cargo.toml", "serde = \"1.0.229\""),
        ("Cargo.toml", "repository = \"https://github.com/a/b\""),
        ("package.json", "\"left-pad\": \"^1.3.0\","),
        ("requirements.txt", "requests==2.32.0"),
        ("src/a.rs", "let url = \"https://evil.example\";"),
    ] {
        assert_eq!(rules(&add(path, line)), [""; 0], "{path}: {line}");
    }
    let moved = "diff --git a/yarn.lock b/yarn.lock\n--- a/yarn.lock\n+++ b/yarn.lock\n@@ -1 +1 @@\n\
        -  resolved \"https://npm.corp.example/a-1.tgz\"\n+  resolved \"https://npm.corp.example/a-2.tgz\"\n";
    assert_eq!(rules(moved), [""; 0]);
}

#[test]
fn a_malformed_patch_is_refused_without_being_repeated() {
    let found = refusals("--- a/swordfish\n+++ b/swordfish\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].0 == "malformed" && !found[0].1.contains("swordfish"));
}

#[test]
fn branches_are_named_by_one_rule() {
    for (name, taken) in [
        ("triage/abc-1", true),
        ("triage/", false),
        ("main", false),
        ("triage/A", false),
        ("triage/a/b", false),
        ("triage/..", false),
        ("refs/heads/triage/a", false),
        ("triage/a b", false),
        ("triage/-", true),
    ] {
        assert_eq!(is_branch_name(name), taken, "{name}");
    }
    assert!(!is_branch_name(&format!("triage/{}", "a".repeat(61))));
}
