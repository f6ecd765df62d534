use plainjson::{quote, read_string, write, Fault, Options, Value};

const PLAIN: Options = Options { ascii: false };
const ASCII: Options = Options { ascii: true };

#[test]
fn quotes_and_lines() {
    assert_eq!(quote("a\"b\\c\nd\te\r", PLAIN), r#""a\"b\\c\nd\te\r""#);
}

#[test]
fn letters_of_all_kinds_stay() {
    assert_eq!(quote("é 漢 🎉 \u{2028}/", PLAIN), "\"é 漢 🎉 \u{2028}/\"");
}

#[test]
fn ascii_escapes_letters() {
    assert_eq!(quote("é漢", ASCII), r#""\u00e9\u6f22""#);
}

#[test]
fn delete_is_no_control_character_of_json() {
    assert_eq!(quote("\u{7f}", PLAIN), "\"\u{7f}\"");
}

#[test]
fn values() {
    let value = Value::Object(vec![
        ("b".to_owned(), Value::List(vec![Value::Null, Value::Bool(true), 1.5.into(), f64::NAN.into()])),
        ("a".to_owned(), "x".into()),
    ]);
    assert_eq!(write(&value, PLAIN), r#"{"b":[null,true,1.5,null],"a":"x"}"#);
}

#[test]
fn reading() {
    assert_eq!(read_string(r#""a\"\\\/\b\f\n\u00e9é""#).as_deref(), Ok("a\"\\/\u{8}\u{c}\néé"));
}

#[test]
fn a_half_pair_is_replaced() {
    assert_eq!(read_string(r#""\ud83cx""#).as_deref(), Ok("\u{fffd}x"));
    assert_eq!(read_string(r#""\udf89""#).as_deref(), Ok("\u{fffd}"));
    assert_eq!(read_string(r#""\ud83c\n""#).as_deref(), Ok("\u{fffd}\n"));
}

#[test]
fn faults() {
    for (text, fault) in [
        ("a", Fault::NotQuoted),
        ("\"a", Fault::Unfinished),
        ("\"\\x\"", Fault::BadEscape),
        ("\"\\u12g4\"", Fault::BadEscape),
        ("\"\u{1}\"", Fault::ControlCharacter),
        ("\"a\"b", Fault::TrailingText),
    ] {
        assert_eq!(read_string(text), Err(fault), "{text}");
    }
}
