//! What a file of a repository is for, by the conventions of its language.

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Tests, and the data that they use.
    Test,
    /// How tests are found and run: what a proof rests on.
    TestConfig,
    /// Prose.
    Documentation,
    /// Everything else.
    Source,
}

/// Folders whose files belong to tests.
const TEST_FOLDERS: [&str; 7] =
    ["tests", "test", "__tests__", "__mocks__", "__snapshots__", "testdata", "__fixtures__"];

/// Files that say how tests are run, by name.
const CONFIG_NAMES: [&str; 23] = [
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "setup.cfg",
    "noxfile.py",
    "sitecustomize.py",
    "usercustomize.py",
    "makefile",
    "gnumakefile",
    "justfile",
    "build.rs",
    "rust-toolchain",
    "rust-toolchain.toml",
    "clippy.toml",
    "nextest.toml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "go.work",
    ".swcrc",
];

/// Beginnings of the names of files that say how tests are run.
const CONFIG_STEMS: [&str; 11] = [
    "jest.config.",
    "jest.setup.",
    "vitest.config.",
    "vitest.workspace.",
    "vite.config.",
    "karma.conf.",
    "playwright.config.",
    "babel.config.",
    "ava.config.",
    ".mocharc.",
    "tsconfig.",
];

/// Modules that a test runner loads by name: a file of that name in the way of one replaces it.
const RUNNER_MODULES: [&str; 6] = ["pytest", "_pytest", "unittest", "pluggy", "iniconfig", "node_modules"];

/// What the file at `path` is for. `package.json`, `Cargo.toml` and `pyproject.toml` count as source here; whether
/// they change how tests run depends on what changes in them.
///
/// ```
/// use soulcaster_core::engine::role::{Role, role};
/// assert_eq!(role("tests/cart.rs"), Role::Test);
/// assert_eq!(role("tests/conftest.py"), Role::TestConfig);
/// assert_eq!(role("src/cart.py"), Role::Source);
/// ```
#[must_use]
pub fn role(path: &str) -> Role {
    let path = path.to_lowercase();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let folders: Vec<&str> = folder.split('/').collect();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let replaces = |part: &&str| RUNNER_MODULES.contains(part);
    if CONFIG_NAMES.contains(&name)
        || CONFIG_STEMS.iter().any(|stem| name.starts_with(stem))
        || matches!(extension, "pth" | "mk")
        || folders.iter().any(replaces)
        || replaces(&stem) && matches!(extension, "py" | "js" | "mjs" | "cjs")
        || folders.contains(&".cargo")
        || folders.contains(&".config") && stem == "nextest"
    {
        return Role::TestConfig;
    }
    let by_name = match extension {
        "py" => stem.starts_with("test_") || stem.ends_with("_test") || matches!(stem, "test" | "tests"),
        "rs" => stem.ends_with("_test") || stem.ends_with("_tests") || matches!(stem, "test" | "tests"),
        "go" => stem.ends_with("_test"),
        "java" | "kt" | "scala" => {
            let cased = path.len() > 5 && (stem.ends_with("test") || stem.ends_with("tests"));
            cased && folders.contains(&"test") || folders.ends_with(&["src", "test"])
        }
        "rb" => stem.ends_with("_spec") || stem.ends_with("_test"),
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "snap" => {
            let marked = |mark: &str| stem.ends_with(mark) || stem.contains(&format!("{mark}."));
            marked(".test") || marked(".spec") || stem == "test" || extension == "snap"
        }
        _ => false,
    };
    if by_name || folders.iter().any(|folder| TEST_FOLDERS.contains(folder)) {
        return Role::Test;
    }
    if matches!(extension, "md" | "rst" | "adoc" | "txt") && !name.starts_with("requirements") {
        return Role::Documentation;
    }
    Role::Source
}

