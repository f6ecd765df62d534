//! Random bytes for keys, secrets and names.

use soulcaster_core::{Error, ErrorKind, Result};

/// `N` bytes that nobody can guess.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "random", "the system gives no random bytes").with_source(e)
    })?;
    Ok(bytes)
}

/// A name of `letters` random letters and digits.
pub(crate) fn word(letters: usize) -> Result<String> {
    const LETTERS: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let random = bytes::<32>()?;
    Ok(random.iter().take(letters).map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect())
}
