//! Reading: each call in one transaction of its own, beside the writer.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use soulcaster_core::ProjectId;
use soulcaster_core::memory::Cursor;
use soulcaster_core::memory::text::{self, Match, Relevance};
use soulcaster_core::port::{Key, Order, Page, Query, Stored};

use super::{int, uint};

/// Reads records by key.
pub(super) fn get(
    connection: &Connection,
    project: &ProjectId,
    keys: &[Key],
    blobs: bool,
) -> rusqlite::Result<Vec<Option<Stored>>> {
    let mut select = connection.prepare_cached(
        "SELECT id, version, created, json, CASE WHEN ?3 THEN blob END FROM records WHERE space = ?1 AND id = ?2",
    )?;
    let mut spaces: Vec<(&str, Option<Space>)> = Vec::new();
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        let known =
            spaces.iter().find(|(collection, _)| *collection == key.collection).map(|(_, space)| *space);
        let space = match known {
            Some(space) => space,
            None => {
                let space = Space::find(connection, project, key.collection)?;
                spaces.push((key.collection, space));
                space
            }
        };
        found.push(match space {
            Some(space) => select.query_row(params![space.id, key.id, blobs], stored).optional()?,
            None => None,
        });
    }
    Ok(found)
}

/// Lists a page, from `after` on.
pub(super) fn list(
    connection: &Connection,
    project: &ProjectId,
    query: &Query,
    after: Option<Cursor>,
) -> rusqlite::Result<Page> {
    let Some(space) = Space::find(connection, project, query.collection)? else { return Ok(Page::default()) };
    if let (None, Order::Relevance, Some(text)) = (query.changed_after, query.order, &query.text) {
        let (page, next) = relevant(connection, space, query, &text::query_words(text), after)?;
        let records =
            fetch(connection, page.into_iter().map(|created| Found { created, trace: None }), query.blobs)?;
        return Ok(Page { records, next: next.map(|cursor| cursor.to_string()) });
    }
    let mut select = Select::of(space, query);
    select.after(query, after);
    let mut found: Vec<(Cursor, Found)> = connection
        .prepare_cached(&select.rows(query))?
        .query_map(params_from_iter(&select.values), |row| select.read(row))?
        .collect::<rusqlite::Result<_>>()?;
    let mut next = None;
    if query.limit > 0 && found.len() > query.limit {
        found.truncate(query.limit);
        next = found.last().map(|(cursor, _)| cursor.to_string());
    }
    let records = fetch(connection, found.into_iter().map(|(_, found)| found), query.blobs)?;
    Ok(Page { records, next })
}

