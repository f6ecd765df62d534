//! Reports, as they arrive ([`Inbound`]) and as they are kept ([`FeedbackItem`]).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::id::{FeedbackId, ProjectId, digest};
use crate::model::visible::{has_text, visible};
use crate::port::store::Record;

/// How bad a report says it is. Ordered: `Critical` is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Info,
    /// Small.
    Low,
    /// Middling.
    Medium,
    /// Serious.
    High,
    /// Everything stops.
    Critical,
}

impl Severity {
    /// Reads the words that trackers and monitors use (`warn`, `P2`, `fatal`, `blocker`, …), any case.
    ///
    /// `None` for a word it does not know.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.trim().to_ascii_lowercase().as_str() {
            "critical" | "crit" | "fatal" | "emergency" | "emerg" | "alert" | "blocker" | "urgent" | "p0"
            | "p1" | "sev0" | "sev1" => Self::Critical,
            "high" | "error" | "err" | "major" | "severe" | "p2" | "sev2" => Self::High,
            "medium" | "moderate" | "normal" | "warning" | "warn" | "p3" | "sev3" => Self::Medium,
            "low" | "minor" | "trivial" | "notice" | "p4" | "sev4" => Self::Low,
            "info" | "informational" | "debug" | "trace" | "p5" | "sev5" => Self::Info,
            _ => return None,
        })
    }
}

/// How sure it is that a report comes from whom it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthStrength {
    /// Not checked: a file, or a source opened by hand.
    #[default]
    None,
    /// A secret shared with the sender came along.
    SharedSecret,
    /// The sender signed these bytes.
    Signed,
}

/// A report as a source delivers it, before it has an identity here.
///
/// ```
/// use soulcaster_core::model::Inbound;
/// let report = Inbound::new("github", "Crash on start").external_id("42").body("It crashes at once.");
/// assert_eq!(report.external_id.as_deref(), Some("42"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(description = "A report as a source delivers it."))]
#[serde(default)]
pub struct Inbound {
    /// Where it comes from, such as `github` or `file`.
    pub source: String,
    /// The source's own id of the thing reported; two deliveries with one id are one item.
    pub external_id: Option<String>,
    /// One line; may be empty when there is a body.
    pub title: String,
    /// The rest; may be empty when there is a title.
    pub body: String,
    /// Who reported it, as the source names them.
    pub author: Option<String>,
    /// Where to read it.
    pub url: Option<String>,
    /// How bad it says it is.
    pub severity: Option<Severity>,
    /// Labels, in the source's order.
    pub tags: Vec<String>,
    /// Everything else the source said.
    pub metadata: Map<String, Value>,
    /// When it happened, if the source says.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When the source last changed it, if that is later: orders its versions, whatever order they arrive in.
    pub updated_at: Option<DateTime<Utc>>,
    /// How sure the sender is.
    pub auth_strength: AuthStrength,
    /// The bytes as they came.
    #[serde(skip)]
    pub raw_payload: Option<Vec<u8>>,
}

/// Longest external id, in bytes.
const MAX_EXTERNAL_ID: usize = 1024;

impl Inbound {
    /// Starts a report of `source` with a `title`.
    #[must_use]
    pub fn new(source: impl Into<String>, title: impl Into<String>) -> Self {
        Self { source: source.into(), title: title.into(), ..Self::default() }
    }

    /// Sets the source's own id.
    #[must_use]
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// Checks that it can be kept: some text, a source, ids without control characters.
    ///
    /// # Errors
    /// `Invalid` with the field and the reason.
    pub fn check(&self) -> Result<()> {
        let refuse = |reason: String| Err(Error::invalid("ingest", reason));
        if self.source.trim().is_empty() || self.source.len() > 128 {
            return refuse("source must be 1 to 128 bytes".into());
        }
        if self.source.chars().any(char::is_control) {
            return refuse("source holds a control character".into());
        }
        if let Some(id) = &self.external_id {
            if id.trim().is_empty() || id.len() > MAX_EXTERNAL_ID {
                return refuse(format!("id must be 1 to {MAX_EXTERNAL_ID} bytes"));
            }
            if let Some(c) = id.chars().find(|c| c.is_control()) {
                return refuse(format!("id holds the control character U+{:04X}", c as u32));
            }
        }
        if !self.has_text() {
            return refuse("no text: title and body are missing or empty".into());
        }
        Ok(())
    }

