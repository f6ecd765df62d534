//! OTLP/HTTP logs, as JSON and as protobuf.
//!
//! A record becomes a report when it is a warning or worse, or carries an exception; metrics and traces are
//! told apart by the path (`/v1/metrics`) or by their JSON and are no reports. Bodies come decompressed.
//!
//! | field | from |
//! | --- | --- |
//! | external id | a hash of the resource, the scope, the time and the body |
//! | title | `exception.type: exception.message`, else the event's name, else the body's first line |
//! | body | the body; `exception.message`; `exception.stacktrace` |
//! | time | `timeUnixNano`; 0 or absent: `observedTimeUnixNano` |
//! | severity | `severityNumber`: 1 to 8 info, 9 to 12 low, 13 to 16 medium, 17 to 20 high, 21 to 24 critical; without one the text |
//! | tags | `service:` and the record's plain attributes as `name:value` |
//!
//! JSON and protobuf of one record give the same report, apart from the bytes that it keeps.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::{Inbound, Severity};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::payload::{self, word};
use crate::signature::Auth;
use crate::{field, settings};

mod wire;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// Deepest nesting of a value.
const MAX_DEPTH: usize = 32;

/// Which records are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtlpSettings {
    /// The least severity number of a record without an exception: 13 is a warning, 17 an error.
    pub min_severity: u8,
}

impl Default for OtlpSettings {
    fn default() -> Self {
        Self { min_severity: 13 }
    }
}

impl OtlpSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// `Invalid` for a severity number that is not 1 to 24.
    pub fn check(&self) -> Result<()> {
        if (1..=24).contains(&self.min_severity) {
            return Ok(());
        }
        Err(settings::refused("otlp", &format!("min_severity must be 1 to 24, not {}", self.min_severity)))
    }
}

/// Reads OTLP log exports.
#[derive(Debug, Clone)]
pub struct OtlpWebhook {
    auth: Auth,
    settings: OtlpSettings,
}

impl OtlpWebhook {
    /// Makes a reader; `auth` is a header secret, for exporters sign nothing.
    ///
    /// # Errors
    /// `Invalid` for a credential or settings that cannot work.
    pub fn new(auth: Auth, settings: OtlpSettings) -> Result<Self> {
        field::check_unsigned(&auth, "otlp")?;
        settings.check()?;
        Ok(Self { auth, settings })
    }
}

impl Webhook for OtlpWebhook {
    fn name(&self) -> &str {
        "otlp"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, field::no_scheme)?;
        let path = delivery.path.split('?').next().unwrap_or_default().trim_end_matches('/');
        for other in ["metrics", "traces", "profiles"] {
            if path.rsplit('/').next() == Some(other) {
                return Ok(payload::not_a_report(other));
            }
        }
        let (request, raws) = if is_protobuf(delivery) {
            let request = wire::read(&delivery.body)?;
            (request.value, Some(request.records))
        } else {
            let Some(request) = payload::read(&delivery.body)? else {
                return Ok(Decoded::Ignored(Ignored::Empty));
            };
            (request, None)
        };
        for (member, what) in
            [("resourceMetrics", "metrics"), ("resourceSpans", "traces"), ("resourceProfiles", "profiles")]
        {
            if request.get(member).is_some() {
                return Ok(payload::not_a_report(what));
            }
        }
        if !request.is_object() {
            return Err(payload::invalid("the body is no log request"));
        }
        let mut records = 0;
        let mut kept = Vec::new();
        each(&request, &mut |source, record| {
            if self.keeps(record) {
                kept.push((records, report(source, record)));
            }
            records += 1;
        });
        if records == 0 {
            return Ok(Decoded::Ignored(Ignored::Empty));
        }
        if kept.is_empty() {
            return Ok(payload::filtered("min_severity"));
        }
        let (places, items): (Vec<usize>, Vec<Inbound>) = kept.into_iter().unzip();
        payload::reports(items, delivery, strength, || {
            let all = match raws {
                Some(raws) => raws,
                None => parts(&delivery.body)?,
            };
            Some(places.iter().filter_map(|place| all.get(*place).copied()).collect())
        })
    }
}

impl OtlpWebhook {
    fn keeps(&self, record: &Value) -> bool {
        let attributes = payload::list(record, "/attributes").iter();
        let mut names = attributes.filter_map(|attribute| attribute.get("key")?.as_str());
        severity_number(record) >= u64::from(self.settings.min_severity)
            || names
                .any(|name| matches!(name, "exception.type" | "exception.message" | "exception.stacktrace"))
    }
}

