//! One field of a body that is form-encoded.

/// The value of the first field of that `name`, decoded; `None` without it or when it is not UTF-8.
///
/// A body that does not begin with the name of a field is no form: a JSON text that holds `&name=` has none.
pub(crate) fn field(body: &[u8], name: &str) -> Option<String> {
    body.first().filter(|first| first.is_ascii_alphabetic())?;
    let pair = body.split(|b| *b == b'&').find_map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=')?;
        (pair[..equals] == *name.as_bytes()).then_some(&pair[equals + 1..])
    })?;
    let mut value = Vec::with_capacity(pair.len());
    let mut bytes = pair.iter().copied();
    while let Some(byte) = bytes.next() {
        value.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(value).ok()
}