    /// Whether there is something to read in title or body: blanks, control characters and marks of no width are
    /// nothing.
    #[must_use]
    pub fn has_text(&self) -> bool {
        has_text(&self.title) || has_text(&self.body)
    }

    /// The id that this report has in every project: a project that is exported keeps its ids wherever it is
    /// imported.
    ///
    /// With an external id it follows from source and external id; without one from the text, the author and
    /// the time, so the same anonymous report sent twice is one item.
    #[must_use]
    pub fn feedback_id(&self) -> FeedbackId {
        let source = self.source.as_bytes();
        let id = match &self.external_id {
            Some(external) => digest(&[b"item", source, external.as_bytes()], 16),
            None => {
                let time = self.occurred_at.map(|t| t.timestamp_micros().to_le_bytes());
                let author = self.author.as_deref().unwrap_or_default();
                let time: &[u8] = time.as_ref().map_or(&[], |t| t);
                let (title, body) = (self.title.as_bytes(), self.body.as_bytes());
                digest(&[b"text", source, title, body, author.as_bytes(), time], 16)
            }
        };
        FeedbackId::from(id)
    }

    /// When this version of it was: the latest time that the source gives.
    #[must_use]
    pub fn seen_at(&self) -> Option<DateTime<Utc>> {
        self.updated_at.max(self.occurred_at)
    }

    /// A name for this very delivery: equal for a redelivery, different for another occurrence.
    #[must_use]
    pub fn occurrence(&self) -> String {
        let severity = self.severity.map_or(0u8, |s| s as u8 + 1);
        let time = self.seen_at().map_or(i64::MIN, |t| t.timestamp_micros());
        let mut parts: Vec<&[u8]> = vec![self.title.as_bytes(), self.body.as_bytes()];
        let (time, severity, metadata) =
            (time.to_le_bytes(), [severity], serde_json::to_vec(&self.metadata).unwrap_or_default());
        parts.extend([&time[..], &severity[..], &metadata[..]]);
        parts.extend(self.tags.iter().map(|t| t.as_bytes()));
        digest(&parts, 16)
    }
}

/// A report as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct FeedbackItem {
    /// Its id here; see [`Inbound::feedback_id`].
    pub id: FeedbackId,
    /// The project it belongs to.
    pub project_id: ProjectId,
    /// Where it comes from.
    pub source: String,
    /// The source's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// One line.
    pub title: String,
    /// The rest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Who reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Where to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How bad it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Everything else the source said.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// When it first happened, if the source says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it first arrived here.
    pub received_at: DateTime<Utc>,
    /// How often it has been seen, redeliveries not counted.
    pub occurrences: u64,
    /// When it was last seen: the latest of the occurrences' own times.
    pub last_seen: DateTime<Utc>,
    /// How sure its sender is.
    #[serde(default)]
    pub auth_strength: AuthStrength,
    /// The delivery that its text comes from; see [`Inbound::occurrence`].
    pub occurrence: String,
    /// The bytes as they came. Kept beside the record; present only where it was asked for.
    #[serde(skip)]
    pub raw_payload: Option<Vec<u8>>,
}

impl FeedbackItem {
    /// Makes the item of a first delivery, received at `now`.
    #[must_use]
    pub fn first(project: &ProjectId, inbound: Inbound, now: DateTime<Utc>) -> Self {
        Self {
            id: inbound.feedback_id(),
            occurrence: inbound.occurrence(),
            last_seen: inbound.seen_at().unwrap_or(now),
            project_id: project.clone(),
            source: inbound.source,
            external_id: inbound.external_id,
            title: inbound.title,
            body: inbound.body,
            author: inbound.author,
            url: inbound.url,
            severity: inbound.severity,
            tags: inbound.tags,
            metadata: inbound.metadata,
            occurred_at: inbound.occurred_at,
            received_at: now,
            occurrences: 1,
            auth_strength: inbound.auth_strength,
            raw_payload: inbound.raw_payload,
        }
    }

