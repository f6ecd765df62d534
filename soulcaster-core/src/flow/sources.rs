//! Configured sources: added, changed, their secrets exchanged while deliveries go on.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::flow::ingest::{TRIES, busy, is_lost_race};
use crate::flow::keys::check_random;
use crate::id::{ProjectId, digest};
use crate::model::source::{MAX_SECRETS, Proof, SecretValue, SourceConfig, SourceSecret, SourceView};
use crate::port::store::{Change, Expect, Key, Query, Write};
use crate::secret::Secret;
use crate::soulcaster::Soulcaster;

/// A source to be added.
#[derive(Debug, Clone)]
pub struct NewSource {
    /// Who delivers, such as `github`.
    pub vendor: String,
    /// How it proves itself.
    pub proof: Proof,
    /// Its secret; without one a secret is made for a proof that needs one.
    pub secret: Option<Secret>,
    /// Whether its reports are taken.
    pub enabled: bool,
    /// The vendor's settings, checked by whoever knows the vendor.
    pub settings: Map<String, Value>,
}

/// What to change of a source; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceChange {
    /// Whether its reports are taken.
    pub enabled: Option<bool>,
    /// All of the vendor's settings, checked by whoever knows the vendor.
    pub settings: Option<Map<String, Value>>,
}

/// Fewest bytes of a secret that comes in a header.
const MIN_SECRET: usize = 16;
/// Letters of a secret that is made here: 200 random bits.
const MADE: usize = 40;

impl Soulcaster {
    /// Adds a source to `project`, made from `random` bytes, at least 20 from a good source. A secret that is made
    /// here is given this once; what comes in a header or path is kept as its hash.
    ///
    /// # Errors
    /// `Invalid` for too few bytes, a vendor or header that has no such name, and a secret that does not fit the
    /// proof; `Conflict` when the bytes have been used before; and those of the store.
    pub async fn add_source(
        &self,
        project: &ProjectId,
        new: NewSource,
        random: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(SourceView, Option<Secret>)> {
        check_random(ADD, random)?;
        let NewSource { vendor, proof, secret, enabled, settings } = new;
        let needed = secret.is_some() || proof.needs_secret();
        let (secrets, made) = if needed {
            let (secret, made) = secret_for(&proof, secret, random, now)?;
            (vec![secret], made)
        } else {
            (vec![], None)
        };
        let config = SourceConfig {
            id: digest(&[b"source id", random], 16),
            project_id: project.clone(),
            vendor,
            enabled,
            proof,
            secrets,
            settings,
            created_at: now,
            updated_at: now,
        };
        config.check()?;
        self.store.commit(&ProjectId::system(), vec![Write::put(&config, Expect::Absent)?]).await?;
        Ok((SourceView::from(&config), made))
    }

    /// The sources of `project`, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn sources(&self, project: &ProjectId) -> Result<Vec<SourceView>> {
        let query = Query::all::<SourceConfig>().with("project", project.as_str());
        let configs: Vec<SourceConfig> =
            self.store.read_all(&ProjectId::system(), &Query { blobs: true, ..query }).await?;
        Ok(configs.iter().map(SourceView::from).collect())
    }

    /// One source of `project`.
    ///
    /// # Errors
    /// `NotFound` for a source that is not of this project, and those of the store.
    pub async fn source(&self, project: &ProjectId, id: &str) -> Result<SourceView> {
        Ok(SourceView::from(&self.find_source(project, id).await?.0))
    }

    /// The source `id` of whichever project, with its secrets: for whoever takes its deliveries.
    ///
    /// # Errors
    /// `NotFound`, without the id, which may be a secret in the wrong place; and those of the store.
    pub async fn source_config(&self, id: &str) -> Result<SourceConfig> {
        let found = self.store.read::<SourceConfig>(&ProjectId::system(), id).await?;
        found.map(|(config, _)| config).ok_or_else(|| Error::not_found("sources.find", "no such source"))
    }

