//! Secrets in, from files and standard input; and the bytes that secrets are made of.

use std::io::Read;
use std::path::Path;

use soulcaster_core::{Error, ErrorKind, Result, Secret};
use soulcaster_sources::file::unpacked;

/// Reads the secret in a file; `-` is standard input. The last line end does not count.
pub(crate) fn read(path: &Path) -> Result<Secret> {
    /// More than any secret has.
    const MOST: u64 = 64 << 10;
    let refuse = |why: &str| Error::invalid("secret", format!("{} {why}", path.display()));
    let mut bytes = Vec::new();
    unpacked(path)?
        .take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| refuse("cannot be read").with_source(e))?;
    if bytes.len() as u64 > MOST {
        return Err(refuse("is larger than 64 kB, which no secret is; name another file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("is not text in UTF-8"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// Bytes that nobody can guess.
pub(crate) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Unavailable, "random", "the system gives no random bytes").with_source(e)
    })?;
    Ok(bytes)
}
