use serde_json::json;
use soulcaster_core::port::Ignored;

use super::*;
use crate::fixture::{decoded, delivery, now, report, shown};

fn manual() -> ManualWebhook {
    ManualWebhook::new(Auth::AllowUnsigned).unwrap()
}

#[test]
fn report_fills_every_field() {
    let body = json!({"title": "Export\n hangs", "body": "At 99 %\u{0}.", "external_id": 12, "author": "ada",
        "url": "https://x/1", "severity": "P2", "tags": ["export", " export ", ""],
            "occurred_at": "2024-01-31T10:37:00Z",
        "updated_at": 1_706_700_000, "metadata": {"plan": "pro"}, "browser": "Firefox", "project_id": "other",
        "auth_strength": "signed", "source": "github"});
    assert_eq!(
        shown(&report(&manual(), body.to_string())),
        json!({
            "source": "manual", "external_id": "12", "title": "Export hangs", "body": "At 99 %.",
                "author": "ada",
            "url": "https://x/1", "severity": "high", "tags": ["export"],
            "occurred_at": "2024-01-31T10:37:00Z",
            "updated_at": "2024-01-31T11:20:00Z", "auth_strength": "none",
            "metadata": {"plan": "pro", "browser": "Firefox", "auth_strength": "signed"},
        })
    );
}

#[test]
fn text_alone_gives_the_title() {
    let text = format!("\n  {}\nmore", "é".repeat(100));
    let item = report(&manual(), json!({ "text": text }).to_string());
    assert_eq!((item.title, item.body), ("é".repeat(80), text));
}

#[test]
fn wrong_fields_are_refused_by_name() {
    for (body, reason) in [
        ("", "the body is empty; send a title or a body as JSON"),
        ("7", "the body is neither an object nor a list"),
        ("{}", "no text: title and body are missing or empty"),
        (r#"{"title":" ","body":"\u0000\n"}"#, "no text: title and body are missing or empty"),
        (r#"{"title":7}"#, "title is not text"),
        (r#"{"title":"x","url":"javascript:alert(1)"}"#, "url is not a web address"),
        (r#"{"title":"x","severity":"awful"}"#, "severity is not one of info, low, medium, high, critical"),
        (r#"{"title":"x","tags":"a,b"}"#, "tags is not a list of texts"),
        (r#"{"title":"x","external_id":1.5}"#, "external_id is neither text nor a whole number"),
        (r#"{"title":"x","metadata":[]}"#, "metadata is not an object"),
        (r#"[{"title":"x"},7]"#, "entry 1 is not an object"),
        (r#"{"items":[{"title":"x"},{"title":[]}]}"#, "entry 1: title is not text"),
    ] {
        let error = manual().decode(&delivery(&[], body), now()).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, reason));
    }
    let late = manual().decode(&delivery(&[], r#"{"title":"x","occurred_at":"soon"}"#), now()).unwrap_err();
    assert!(late.message().starts_with("occurred_at is not a known form of time"));
}

#[test]
fn a_list_is_many_reports() {
    let Decoded::Reports(reports) = decoded(&manual(), r#"{"items": [{"title":"a"}, {"body": "b"}]}"#) else {
        panic!()
    };
    assert_eq!(reports[1].title, "b");
    assert_eq!(decoded(&manual(), "[]"), Decoded::Ignored(Ignored::Empty));
}
