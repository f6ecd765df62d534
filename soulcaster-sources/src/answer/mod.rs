//! Reads what vendors' APIs answer: pages of reports, one report, or an error.
//!
//! | vendor | documents |
//! | --- | --- |
//! | App Store | customer reviews |
//! | Datadog | events, incidents; monitors are no reports |
//! | Discord | messages, search results |
//! | GitHub | issues that name their repository |
//! | Google Play | reviews |
//! | Intercom | conversations, tickets |
//! | PostHog | events |
//! | Reddit | listings of posts and comments |
//! | Sentry | issues |
//! | Zendesk | tickets |
//!
//! A report has the same id and text as the one that the vendor's webhook brings.

use chrono::{DateTime, Utc};
use serde_json::Value;
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Rejected, Webhook};
use soulcaster_core::{Error, Result};

pub(crate) mod app_store;
pub(crate) mod datadog;
mod discord;
mod document;
pub(crate) mod github;
pub(crate) mod google_play;
pub(crate) mod intercom;
mod listing;
pub(crate) mod posthog;
mod reader;
pub(crate) mod reddit;
pub(crate) mod refusal;
pub(crate) mod sentry;
#[cfg(test)]
mod tests;
pub(crate) mod zendesk;

pub(crate) use document::Document;
pub(crate) use listing::Listing;
pub use reader::Reader;

use crate::payload;

/// The vendors that [`read`] knows, in order of name.
pub const VENDORS: [&str; 10] = [
    "app_store",
    "datadog",
    "discord",
    "github",
    "google_play",
    "intercom",
    "posthog",
    "reddit",
    "sentry",
    "zendesk",
];

/// What an answer holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its reports, or why there are none.
    pub decoded: Decoded,
    /// Elements that could not be read: their place in the answer, from 0, and why.
    pub rejected: Vec<Rejected>,
    /// The vendor's name for the next page, or its address.
    pub next: Option<String>,
}

/// The elements of an answer, and where the next ones are.
#[derive(Debug, Default)]
pub(crate) struct Page<'a> {
    pub(crate) elements: Vec<&'a str>,
    /// The server's name for the next page.
    pub(crate) next: Option<String>,
    /// The address of the next page.
    pub(crate) link: Option<String>,
    /// Whether the server says that nothing comes after it.
    pub(crate) is_last: bool,
}

impl<'a> From<Vec<&'a str>> for Page<'a> {
    fn from(elements: Vec<&'a str>) -> Self {
        Self { elements, ..Self::default() }
    }
}

/// What an element is.
pub(crate) enum Element {
    Report(Box<Inbound>),
    Other(Ignored),
}

impl Element {
    /// An element that no report is made of.
    pub(crate) fn not_a_report(what: &str) -> Self {
        Self::Other(Ignored::NotAReport { what: payload::cut(&payload::one_line(what), 100) })
    }
}

impl From<Inbound> for Element {
    fn from(report: Inbound) -> Self {
        Self::Report(Box::new(report))
    }
}

/// How a vendor's API answers.
pub(crate) trait Format: Send + Sync {
    /// The elements of `document`; nothing when it has another shape.
    fn page<'a>(&self, document: &Document<'a>) -> Option<Page<'a>>;

    /// Reads an element.
    ///
    /// # Errors
    /// `Invalid` when it is not what the vendor sends.
    fn element(&self, element: &Value) -> Result<Element>;

    /// Where an element stands in the list's order.
    fn time(&self, _element: &Value) -> Option<DateTime<Utc>> {
        None
    }
}

/// Reads an element as `webhook` reads a delivery that holds it.
pub(crate) fn as_delivered(
    webhook: &dyn Webhook,
    kind: Option<(&str, &str)>,
    body: &Value,
) -> Result<Element> {
    let headers = kind.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let delivery = Delivery {
        headers: headers.into_iter().collect(),
        path: String::new(),
        body: body.to_string().into(),
    };
    // Nothing in it is signed at a time.
    match webhook.decode(&delivery, DateTime::UNIX_EPOCH)? {
        Decoded::Reports(reports) => reports.into_iter().next().map(Element::from),
        Decoded::Ignored(Ignored::Empty) => None,
        Decoded::Ignored(reason) => Some(Element::Other(reason)),
        Decoded::Handshake { .. } => Some(Element::not_a_report("handshake")),
    }
    .ok_or_else(|| payload::invalid("no text: title and body are missing or empty"))
}

/// Reads a document that the API of `vendor` gave. Nothing when it has none of the shapes in which the vendor
/// answers: it may be a delivery of the vendor's webhook.
///
/// ```
/// use soulcaster_core::port::Decoded;
/// use soulcaster_sources::answer::read;
/// let body = br#"{"reviews": [{"reviewId": "r1", "comments": [{"userComment": {"text": "It crashes"}}]}]}"#;
/// let answer = read("google_play", body)?.unwrap();
/// let Decoded::Reports(reports) = answer.decoded else { panic!() };
/// assert_eq!(reports[0].body, "It crashes");
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
///
/// # Errors
/// `NotFound` for a vendor that is not known, with the names there are. The kind that the vendor's status stands
/// for when the answer says that the call failed, such as `RateLimited`. `Invalid` when none of the elements can
/// be read, and for what is no JSON where the vendor sends nothing else.
pub fn read(vendor: &str, body: &[u8]) -> Result<Option<Answer>> {
    let format: Box<dyn Format> = match vendor {
        "app_store" => Box::new(app_store::Reviews),
        "datadog" => Box::new(datadog::Events::default()),
        "discord" => Box::new(discord::Messages::new()?),
        "github" => Box::new(github::Issues::new(Default::default())?),
        "google_play" => Box::new(google_play::Reviews),
        "intercom" => Box::new(intercom::Conversations),
        "posthog" => Box::new(posthog::Events::new(None)?),
        "reddit" => Box::new(reddit::Things),
        "sentry" => Box::new(sentry::Issues::new(Vec::new())?),
        "zendesk" => Box::new(zendesk::Tickets::default()),
        other => {
            let message = format!("no API of {other:?} is known; there are {}", VENDORS.join(", "));
            return Err(Error::not_found("answer", message));
        }
    };
    let document = match Document::read(body) {
        Ok(document) => document,
        // What it is else, the webhook says.
        Err(_) if crate::vendor::VENDORS.contains(&vendor) => return Ok(None),
        Err(place) => return Err(payload::invalid(format!("the body is no JSON at {place}"))),
    };
    let Some(page) = format.page(&document) else {
        return refusal::of(&document, vendor).map_or(Ok(None), Err);
    };
    let listing = Listing::read(format.as_ref(), &page.elements, AuthStrength::None);
    if let (true, None, Some(first)) = (listing.items.is_empty(), &listing.ignored, listing.rejected.first())
    {
        return Err(payload::invalid(format!("element {}: {}", first.index, first.reason)));
    }
    let decoded = if listing.items.is_empty() {
        Decoded::Ignored(listing.ignored.unwrap_or(Ignored::Empty))
    } else {
        Decoded::Reports(listing.items)
    };
    let next = page.next.or(page.link).filter(|_| !page.is_last);
    Ok(Some(Answer { decoded, rejected: listing.rejected, next }))
}
