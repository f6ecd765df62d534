//! Stack traces in the text of a report: Python, Java, JavaScript, Rust, Go, C#, Ruby, and the form in which the
//! Sentry source writes frames.

use crate::model::brief::Frame;

/// Frames that are read of one text.
const MAX_FRAMES: usize = 100;
/// Longest line that can be a frame, in bytes.
const MAX_LINE: usize = 500;

/// What a text says went wrong in code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The error and its message in one line, such as `KeyError: 'total'`.
    pub error: Option<String>,
    /// The frames, innermost first.
    pub frames: Vec<Frame>,
}

/// Finds the stack traces in `text`. Of several the frames follow each other as the text gives them; at most 100
/// are read. The error is the first one named.
///
/// ```
/// use soulcaster_core::engine::trace::read;
/// let trace = read("Traceback (most recent call last):\n  File \"shop/cart.py\", line 12, in total\nKeyError: 'price'");
/// assert_eq!(trace.error.as_deref(), Some("KeyError: 'price'"));
/// assert_eq!((trace.frames[0].file.as_deref(), trace.frames[0].line), (Some("shop/cart.py"), Some(12)));
/// ```
#[must_use]
pub fn read(text: &str) -> Trace {
    let mut trace = Trace::default();
    // Python writes the innermost frame last: its frames are turned round where the run of them ends.
    let mut python: Vec<Frame> = Vec::new();
    // A function that stands on the line before its file (Rust, Go).
    let mut waiting: Option<String> = None;
    for line in text.lines().filter(|line| line.len() <= MAX_LINE) {
        if trace.frames.len() + python.len() >= MAX_FRAMES {
            break;
        }
        let bare = line.trim();
        if let Some(frame) = python_frame(bare) {
            python.push(frame);
            continue;
        }
        if let Some(message) = panic_place(bare, &mut trace.frames) {
            trace.error.get_or_insert(message);
        } else if let Some(found) = at_frame(bare, waiting.as_deref()) {
            waiting = None;
            trace.frames.push(found);
        } else if let Some(frame) = go_frame(line, bare, &mut waiting).or_else(|| ruby_frame(bare)) {
            trace.frames.push(frame);
        } else if let Some(error) = error_line(bare) {
            // A panic's message stands on the line after its place.
            trace.error.get_or_insert(error);
            trace.frames.extend(python.drain(..).rev());
        } else {
            waiting = numbered(bare).or_else(|| bare.ends_with(')').then(|| function(bare)));
        }
    }
    trace.frames.extend(python.drain(..).rev());
    trace.frames.truncate(MAX_FRAMES);
    trace
}

/// `File "a/b.py", line 3, in name`.
fn python_frame(line: &str) -> Option<Frame> {
    let rest = line.strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let (number, name) = rest.split_once(", in ").unwrap_or((rest, "<module>"));
    Some(frame(Some(file), number.trim().parse().ok(), name))
}

/// `thread 'main' panicked at src/a.rs:3:5:` and, on one line, `panicked at 'message', src/a.rs:3:5`; gives the
/// error. `panic: message` is Go's.
fn panic_place(line: &str, frames: &mut Vec<Frame>) -> Option<String> {
    if let Some(message) = line.strip_prefix("panic: ") {
        return Some(format!("panic: {message}"));
    }
    let (_, at) = line.split_once(" panicked at ")?;
    let (message, place) = match at.strip_prefix('\'').and_then(|at| at.rsplit_once("', ")) {
        Some((message, place)) => (Some(message), place),
        None => (None, at),
    };
    let (file, number) = place_of(place.trim_end_matches(':'))?;
    frames.push(frame(Some(file), number, "panic"));
    Some(message.map_or_else(|| format!("panicked at {file}"), |message| format!("panicked: {message}")))
}

/// `at …` of Java, JavaScript, C#, Rust and the Sentry source. `before` is the function of the line before.
fn at_frame(line: &str, before: Option<&str>) -> Option<Frame> {
    let rest = line.strip_prefix("at ")?.trim();
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    // C#: `at Shop.Cart.Total(Int32 x) in /src/Cart.cs:line 12`
    if let Some((name, place)) = rest.split_once(") in ") {
        let (file, number) = place.rsplit_once(":line ")?;
        return Some(frame(Some(file), number.trim().parse().ok(), name));
    }
    // `name (place)`, and Java's `name(place)`.
    if let Some(inner) = rest.strip_suffix(')')
        && let Some((name, place)) = inner.rsplit_once('(')
        && !name.trim().is_empty()
    {
        let (file, number) = place_of(place).unwrap_or((place, None));
        let is_place = number.is_some() || file.contains('.') || file.contains('/');
        return Some(frame(is_place.then_some(file), number, name));
    }
    // JavaScript without a function, and Rust's place under a function.
    let (file, number) = place_of(rest)?;
    number?;
    Some(frame(Some(file), number, before.unwrap_or("<anonymous>")))
}

