//! What mail services make of a message and push as JSON.

use serde_json::Value;
use soulcaster_core::Result;

use super::{Mail, bare, mime, person};
use crate::field;
use crate::payload::{self, word};

/// Reads a Postmark or a Brevo delivery, or a message in `raw_rfc5322`.
pub(super) fn read(body: &[u8]) -> Result<Vec<Mail>> {
    let json = payload::read(body)?.unwrap_or_default();
    if let Some(raw) = json.get("raw_rfc5322").and_then(Value::as_str) {
        return Ok(vec![mime::read(raw.as_bytes())?]);
    }
    if let Some(items) = json.get("items").and_then(Value::as_array) {
        return items.iter().map(brevo).collect();
    }
    if json.get("MessageID").is_some() || json.get("TextBody").is_some() || json.get("HtmlBody").is_some() {
        return Ok(vec![postmark(&json)]);
    }
    Ok(vec![brevo(&json)?])
}

fn postmark(json: &Value) -> Mail {
    let sender = |pointer: &str| one(json, pointer, "/Email");
    let headers: Vec<(String, String)> = payload::list(json, "/Headers")
        .iter()
        .filter_map(|header| Some((word(header, "/Name")?, payload::text(header, "/Value"))))
        .chain(word(json, "/ReplyTo").map(|to| ("Reply-To".to_owned(), to)))
        .collect();
    let written = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("message-id"));
    let written = written.map(|(_, id)| bare(id).to_owned());
    Mail {
        message_id: written.filter(|id| !id.is_empty()).or_else(|| word(json, "/MessageID")),
        subject: payload::line(json, "/Subject"),
        from: sender("/FromFull").or_else(|| word(json, "/From")),
        to: several(json, "/ToFull", "/Email"),
        date: payload::time(json, "/Date"),
        text: payload::text(json, "/TextBody"),
        html: payload::text(json, "/HtmlBody"),
        headers,
        attachments: payload::words(json, "/Attachments", "/Name"),
    }
}

fn brevo(json: &Value) -> Result<Mail> {
    if json.get("MessageId").is_none()
        && json.get("RawTextBody").is_none()
        && json.get("RawHtmlBody").is_none()
    {
        return Err(payload::invalid("the body is neither a Postmark nor a Brevo delivery"));
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in field::members(json, "/Headers") {
        let several = payload::list(value, "").iter().map(payload::text_of);
        headers.extend(several.map(|value| (name.to_owned(), value)));
        if !value.is_array() {
            headers.push((name.to_owned(), payload::text_of(value)));
        }
    }
    for (name, value) in [
        ("In-Reply-To", word(json, "/InReplyTo")),
        ("Reply-To", one(json, "/ReplyTo", "/Address")),
        ("X-Spam-Score", word(json, "/SpamScore")),
    ] {
        headers.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(Mail {
        message_id: word(json, "/MessageId"),
        subject: payload::line(json, "/Subject"),
        from: one(json, "/From", "/Address"),
        to: several(json, "/To", "/Address"),
        date: payload::time(json, "/SentAtDate"),
        text: payload::text(json, "/RawTextBody"),
        html: payload::text(json, "/RawHtmlBody"),
        headers,
        attachments: payload::words(json, "/Attachments", "/Name"),
    })
}

/// The person at `pointer`, whose address stands under `address`.
fn one(json: &Value, pointer: &str, address: &str) -> Option<String> {
    let found = json.pointer(pointer)?;
    person(&payload::line(found, "/Name"), &payload::line(found, address))
}

fn several(json: &Value, pointer: &str, address: &str) -> Vec<String> {
    let people = payload::list(json, pointer).iter().filter_map(|person| one(person, "", address));
    people.take(50).collect()
}