/// The body that an accepted or ignored export is answered with (status 200), and its media type: an
/// `ExportLogsServiceResponse` without complaints in the encoding of the request, of which `content_type` is the
/// header. An export of metrics or traces is answered in the same way.
///
/// ```
/// use soulcaster_sources::otlp::answer;
/// assert_eq!(answer("application/json; charset=utf-8"), ("application/json", b"{}".to_vec()));
/// assert_eq!(answer("application/x-protobuf"), ("application/x-protobuf", Vec::new()));
/// ```
#[must_use]
pub fn answer(content_type: &str) -> (&'static str, Vec<u8>) {
    // A message all of whose fields are absent has no bytes.
    if is_of(content_type, PROTOBUF) { (PROTOBUF, Vec::new()) } else { (JSON, b"{}".to_vec()) }
}

fn is_of(content_type: &str, kind: &str) -> bool {
    content_type.split(';').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(kind))
}

fn is_protobuf(delivery: &Delivery) -> bool {
    match delivery.header("content-type") {
        Some(kind) if is_of(kind, PROTOBUF) => true,
        Some(kind) if is_of(kind, JSON) => false,
        _ => !matches!(delivery.body.trim_ascii_start().first(), None | Some(b'{' | b'[' | 0xef)),
    }
}

/// What the records of one scope share.
struct Origin {
    /// A hash of the resource and the scope.
    name: String,
    metadata: Map<String, Value>,
    service: Option<String>,
}

/// Calls `visit` with every record, in order.
fn each(request: &Value, visit: &mut impl FnMut(&Origin, &Value)) {
    for group in payload::list(request, "/resourceLogs") {
        let resource = attributes(group, "/resource/attributes");
        let named = |name: &str| resource.get(name).and_then(|value| word(value, ""));
        let mut metadata = Map::new();
        for name in ["service.name", "service.version", "service.namespace", "host.name", "k8s.pod.name"] {
            field::note(&mut metadata, name, named(name));
        }
        let environment = named("deployment.environment.name").or_else(|| named("deployment.environment"));
        field::note(&mut metadata, "environment", environment);
        let known = Value::Object(resource.clone()).to_string();
        for logs in payload::list(group, "/scopeLogs") {
            let scope = [payload::line(logs, "/scope/name"), payload::line(logs, "/scope/version")];
            let mut metadata = metadata.clone();
            field::note(&mut metadata, "scope", Some(scope[0].clone()).filter(|name| !name.is_empty()));
            let name = field::fingerprint(&[known.as_bytes(), scope[0].as_bytes(), scope[1].as_bytes()]);
            let origin = Origin { name, metadata, service: named("service.name") };
            payload::list(logs, "/logRecords").iter().for_each(|record| visit(&origin, record));
        }
    }
}

/// Attributes as an object of plain JSON values.
fn attributes(value: &Value, pointer: &str) -> Map<String, Value> {
    let attributes = payload::list(value, pointer).iter();
    let pair = |attribute: &Value| {
        Some((attribute.get("key")?.as_str()?.to_owned(), plain(attribute.get("value")?, 0)))
    };
    attributes.filter_map(pair).collect()
}

/// An any-value as JSON; `null` for what is unknown or nests too deep.
fn plain(any: &Value, depth: usize) -> Value {
    let Some((kind, value)) = any.as_object().and_then(|any| any.iter().next()) else { return Value::Null };
    let values = || payload::list(value, "/values").iter();
    match kind.as_str() {
        _ if depth > MAX_DEPTH => Value::Null,
        "stringValue" | "boolValue" | "doubleValue" | "bytesValue" => value.clone(),
        // A 64-bit number is a text in JSON.
        "intValue" => match value.as_str().map(str::parse::<i64>) {
            Some(Ok(number)) => number.into(),
            _ => value.clone(),
        },
        "arrayValue" => values().map(|value| plain(value, depth + 1)).collect(),
        "kvlistValue" => {
            let pair = |pair: &Value| {
                Some((pair.get("key")?.as_str()?.to_owned(), plain(pair.get("value")?, depth + 1)))
            };
            Value::Object(values().filter_map(pair).collect())
        }
        _ => Value::Null,
    }
}