/// Go's `\t/path/file.go:12 +0x1d` under `pkg.name(...)`.
fn go_frame(line: &str, bare: &str, waiting: &mut Option<String>) -> Option<Frame> {
    if !line.starts_with(['\t', ' ']) {
        return None;
    }
    let place = bare.split_once(" +0x").map_or(bare, |(place, _)| place);
    let (file, number) = place_of(place)?;
    (number.is_some() && file.ends_with(".go"))
        .then(|| frame(Some(file), number, waiting.take().as_deref().unwrap_or("?")))
}

/// Ruby's `from a/b.rb:3:in 'name'`.
fn ruby_frame(line: &str) -> Option<Frame> {
    let line = line.strip_prefix("from ").unwrap_or(line);
    let (place, rest) = line.split_once(":in ")?;
    let (file, number) = place_of(place)?;
    number?;
    // The first frame is followed by the error: `a.rb:3:in 'name': undefined method (NoMethodError)`.
    let rest = rest.trim_start_matches(['`', '\'']);
    let name = rest.split(['\'', '`']).next()?;
    Some(frame(Some(file), number, name))
}

/// `  4: shop::cart::total`, Rust's functions, which have their place on the next line.
fn numbered(line: &str) -> Option<String> {
    let (number, name) = line.split_once(": ")?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && !name.contains(' '))
        .then(|| function(name))
}

/// `SomeError: message`, with or without a path before it; a stop at the end, or more than one line, is no matter.
fn error_line(line: &str) -> Option<String> {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let line = line.strip_prefix("Caused by: ").unwrap_or(line);
    let line = line.strip_prefix("Unhandled exception. ").unwrap_or(line);
    let line = match line.strip_prefix("Exception in thread ") {
        Some(rest) => rest.split_once("\" ").map_or(rest, |(_, rest)| rest),
        None => line,
    };
    let (name, message) = line.split_once(':').map_or((line, ""), |(name, message)| (name, message.trim()));
    let is_name = !name.is_empty()
        && name.len() <= 120
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$' | b':'))
        && name.bytes().any(|b| b.is_ascii_uppercase());
    let short = name.rsplit(['.', ':', '$']).next().unwrap_or(name);
    let ends = ["Error", "Exception", "Panic", "Fault", "Warning", "Interrupt", "Exit"];
    // A word alone must be nothing but the name of an error, such as `AssertionError`.
    let is_error = ends.iter().any(|end| short.ends_with(end)) && short.len() > 5;
    (is_name && is_error).then(|| {
        let message: String = message.chars().take(200).collect();
        if message.is_empty() { short.to_owned() } else { format!("{short}: {message}") }
    })
}

/// `file:12:5` and `file:12` as file and line.
fn place_of(place: &str) -> Option<(&str, Option<u32>)> {
    let place = place.trim().trim_start_matches("file://");
    if place.is_empty() || place.contains(' ') && !place.contains('/') {
        return None;
    }
    let mut file = place;
    let mut numbers = Vec::new();
    while let Some((rest, last)) = file.rsplit_once(':')
        && let Ok(number) = last.parse::<u32>()
        && numbers.len() < 2
    {
        numbers.push(number);
        file = rest;
    }
    let is_file = !file.is_empty() && file.chars().any(|c| c == '.' || c == '/');
    is_file.then(|| (file, numbers.last().copied()))
}

fn frame(file: Option<&str>, line: Option<u32>, name: &str) -> Frame {
    let file = file.map(|file| file.trim().replace('\\', "/")).filter(|file| !file.is_empty());
    let function = function(name);
    let in_app = file.as_deref().is_none_or(is_own_file) && is_own_function(&function);
    Frame { file, line, function, in_app }
}