    /// The sources of all projects with their secrets, oldest first: for a check at the start, and for pollers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn all_sources(&self) -> Result<Vec<SourceConfig>> {
        let query = Query { blobs: true, ..Query::all::<SourceConfig>() };
        self.store.read_all(&ProjectId::system(), &query).await
    }

    /// Switches a source on or off, or gives it other settings.
    ///
    /// # Errors
    /// `NotFound` for a source that is not of this project, and those of the store.
    pub async fn change_source(
        &self,
        project: &ProjectId,
        id: &str,
        change: SourceChange,
        now: DateTime<Utc>,
    ) -> Result<SourceView> {
        self.edit_source(project, id, now, |config| {
            config.enabled = change.enabled.unwrap_or(config.enabled);
            if let Some(settings) = &change.settings {
                config.settings.clone_from(settings);
            }
            Ok(())
        })
        .await
    }

    /// Adds a second secret, so that the sender can go over to it before the first is removed. Without one it is
    /// made from `random` bytes, at least 20 from a good source, and given this once.
    ///
    /// # Errors
    /// `Conflict` naming the secret to remove when there are two; `Invalid` for a secret that does not fit the
    /// proof; `NotFound` for a source that is not of this project; and those of the store.
    pub async fn add_source_secret(
        &self,
        project: &ProjectId,
        id: &str,
        secret: Option<Secret>,
        random: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(SourceView, Option<Secret>)> {
        check_random(ADD_SECRET, random)?;
        let proof = self.find_source(project, id).await?.0.proof;
        let (secret, made) = secret_for(&proof, secret, random, now)?;
        let view = self.edit_source(project, id, now, |config| {
            if let [oldest, _, ..] = &config.secrets[..] {
                let oldest = &oldest.id;
                let message = format!(
                    "source {id} has {MAX_SECRETS} secrets; remove the older one first: `soulcaster sources remove-secret {id} {oldest}`"
                );
                return Err(Error::conflict(ADD_SECRET, message));
            }
            if config.secrets.iter().any(|known| known.id == secret.id) {
                return Err(Error::conflict(ADD_SECRET, "these random bytes have been used before"));
            }
            config.secrets.push(secret.clone());
            Ok(())
        });
        Ok((view.await?, made))
    }

    /// Removes a secret: what comes with it is refused from now on.
    ///
    /// # Errors
    /// `Conflict` for the last one of a source whose deliveries it verifies, since the source would be open;
    /// `NotFound` for an unknown secret and for a source that is not of this project; and those of the store.
    pub async fn remove_source_secret(
        &self,
        project: &ProjectId,
        id: &str,
        secret_id: &str,
        now: DateTime<Utc>,
    ) -> Result<SourceView> {
        const OPERATION: &str = "sources.remove_secret";
        self.edit_source(project, id, now, |config| {
            let Some(at) = config.secrets.iter().position(|secret| secret.id == secret_id) else {
                let message = format!("no secret {secret_id:?} of source {id}; `soulcaster sources list` lists them");
                return Err(Error::not_found(OPERATION, message));
            };
            if config.proof.needs_secret() && config.secrets.len() == 1 {
                let message = format!(
                    "it is the last secret of source {id}, which would be open; add another first, or remove the source"
                );
                return Err(Error::conflict(OPERATION, message));
            }
            config.secrets.remove(at);
            Ok(())
        })
        .await
    }

    /// Removes a source: its deliveries are refused from now on, its reports stay.
    ///
    /// # Errors
    /// `NotFound` for a source that is not of this project, and those of the store.
    pub async fn remove_source(&self, project: &ProjectId, id: &str) -> Result<()> {
        for _ in 0..TRIES {
            let (_, version) = self.find_source(project, id).await?;
            let (key, expect) = (Key::of::<SourceConfig>(id), Expect::Version(version));
            let write = Write { key, expect, change: Change::Delete };
            match self.store.commit(&ProjectId::system(), vec![write]).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other.map(|_| ()),
            }
        }
        Err(busy(project))
    }

    async fn edit_source(
        &self,
        project: &ProjectId,
        id: &str,
        now: DateTime<Utc>,
        edit: impl Fn(&mut SourceConfig) -> Result<()> + Send,
    ) -> Result<SourceView> {
        for _ in 0..TRIES {
            let (mut config, version) = self.find_source(project, id).await?;
            edit(&mut config)?;
            config.updated_at = now;
            let write = Write::put(&config, Expect::Version(version))?;
            match self.store.commit(&ProjectId::system(), vec![write]).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other.map(|_| SourceView::from(&config)),
            }
        }
        Err(busy(project))
    }

    async fn find_source(&self, project: &ProjectId, id: &str) -> Result<(SourceConfig, u64)> {
        let found = self.store.read::<SourceConfig>(&ProjectId::system(), id).await?;
        found.filter(|(config, _)| config.project_id == *project).ok_or_else(|| {
            let message =
                format!("no source {id:?} in project {project}; `soulcaster sources list` lists them");
            Error::not_found("sources.find", message)
        })
    }
}

const ADD: &str = "sources.add";
const ADD_SECRET: &str = "sources.add_secret";

/// The secret of a source as it is kept, and the secret itself if it was made here.
fn secret_for(
    proof: &Proof,
    given: Option<Secret>,
    random: &[u8],
    now: DateTime<Utc>,
) -> Result<(SourceSecret, Option<Secret>)> {
    let refuse = |why: &str| Err(Error::invalid(ADD_SECRET, why));
    let length = given.as_ref().map(|secret| secret.expose().trim().len());
    match (proof, length) {
        (Proof::Unsigned, _) => return refuse("a source without proof takes no secret"),
        (_, Some(0)) => return refuse("the secret is empty"),
        (Proof::Pull, None) => return refuse("the vendor makes the token of its API; give it"),
        (Proof::PathToken, Some(_)) => return refuse("the token in a path is made here; give none"),
        (Proof::Header { .. }, Some(..MIN_SECRET)) => {
            return refuse(&format!(
                "a secret in a header has at least {MIN_SECRET} bytes; give a longer one, or none"
            ));
        }
        _ => {}
    }
    let is_made = given.is_none();
    let secret = given.unwrap_or_else(|| Secret::new(digest(&[b"source secret", random], MADE)));
    let value = SecretValue::of(&secret, proof);
    let id = digest(&[b"source secret id", random], 8);
    Ok((SourceSecret { id, added_at: now, value }, is_made.then_some(secret)))
}

#[cfg(test)]
mod tests;
