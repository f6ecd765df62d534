//! A message as it travels.

use chrono::{DateTime, Datelike};
use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};
use soulcaster_core::Result;

use super::{Mail, person};
use crate::{html, payload};

/// Most attachments that are named, and headers that are read.
const MAX_ATTACHMENTS: usize = 50;
const MAX_HEADERS: usize = 1000;
/// Most parts that make up the text.
const MAX_BODIES: usize = 100;
/// Most of a part that is read, in bytes; less of it is kept.
const MAX_PART: usize = 1 << 20;

/// Reads an RFC 5322 message.
pub(super) fn read(bytes: &[u8]) -> Result<Mail> {
    let refuse = || payload::invalid("the body is no e-mail message");
    // The parser asserts in debug builds what broken messages need not keep: that is a refusal too.
    let parsed = std::panic::catch_unwind(|| MessageParser::default().parse(bytes));
    let message = parsed.ok().flatten().ok_or_else(refuse)?;
    if message.from().is_none() && message.subject().is_none() && message.message_id().is_none() {
        return Err(refuse());
    }
    let headers = message.headers_raw().take(MAX_HEADERS);
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let date = message.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0));
    Ok(Mail {
        message_id: message.message_id().map(str::to_owned),
        subject: message.subject().unwrap_or_default().to_owned(),
        from: message.from().and_then(|from| people(from).into_iter().next()),
        to: message.to().map(people).unwrap_or_default(),
        date: date.filter(|date| (1970..=2200).contains(&date.year())),
        text: text(&message),
        html: String::new(),
        headers,
        attachments: message
            .attachments()
            .take(MAX_ATTACHMENTS)
            .filter_map(|part| part.attachment_name().map(str::to_owned))
            .collect(),
    })
}

fn text(message: &Message<'_>) -> String {
    let bodies = message.text_bodies().filter_map(|part| match &part.body {
        PartType::Text(text) => Some(payload::cut(text, MAX_PART)),
        PartType::Html(page) => Some(html::to_text(&payload::cut(page, MAX_PART))),
        _ => None,
    });
    bodies.take(MAX_BODIES).collect::<Vec<_>>().join("\n")
}

fn people(address: &Address<'_>) -> Vec<String> {
    let people = address.iter().filter_map(|addr| {
        person(addr.name.as_deref().unwrap_or_default(), addr.address.as_deref().unwrap_or_default())
    });
    people.take(50).collect()
}