/// Counts what a list without cursor and limit gives.
pub(super) fn count(connection: &Connection, project: &ProjectId, query: &Query) -> rusqlite::Result<usize> {
    let Some(space) = Space::find(connection, project, query.collection)? else { return Ok(0) };
    let count = if query.fields.is_empty() && query.text.is_none() && query.changed_after.is_none() {
        space.records
    } else {
        let mut select = Select::of(space, query);
        select.after(query, None);
        let sql = format!("SELECT count(*) FROM ({})", select.found);
        connection.prepare_cached(&sql)?.query_row(params_from_iter(&select.values), |row| row.get(0))?
    };
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Lists projects that have records.
pub(super) fn projects(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT DISTINCT project FROM spaces WHERE records > 0 ORDER BY project")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// A collection of a project, and its totals.
#[derive(Clone, Copy)]
struct Space {
    id: i64,
    records: i64,
    texts: i64,
    words: i64,
}

impl Space {
    fn find(
        connection: &Connection,
        project: &ProjectId,
        collection: &str,
    ) -> rusqlite::Result<Option<Self>> {
        connection
            .prepare_cached(
                "SELECT id, records, texts, words FROM spaces WHERE project = ? AND collection = ?",
            )?
            .query_row(params![project.as_str(), collection], |row| {
                Ok(Self { id: row.get(0)?, records: row.get(1)?, texts: row.get(2)?, words: row.get(3)? })
            })
            .optional()
    }
}

/// A record of a page, or the trace of a deleted one with its id and version.
struct Found {
    created: i64,
    trace: Option<(String, u64)>,
}

/// What a list is ordered by.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Arrival,
    Sort,
    Version,
}

/// A query in the making: finds `created` and what orders it, on indexes alone.
struct Select {
    space: Space,
    by: By,
    /// The columns that hold the order and `created`.
    columns: (&'static str, &'static str),
    found: String,
    values: Vec<Value>,
}

impl Select {
    fn of(space: Space, query: &Query) -> Self {
        let by = match query.order {
            _ if query.changed_after.is_some() => By::Version,
            Order::Sort => By::Sort,
            Order::Arrival | Order::Relevance => By::Arrival,
        };
        // The first field leads where its key has the order; otherwise the record does.
        let leads = by != By::Version && !query.fields.is_empty();
        let (columns, table) = match (by, leads) {
            (By::Arrival, false) => (("created", "created"), "records INDEXED BY records_arrival"),
            (By::Sort, false) => (("sort", "created"), "records INDEXED BY records_sort"),
            (By::Version, _) => (("version", "created"), "records INDEXED BY records_version"),
            (By::Arrival, true) => (("record", "record"), "fields"),
            (By::Sort, true) => (("sort", "record"), "fields"),
        };
        // A search finds few: its matches lead.
        let table = if query.text.is_some() && !leads { "records" } else { table };
        let (order, created) = columns;
        let trace = if by == By::Version { ", NULL AS trace" } else { "" };
        let mut select = Self {
            space,
            by,
            columns,
            found: format!(
                "SELECT {order} AS place, {created} AS record{trace} FROM {table} WHERE space = ?"
            ),
            values: vec![Value::Integer(space.id)],
        };
        for (index, (name, value)) in query.fields.iter().enumerate() {
            if leads && index == 0 {
                select.and(" AND name = ? AND value = ?", [(*name).to_owned().into(), value.clone().into()]);
            } else {
                let condition = format!(
                    " AND {created} IN (SELECT record FROM fields WHERE space = ? AND name = ? AND value = ?)"
                );
                let values = [Value::Integer(space.id), (*name).to_owned().into(), value.clone().into()];
                select.and(&condition, values);
            }
        }
        if let Some(text) = &query.text {
            let condition = format!(
                " AND {created} IN (SELECT doc FROM words WHERE term IN (SELECT value FROM json_each(?)))"
            );
            let terms: Vec<String> = text::query_words(text).iter().map(|word| term(space, word)).collect();
            select.and(&condition, [serde_json::to_string(&terms).unwrap_or_default().into()]);
        }
        select
    }

    fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.found.push_str(condition);
        self.values.extend(values);
    }

    /// Leaves out what earlier pages had, and adds the traces of deleted records.
    fn after(&mut self, query: &Query, after: Option<Cursor>) {
        let (order, created) = self.columns;
        match (self.by, after) {
            (By::Arrival, Some(Cursor::Arrival(version))) => {
                self.and(&format!(" AND {created} > ?"), [int(version).into()]);
            }
            (By::Sort, Some(Cursor::Sort(sort, version))) => {
                let condition = format!(" AND {order} <= ? AND ({order} < ? OR {created} > ?)");
                self.and(&condition, [sort.into(), sort.into(), int(version).into()]);
            }
            (By::Version, after) => {
                let after = if let Some(Cursor::Version(version)) = after { version } else { 0 };
                let after = int(after.max(query.changed_after.unwrap_or(0)));
                self.and(" AND version > ?", [after.into()]);
                if query.fields.is_empty() && query.text.is_none() {
                    let traces =
                        " UNION ALL SELECT version, created, id FROM traces WHERE space = ? AND version > ?";
                    self.and(traces, [Value::Integer(self.space.id), after.into()]);
                }
            }
            _ => {}
        }
    }

    /// The statement that gives the page and one more.
    fn rows(&mut self, query: &Query) -> String {
        let order = match self.by {
            By::Arrival | By::Version => "place",
            By::Sort => "place DESC, record",
        };
        let limit = if query.limit == 0 { -1 } else { int(query.limit as u64).saturating_add(1) };
        self.values.push(limit.into());
        format!("{} ORDER BY {order} LIMIT ?", self.found)
    }

    fn read(&self, row: &Row<'_>) -> rusqlite::Result<(Cursor, Found)> {
        let (place, created): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (cursor, trace) = match self.by {
            By::Arrival => (Cursor::Arrival(uint(created)), None),
            By::Sort => (Cursor::Sort(place, uint(created)), None),
            By::Version => {
                let trace: Option<String> = row.get(2)?;
                (Cursor::Version(uint(place)), trace.map(|id| (id, uint(place))))
            }
        };
        Ok((cursor, Found { created, trace }))
    }
}

