//! Configured sources: where a project's reports come from, and how each proves itself.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::id::ProjectId;
use crate::port::store::Record;
use crate::secret::Secret;

/// How a source proves where its reports come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Proof {
    /// The vendor signs each delivery.
    Signature,
    /// A secret comes in a header.
    Header {
        /// The header's name.
        name: String,
    },
    /// A secret is the last part of the path that is delivered to.
    PathToken,
    /// Anybody may deliver.
    Unsigned,
    /// Nothing is delivered: the vendor's API is asked, with its own tokens as the secrets.
    Pull,
}

impl Proof {
    /// Whether secrets are needed as they are, to check a signature or to be sent to an API. Others are kept as
    /// their hash.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Signature | Self::Pull)
    }

    /// Whether deliveries cannot be verified without a secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        matches!(self, Self::Signature | Self::Header { .. } | Self::PathToken)
    }
}

/// A secret as it is kept. `Debug` prints `***`.
#[derive(Clone)]
pub enum SecretValue {
    /// The secret itself.
    Plain(Secret),
    /// SHA-256 of the secret, 64 lower-case hex digits.
    Sha256(String),
}

impl SecretValue {
    /// The form in which `proof` needs `secret`.
    #[must_use]
    pub fn of(secret: &Secret, proof: &Proof) -> Self {
        if proof.is_plain() {
            return Self::Plain(secret.clone());
        }
        Self::Sha256(Sha256::digest(secret.expose()).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One secret of a source.
#[derive(Debug, Clone)]
pub struct SourceSecret {
    /// What it is called by, to be removed.
    pub id: String,
    /// When it was added.
    pub added_at: DateTime<Utc>,
    /// What it is.
    pub value: SecretValue,
}

/// A configured source, with its secrets.
///
/// The secrets are kept beside the record and are no part of its JSON: what is serialised never holds one.
/// [`SourceView`] is what people are shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceConfig {
    /// Its id, 16 letters, unique among all projects: deliveries come to `/ingest/{vendor}/{id}`.
    pub id: String,
    /// The project that its reports go to.
    pub project_id: ProjectId,
    /// Who delivers, such as `github`.
    pub vendor: String,
    /// Whether its reports are taken.
    pub enabled: bool,
    /// How it proves itself.
    pub proof: Proof,
    /// The active secrets, oldest first: at most two, so that one can take the place of another.
    #[serde(skip)]
    pub secrets: Vec<SourceSecret>,
    /// The vendor's settings.
    pub settings: Map<String, Value>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// Most secrets of a source.
pub(crate) const MAX_SECRETS: usize = 2;

impl SourceConfig {
    /// Checks that the source can prove itself: a missing secret is refused, and never taken for leave to deliver
    /// without one.
    ///
    /// # Errors
    /// `Invalid` naming the source and the remedy.
    pub fn check(&self) -> Result<()> {
        let Self { id, vendor, proof, secrets, .. } = self;
        let refuse =
            |why: &str| Err(Error::invalid("sources.check", format!("source {id} of {vendor}: {why}")));
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if vendor.is_empty() || vendor.len() > 64 || !vendor.bytes().all(letter) {
            return refuse("a vendor's name is 1 to 64 of a-z, 0-9, _ and -");
        }
        if let Proof::Header { name } = proof {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) {
                return refuse("the header is not a header name");
            }
        }
        if *proof == Proof::Unsigned && !secrets.is_empty() {
            return refuse("a source without proof has no secret; remove it");
        }
        if proof.needs_secret() && secrets.is_empty() {
            return refuse("it has no secret; add one, or allow unsigned deliveries expressly");
        }
        if secrets.len() > MAX_SECRETS {
            return refuse("it has more than two secrets; remove the oldest");
        }
        for SourceSecret { id: secret, value, .. } in secrets {
            let fits = match value {
                SecretValue::Plain(plain) => proof.is_plain() && !plain.expose().trim().is_empty(),
                SecretValue::Sha256(hex) => {
                    let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
                    !proof.is_plain() && hex.len() == 64 && hex.bytes().all(digit)
                }
            };
            if !fits {
                return refuse(&format!(
                    "its secret {secret} is empty or damaged; remove it and add another"
                ));
            }
        }
        Ok(())
    }
}

impl Record for SourceConfig {
    const COLLECTION: &'static str = "source";
    fn key(&self) -> String {
        self.id.clone()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        vec![("project", self.project_id.to_string())]
    }
    fn blob(&self) -> Option<Vec<u8>> {
        let kept: Vec<StoredSecret> = self.secrets.iter().map(StoredSecret::of).collect();
        // Strings and times always have a JSON form.
        Some(serde_json::to_vec(&kept).unwrap_or_default())
    }
    /// Secrets that cannot be read are none, which [`SourceConfig::check`] refuses.
    fn attach(&mut self, blob: Vec<u8>) {
        let kept: Vec<StoredSecret> = serde_json::from_slice(&blob).unwrap_or_default();
        self.secrets = kept.into_iter().map(StoredSecret::restore).collect();
    }
}

/// The one form of a secret that has a JSON form: for the store.
#[derive(Serialize, Deserialize)]
struct StoredSecret {
    id: String,
    added_at: DateTime<Utc>,
    #[serde(flatten)]
    value: StoredValue,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredValue {
    Plain(String),
    Sha256(String),
}

impl StoredSecret {
    fn of(secret: &SourceSecret) -> Self {
        let value = match &secret.value {
            SecretValue::Plain(plain) => StoredValue::Plain(plain.expose().to_owned()),
            SecretValue::Sha256(hex) => StoredValue::Sha256(hex.clone()),
        };
        Self { id: secret.id.clone(), added_at: secret.added_at, value }
    }

    fn restore(self) -> SourceSecret {
        let value = match self.value {
            StoredValue::Plain(plain) => SecretValue::Plain(Secret::new(plain)),
            StoredValue::Sha256(hex) => SecretValue::Sha256(hex),
        };
        SourceSecret { id: self.id, added_at: self.added_at, value }
    }
}

/// A source as it is shown: that it has secrets, and not which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SourceView {
    /// Its id, a part of the path that is delivered to.
    pub id: String,
    /// The project that its reports go to.
    pub project_id: ProjectId,
    /// Who delivers.
    pub vendor: String,
    /// Whether its reports are taken.
    pub enabled: bool,
    /// How it proves itself.
    pub proof: Proof,
    /// Whether anybody may deliver.
    pub unsigned: bool,
    /// The active secrets, oldest first.
    pub secrets: Vec<SecretView>,
    /// The vendor's settings.
    pub settings: Map<String, Value>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A secret as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SecretView {
    /// What it is called by.
    pub id: String,
    /// When it was added.
    pub added_at: DateTime<Utc>,
}

impl From<&SourceConfig> for SourceView {
    fn from(config: &SourceConfig) -> Self {
        let SourceConfig { id, project_id, vendor, enabled, proof, secrets, settings, .. } = config.clone();
        let view = |secret: SourceSecret| SecretView { id: secret.id, added_at: secret.added_at };
        Self {
            id,
            project_id,
            vendor,
            enabled,
            unsigned: proof == Proof::Unsigned,
            proof,
            secrets: secrets.into_iter().map(view).collect(),
            settings,
            created_at: config.created_at,
            updated_at: config.updated_at,
        }
    }
}
