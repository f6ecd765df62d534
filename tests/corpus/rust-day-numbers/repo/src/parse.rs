use std::str::FromStr;

use crate::date::Date;

/// Why a text is no date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not of the form `YYYY-MM-DD`.
    Form,
    /// There is no such month or day.
    Range,
}

impl FromStr for Date {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let parts: Vec<&str> = text.trim().split('-').collect();
        let &[year, month, day] = parts.as_slice() else { return Err(Fault::Form) };
        if (year.len(), month.len(), day.len()) != (4, 2, 2) || !parts.iter().all(|part| part.bytes().all(|sign| sign.is_ascii_digit())) {
            return Err(Fault::Form);
        }
        let number = |part: &str| part.parse::<u32>().map_err(|_| Fault::Form);
        let (year, month, day) = (number(year)? as i32, number(month)?, number(day)?);
        if year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Fault::Range);
        }
        Ok(Self { year, month, day })
    }
}
