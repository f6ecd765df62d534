//! Signs that a patch satisfies its tests without mending anything.
//!
//! They make a proof `Unproven`, never `Proven`: whoever means well can leave such a line out.

use std::collections::BTreeSet;

use super::inspect::words;
use crate::engine::patch::{Change, FileDiff, Patch};
use crate::engine::role::{Role, role};

/// What asks for being under test or steps around it; small letters, without blanks, all quotes double.
const ASKS: &[&str] = &[
    // Rust
    "cfg!(test",
    "cfg(test",
    "(not(test",
    "cfg!(all(test",
    "cfg!(any(test",
    "cfg(any(test",
    "cfg(all(test",
    "cfg_attr(test",
    "cfg_attr(not(test",
    "debug_assertions",
    "current_exe",
    "cargo_target_tmpdir",
    "var(\"cargo",
    "var_os(\"cargo",
    "env::vars",
    "rust_test_",
    "nextest",
    "thread::current().name",
    "backtrace::",
    // Python
    "pytest",
    "unittest",
    "doctest",
    "_getframe",
    "inspect.stack",
    "inspect.currentframe",
    "extract_stack",
    "settrace",
    "setprofile",
    "os._exit",
    "sys.modules",
    "gc.get_objects",
    "gc.get_referrers",
    "def__eq__(self,_",
    // JavaScript
    "node_env",
    "node_test",
    "node:test",
    "node:assert",
    "require(\"assert",
    "from\"assert",
    "jest",
    "vitest",
    "mocha",
    "process.execargv",
    "process.argv[1]",
    "require.main.filename",
    "reallyexit",
    "__tests__",
    "newerror().stack",
    "capturestacktrace",
    "object.prototype.",
    // Go, Java
    "testing.testing()",
    "lookup(\"test.",
    "os.args[0]",
    "runtime.caller",
    "junit",
    "surefire",
    "getstacktrace",
    // any
    "/proc/self",
    "/dev/stdout",
    "/dev/stderr",
    "/dev/tty",
    "getenv(\"ci\"",
    "environ[\"ci\"",
    "environ.get(\"ci\"",
    "process.env.ci",
    "env::var(\"ci\"",
    "testresult:",
    "tapversion",
];

/// What looks at the command line: suspicious where tests are meant.
const COMMAND_LINES: [&str; 4] = ["sys.argv", "process.argv", "env::args", "os.args"];

/// Calls that read files or ask whether they are there.
const READS: [&str; 24] = [
    "include_str!",
    "include_bytes!",
    "read_to_string",
    "fs::read",
    "file::open",
    ".exists()",
    "path::new(",
    "open(",
    "read_text",
    "read_bytes",
    "getsource",
    "os.path.exists",
    "isfile",
    "readfile",
    "createreadstream",
    "existssync",
    "statsync",
    "accesssync",
    "os.readfile",
    "os.stat",
    "files.read",
    "files.exists",
    "loadtext",
    "inspect.",
];

/// The line without blanks, in small letters, with double quotes only.
fn plain(line: &str) -> String {
    let letters = line.chars().filter(|c| !c.is_whitespace());
    letters.map(|c| if matches!(c, '\'' | '`') { '"' } else { c.to_ascii_lowercase() }).collect()
}

/// The first line of the source that asks whether it is under test.
pub(super) fn asks_for_tests(file: &FileDiff<'_>) -> Option<String> {
    let path = file.path();
    let data = ["json", "lock", "css", "svg", "po", "csv"];
    if role(path) == Role::Documentation || data.contains(&extension(path)) {
        return None;
    }
    let removed: BTreeSet<&str> =
        file.changed().filter(|line| line.change == Change::Removed).map(|line| line.text.trim()).collect();
    let mut above = String::new();
    for (number, line) in file.added() {
        let text = line.trim();
        if removed.contains(text) || is_comment(path, text) {
            continue;
        }
        let plain = plain(text);
        let found = ASKS.iter().find(|sign| plain.contains(**sign)).copied();
        let argv =
            COMMAND_LINES.iter().find(|sign| plain.contains(**sign) && plain.contains("test")).copied();
        let tests =
            ["\"tests/", "\"test/", "/tests/", "\"tests\""].into_iter().find(|sign| plain.contains(sign));
        let equal = (above.starts_with("def__eq__(") && plain == "returntrue").then_some("__eq__");
        if let Some(sign) = found.or(argv).or(tests).or(equal) {
            return Some(format!("{path}:{number} ({sign})"));
        }
        above = plain;
    }
    None
}

