//! Whether the file is whole, and whether what is indexed is what is kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;
use serde::de::IgnoredAny;

use super::writer::unflat;

/// At most so many problems of one kind are told one by one.
const MOST: usize = 20;

/// One line for each problem. Leaves the transaction open if there is one: drop the connection then.
pub(super) fn problems(connection: &Connection) -> Vec<String> {
    // one state of the file for all checks
    if let Err(e) = connection.execute_batch("BEGIN") {
        return vec![format!("cannot be read: {e}")];
    }
    let problems = find(connection);
    if let (true, Err(e)) = (problems.is_empty(), connection.execute_batch("COMMIT")) {
        return vec![format!("cannot be read: {e}")];
    }
    problems
}

fn find(connection: &Connection) -> Vec<String> {
    let whole: rusqlite::Result<Vec<String>> = connection
        .prepare("PRAGMA integrity_check")
        .and_then(|mut check| check.query_map([], |row| row.get(0))?.collect());
    match whole {
        Ok(lines) if lines == ["ok"] => {}
        Ok(lines) => return lines.into_iter().map(|line| format!("damaged: {line}")).collect(),
        Err(e) => return vec![format!("damaged: {e}")],
    }
    let mut problems = Vec::new();
    for check in [records, fields, texts, totals, versions] {
        match check(connection) {
            Ok(found) if found.len() > MOST => {
                let more = found.len() - MOST;
                problems.extend(found.into_iter().take(MOST));
                problems.push(format!("… and {more} more of this kind"));
            }
            Ok(found) => problems.extend(found),
            Err(e) => problems.push(format!("cannot be checked: {e}")),
        }
    }
    problems
}

/// Every record is JSON.
fn records(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare(
        "SELECT s.project, s.collection, r.id, r.json FROM records r JOIN spaces s ON s.id = r.space",
    )?;
    let mut rows = select.query([])?;
    let mut problems = Vec::new();
    while let Some(row) = rows.next()? {
        let json: String = row.get(3)?;
        if serde_json::from_str::<IgnoredAny>(&json).is_err() {
            let (project, collection, id): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            problems.push(format!("project {project}: {collection} {id} is not JSON"));
        }
    }
    Ok(problems)
}

/// The index of fields holds what the records say, and nothing else.
fn fields(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut indexed = connection.prepare(
        "SELECT 1 FROM fields WHERE space = ? AND name = ? AND value = ? AND sort = ? AND record = ?",
    )?;
    let mut select = connection.prepare("SELECT space, created, sort, fields FROM records")?;
    let mut rows = select.query([])?;
    let mut expected: i64 = 0;
    while let Some(row) = rows.next()? {
        let (space, created, sort): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let fields: BTreeSet<(String, String)> = unflat(&row.get::<_, String>(3)?).into_iter().collect();
        for (name, value) in fields {
            expected += 1;
            if !indexed.exists((space, &name, &value, sort, created))? {
                problems.push(format!("field {name} of record {created} is not indexed"));
            }
        }
    }
    let found: i64 = connection.query_row("SELECT count(*) FROM fields", [], |row| row.get(0))?;
    let missing = i64::try_from(problems.len()).unwrap_or(i64::MAX);
    if found + missing != expected {
        problems
            .push(format!("the index of fields has {} entries without a record", found + missing - expected));
    }
    Ok(problems)
}

/// Every record has as many words in the index as it says, and no other record has any.
fn texts(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut indexed: HashMap<i64, i64> = HashMap::new();
    let mut select = connection.prepare("SELECT doc FROM words")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        *indexed.entry(row.get(0)?).or_default() += 1;
    }
    let mut problems = Vec::new();
    let mut select = connection.prepare("SELECT created, coalesce(words, 0) FROM records")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (created, words): (i64, i64) = (row.get(0)?, row.get(1)?);
        let found = indexed.remove(&created).unwrap_or(0);
        if found != words {
            problems.push(format!("record {created} has {words} words, but {found} are indexed"));
        }
    }
    let lost: BTreeSet<i64> = indexed.into_keys().collect();
    problems.extend(
        lost.iter().map(|created| format!("words are indexed for record {created}, which is not there")),
    );
    Ok(problems)
}

/// The totals of each collection are right.
fn totals(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let read = |sql: &str| -> rusqlite::Result<BTreeMap<i64, (i64, i64, i64)>> {
        connection
            .prepare(sql)?
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))?
            .collect()
    };
    let mut kept = read("SELECT id, records, texts, words FROM spaces")?;
    kept.retain(|_, totals| *totals != (0, 0, 0));
    let counted =
        read("SELECT space, count(*), count(words), coalesce(sum(words), 0) FROM records GROUP BY space")?;
    let spaces: BTreeSet<&i64> = kept.keys().chain(counted.keys()).collect();
    let wrong = spaces.into_iter().filter(|space| kept.get(space) != counted.get(space));
    Ok(wrong.map(|space| format!("the totals of space {space} are wrong")).collect())
}

/// No record is newer than the last version given.
fn versions(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let newer: i64 = connection.query_row(
        "SELECT count(*) FROM (SELECT version FROM records UNION ALL SELECT version FROM traces) \
         WHERE version > (SELECT value FROM meta WHERE key = 'version')",
        [],
        |row| row.get(0),
    )?;
    Ok(if newer == 0 { Vec::new() } else { vec![format!("{newer} records are newer than the last version")] })
}
