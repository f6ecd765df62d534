//! The decoders and parsers of the push side.

use chrono::Datelike;
use serde_json::{Map, Value};
use soulcaster_core::memory::Cursor;
use soulcaster_core::port::store::{Order, Query};
use soulcaster_core::port::{Delivery, Webhook};
use soulcaster_core::{Error, ErrorKind, Secret};

use super::Target;
use crate::email::EmailWebhook;
use crate::fixture::{bytes, files, now, sent};
use crate::generic::{GenericWebhook, Mapping};
use crate::signature::{self, Auth, SecretHash};
use crate::tests::hostile::{behaves, fits};
use crate::tests::recorded;
use crate::tests::signing::{SIGNING, Signed};
use crate::vendor::{VENDORS, configured, webhook};
use crate::{answer, html, payload, time};

/// No longer than that, so that many inputs fit in a second.
const MAX_SEED: usize = 12 << 10;

pub(super) fn all() -> Vec<Target> {
    let mut targets: Vec<Target> = VENDORS.into_iter().map(decoder).collect();
    targets.extend(answer::VENDORS.into_iter().map(reader));
    targets.extend((0..SIGNING.len()).map(verifier));
    targets.extend([
        header_secret(),
        settings(),
        mapping(),
        mime(),
        page(),
        json(),
        times(),
        encodings(),
        cursors(),
    ]);
    targets
}

fn deliveries(vendor: &str) -> Vec<Vec<u8>> {
    let own = recorded(vendor).into_iter().chain(files("adversarial")).map(|file| bytes(&file));
    let mut all: Vec<_> = own.filter(|body| body.len() <= MAX_SEED).collect();
    all.push(
        br#"{"items": [{"title": "a", "body": "b", "id": 1}, {"text": "c\nd", "tags": ["x"]}]}"#.to_vec(),
    );
    all.push(b"{\"title\": \"a\"}\n{\"title\": \"b\", \"created_at\": 1735689600}\n".to_vec());
    if vendor == "otlp" {
        all.push(crate::otlp::tests::protobuf::request(&bytes("otlp/error.json")));
        all.push(crate::otlp::tests::protobuf::request(&bytes("otlp/logs.json")));
    }
    all
}

/// Headers that make a reader look at a body in another way.
fn ways(vendor: &str) -> Vec<Vec<(String, String)>> {
    let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let mut ways = vec![Vec::new()];
    ways.extend(match vendor {
        "otlp" => {
            vec![header("content-type", "application/x-protobuf"), header("content-type", "application/json")]
        }
        "datadog" => vec![header("content-type", "application/x-www-form-urlencoded")],
        "github" => vec![header("x-github-event", "issues"), header("x-github-event", "discussion_comment")],
        "sentry" => {
            vec![header("sentry-hook-resource", "issue"), header("sentry-hook-timestamp", "1735689600")]
        }
        "standard_webhooks" => vec![header("webhook-id", "msg_1")],
        _ => Vec::new(),
    });
    ways
}

/// Any body is answered, twice in the same way.
fn decoder(vendor: &'static str) -> Target {
    let (reader, ways) = (webhook(vendor, Auth::AllowUnsigned).unwrap(), ways(vendor));
    Target::new(format!("decode {vendor}"), deliveries(vendor), move |input| {
        for headers in &ways {
            let delivery = Delivery { headers: headers.clone(), ..sent(input) };
            let once = behaves(reader.as_ref(), &delivery);
            assert_eq!(format!("{once:?}"), format!("{:?}", reader.decode(&delivery, now())));
        }
    })
}

/// Any answer of an API is read, twice in the same way.
fn reader(vendor: &'static str) -> Target {
    let recorded = files(vendor).into_iter().chain(files("adversarial")).map(|file| bytes(&file));
    Target::new(format!("answer {vendor}"), recorded.filter(|body| body.len() <= MAX_SEED), move |input| {
        let once = answer::read(vendor, input);
        assert_eq!(format!("{once:?}"), format!("{:?}", answer::read(vendor, input)));
        match once {
            Ok(Some(answer)) => {
                assert!(answer.rejected.iter().all(|rejected| rejected.reason.len() < 600));
                fits(vendor, input, &Ok(answer.decoded));
            }
            Ok(None) => {}
            // A refusal tells what the server said, such as that it is asked too often.
            Err(error) => assert!(error.message().len() < 600, "{error}"),
        }
    })
}

