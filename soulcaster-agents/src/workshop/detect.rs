//! How a repository is tested, told from the files it has.

use std::path::Path;

use serde_json::Value;
use soulcaster_core::Result;
use soulcaster_core::engine::role::{Role, role};
use soulcaster_core::model::proof::{TestCommand, TestDialect};

use super::search::{files, text};

const CARGO: &[&str] = &["cargo", "test", "--offline", "--workspace", "--no-fail-fast"];
const PYTEST: &[&str] =
    &["python3", "-B", "-m", "pytest", "-v", "-rA", "--tb=short", "--color=no", "-p", "no:cacheprovider"];
const UNITTEST: &[&str] = &["python3", "-B", "-m", "unittest", "-v"];
const NODE: &[&str] = &["node", "--test", "--test-reporter=tap"];
const GO: &[&str] = &["go", "test", "-v", "-count=1", "./..."];
const MAVEN: &[&str] = &[
    "mvn",
    "--offline",
    "--batch-mode",
    "-Dstyle.color=never",
    "-Dsurefire.reportFormat=plain",
    "-Dsurefire.useFile=false",
    "test",
];

pub(super) async fn detect(checkout: &Path) -> Result<Option<TestCommand>> {
    let names = files(checkout).await?;
    let has = |name: &str| names.iter().any(|known| known == name);
    let read = |name: &str| text(&checkout.join(name)).unwrap_or_default();
    let command = |argv: &[&str], dialect| {
        Some(TestCommand {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            dialect,
            folder: None,
        })
    };
    if has("Cargo.toml") {
        return Ok(command(CARGO, TestDialect::Cargo));
    }
    if has("go.mod") {
        return Ok(command(GO, TestDialect::Go));
    }
    if has("pom.xml") {
        return Ok(command(MAVEN, TestDialect::Maven));
    }
    let python_tests: Vec<&String> =
        names.iter().filter(|name| name.ends_with(".py") && role(name) == Role::Test).collect();
    let configured = has("pytest.ini")
        || has("conftest.py")
        || ["pyproject.toml", "setup.cfg", "tox.ini"]
            .iter()
            .any(|name| has(name) && read(name).contains("pytest"));
    if configured || !python_tests.is_empty() && !has("package.json") {
        let read = |name: &&String| read(name);
        let is_unittest = python_tests.iter().map(read).any(|text| text.contains("unittest.TestCase"));
        return Ok(match is_unittest && !configured {
            // It comes with Python.
            true => command(UNITTEST, TestDialect::Unittest),
            false => command(PYTEST, TestDialect::Pytest),
        });
    }
    if has("package.json") {
        return Ok(node(&read("package.json")));
    }
    let node_tests = names.iter().any(|name| {
        role(name) == Role::Test && [".js", ".mjs", ".cjs"].iter().any(|extension| name.ends_with(extension))
    });
    Ok(if node_tests { command(NODE, TestDialect::Tap) } else { None })
}

/// The script `test` of a `package.json`, told to write TAP; runners that cannot are run as they are, and then only
/// the exit code tells.
fn node(manifest: &str) -> Option<TestCommand> {
    let manifest: Value = serde_json::from_str(manifest).ok()?;
    let script = manifest.pointer("/scripts/test").and_then(Value::as_str).unwrap_or("node --test");
    let words: Vec<&str> = script.split_whitespace().collect();
    // What needs a shell is left to npm.
    let plain = !script.contains(|c: char| "\"'`$&|;<>()*?{}\\~#!".contains(c)) && !script.contains('=');
    let tap = |program: &[&str], rest: &[&str]| TestCommand {
        argv: program.iter().chain(rest).map(|word| (*word).to_owned()).collect(),
        dialect: TestDialect::Tap,
        folder: None,
    };
    Some(match words.as_slice() {
        ["node", "--test", rest @ ..] if plain => tap(NODE, rest),
        ["mocha", rest @ ..] if plain => tap(&["node_modules/.bin/mocha", "--reporter", "tap"], rest),
        ["vitest", "run", rest @ ..] | ["vitest", rest @ ..] if plain => {
            tap(&["node_modules/.bin/vitest", "run", "--reporter=tap-flat"], rest)
        }
        ["tap" | "tape", ..] => TestCommand { dialect: TestDialect::Tap, ..npm() },
        _ => npm(),
    })
}

fn npm() -> TestCommand {
    let argv = ["npm", "test", "--offline", "--silent", "--no-update-notifier"].map(str::to_owned).to_vec();
    TestCommand { argv, dialect: TestDialect::ExitCode, folder: None }
}
