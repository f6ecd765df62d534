//! Content generation, <https://ai.google.dev/api/generate-content>.

use serde_json::{Value, json};

use super::wire::{Answer, Ask, End};

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut body = json!({
        "contents": [{"role": "user", "parts": [{"text": ask.prompt.user}]}],
        "generationConfig": {"maxOutputTokens": ask.prompt.answer_tokens()},
    });
    if !ask.system.is_empty() {
        body["systemInstruction"] = json!({"parts": [{"text": ask.system}]});
    }
    if let Some(schema) = ask.schema {
        body["generationConfig"]["responseMimeType"] = "application/json".into();
        body["generationConfig"]["responseJsonSchema"] = schema.clone();
    }
    body
}

pub(super) fn read(body: &Value) -> Option<Answer> {
    let mut answer = Answer::default();
    event(body, &mut answer);
    if body.get("candidates").is_none() && answer.end.is_none() {
        return None;
    }
    answer.end.get_or_insert(End::Done);
    Some(answer)
}

pub(super) fn event(event: &Value, answer: &mut Answer) {
    if event["promptFeedback"]["blockReason"].is_string() {
        answer.end = Some(End::Refused);
    }
    let candidate = &event["candidates"][0];
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        if part["thought"] != true {
            answer.text.push_str(part["text"].as_str().unwrap_or_default());
        }
    }
    if let Some(reason) = candidate["finishReason"].as_str() {
        answer.end = Some(match reason {
            "STOP" => End::Done,
            "MAX_TOKENS" => End::Length,
            _ => End::Refused,
        });
    }
    let usage = &event["usageMetadata"];
    answer.input = usage["promptTokenCount"].as_u64().or(answer.input);
    if usage.is_object() {
        // Thoughts are paid for as the answer is.
        let count = |name: &str| usage[name].as_u64().unwrap_or_default();
        let output = count("candidatesTokenCount").saturating_add(count("thoughtsTokenCount"));
        answer.output = Some(output).filter(|output| *output > 0).or(answer.output);
    }
}
