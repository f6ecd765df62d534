//! Times as people and programs write them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

/// Why a time could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// In no form that is known.
    Unknown,
    /// `01/02/2024`: either may be the month.
    Ambiguous,
    /// Before 1970 or after 2200.
    Range,
}

impl Unread {
    /// What to tell the owner of the file.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Unknown => "is not a known form of time; write it as 2024-01-31T10:37:00Z",
            Self::Ambiguous => "may be month/day or day/month; write it as 2024-01-31",
            Self::Range => "lies outside the years 1970 to 2200; correct it",
        }
    }
}

/// Reads a time from a number of seconds, milliseconds, microseconds or nanoseconds since 1970, or from text.
pub(crate) fn read(value: &Value) -> Result<DateTime<Utc>, Unread> {
    let time = match value {
        Value::Number(number) => epoch(&number.to_string())?,
        Value::String(text) => parse(text.trim())?,
        _ => return Err(Unread::Unknown),
    };
    if (1970..=2200).contains(&time.year()) { Ok(time) } else { Err(Unread::Range) }
}

/// Longest text that may be a time.
const MAX_TEXT: usize = 64;

fn parse(text: &str) -> Result<DateTime<Utc>, Unread> {
    if text.is_empty() || text.len() > MAX_TEXT || !text.is_ascii() {
        return Err(Unread::Unknown);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return epoch(text);
    }
    if let Ok(time) = DateTime::parse_from_rfc2822(text) {
        return Ok(time.to_utc());
    }
    if let Some(time) = basic_iso(text) {
        return Ok(time);
    }
    let (text, offset) = zone(text);
    let time = naive(text)?.checked_sub_signed(offset).ok_or(Unread::Range)?;
    Ok(time.and_utc())
}

/// Seconds, or a finer unit when the number is too great for seconds.
fn epoch(text: &str) -> Result<DateTime<Utc>, Unread> {
    if text.starts_with('-') {
        return Err(Unread::Range);
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if text.len() == 8
        && fraction.is_empty()
        && let Ok(day) = NaiveDate::parse_from_str(text, "%Y%m%d")
        && (1970..=2200).contains(&day.year())
    {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    if text.len() == 4 && matches!(whole.parse(), Ok(1970..=2200)) {
        return Err(Unread::Unknown); // a year alone
    }
    let decimal = fraction.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match whole.parse::<i128>() {
        Ok(whole) if decimal => (whole, fraction),
        // A float in exponent form, such as 1.7e18.
        _ => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => (number as i128, ""),
            _ => return Err(Unread::Unknown),
        },
    };
    let units = [
        (100_000_000_000, 1_000_000_000),
        (100_000_000_000_000, 1_000_000),
        (100_000_000_000_000_000, 1_000),
    ];
    let unit: i128 = units.iter().find(|(below, _)| whole < *below).map_or(1, |(_, unit)| *unit);
    let mut nanos = whole.checked_mul(unit).ok_or(Unread::Range)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanos += i128::from(digit - b'0') * place;
    }
    let seconds = i64::try_from(nanos / 1_000_000_000).map_err(|_| Unread::Range)?;
    DateTime::from_timestamp(seconds, (nanos % 1_000_000_000) as u32).ok_or(Unread::Range)
}

/// `20240103T103700Z`, `20240103T103700+0200`, `20240103T103700`.
fn basic_iso(text: &str) -> Option<DateTime<Utc>> {
    if text.as_bytes().get(8) != Some(&b'T') {
        return None;
    }
    let form = "%Y%m%dT%H%M%S%.f";
    if let Ok(time) = DateTime::parse_from_str(text, &format!("{form}%#z")) {
        return Some(time.to_utc());
    }
    Some(NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), form).ok()?.and_utc())
}