/// Three lines of header values and a body pass only with the body that was signed.
fn verifier(scheme: usize) -> Target {
    let (vendor, ..) = SIGNING[scheme];
    let bodies = [b"{\"title\": \"t\"}".to_vec(), Vec::new(), b"payload=%7B%7D".to_vec()];
    let signed: Vec<Signed> = bodies.iter().map(|body| Signed::new(scheme, body.clone())).collect();
    let corpus: Vec<Vec<u8>> = signed
        .iter()
        .map(|signed| {
            let mut input: String = signed.headers.iter().map(|(_, value)| format!("{value}\n")).collect();
            input.extend(std::iter::repeat_n("\n", 3 - signed.headers.len()));
            [input.as_bytes(), &signed.body].concat()
        })
        .collect();
    Target::new(format!("verify {vendor} {scheme}"), corpus, move |input| {
        let mut parts = input.splitn(4, |b| *b == b'\n');
        let values: Vec<String> =
            parts.by_ref().take(3).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        let mut sent = signed[0].clone();
        sent.headers.iter_mut().zip(values).for_each(|((_, known), value)| *known = value);
        sent.body = parts.next().unwrap_or_default().to_vec();
        let secret = sent.secret.clone();
        match sent.answer(&[&secret], sent.at) {
            Err(error) if error.operation() == "webhook.verify" => {
                assert!(matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Invalid));
                assert!(!error.to_string().contains(&secret));
            }
            _ => assert!(bodies.contains(&sent.body), "a body that nobody signed was let in"),
        }
    })
}

fn header_secret() -> Target {
    let reader = webhook(
        "manual",
        Auth::HeaderSecret { header: "X-Key".into(), secrets: vec![SecretHash::of(&Secret::new("s3cret"))] },
    );
    let reader = reader.unwrap();
    let corpus = ["s3cret", "Bearer s3cret", "Token  s3cret", "Basic YW55OnMzY3JldA==", "Basic s3cret", ""];
    Target::new("header secret", corpus, move |input| {
        let value = String::from_utf8_lossy(input).into_owned();
        let headers = vec![("x-key".to_owned(), value.clone())];
        let answer = reader.decode(&Delivery { headers, ..sent(r#"{"title":"t"}"#) }, now());
        let holds = value.contains("s3cret")
            || value.trim_start().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("basic"));
        assert!(holds || answer.is_err_and(|error| error.kind() == ErrorKind::Unauthorized));
    })
}

fn checked(error: &Error) {
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Invalid, "webhook.check"));
    assert!(error.message().len() < 1000, "{error}");
}

