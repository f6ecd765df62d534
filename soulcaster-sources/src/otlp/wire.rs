//! Protobuf log requests, read into the shape that the same request has as JSON.
//!
//! Only the messages of `opentelemetry/proto/logs/v1` and what they hold are known; other fields are passed
//! over, as the format asks of a reader.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use soulcaster_core::{Error, Result};

/// Deepest nesting of a value.
const MAX_DEPTH: usize = 32;
/// Most messages and values in a request.
const MAX_NODES: usize = 500_000;
/// Most resources, scopes and records in a request, together.
const MAX_ENTRIES: usize = 20_000;

/// A request as JSON, and the bytes of each log record, in order.
pub(super) struct Request<'a> {
    pub(super) value: Value,
    pub(super) records: Vec<&'a [u8]>,
}

/// Reads an `ExportLogsServiceRequest`.
pub(super) fn read(body: &[u8]) -> Result<Request<'_>> {
    let mut reader = Reader { nodes: 0, entries: 0, records: Vec::new() };
    let groups = reader.all(body, 1, Reader::resource_logs)?;
    Ok(Request { value: json!({ "resourceLogs": groups }), records: reader.records })
}

fn broken() -> Error {
    Error::invalid("otlp.decode", "the body is not a protobuf log request")
}

/// One field's value, by wire type.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) => Err(broken()),
        }
    }

    fn number(self) -> Result<u64> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) => Err(broken()),
        }
    }

    fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(broken)?;
        *bytes = rest;
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(broken())
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8]> {
    let length = usize::try_from(length).map_err(|_| broken())?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or_else(broken)?;
    *bytes = rest;
    Ok(taken)
}

/// The next field: its number and value.
fn field<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Wire<'a>)> {
    let tag = varint(bytes)?;
    let fixed = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    let value = match tag & 7 {
        0 => Wire::Number(varint(bytes)?),
        1 => Wire::Number(fixed(take(bytes, 8)?)),
        2 => {
            let length = varint(bytes)?;
            Wire::Bytes(take(bytes, length)?)
        }
        5 => Wire::Number(fixed(take(bytes, 4)?)),
        _ => return Err(broken()),
    };
    if tag >> 3 == 0 { Err(broken()) } else { Ok((tag >> 3, value)) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Reader<'a> {
    nodes: usize,
    entries: usize,
    records: Vec<&'a [u8]>,
}

impl<'a> Reader<'a> {
    fn count(&mut self) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Error::invalid("otlp.decode", format!("more than {MAX_NODES} values")));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            let message = format!("more than {MAX_ENTRIES} resources, scopes and records");
            return Err(Error::invalid("otlp.decode", message));
        }
        Ok(())
    }

    /// Every message in field `number`, read by `each`.
    fn all(
        &mut self,
        mut bytes: &'a [u8],
        number: u64,
        each: fn(&mut Self, &'a [u8]) -> Result<Value>,
    ) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (known, value) = field(&mut bytes)?;
            self.count()?;
            if known == number {
                found.push(each(self, value.bytes()?)?);
            }
        }
        Ok(found)
    }

    fn resource_logs(&mut self, mut bytes: &'a [u8]) -> Result<Value> {
        self.enter()?;
        let (mut resource, mut scopes) = (json!({}), Vec::new());
        while !bytes.is_empty() {
            self.count()?;
            match field(&mut bytes)? {
                (1, value) => {
                    resource = json!({ "attributes": self.all(value.bytes()?, 1, Self::attribute)? });
                }
                (2, value) => scopes.push(self.scope_logs(value.bytes()?)?),
                _ => {}
            }
        }
        Ok(json!({ "resource": resource, "scopeLogs": scopes }))
    }

    fn scope_logs(&mut self, mut bytes: &'a [u8]) -> Result<Value> {
        self.enter()?;
        let (mut scope, mut records) = (Map::new(), Vec::new());
        while !bytes.is_empty() {
            self.count()?;
            match field(&mut bytes)? {
                (1, value) => {
                    let mut inner = value.bytes()?;
                    while !inner.is_empty() {
                        match field(&mut inner)? {
                            (1, name) => drop(scope.insert("name".into(), name.text()?.into())),
                            (2, version) => drop(scope.insert("version".into(), version.text()?.into())),
                            _ => {}
                        }
                    }
                }
                (2, value) => {
                    let bytes = value.bytes()?;
                    self.records.push(bytes);
                    records.push(self.record(bytes)?);
                }
                _ => {}
            }
        }
        Ok(json!({ "scope": scope, "logRecords": records }))
    }

    fn record(&mut self, mut bytes: &'a [u8]) -> Result<Value> {
        self.enter()?;
        let (mut record, mut attributes) = (Map::new(), Vec::new());
        while !bytes.is_empty() {
            self.count()?;
            let (number, value) = field(&mut bytes)?;
            let (name, value) = match number {
                1 => ("timeUnixNano", value.number()?.into()),
                2 => ("severityNumber", value.number()?.into()),
                3 => ("severityText", value.text()?.into()),
                5 => ("body", self.any(value.bytes()?, 0)?),
                6 => {
                    attributes.push(self.attribute(value.bytes()?)?);
                    continue;
                }
                9 => ("traceId", hex(value.bytes()?).into()),
                10 => ("spanId", hex(value.bytes()?).into()),
                11 => ("observedTimeUnixNano", value.number()?.into()),
                12 => ("eventName", value.text()?.into()),
                _ => continue,
            };
            record.insert(name.into(), value);
        }
        record.insert("attributes".into(), attributes.into());
        Ok(record.into())
    }

    fn attribute(&mut self, bytes: &'a [u8]) -> Result<Value> {
        self.key_value(bytes, 0)
    }

    fn key_value(&mut self, mut bytes: &'a [u8], depth: usize) -> Result<Value> {
        let (mut key, mut inner) = (String::new(), json!({}));
        while !bytes.is_empty() {
            self.count()?;
            match field(&mut bytes)? {
                (1, value) => key = value.text()?,
                (2, value) => inner = self.any(value.bytes()?, depth)?,
                _ => {}
            }
        }
        Ok(json!({ "key": key, "value": inner }))
    }

    fn any(&mut self, mut bytes: &'a [u8], depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(Error::invalid("otlp.decode", format!("a value nests deeper than {MAX_DEPTH}")));
        }
        let mut any = json!({});
        while !bytes.is_empty() {
            self.count()?;
            let (number, value) = field(&mut bytes)?;
            any = match number {
                1 => json!({ "stringValue": value.text()? }),
                2 => json!({ "boolValue": value.number()? != 0 }),
                3 => json!({ "intValue": value.number()?.cast_signed() }),
                4 => json!({ "doubleValue": f64::from_bits(value.number()?) }),
                5 => json!({ "arrayValue": { "values": self.list(value.bytes()?, depth, Self::any)? } }),
                6 => {
                    json!({ "kvlistValue": { "values": self.list(value.bytes()?, depth, Self::key_value)? } })
                }
                7 => json!({ "bytesValue": STANDARD.encode(value.bytes()?) }),
                _ => any,
            };
        }
        Ok(any)
    }

    /// The values in field 1 of an array or a key-value list.
    fn list(
        &mut self,
        mut bytes: &'a [u8],
        depth: usize,
        each: fn(&mut Self, &'a [u8], usize) -> Result<Value>,
    ) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            self.count()?;
            if let (1, value) = field(&mut bytes)? {
                found.push(each(self, value.bytes()?, depth + 1)?);
            }
        }
        Ok(found)
    }
}
