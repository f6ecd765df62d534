//! Makes inputs that are almost right out of ones that are.

use serde_json::{Value, json};

use super::random::Random;
use crate::tests::places;

/// Longest input.
const MAX_INPUT: usize = 64 << 10;

/// What parsers trip over.
const TOKENS: [&str; 64] = [
    "",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "null",
    "true",
    "\"\"",
    "{}",
    "[]",
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e-999",
    "NaN",
    "1.7976931348623157e308",
    "99999999999999999999",
    "18446744073709551616",
    "-9223372036854775809",
    "1735689600",
    "1735689600000",
    "1735689600000000000",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "2025-02-30T25:61:61+99:99",
    "Wed, 01 Jan 2025 00:00:00 GMT",
    "01/02/2025",
    "\\ud800",
    "\\udc00",
    "\\u0000",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\u{200b}",
    "\u{e0041}",
    "\u{1b}[2J",
    "é",
    "😀",
    "\r\n",
    "\n\n",
    "%",
    "%00",
    "%%%",
    "&",
    "&amp;",
    "&#x110000;",
    "<p>",
    "<!--",
    "</",
    "> ",
    "=?utf-8?Q?=FF?=",
    "=?utf-8?B?",
    "--boundary",
    ";",
    "<",
    ">; rel=\"next\"",
    "https://evil.invalid/",
    "//",
    "v1=",
];

/// An input made of one of `corpus` by up to eight changes.
pub(super) fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.of(corpus).clone();
    if random.below(2) == 0
        && let Ok(mut value) = serde_json::from_slice::<Value>(&input)
    {
        for _ in 0..=random.below(4) {
            json_changed(random, &mut value, corpus);
        }
        input = value.to_string().into_bytes();
        if random.below(4) > 0 {
            input.truncate(MAX_INPUT);
            return input;
        }
    }
    for _ in 0..=random.below(8) {
        changed(random, &mut input, corpus);
    }
    input.truncate(MAX_INPUT);
    input
}

/// A stretch within `length` bytes, mostly a short one.
fn stretch(random: &mut Random, length: usize) -> std::ops::Range<usize> {
    let start = random.below(length + 1);
    let most = if random.below(4) == 0 { length - start } else { (length - start).min(16) };
    start..start + random.below(most + 1)
}

fn changed(random: &mut Random, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
    let place = stretch(random, input.len());
    match random.below(8) {
        0 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] ^= 1 << random.below(8);
        }
        1 if !input.is_empty() => {
            let at = random.below(input.len());
            input[at] = random.number() as u8;
        }
        2 => drop(input.drain(place)),
        3 => input.truncate(place.start),
        4 => {
            let again = input[place.clone()].repeat(1 + random.below(8));
            input.splice(place.start..place.start, again);
        }
        5 => {
            let other = random.of(corpus);
            let from = stretch(random, other.len());
            input.splice(place, other[from].iter().copied());
        }
        6 => {
            let nested = random.of(&["[", "{\"a\":", "(", "<div>", "> ", "\\"]).repeat(random.below(300));
            input.splice(place, nested.bytes());
        }
        _ => {
            let token = random.of(&TOKENS);
            input.splice(place, token.bytes());
        }
    }
}

fn json_changed(random: &mut Random, value: &mut Value, corpus: &[Vec<u8>]) {
    let all = places(value);
    let place = random.of(&all).clone();
    let other = random.of(&all).clone();
    let put = match random.below(8) {
        0 => json!(*random.of(&TOKENS)),
        1 => random
            .of(&[
                json!(null),
                json!(true),
                json!(-1),
                json!(u64::MAX),
                json!(i64::MIN),
                json!(1e300),
                json!([]),
                json!({}),
            ])
            .clone(),
        2 => value.pointer(&other).cloned().unwrap_or_default(),
        3 => {
            let donor: &Vec<u8> = random.of(corpus);
            let donor: Value = serde_json::from_slice(donor).unwrap_or_default();
            let from = random.of(&places(&donor)).clone();
            donor.pointer(&from).cloned().unwrap_or_default()
        }
        4 => (0..random.below(80)).fold(json!("deep"), |inner, _| json!([inner])),
        5 => Value::Array(vec![value.pointer(&place).cloned().unwrap_or_default(); random.below(40)]),
        6 => match value.pointer(&place) {
            Some(Value::String(text)) => json!(format!("{text}{}", random.of(&TOKENS))),
            Some(Value::Number(number)) => json!(number.to_string()),
            Some(other) => json!(other.to_string()),
            None => Value::Null,
        },
        _ => {
            if let Some(Value::Object(members)) = value.pointer_mut(&place)
                && let Some(name) = members.keys().nth(random.below(members.len().max(1))).cloned()
            {
                let member = members.remove(&name);
                if random.below(2) == 0 {
                    members.insert(random.of(&TOKENS).to_string(), member.unwrap_or_default());
                }
            }
            return;
        }
    };
    if let Some(place) = value.pointer_mut(&place) {
        *place = put;
    }
}
