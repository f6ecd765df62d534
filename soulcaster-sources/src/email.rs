//! E-mail: messages as they are (RFC 5322), and the inbound webhooks of Postmark and Brevo.
//!
//! | field | from |
//! | --- | --- |
//! | external id | `Message-ID` without its brackets, else a hash of sender, date, subject and text |
//! | title | `Subject`; without one the text's first line |
//! | body | the plain text, else the HTML as text; quotations and the signature stripped |
//! | time | `Date`, as the sender says |
//! | tags | `X-Spam-Flag`, `X-Spam-Status`, `X-Spam-Score`, such as `x-spam-status:No` |
//! | author | `From`, as the sender says; `spf`, `dkim` and `dmarc` in the metadata tell what the receiving server found |
//!
//! Automatic replies and reports of failed delivery are no reports. `In-Reply-To` and `References` are in
//! the metadata, and so are the names of attachments. JSON with the message in `raw_rfc5322` is read as
//! that message.
//!
//! Mail has no signature of its own delivery: give the webhook a header secret, such as a password in its
//! address.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use soulcaster_core::Result;
use soulcaster_core::model::Inbound;
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};

use crate::signature::Auth;
use crate::{field, html, payload};

mod inbound;
mod mime;
mod quote;

/// Reads e-mail.
#[derive(Debug, Clone)]
pub struct EmailWebhook {
    auth: Auth,
}

impl EmailWebhook {
    /// Makes a reader; `auth` is a header secret.
    ///
    /// # Errors
    /// `Invalid` for a credential that cannot work.
    pub fn new(auth: Auth) -> Result<Self> {
        field::check_unsigned(&auth, "email")?;
        Ok(Self { auth })
    }
}

/// A message, from whatever form.
#[derive(Debug, Default)]
struct Mail {
    message_id: Option<String>,
    subject: String,
    from: Option<String>,
    to: Vec<String>,
    date: Option<DateTime<Utc>>,
    text: String,
    html: String,
    headers: Vec<(String, String)>,
    attachments: Vec<String>,
}

impl Webhook for EmailWebhook {
    fn name(&self) -> &str {
        "email"
    }

    fn decode(&self, delivery: &Delivery, _: DateTime<Utc>) -> Result<Decoded> {
        let strength = self.auth.verify(delivery, field::no_scheme)?;
        if delivery.body.trim_ascii().is_empty() {
            return Ok(Decoded::Ignored(Ignored::Empty));
        }
        let json = delivery.body.trim_ascii_start().starts_with(b"{");
        let mails = if json { inbound::read(&delivery.body)? } else { vec![mime::read(&delivery.body)?] };
        let automatic: Vec<Option<&str>> = mails.iter().map(Mail::automatic).collect();
        if let Some(Some(what)) = automatic.first()
            && automatic.iter().all(Option::is_some)
        {
            return Ok(payload::not_a_report(what));
        }
        let kept: Vec<bool> = automatic.iter().map(Option::is_none).collect();
        let items = mails.into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(mail, _)| mail.report());
        payload::reports(items.collect(), delivery, strength, || {
            let parts = payload::slices(&delivery.body, "/items")?;
            Some(parts.into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(part, _)| part).collect())
        })
    }
}

impl Mail {
    /// The first header of that `name`, which is what the last server on the way wrote.
    fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// What it is, when no person wrote it for somebody to read.
    fn automatic(&self) -> Option<&'static str> {
        let begins = |name: &str, start: &str| {
            let value = self.header(name).and_then(|value| value.get(..start.len()));
            value.is_some_and(|value| value.eq_ignore_ascii_case(start))
        };
        let named = |name: &str| self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if begins("Content-Type", "multipart/report") || self.header("Return-Path") == Some("<>") {
            return Some("delivery report");
        }
        let replied = begins("Auto-Submitted", "auto-replied") || begins("Precedence", "auto_reply");
        let marked = ["X-Autoreply", "X-Autorespond", "X-Autoresponder"].iter().any(|name| named(name));
        (replied || marked).then_some("automatic reply")
    }

    fn report(self) -> Inbound {
        let subject = payload::one_line(&payload::clean(&self.subject));
        let references = self.header("References").map(str::to_owned);
        let reply_to = self.header("In-Reply-To").map(str::to_owned);
        let prefix = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
        let is_reply = prefix || reply_to.is_some() || references.is_some();
        let text = if self.text.trim().is_empty() { html::to_text(&self.html) } else { self.text.clone() };
        let body = payload::clean(&quote::strip(&text.replace("\r\n", "\n"), is_reply));
        let from = self.from.as_deref().map(payload::one_line);
        let id = self.message_id.as_deref().map(|id| payload::one_line(bare(id)));
        let external_id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            let date = self.date.map_or(0, |date| date.timestamp()).to_le_bytes();
            let from = from.as_deref().unwrap_or_default();
            field::fingerprint(&[from.as_bytes(), &date, subject.as_bytes(), body.as_bytes()])
        });
        let mut tags = Vec::new();
        for name in ["X-Spam-Flag", "X-Spam-Status", "X-Spam-Score"] {
            let value = self.header(name).map(|value| value.split(',').next().unwrap_or(value));
            field::named_tag(&mut tags, &name.to_ascii_lowercase(), value.map(payload::one_line));
        }
        let mut metadata = Map::new();
        field::note(&mut metadata, "in_reply_to", reply_to.as_deref().map(|id| bare(id).to_owned()));
        field::note(&mut metadata, "references", references.map(|ids| payload::one_line(&ids)));
        field::note(&mut metadata, "reply_to", self.header("Reply-To").map(payload::one_line));
        for (name, verdict) in self.verdicts() {
            field::note(&mut metadata, name, verdict);
        }
        for (name, values) in [("to", &self.to), ("attachments", &self.attachments)] {
            if !values.is_empty() {
                let values: Vec<Value> =
                    values.iter().take(50).map(|value| payload::cut(value, 256).into()).collect();
                metadata.insert(name.to_owned(), values.into());
            }
        }
        Inbound {
            source: "email".into(),
            external_id: Some(payload::cut(&external_id, 512)),
            title: if subject.is_empty() { field::title_of(&body) } else { subject },
            body,
            author: from,
            tags,
            metadata,
            occurred_at: self.date,
            ..Inbound::default()
        }
    }

    /// What the receiving server found out about the sender.
    fn verdicts(&self) -> [(&'static str, Option<String>); 3] {
        let results = self.header("Authentication-Results").unwrap_or_default();
        ["spf", "dkim", "dmarc"].map(|method| {
            let found = results.split(';').find_map(|part| {
                let verdict = part.trim().strip_prefix(method)?.trim_start().strip_prefix('=')?;
                verdict.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| !word.is_empty())
            });
            let spf = || self.header("Received-SPF").filter(|_| method == "spf")?.split(' ').next();
            (method, found.or_else(spf).map(str::to_ascii_lowercase))
        })
    }
}

/// An id without its angle brackets.
fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

/// `Name <address>`, or the one there is.
fn person(name: &str, address: &str) -> Option<String> {
    match (name.trim(), address.trim()) {
        ("", "") => None,
        ("", only) | (only, "") => Some(only.to_owned()),
        (name, address) => Some(format!("{name} <{address}>")),
    }
}

#[cfg(test)]
mod tests;
