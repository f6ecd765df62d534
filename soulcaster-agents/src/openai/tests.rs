use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use soulcaster_core::testing;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::fake::{Answer, DIMENSIONS, Fake, embeddings, vector};
use super::*;
use soulcaster_core::{Error, Secret};

fn builder(base: &str) -> Builder {
    OpenAiEmbedder::builder("test-model", DIMENSIONS).base_url(base)
}

fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Vec<String> {
    texts.into_iter().map(|text| text.to_string()).collect()
}

/// The error of embedding two texts.
async fn refused(builder: Builder) -> Error {
    builder.build().unwrap().embed(&texts(["first", "second"])).await.unwrap_err()
}

/// A socket without the fake behind it, and its base URL.
async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

/// A socket that refuses connections as long as it is held, and its base URL.
fn dead() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    (socket, base)
}

fn row(index: usize, embedding: &Value) -> Value {
    json!({"object": "embedding", "index": index, "embedding": embedding})
}

fn good(index: usize) -> Value {
    row(index, &json!(vector("text")))
}

#[tokio::test]
async fn conforms() {
    let fake = Fake::api().await;
    testing::embedder(&builder(&fake.base).build().unwrap()).await;
    testing::embedder(&builder(&fake.base).batch(1).text_bytes(4000).build().unwrap()).await;
}

#[tokio::test]
async fn request_follows_the_schema() {
    let fake = Fake::api().await;
    builder(&fake.base).build().unwrap().embed(&texts(["one"])).await.unwrap();
    let keyed = builder(&fake.base).key(Secret::new("sk-1234")).shorten(true).build().unwrap();
    keyed.embed(&texts(["one", "two"])).await.unwrap();

    let asked = fake.asked();
    assert!(asked[0].head.starts_with("post /v1/embeddings http/1.1\r\n"), "{}", asked[0].head);
    assert!(asked[0].head.contains("\r\ncontent-type: application/json"), "{}", asked[0].head);
    assert!(!asked[0].head.contains("authorization"), "{}", asked[0].head);
    assert_eq!(asked[0].body, json!({"model": "test-model", "input": ["one"], "encoding_format": "float"}));
    assert!(asked[1].head.contains("\r\nauthorization: bearer sk-1234"), "{}", asked[1].head);
    assert_eq!(asked[1].body["dimensions"], DIMENSIONS);
}

#[tokio::test]
async fn order_numbers_decide_and_not_the_order_of_the_reply() {
    let fake = Fake::api().await; // last text first
    let vectors = builder(&fake.base).build().unwrap().embed(&texts(["a", "b", "c"])).await.unwrap();
    let expected: Vec<Embedding> = ["a", "b", "c"].map(|text| Embedding::new(vector(text)).unwrap()).into();
    assert_eq!(vectors, expected);
}

