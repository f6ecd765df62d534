//! The bytes that reports keep, by one rule for every vendor.
//!
//! A report keeps the whole body of its delivery, byte for byte. Where the reports of one delivery would keep
//! more than 4 MiB together, each keeps the bytes of its own part of the body instead, as they were sent.

use soulcaster_core::Result;
use soulcaster_core::model::{AuthStrength, Inbound};
use soulcaster_core::port::{Decoded, Delivery, Ignored};

use super::{MAX_TEXT, clean, invalid};

/// Most bytes that several reports of one delivery keep.
const MAX_KEPT: usize = 4 << 20;

/// The one report of a delivery; nothing when it holds no text.
pub(crate) fn report(item: Inbound, delivery: &Delivery, strength: AuthStrength) -> Decoded {
    if item.has_text() {
        Decoded::Reports(vec![kept(item, &delivery.body, strength)])
    } else {
        Decoded::Ignored(Ignored::Empty)
    }
}

/// The reports of a delivery of many; those without text are left out. `parts` gives the bytes of each of
/// `items`, in order.
///
/// # Errors
/// `Invalid` when the parts are asked for and cannot be told apart.
pub(crate) fn reports<'a>(
    items: Vec<Inbound>,
    delivery: &'a Delivery,
    strength: AuthStrength,
    parts: impl FnOnce() -> Option<Vec<&'a [u8]>>,
) -> Result<Decoded> {
    let (body, count) = (delivery.body.as_slice(), items.len());
    let bytes = if count <= 1 || count.saturating_mul(body.len()) <= MAX_KEPT {
        vec![body; count]
    } else {
        let parts = parts().filter(|parts| parts.len() == count);
        parts.ok_or_else(|| invalid("the parts of the body cannot be told apart"))?
    };
    let read = items.into_iter().zip(bytes).filter(|(item, _)| item.has_text());
    let reports: Vec<Inbound> = read.map(|(item, bytes)| kept(item, bytes, strength)).collect();
    Ok(if reports.is_empty() { Decoded::Ignored(Ignored::Empty) } else { Decoded::Reports(reports) })
}

/// The item with its bytes; a text that was put together of several is cut as each of them was.
fn kept(mut item: Inbound, bytes: &[u8], strength: AuthStrength) -> Inbound {
    if item.body.len() > MAX_TEXT {
        item.body = clean(&item.body);
    }
    item.title.truncate(item.title.floor_char_boundary(MAX_TEXT));
    item.auth_strength = strength;
    item.raw_payload = Some(bytes.to_vec());
    item
}
