//! Machine-written lines are recognised as such and grouped by template; the parts that vary are masked.
//!
//! ```sh
//! cargo run -p soulcaster-examples --example logs
//! ```
#![allow(clippy::print_stdout)] // printing is what it is for

use std::error::Error;
use std::time::SystemTime;

use soulcaster_core::flow::{ClusterQuery, ItemQuery};
use soulcaster_core::model::Inbound;
use soulcaster_core::{ProjectId, Soulcaster};

const LINES: [&str; 12] = [
    "Connection to 10.0.3.17:5432 refused after 3 retries",
    "Disk /dev/sda1 is 91% full",
    "Connection to 10.0.3.18:5432 refused after 5 retries",
    "Worker 17 finished job 8812 in 35 ms",
    "Worker 4 finished job 8813 in 1203 ms",
    "Connection to 10.0.9.2:6379 refused after 3 retries",
    "Disk /dev/sdb2 is 97% full",
    "Worker 11 finished job 8815 in 71 ms",
    "Certificate of shop.example.com expires in 6 days",
    "Worker 17 finished job 8816 in 12 ms",
    "Disk /dev/sdc1 is 99% full",
    "Out of memory: killed process 4711 (java)",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("ops")?;
    let now = SystemTime::now().into();
    let lines = LINES.iter().map(|line| Inbound::new("syslog", *line)).collect();
    soulcaster.ingest(&project, lines, now).await?;
    let report = soulcaster.group(&project, now).await?;
    if let Some(calibration) = report.calibration {
        println!(
            "taken for {:?}: {:.0} % of the lines repeat a template\n",
            calibration.regime,
            100.0 * calibration.templated
        );
    }
    let query = ClusterQuery { singles: true, ..Default::default() };
    for cluster in soulcaster.clusters(&project, &query).await?.clusters {
        let query = ItemQuery { cluster: Some(cluster.id), ..Default::default() };
        let items = soulcaster.items(&project, &query).await?.items;
        let why = soulcaster.explain(&project, &items[0].item.id).await?;
        let template = why.decision.and_then(|decision| decision.evidence.template);
        println!("{:>3}  {}", cluster.size, template.unwrap_or(cluster.title));
    }
    Ok(())
}
