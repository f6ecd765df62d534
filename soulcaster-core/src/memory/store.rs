//! Records in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;

use crate::error::Result;
use crate::id::ProjectId;
use crate::memory::cursor::Cursor;
use crate::memory::rules;
use crate::memory::text::{self, Match, Relevance};
use crate::port::store::{Change, Document, Key, Order, Page, Query, Store, Stored, Write};

/// A [`Store`] in memory: gone with the process.
///
/// For tests, and for programs that read everything anew each time. Keeps every contract of the port but
/// durability.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use soulcaster_core::{ProjectId, memory::MemoryStore, model::Head, port::{Expect, Store, Write}};
/// let project = ProjectId::new("default")?;
/// let store: &dyn Store = &MemoryStore::new();
/// let version = store.commit(&project, vec![Write::put(&Head::empty(&project), Expect::Absent)?]).await?;
/// let (head, read_at) = store.read::<Head>(&project, "head").await?.expect("just written");
/// assert_eq!((head.events, read_at), (0, version));
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    collections: BTreeMap<ProjectId, BTreeMap<&'static str, Collection>>,
}

impl State {
    fn collection(&self, project: &ProjectId, name: &str) -> Option<&Collection> {
        self.collections.get(project)?.get(name)
    }
}

/// One collection of one project. Records are known by what they were created at.
#[derive(Debug, Default)]
struct Collection {
    records: BTreeMap<u64, Kept>,
    ids: HashMap<String, u64>,
    versions: BTreeMap<u64, u64>,
    fields: HashMap<(&'static str, String), BTreeSet<u64>>,
    words: HashMap<String, BTreeMap<u64, u32>>,
    /// How many records have a text, and how many words those have together.
    texts: (u64, u64),
    /// What was deleted, by the version of the deletion; and that version by id.
    traces: BTreeMap<u64, Stored>,
    traced: HashMap<String, u64>,
}

#[derive(Debug)]
struct Kept {
    stored: Stored,
    fields: Vec<(&'static str, String)>,
    sort: i64,
    /// Folded.
    text: Option<String>,
}

impl Collection {
    fn find(&self, id: &str) -> Option<&Kept> {
        self.records.get(self.ids.get(id)?)
    }

    fn put(&mut self, id: String, version: u64, document: Document) {
        let old = self.take(&id);
        if let Some(trace) = self.traced.remove(&id) {
            self.traces.remove(&trace);
        }
        let (created, old_blob, old_text) = match old {
            Some(old) => (old.stored.created, old.stored.blob, old.text),
            None => (version, None, None),
        };
        let text = document.text.map(|text| text::fold(&text)).or(old_text);
        for field in &document.fields {
            self.fields.entry(field.clone()).or_default().insert(created);
        }
        if let Some(text) = &text {
            self.texts.0 += 1;
            for word in text.split_terminator(' ') {
                self.texts.1 += 1;
                *self.words.entry(word.to_owned()).or_default().entry(created).or_default() += 1;
            }
        }
        self.versions.insert(version, created);
        self.ids.insert(id.clone(), created);
        let stored = Stored { id, version, created, json: document.json, blob: document.blob.or(old_blob) };
        self.records.insert(created, Kept { stored, fields: document.fields, sort: document.sort, text });
    }

    fn delete(&mut self, id: &str, version: u64) {
        if let Some(old) = self.take(id) {
            let trace = Stored { version, json: String::new(), blob: None, ..old.stored };
            self.traced.insert(trace.id.clone(), version);
            self.traces.insert(version, trace);
        }
    }

    /// Takes a record out, with everything that points to it.
    fn take(&mut self, id: &str) -> Option<Kept> {
        let created = self.ids.remove(id)?;
        let old = self.records.remove(&created)?;
        self.versions.remove(&old.stored.version);
        for field in &old.fields {
            if let Some(set) = self.fields.get_mut(field) {
                set.remove(&created);
                if set.is_empty() {
                    self.fields.remove(field);
                }
            }
        }
        if let Some(text) = &old.text {
            self.texts.0 -= 1;
            for word in text.split_terminator(' ') {
                self.texts.1 -= 1;
                if let Some(postings) = self.words.get_mut(word) {
                    postings.remove(&created);
                    if postings.is_empty() {
                        self.words.remove(word);
                    }
                }
            }
        }
        Some(old)
    }

