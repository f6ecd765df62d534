//! People have the last word: a merge, a move and a confirmation hold when everything is grouped anew, and each
//! can be undone.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example corrections
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::time::SystemTime;

use soulcaster_core::flow::ClusterQuery;
use soulcaster_core::model::Inbound;
use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::file::FileReader;

const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/banking-questions.jsonl");

async fn show(soulcaster: &Soulcaster, project: &ProjectId, when: &str) -> soulcaster_core::Result<()> {
    let page = soulcaster.clusters(project, &ClusterQuery { limit: 4, ..Default::default() }).await?;
    println!("\n{when}: {} groups, the largest are", page.total);
    for cluster in page.clusters {
        println!("{:>5}  {}  {}", cluster.size, cluster.id, cluster.title);
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("bank")?;
    let now = SystemTime::now().into();
    let rows = FileReader::open(QUESTIONS)?.take(800);
    let questions: Vec<Inbound> = rows.map(|row| row.result).collect::<Result<_, _>>()?;
    soulcaster.ingest(&project, questions, now).await?;
    soulcaster.group(&project, now).await?;
    show(&soulcaster, &project, "grouped").await?;

    let clusters = soulcaster.clusters(&project, &ClusterQuery::default()).await?.clusters;
    let [first, second, third] = [0, 1, 2].map(|i| clusters[i].id.clone());
    let item = soulcaster.cluster(&project, &third).await?.items[0].item.id.clone();
    println!();
    for event in [
        soulcaster.merge(&project, &first, &[second], now).await?,
        soulcaster.move_item(&project, &item, &first, now).await?,
        soulcaster.confirm_cluster(&project, &third, now).await?,
    ] {
        println!("{}  {}", event.id, event.summary);
    }
    show(&soulcaster, &project, "corrected").await?;

    let report = soulcaster.recluster(&project, true, now).await?;
    show(&soulcaster, &project, &format!("grouped anew, {} moves", report.diff.moves.len())).await?;
    let why = soulcaster.explain(&project, &item).await?;
    println!(
        "\n{:?} is in {}",
        why.item.title,
        why.cluster.map_or_else(String::new, |cluster| cluster.id.to_string())
    );
    println!("{} constraints bind every later run", soulcaster.constraints(&project).await?.len());

    println!();
    while let Ok(event) = soulcaster.undo(&project, now).await {
        println!("{}  {}", event.id, event.summary);
    }
    show(&soulcaster, &project, "all undone").await?;
    Ok(())
}
