//! Everything that a vendor sends, by whichever way.

use chrono::{DateTime, Utc};
use soulcaster_core::port::{Decoded, Delivery, Ignored, Webhook};
use soulcaster_core::{Error, ErrorKind, Result};

use super::Answer;
use crate::payload;
use crate::signature::Auth;
use crate::vendor::{self, webhook};

/// Reads deliveries of a vendor's webhook, and answers of its API.
///
/// The shape of a document says which of the two it is. Answers are never signed, so where deliveries have to prove
/// themselves there are deliveries alone; and what comes with headers is one.
///
/// ```
/// use soulcaster_core::port::{Decoded, Delivery};
/// use soulcaster_sources::answer::Reader;
/// use soulcaster_sources::signature::Auth;
/// let reader = Reader::new("sentry", Auth::AllowUnsigned)?;
/// for body in [r#"[{"id": "7", "title": "It crashes"}]"#, r#"{"data": {"issue": {"id": "7", "title": "It crashes"}}}"#] {
///     let delivery = Delivery { body: body.into(), ..Delivery::default() };
///     let Decoded::Reports(reports) = reader.read(&delivery, Default::default())?.decoded else { panic!() };
///     assert_eq!(reports[0].external_id.as_deref(), Some("sentry:7"));
/// }
/// # Ok::<(), soulcaster_core::Error>(())
/// ```
pub struct Reader {
    vendor: String,
    webhook: Option<Box<dyn Webhook>>,
    answers: bool,
}

impl Reader {
    /// Makes a reader of `vendor`.
    ///
    /// # Errors
    /// `NotFound` with the names there are, and `Invalid` when the vendor cannot prove itself in the way `auth`
    /// says.
    pub fn new(vendor: &str, auth: Auth) -> Result<Self> {
        let answers = matches!(auth, Auth::AllowUnsigned) && super::VENDORS.contains(&vendor);
        let webhook = match webhook(vendor, auth) {
            Err(error) if error.kind() == ErrorKind::NotFound && answers => None,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut names = [&vendor::VENDORS[..], &super::VENDORS].concat();
                names.sort_unstable();
                names.dedup();
                let message = format!("no vendor {vendor:?}; there are {}", names.join(", "));
                return Err(Error::not_found("answer", message));
            }
            webhook => Some(webhook?),
        };
        Ok(Self { vendor: vendor.to_owned(), webhook, answers })
    }

    /// Reads what was received at `now`.
    ///
    /// # Errors
    /// Those of [`read`](super::read) and [`Webhook::decode`].
    pub fn read(&self, delivery: &Delivery, now: DateTime<Utc>) -> Result<Answer> {
        if self.answers && delivery.headers.is_empty() {
            match super::read(&self.vendor, &delivery.body) {
                Ok(Some(answer)) => return Ok(answer),
                Ok(None) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge) => {
                    return Err(error);
                }
                // A poller fails at this; to somebody who reads a document it says what it is.
                Err(error) => {
                    let (kind, message) = (error.kind(), error.message().to_owned());
                    let decoded = Decoded::Ignored(Ignored::Failure { kind, message });
                    return Ok(Answer { decoded, rejected: Vec::new(), next: None });
                }
            }
        }
        let Some(webhook) = &self.webhook else {
            return Err(payload::invalid(format!("the API of {} gives no such document", self.vendor)));
        };
        Ok(Answer { decoded: webhook.decode(delivery, now)?, rejected: Vec::new(), next: None })
    }
}
