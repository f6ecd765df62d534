use serde_json::{Value, json};
use soulcaster_core::testing;

use super::*;
use crate::server::{Asked, Reply, Server};

mod faults;

/// The wires; Azure is OpenAI but for the header of its key.
const WIRES: [Wire; 4] = [Wire::Gemini, Wire::Anthropic, Wire::OpenAi, Wire::Azure];
const KEY: &str = "swordfish-0123456789";

fn config(wire: Wire, server: &Server) -> ModelConfig {
    ModelConfig {
        base_url: server.base.clone(),
        timeout: Duration::from_secs(20),
        ..ModelConfig::new(wire, "model-1", Some(Secret::new(KEY)))
    }
}

fn prompt() -> Prompt {
    Prompt {
        task: "title",
        system: "Write a title, please.".into(),
        user: "It breaks when I use a coupon.".into(),
        schema: None,
        max_tokens: 50,
    }
}

fn schema() -> Value {
    json!({"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}})
}

/// What a provider answers, ended as `end` says in its words.
fn whole(wire: Wire, text: &str, end: &str) -> Value {
    match wire {
        Wire::Gemini => json!({
            "candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": text}]},
                "finishReason": end, "index": 0}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 18},
            "modelVersion": "model-1-002",
        }),
        Wire::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "model-1-20260101",
            "content": [{"type": "text", "text": text}], "stop_reason": end, "stop_sequence": null,
            "usage": {"input_tokens": 9, "cache_read_input_tokens": 2, "output_tokens": 7},
        }),
        Wire::OpenAi | Wire::Azure => json!({
            "id": "c1", "object": "chat.completion", "created": 1, "model": "model-1-2026",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null},
                "finish_reason": end}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }),
    }
}

/// The word for an end: as it should, at the tokens, refused.
fn ends(wire: Wire) -> [&'static str; 3] {
    match wire {
        Wire::Gemini => ["STOP", "MAX_TOKENS", "SAFETY"],
        Wire::Anthropic => ["end_turn", "max_tokens", "refusal"],
        Wire::OpenAi | Wire::Azure => ["stop", "length", "content_filter"],
    }
}

/// The same as a stream: its events, one piece of text each.
fn events(wire: Wire, texts: &[&str]) -> Vec<Vec<u8>> {
    let mut events: Vec<String> = Vec::new();
    let data = |event: &Value| format!("data: {event}\n\n");
    match wire {
        Wire::Gemini => {
            for (n, text) in texts.iter().enumerate() {
                let mut event = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0}],
                    "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": n + 1}});
                if n + 1 == texts.len() {
                    event["candidates"][0]["finishReason"] = "STOP".into();
                    event["usageMetadata"] = json!({"promptTokenCount": 11, "candidatesTokenCount": 7});
                }
                events.push(data(&event).replace('\n', "\r\n"));
            }
        }
        Wire::Anthropic => {
            let named =
                |event: Value| format!("event: {}\n{}", event["type"].as_str().unwrap(), data(&event));
            events
                .push(named(json!({"type": "message_start", "message": {"id": "msg_1", "role": "assistant",
                "content": [], "model": "model-1", "usage": {"input_tokens": 11, "output_tokens": 1}}})));
            events.push(named(json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})));
            events.push(named(json!({"type": "ping"})));
            for text in texts {
                let delta = json!({"type": "text_delta", "text": text});
                events.push(named(json!({"type": "content_block_delta", "index": 0, "delta": delta})));
            }
            events.push(named(json!({"type": "content_block_stop", "index": 0})));
            events.push(named(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}})));
            events.push(named(json!({"type": "message_stop"})));
        }
        Wire::OpenAi | Wire::Azure => {
            let chunk = |delta: Value, end: Value| {
                data(
                    &json!({"id": "c1", "object": "chat.completion.chunk", "model": "model-1", "error": null,
                    "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}),
                )
            };
            events.push(chunk(json!({"role": "assistant", "content": ""}), Value::Null));
            events.extend(texts.iter().map(|text| chunk(json!({"content": text}), Value::Null)));
            events.push(chunk(json!({}), "stop".into()));
            events
                .push(data(&json!({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}})));
            events.push("data: [DONE]\n\n".into());
        }
    }
    events.into_iter().map(String::into_bytes).collect()
}