fn settings() -> Target {
    let corpus = [
        r#"{"monitors":["*"],"searches":[],"event_types":null,"min_severity":17,"bots":true,"tolerance_seconds":60}"#,
        r#"{"repositories":["a/b"],"severities":{"bug":"high"},"environments":[],"levels":["error"],"channels":["C"]}"#,
        r#"{"name":"forms","mapping":{"title":"/what","items":"/rows"},"base_url":"https://acme.example","signature_header":"X-S"}"#,
    ];
    Target::new("settings", corpus, |input| {
        let Ok(Value::Object(whole)) = serde_json::from_slice(input) else { return };
        for (name, value) in whole {
            let one: Map<String, Value> = [(name, value)].into_iter().collect();
            for vendor in VENDORS {
                match configured(vendor, Auth::AllowUnsigned, &one) {
                    Ok(reader) => drop(behaves(reader.as_ref(), &sent(r#"{"title":"t"}"#))),
                    Err(error) => checked(&error),
                }
            }
        }
    })
}

fn mapping() -> Target {
    let corpus = [
        serde_json::to_string(&Mapping::default()).unwrap(),
        r#"{"items":"/rows","title":["/a/0","/b~1c"],"body":"/d~0e","metadata":{"x":"/y"},"tags":"","url":""}"#.into(),
    ];
    let bodies: Vec<Vec<u8>> = files("generic").iter().map(|file| bytes(file)).collect();
    Target::new("mapping", corpus, move |input| {
        let Ok(mapping) = serde_json::from_slice::<Mapping>(input) else { return };
        match GenericWebhook::new("forms", Auth::AllowUnsigned, mapping) {
            Ok(reader) => bodies.iter().for_each(|body| drop(behaves(&reader, &sent(body.clone())))),
            Err(error) => checked(&error),
        }
    })
}

fn mime() -> Target {
    let recorded = files("email").into_iter().map(|file| bytes(&file)).filter_map(|body| {
        match serde_json::from_slice::<Value>(&body) {
            Ok(wrapped) => Some(wrapped.get("raw_rfc5322")?.as_str()?.as_bytes().to_vec()),
            Err(_) => Some(body),
        }
    });
    let nested = "From: a@x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: =?utf-8?Q?in=C3=A4?=\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";
    let corpus: Vec<Vec<u8>> =
        recorded.filter(|mail| mail.len() <= MAX_SEED).chain([nested.as_bytes().to_vec()]).collect();
    let reader = EmailWebhook::new(Auth::AllowUnsigned).unwrap();
    Target::new("mime", corpus, move |input| drop(behaves(&reader as &dyn Webhook, &sent(input))))
}

fn page() -> Target {
    let corpus = [
        "<p>a &lt;b&gt; &#x41;</p><blockquote>c<br>d</blockquote><!-- x --><script>y</script><pre>e\nf</pre>",
        "a<b \"c>d'e",
    ];
    Target::new("html", corpus, |input| {
        let page = String::from_utf8_lossy(input);
        let text = html::to_text(&page);
        assert_eq!(text.trim(), text);
        assert!(text.len() <= 4 * page.len(), "{} of {}", text.len(), page.len());
    })
}

/// What is read is what every other parser reads.
fn json() -> Target {
    let corpus = files("adversarial").into_iter().chain(files("generic")).map(|file| bytes(&file));
    Target::new("json", corpus.filter(|body| body.len() <= MAX_SEED), |input| {
        if let Ok(Some(value)) = payload::read(input) {
            let bare = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
            match serde_json::from_slice::<Value>(bare) {
                Ok(other) => assert_eq!(value, other),
                Err(_) => assert!(bare.windows(3).any(|part| part.eq_ignore_ascii_case(b"\\ud"))),
            }
        }
    })
}

fn times() -> Target {
    let corpus = [
        "1735689600",
        "1735689600.123",
        "1.7356896e18",
        "2025-01-01T00:00:00.000+02:00",
        "2025-01-01",
        "Wed, 01 Jan 2025 00:00:00 GMT",
        "Jan 3, 2024 10:37 AM",
        "20240103T103700Z",
        "25/01/2024 10:37",
        "-62135596800",
    ];
    Target::new("time", corpus, |input| {
        let text = String::from_utf8_lossy(input);
        let values = [Some(Value::from(&*text)), serde_json::from_str(&text).ok()];
        for time in values.into_iter().flatten().filter_map(|value| time::read(&value).ok()) {
            assert!((1970..=2200).contains(&time.year()), "{time}");
        }
    })
}

fn encodings() -> Target {
    let corpus = ["00ff", "aGVsbG8=", "v1,aGVsbG8= v1a,AA==", "1735689600"];
    Target::new("encodings", corpus, |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        if let Some(bytes) = signature::hex(&text) {
            assert_eq!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), text);
        }
        if let Some(bytes) = signature::base64(&text) {
            assert!(bytes.len() * 4 <= text.len() * 3);
        }
        let headers = vec![("X-Time".to_owned(), text)];
        if let Ok(seconds) = signature::seconds(&Delivery { headers, ..Delivery::default() }, "x-time") {
            let _ = signature::fresh(seconds, now(), chrono::TimeDelta::seconds(300));
        }
    })
}

fn cursors() -> Target {
    let corpus = ["a.7", "v.0", "s.-5.9", "r.3.20.1-2.3fd3333333333333.4", "a.18446744073709551615"];
    Target::new("cursor", corpus, |input| {
        let after = Some(String::from_utf8_lossy(input).into_owned());
        for (order, text, changed_after) in [
            (Order::Arrival, None, None),
            (Order::Sort, None, None),
            (Order::Relevance, Some("two words".to_owned()), None),
            (Order::Arrival, None, Some(0)),
        ] {
            let query = Query { order, text, changed_after, after: after.clone(), ..Query::default() };
            if let Ok(Some(cursor)) = Cursor::of(&query) {
                let written = Query { after: Some(cursor.to_string()), ..query };
                assert_eq!(format!("{:?}", Cursor::of(&written).unwrap()), format!("{:?}", Some(cursor)));
            }
        }
    })
}

#[test]
fn a_verifier_lets_in_what_was_signed() {
    for scheme in 0..SIGNING.len() {
        let signed = Signed::new(scheme, b"{\"title\": \"t\"}".to_vec());
        let answer = signed.answer(&[&signed.secret], signed.at);
        assert!(
            !matches!(&answer, Err(error) if error.operation() == "webhook.verify"),
            "{} {answer:?}",
            signed.vendor
        );
    }
}
