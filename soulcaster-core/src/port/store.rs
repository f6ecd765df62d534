//! Durable records.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorKind, Result};
use crate::id::ProjectId;

/// Names a record inside a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind of record, such as `item`.
    pub collection: &'static str,
    /// Which one.
    pub id: String,
}

impl Key {
    /// The key of record `id` of type `R`.
    #[must_use]
    pub fn of<R: Record>(id: impl Into<String>) -> Self {
        Self { collection: R::COLLECTION, id: id.into() }
    }
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Anything or nothing.
    Any,
    /// No such record.
    Absent,
    /// The record exactly as it was read at this version.
    Version(u64),
}

/// The stored form of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// The record as JSON.
    pub json: String,
    /// Bytes kept beside it; `None` leaves what is there.
    pub blob: Option<Vec<u8>>,
    /// Exact-match fields: name and value.
    pub fields: Vec<(&'static str, String)>,
    /// What [`Order::Sort`] orders by.
    pub sort: i64,
    /// Text to be found by; `None` leaves what is there.
    pub text: Option<String>,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets the record.
    Put(Document),
    /// Removes it; removing nothing is no error.
    Delete,
}

/// One change of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which record.
    pub key: Key,
    /// On what condition.
    pub expect: Expect,
    /// What to do.
    pub change: Change,
}

impl Write {
    /// Sets `record` if what is there is as expected.
    ///
    /// # Errors
    /// `Unexpected` when the record has no JSON form.
    pub fn put<R: Record>(record: &R, expect: Expect) -> Result<Self> {
        let json = serde_json::to_string(record).map_err(|e| {
            Error::new(ErrorKind::Unexpected, "store.write", "record has no JSON form").with_source(e)
        })?;
        let document = Document {
            json,
            blob: record.blob(),
            fields: record.fields(),
            sort: record.sort(),
            text: record.text(),
        };
        Ok(Self { key: Key::of::<R>(record.key()), expect, change: Change::Put(document) })
    }
}

/// A record as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id inside the collection.
    pub id: String,
    /// Grows with every write of the whole store; names this state of the record.
    pub version: u64,
    /// The version of its first write: arrival order.
    pub created: u64,
    /// The record as JSON; empty for a deleted one, which only [`Query::changed_after`] shows.
    pub json: String,
    /// Bytes beside it, if it has some and they were asked for.
    pub blob: Option<Vec<u8>>,
}

impl Stored {
    /// Whether this is the trace of a deleted record.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.json.is_empty()
    }

    /// The record itself.
    ///
    /// # Errors
    /// `Unexpected` when the stored JSON is not an `R`.
    pub fn decode<R: Record>(self) -> Result<R> {
        let mut record: R = serde_json::from_str(&self.json).map_err(|e| {
            let message =
                format!("stored {} {} cannot be read; run `soulcaster doctor`", R::COLLECTION, self.id);
            Error::new(ErrorKind::Unexpected, "store.read", message).with_source(e)
        })?;
        if let Some(blob) = self.blob {
            record.attach(blob);
        }
        Ok(record)
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were first written.
    #[default]
    Arrival,
    /// Greatest [`Document::sort`] first; equal ones as they were first written.
    Sort,
    /// Best match of [`Query::text`] first.
    Relevance,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// The kind of record.
    pub collection: &'static str,
    /// All of these fields have these values.
    pub fields: Vec<(&'static str, String)>,
    /// Holds at least one of these words (any case, accents folded).
    pub text: Option<String>,
    /// Written after this version, deleted records included; the list is then in version order.
    pub changed_after: Option<u64>,
    /// The order otherwise.
    pub order: Order,
    /// Where the last page ended.
    pub after: Option<String>,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Whether blobs come along.
    pub blobs: bool,
}

impl Query {
    /// All records of type `R`, in arrival order.
    #[must_use]
    pub fn all<R: Record>() -> Self {
        Self { collection: R::COLLECTION, ..Self::default() }
    }

    /// Only those whose field `name` is `value`.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The records.
    pub records: Vec<Stored>,
    /// Give it as [`Query::after`] to go on; absent on the last page.
    pub next: Option<String>,
}

/// Keeps records, durably and all-or-nothing.
///
/// # Contract
/// - `commit` applies all writes or none. When it returns `Ok` they outlive a crash of the process and,
///   where the store says so, a power cut; when it returns an error nothing of it is seen, but for an
///   `Unavailable` whose message says that the outcome is unknown.
/// - A write whose expectation fails makes the whole commit `Conflict`. A key occurs once in a commit.
/// - Versions grow with every write of the store and are never reused; a record committed later has a
///   greater version than any record committed before. `created` is the version of the first write; a record
///   written again after its deletion is new.
/// - Reads see whole commits only. A list read in pages sees each record that did not change exactly once.
/// - Projects are walls: no call sees or changes a record of another.
/// - A deleted record leaves a trace that [`Query::changed_after`] shows.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads records, in the order of `keys`; `None` for one that is not there.
    async fn get(&self, project: &ProjectId, keys: &[Key], blobs: bool) -> Result<Vec<Option<Stored>>>;

    /// Lists records.
    async fn list(&self, project: &ProjectId, query: &Query) -> Result<Page>;

    /// Counts what [`Store::list`] would give without its `after` and `limit`. For all of a collection it takes as
    /// long for a million records as for one.
    async fn count(&self, project: &ProjectId, query: &Query) -> Result<usize>;

    /// Applies all `writes` or none, and gives the version of the last one.
    async fn commit(&self, project: &ProjectId, writes: Vec<Write>) -> Result<u64>;

    /// Projects that have records, in the order of their names.
    async fn projects(&self) -> Result<Vec<ProjectId>>;
}

/// A type of record: names its collection, key, indexed fields.
pub trait Record: Serialize + DeserializeOwned {
    /// The kind of record.
    const COLLECTION: &'static str;

    /// Its id inside the collection.
    fn key(&self) -> String;

    /// Exact-match fields.
    fn fields(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What [`Order::Sort`] orders by.
    fn sort(&self) -> i64 {
        0
    }

    /// Text to be found by.
    fn text(&self) -> Option<String> {
        None
    }

    /// Bytes to keep beside it.
    fn blob(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes back the bytes that were kept beside it.
    fn attach(&mut self, _blob: Vec<u8>) {}
}

impl dyn Store {
    /// Reads one record with its version; blobs come along.
    ///
    /// # Errors
    /// Those of [`Store::get`] and [`Stored::decode`].
    pub async fn read<R: Record>(&self, project: &ProjectId, id: &str) -> Result<Option<(R, u64)>> {
        let stored = self.get(project, &[Key::of::<R>(id)], true).await?.pop().flatten();
        stored
            .map(|s| {
                let version = s.version;
                Ok((s.decode()?, version))
            })
            .transpose()
    }

    /// Reads every record that `query` finds.
    ///
    /// # Errors
    /// Those of [`Store::list`] and [`Stored::decode`].
    pub async fn read_all<R: Record>(&self, project: &ProjectId, query: &Query) -> Result<Vec<R>> {
        let page = self.list(project, query).await?;
        page.records.into_iter().map(Stored::decode).collect()
    }
}
