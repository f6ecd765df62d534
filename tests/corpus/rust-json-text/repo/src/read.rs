use std::iter::Peekable;
use std::str::Chars;

/// Why a text is no JSON string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NotQuoted,
    Unfinished,
    BadEscape,
    ControlCharacter,
    TrailingText,
}

/// Reads a JSON string with its quotes.
pub fn read_string(text: &str) -> Result<String, Fault> {
    let mut signs = text.chars().peekable();
    if signs.next() != Some('"') {
        return Err(Fault::NotQuoted);
    }
    let mut out = String::new();
    loop {
        match signs.next().ok_or(Fault::Unfinished)? {
            '"' => break,
            '\\' => out.push(escape(&mut signs)?),
            sign if sign < ' ' => return Err(Fault::ControlCharacter),
            sign => out.push(sign),
        }
    }
    if signs.next().is_some() { Err(Fault::TrailingText) } else { Ok(out) }
}

fn escape(signs: &mut Peekable<Chars<'_>>) -> Result<char, Fault> {
    Ok(match signs.next().ok_or(Fault::Unfinished)? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        sign @ ('"' | '\\' | '/') => sign,
        'u' => char::from_u32(hex(signs)?).unwrap_or(char::REPLACEMENT_CHARACTER),
        _ => return Err(Fault::BadEscape),
    })
}

fn hex(signs: &mut Peekable<Chars<'_>>) -> Result<u32, Fault> {
    let mut code = 0;
    for _ in 0..4 {
        let digit = signs.next_if(char::is_ascii_hexdigit).and_then(|sign| sign.to_digit(16));
        code = code * 16 + digit.ok_or(Fault::BadEscape)?;
    }
    Ok(code)
}