#[tokio::test]
async fn no_texts_ask_nothing() {
    let fake = Fake::api().await;
    assert!(builder(&fake.base).build().unwrap().embed(&[]).await.unwrap().is_empty());
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn texts_are_cut_between_characters_and_blank_ones_replaced() {
    let fake = Fake::api().await;
    let embedder = builder(&fake.base).text_bytes(5).build().unwrap();
    let inputs = texts(["日本語", "abcdefg", "", " \n\t", "\u{feff}\u{200b}", "     x", "!"]);
    embedder.embed(&inputs).await.unwrap();
    assert_eq!(fake.asked()[0].input(), ["日", "abcde", ".", ".", ".", ".", "!"]);
}

#[tokio::test]
async fn six_hundred_texts_go_in_three_requests_and_stay_in_order() {
    let fake = Fake::api().await;
    let inputs = texts(0..600);
    let vectors = builder(&fake.base).build().unwrap().embed(&inputs).await.unwrap();
    let sizes: Vec<usize> = fake.asked().iter().map(|request| request.input().len()).collect();
    assert_eq!(sizes, [256, 256, 88]);
    let expected: Vec<Embedding> = inputs.iter().map(|text| Embedding::new(vector(text)).unwrap()).collect();
    assert_eq!(vectors, expected);
}

#[tokio::test]
async fn long_texts_share_a_request_up_to_its_bytes() {
    let fake = Fake::api().await;
    let inputs = vec!["x".repeat(9000); 100];
    assert_eq!(builder(&fake.base).build().unwrap().embed(&inputs).await.unwrap().len(), 100);
    let sizes: Vec<usize> = fake.asked().iter().map(|request| request.input().len()).collect();
    assert_eq!(sizes, [37, 37, 26]); // of 8,000 bytes each
}

#[tokio::test]
async fn replies_that_break_the_schema_are_unexpected() {
    let list = |rows: Value| json!({"object": "list", "data": rows}).to_string();
    let first = good(0);
    for (body, why) in [
        (list(json!([first])), "1 vectors for 2 texts"),
        (list(json!([first, good(1), good(2)])), "3 vectors for 2 texts"),
        (list(json!([first, first])), "vector 0 twice"),
        (list(json!([first, good(2)])), "vector 2 for 2 texts"),
        (list(json!([first, row(1, &json!([1.0, 2.0]))])), "2 components, not 8"),
        (list(json!([first, row(1, &json!([0, 0, 0, 0, 0, 0, 0, 0]))])), "every component is zero"),
        (list(json!([first, row(1, &json!([1e39, 0, 0, 0, 0, 0, 0, 0]))])), "not a finite number"),
        (list(json!([first, row(1, &json!([null, 0, 0, 0, 0, 0, 0, 0]))])), "no list of embeddings"),
        (list(json!([first, row(1, &json!("AACAPw=="))])), "no list of embeddings"),
        (list(json!([first, {"embedding": vector("text")}])), "no list of embeddings"),
        (list(json!([first, good(1)])).replacen("[-", "[NaN, -", 1), "no list of embeddings"),
        (list(json!([first, good(1)])).replacen("\"index\":1", "\"index\":-1", 1), "no list of embeddings"),
        ("<html>".into(), "no list of embeddings"),
        (String::new(), "no list of embeddings"),
    ] {
        let fake = Fake::always(200, &body).await;
        let error = refused(builder(&fake.base)).await;
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{body}: {error}");
        assert!(error.message().contains(why), "{body}: {error}");
        assert_eq!(fake.asked().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn statuses_become_kinds() {
    for (status, kind) in [
        (307, ErrorKind::Invalid),
        (400, ErrorKind::Invalid),
        (401, ErrorKind::Unauthorized),
        (402, ErrorKind::QuotaExceeded),
        (403, ErrorKind::Unauthorized),
        (404, ErrorKind::NotFound),
        (408, ErrorKind::Unavailable),
        (413, ErrorKind::TooLarge),
        (418, ErrorKind::Unexpected),
        (422, ErrorKind::Invalid),
        (429, ErrorKind::RateLimited),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
    ] {
        let fake = Fake::always(status, &json!({"error": {"message": "out of\n\u{7}luck"}})).await;
        let error = refused(builder(&fake.base).attempts(1)).await;
        assert_eq!((error.kind(), error.operation()), (kind, "openai.embed"), "{status}");
        let host = fake.base.trim_start_matches("http://").trim_end_matches("/v1");
        let start = format!("{host} (model test-model) answers {status} (out of luck); ");
        assert!(error.message().starts_with(&start), "{error}");
    }
}

#[tokio::test]
async fn key_that_the_server_repeats_is_in_no_error() {
    let body =
        json!({"error": {"message": "Incorrect API key provided: sk-1234.", "code": "invalid_api_key"}});
    let in_data = json!({"data": "sk-1234"});
    let (_held, dead) = dead();
    for (base, kind) in [
        (Fake::always(401, &body).await.base, ErrorKind::Unauthorized),
        (Fake::always(200, &in_data).await.base, ErrorKind::Unexpected),
        (dead, ErrorKind::Unavailable),
    ] {
        let error = refused(builder(&base).key(Secret::new("sk-1234")).attempts(1)).await;
        assert_eq!(error.kind(), kind, "{error}");
        let mut shown = format!("{error} {error:?} {error:#?}");
        let mut source = error.source();
        while let Some(cause) = source {
            shown += &format!(" {cause} {cause:?}");
            source = cause.source();
        }
        assert!(!shown.contains("1234"), "{shown}");
        assert!(
            kind != ErrorKind::Unauthorized || shown.contains("Incorrect API key provided: ***."),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn text_that_the_server_repeats_is_in_no_error() {
    let secret = "my password is swordfish";
    let fake = Fake::always(400, &json!({"error": {"message": format!("bad input: '{secret}'")}})).await;
    let error = builder(&fake.base).build().unwrap().embed(&texts([secret])).await.unwrap_err();
    assert!(!format!("{error:?}").contains("swordfish"), "{error:?}");
}

#[tokio::test]
async fn debug_and_client_show_no_key() {
    let embedder = builder("https://host.example/v1").key(Secret::new("sk-1234")).build().unwrap();
    let shown = format!("{embedder:?}");
    assert_eq!(shown, r#"OpenAiEmbedder { id: "openai:test-model/8@host.example/v1", key: Some(***) }"#);
    assert!(!format!("{:?}", embedder.caller).contains("1234"));
}

#[tokio::test]
async fn rate_limit_is_waited_for() {
    for wait in ["Retry-After: 0\r\n", "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n"] {
        let fake = Fake::start(move |n, request| match n {
            0 | 1 => Answer::new(429, "").with(wait),
            _ => embeddings(request),
        });
        let fake = fake.await;
        let vectors = builder(&fake.base).build().unwrap().embed(&texts(["one"])).await.unwrap();
        assert_eq!(vectors, [Embedding::new(vector("one")).unwrap()]);
        let asked = fake.asked();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[0].body, asked[2].body);
    }
}

#[tokio::test]
async fn wait_beyond_the_longest_is_told_and_not_taken() {
    let fake = Fake::start(|_, _| Answer::new(429, "").with("Retry-After: 3600\r\n")).await;
    let error = refused(builder(&fake.base)).await;
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    assert!(error.message().ends_with("answers 429; try again in 3600 s"), "{error}");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn empty_account_is_not_asked_again() {
    let body = json!({"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}});
    let fake = Fake::start(move |_, _| Answer::new(429, &body).with("Retry-After: 0\r\n")).await;
    let error = refused(builder(&fake.base)).await;
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    assert!(error.message().contains("(You exceeded your current quota); check plan and billing"), "{error}");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn attempts_end() {
    let fake = Fake::start(|_, _| Answer::new(500, "").with("Retry-After: 0\r\n")).await;
    assert_eq!(refused(builder(&fake.base)).await.kind(), ErrorKind::Unavailable);
    assert_eq!(fake.asked().len(), 4);
}

#[tokio::test]
async fn later_batch_that_fails_fails_the_call() {
    let fake = Fake::start(|n, request| match n {
        0 => embeddings(request),
        _ => Answer::new(400, ""),
    });
    let fake = fake.await;
    assert_eq!(refused(builder(&fake.base).batch(1)).await.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn redirect_is_not_followed() {
    let fake = Fake::start(|_, _| Answer::new(308, "").with("Location: /elsewhere\r\n")).await;
    let error = refused(builder(&fake.base).key(Secret::new("sk-1234"))).await;
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("redirects"), "{error}");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn reply_over_the_limit_is_too_large() {
    let limit = REPLY_BYTES + 2 * DIMENSIONS * COMPONENT_BYTES;
    let body = json!({"data": [good(0), good(1)]}).to_string();
    let padded = |bytes: usize| format!("{body}{}", " ".repeat(bytes - body.len()));
    let fits = Fake::always(200, &padded(limit)).await;
    assert_eq!(builder(&fits.base).build().unwrap().embed(&texts(["a", "b"])).await.unwrap().len(), 2);
    let fake = Fake::always(200, &padded(limit + 1)).await;
    assert_eq!(refused(builder(&fake.base)).await.kind(), ErrorKind::TooLarge);
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn reply_without_end_is_left_at_the_limit() {
    let (listener, base) = listener().await;
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let _ = stream.read(&mut [0; 4096]).await.unwrap(); // the request
        let limit = REPLY_BYTES + 2 * DIMENSIONS * COMPONENT_BYTES;
        let reply = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(limit + 1));
        stream.write_all(reply.as_bytes()).await.unwrap();
        std::future::pending::<()>().await; // and the connection stays open
    });
    assert_eq!(refused(builder(&base).timeout(Duration::from_secs(20))).await.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn dead_server_is_unavailable() {
    let (_held, base) = dead();
    let error = refused(builder(&base).attempts(1)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("cannot be reached"), "{error}");
    assert!(error.source().is_some());
    assert!(!format!("{error:?}").contains("/embeddings"), "no address but the host is shown: {error:?}");
}

#[tokio::test]
async fn silent_server_is_unavailable_and_not_asked_again() {
    let (listener, base) = listener().await;
    let held = Arc::new(Mutex::new(Vec::new()));
    let hold = Arc::clone(&held);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            hold.lock().unwrap().push(stream);
        }
    });
    let error = refused(builder(&base).timeout(Duration::from_millis(500)).attempts(2)).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("takes longer than the timeout"), "{error}");
    assert_eq!(held.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn broken_connection_is_tried_again() {
    let (listener, base) = listener().await;
    let hangs_up = tokio::spawn(async move {
        for _ in 0..2 {
            let mut stream = listener.accept().await.unwrap().0;
            let _ = stream.read(&mut [0; 4096]).await.unwrap(); // the request, and no answer
        }
    });
    let error = refused(builder(&base).attempts(2)).await;
    assert!(hangs_up.is_finished(), "there was one attempt");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("breaks the connection"), "{error}");
}

#[test]
fn id_names_model_dimensions_and_place() {
    let id = |builder: Builder| builder.build().unwrap().id().0;
    let openai = || OpenAiEmbedder::builder("text-embedding-3-small", 1536);
    assert_eq!(id(openai()), "openai:text-embedding-3-small/1536@api.openai.com/v1");
    assert_eq!(id(openai().text_bytes(500)), "openai:text-embedding-3-small/1536/500b@api.openai.com/v1");
    assert_eq!(
        id(openai().base_url("http://127.0.0.1:8080/")),
        "openai:text-embedding-3-small/1536@127.0.0.1:8080"
    );
}

#[test]
fn options_out_of_range_are_refused() {
    let local = || builder("http://localhost:1/v1");
    assert!(local().build().is_ok());
    for (builder, why) in [
        (OpenAiEmbedder::builder(" ", 8), "the model has no name"),
        (OpenAiEmbedder::builder("test-model", 0), "dimensions are 1 to 65536"),
        (OpenAiEmbedder::builder("test-model", usize::MAX), "dimensions are 1 to 65536"),
        (local().batch(0), "a batch is 1 to 2048 texts"),
        (local().batch(2049), "a batch is 1 to 2048 texts"),
        (local().text_bytes(0), "a text is 1 to 300000 bytes"),
        (local().text_bytes(300_001), "a text is 1 to 300000 bytes"),
        (local().timeout(Duration::ZERO), "timeout"),
        (local().attempts(0), "at least one attempt"),
        (local().key(Secret::new("")), "the key is empty"),
        (local().key(Secret::new("sk-1234\n")), "the key has characters"),
        (local().base_url("http://host.example/v1").key(Secret::new("sk-1234")), "plain http"),
        (local().base_url("https://user:sk-1234@host.example/v1"), "credentials"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Invalid, "openai.build"), "{why}");
        assert!(error.message().contains(why), "{error}");
        assert!(!format!("{error:?}").contains("1234"), "{error:?}");
    }
}
