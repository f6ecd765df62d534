//! Proof that a delivery comes from whom it says: signatures over the raw bytes, and shared header secrets.
//!
//! Every comparison takes the same time wherever two values differ, and every active secret is tried, also
//! after one has matched. What cannot be proven is `Unauthorized` with the header's name; no message holds a
//! secret, a signature or a part of the body.
//!
//! Encodings are exact: lower-case hex, padded base64, one header of a name. A second header of the same name
//! is refused, since two programs might read different ones.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{Signature, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::Delivery;
use soulcaster_core::{Error, ErrorKind, Result, Secret};
use subtle::{Choice, ConstantTimeEq};

mod auth;

pub use auth::{Auth, SecretHash};

const VERIFY: &str = "webhook.verify";

/// How far a signed timestamp may lie from now unless a source says otherwise, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Most signatures that one header may list.
const MAX_SIGNATURES: usize = 16;

/// Checks a setting that says how far a signed time may lie from now.
///
/// # Errors
/// `Invalid` naming the setting.
pub(crate) fn check_tolerance(source: &str, seconds: i64) -> Result<()> {
    if (1..=3600).contains(&seconds) {
        return Ok(());
    }
    Err(Error::invalid("webhook.check", format!("{source}: tolerance_seconds must be 1 to 3600")))
}

fn unauthorized(header: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, VERIFY, format!("{header} {why}"))
}

/// The one value of a header that verification rests on.
///
/// # Errors
/// `Unauthorized` when it is missing, empty or there twice.
pub(crate) fn required<'a>(delivery: &'a Delivery, header: &str) -> Result<&'a str> {
    let mut values = delivery.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(header));
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.trim().is_empty() => Ok(value.trim()),
        (Some(_), None) => Err(unauthorized(header, "is empty")),
        (Some(_), Some(_)) => Err(unauthorized(header, "is there more than once")),
        (None, _) => Err(unauthorized(header, "is missing")),
    }
}

/// Verifies lower-case hex HMAC-SHA256 `signatures` over the concatenated `parts`; one match is enough.
///
/// # Errors
/// `Unauthorized` naming `header`.
pub(crate) fn hmac_sha256_hex(
    secrets: &[Secret],
    parts: &[&[u8]],
    header: &str,
    signatures: &[&str],
) -> Result<AuthStrength> {
    matches::<Hmac<Sha256>>(&keys(secrets), parts, header, &decoded(signatures, hex))
}

/// Verifies padded base64 HMAC-SHA256 `signatures`, as [`hmac_sha256_hex`] does.
///
/// # Errors
/// `Unauthorized` naming `header`.
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) fn hmac_sha256_base64(
    secrets: &[Secret],
    parts: &[&[u8]],
    header: &str,
    signatures: &[&str],
) -> Result<AuthStrength> {
    matches::<Hmac<Sha256>>(&keys(secrets), parts, header, &decoded(signatures, base64))
}

/// Verifies padded base64 HMAC-SHA256 `signatures` made with `keys` that are bytes and not text.
///
/// # Errors
/// `Unauthorized` naming `header`.
pub(crate) fn hmac_sha256_base64_keys(
    keys: &[&[u8]],
    parts: &[&[u8]],
    header: &str,
    signatures: &[&str],
) -> Result<AuthStrength> {
    matches::<Hmac<Sha256>>(keys, parts, header, &decoded(signatures, base64))
}

/// Verifies lower-case hex HMAC-SHA1 `signatures`, as [`hmac_sha256_hex`] does.
///
/// # Errors
/// `Unauthorized` naming `header`.
#[cfg_attr(not(test), allow(dead_code))]
pub(crate) fn hmac_sha1_hex(
    secrets: &[Secret],
    parts: &[&[u8]],
    header: &str,
    signatures: &[&str],
) -> Result<AuthStrength> {
    matches::<Hmac<Sha1>>(&keys(secrets), parts, header, &decoded(signatures, hex))
}

