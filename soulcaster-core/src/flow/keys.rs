//! Keys: made once, shown once, kept as a hash.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::id::{ProjectId, digest};
use crate::model::key::{ApiKey, Scope};
use crate::port::store::{Expect, Query, Write};
use crate::secret::Secret;
use crate::soulcaster::Soulcaster;

/// What a key opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Credential {
    /// The public part of the key.
    pub key: String,
    /// The project; [`ProjectId::system`] for an operator's key.
    #[serde(deserialize_with = "ProjectId::stored")]
    pub project: ProjectId,
    /// What may be done there.
    pub scope: Scope,
}

/// Fewest random bytes of a key, or of another id or secret that is made of them.
const RANDOM: usize = 20;
/// How every key begins.
const MARK: &str = "sc";

impl Soulcaster {
    /// Makes a key for `project` from `random` bytes, at least 20 from a good source. The key is given this once;
    /// the store keeps its hash. An operator's key opens no project, so it belongs to [`ProjectId::system`]
    /// whichever project is named, and no other key does.
    ///
    /// # Errors
    /// `Invalid` for too few bytes, `Conflict` when they have been used before, and those of the store.
    pub async fn create_key(
        &self,
        project: &ProjectId,
        scope: Scope,
        random: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(ApiKey, Secret)> {
        check_random("keys.create", random)?;
        let project = if scope == Scope::Operator { &ProjectId::system() } else { project };
        if scope != Scope::Operator && *project == ProjectId::system() {
            let message = "a key for the whole server has the scope operator; name a project for this one";
            return Err(Error::invalid("keys.create", message));
        }
        let id = digest(&[b"key id", random], 10);
        let text = format!("{MARK}_{id}_{}", digest(&[b"key secret", random], 40));
        let (project_id, hash) = (project.clone(), hash(&text));
        let key = ApiKey { id, project_id, scope, hash, created_at: now, revoked_at: None };
        self.store.commit(&ProjectId::system(), vec![Write::put(&key, Expect::Absent)?]).await?;
        Ok((key, Secret::new(text)))
    }

    /// What `key` opens.
    ///
    /// # Errors
    /// `Unauthorized`, in the same words for every reason, and those of the store.
    pub async fn authenticate(&self, key: &str) -> Result<Credential> {
        let refused =
            || Error::new(ErrorKind::Unauthorized, "keys.check", "no such key, or it was withdrawn");
        let mut parts = key.splitn(3, '_');
        let (Some(MARK), Some(id), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refused());
        };
        let Some((known, _)) = self.store.read::<ApiKey>(&ProjectId::system(), id).await? else {
            return Err(refused());
        };
        if !is_equal(known.hash.as_bytes(), hash(key).as_bytes()) || known.revoked_at.is_some() {
            return Err(refused());
        }
        Ok(Credential { key: known.id, project: known.project_id, scope: known.scope })
    }

    /// The keys of `project`, oldest first, the withdrawn ones too.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keys(&self, project: &ProjectId) -> Result<Vec<ApiKey>> {
        let query = Query::all::<ApiKey>().with("project", project.as_str());
        self.store.read_all(&ProjectId::system(), &query).await
    }

    /// Every key of every project, oldest first, the operators' and the withdrawn ones too.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn all_keys(&self) -> Result<Vec<ApiKey>> {
        self.store.read_all(&ProjectId::system(), &Query::all::<ApiKey>()).await
    }

    /// Withdraws a key of `project`. Withdrawing it again changes nothing.
    ///
    /// # Errors
    /// `NotFound` for a key that is not of this project, and those of the store.
    pub async fn revoke_key(&self, project: &ProjectId, id: &str, now: DateTime<Utc>) -> Result<ApiKey> {
        let found = self.store.read::<ApiKey>(&ProjectId::system(), id).await?;
        let Some((mut key, version)) = found.filter(|(key, _)| key.project_id == *project) else {
            let message = format!("no key {id:?} in project {project}; `soulcaster keys list` lists them");
            return Err(Error::not_found("keys.revoke", message));
        };
        if key.revoked_at.is_none() {
            key.revoked_at = Some(now);
            let write = Write::put(&key, Expect::Version(version))?;
            self.store.commit(&ProjectId::system(), vec![write]).await?;
        }
        Ok(key)
    }

    /// Every project that has records, in order of name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn projects(&self) -> Result<Vec<ProjectId>> {
        let mut projects = self.store.projects().await?;
        projects.retain(|project| *project != ProjectId::system());
        Ok(projects)
    }
}

