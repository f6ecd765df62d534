//! Chat completions, <https://platform.openai.com/docs/api-reference/chat>.

use serde_json::{Value, json};

use super::wire::{Answer, Ask, End};

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut messages = Vec::new();
    if !ask.system.is_empty() {
        messages.push(json!({"role": "system", "content": ask.system}));
    }
    messages.push(json!({"role": "user", "content": ask.prompt.user}));
    let mut body = json!({"model": ask.model, "messages": messages});
    body[limit(ask.model)] = ask.prompt.answer_tokens().into();
    if let Some(schema) = ask.schema {
        // Not strict: that takes a part of JSON Schema alone, and what comes is checked anyway.
        let schema = json!({"name": "answer", "schema": schema, "strict": false});
        body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
    }
    if ask.stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

/// Models that think know the one name, other servers the older one.
fn limit(model: &str) -> &'static str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let thinks = ["gpt-5", "gpt-6", "o1", "o3", "o4"].iter().any(|start| name.starts_with(start));
    if thinks { "max_completion_tokens" } else { "max_tokens" }
}

pub(super) fn read(body: &Value) -> Option<Answer> {
    let mut answer = Answer::default();
    let choice = body.get("choices")?.get(0)?;
    part(choice, choice.get("message")?, &mut answer);
    usage(body, &mut answer);
    // Some servers do not say how a whole answer ended.
    answer.end.get_or_insert(End::Done);
    Some(answer)
}

pub(super) fn event(event: &Value, answer: &mut Answer) {
    if let Some(choice) = event.get("choices").and_then(|choices| choices.get(0)) {
        part(choice, &choice["delta"], answer);
    }
    usage(event, answer);
}

fn part(choice: &Value, message: &Value, answer: &mut Answer) {
    answer.text.push_str(message["content"].as_str().unwrap_or_default());
    if message["refusal"].as_str().is_some_and(|refusal| !refusal.is_empty()) {
        answer.end = Some(End::Refused);
    }
    if let (Some(reason), false) = (choice["finish_reason"].as_str(), answer.end == Some(End::Refused)) {
        answer.end = Some(match reason {
            "length" => End::Length,
            "content_filter" => End::Refused,
            _ => End::Done,
        });
    }
}

fn usage(body: &Value, answer: &mut Answer) {
    answer.input = body["usage"]["prompt_tokens"].as_u64().or(answer.input);
    answer.output = body["usage"]["completion_tokens"].as_u64().or(answer.output);
}
