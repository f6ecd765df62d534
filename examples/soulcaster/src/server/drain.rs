//! Takes deliveries from the inbox into the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use soulcaster_core::model::Inbound;
use soulcaster_core::{ErrorKind, ProjectId, Result};
use soulcaster_sources::Arrival;

use super::App;

/// Deliveries taken at once, and about how many bytes of them.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 16 << 20;

/// Between two looks when nobody says that something has arrived.
const LOOK: Duration = Duration::from_secs(1);

/// After a batch: those that come now share the next disk flush.
const GATHER: Duration = Duration::from_millis(20);

/// Longest wait after the store has failed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Takes deliveries in until the server stops; what is left then waits for the next start.
pub(crate) async fn run(app: Arc<App>) {
    let mut stop = app.stop.subscribe();
    let mut wait = Duration::from_millis(250);
    loop {
        let pause = match step(&app).await {
            Ok(0) => {
                tokio::select! {
                    () = app.arrived.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
                Duration::ZERO
            }
            Ok(_) => {
                wait = Duration::from_millis(250);
                GATHER
            }
            Err(error) => {
                metrics::counter!("soulcaster_take_in_failures_total").increment(1);
                tracing::error!(error = error.message(), "deliveries cannot be taken in; they wait");
                wait = (wait * 2).min(LONGEST_WAIT);
                wait
            }
        };
        if *stop.borrow() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Takes one batch in; gives how many deliveries it was.
async fn step(app: &App) -> Result<usize> {
    let batch = app.inbox.oldest(BATCH, BATCH_BYTES)?;
    let count = batch.len();
    let Some((last, _)) = batch.last() else { return Ok(0) };
    let last = *last;
    let mut arrivals: Vec<(u64, Arrival)> = Vec::with_capacity(count);
    for (seq, arrival) in batch {
        match arrival {
            Ok(arrival) => arrivals.push((seq, arrival)),
            Err(error) => set_aside(app, seq, error.message()).await?,
        }
    }
    let projects: BTreeSet<ProjectId> = arrivals.iter().map(|(_, arrival)| arrival.project.clone()).collect();
    for project in &projects {
        // The order of a project's deliveries stays; those of two projects do not touch each other.
        let own = || arrivals.iter().filter(|(_, arrival)| arrival.project == *project);
        let reports = own().flat_map(|(_, arrival)| received(arrival)).collect();
        match app.soulcaster.ingest_received(project, reports).await {
            Ok(_) => {}
            Err(error) if is_passing(error.kind()) => return Err(error),
            // One of them is at fault: find out which.
            Err(_) => {
                for (seq, arrival) in own() {
                    match app.soulcaster.ingest_received(project, received(arrival)).await {
                        Ok(_) => {}
                        Err(error) if is_passing(error.kind()) => return Err(error),
                        Err(error) => set_aside(app, *seq, error.message()).await?,
                    }
                }
            }
        }
        app.jobs.request(app, project).await;
    }
    app.inbox.remove(last).await?;
    for (_, arrival) in &arrivals {
        app.pending.remove(&arrival.project, arrival.reports.len() as u64);
    }
    app.taken.fetch_add(count as u64, Ordering::Relaxed);
    Ok(count)
}

fn received(arrival: &Arrival) -> Vec<(Inbound, chrono::DateTime<chrono::Utc>)> {
    arrival.reports.iter().map(|report| (report.clone(), arrival.received_at)).collect()
}

/// Whether waiting may help.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Full | ErrorKind::Conflict)
}

async fn set_aside(app: &App, seq: u64, reason: &str) -> Result<()> {
    metrics::counter!("soulcaster_set_aside_total").increment(1);
    tracing::error!(seq, reason, "a delivery cannot be taken in and is put aside");
    app.inbox.set_aside(seq, reason).await
}
