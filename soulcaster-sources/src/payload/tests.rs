use serde_json::json;
use soulcaster_core::ErrorKind;

use super::*;

fn refused(body: &[u8]) -> String {
    let error = read(body).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.message().to_owned()
}

#[test]
fn an_empty_body_is_no_value() {
    assert_eq!(read(b"").unwrap(), None);
    assert_eq!(read(b" \r\n\t").unwrap(), None);
    assert_eq!(read(b"\xef\xbb\xbf{}").unwrap(), Some(json!({})));
}

#[test]
fn bounds_hold() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(deep(64).as_bytes()).is_ok());
    assert!(refused(deep(65).as_bytes()).contains("64 levels"));
    refused(deep(100_000).as_bytes());
    refused("[".repeat(100_000).as_bytes());
    refused("{\"a\":".repeat(100_000).as_bytes());
    let long = format!("[{}1]", "1,".repeat(10_000));
    assert!(refused(long.as_bytes()).contains("10000 entries"));
    let row = format!("[{}1]", "1,".repeat(9_000));
    let many = format!("[{row},{row},{row},{row},{row},{row}]");
    assert!(refused(many.as_bytes()).contains("50000 values"));
    let key = format!("{{\"{}\":1}}", "k".repeat(257));
    assert!(refused(key.as_bytes()).contains("256 bytes"));
}

#[test]
fn a_key_twice_is_refused_at_any_depth() {
    assert!(refused(br#"{"a":[{"id":1,"id":2}]}"#).contains("twice"));
    assert!(refused(b"{\"a\":1,\"\\u0061\":2}").contains("twice"));
}

#[test]
fn broken_json_is_refused_without_a_word_of_it() {
    for body in
        [&b"{"[..], b"secret", b"{\"secret\":}", b"[1e400]", b"{} {}", b"\"\xff\"", b"NaN", b"\"\x00\""]
    {
        assert!(!refused(body).contains("secret"));
    }
}

#[test]
fn half_a_surrogate_pair_becomes_a_mark() {
    let body = br#"{"a":"x\ud83d y\udc00","b":"\ud83d\ude00","c":"\\ud83d","d":"\ud83d\ud83d\ude00"}"#;
    let expected = json!({"a": "x\u{fffd} y\u{fffd}", "b": "😀", "c": "\\ud83d", "d": "\u{fffd}😀"});
    assert_eq!(read(body).unwrap(), Some(expected));
}

#[test]
fn ids_are_exact_or_refused() {
    let value = json!({"a": 7, "b": " x\u{0}\ny ", "c": 1e26, "d": "", "e": null, "f": [1], "g": -3,
        "h": u64::MAX, "i": "x".repeat(257)});
    assert_eq!(id(&value, "/a").unwrap().as_deref(), Some("7"));
    assert_eq!(id(&value, "/b").unwrap().as_deref(), Some("xy"));
    assert_eq!(id(&value, "/g").unwrap().as_deref(), Some("-3"));
    assert_eq!(id(&value, "/h").unwrap().as_deref(), Some("18446744073709551615"));
    for absent in ["/d", "/e", "/none"] {
        assert_eq!(id(&value, absent).unwrap(), None, "{absent}");
        assert!(required_id(&value, absent).is_err());
    }
    for wrong in ["/c", "/f", "/i"] {
        assert!(id(&value, wrong).is_err(), "{wrong}");
    }
}

#[test]
fn text_loses_control_characters_and_keeps_the_rest() {
    let value = json!({"t": "a\u{0}\u{1b}[31m\r\n\tb\u{202e}c\u{85}", "n": 1.5, "o": {}});
    assert_eq!(text(&value, "/t"), "a[31m\r\n\tb\u{202e}c");
    assert_eq!(line(&value, "/t"), "a[31m b\u{202e}c");
    assert_eq!(text(&value, "/n"), "1.5");
    assert_eq!(text(&value, "/o"), "");
    let long = "é".repeat(200_000);
    let kept = clean(&long);
    assert!(kept.len() < MAX_TEXT + 10 && kept.ends_with("\n[cut]"));
}

#[test]
fn links_are_web_links() {
    let value = json!({"a": "https://x/y", "b": "javascript:alert(1)", "c": "https://x/\ny", "d": "?orgId=1",
        "e": "HTTP://x", "f": "data:text/html;base64,AA", "g": "https://"});
    assert_eq!(url(&value, "/a").as_deref(), Some("https://x/y"));
    assert_eq!(url(&value, "/e").as_deref(), Some("HTTP://x"));
    for wrong in ["/b", "/c", "/d", "/f", "/g", "/h"] {
        assert_eq!(url(&value, wrong), None, "{wrong}");
    }
}

#[test]
fn form_fields_are_decoded() {
    assert_eq!(form_field(b"a=1&payload=%7B%22x%22%3A+1%7D", "payload").as_deref(), Some("{\"x\": 1}"));
    assert_eq!(form_field(b"payload=%4", "payload"), None);
    assert_eq!(form_field(b"payload=%ff", "payload"), None);
    assert_eq!(form_field(b"xpayload=1", "payload"), None);
    assert_eq!(form_field(br#"{"title":"&payload=%7B%7D&"}"#, "payload"), None);
    assert_eq!(form_field(br#" ["&payload=%7B%7D&"]"#, "payload"), None);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = read(&body);
        let _ = form_field(&body, "a");
    }

    #[test]
    fn any_escapes_are_read_or_refused(body in "[\"]([a-z\\\\]|\\\\u[dD][89a-f][0-9a-f]{2}){0,20}[\"]") {
        let _ = read(body.as_bytes());
    }
}