    /// Records with all `fields` and a word of `text`, as they arrived.
    fn matching(&self, query: &Query, after: u64) -> Box<dyn Iterator<Item = &Kept> + '_> {
        let none = || Box::new(std::iter::empty());
        let Some(mut sets) = query.fields.iter().map(|f| self.fields.get(f)).collect::<Option<Vec<_>>>()
        else {
            return none();
        };
        sets.sort_by_key(|set| set.len());
        let words: Option<Vec<_>> = query
            .text
            .as_deref()
            .map(|text| text::query_words(text).iter().filter_map(|word| self.words.get(word)).collect());
        let from = after.saturating_add(1);
        let first: Box<dyn Iterator<Item = u64>> = match sets.first() {
            Some(smallest) => Box::new(smallest.range(from..).copied()),
            None => Box::new(self.records.range(from..).map(|(created, _)| *created)),
        };
        let wanted = move |created: &u64| {
            sets.iter().skip(1).all(|set| set.contains(created))
                && words.as_ref().is_none_or(|words| words.iter().any(|word| word.contains_key(created)))
        };
        Box::new(first.filter(wanted).filter_map(|created| self.records.get(&created)))
    }

    /// Everything that `query` finds after the cursor, in its order, and where each stands.
    fn list<'a>(
        &'a self,
        query: &'a Query,
        after: Option<Cursor>,
    ) -> Box<dyn Iterator<Item = (Cursor, &'a Stored)> + 'a> {
        if let Some(changed_after) = query.changed_after {
            let after = if let Some(Cursor::Version(version)) = after { version } else { 0 };
            return self.changed(query, changed_after.max(after));
        }
        if query.order == Order::Sort {
            let mut found: Vec<&Kept> = self.matching(query, 0).collect();
            found.sort_by_key(|kept| (Reverse(kept.sort), kept.stored.created));
            let found =
                found.into_iter().map(|kept| (Cursor::Sort(kept.sort, kept.stored.created), &kept.stored));
            let past = move |cursor: &Cursor| match (&after, cursor) {
                (Some(Cursor::Sort(sort, created)), Cursor::Sort(s, c)) => {
                    (Reverse(s), c) > (Reverse(sort), created)
                }
                _ => true,
            };
            return Box::new(found.filter(move |(cursor, _)| past(cursor)));
        }
        let after = if let Some(Cursor::Arrival(created)) = after { created } else { 0 };
        Box::new(self.matching(query, after).map(|kept| (Cursor::Arrival(kept.stored.created), &kept.stored)))
    }

    /// Records and traces written after `version`, in version order.
    fn changed<'a>(
        &'a self,
        query: &Query,
        version: u64,
    ) -> Box<dyn Iterator<Item = (Cursor, &'a Stored)> + 'a> {
        let from = version.saturating_add(1);
        let plain = query.fields.is_empty() && query.text.is_none();
        let wanted: Option<HashSet<u64>> =
            (!plain).then(|| self.matching(query, 0).map(|kept| kept.stored.created).collect());
        let live = self.versions.range(from..).map(|(_, created)| *created);
        let live = live.filter(|created| wanted.as_ref().is_none_or(|wanted| wanted.contains(created)));
        let live = live.filter_map(|created| self.records.get(&created)).map(|kept| &kept.stored);
        let traces = plain.then(|| self.traces.range(from..).map(|(_, trace)| trace));
        let mut found: Vec<&Stored> = live.chain(traces.into_iter().flatten()).collect();
        found.sort_by_key(|stored| stored.version);
        Box::new(found.into_iter().map(|stored| (Cursor::Version(stored.version), stored)))
    }

    /// A page by relevance.
    fn relevant(
        &self,
        query: &Query,
        words: &[String],
        after: Option<Cursor>,
    ) -> (Vec<&Stored>, Option<Cursor>) {
        let postings: Vec<_> = words.iter().map(|word| self.words.get(word)).collect();
        let matches: Vec<Match> = self
            .matching(query, 0)
            .map(|kept| Match {
                created: kept.stored.created,
                length: kept.text.as_deref().map_or(0, text::count),
                counts: postings
                    .iter()
                    .map(|found| {
                        found.and_then(|found| found.get(&kept.stored.created)).copied().unwrap_or(0)
                    })
                    .collect(),
            })
            .collect();
        let (relevance, after) = match after {
            Some(Cursor::Relevance(relevance, score, created)) => (relevance, Some((score, created))),
            _ => {
                let found =
                    postings.iter().map(|found| found.map_or(0, |found| found.len() as u64)).collect();
                (Relevance { documents: self.texts.0, length: self.texts.1, found }, None)
            }
        };
        let (page, next) = relevance.page(&matches, after, query.limit);
        (page.iter().filter_map(|created| self.records.get(created)).map(|kept| &kept.stored).collect(), next)
    }
}

/// A copy, with its blob if that was asked for.
fn copy(stored: &Stored, blobs: bool) -> Stored {
    Stored {
        id: stored.id.clone(),
        version: stored.version,
        created: stored.created,
        json: stored.json.clone(),
        blob: if blobs { stored.blob.clone() } else { None },
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, project: &ProjectId, keys: &[Key], blobs: bool) -> Result<Vec<Option<Stored>>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let find = |key: &Key| state.collection(project, key.collection)?.find(&key.id);
        Ok(keys.iter().map(|key| find(key).map(|kept| copy(&kept.stored, blobs))).collect())
    }

