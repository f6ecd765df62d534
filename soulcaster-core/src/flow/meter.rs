//! What model calls may cost, and what they did cost.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::plan::is_huge;
use crate::id::{self, ProjectId};
use crate::model::usage::{Ceilings, Period, UsageEvent};
use crate::port::agent::Spend;
use crate::port::language::{Completion, LanguageModel, OnText, Prompt};
use crate::port::store::{Expect, Query, Store, Write};
use crate::soulcaster::Soulcaster;

#[cfg(test)]
mod tests;

const OPERATION: &str = "meter.reserve";
/// How many events are read at a time.
const PAGE: usize = 1000;
/// How many periods of a project are kept in memory; older ones are of no use any more.
const PERIODS: usize = 64;

/// The time.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Millionths of a US dollar for tokens of a question and of an answer by the model that is named.
pub type Prices = Arc<dyn Fn(&str, u64, u64) -> u64 + Send + Sync>;

/// Knows what model calls took, lets calls in while there is room, and keeps what they take.
///
/// One ledger serves all projects of a process. What other processes keep in the same store counts as soon as it is
/// there; what they have under way does not.
///
/// A call is let in when everything kept, all calls under way at their highest cost and this one at its highest cost fit
/// under the ceiling; alone it is let in while the ceiling is not reached. So what is spent passes a ceiling by at most
/// one call.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn Store>,
    prices: Prices,
    clock: Clock,
    seed: Arc<[u8]>,
    sequence: Arc<AtomicU64>,
    books: Arc<Mutex<HashMap<ProjectId, Book>>>,
}

/// What is known of a project.
#[derive(Default)]
struct Book {
    /// The store's version up to which events are counted.
    version: u64,
    /// What each period took, by [`Period::key`].
    kept: HashMap<String, Spend>,
    /// The highest cost of what is under way.
    reserved: Spend,
    /// What was spent and is not counted in `kept` yet, by the event's id.
    unkept: HashMap<String, (DateTime<Utc>, Spend)>,
}

impl Book {
    fn used(&self, period: Period, now: DateTime<Utc>) -> Spend {
        let key = period.key(now);
        let mut used = self.kept.get(&key).copied().unwrap_or_default();
        let unkept = self.unkept.values().filter(|(at, _)| period.key(*at) == key);
        unkept.for_each(|(_, spend)| used.add(*spend));
        used
    }
}

/// Room for one call. Dropped, it is given back; settled, it becomes what the call took.
#[must_use]
pub struct Reservation {
    ledger: Ledger,
    project: ProjectId,
    highest: Spend,
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("project", &self.project).field("highest", &self.highest).finish()
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// A ledger over `store`. `seed` differs from process to process: ids of events follow from it and a number.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, prices: Prices, clock: Clock, seed: &[u8]) -> Self {
        Self { store, prices, clock, seed: seed.into(), sequence: Arc::default(), books: Arc::default() }
    }

    /// The highest cost of a call: `input_tokens` in, `output_tokens` out, by `model`.
    #[must_use]
    pub fn cost(&self, model: &str, input_tokens: u64, output_tokens: u64) -> Spend {
        let micro_usd = (self.prices)(model, input_tokens, output_tokens);
        Spend { calls: 1, input_tokens, output_tokens, micro_usd }
    }

    /// Makes room for a call that takes `highest` at most, under the ceilings that the project has now.
    ///
    /// # Errors
    /// `QuotaExceeded` when a ceiling is reached: it names the ceiling and when it lifts. `RateLimited` when only calls
    /// that are under way are in the way. Those of the store.
    pub async fn reserve(&self, project: &ProjectId, highest: Spend) -> Result<Reservation> {
        let ceilings = ceilings(&self.store, project).await?;
        if ceilings != Ceilings::default() {
            self.catch_up(project).await?;
        }
        let now = (self.clock)();
        let mut books = self.books();
        let book = books.entry(project.clone()).or_default();
        let alone = book.reserved.calls == 0;
        let money: fn(Spend) -> u64 = |spend| spend.micro_usd;
        let tokens: fn(Spend) -> u64 = |spend| spend.tokens();
        for (name, period, ceiling, amount) in [
            ("micro_usd_per_day", Period::Day, ceilings.micro_usd_per_day, money),
            ("micro_usd_per_month", Period::Month, ceilings.micro_usd_per_month, money),
            ("tokens_per_day", Period::Day, ceilings.tokens_per_day, tokens),
        ] {
            let Some(ceiling) = ceiling else { continue };
            let used = amount(book.used(period, now));
            if used >= ceiling {
                let end = period.end(now);
                let message = format!(
                    "{project} has used {used} of {ceiling} ({name}); it goes on at {}, or raise the ceiling",
                    end.format("%Y-%m-%dT%H:%M:%SZ")
                );
                let wait = (end - now).to_std().unwrap_or_default();
                return Err(Error::new(ErrorKind::QuotaExceeded, OPERATION, message).with_retry_after(wait));
            }
            let under_way = used.saturating_add(amount(book.reserved));
            if !alone && under_way.saturating_add(amount(highest)) > ceiling {
                let message = format!("{project} is near its ceiling ({name}) and other calls are under way");
                return Err(Error::new(ErrorKind::RateLimited, OPERATION, message));
            }
        }
        book.reserved.add(highest);
        drop(books);
        Ok(Reservation { ledger: self.clone(), project: project.clone(), highest })
    }

    fn books(&self) -> MutexGuard<'_, HashMap<ProjectId, Book>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the events that the store has and this ledger has not counted.
    async fn catch_up(&self, project: &ProjectId) -> Result<()> {
        loop {
            let known = self.books().get(project).map_or(0, |book| book.version);
            let query = Query { changed_after: Some(known), limit: PAGE, ..Query::all::<UsageEvent>() };
            let page = self.store.list(project, &query).await?;
            let Some(version) = page.records.iter().map(|record| record.version).max() else { return Ok(()) };
            let more = page.next.is_some();
            let mut events: Vec<UsageEvent> = Vec::with_capacity(page.records.len());
            for record in page.records.into_iter().filter(|record| !record.is_deleted()) {
                events.push(record.decode()?);
            }
            let mut books = self.books();
            let book = books.entry(project.clone()).or_default();
            // Another call may have counted them meanwhile.
            if book.version == known {
                book.version = version;
                for event in events {
                    book.unkept.remove(&event.id);
                    for key in [Period::Day.key(event.at), Period::Month.key(event.at)] {
                        book.kept.entry(key).or_default().add(event.spend);
                    }
                }
                while book.kept.len() > PERIODS
                    && let Some(oldest) = book.kept.keys().min().cloned()
                {
                    book.kept.remove(&oldest);
                }
                if !more {
                    return Ok(());
                }
            }
        }
    }
}