/// Cuts a zone from the end: `Z`, `UTC`, `GMT`, `+02:00`, `+0200`, `+02`. UTC without one.
fn zone(text: &str) -> (&str, TimeDelta) {
    for name in ["Z", "z", "UTC", "GMT"] {
        if let Some(rest) = text.strip_suffix(name)
            && rest.ends_with(|c: char| c.is_ascii_digit() || c == ' ')
        {
            return (rest.trim_end(), TimeDelta::zero());
        }
    }
    let none = (text, TimeDelta::zero());
    let Some(sign) = text.rfind(['+', '-']) else { return none };
    let (rest, offset) = text.split_at(sign);
    let digits: String = offset[1..].chars().filter(|&c| c != ':').collect();
    let numeric = digits.bytes().all(|b| b.is_ascii_digit());
    // Only after a clock time is this an offset and not the day of a date.
    if !rest.contains(':') || !numeric || !matches!(digits.len(), 2 | 4) {
        return none;
    }
    let number = |at: std::ops::Range<usize>| digits.get(at).and_then(|d| d.parse::<i64>().ok()).unwrap_or(0);
    let (hours, minutes) = (number(0..2), number(2..4));
    if hours > 23 || minutes > 59 {
        return none;
    }
    let minutes = hours * 60 + minutes;
    (rest.trim_end(), TimeDelta::minutes(if offset.starts_with('-') { -minutes } else { minutes }))
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

fn is_weekday(word: &str) -> bool {
    let word = word.trim_end_matches([',', '.']).to_ascii_lowercase();
    word.len() >= 3 && WEEKDAYS.iter().any(|day| *day == word || day[..3] == word)
}

fn is_half_day(word: &str) -> bool {
    ["am", "pm", "a.m.", "p.m."].iter().any(|half| word.eq_ignore_ascii_case(half))
}

/// A date with or without a clock time, in any order of the two.
fn naive(text: &str) -> Result<NaiveDateTime, Unread> {
    let mut text = text.to_owned();
    if text.as_bytes().get(10).is_some_and(|b| matches!(b, b'T' | b't')) {
        text.replace_range(10..11, " ");
    }
    let (mut day, mut clock) = (String::new(), String::new());
    for (at, word) in text.split_ascii_whitespace().enumerate() {
        if (at == 0 && is_weekday(word)) || word.eq_ignore_ascii_case("at") || word == "UTC" || word == "GMT"
        {
            continue;
        }
        let into = if word.contains(':') || is_half_day(word) { &mut clock } else { &mut day };
        if !into.is_empty() {
            into.push(' ');
        }
        into.push_str(word);
    }
    let day = date(day.trim_end_matches(','))?;
    if clock.is_empty() {
        return Ok(day.and_time(NaiveTime::MIN));
    }
    let clock = clock.to_ascii_uppercase().replace(',', ".").replace("A.M.", "AM").replace("P.M.", "PM");
    ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S%.f %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(&clock, form).ok())
        .map(|clock| day.and_time(clock))
        .ok_or(Unread::Unknown)
}

