//! Brings an embedder of its own: here one that counts hashed words. The conformance suite of the port says
//! whether it keeps the contract; after that it takes the place of the built-in one.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example custom_embedder
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use soulcaster_core::flow::ClusterQuery;
use soulcaster_core::memory::MemoryStore;
use soulcaster_core::model::Inbound;
use soulcaster_core::port::{Embedder, EmbedderId, Embedding};
use soulcaster_core::{ProjectId, Result, Soulcaster, testing};

const DIMENSIONS: usize = 256;

/// Counts words, each in a component that its hash picks.
struct HashedWords;

#[async_trait]
impl Embedder for HashedWords {
    fn id(&self) -> EmbedderId {
        EmbedderId(format!("hashed-words-{DIMENSIONS}/1"))
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Embedding>> {
        texts.iter().map(|text| embed(text)).collect()
    }
}

fn embed(text: &str) -> Result<Embedding> {
    let mut counts = vec![0f32; DIMENSIONS];
    counts[0] = 0.01; // so that a text without words has a direction too
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        counts[(hasher.finish() as usize) % DIMENSIONS] += 1.0;
    }
    Embedding::new(counts)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    testing::embedder(&HashedWords).await; // panics with the sentence of the contract that was broken
    println!("{} keeps the contract", HashedWords.id());

    let soulcaster =
        Soulcaster::builder(Arc::new(MemoryStore::new())).embedder(Arc::new(HashedWords)).build()?;
    let project = ProjectId::new("shop")?;
    let now = SystemTime::now().into();
    let texts = [
        "card was declined",
        "my card was declined today",
        "cannot log in",
        "I cannot log in again",
        "dark mode please",
    ];
    let reports = texts.into_iter().map(|text| Inbound::new("mail", text)).collect();
    soulcaster.ingest(&project, reports, now).await?;
    soulcaster.group(&project, now).await?;
    for cluster in
        soulcaster.clusters(&project, &ClusterQuery { singles: true, ..Default::default() }).await?.clusters
    {
        println!("{:>3}  {}", cluster.size, cluster.title);
    }
    Ok(())
}