/// A word as `texts` holds it.
fn term(space: Space, word: &str) -> String {
    format!("{}x{word}", space.id)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: row.get(0)?,
        version: uint(row.get(1)?),
        created: uint(row.get(2)?),
        json: row.get(3)?,
        blob: row.get(4)?,
    })
}

/// Reads the records of a page.
fn fetch(
    connection: &Connection,
    found: impl Iterator<Item = Found>,
    blobs: bool,
) -> rusqlite::Result<Vec<Stored>> {
    let mut select = connection.prepare_cached(
        "SELECT id, version, created, json, CASE WHEN ?2 THEN blob END FROM records WHERE created = ?1",
    )?;
    found
        .map(|Found { created, trace }| match trace {
            None => select.query_row(params![created, blobs], stored),
            Some((id, version)) => {
                Ok(Stored { id, version, created: uint(created), json: String::new(), blob: None })
            }
        })
        .collect()
}

/// A page by relevance: what each record was created at, and where the page ended.
fn relevant(
    connection: &Connection,
    space: Space,
    query: &Query,
    words: &[String],
    after: Option<Cursor>,
) -> rusqlite::Result<(Vec<i64>, Option<Cursor>)> {
    let mut matches: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    let mut found = vec![0; words.len()];
    let mut select =
        connection.prepare_cached("SELECT doc, count(*) FROM words WHERE term = ? GROUP BY doc")?;
    for (index, word) in words.iter().enumerate() {
        let mut rows = select.query([term(space, word)])?;
        while let Some(row) = rows.next()? {
            found[index] += 1;
            matches.entry(row.get(0)?).or_insert_with(|| vec![0; words.len()])[index] = row.get(1)?;
        }
    }
    let mut sql = "SELECT words FROM records r WHERE created = ?".to_owned();
    let mut values = vec![Value::Null];
    for (name, value) in &query.fields {
        sql.push_str(" AND EXISTS (SELECT 1 FROM fields WHERE space = r.space AND name = ? AND value = ? AND sort = r.sort AND record = r.created)");
        values.extend([(*name).to_owned().into(), value.clone().into()]);
    }
    let mut length = connection.prepare_cached(&sql)?;
    let mut kept = Vec::with_capacity(matches.len());
    for (created, counts) in matches {
        values[0] = created.into();
        let words = length.query_row(params_from_iter(&values), |row| row.get(0)).optional()?;
        kept.extend(words.map(|words| Match { created: uint(created), length: uint(words), counts }));
    }
    let (relevance, after) = match after {
        Some(Cursor::Relevance(relevance, score, created)) => (relevance, Some((score, created))),
        _ => (Relevance { documents: uint(space.texts), length: uint(space.words), found }, None),
    };
    let (page, next) = relevance.page(&kept, after, query.limit);
    Ok((page.into_iter().map(int).collect(), next))
}
