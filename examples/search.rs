//! Finds earlier reports about the same thing, by meaning and by words at once.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example search "somebody stole my phone"
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::time::SystemTime;

use soulcaster_core::{ProjectId, Soulcaster};
use soulcaster_sources::file::FileReader;

const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/banking-questions.jsonl");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("bank")?;
    let now = SystemTime::now().into();
    let questions = FileReader::open(QUESTIONS)?.map(|row| row.result).collect::<Result<_, _>>()?;
    soulcaster.ingest(&project, questions, now).await?;
    soulcaster.group(&project, now).await?;

    let text = std::env::args().nth(1).unwrap_or_else(|| "somebody stole my phone".to_owned());
    println!("{text}\n");
    println!("meaning  words  report");
    for found in soulcaster.search(&project, &text, 8).await? {
        let dense = found.dense.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
        let words = if found.lexical { "yes" } else { "-" };
        println!("{dense:>7}  {words:>5}  {}", found.item.item.title);
    }
    Ok(())
}