impl Reservation {
    /// Keeps what the call took, and gives the rest of the room back.
    ///
    /// # Errors
    /// Those of the store. What was spent counts all the same, as long as this process lives.
    pub async fn settle(
        self,
        task: &str,
        model: &str,
        job: Option<&str>,
        spend: Spend,
    ) -> Result<UsageEvent> {
        let ledger = &self.ledger;
        let number = ledger.sequence.fetch_add(1, Ordering::Relaxed);
        let parts: [&[u8]; 4] =
            [b"usage", self.project.as_str().as_bytes(), &ledger.seed, &number.to_le_bytes()];
        let event = UsageEvent {
            id: id::digest(&parts, 20),
            project_id: self.project.clone(),
            task: task.to_owned(),
            model: model.to_owned(),
            job: job.map(str::to_owned),
            spend,
            at: (ledger.clock)(),
        };
        // It counts here until it has been read from the store, whatever becomes of the commit.
        let unkept = (event.at, spend);
        ledger.books().entry(self.project.clone()).or_default().unkept.insert(event.id.clone(), unkept);
        ledger.store.commit(&self.project, vec![Write::put(&event, Expect::Absent)?]).await?;
        // What cannot be read from the store now counts from memory until it can.
        let _ = ledger.catch_up(&self.project).await;
        Ok(event)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(book) = self.ledger.books().get_mut(&self.project) {
            book.reserved.take(self.highest);
        }
    }
}

