//! `summarize`, `spend`: what a model writes about a group, and what model calls take.

use serde::Serialize;
use soulcaster_core::Result;
use soulcaster_core::model::{Ceilings, Period};
use soulcaster_core::port::Spend;

use super::fix::{changed, paragraphs};
use crate::args;
use crate::hands::Equipment;
use crate::session::{Outcome, Session};
use crate::text::{Table, number, plain};

pub(super) async fn summarize(session: &Session, args: &args::Summarize) -> Result<Outcome> {
    let soulcaster = session.open()?;
    let id = soulcaster.find_cluster(&session.project, &args.cluster).await?;
    let equipment = Equipment::of(&args.hands)?;
    let progress = session.progress("writing the summary");
    let cluster = equipment.summarize(&soulcaster, &session.project, &id, args.title, session.now).await?;
    drop(progress);
    session.answer(&cluster, |cluster| {
        format!(
            "{}\n\n{}\n",
            plain(&cluster.title),
            paragraphs(cluster.summary.as_deref().unwrap_or_default())
        )
    })?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct Spent {
    day: Spend,
    month: Spend,
    ceilings: Ceilings,
}

pub(super) async fn spend(session: &Session, args: &args::ModelSpend) -> Result<Outcome> {
    let project = &session.project;
    let soulcaster = if args.changes.is_empty() { session.look()? } else { session.open_or_make()? };
    let mut ceilings = soulcaster.ceilings(project).await?;
    if !args.changes.is_empty() {
        ceilings = changed(&ceilings, &args.changes)?;
        soulcaster.change_ceilings(project, &ceilings).await?;
    }
    let spent = Spent {
        day: soulcaster.spend(project, Period::Day, session.now).await?,
        month: soulcaster.spend(project, Period::Month, session.now).await?,
        ceilings,
    };
    session.answer(&spent, spend_text)?;
    Ok(Outcome::Done)
}

fn spend_text(spent: &Spent) -> String {
    let mut table = Table::new(&["", "CALLS", "TOKENS", "AT MOST", "USD", "AT MOST"]);
    let most = |limit: Option<u64>, form: fn(u64) -> String| limit.map_or_else(|| "-".to_owned(), form);
    let Spent { day, month, ceilings } = spent;
    for (name, spend, tokens, micro_usd) in [
        ("today", day, ceilings.tokens_per_day, ceilings.micro_usd_per_day),
        ("this month", month, None, ceilings.micro_usd_per_month),
    ] {
        table.row([
            name.to_owned(),
            number(spend.calls),
            number(spend.tokens()),
            most(tokens, number),
            dollars(spend.micro_usd),
            most(micro_usd, dollars),
        ]);
    }
    table.render()
}

fn dollars(micro_usd: u64) -> String {
    format!("{}.{:04}", micro_usd / 1_000_000, micro_usd % 1_000_000 / 100)
}