    async fn list(&self, project: &ProjectId, query: &Query) -> Result<Page> {
        let after = Cursor::of(query)?;
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let Some(collection) = state.collection(project, query.collection) else {
            return Ok(Page::default());
        };
        if let (None, Order::Relevance, Some(text)) = (query.changed_after, query.order, &query.text) {
            let (records, next) = collection.relevant(query, &text::query_words(text), after);
            let records = records.into_iter().map(|stored| copy(stored, query.blobs)).collect();
            return Ok(Page { records, next: next.map(|cursor| cursor.to_string()) });
        }
        let mut rest = collection.list(query, after).peekable();
        let mut page = Page::default();
        while let Some((cursor, stored)) = rest.next() {
            page.records.push(copy(stored, query.blobs));
            if page.records.len() == query.limit {
                page.next = rest.peek().map(|_| cursor.to_string());
                break;
            }
        }
        Ok(page)
    }

    async fn count(&self, project: &ProjectId, query: &Query) -> Result<usize> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let whole = query.fields.is_empty() && query.text.is_none() && query.changed_after.is_none();
        Ok(match state.collection(project, query.collection) {
            None => 0,
            Some(collection) if whole => collection.records.len(),
            Some(collection) if query.changed_after.is_some() => collection.list(query, None).count(),
            Some(collection) => collection.matching(query, 0).count(),
        })
    }

    async fn commit(&self, project: &ProjectId, writes: Vec<Write>) -> Result<u64> {
        rules::check(&writes)?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for write in &writes {
            let found = state.collection(project, write.key.collection).and_then(|c| c.find(&write.key.id));
            rules::expect(&write.key, write.expect, found.map(|kept| kept.stored.version))?;
        }
        let mut version = state.version;
        for Write { key, change, .. } in writes {
            version += 1;
            let collection =
                state.collections.entry(project.clone()).or_default().entry(key.collection).or_default();
            match change {
                Change::Put(document) => collection.put(key.id, version, document),
                Change::Delete => collection.delete(&key.id, version),
            }
        }
        state.version = version;
        Ok(version)
    }

    async fn projects(&self) -> Result<Vec<ProjectId>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let has_records =
            |c: &BTreeMap<_, Collection>| c.values().any(|collection| !collection.records.is_empty());
        let projects = state.collections.iter().filter(|(_, collections)| has_records(collections));
        Ok(projects.map(|(project, _)| project.clone()).collect())
    }
}
