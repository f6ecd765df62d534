use crate::value::Value;

/// How JSON is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Everything beyond ASCII as `\u` escapes.
    pub ascii: bool,
}

/// A text as a JSON string.
pub fn quote(text: &str, options: Options) -> String {
    let mut out = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            sign if options.ascii && !sign.is_ascii() => out.push_str(&format!("\\u{:04x}", u32::from(sign))),
            sign => out.push(sign),
        }
    }
    out.push('"');
    out
}

/// A value as JSON on one line. Numbers that JSON cannot say become `null`.
pub fn write(value: &Value, options: Options) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) if number.is_finite() => number.to_string(),
        Value::Number(_) => "null".to_owned(),
        Value::Text(text) => quote(text, options),
        Value::List(items) => {
            let parts: Vec<String> = items.iter().map(|item| write(item, options)).collect();
            format!("[{}]", parts.join(","))
        }
        Value::Object(members) => {
            let parts: Vec<String> =
                members.iter().map(|(name, value)| format!("{}:{}", quote(name, options), write(value, options))).collect();
            format!("{{{}}}", parts.join(","))
        }
    }
}
