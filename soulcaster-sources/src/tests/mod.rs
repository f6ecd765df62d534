//! What holds for every vendor's deliveries.

pub(crate) mod fuzz;
mod hostile;
mod order;
mod raw;
mod signatures;
mod signing;

use soulcaster_core::port::Webhook;

use crate::fixture::files;
use crate::signature::Auth;
use crate::vendor::{VENDORS, webhook};

/// A reader of each vendor that takes what anybody sends.
fn open() -> Vec<(&'static str, Box<dyn Webhook>)> {
    VENDORS.map(|vendor| (vendor, webhook(vendor, Auth::AllowUnsigned).unwrap())).into()
}

/// The recorded deliveries of a vendor; none for what people write by hand.
fn recorded(vendor: &str) -> Vec<String> {
    if vendor == "manual" { Vec::new() } else { files(vendor) }
}
