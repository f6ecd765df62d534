//! A project as lines of JSON: out and in again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::flow::ingest::Occurrence;
use crate::id::ProjectId;
use crate::model::cluster::Cluster;
use crate::model::constraint::Constraint;
use crate::model::decision::Decision;
use crate::model::event::TimelineEvent;
use crate::model::head::Head;
use crate::model::item::FeedbackItem;
use crate::port::store::{Expect, Query, Record, Write};
use crate::soulcaster::Soulcaster;

/// The version of the lines; the first line names it.
const FORMAT: u64 = 1;

/// One record. Vectors are left out: they are made again from the texts.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    record: String,
    value: Value,
    /// Bytes kept beside it, when they are UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The same as hexadecimal digits, when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

/// What an import brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImportReport {
    /// Items.
    pub items: usize,
    /// Clusters, retired ones included.
    pub clusters: usize,
    /// Timeline events.
    pub events: usize,
}

impl Soulcaster {
    /// Gives every record of `project` to `write`, one line of JSON each, in an order that
    /// [`Soulcaster::import`] takes.
    ///
    /// # Errors
    /// Those of the store and of `write`.
    pub async fn export(
        &self,
        project: &ProjectId,
        write: &mut (dyn FnMut(&str) -> Result<()> + Send),
    ) -> Result<()> {
        let header = serde_json::json!({ "record": "soulcaster", "value": { "format": FORMAT, "engine": env!("CARGO_PKG_VERSION") } });
        write(&header.to_string())?;
        let before = self.base(project).await?;
        let mut records = 0;
        records += self.export_all::<FeedbackItem>(project, write).await?;
        records += self.export_all::<Occurrence>(project, write).await?;
        records += self.export_all::<Decision>(project, write).await?;
        records += self.export_all::<Cluster>(project, write).await?;
        records += self.export_all::<Constraint>(project, write).await?;
        records += self.export_all::<TimelineEvent>(project, write).await?;
        records += self.export_all::<Head>(project, write).await?;
        if self.base(project).await?.expect != before.expect {
            let message = format!("project {project} was changed while it was exported; export it again");
            return Err(Error::conflict("export", message));
        }
        let end = serde_json::json!({ "record": "end", "value": { "records": records } });
        write(&end.to_string())
    }

    async fn export_all<R: Record>(
        &self,
        project: &ProjectId,
        write: &mut (dyn FnMut(&str) -> Result<()> + Send),
    ) -> Result<usize> {
        let mut written = 0;
        let unreadable =
            |e| Error::new(ErrorKind::Unexpected, "export", "a stored record is not JSON").with_source(e);
        let mut query = Query { blobs: true, limit: 1000, ..Query::all::<R>() };
        loop {
            let page = self.store.list(project, &query).await?;
            for stored in page.records {
                let value = serde_json::from_str(&stored.json).map_err(unreadable)?;
                let (text, hex) = match stored.blob.map(String::from_utf8) {
                    None => (None, None),
                    Some(Ok(text)) => (Some(text), None),
                    Some(Err(bytes)) => (None, Some(to_hex(bytes.as_bytes()))),
                };
                let line = Line { record: R::COLLECTION.to_owned(), value, text, hex };
                write(&serde_json::to_string(&line).map_err(unreadable)?)?;
                written += 1;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(written),
            }
        }
    }

    /// Puts exported `lines` into `project`, which must be empty; all of them or none.
    ///
    /// # Errors
    /// `Conflict` when the project has records, `Invalid` with the line number for a line that is none of
    /// an export, and for an export of a newer format.
    pub async fn import(
        &self,
        project: &ProjectId,
        lines: impl IntoIterator<Item = Result<String>> + Send,
    ) -> Result<ImportReport> {
        let taken = self.store.count(project, &Query::all::<FeedbackItem>()).await?;
        if taken > 0 || self.store.read::<Head>(project, "head").await?.is_some() {
            let message = format!(
                "project {project} has {taken} items already; import into an empty project (--project)"
            );
            return Err(Error::conflict("import", message));
        }
        let mut report = ImportReport::default();
        let mut writes = Vec::new();
        let (mut head, mut ended) = (None, false);
        for (at, line) in (1usize..).zip(lines) {
            let refuse = |why: &str| Error::invalid("import", format!("line {at}: {why}"));
            let line: Line =
                serde_json::from_str(&line?).map_err(|e| refuse(&format!("not a line of an export: {e}")))?;
            if (at == 1) != (line.record == "soulcaster") || ended {
                return Err(refuse(
                    "an export has one header, which comes first, and one end, which comes last",
                ));
            }
            let blob = match (line.text, line.hex) {
                (Some(text), _) => Some(text.into_bytes()),
                (None, Some(hex)) => Some(from_hex(&hex).ok_or_else(|| refuse("bad hexadecimal digits"))?),
                (None, None) => None,
            };
            let value = line.value;
            let write = match line.record.as_str() {
                "soulcaster" => {
                    if value["format"].as_u64() != Some(FORMAT) {
                        return Err(refuse(
                            "a format that this version does not know; use a newer soulcaster",
                        ));
                    }
                    continue;
                }
                FeedbackItem::COLLECTION => {
                    report.items += 1;
                    record::<FeedbackItem>(value, blob, project)
                }
                Occurrence::COLLECTION => record::<Occurrence>(value, blob, project),
                Decision::COLLECTION => record::<Decision>(value, blob, project),
                Cluster::COLLECTION => {
                    report.clusters += 1;
                    record::<Cluster>(value, blob, project)
                }
                Constraint::COLLECTION => record::<Constraint>(value, blob, project),
                TimelineEvent::COLLECTION => {
                    report.events += 1;
                    record::<TimelineEvent>(value, blob, project)
                }
                Head::COLLECTION => {
                    // Versions are those of the store that was exported.
                    let mut value = value;
                    value["read_to"] = Value::from(0);
                    head = serde_json::from_value(value.clone()).ok();
                    record::<Head>(value, blob, project)
                }
                "end" => {
                    if value["records"].as_u64() != Some(writes.len() as u64) {
                        return Err(refuse("lines are missing; export it anew"));
                    }
                    ended = true;
                    continue;
                }
                other => return Err(refuse(&format!("no record {other:?} is known"))),
            };
            writes.push(write.map_err(|e| refuse(e.message()))?);
        }
        let counted = head.map_or(0, |head: Head| head.events);
        if !ended || counted != report.events as u64 {
            return Err(Error::invalid("import", "the export is cut short; export it anew"));
        }
        if !writes.is_empty() {
            self.store.commit(project, writes).await?;
        }
        Ok(report)
    }
}

/// The write of an exported record, made one of `project`.
fn record<R: Record>(mut value: Value, blob: Option<Vec<u8>>, project: &ProjectId) -> Result<Write> {
    if let Some(id) = value.get_mut("project_id") {
        *id = Value::from(project.as_str());
    }
    let mut record: R = serde_json::from_value(value)
        .map_err(|e| Error::invalid("import", format!("not a {}: {e}", R::COLLECTION)).with_source(e))?;
    if let Some(blob) = blob {
        record.attach(blob);
    }
    Write::put(&record, Expect::Absent)
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|d| char::from_digit(u32::from(d), 16)).collect()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        digits.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_round_trips() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(from_hex(&to_hex(&bytes)).unwrap(), bytes);
        assert!(from_hex("abc").is_none() && from_hex("zz").is_none());
    }
}
