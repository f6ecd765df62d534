//! Turns 3,080 questions of a bank's customers into a short list of named groups: no network, no model server,
//! no threshold to choose.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example quickstart
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::time::SystemTime;

use soulcaster_core::flow::ClusterQuery;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::file::FileReader;

const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/banking-questions.jsonl");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("bank")?;
    let now = SystemTime::now().into();

    let questions = FileReader::open(QUESTIONS)?.map(|row| row.result).collect::<Result<_, _>>()?;
    let ingested = soulcaster.ingest(&project, questions, now).await?;
    soulcaster.group(&project, now).await?;

    let page = soulcaster.clusters(&project, &ClusterQuery { limit: 12, ..Default::default() }).await?;
    println!("{} questions, {} groups. The largest:\n", ingested.accepted, page.total);
    for cluster in page.clusters {
        println!("{:>5}  {}", cluster.size, cluster.title);
        println!("       {}", cluster.keywords.join(", "));
    }
    Ok(())
}