/// Lines (from 1, the last one included) of Rust `text` that are compiled for tests alone: items under
/// `#[cfg(test)]` that are in no other item, with the attribute.
#[must_use]
pub(crate) fn rust_test_lines(text: &str) -> Vec<(usize, usize)> {
    const MARK: &[u8] = b"#[cfg(test)]";
    let code = rust_code(text);
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    // Where the item began that is being read.
    let mut item: Option<usize> = None;
    let (mut at, mut line, mut depth) = (0, 1, 0_usize);
    while at < code.len() {
        if item.is_none() && depth == 0 && code[at..].starts_with(MARK) {
            item = Some(line);
            at += MARK.len();
            continue;
        }
        match code[at] {
            b'\n' => line += 1,
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        // Up to the `;` or the closing brace; other attributes have neither outside of brackets.
        if depth == 0
            && matches!(code[at], b'}' | b';')
            && let Some(first) = item.take()
        {
            ranges.push((first, line));
        }
        at += 1;
    }
    ranges.extend(item.map(|first| (first, line)));
    ranges
}

/// `text` with its test lines replaced by those of `donor`, each in its place; what `donor` has more of them stands at
/// the end.
#[must_use]
pub(crate) fn with_tests_of(text: &str, donor: &str) -> String {
    let lines: Vec<&str> = donor.split_inclusive('\n').collect();
    let given = rust_test_lines(donor);
    let mut given = given.iter().map(|(first, last)| lines[first - 1..(*last).min(lines.len())].concat());
    let ranges = rust_test_lines(text);
    let mut ranges = ranges.iter().peekable();
    let mut made = String::new();
    let end = |made: &mut String| {
        if !made.is_empty() && !made.ends_with('\n') {
            made.push('\n');
        }
    };
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        while ranges.peek().is_some_and(|(_, last)| *last < number) {
            ranges.next();
        }
        match ranges.peek() {
            Some((first, _)) if *first == number => made.extend(given.next()),
            Some((first, _)) if *first < number => {}
            _ => {
                end(&mut made);
                made.push_str(line);
            }
        }
    }
    for more in given {
        end(&mut made);
        made.push_str(&more);
    }
    made
}

/// Rust `text` with blanks for what stands in comments, strings and characters.
fn rust_code(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !word_before) {
            length
        } else if rest[0] == b'"' {
            quoted(rest, b'"')
        } else if rest[0] == b'\'' {
            // A character, not a lifetime.
            let escaped = rest.get(1) == Some(&b'\\');
            let width = std::str::from_utf8(&rest[1..rest.len().min(6)])
                .map_or_else(|e| e.valid_up_to(), str::len)
                .min(rest.len() - 1);
            let one = std::str::from_utf8(&rest[1..=width]).ok().and_then(|text| text.chars().next());
            match one {
                _ if escaped => quoted(rest, b'\''),
                Some(c) if rest.get(1 + c.len_utf8()) == Some(&b'\'') => c.len_utf8() + 2,
                _ => 0,
            }
        } else {
            0
        };
        for byte in code.iter_mut().skip(at).take(length) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length.max(1);
    }
    code
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of a raw string at the beginning of `rest`, if there is one.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let start =
        if rest.starts_with(b"br") || rest.starts_with(b"cr") { 2 } else { usize::from(rest[0] == b'r') };
    if start == 0 {
        return None;
    }
    let hashes = rest[start..].iter().take_while(|byte| **byte == b'#').count();
    let open = start + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let inner = &rest[open + 1..];
    let end = inner.windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| open + 1 + end + close.len()))
}