/// Whether anything of a file changes but prose, comments and blanks. Bytes that are no text count as code.
pub(super) fn changes_code(file: &FileDiff<'_>) -> bool {
    let path = file.path();
    if role(path) == Role::Documentation {
        return false;
    }
    if file.binary || file.old_path != file.new_path && file.changed().next().is_none() {
        return true;
    }
    let code = |change: Change| -> Vec<&str> {
        let lines = file.changed().filter(|line| line.change == change).map(|line| line.text);
        let kept =
            lines.filter(|line| !is_comment(path, line.trim()) && !is_block_comment(path, line.trim()));
        // In some languages the indentation is part of the code.
        let indented =
            matches!(extension(path), "py" | "yml" | "yaml" | "pug" | "haml" | "coffee" | "fs" | "hs");
        kept.map(|line| if indented { line.trim_end() } else { line.trim() })
            .filter(|line| !line.is_empty())
            .collect()
    };
    code(Change::Removed) != code(Change::Added)
}

fn extension(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_comment(path: &str, text: &str) -> bool {
    match extension(path) {
        "py" | "rb" | "sh" | "toml" | "yml" | "yaml" | "pl" | "r" | "ex" | "exs" => text.starts_with('#'),
        "sql" | "lua" | "hs" => text.starts_with("--"),
        "css" | "html" | "xml" | "md" | "json" | "txt" => false,
        _ => text.starts_with("//"),
    }
}

fn is_block_comment(path: &str, text: &str) -> bool {
    !matches!(extension(path), "py" | "rb" | "sh" | "toml" | "yml" | "yaml")
        && (text.starts_with("/*") || text.starts_with("* ") || text.starts_with("*/") || text == "*")
}

/// The first line of the tests that names a file of the source, if the tests of that file read any.
pub(super) fn reads_source(tests: &Patch<'_>, source: &Patch<'_>) -> Option<String> {
    let names: Vec<String> = source
        .files
        .iter()
        .flat_map(|file| file.paths())
        .filter_map(|path| path.rsplit('/').next())
        .filter(|name| name.len() > 2)
        .map(str::to_lowercase)
        .collect();
    tests.files.iter().find_map(|file| {
        let lines: Vec<(usize, String)> = file.added().map(|(number, line)| (number, plain(line))).collect();
        let read = lines.iter().any(|(_, line)| READS.iter().any(|sign| line.contains(sign)));
        let itself =
            lines.iter().find(|(_, line)| line.contains("getsource") || line.contains("include_str!"));
        let named = lines.iter().find(|(_, line)| {
            let imports = line.starts_with("import") || line.contains("require(") || line.contains("import(");
            (!imports || READS.iter().any(|sign| line.contains(sign)))
                && names
                    .iter()
                    .any(|name| line.contains(&format!("{name}\"")) || line.contains(&format!("/{name}")))
        });
        let (number, _) = named.filter(|_| read).or(itself)?;
        Some(format!("{}:{number}", file.path()))
    })
}

/// Whether every reason why a test failed is that a name is missing which only the patch brings.
pub(super) fn misses_only_new(reasons: impl Iterator<Item = String>, fresh: &BTreeSet<String>) -> bool {
    const MISSING: [&str; 13] = [
        "ImportError",
        "ModuleNotFoundError",
        "NameError",
        "has no attribute",
        "unexpected keyword argument",
        "Cannot find module",
        "Cannot find package",
        "ERR_MODULE_NOT_FOUND",
        "does not provide an export",
        "is not defined",
        "is not a function",
        "is not a constructor",
        "is not iterable",
    ];
    let mut some = false;
    for reason in reasons {
        some = true;
        if !MISSING.iter().any(|sign| reason.contains(sign))
            || !words(&reason).any(|word| fresh.contains(word))
        {
            return false;
        }
    }
    some
}
