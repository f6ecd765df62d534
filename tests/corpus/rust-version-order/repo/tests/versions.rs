use std::cmp::Ordering;

use versions::{latest, update_for, Requirement, Version};

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn order(one: &str, other: &str) -> Ordering {
    version(one).precedence(&version(other))
}

#[test]
fn texts_come_back() {
    for text in ["1.2.3", "0.0.1-rc.1", "1.0.0-a-b.2+x.5", "1.0.0+20240101"] {
        assert_eq!(version(text).to_string(), text);
    }
}

#[test]
fn what_is_no_version() {
    for text in ["", "1", "1.2", "1.2.3.4", "a.b.c", "1.2.3-", "1.2.3-a..b", "1.2.3+", "1.2.3-ä"] {
        assert!(text.parse::<Version>().is_err(), "{text}");
    }
}

#[test]
fn numbers_are_compared_as_numbers() {
    assert_eq!(order("1.10.0", "1.9.9"), Ordering::Greater);
    assert_eq!(order("2.0.0", "10.0.0"), Ordering::Less);
}

#[test]
fn words_are_compared_as_words() {
    assert_eq!(order("1.0.0-alpha", "1.0.0-beta"), Ordering::Less);
    assert_eq!(order("1.0.0-rc", "1.0.0-beta"), Ordering::Greater);
    assert_eq!(order("1.0.0-RC", "1.0.0-beta"), Ordering::Less);
}

#[test]
fn more_parts_are_more() {
    assert_eq!(order("1.0.0-alpha", "1.0.0-alpha.1"), Ordering::Less);
}

#[test]
fn equality_knows_the_build() {
    assert_ne!(version("1.0.0+a"), version("1.0.0+b"));
}

#[test]
fn requirements() {
    let matches = |wanted: &str, text: &str| Requirement::parse(wanted).unwrap().matches(&version(text));
    assert!(matches("^1.2.0", "1.9.0") && !matches("^1.2.0", "2.0.0") && !matches("^1.2.0", "1.1.9"));
    assert!(matches("^0.2.0", "0.2.5") && !matches("^0.2.0", "0.3.0"));
    assert!(matches(">=1.0.0", "3.0.0") && matches("1.0.0", "1.0.0") && !matches("1.0.0", "1.0.1"));
}

#[test]
fn releases_are_updated_to_releases() {
    let offered = [version("1.1.0"), version("1.3.0-rc.1"), version("1.2.0")];
    let wanted = Requirement::parse("^1.0.0").unwrap();
    assert_eq!(update_for(&version("1.0.0"), &wanted, &offered).unwrap().to_string(), "1.2.0");
    assert_eq!(update_for(&version("1.2.0"), &wanted, &offered), None);
}

#[test]
fn the_first_of_equal_ones() {
    let offered = [version("1.0.0"), version("1.0.0")];
    assert!(std::ptr::eq(latest(&offered).unwrap(), &offered[0]));
    assert_eq!(latest(&[]), None);
}
