//! Dates of the Gregorian calendar, without times and zones.

mod calendar;
mod date;
mod parse;

pub use calendar::{days_in_month, is_leap, weekday, Weekday};
pub use date::Date;
pub use parse::Fault;
