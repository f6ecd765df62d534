//! `sources`: where reports come from.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};
use soulcaster_core::flow::{NewSource, SourceChange};
use soulcaster_core::model::{Proof, SourceView};
use soulcaster_core::{Error, Result, Secret};
use soulcaster_sources::vendor;

use crate::args::{self, Sources};
use crate::secret;
use crate::session::{Outcome, Session};
use crate::text::{Table, day};

pub(super) async fn sources(session: &Session, command: Sources) -> Result<Outcome> {
    match command {
        Sources::List => list(session).await?,
        Sources::Add(args) => add(session, args).await?,
        Sources::Enable { id } => switch(session, &id, true).await?,
        Sources::Disable { id } => switch(session, &id, false).await?,
        Sources::Rotate { id, secret_file } => rotate(session, &id, secret_file.as_deref()).await?,
        Sources::RemoveSecret { id, secret } => {
            let soulcaster = session.open()?;
            let view = soulcaster.remove_source_secret(&session.project, &id, &secret, session.now).await?;
            session.answer(&view, |_| format!("secret {secret} is good for nothing any more\n"))?;
        }
        Sources::Remove { id } => {
            session.open()?.remove_source(&session.project, &id).await?;
            session
                .answer(&json!({ "removed": id }), |_| format!("source {id} removed; its reports stay\n"))?;
        }
    }
    Ok(Outcome::Done)
}

async fn list(session: &Session) -> Result<()> {
    let sources = session.look()?.sources(&session.project).await?;
    session.answer(&sources, |sources| {
        if sources.is_empty() {
            return format!(
                "project {} has no sources; `soulcaster sources add` adds one\n",
                session.project
            );
        }
        let mut table = Table::new(&["ID", "VENDOR", "PROOF", "TAKEN", "SINCE", "SECRETS"]);
        for source in sources {
            let secrets: Vec<String> = source
                .secrets
                .iter()
                .map(|secret| format!("{} of {}", secret.id, day(secret.added_at)))
                .collect();
            let taken = if source.enabled { "yes" } else { "no" };
            let proof = match &source.proof {
                Proof::Signature => "signature".to_owned(),
                Proof::Header { name } => format!("header {name}"),
                Proof::PathToken => "path".to_owned(),
                Proof::Unsigned => "none".to_owned(),
                Proof::Pull => "pulled".to_owned(),
            };
            let (id, vendor) = (source.id.clone(), source.vendor.clone());
            table.row([id, vendor, proof, taken.to_owned(), day(source.created_at), secrets.join(", ")]);
        }
        table.render()
    })
}

/// A source with what is shown of it this once.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    source: SourceView,
    /// Where to deliver; nothing for one that is pulled.
    path: Option<String>,
    /// A secret that was made.
    secret: Option<String>,
}

impl Shown {
    fn of((source, made): (SourceView, Option<Secret>)) -> Self {
        let SourceView { id, vendor, proof, .. } = &source;
        let secret = made.map(|made| made.expose().to_owned());
        let path = match (proof, &secret) {
            (Proof::Pull, _) => None,
            (Proof::PathToken, Some(token)) => Some(format!("/ingest/{vendor}/{id}/{token}")),
            _ => Some(format!("/ingest/{vendor}/{id}")),
        };
        Self { source, path, secret }
    }

    /// Where to deliver, and with what.
    fn instructions(&self) -> String {
        let Some(path) = &self.path else {
            return "nothing is delivered to it; its API is asked\n".to_owned();
        };
        let secret = match (&self.source.proof, &self.secret) {
            (Proof::PathToken, _) => "the end of the path is the secret; it is shown this once\n".to_owned(),
            (Proof::Header { name }, Some(secret)) => {
                format!("with the header {name}: Bearer {secret}\nthe secret is shown this once\n")
            }
            (_, Some(secret)) => format!("signed with {secret}\nthe secret is shown this once\n"),
            _ => String::new(),
        };
        format!("deliver to {path}\n{secret}")
    }
}

async fn add(session: &Session, args: args::NewSource) -> Result<()> {
    let args::NewSource { vendor, secret_file, proof, settings } = args;
    let proof = match proof {
        args::Choice { signature: true, .. } => Proof::Signature,
        args::Choice { header: Some(name), .. } => Proof::Header { name },
        args::Choice { path_token: true, .. } => Proof::PathToken,
        args::Choice { allow_unsigned: true, .. } => Proof::Unsigned,
        args::Choice { pull: true, .. } => Proof::Pull,
        _ => vendor::default_proof(&vendor)?,
    };
    let settings = settings.map(|settings| read_settings(&settings)).transpose()?.unwrap_or_default();
    let secret = secret_file.as_deref().map(secret::read).transpose()?;
    vendor::check(&vendor, &proof, &settings, secret.as_ref())?;
    let new = NewSource { vendor, proof, secret, enabled: true, settings };
    let soulcaster = session.open_or_make()?;
    let random = secret::random()?;
    let added = soulcaster.add_source(&session.project, new, &random, session.now).await?;
    let shown = Shown::of(added);
    session.answer(&shown, |shown| {
        let SourceView { id, vendor, project_id, .. } = &shown.source;
        format!("source {id} of {vendor} added to project {project_id}\n{}", shown.instructions())
    })?;
    if shown.source.unsigned {
        session.say("warning: anybody who knows the path may deliver");
    }
    Ok(())
}

/// The vendor's settings: JSON, or the name of a file of it.
fn read_settings(settings: &str) -> Result<Map<String, Value>> {
    let is_json = settings.trim_start().starts_with('{');
    let refuse = |why: &str| Error::invalid("sources.settings", format!("the settings {why}"));
    let text = if is_json {
        settings.to_owned()
    } else {
        std::fs::read_to_string(settings).map_err(|e| {
            let message = format!("{settings} cannot be read; name a file of JSON, or write {{…}}");
            Error::invalid("sources.settings", message).with_source(e)
        })?
    };
    serde_json::from_str(&text).map_err(|e| refuse("are no JSON object").with_source(e))
}

async fn switch(session: &Session, id: &str, enabled: bool) -> Result<()> {
    let change = SourceChange { enabled: Some(enabled), settings: None };
    let view = session.open()?.change_source(&session.project, id, change, session.now).await?;
    let taken = if enabled { "are taken" } else { "are not taken" };
    session.answer(&view, |view| format!("reports of source {} ({}) {taken}\n", view.id, view.vendor))
}

async fn rotate(session: &Session, id: &str, secret_file: Option<&Path>) -> Result<()> {
    let soulcaster = session.open()?;
    let known = soulcaster.source(&session.project, id).await?;
    let secret = secret_file.map(secret::read).transpose()?;
    vendor::check(&known.vendor, &known.proof, &known.settings, secret.as_ref())?;
    let random = secret::random()?;
    let added = soulcaster.add_source_secret(&session.project, id, secret, &random, session.now).await?;
    let shown = Shown::of(added);
    session.answer(&shown, |shown| {
        let older = match &shown.source.secrets[..] {
            [older, _] if shown.path.is_some() => format!(
                "when the sender uses it, remove the older one: soulcaster sources remove-secret {id} {}\n",
                older.id
            ),
            _ => String::new(),
        };
        format!("source {id} has another secret\n{}{older}", shown.instructions())
    })
}
