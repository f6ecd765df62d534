//! Manifests of packages, which say among other things how tests are run.

use serde_json::Value;

use crate::engine::patch::{FileDiff, apply};

/// Keys of `package.json` that bear on tests.
const KEYS: [&str; 12] = [
    "scripts",
    "jest",
    "mocha",
    "vitest",
    "ava",
    "tap",
    "nyc",
    "c8",
    "babel",
    "type",
    "workspaces",
    "imports",
];

/// Sections of `Cargo.toml` and `pyproject.toml` that do not.
const PLAIN: [&str; 6] =
    ["dependencies", "dev-dependencies", "build-dependencies", "project", "package", "project.urls"];

/// Keys in those that do.
const KEYS_IN_PLAIN: [&str; 12] = [
    "autotests",
    "autobins",
    "autobenches",
    "autoexamples",
    "build",
    "links",
    "edition",
    "resolver",
    "metadata",
    "default-run",
    "entry-points",
    "workspace",
];

fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Whether the file is a manifest of which a part says how tests are run.
pub(super) fn is_manifest(path: &str) -> bool {
    ["package.json", "cargo.toml", "pyproject.toml"]
        .iter()
        .any(|known| name(path).eq_ignore_ascii_case(known))
}

/// Whether a change of a manifest changes how tests are run. What cannot be told does.
pub(super) fn changes_tests(file: &FileDiff<'_>, before: Option<&str>) -> bool {
    if !file.paths().into_iter().any(is_manifest) {
        return false;
    }
    let (Some(before), true) = (before, file.old_path == file.new_path) else { return true };
    let Some(after) = apply(before, file) else { return true };
    if name(file.path()).eq_ignore_ascii_case("package.json") {
        return json(before).zip(json(&after)).is_none_or(|(before, after)| before != after);
    }
    toml(before).zip(toml(&after)).is_none_or(|(before, after)| before != after)
}

fn json(text: &str) -> Option<Vec<Option<Value>>> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(KEYS.iter().map(|key| value.get(key).cloned()).collect())
}

/// The lines that bear on tests; nothing for a text with strings over several lines, which may look like anything.
fn toml(text: &str) -> Option<Vec<&str>> {
    if text.contains("\"\"\"") || text.contains("'''") {
        return None;
    }
    let mut lines = Vec::new();
    let mut plain = false;
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            let section = head.split(']').next().unwrap_or_default().trim();
            plain = !head.starts_with('[')
                && (PLAIN.contains(&section)
                    || section.starts_with("dependencies.")
                    || section.starts_with("project.optional"));
            if plain {
                continue;
            }
        }
        let key: String = line
            .chars()
            .take_while(|c| !matches!(c, '=' | '.'))
            .filter(|c| !matches!(c, '"' | '\'' | ' '))
            .collect();
        let bears = !plain || KEYS_IN_PLAIN.contains(&key.as_str());
        if bears && !line.is_empty() && !line.starts_with('#') {
            lines.push(line);
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::patch::Patch;

    fn changes(path: &str, before: &[&str], after: &[&str]) -> bool {
        let minus: String = before.iter().map(|line| format!("-{line}\n")).collect();
        let plus: String = after.iter().map(|line| format!("+{line}\n")).collect();
        let text = format!(
            "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{} +1,{} @@\n{minus}{plus}",
            before.len(),
            after.len()
        );
        let patch = Patch::parse(&text).unwrap();
        let content: String = before.iter().map(|line| format!("{line}\n")).collect();
        changes_tests(&patch.files[0], Some(&content))
    }

    #[test]
    fn versions_may_change_and_what_runs_may_not() {
        let old = ["{\"version\": \"1\", \"scripts\": {\"test\": \"node --test\"}}"];
        assert!(!changes(
            "package.json",
            &old,
            &["{\"version\": \"2\", \"scripts\": {\"test\": \"node --test\"}}"]
        ));
        assert!(changes("package.json", &old, &["{\"version\": \"1\", \"scripts\": {\"test\": \"true\"}}"]));
        assert!(changes("package.json", &old, &["{\"scripts\": {\"test\": \"node --test\"}, \"jest\": {}}"]));
        assert!(changes("a/package.json", &old, &["{"]));
        let old = ["[package]", "name = \"a\"", "[dependencies]", "b = \"1\""];
        assert!(!changes("Cargo.toml", &old, &["[package]", "name = \"a\"", "[dependencies]", "b = \"2\""]));
        for new in [
            &["[package]", "name = \"a\"", "autotests = false"][..],
            &["[package]", "name = \"a\"", "[lib]", "test = false"],
            &["[package]", "name = \"a\"", "[[test]]", "name = \"x\"", "harness = false"],
            &["[package]", "name = \"a\"", "[profile.test]", "debug-assertions = false"],
            &["lib.test = false", "[package]", "name = \"a\""],
            &["[package]", "description = \"\"\"", "[dependencies]", "\"\"\"", "autotests = false"],
        ] {
            assert!(changes("Cargo.toml", &old, new), "{new:?}");
        }
        let old = ["[project]", "name = \"a\"", "[tool.pytest.ini_options]", "testpaths = [\"tests\"]"];
        assert!(!changes(
            "pyproject.toml",
            &old,
            &["[project]", "name = \"b\"", "[tool.pytest.ini_options]", "testpaths = [\"tests\"]"]
        ));
        assert!(changes(
            "pyproject.toml",
            &old,
            &["[project]", "name = \"a\"", "[tool.pytest.ini_options]", "testpaths = [\"x\"]"]
        ));
        assert!(changes(
            "pyproject.toml",
            &old,
            &["[project]", "name = \"a\"", "entry-points.pytest11.x = \"y\""]
        ));
        assert!(!changes("src/a.rs", &["a"], &["b"]));
    }
}
