//! Keeps a project in one SQLite file: closes it, opens it again, and everything is there. Run it twice on one
//! file to see that the same reports sent again change nothing.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example sqlite            # a file that goes away again
//! cargo run -p soulcaster-examples --example sqlite bugs.db    # a file of your own
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use soulcaster_core::flow::ClusterQuery;
use soulcaster_core::model::Inbound;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::SqliteStore;
use soulcaster_sources::file::FileReader;

const BUGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/hadoop-bugs.jsonl");

fn open(path: &PathBuf) -> soulcaster_core::Result<Soulcaster> {
    Soulcaster::builder(Arc::new(SqliteStore::open(path)?)).build()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = std::env::args().nth(1).map_or_else(|| folder.path().join("bugs.db"), PathBuf::from);
    let project = ProjectId::new("hadoop")?;
    let now = SystemTime::now().into();

    let soulcaster = open(&path)?;
    let bugs: Vec<Inbound> = FileReader::open(BUGS)?.map(|row| row.result).collect::<Result<_, _>>()?;
    let ingested = soulcaster.ingest(&project, bugs, now).await?;
    let grouped = soulcaster.group(&project, now).await?;
    println!("{}", path.display());
    println!("{} new reports, {} known ones", ingested.accepted, ingested.duplicates);
    println!("{} reports got a place, {} kept theirs", grouped.diff.moves.len(), grouped.diff.unchanged);
    drop(soulcaster); // as if the process had ended

    let start = Instant::now();
    let page = open(&path)?.clusters(&project, &ClusterQuery { limit: 8, ..Default::default() }).await?;
    println!("\nopened again and read in {:.1?}: {} groups", start.elapsed(), page.total);
    for cluster in page.clusters {
        println!("{:>5}  {}  {}", cluster.size, cluster.id, cluster.title);
    }
    Ok(())
}