fn date(text: &str) -> Result<NaiveDate, Unread> {
    let forms = ["%Y-%m-%d", "%Y/%m/%d", "%d %B %Y", "%d-%B-%Y", "%B %d, %Y", "%B %d %Y"];
    if let Some(day) = forms.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok()) {
        return Ok(day);
    }
    let parts: Vec<u32> =
        text.split('/').map(str::parse).collect::<Result<_, _>>().map_err(|_| Unread::Unknown)?;
    let &[first, second, year] = parts.as_slice() else { return Err(Unread::Unknown) };
    let (month, day) = match (first, second) {
        (a, b) if a == b || (a <= 12 && b > 12) => (a, b),
        (a, b) if a > 12 && b <= 12 => (b, a),
        (1..=12, 1..=12) => return Err(Unread::Ambiguous),
        _ => return Err(Unread::Unknown),
    };
    i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day)).ok_or(Unread::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn reads(value: impl Into<Value>, rfc3339: &str) {
        let value = value.into();
        let time = read(&value).unwrap_or_else(|unread| panic!("{value}: {unread:?}"));
        assert_eq!(time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true), rfc3339, "{value}");
    }

    #[test]
    fn one_moment_reads_the_same_in_every_form() {
        for text in [
            "2024-01-03T10:37:00Z",
            "2024-01-03T12:37:00+02:00",
            "2024-01-03T10:37:00",
            "2024-01-03 10:37:00",
            "2024-01-03 10:37",
            "2024-01-03t10:37:00",
            "2024-01-03 12:37:00 +0200",
            "2024-01-03 12:37:00+0200",
            "2024-01-03 12:37:00 +02:00",
            "2024-01-03 05:37:00-05",
            "2024-01-03 10:37:00 UTC",
            "2024-01-03 10:37:00Z",
            "20240103T103700Z",
            "20240103T123700+0200",
            "20240103T103700",
            "Wed, 03 Jan 2024 12:37:00 +0200",
            "Wed, 3 Jan 2024 10:37:00 GMT",
            "03 Jan 2024 10:37:00",
            "3 January 2024 10:37 AM",
            "2024/01/03 10:37:00",
            "Jan 3, 2024 10:37 AM",
            "Jan 3, 2024, 10:37:00 am",
            "January 3, 2024 at 10:37am",
            "Wednesday, January 3, 2024 10:37 a.m.",
            "Wed Jan  3 10:37:00 2024",
            "Wed Jan  3 10:37:00 UTC 2024",
            " 1704278220 ",
            "1704278220000",
            "1704278220000000",
            "1704278220000000000",
            "1704278220.000",
        ] {
            reads(json!(text), "2024-01-03T10:37:00Z");
        }
        reads(json!("Jan 3, 2024 10:37 PM"), "2024-01-03T22:37:00Z");
    }

    #[test]
    fn a_date_alone_is_its_first_moment_in_utc() {
        for text in
            ["2024-01-03", "2024/01/03", "03 Jan 2024", "3-Jan-2024", "Jan 3, 2024", "Jan 3 2024", "20240103"]
        {
            reads(json!(text), "2024-01-03T00:00:00Z");
        }
        reads(json!(20_240_103), "2024-01-03T00:00:00Z");
    }

    #[test]
    fn epochs_are_told_apart_by_magnitude() {
        reads(json!(0), "1970-01-01T00:00:00Z");
        reads(json!(1_704_278_220), "2024-01-03T10:37:00Z");
        reads(json!(1_704_278_220.25), "2024-01-03T10:37:00.250Z");
        reads(json!(1_704_278_220_123u64), "2024-01-03T10:37:00.123Z");
        reads(json!(1_704_278_220_123_456u64), "2024-01-03T10:37:00.123456Z");
        reads(json!(1_704_278_220_123_456_789u64), "2024-01-03T10:37:00.123456789Z");
        reads(json!("1704278220123.5"), "2024-01-03T10:37:00.123500Z");
        reads(json!(1.704_278_22e18), "2024-01-03T10:37:00Z");
    }

    #[test]
    fn slashes_are_read_only_when_one_number_cannot_be_a_month() {
        reads(json!("01/25/2024"), "2024-01-25T00:00:00Z");
        reads(json!("25/01/2024 10:37"), "2024-01-25T10:37:00Z");
        reads(json!("05/05/2024"), "2024-05-05T00:00:00Z");
        assert_eq!(read(&json!("01/02/2024")), Err(Unread::Ambiguous));
        assert_eq!(read(&json!("13/13/2024")), Err(Unread::Unknown));
        assert_eq!(read(&json!("02/30/2024")), Err(Unread::Unknown));
    }

    #[test]
    fn fractions_and_offsets_keep_their_value() {
        reads(json!("2024-01-03 10:37:00.5"), "2024-01-03T10:37:00.500Z");
        reads(json!("2024-01-03 10:37:00,125 -0330"), "2024-01-03T14:07:00.125Z");
    }

    #[test]
    fn nonsense_is_told_from_times_out_of_range() {
        for text in [
            "",
            "soon",
            "yesterday",
            "2024",
            "10:37",
            "2024-13-01",
            "2024-02-30",
            "2024-01-03 25:00",
            "1.2.3",
        ] {
            assert_eq!(read(&json!(text)), Err(Unread::Unknown), "{text}");
        }
        for text in [
            "1969-12-31",
            "2201-01-01T00:00:00Z",
            "9999-01-01",
            "0001-01-01",
            "-5",
            "99999999999999999999999",
        ] {
            assert_eq!(read(&json!(text)), Err(Unread::Range), "{text}");
        }
        assert_eq!(read(&json!(-1)), Err(Unread::Range));
        assert_eq!(read(&json!(99_999_999_999u64)), Err(Unread::Range));
        assert_eq!(read(&json!(true)), Err(Unread::Unknown));
        assert_eq!(read(&json!("2024-01-03é")), Err(Unread::Unknown));
        reads(json!("2200-12-31"), "2200-12-31T00:00:00Z");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,70}", near in "[0-9A-Za-z:/,.+ -]{0,30}") {
            let _ = read(&json!(text));
            let _ = read(&json!(near));
        }

        #[test]
        fn what_is_written_as_rfc_3339_is_read_back(seconds in 0i64..7_289_654_400) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            proptest::prop_assert_eq!(read(&json!(time.to_rfc3339())), Ok(time));
            proptest::prop_assert_eq!(read(&json!(time.to_rfc2822())), Ok(time));
            proptest::prop_assert_eq!(read(&json!(time.format("%a %b %e %H:%M:%S %Y").to_string())), Ok(time));
        }
    }
}
