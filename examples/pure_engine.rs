//! The engine alone: texts and vectors in, a grouping out; no store, no project, no async. Compares the
//! self-calibrating method with average linkage at a few thresholds.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example pure_engine
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;

use ndarray::Array2;
use soulcaster_core::embedder::BuiltinEmbedder;
use soulcaster_core::engine::{Algorithm, GroupConfig, Grouping, Rules, group};
use soulcaster_sources::file::FileReader;

const QUESTIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/banking-questions.jsonl");

fn main() -> Result<(), Box<dyn Error>> {
    let rows = FileReader::open(QUESTIONS)?.map(|row| row.result.map(|question| question.title));
    let texts: Vec<String> = rows.collect::<Result<_, _>>()?;

    let embedder = BuiltinEmbedder::new();
    let flat = embedder.embed_batch(&texts).iter().flat_map(|vector| vector.as_slice().to_vec()).collect();
    let vectors = Array2::from_shape_vec((texts.len(), embedder.dimensions()), flat)?;

    let run = |config: &GroupConfig| group(&texts, vectors.view(), config, &Rules::default());
    let auto = run(&GroupConfig::default())?;
    println!("method        groups of 2 or more   in them   largest");
    show("auto", &auto);
    for threshold in [0.5, 0.6, 0.72] {
        let config = GroupConfig { algorithm: Algorithm::Average, threshold, ..GroupConfig::default() };
        show(&format!("average {threshold}"), &run(&config)?);
    }

    let found = &auto.calibration;
    println!(
        "\nauto took the texts for {:?}: neighbourhoods of {} overlap by {:.2}",
        found.regime, found.neighbourhood, found.overlap
    );
    let mut members = auto.members();
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    for row in members[0].iter().take(5) {
        println!("  {}", texts[*row]);
    }
    Ok(())
}

fn show(name: &str, grouping: &Grouping) {
    let sizes: Vec<usize> = grouping.members().iter().map(Vec::len).filter(|size| *size > 1).collect();
    let (items, largest) = (sizes.iter().sum::<usize>(), sizes.iter().max().unwrap_or(&0));
    println!("{name:<12}  {:>19}   {items:>7}   {largest:>7}", sizes.len());
}
