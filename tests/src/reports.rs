//! Reports to test with, made of parts so that some are alike and others are not.

use chrono::{DateTime, Utc};
use soulcaster_core::ProjectId;
use soulcaster_core::model::Inbound;

/// A fixed time, `second` seconds on.
pub(crate) fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_760_000_000 + second, 0).expect("a time in range")
}

pub(crate) fn project() -> ProjectId {
    ProjectId::new("test").expect("a valid id")
}

const THINGS: [&str; 8] = [
    "card payment",
    "login page",
    "battery",
    "map view",
    "push message",
    "dark mode",
    "file upload",
    "search box",
];
const FAULTS: [&str; 4] =
    ["is declined without a reason", "stays blank", "drains far too fast", "crashes with an error"];
const WHEN: [&str; 6] =
    ["since the update", "on my phone", "every morning", "when offline", "in the beta", "after a restart"];

/// `n` reports about a few problems, each with an id of its own.
pub(crate) fn reports(n: usize) -> Vec<Inbound> {
    (0..n)
        .map(|i| {
            // Five reports in eight are about one of ten problems, the rest about anything.
            let (thing, fault) = if i % 8 < 5 { (i % 5, i / 8 % 2) } else { (i * 7 % 8, i * 5 % 4) };
            let title = format!("{} {} {}", THINGS[thing], FAULTS[fault], WHEN[i * 3 % 6]);
            Inbound::new(["mail", "github"][i % 2], title).external_id(format!("r{i}"))
        })
        .collect()
}
