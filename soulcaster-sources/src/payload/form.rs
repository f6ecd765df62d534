//! A body that is form-encoded.

/// The value of the first field of that `name`, decoded; `None` without it or when it is not UTF-8.
///
/// A body that does not begin with the name of a field is no form: a JSON text that holds `&name=` has none.
pub(crate) fn field(body: &[u8], name: &str) -> Option<String> {
    body.first().filter(|first| first.is_ascii_alphabetic())?;
    pairs(body).find(|(known, _)| *known == name.as_bytes()).and_then(|(_, value)| decoded(value))
}

/// The first `limit` fields with their values, decoded; those that are not UTF-8 are left out.
pub(crate) fn fields(body: &[u8], limit: usize) -> impl Iterator<Item = (String, String)> {
    pairs(body).take(limit).filter_map(|(name, value)| Some((decoded(name)?, decoded(value)?)))
}

fn pairs(body: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    body.split(|b| *b == b'&').filter_map(|pair| {
        let equals = pair.iter().position(|b| *b == b'=')?;
        Some((&pair[..equals], &pair[equals + 1..]))
    })
}

fn decoded(text: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}
