//! How a source proves itself, and the secrets that a delivery brings along.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use soulcaster_core::model::AuthStrength;
use soulcaster_core::port::Delivery;
use soulcaster_core::{Error, Result, Secret};
use subtle::{Choice, ConstantTimeEq};

use super::{hex, required, unauthorized};

/// The SHA-256 of a secret that a delivery brings along, so that the secret itself need not be kept.
///
/// ```
/// use soulcaster_core::Secret;
/// use soulcaster_sources::signature::SecretHash;
/// let hash = SecretHash::of(&Secret::new("h7Jd0…"));
/// assert_eq!(SecretHash::parse(&hash.to_string()).unwrap(), hash);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of `secret`.
    #[must_use]
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(secret.expose()).into())
    }

    /// Reads a stored hash: 64 lower-case hex digits.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            Error::invalid("webhook.check", "the hash of a secret is 64 lower-case hex digits")
        })
    }
}

impl std::fmt::Display for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How a source proves where its deliveries come from.
///
/// Several secrets are active at once while they are rotated: a delivery may use any of them.
///
/// ```
/// use soulcaster_core::Secret;
/// use soulcaster_sources::signature::Auth;
/// let auth = Auth::Signed { secrets: vec![Secret::new("new"), Secret::new("old")] };
/// assert!(auth.check("github").is_ok());
/// let error = Auth::Signed { secrets: vec![] }.check("github").unwrap_err();
/// assert_eq!(error.message(), "github: secrets is empty; give one, or allow unsigned deliveries expressly");
/// ```
#[derive(Debug, Clone)]
pub enum Auth {
    /// The vendor's own signature scheme.
    Signed {
        /// The active secrets; for Ed25519 the public keys.
        secrets: Vec<Secret>,
    },
    /// A secret that the sender puts into a header: bare, as `Bearer`, or as the password of `Basic`.
    HeaderSecret {
        /// The header's name.
        header: String,
        /// The active secrets.
        secrets: Vec<SecretHash>,
    },
    /// A secret that is the last part of the path: for senders that neither sign nor send headers of one's own.
    PathToken {
        /// The active secrets.
        secrets: Vec<SecretHash>,
    },
    /// Anybody may deliver. Items carry [`AuthStrength::None`].
    AllowUnsigned,
}

impl Auth {
    /// Checks that there is something to verify with; `source` names whose setting it is.
    ///
    /// # Errors
    /// `Invalid` naming the setting: no secret, an empty one, or a header that cannot be one.
    pub fn check(&self, source: &str) -> Result<()> {
        let refuse = |what: &str| Err(Error::invalid("webhook.check", format!("{source}: {what}")));
        let (none, empty) = match self {
            Self::AllowUnsigned => return Ok(()),
            Self::Signed { secrets } => {
                (secrets.is_empty(), secrets.iter().any(|secret| secret.expose().trim().is_empty()))
            }
            Self::HeaderSecret { secrets, .. } | Self::PathToken { secrets } => {
                (secrets.is_empty(), secrets.contains(&SecretHash::of(&Secret::new(""))))
            }
        };
        if let Self::HeaderSecret { header, .. } = self {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if header.is_empty() || !header.bytes().all(token) {
                return refuse("header is not a header name");
            }
        }
        if none {
            return refuse("secrets is empty; give one, or allow unsigned deliveries expressly");
        }
        if empty {
            return refuse("secrets holds an empty secret");
        }
        Ok(())
    }

    /// Verifies a delivery; `signed` is the vendor's own scheme.
    pub(crate) fn verify(
        &self,
        delivery: &Delivery,
        signed: impl FnOnce(&[Secret]) -> Result<AuthStrength>,
    ) -> Result<AuthStrength> {
        crate::payload::check_size(delivery)?;
        match self {
            Self::Signed { secrets } => signed(secrets),
            Self::HeaderSecret { header, secrets } => header_secret(delivery, header, secrets),
            Self::PathToken { secrets } => path_token(&delivery.path, secrets),
            Self::AllowUnsigned => Ok(AuthStrength::None),
        }
    }
}

/// Checks a secret that the sender puts into `header`: bare, as `Bearer` or `Token`, or as `Basic` (the
/// secret is the password, or `user:password`).
///
/// # Errors
/// `Unauthorized` naming the header.
pub(super) fn header_secret(
    delivery: &Delivery,
    header: &str,
    secrets: &[SecretHash],
) -> Result<AuthStrength> {
    let value = required(delivery, header)?;
    let mut offered = vec![Sha256::digest(value)];
    if let Some((scheme, rest)) = value.split_once(' ') {
        let rest = rest.trim();
        if ["bearer", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            offered.push(Sha256::digest(rest));
        } else if scheme.eq_ignore_ascii_case("basic")
            && let Ok(pair) = STANDARD.decode(rest)
        {
            offered.push(Sha256::digest(&pair));
            if let Some(colon) = pair.iter().position(|b| *b == b':') {
                offered.push(Sha256::digest(&pair[colon + 1..]));
            }
        }
    }
    let mut found = Choice::from(0);
    for SecretHash(expected) in secrets {
        for offer in &offered {
            found |= expected.as_slice().ct_eq(offer);
        }
    }
    if bool::from(found) {
        Ok(AuthStrength::SharedSecret)
    } else {
        Err(unauthorized(header, "does not hold an active secret"))
    }
}

/// Checks the last part of the path; a query is never looked at.
fn path_token(path: &str, secrets: &[SecretHash]) -> Result<AuthStrength> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let offered = Sha256::digest(last);
    let mut found = Choice::from(0);
    for SecretHash(expected) in secrets {
        found |= expected.as_slice().ct_eq(&offered);
    }
    if !last.is_empty() && bool::from(found) {
        return Ok(AuthStrength::SharedSecret);
    }
    Err(unauthorized("the path", "does not end in an active token"))
}
