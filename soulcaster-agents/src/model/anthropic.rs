//! Messages, <https://docs.anthropic.com/en/api/messages>.

use serde_json::{Value, json};

use super::wire::{Answer, Ask, End};

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut body = json!({
        "model": ask.model,
        "max_tokens": ask.prompt.answer_tokens(),
        "messages": [{"role": "user", "content": ask.prompt.user}],
    });
    if !ask.system.is_empty() {
        body["system"] = ask.system.as_str().into();
    }
    if let Some(schema) = ask.schema {
        // A tool that has to be used: every model knows it, and its input may have any schema.
        let about = "Takes the answer.";
        body["tools"] = json!([{"name": "answer", "description": about, "input_schema": schema}]);
        body["tool_choice"] = json!({"type": "tool", "name": "answer"});
    }
    if ask.stream {
        body["stream"] = true.into();
    }
    body
}

pub(super) fn read(body: &Value) -> Option<Answer> {
    let mut answer = Answer::default();
    for block in body.get("content")?.as_array()? {
        match block["type"].as_str() {
            Some("text") => answer.text.push_str(block["text"].as_str()?),
            Some("tool_use") => answer.text.push_str(&block.get("input")?.to_string()),
            _ => {}
        }
    }
    usage(&body["usage"], &mut answer);
    stop(body, &mut answer);
    answer.end.get_or_insert(End::Done);
    Some(answer)
}

pub(super) fn event(event: &Value, answer: &mut Answer) {
    match event["type"].as_str() {
        Some("message_start") => usage(&event["message"]["usage"], answer),
        Some("content_block_delta") => {
            let delta = &event["delta"];
            let piece = delta["text"].as_str().or(delta["partial_json"].as_str());
            answer.text.push_str(piece.unwrap_or_default());
        }
        Some("message_delta") => {
            usage(&event["usage"], answer);
            stop(&event["delta"], answer);
        }
        _ => {}
    }
}

fn stop(message: &Value, answer: &mut Answer) {
    if let Some(reason) = message["stop_reason"].as_str() {
        answer.end = Some(match reason {
            "max_tokens" | "model_context_window_exceeded" => End::Length,
            "refusal" => End::Refused,
            _ => End::Done,
        });
    }
}

fn usage(usage: &Value, answer: &mut Answer) {
    if let Some(input) = usage["input_tokens"].as_u64() {
        let cached = |name: &str| usage[name].as_u64().unwrap_or_default();
        let cached = cached("cache_creation_input_tokens").saturating_add(cached("cache_read_input_tokens"));
        answer.input = Some(input.saturating_add(cached));
    }
    answer.output = usage["output_tokens"].as_u64().or(answer.output);
}