impl Spend {
    fn take(&mut self, other: Self) {
        self.calls = self.calls.saturating_sub(other.calls);
        self.input_tokens = self.input_tokens.saturating_sub(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_sub(other.output_tokens);
        self.micro_usd = self.micro_usd.saturating_sub(other.micro_usd);
    }
}

/// A language model whose calls are counted for one project and refused past its ceilings.
///
/// A call that fails counts as nothing, but for one that was answered by what cannot be used (`TooLarge`, `Unexpected`) or
/// by a refusal (`Invalid`): it was paid for, and counts with its highest cost.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use chrono::DateTime;
/// use soulcaster_core::flow::{Ledger, Metered};
/// use soulcaster_core::model::Ceilings;
/// use soulcaster_core::port::{LanguageModel, Prompt};
/// use soulcaster_core::{ErrorKind, ProjectId, Soulcaster, testing::ScriptedModel};
///
/// let soulcaster = Soulcaster::in_memory();
/// let project = ProjectId::new("shop")?;
/// let ceilings = Ceilings { tokens_per_day: Some(1), ..Ceilings::default() };
/// soulcaster.change_ceilings(&project, &ceilings).await?;
/// let store = Arc::clone(soulcaster.store());
/// let ledger = Ledger::new(store, Arc::new(|_, i, o| i + 5 * o), Arc::new(|| DateTime::UNIX_EPOCH), b"seed");
/// let model = Arc::new(ScriptedModel::new().always("title", "A title"));
/// let metered = Metered::new(model, ledger, project);
/// let prompt = Prompt { task: "title", user: "…".into(), ..Prompt::default() };
/// metered.complete(&prompt).await?;
/// assert_eq!(metered.complete(&prompt).await.unwrap_err().kind(), ErrorKind::QuotaExceeded);
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Metered {
    model: Arc<dyn LanguageModel>,
    ledger: Ledger,
    project: ProjectId,
    job: Option<String>,
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered")
            .field("project", &self.project)
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

impl Metered {
    /// Counts the calls of `model` for `project`.
    #[must_use]
    pub fn new(model: Arc<dyn LanguageModel>, ledger: Ledger, project: ProjectId) -> Self {
        Self { model, ledger, project, job: None }
    }

    /// Names the job that the calls are for.
    #[must_use]
    pub fn job(mut self, job: impl Into<String>) -> Self {
        self.job = Some(job.into());
        self
    }

    async fn reserve(&self, prompt: &Prompt) -> Result<Reservation> {
        let name = self.model.name(prompt.task);
        let highest = self.ledger.cost(&name, prompt.question_tokens(), prompt.answer_tokens().into());
        self.ledger.reserve(&self.project, highest).await
    }

    async fn settle(
        &self,
        room: Reservation,
        prompt: &Prompt,
        answer: Result<Completion>,
    ) -> Result<Completion> {
        let job = self.job.as_deref();
        match answer {
            Ok(done) => {
                let spend = self.ledger.cost(&done.model, done.input_tokens, done.output_tokens);
                room.settle(prompt.task, &done.model, job, spend).await?;
                Ok(done)
            }
            Err(error) => {
                if matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Unexpected | ErrorKind::Invalid) {
                    let highest = room.highest;
                    room.settle(prompt.task, &self.model.name(prompt.task), job, highest).await?;
                }
                Err(error)
            }
        }
    }
}

#[async_trait]
impl LanguageModel for Metered {
    fn name(&self, task: &str) -> String {
        self.model.name(task)
    }

    async fn complete(&self, prompt: &Prompt) -> Result<Completion> {
        let room = self.reserve(prompt).await?;
        let answer = self.model.complete(prompt).await;
        self.settle(room, prompt, answer).await
    }

    async fn stream(&self, prompt: &Prompt, on_text: &mut OnText<'_>) -> Result<Completion> {
        let room = self.reserve(prompt).await?;
        let answer = self.model.stream(prompt, on_text).await;
        self.settle(room, prompt, answer).await
    }
}

async fn ceilings(store: &Arc<dyn Store>, project: &ProjectId) -> Result<Ceilings> {
    Ok(store.read::<Ceilings>(project, "settings").await?.map_or_else(Ceilings::default, |(kept, _)| kept))
}

impl Soulcaster {
    /// The most that model calls for `project` may take.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ceilings(&self, project: &ProjectId) -> Result<Ceilings> {
        ceilings(&self.store, project).await
    }

    /// Changes the most that model calls for `project` may take; it holds from the next call on.
    ///
    /// # Errors
    /// `Invalid` for a number above 2^63 - 1, and those of the store.
    pub async fn change_ceilings(&self, project: &ProjectId, ceilings: &Ceilings) -> Result<()> {
        let Ceilings { micro_usd_per_day, micro_usd_per_month, tokens_per_day } = *ceilings;
        if [micro_usd_per_day, micro_usd_per_month, tokens_per_day].into_iter().flatten().any(is_huge) {
            let message = format!("a ceiling is at most {}; without one it is null", i64::MAX);
            return Err(Error::invalid("model.ceilings", message));
        }
        self.store.commit(project, vec![Write::put(ceilings, Expect::Any)?]).await.map(|_| ())
    }

    /// What model calls for `project` took in the day or month that `at` lies in.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn spend(&self, project: &ProjectId, period: Period, at: DateTime<Utc>) -> Result<Spend> {
        let field = match period {
            Period::Day => "day",
            Period::Month => "month",
        };
        let mut query = Query { limit: PAGE, ..Query::all::<UsageEvent>().with(field, period.key(at)) };
        let mut spend = Spend::default();
        loop {
            let page = self.store.list(project, &query).await?;
            for record in page.records {
                spend.add(record.decode::<UsageEvent>()?.spend);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(spend),
            }
        }
    }
}
