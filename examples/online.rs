//! Reports that arrive one by one: each is kept at once and put in its place among the older ones, which stay
//! where they are.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example online
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::time::SystemTime;

use soulcaster_core::model::Inbound;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::file::FileReader;

const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/banking-questions.jsonl");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("bank")?;
    let now = SystemTime::now().into();
    let mut questions = FileReader::open(QUESTIONS)?.map(|row| row.result);

    let history: Vec<Inbound> = questions.by_ref().take(1_000).collect::<Result<_, _>>()?;
    soulcaster.ingest(&project, history, now).await?;
    soulcaster.group(&project, now).await?;
    println!("1000 questions are grouped; here come the next ones:\n");

    for question in questions.take(12) {
        let question = question?;
        println!("{}", question.title);
        soulcaster.ingest(&project, vec![question], now).await?;
        for change in soulcaster.group(&project, now).await?.diff.moves {
            let why = soulcaster.explain(&project, &change.item).await?;
            let (Some(cluster), Some(nearest)) = (why.cluster, why.nearest.first()) else { continue };
            println!(
                "  -> {} {} of {}, near {:?}",
                change.to.name(),
                cluster.id,
                cluster.size,
                nearest.title
            );
        }
    }
    Ok(())
}