/// Whether a request asks for a stream.
fn streams(asked: &Asked) -> bool {
    asked.body["stream"] == true || asked.head.contains(":streamgeneratecontent?alt=sse ")
}

/// Checks the request as the provider does and answers it.
fn api(wire: Wire, asked: &Asked) -> Reply {
    let Asked { head, body } = asked;
    let (path, key) = match wire {
        Wire::Gemini if streams(asked) => {
            ("/models/model-1:streamgeneratecontent?alt=sse", "x-goog-api-key: ")
        }
        Wire::Gemini => ("/models/model-1:generatecontent", "x-goog-api-key: "),
        Wire::Anthropic => ("/messages", "x-api-key: "),
        Wire::OpenAi => ("/chat/completions", "authorization: bearer "),
        Wire::Azure => ("/chat/completions", "api-key: "),
    };
    assert!(head.starts_with(&format!("post {path} http/1.1\r\n")), "{head}");
    assert!(head.contains(&format!("\r\n{key}{KEY}")), "{head}");
    let (user, most, known): (_, _, &[&str]) = match wire {
        Wire::Gemini => {
            let user = &body["contents"][0]["parts"][0]["text"];
            (
                user,
                &body["generationConfig"]["maxOutputTokens"],
                &["contents", "generationConfig", "systemInstruction"],
            )
        }
        Wire::Anthropic => {
            assert!(head.contains("\r\nanthropic-version: 2023-06-01"), "{head}");
            let known: &[&str] =
                &["model", "max_tokens", "messages", "system", "stream", "tools", "tool_choice"];
            (&body["messages"][0]["content"], &body["max_tokens"], known)
        }
        Wire::OpenAi | Wire::Azure => {
            assert_eq!(body["messages"][0]["role"], "system");
            let known: &[&str] =
                &["model", "messages", "max_tokens", "stream", "stream_options", "response_format"];
            (&body["messages"][1]["content"], &body["max_tokens"], known)
        }
    };
    assert!(body.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{body}");
    assert!(wire == Wire::Gemini || body["model"] == "model-1", "{body}");
    assert!(!user.as_str().unwrap().is_empty() && most.as_u64().unwrap() > 0, "{body}");
    if streams(asked) {
        return Reply::new(200, events(wire, &["Coupons ", "break", " it"]).concat());
    }
    Reply::json(200, &whole(wire, "Coupons break it", ends(wire)[0]))
}

#[tokio::test]
async fn every_wire_conforms_and_asks_as_its_provider_wants() {
    for wire in WIRES {
        let server = Server::start(move |_, asked| api(wire, asked)).await;
        let model = RemoteModel::new(config(wire, &server)).unwrap();
        testing::language(&model).await;
        let expected = Completion {
            text: "Coupons break it".into(),
            model: "model-1".into(),
            input_tokens: 11,
            output_tokens: 7,
        };
        assert_eq!(model.complete(&prompt()).await.unwrap(), expected, "{wire:?}");
        let mut pieces = Vec::new();
        let streamed = model.stream(&prompt(), &mut |piece| pieces.push(piece.to_owned())).await.unwrap();
        assert_eq!(streamed, expected, "{wire:?}");
        assert_eq!(pieces, ["Coupons ", "break", " it"], "{wire:?}");
    }
}

#[tokio::test]
async fn schema_goes_natively_and_where_it_is_refused_in_words() {
    for wire in WIRES {
        let native = move |body: &Value| match wire {
            Wire::Gemini => body["generationConfig"]["responseJsonSchema"].clone(),
            Wire::Anthropic => body["tools"][0]["input_schema"].clone(),
            Wire::OpenAi | Wire::Azure => body["response_format"]["json_schema"]["schema"].clone(),
        };
        let server = Server::start(move |n, asked| match (n, wire) {
            (0, Wire::Anthropic) => {
                assert_eq!(asked.body["tool_choice"], json!({"type": "tool", "name": "answer"}));
                let mut answer = whole(wire, "", "tool_use");
                answer["content"] =
                    json!([{"type": "tool_use", "id": "t", "name": "answer", "input": {"title": "x"}}]);
                Reply::json(200, &answer)
            }
            (1, _) => Reply::json(400, &json!({"error": {"message": "unknown schema"}})),
            _ => Reply::json(200, &whole(wire, "{\"title\":\"x\"}", ends(wire)[0])),
        })
        .await;
        let model = RemoteModel::new(ModelConfig { attempts: 1, ..config(wire, &server) }).unwrap();
        let prompt = Prompt { schema: Some(schema()), ..prompt() };
        for _ in 0..2 {
            assert_eq!(model.complete(&prompt).await.unwrap().text, "{\"title\":\"x\"}", "{wire:?}");
        }
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        for (n, asked) in asked.iter().enumerate() {
            let words = asked.body.to_string().contains("JSON of this schema alone");
            assert_eq!((native(&asked.body) == schema(), words), (n < 2, n == 2), "{wire:?} {n}");
        }
    }
}

#[tokio::test]
async fn schema_of_a_stream_comes_in_pieces_of_json() {
    let server = Server::start(|_, _| {
        let event = |event: Value| format!("data: {event}\n\n");
        let piece = |json: &str| {
            event(json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": json}}))
        };
        let end = event(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}}));
        Reply::new(200, [piece(""), piece("{\"title\":"), piece("\"x\"}"), end].concat())
    })
    .await;
    let model = RemoteModel::new(config(Wire::Anthropic, &server)).unwrap();
    let prompt = Prompt { schema: Some(schema()), ..prompt() };
    assert_eq!(model.stream(&prompt, &mut |_| {}).await.unwrap().text, "{\"title\":\"x\"}");
}