fn quoted(rest: &[u8], mark: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == mark => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn conventions_of_each_language_are_known() {
        for (path, expected) in [
            ("tests/cart.rs", Role::Test),
            ("crates/a/tests/it/main.rs", Role::Test),
            ("src/cart/tests.rs", Role::Test),
            ("src/cart_test.rs", Role::Test),
            ("src/cart.rs", Role::Source),
            ("src/testing.rs", Role::Source),
            ("src/latest.rs", Role::Source),
            ("build.rs", Role::TestConfig),
            (".cargo/config.toml", Role::TestConfig),
            ("test_cart.py", Role::Test),
            ("cart_test.py", Role::Test),
            ("tests/data/a.json", Role::Test),
            ("tests/conftest.py", Role::TestConfig),
            ("CONFTEST.py", Role::TestConfig),
            ("pytest.py", Role::TestConfig),
            ("unittest/__init__.py", Role::TestConfig),
            ("cart.py", Role::Source),
            ("contest.py", Role::Source),
            ("src/cart.test.js", Role::Test),
            ("src/cart.spec.ts", Role::Test),
            ("src/__tests__/cart.jsx", Role::Test),
            ("src/attest.js", Role::Source),
            ("jest.config.mjs", Role::TestConfig),
            ("node_modules/left-pad/index.js", Role::TestConfig),
            ("cart_test.go", Role::Test),
            ("src/test/java/CartTest.java", Role::Test),
            ("src/main/java/Contest.java", Role::Source),
            ("pom.xml", Role::TestConfig),
            ("Makefile", Role::TestConfig),
            ("README.md", Role::Documentation),
            ("requirements.txt", Role::Source),
        ] {
            assert_eq!(role(path), expected, "{path}");
        }
    }

    #[test]
    fn test_modules_are_found_and_look_alikes_are_not() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() { let c = '}'; let s = \"}\"; }\n}\n\nfn d() {}\n";
        assert_eq!(rust_test_lines(text), [(3, 7)]);
        assert_eq!(rust_test_lines("#[cfg(test)]\nmod tests;\nfn a() {}\n"), [(1, 2)]);
        assert_eq!(rust_test_lines("#[cfg(test)]\n#[allow(x(y))]\nuse a::{b, c};\nfn a() {}\n"), [(1, 3)]);
        assert_eq!(
            rust_test_lines("#[cfg(test)]\nfn a<'a>(x: &'a str) { f(r#\"}\"#) }\nfn b() {}\n"),
            [(1, 2)]
        );
        for none in [
            "// #[cfg(test)]\nmod tests {}\n",
            "/* /* */ #[cfg(test)] */ mod tests {}\n",
            "const A: &str = \"#[cfg(test)] mod tests {\";\n",
            "const A: &str = r##\"\"#\n#[cfg(test)] mod tests { \"##;\n",
            "#[cfg(not(test))]\nmod tests {}\n",
            "impl A {\n    #[cfg(test)]\n    fn b() {}\n}\n",
        ] {
            assert_eq!(rust_test_lines(none), [], "{none}");
        }
    }

    #[test]
    fn tests_are_exchanged_in_their_place() {
        let tests = |body: &str| format!("#[cfg(test)]\nmod tests {{\n{body}}}\n");
        let text = |one: &str, two: &str| format!("fn a() {{}}\n{one}fn b() {{}}\n{two}");
        let (old, new, more) = (tests(""), tests("    fn t() {}\n"), "#[cfg(test)]\nmod more;\n");
        assert_eq!(with_tests_of(&text(&old, ""), &text(&new, "")), text(&new, ""));
        assert_eq!(with_tests_of(&text(&old, ""), "fn c() {}\n"), text("", ""));
        assert_eq!(with_tests_of("fn b() {}", &text(&new, more)), format!("fn b() {{}}\n{new}{more}"));
        assert_eq!(with_tests_of(&text(&old, more), &text(&new, more)), text(&new, more));
        assert_eq!(with_tests_of("", ""), "");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_of_rust_panic(text in "([a-z'\"#/*r{}\\[\\]();\\\\\n\u{e4}]|#\\[cfg\\(test\\)\\]){0,60}") {
            for (first, last) in rust_test_lines(&text) {
                prop_assert!(first >= 1 && last >= first);
            }
            prop_assert_eq!(rust_code(&text).len(), text.len());
            let _ = with_tests_of(&text, "#[cfg(test)] mod a {}");
            let _ = with_tests_of("fn a() {}", &text);
        }
    }
}