/// Verifies a lower-case hex Ed25519 signature under any of the hex public `keys`.
///
/// # Errors
/// `Unauthorized` naming `header`.
pub(crate) fn ed25519_hex(
    keys: &[Secret],
    parts: &[&[u8]],
    header: &str,
    signature: &str,
) -> Result<AuthStrength> {
    let keys: Vec<_> = keys.iter().filter_map(|key| ed25519_key(&hex(key.expose().trim())?)).collect();
    ed25519_keys(&keys, parts, header, &decoded(&[signature], hex))
}

/// An Ed25519 public key from its 32 bytes.
pub(crate) fn ed25519_key(bytes: &[u8]) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(bytes.try_into().ok()?).ok()
}

/// Verifies raw Ed25519 `signatures`; one match is enough.
///
/// # Errors
/// `Unauthorized` naming `header`.
pub(crate) fn ed25519_keys(
    keys: &[VerifyingKey],
    parts: &[&[u8]],
    header: &str,
    signatures: &[Vec<u8>],
) -> Result<AuthStrength> {
    let message = parts.concat();
    let mut found = false;
    for key in keys {
        for signature in signatures.iter().filter_map(|bytes| Signature::from_slice(bytes).ok()) {
            found |= key.verify_strict(&message, &signature).is_ok();
        }
    }
    if found { Ok(AuthStrength::Signed) } else { Err(unauthorized(header, "does not match the body")) }
}

/// Checks that a signed `timestamp`, in seconds since 1970, lies within `tolerance` of `now`.
///
/// # Errors
/// `Unauthorized` when it is older or further ahead.
pub(crate) fn fresh(timestamp: i64, now: DateTime<Utc>, tolerance: TimeDelta) -> Result<()> {
    let away = i128::from(timestamp) - i128::from(now.timestamp());
    if away.unsigned_abs() <= u128::from(tolerance.num_seconds().max(0).unsigned_abs()) {
        Ok(())
    } else {
        let side = if away < 0 { "too long ago" } else { "in the future" };
        Err(Error::new(ErrorKind::Unauthorized, VERIFY, format!("the signed timestamp lies {side}")))
    }
}

/// Reads a header of whole seconds since 1970.
///
/// # Errors
/// `Unauthorized` when it is missing or there twice, `Invalid` when it is no such number.
pub(crate) fn seconds(delivery: &Delivery, header: &str) -> Result<i64> {
    let text = required(delivery, header)?;
    let plain = text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    let number = plain.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| {
        Error::invalid(VERIFY, format!("{header} is not a whole number of seconds since 1970"))
    })
}

/// Takes `prefix` from a signature; one without it is of another scheme.
///
/// # Errors
/// `Unauthorized` naming `header`.
pub(crate) fn strip<'a>(signature: &'a str, prefix: &str, header: &str) -> Result<&'a str> {
    signature
        .strip_prefix(prefix)
        .ok_or_else(|| unauthorized(header, &format!("does not begin with {prefix}")))
}

fn keys(secrets: &[Secret]) -> Vec<&[u8]> {
    secrets.iter().map(|secret| secret.expose().as_bytes()).collect()
}

fn decoded(signatures: &[&str], decode: fn(&str) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    signatures.iter().take(MAX_SIGNATURES).filter_map(|text| decode(text)).collect()
}

/// Tries every signature under every key, the length of a signature first.
fn matches<M: Mac + KeyInit>(
    keys: &[&[u8]],
    parts: &[&[u8]],
    header: &str,
    signatures: &[Vec<u8>],
) -> Result<AuthStrength> {
    let mut found = Choice::from(0);
    for key in keys.iter().filter(|key| !key.is_empty()) {
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { continue };
        parts.iter().for_each(|part| mac.update(part));
        let expected = mac.finalize().into_bytes();
        for signature in signatures {
            found |= expected.as_slice().ct_eq(signature);
        }
    }
    if bool::from(found) {
        Ok(AuthStrength::Signed)
    } else {
        Err(unauthorized(header, "does not match the body"))
    }
}

/// Reads padded base64 in the standard alphabet.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads lower-case hex.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests;