#[tokio::test]
async fn tokens_that_are_not_counted_are_estimated() {
    let server = Server::start(|_, _| {
        Reply::json(200, &json!({"choices": [{"message": {"content": "four"}, "finish_reason": null}]}))
    })
    .await;
    let answer = RemoteModel::new(config(Wire::OpenAi, &server)).unwrap().complete(&prompt()).await.unwrap();
    assert_eq!((answer.input_tokens, answer.output_tokens), (18, 2));
}

#[test]
fn newer_models_have_their_own_word_for_the_limit() {
    for (model, word) in [
        ("gpt-5-mini", "max_completion_tokens"),
        ("vendor/o3", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("llama3:8b", "max_tokens"),
    ] {
        assert_eq!(Wire::OpenAi.body(model, &prompt(), false, true)[word], 50, "{model}");
    }
}

#[tokio::test]
async fn small_tasks_go_to_the_small_model() {
    let named =
        |name: &str| Arc::new(testing::ScriptedModel::new().always("title", name).always("plan", name));
    let routed = RoutedModel::new(named("main"), named("mini"));
    let ask = async |task| routed.complete(&Prompt { task, ..prompt() }).await.unwrap().text;
    assert_eq!((ask("title").await, ask("plan").await), ("mini".into(), "main".into()));
}

#[test]
fn unfit_parts_are_refused_and_the_key_is_shown_nowhere() {
    let good = || ModelConfig {
        base_url: "http://127.0.0.1:1".into(),
        ..ModelConfig::new(Wire::Gemini, "m", Some(Secret::new(KEY)))
    };
    let model = RemoteModel::new(good()).unwrap();
    assert!(!format!("{model:?} {:?}", good()).contains(KEY));
    for (config, why) in [
        (ModelConfig { model: " ".into(), ..good() }, "name of a model"),
        (ModelConfig { model: "a?b".into(), ..good() }, "name of a model"),
        (ModelConfig { model: "../../x".into(), ..good() }, "name of a model"),
        (ModelConfig { model: String::new(), ..good() }, "no name"),
        (ModelConfig { attempts: 0, ..good() }, "attempt"),
        (ModelConfig { answer_bytes: 0, ..good() }, "byte"),
        (ModelConfig { timeout: Duration::ZERO, ..good() }, "timeout"),
        (ModelConfig { base_url: String::new(), ..good() }, "base URL"),
        (ModelConfig { base_url: "http://models.example".into(), ..good() }, "plain http"),
        (ModelConfig { key: Some(Secret::new(format!("{KEY}\n"))), ..good() }, "no header carries"),
        (ModelConfig { key: Some(Secret::new("")), ..good() }, "empty"),
    ] {
        let error = RemoteModel::new(config).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Invalid, "model.build"), "{error}");
        assert!(error.message().contains(why), "{why}: {error}");
        assert!(!format!("{error:?}").contains(KEY));
    }
}
