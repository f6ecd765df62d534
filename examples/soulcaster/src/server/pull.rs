//! Sources that are pulled: one task each, for as long as the source stays as it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use soulcaster_core::engine::Schedule;
use soulcaster_core::model::{Proof, PullState, SecretValue, SourceConfig};
use soulcaster_core::port::Source;
use soulcaster_core::{Error, ErrorKind, Result, Secret};
use soulcaster_sources::pull;
use tokio::task::AbortHandle;

use super::App;
use crate::secret;

/// Between two looks for sources that were added or changed by somebody else.
const LOOK: Duration = Duration::from_secs(30);

/// Pulls until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut stop = app.stop.subscribe();
    let mut under_way: HashMap<String, (DateTime<Utc>, AbortHandle)> = HashMap::new();
    loop {
        match app.soulcaster.all_sources().await {
            Ok(sources) => keep_up(&app, &mut under_way, sources),
            Err(error) => tracing::error!(error = error.message(), "the sources cannot be read"),
        }
        tokio::select! {
            () = app.pullers.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    // A page that is being fetched is fetched again at the next start.
    under_way.values().for_each(|(_, task)| task.abort());
}

/// Starts tasks for sources that are new or changed, ends those of sources that are gone or changed.
fn keep_up(
    app: &Arc<App>,
    under_way: &mut HashMap<String, (DateTime<Utc>, AbortHandle)>,
    sources: Vec<SourceConfig>,
) {
    let wanted: HashMap<String, SourceConfig> = sources
        .into_iter()
        .filter(|source| source.enabled && source.proof == Proof::Pull)
        .map(|source| (source.id.clone(), source))
        .collect();
    under_way.retain(|id, (version, task)| {
        let stays = wanted.get(id).is_some_and(|source| source.updated_at == *version);
        if !stays {
            task.abort();
        }
        stays
    });
    for (id, source) in wanted {
        under_way.entry(id).or_insert_with(|| {
            let version = source.updated_at;
            (version, tokio::spawn(follow(app.clone(), source)).abort_handle())
        });
    }
}

/// Pulls one source, page by page and round by round.
async fn follow(app: Arc<App>, config: SourceConfig) {
    let SourceConfig { id, project_id: project, vendor, .. } = &config;
    let mut source = match open(&config) {
        Ok(source) => source,
        Err(error) => {
            // It takes a change of the source, which starts another task.
            tracing::error!(source = id, vendor, error = error.message(), "a source cannot be pulled");
            let _ = app.soulcaster.note_failure(project, id, &error, app.now()).await;
            return;
        }
    };
    let schedule = Schedule { interval_seconds: app.settings.pull_interval.as_secs() };
    loop {
        let state = match app.soulcaster.pull_state(project, id).await {
            Ok(state) => state.unwrap_or_else(|| PullState::new(id.as_str())),
            Err(error) => {
                tracing::error!(source = id, error = error.message(), "how far a source is cannot be read");
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        let due = schedule.next_at(&state, jitter());
        tokio::time::sleep((due - app.now()).to_std().unwrap_or_default()).await;
        if let Err(error) = round(&app, &config, source.as_mut()).await {
            tracing::warn!(source = id, vendor, error = error.message(), "a pull failed; it is tried again");
        }
    }
}

/// Fetches and keeps one page.
async fn round(app: &Arc<App>, config: &SourceConfig, source: &mut dyn Source) -> Result<()> {
    let SourceConfig { id, project_id: project, vendor, .. } = config;
    let pending = app.pending.of(project);
    if let Err(error) = app.soulcaster.check_quota(project, app.settings.limits, 1, pending).await {
        app.soulcaster.note_failure(project, id, &error, app.now()).await?;
        return Err(error);
    }
    let pulled = app.soulcaster.pull(project, id, source, app.now()).await;
    let outcome = if pulled.is_ok() { "taken" } else { "failed" };
    metrics::counter!("soulcaster_pulls_total", "source" => vendor.clone(), "outcome" => outcome)
        .increment(1);
    let report = match pulled {
        Ok(pulled) => pulled.report,
        // Another server on the same database was faster.
        Err(error) if error.kind() == ErrorKind::Conflict => return Ok(()),
        Err(error) => return Err(error),
    };
    for rejected in &report.rejected {
        tracing::warn!(source = id, vendor, reason = rejected.reason, "a report was not kept");
    }
    if report.accepted + report.occurrences > 0 {
        app.jobs.request(app, project).await;
    }
    Ok(())
}

fn open(config: &SourceConfig) -> Result<Box<dyn Source>> {
    config.check()?;
    let mut secrets: Vec<Secret> = Vec::new();
    for secret in &config.secrets {
        match &secret.value {
            SecretValue::Plain(secret) => secrets.push(secret.clone()),
            SecretValue::Sha256(_) => {
                let message = format!("source {} has only the hash of its token; add it again", config.id);
                return Err(Error::invalid("pull.open", message));
            }
        }
    }
    // Datadog takes two at once; of others the newer one takes the place of the older.
    if config.vendor != "datadog" && secrets.len() > 1 {
        secrets.drain(..secrets.len() - 1);
    }
    pull::source(&config.vendor, &config.settings, &secrets)
}

/// From 0 to 1, at random.
fn jitter() -> f64 {
    secret::random().map_or(0.5, |random| f64::from(random[0]) / 255.0)
}
