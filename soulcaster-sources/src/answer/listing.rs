//! Elements of a list, read one by one.

use chrono::{DateTime, Utc};
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Ignored, Rejected};
use soulcaster_core::{Error, Result};

use super::{Element, Format};
use crate::payload;

/// What a page holds.
#[derive(Default)]
pub(crate) struct Listing {
    pub(crate) items: Vec<Inbound>,
    pub(crate) rejected: Vec<Rejected>,
    /// Why the first element that is no report is none.
    pub(crate) ignored: Option<Ignored>,
    /// The time of each element that could be read, also of those that no report is made of.
    pub(crate) times: Vec<Option<DateTime<Utc>>>,
}

impl Listing {
    /// Reads each of `elements`; one that cannot be read holds up no other.
    pub(crate) fn read(format: &dyn Format, elements: &[&str], auth_strength: AuthStrength) -> Self {
        let mut listing = Self::default();
        for (index, raw) in elements.iter().enumerate() {
            match listing.element(format, raw) {
                Ok(Element::Report(report)) => {
                    let raw_payload = Some(raw.as_bytes().to_vec());
                    listing.items.push(Inbound { auth_strength, raw_payload, ..*report });
                }
                Ok(Element::Other(reason)) => drop(listing.ignored.get_or_insert(reason)),
                Err(error) => {
                    let reason = error.message().to_owned();
                    listing.rejected.push(Rejected { index, reason });
                }
            }
        }
        listing
    }

    fn element(&mut self, format: &dyn Format, raw: &str) -> Result<Element, Error> {
        let value = payload::read(raw.as_bytes())?.unwrap_or_default();
        if !value.is_object() {
            return Err(payload::invalid("is no object"));
        }
        self.times.push(format.time(&value));
        let element = format.element(&value)?;
        if let Element::Report(report) = &element {
            report.check()?;
        }
        Ok(element)
    }
}