/// Checks that there are enough random bytes to make something of that nobody can guess.
pub(crate) fn check_random(operation: &'static str, random: &[u8]) -> Result<()> {
    if random.len() >= RANDOM {
        return Ok(());
    }
    Err(Error::invalid(operation, format!("it takes at least {RANDOM} random bytes, not {}", random.len())))
}

fn hash(key: &str) -> String {
    digest(&[b"key hash", key.as_bytes()], 51)
}

/// Compares in a time that does not depend on where they differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn a_key_opens_its_project_until_it_is_withdrawn() {
        run(async {
            let soulcaster = Soulcaster::in_memory();
            let (shop, other) = (ProjectId::new("shop").unwrap(), ProjectId::new("other").unwrap());
            let now = DateTime::UNIX_EPOCH;
            let (key, text) = soulcaster.create_key(&shop, Scope::Ingest, &[7; 32], now).await.unwrap();
            let text = text.expose();
            assert!(!serde_json::to_string(&key).unwrap().contains(text));
            let opened = soulcaster.authenticate(text).await.unwrap();
            assert_eq!((opened.project, opened.scope), (shop.clone(), Scope::Ingest));
            let wrong = format!("{}x", &text[..text.len() - 1]);
            for bad in ["", "sc", "sc__", "sc_0000000000_0", &wrong, &text[..20], &format!("{text}0")] {
                let error = soulcaster.authenticate(bad).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unauthorized, "{bad}");
                assert!(bad.is_empty() || !error.to_string().contains(bad));
            }
            assert_eq!(
                soulcaster.create_key(&shop, Scope::Read, &[7; 32], now).await.unwrap_err().kind(),
                ErrorKind::Conflict
            );
            assert_eq!(
                soulcaster.revoke_key(&other, &key.id, now).await.unwrap_err().kind(),
                ErrorKind::NotFound
            );
            assert!(soulcaster.keys(&other).await.unwrap().is_empty());
            soulcaster.revoke_key(&shop, &key.id, now).await.unwrap();
            assert!(soulcaster.authenticate(text).await.is_err());
            assert_eq!(soulcaster.keys(&shop).await.unwrap().len(), 1);
            assert!(soulcaster.projects().await.unwrap().is_empty(), "keys are no project");
        });
    }

    #[test]
    fn an_ingest_key_cannot_read_and_a_read_key_cannot_ingest() {
        assert!(Scope::Admin.allows(Scope::Ingest) && Scope::Admin.allows(Scope::Read));
        assert!(!Scope::Ingest.allows(Scope::Read) && !Scope::Read.allows(Scope::Ingest));
        assert!(!Scope::Read.allows(Scope::Admin) && Scope::Read.allows(Scope::Read));
    }

    #[test]
    fn an_operator_key_opens_the_server_and_no_project() {
        for scope in [Scope::Ingest, Scope::Read, Scope::Admin] {
            assert!(!Scope::Operator.allows(scope) && !scope.allows(Scope::Operator), "{scope:?}");
        }
        assert!(Scope::Operator.allows(Scope::Operator));
        run(async {
            let soulcaster = Soulcaster::in_memory();
            let (shop, now) = (ProjectId::new("shop").unwrap(), DateTime::UNIX_EPOCH);
            let (key, text) = soulcaster.create_key(&shop, Scope::Operator, &[7; 32], now).await.unwrap();
            let opened = soulcaster.authenticate(text.expose()).await.unwrap();
            assert_eq!((opened.project, opened.scope), (ProjectId::system(), Scope::Operator));
            assert!(soulcaster.keys(&shop).await.unwrap().is_empty());
            soulcaster.create_key(&shop, Scope::Read, &[8; 32], now).await.unwrap();
            let scopes: Vec<Scope> =
                soulcaster.all_keys().await.unwrap().iter().map(|key| key.scope).collect();
            assert_eq!(scopes, [Scope::Operator, Scope::Read]);
            let error = soulcaster.create_key(&ProjectId::system(), Scope::Admin, &[9; 32], now).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
            soulcaster.revoke_key(&ProjectId::system(), &key.id, now).await.unwrap();
            assert!(soulcaster.authenticate(text.expose()).await.is_err());
        });
    }
}