    /// Takes in another occurrence. The text of the latest one wins, whatever order they arrive in; one
    /// without a time of its own is as late as it arrives.
    pub fn absorb(&mut self, inbound: Inbound, now: DateTime<Utc>) {
        self.occurrences += 1;
        let seen = inbound.seen_at().unwrap_or(now);
        let occurrence = inbound.occurrence();
        let wins_tie = inbound.seen_at().is_none() || occurrence >= self.occurrence;
        if seen > self.last_seen || (seen == self.last_seen && wins_tie) {
            self.title = inbound.title;
            self.body = inbound.body;
            self.author = inbound.author;
            self.url = inbound.url;
            self.severity = inbound.severity;
            self.tags = inbound.tags;
            self.metadata = inbound.metadata;
            self.auth_strength = inbound.auth_strength;
            self.raw_payload = inbound.raw_payload;
            self.occurrence = occurrence;
            self.last_seen = seen;
        }
        self.occurred_at = match (self.occurred_at, inbound.occurred_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// When it happened: the source's word, else when it arrived.
    #[must_use]
    pub fn first_seen(&self) -> DateTime<Utc> {
        self.occurred_at.unwrap_or(self.received_at)
    }

    /// The text that is compared; see [`text_of`].
    #[must_use]
    pub fn text(&self) -> String {
        text_of(&self.title, &self.body)
    }
}

/// Title, line break, the first 1,000 characters of the body; one alone when the other is empty or the same.
///
/// What nobody sees is left out ([`visible`]), so that it neither parts nor joins reports.
#[must_use]
pub fn text_of(title: &str, body: &str) -> String {
    let (title, body) = (visible(title), visible(body));
    let body = body.char_indices().nth(1000).map_or(&*body, |(end, _)| &body[..end]);
    match (title.is_empty(), body.is_empty() || body == title) {
        (_, true) => title.into_owned(),
        (true, false) => body.to_owned(),
        (false, false) => format!("{title}\n{body}"),
    }
}

impl Record for FeedbackItem {
    const COLLECTION: &'static str = "item";
    fn key(&self) -> String {
        self.id.to_string()
    }
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("source", self.source.clone())];
        if let Some(id) = &self.external_id {
            fields.push(("external_id", id.clone()));
        }
        if let Some(severity) = self.severity {
            fields.push(("severity", format!("{severity:?}").to_lowercase()));
        }
        fields
    }
    fn sort(&self) -> i64 {
        self.last_seen.timestamp_millis()
    }
    fn text(&self) -> Option<String> {
        Some(format!("{}\n{}", self.title, self.body))
    }
    fn blob(&self) -> Option<Vec<u8>> {
        self.raw_payload.clone()
    }
    fn attach(&mut self, blob: Vec<u8>) {
        self.raw_payload = Some(blob);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_neither_parts_nor_joins_reports() {
        let project = ProjectId::new("p").unwrap();
        let text = |title: &str, body: &str| {
            let inbound = Inbound::new("mail", title).body(body);
            FeedbackItem::first(&project, inbound, DateTime::UNIX_EPOCH).text()
        };
        assert_eq!(text(" Login fails ", "\nafter 2 s\n"), "Login fails\nafter 2 s");
        assert_eq!(
            text("Lo\u{200b}gin\u{202e} fails\u{e0041}", "\u{feff}after\0 2 s"),
            "Login fails\nafter 2 s"
        );
        assert_eq!(text("Login fails", "Login\u{2060} fails"), "Login fails");
        assert_eq!(text("\u{200b}", "after 2 s"), "after 2 s");
        let long = "\u{200b}é ".repeat(800);
        assert_eq!(text("t", &long), format!("t\n{}", "é ".repeat(500)));
    }
}
