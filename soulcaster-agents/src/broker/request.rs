//! Questions of an agent, and what of them is passed on.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::UpstreamConfig;

/// The forms in which models are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// OpenAI chat completions.
    Chat,
    /// OpenAI responses.
    Responses,
    /// Anthropic messages.
    Messages,
}

impl Wire {
    /// The form that is spoken at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => Self::Chat,
            "/responses" => Self::Responses,
            "/messages" => Self::Messages,
            _ => return None,
        })
    }

    /// Its path behind the base URL.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }
}

/// A call that is not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

fn refuse<T>(status: StatusCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { status, message: message.into() })
}

/// Tools that the agent runs itself. Every other is run by the provider, which has a network.
fn is_local(tool: &Value) -> bool {
    let Some(kind) = tool.get("type").and_then(Value::as_str) else { return true };
    matches!(kind, "function" | "custom" | "local_shell" | "apply_patch" | "namespace")
        || ["bash_", "text_editor_", "memory_"].iter().any(|start| kind.starts_with(start))
}

/// Rewrites a question: the one model, at most so many tokens of answer, usage reported, and nothing that a provider
/// would do with a network.
pub(super) fn prepare(wire: Wire, body: &[u8], config: &UpstreamConfig) -> Result<Vec<u8>, Refusal> {
    let Ok(Value::Object(mut question)) = serde_json::from_slice(body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is no JSON object");
    };
    if question.values().any(|value| fetches(value, 0)) {
        return refuse(StatusCode::FORBIDDEN, "the broker lets nothing be fetched by its address");
    }
    question.insert("model".to_owned(), json!(config.model));
    if let Some(Value::Array(tools)) = question.get_mut("tools") {
        tools.retain(is_local);
        if tools.is_empty() {
            question.remove("tools");
            question.remove("tool_choice");
        }
    }
    for name in [
        "n",
        "best_of",
        "background",
        "conversation",
        "prompt",
        "plugins",
        "web_search_options",
        "mcp_servers",
        "container",
        "models",
        "route",
        "provider",
        "service_tier",
    ] {
        question.remove(name);
    }
    cap(wire, &mut question, config.max_tokens);
    if wire == Wire::Chat && question.get("stream") == Some(&Value::Bool(true)) {
        question.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    serde_json::to_vec(&question).or_else(|_| refuse(StatusCode::BAD_REQUEST, "the body cannot be written"))
}

fn cap(wire: Wire, question: &mut Map<String, Value>, most: u64) {
    let names: &[&str] = match wire {
        // Servers differ in which of the two they take, so none is added.
        Wire::Chat => &["max_tokens", "max_completion_tokens"],
        Wire::Responses => &["max_output_tokens"],
        Wire::Messages => &["max_tokens"],
    };
    for name in names {
        match question.get(*name) {
            Some(value) if value.as_u64().is_some_and(|tokens| tokens <= most) => {}
            None if wire == Wire::Chat => {}
            _ => {
                question.insert((*name).to_owned(), json!(most));
            }
        }
    }
}

/// Whether a part of a question has the provider fetch something. Arguments of tools are text and are not looked into.
fn fetches(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(values) => values.iter().any(|value| fetches(value, depth + 1)),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let by_address =
                matches!(name.as_str(), "image_url" | "file_url" | "video_url" | "audio_url" | "url")
                    && address(value)
                    && fields.contains_key("type");
            let schema = matches!(name.as_str(), "parameters" | "input_schema" | "schema");
            by_address || (!schema && depth < 64 && fetches(value, depth + 1))
        }),
        _ => false,
    }
}

fn address(value: &Value) -> bool {
    let text = value.as_str().or_else(|| value.get("url")?.as_str());
    text.is_some_and(|text| !text.trim_start().to_ascii_lowercase().starts_with("data:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(wire: Wire, question: &Value) -> Result<Value, Refusal> {
        let config =
            UpstreamConfig { max_tokens: 100, ..UpstreamConfig::new("http://127.0.0.1", "the-model") };
        let body = prepare(wire, question.to_string().as_bytes(), &config)?;
        Ok(serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn model_tokens_and_usage_are_the_brokers_to_say() {
        let asked = json!({"model": "dearest", "stream": true, "max_tokens": 7, "n": 9,
            "max_completion_tokens": 5000, "stream_options": {"include_usage": false}, "messages": []});
        let passed = json!({"model": "the-model", "stream": true, "max_tokens": 7,
            "max_completion_tokens": 100, "stream_options": {"include_usage": true}, "messages": []});
        assert_eq!(ask(Wire::Chat, &asked).unwrap(), passed);
        let none = json!({"input": "hello", "background": true});
        let passed = json!({"input": "hello", "model": "the-model", "max_output_tokens": 100});
        assert_eq!(ask(Wire::Responses, &none).unwrap(), passed);
        assert_eq!(ask(Wire::Messages, &json!({"max_tokens": -1})).unwrap()["max_tokens"], 100);
        assert_eq!(ask(Wire::Chat, &json!([1])).unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn tools_that_the_provider_runs_are_left_out() {
        let asked = json!({"tools": [
            {"type": "function", "function": {"name": "write"}}, {"type": "web_search"}, {"name": "Write"},
            {"type": "web_fetch_20250910", "name": "web_fetch"}, {"type": "mcp", "server_url": "https://evil.example"},
            {"type": "code_interpreter"}, {"type": "custom", "name": "apply_patch"}, {"type": "bash_20250124"},
        ], "mcp_servers": [{"type": "url", "name": "x"}], "web_search_options": {}, "plugins": [{"id": "web"}]});
        let passed = ask(Wire::Messages, &asked).unwrap();
        assert_eq!(
            passed["tools"],
            json!([{"type": "function", "function": {"name": "write"}}, {"name": "Write"},
            {"type": "custom", "name": "apply_patch"}, {"type": "bash_20250124"}])
        );
        for gone in ["mcp_servers", "web_search_options", "plugins"] {
            assert_eq!(passed.get(gone), None);
        }
        let only = json!({"tools": [{"type": "web_search"}], "tool_choice": "required"});
        assert_eq!(ask(Wire::Responses, &only).unwrap().get("tool_choice"), None);
    }

    #[test]
    fn nothing_is_fetched_for_the_agent() {
        let url = "https://evil.example/?secret";
        for part in [
            json!({"type": "image_url", "image_url": {"url": url}}),
            json!({"type": "input_image", "image_url": url}),
            json!({"type": "input_file", "file_url": url}),
            json!({"type": "image", "source": {"type": "url", "url": url}}),
        ] {
            let asked = json!({"messages": [{"role": "user", "content": [part]}]});
            assert_eq!(ask(Wire::Chat, &asked).unwrap_err().status, StatusCode::FORBIDDEN, "{asked}");
        }
        for part in [
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}),
            json!({"type": "text", "text": url}),
            json!({"type": "function_call", "arguments": format!("{{\"type\":\"x\",\"url\":\"{url}\"}}")}),
        ] {
            assert!(ask(Wire::Chat, &json!({"messages": [{"content": [part]}]})).is_ok());
        }
        let schema = json!({"tools": [{"type": "function", "function": {"name": "fetch", "parameters":
            {"type": "object", "properties": {"url": {"type": "string", "description": "where"}}}}}]});
        assert!(ask(Wire::Chat, &schema).is_ok());
    }
}
