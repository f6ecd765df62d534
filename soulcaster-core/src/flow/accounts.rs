//! Users and the projects they own.

use chrono::{DateTime, Utc};

use crate::error::{Error, Result};
use crate::flow::ingest::{TRIES, busy, is_lost_race};
use crate::flow::keys::check_random;
use crate::id::{ProjectId, digest};
use crate::model::account::{Handle, ProjectInfo, User};
use crate::port::store::{Expect, Key, Query, Write};
use crate::soulcaster::Soulcaster;

/// A user to be added, known by an address, a number at GitHub, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    /// Their address; case does not count.
    pub email: Option<String>,
    /// Their number at GitHub.
    pub github_id: Option<String>,
}

const CREATE_USER: &str = "users.create";
const CREATE_PROJECT: &str = "projects.create";
/// How the project is called that every user has from the beginning.
const FIRST_PROJECT: &str = "My Project";

impl Soulcaster {
    /// Adds a user with a first project, made from `random` bytes, at least 20 from a good source.
    ///
    /// Who is known by the address or the number at GitHub is given as they are, with their first project; a name
    /// of theirs that was not known is added. So asking twice, or from two places at once, adds one user.
    ///
    /// # Errors
    /// `Invalid` without an address and a number, for ones that cannot be, and for too few bytes; `Conflict` when
    /// they belong to two users; and those of the store.
    pub async fn create_user(
        &self,
        new: NewUser,
        random: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(User, ProjectInfo)> {
        check_random(CREATE_USER, random)?;
        let email = new.email.map(|email| name("email", &email.to_lowercase(), 254)).transpose()?;
        let github_id = new.github_id.map(|id| name("github_id", &id, 64)).transpose()?;
        if email.as_ref().is_some_and(|email| !email.contains('@')) {
            return Err(Error::invalid(CREATE_USER, "email is no address"));
        }
        if email.is_none() && github_id.is_none() {
            return Err(Error::invalid(CREATE_USER, "a user is known by email or github_id; give one"));
        }
        let system = ProjectId::system();
        for _ in 0..TRIES {
            match self.try_create_user(email.clone(), github_id.clone(), random, now).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other,
            }
        }
        Err(busy(&system))
    }

    async fn try_create_user(
        &self,
        email: Option<String>,
        github_id: Option<String>,
        random: &[u8],
        now: DateTime<Utc>,
    ) -> Result<(User, ProjectInfo)> {
        let system = ProjectId::system();
        let names = [("email", &email), ("github", &github_id)];
        let names: Vec<String> =
            names.iter().filter_map(|(kind, name)| Some(format!("{kind}:{}", name.as_ref()?))).collect();
        let keys: Vec<Key> = names.iter().map(Key::of::<Handle>).collect();
        let mut owner: Option<String> = None;
        let mut unknown: Vec<String> = Vec::new();
        for (name, stored) in names.into_iter().zip(self.store.get(&system, &keys, false).await?) {
            let Some(stored) = stored else {
                unknown.push(name);
                continue;
            };
            let handle: Handle = stored.decode()?;
            if owner.is_some_and(|owner| owner != handle.user_id) {
                let message = "email and github_id belong to two users; give one of them";
                return Err(Error::conflict(CREATE_USER, message));
            }
            owner = Some(handle.user_id);
        }
        let mut writes = Vec::new();
        let user = match owner {
            None => {
                let id = digest(&[b"user id", random], 16);
                let user = User { id, email, github_id, created_at: now };
                writes.push(Write::put(&user, Expect::Absent)?);
                let project = first_project(&user)?;
                writes.push(Write::put(&project, Expect::Absent)?);
                user
            }
            Some(id) => {
                let (mut user, version) = self.find_user(&id).await?;
                let known = user.clone();
                user.email = user.email.or(email);
                user.github_id = user.github_id.or(github_id);
                if user == known {
                    unknown.clear();
                } else {
                    writes.push(Write::put(&user, Expect::Version(version))?);
                }
                user
            }
        };
        for name in unknown {
            writes.push(Write::put(&Handle { name, user_id: user.id.clone() }, Expect::Absent)?);
        }
        if !writes.is_empty() {
            self.store.commit(&system, writes).await?;
        }
        let first = first_project(&user)?;
        let project = self.project_info(&first.id).await?.unwrap_or(first);
        Ok((user, project))
    }