/// A plain value as text; a list or an object as JSON.
fn said(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => payload::clean(text),
        other => payload::clean(&other.to_string()),
    }
}

fn unsigned(record: &Value, pointer: &str) -> Option<u64> {
    let value = record.pointer(pointer)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn severity_number(record: &Value) -> u64 {
    let named = |text: &str| match Severity::parse(text)? {
        Severity::Info => Some(1),
        Severity::Low => Some(9),
        Severity::Medium => Some(13),
        Severity::High => Some(17),
        Severity::Critical => Some(21),
    };
    unsigned(record, "/severityNumber")
        .filter(|number| *number > 0)
        .or_else(|| named(&payload::line(record, "/severityText")))
        .unwrap_or(0)
}

fn severity(number: u64) -> Option<Severity> {
    Some(match number {
        1..=8 => Severity::Info,
        9..=12 => Severity::Low,
        13..=16 => Severity::Medium,
        17..=20 => Severity::High,
        21..=24 => Severity::Critical,
        _ => return None,
    })
}

fn nanoseconds(record: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    let nanos = unsigned(record, pointer).filter(|nanos| *nanos > 0)?;
    let time = DateTime::from_timestamp_nanos(i64::try_from(nanos).ok()?);
    (1970..=2200).contains(&time.year()).then_some(time)
}

fn report(origin: &Origin, record: &Value) -> Inbound {
    let attributes = attributes(record, "/attributes");
    let named = |name: &str| attributes.get(name).map(said).filter(|text| !text.trim().is_empty());
    let (kind, message) = (named("exception.type"), named("exception.message"));
    let stack = named("exception.stacktrace");
    let text = record.get("body").map(|any| said(&plain(any, 0))).unwrap_or_default();
    let body = field::paragraphs([
        text.as_str(),
        message.as_deref().unwrap_or_default(),
        stack.as_deref().unwrap_or_default(),
    ]);
    let event = word(record, "/eventName").or_else(|| named("event.name"));
    let title = match (kind, &message) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {}", field::title_of(message))),
        (kind, _) => kind.or(event),
    };
    let time = nanoseconds(record, "/timeUnixNano").or_else(|| nanoseconds(record, "/observedTimeUnixNano"));
    let nanos = time.map_or(0, |time| time.timestamp_nanos_opt().unwrap_or(0)).to_le_bytes();
    let mut tags = Vec::new();
    field::named_tag(&mut tags, "service", origin.service.clone());
    for (name, value) in &attributes {
        if !name.starts_with("exception.") && !value.is_array() && !value.is_object() {
            field::named_tag(
                &mut tags,
                name,
                Some(payload::one_line(&said(value))).filter(|v| !v.is_empty()),
            );
        }
    }
    let mut metadata = origin.metadata.clone();
    for (name, pointer) in [("trace_id", "/traceId"), ("span_id", "/spanId")] {
        field::note(&mut metadata, name, word(record, pointer).map(|id| id.to_ascii_lowercase()));
    }
    field::note(&mut metadata, "severity_text", word(record, "/severityText"));
    Inbound {
        source: "otlp".into(),
        external_id: Some(field::fingerprint(&[origin.name.as_bytes(), &nanos, body.as_bytes()])),
        title: title.map_or_else(|| field::title_of(&body), |title| payload::one_line(&title)),
        body,
        severity: severity(severity_number(record)),
        tags,
        metadata,
        occurred_at: time,
        ..Inbound::default()
    }
}

/// The bytes of each record of a JSON request.
fn parts(body: &[u8]) -> Option<Vec<&[u8]>> {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow, rename = "resourceLogs", default)]
        groups: Vec<Group<'a>>,
    }
    #[derive(Deserialize)]
    struct Group<'a> {
        #[serde(borrow, rename = "scopeLogs", default)]
        scopes: Vec<Scope<'a>>,
    }
    #[derive(Deserialize)]
    struct Scope<'a> {
        #[serde(borrow, rename = "logRecords", default)]
        records: Vec<&'a RawValue>,
    }
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let request: Request = serde_json::from_slice(body).ok()?;
    let scopes = request.groups.into_iter().flat_map(|group| group.scopes);
    Some(scopes.flat_map(|scope| scope.records).map(|record| record.get().as_bytes()).collect())
}

#[cfg(test)]
pub(crate) mod tests;
