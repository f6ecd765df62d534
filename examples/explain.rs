//! Why is this report here? Every decision is kept with its evidence: scores by signal, the nearest reports, the
//! runner-up and the cut.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example explain
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::time::SystemTime;

use soulcaster_core::flow::ItemQuery;
use soulcaster_core::model::{Inbound, Verdict};
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::file::FileReader;

const BUGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/hadoop-bugs.jsonl");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("hadoop")?;
    let now = SystemTime::now().into();
    let bugs: Vec<Inbound> = FileReader::open(BUGS)?.map(|row| row.result).collect::<Result<_, _>>()?;
    soulcaster.ingest(&project, bugs, now).await?;
    soulcaster.group(&project, now).await?;

    // The first report that joined others, and the first that nobody is sure about.
    let items = soulcaster.items(&project, &ItemQuery::default()).await?.items;
    let joined = items.iter().find(|item| matches!(item.verdict, Some(Verdict::Joined { .. })));
    let unsure = items.iter().find(|item| matches!(item.verdict, Some(Verdict::Unsure { .. })));
    for placed in joined.into_iter().chain(unsure) {
        let why = soulcaster.explain(&project, &placed.item.id).await?;
        let Some(decision) = why.decision else { continue };
        println!("{}", why.item.title);
        println!("  {}", decision.evidence.sentence(&decision.verdict));
        if let Some(cluster) = why.cluster {
            println!("  the group: {} ({})", cluster.title, cluster.keywords.join(", "));
        }
        println!("  meaning  words  nearest reports");
        for (near, item) in decision.evidence.nearest.iter().zip(why.nearest) {
            println!("  {:>7.2}  {:>5.2}  {}", near.scores.dense, near.scores.lexical, item.title);
        }
        println!("  by {} with {}\n", decision.evidence.algorithm, decision.evidence.embedder);
    }
    Ok(())
}