    /// All users, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn users(&self) -> Result<Vec<User>> {
        self.store.read_all(&ProjectId::system(), &Query::all::<User>()).await
    }

    /// One user.
    ///
    /// # Errors
    /// `NotFound` for an unknown one, and those of the store.
    pub async fn user(&self, id: &str) -> Result<User> {
        Ok(self.find_user(id).await?.0)
    }

    async fn find_user(&self, id: &str) -> Result<(User, u64)> {
        let found = self.store.read::<User>(&ProjectId::system(), id).await?;
        found.ok_or_else(|| Error::not_found("users.find", format!("no user {id:?}")))
    }

    /// Names a project and says whose it is; without an id one is made from `random` bytes, at least 20 from a good
    /// source. One that is there with the same owner is given as it is. Reports that were taken in before are its:
    /// whoever lets strangers choose an id asks [`Soulcaster::is_used`] first.
    ///
    /// # Errors
    /// `Conflict` when the project is another's or nobody's, `NotFound` for an unknown user, `Invalid` for a name that cannot be
    /// and for too few bytes, and those of the store.
    pub async fn create_project(
        &self,
        user_id: Option<&str>,
        id: Option<ProjectId>,
        name: &str,
        random: &[u8],
        now: DateTime<Utc>,
    ) -> Result<ProjectInfo> {
        let name = self::name("name", name, 200)?;
        let id = match id {
            // Records of the engine itself are nobody's.
            Some(id) => ProjectId::new(id.as_str())?,
            None => {
                check_random(CREATE_PROJECT, random)?;
                ProjectId::new(digest(&[b"project id", random], 16))?
            }
        };
        if let Some(user) = user_id {
            self.user(user).await?;
        }
        let info = ProjectInfo { id, user_id: user_id.map(str::to_owned), name, created_at: now };
        for _ in 0..TRIES {
            match self.project_info(&info.id).await? {
                Some(known) if user_id.is_some() && known.user_id == info.user_id => return Ok(known),
                Some(_) => {
                    let message = format!("project {} is another's; choose another id", info.id);
                    return Err(Error::conflict(CREATE_PROJECT, message));
                }
                None => {}
            }
            let write = Write::put(&info, Expect::Absent)?;
            match self.store.commit(&ProjectId::system(), vec![write]).await {
                Err(error) if is_lost_race(&error) => {}
                other => return other.map(|_| info),
            }
        }
        Err(busy(&info.id))
    }

    /// Whether there is anything of a project: a name, records, keys or sources.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_used(&self, project: &ProjectId) -> Result<bool> {
        Ok(self.project_info(project).await?.is_some()
            || !self.keys(project).await?.is_empty()
            || !self.sources(project).await?.is_empty()
            || self.projects().await?.contains(project))
    }

    /// The projects of a user, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn projects_of(&self, user_id: &str) -> Result<Vec<ProjectInfo>> {
        let query = Query::all::<ProjectInfo>().with("user", user_id);
        self.store.read_all(&ProjectId::system(), &query).await
    }

    /// What is known about a project; `None` for one that has been named nowhere, though it may have reports.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn project_info(&self, project: &ProjectId) -> Result<Option<ProjectInfo>> {
        let found = self.store.read::<ProjectInfo>(&ProjectId::system(), project.as_str()).await?;
        Ok(found.map(|(info, _)| info))
    }
}

/// The project that a user has from the beginning: its id follows from theirs.
fn first_project(user: &User) -> Result<ProjectInfo> {
    Ok(ProjectInfo {
        id: ProjectId::new(digest(&[b"first project", user.id.as_bytes()], 16))?,
        user_id: Some(user.id.clone()),
        name: FIRST_PROJECT.to_owned(),
        created_at: user.created_at,
    })
}

/// Checks what somebody or something is called, and takes the blanks around it away.
fn name(field: &str, text: &str, most: usize) -> Result<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        let message = format!("{field} must be 1 to {most} characters, and none of them a control character");
        return Err(Error::invalid("accounts.name", message));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
