//! The text of a message.

use serde_json::Value;

use crate::payload;

/// Deepest level of elements that are read.
const MAX_DEPTH: usize = 8;

/// The message's text; without one that of its blocks, else of its attachments.
pub(super) fn text(message: &Value) -> String {
    let text = unescaped(&payload::text(message, "/text"));
    if !text.trim().is_empty() {
        return text;
    }
    let mut lines = Vec::new();
    for block in payload::list(message, "/blocks") {
        flatten(block, 0, &mut lines);
    }
    for attachment in payload::list(message, "/attachments") {
        let words = ["/pretext", "/title", "/text"].iter().map(|at| payload::text(attachment, at));
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        lines.extend(if words.is_empty() { vec![payload::text(attachment, "/fallback")] } else { words });
    }
    unescaped(lines.join("\n").trim())
}

/// A line for each section; the elements of a section in one.
fn flatten(block: &Value, depth: usize, lines: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    let own = match block.get("text") {
        Some(inner @ Value::Object(_)) => payload::text(inner, "/text"),
        Some(inner) => payload::text_of(inner),
        None => String::new(),
    };
    if !own.is_empty() {
        lines.push(own);
    }
    for field in payload::list(block, "/fields") {
        lines.push(payload::text(field, "/text"));
    }
    let elements = payload::list(block, "/elements");
    let nested = elements.iter().any(|element| element.get("elements").is_some());
    let mut inline = Vec::new();
    for element in elements {
        flatten(element, depth + 1, if nested { lines } else { &mut inline });
    }
    if !inline.is_empty() {
        lines.push(inline.concat());
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}
