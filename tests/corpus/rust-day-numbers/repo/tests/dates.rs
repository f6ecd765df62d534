use daycount::{days_in_month, is_leap, Date, Fault, Weekday};

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn texts_come_back() {
    for text in ["1970-01-01", "2024-02-29", "0001-12-31", "9999-12-31"] {
        assert_eq!(date(text).to_string(), text);
    }
    assert_eq!(date(" 2024-05-06\n").to_string(), "2024-05-06");
}

#[test]
fn what_is_no_date() {
    for text in ["", "2024", "2024-1-1", "24-01-01", "2024/01/01", "2024-01-01T00", "+024-01-01", "2024-01-01-01"] {
        assert_eq!(text.parse::<Date>(), Err(Fault::Form), "{text}");
    }
    for text in ["0000-01-01", "2024-00-01", "2024-13-01", "2024-01-00", "2024-01-32"] {
        assert_eq!(text.parse::<Date>(), Err(Fault::Range), "{text}");
    }
}

#[test]
fn day_numbers() {
    assert_eq!(date("1970-01-01").number(), 0);
    assert_eq!(date("2024-02-29").number(), 19_782);
    assert_eq!(date("1969-12-31").number(), -1);
    assert_eq!(date("2000-03-01").number(), 11_017);
}

#[test]
fn leap_years() {
    assert!(is_leap(2024) && is_leap(2000) && !is_leap(2023));
    assert_eq!((days_in_month(2024, 2), days_in_month(2023, 2), days_in_month(2023, 4)), (29, 28, 30));
}

#[test]
fn days_of_the_week() {
    assert_eq!(date("1970-01-01").weekday(), Weekday::Thursday);
    assert_eq!(date("2024-05-06").weekday(), Weekday::Monday);
    assert_eq!(date("1969-12-29").weekday(), Weekday::Monday);
}

#[test]
fn days_between() {
    assert_eq!(date("2024-02-28").days_until(&date("2024-03-01")), 2);
    assert_eq!(date("2024-03-01").days_until(&date("2024-02-28")), -2);
}

#[test]
fn working_days() {
    assert_eq!(date("2024-05-03").working_days_until(&date("2024-05-07")), 2);
    assert_eq!(date("2024-05-07").working_days_until(&date("2024-05-03")), 0);
}

#[test]
fn next_day() {
    assert_eq!(date("2023-12-31").next().unwrap().to_string(), "2024-01-01");
    assert_eq!(date("9999-12-31").next(), None);
}