/// A function's name without arguments, generics, hashes and marks of closures.
fn function(name: &str) -> String {
    let name = name.trim().trim_end_matches("()");
    let name = name.split('(').next().unwrap_or(name).trim();
    // Rust's `::h0123456789abcdef`.
    let name = match name.rsplit_once("::h") {
        Some((rest, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => rest,
        _ => name,
    };
    let mut bare = String::with_capacity(name.len());
    let mut depth = 0usize;
    for c in name.chars() {
        match c {
            '<' if !bare.is_empty() => depth += 1,
            '>' if depth > 0 => depth -= 1,
            _ if depth == 0 => bare.push(c),
            _ => {}
        }
    }
    bare.trim_end_matches("::{{closure}}").trim_end_matches("::{closure#0}").chars().take(200).collect()
}

fn is_own_file(file: &str) -> bool {
    let foreign = [
        "site-packages/",
        "dist-packages/",
        "node_modules/",
        "/lib/python",
        "<frozen",
        ".cargo/registry",
        "/rustc/",
        "library/std/",
        "library/core/",
        "library/alloc/",
        "node:",
        "internal/modules",
        "/usr/lib/",
        "/usr/local/go/",
        "/vendor/",
        "/gems/",
        "webpack/bootstrap",
        "<anonymous>",
        "native code",
    ];
    !foreign.iter().any(|part| file.contains(part))
}

fn is_own_function(function: &str) -> bool {
    let foreign = [
        "java.",
        "javax.",
        "jdk.",
        "sun.",
        "kotlin.",
        "scala.",
        "android.",
        "System.",
        "Microsoft.",
        "std::",
        "core::",
        "alloc::",
        "tokio::",
        "rust_begin_unwind",
        "runtime.",
        "__rust",
    ];
    !foreign.iter().any(|start| function.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `file:line function` of each frame; frames of libraries in brackets.
    fn seen(text: &str) -> (Option<String>, Vec<String>) {
        let trace = read(text);
        let frames = trace.frames.iter().map(|frame| {
            let line = frame.line.map_or(String::new(), |line| format!(":{line}"));
            let text = format!("{}{line} {}", frame.file.as_deref().unwrap_or("-"), frame.function);
            if frame.in_app { text } else { format!("[{text}]") }
        });
        (trace.error.clone(), frames.collect())
    }

    #[test]
    fn traces_of_seven_languages_are_read_innermost_first() {
        let python = "It broke:\nTraceback (most recent call last):\n  File \"/app/shop/api.py\", line 40, in post\n    \
            total(cart)\n  File \"/app/shop/cart.py\", line 12, in total\n    x = d['price']\n  \
            File \"/usr/lib/python3.11/site-packages/q/core.py\", line 3, in get\nKeyError: 'price'\n";
        let java = "Exception in thread \"main\" java.lang.IllegalStateException: cart is empty\n\
            \tat com.shop.Cart.total(Cart.java:12)\n\tat java.base/java.lang.Thread.run(Thread.java:833)";
        let node = "Uncaught TypeError: Cannot read properties of undefined (reading 'price')\n    at total (/app/cart.js:12:7)\n    \
            at async post (file:///app/api.mjs:40:3)\n    at /app/server.js:9:1\n    at node:internal/main:5:2";
        let rust = "thread 'main' panicked at src/cart.rs:12:9:\nindex out of bounds\nstack backtrace:\n   0: rust_begin_unwind\n   \
            1: shop::cart::total::h0123456789abcdef\n             at ./src/cart.rs:12:9\n   2: shop::main\n             at ./src/main.rs:3:5";
        let go = "panic: runtime error: index out of range [3]\n\ngoroutine 1 [running]:\nmain.total({0x1, 0x2})\n\t/app/cart.go:12 +0x1d\n\
            main.main()\n\t/app/main.go:5 +0x2a";
        let sharp = "Unhandled exception. System.NullReferenceException: Object reference not set\n   \
            at Shop.Cart.Total(Int32 id) in /src/Cart.cs:line 12\n   at System.Threading.Thread.Start()";
        let ruby = "cart.rb:12:in 'total': undefined method 'price' for nil (NoMethodError)\n\tfrom api.rb:40:in 'post'";
        let sentry = "KeyError: 'price'\n  at total (shop/cart.py:12)\n  at post (shop/api.py:40)";
        let cases: [(&str, Option<&str>, &[&str]); 8] = [
            (
                python,
                Some("KeyError: 'price'"),
                &[
                    "[/usr/lib/python3.11/site-packages/q/core.py:3 get]",
                    "/app/shop/cart.py:12 total",
                    "/app/shop/api.py:40 post",
                ],
            ),
            (
                java,
                Some("IllegalStateException: cart is empty"),
                &["Cart.java:12 com.shop.Cart.total", "[Thread.java:833 java.base/java.lang.Thread.run]"],
            ),
            (
                node,
                Some("TypeError: Cannot read properties of undefined (reading 'price')"),
                &[
                    "/app/cart.js:12 total",
                    "/app/api.mjs:40 post",
                    "/app/server.js:9 <anonymous>",
                    "[node:internal/main:5 <anonymous>]",
                ],
            ),
            (
                rust,
                Some("panicked at src/cart.rs"),
                &["src/cart.rs:12 panic", "./src/cart.rs:12 shop::cart::total", "./src/main.rs:3 shop::main"],
            ),
            (
                go,
                Some("panic: runtime error: index out of range [3]"),
                &["/app/cart.go:12 main.total", "/app/main.go:5 main.main"],
            ),
            (
                sharp,
                Some("NullReferenceException: Object reference not set"),
                &["/src/Cart.cs:12 Shop.Cart.Total", "[- System.Threading.Thread.Start]"],
            ),
            (ruby, None, &["cart.rb:12 total", "api.rb:40 post"]),
            (sentry, Some("KeyError: 'price'"), &["shop/cart.py:12 total", "shop/api.py:40 post"]),
        ];
        for (text, error, frames) in cases {
            let (found, read) = seen(text);
            assert_eq!(
                (found.as_deref(), read),
                (error, frames.iter().map(|f| (*f).to_owned()).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn prose_is_no_trace() {
        for text in [
            "",
            "Meet me at the office (room 5).",
            "at 10:30 the page was slow",
            "Error: it does not work",
            "I see an Error: and then nothing",
            "price: 12\ntotal: 13 (USD)",
        ] {
            let trace = read(text);
            assert!(trace.frames.is_empty(), "{text}: {trace:?}");
            assert_eq!(trace.error, None, "{text}");
        }
    }
}
