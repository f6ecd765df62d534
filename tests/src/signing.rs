//! Signatures as vendors make them.

use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Lower-case hex of HMAC-SHA256 over the concatenated `parts`.
pub(crate) fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    parts.iter().for_each(|part| mac.update(part));
    hex(&mac.finalize().into_bytes())
}

/// An Ed25519 key.
pub(crate) struct Ed25519(SigningKey);

impl Ed25519 {
    pub(crate) fn seeded(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    /// The public key in hex.
    pub(crate) fn public(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }

    /// The signature over the concatenated `parts` in hex.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> String {
        hex(&self.0.sign(&parts.concat()).to_bytes())
    }
}

/// Seconds since 1970, as text.
pub(crate) fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("it is after 1970").as_secs().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
