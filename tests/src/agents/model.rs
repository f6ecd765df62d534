//! A language model that says what it is told to, over the wires that coding agents speak.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// What the model has an agent do, one thing a turn; when all is done it says so.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    /// Write a file, at a path relative to the checkout.
    Write { path: String, content: String },
    /// Run a command with the shell.
    Shell(String),
}

/// A server of one model; it lives as long as the tests.
pub(crate) struct Model {
    /// Up to the part before `/chat/completions`.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

/// Tokens that each call reports, question and answer.
pub(crate) const USAGE: (u64, u64) = (10, 5);

impl Model {
    /// Starts a model that takes agents through `turns`; they see their checkout at `work`.
    pub(crate) fn start(turns: Vec<Turn>, work: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<(String, Value)>>>::default();
        let log = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (turns, log) = (turns.clone(), log.clone());
                thread::spawn(move || {
                    // Who hangs up half-way is an agent that was stopped.
                    let _ = serve(stream.unwrap(), &turns, work, &log);
                });
            }
        });
        Self { url, asked }
    }

    /// Every question so far, with its path.
    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    turns: &[Turn],
    work: &str,
    log: &Mutex<Vec<(String, Value)>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    log.lock().unwrap().push((path.clone(), question.clone()));
    let (kind, answer) = match path.as_str() {
        "/v1/chat/completions" => chat(&question, turns, work),
        "/v1/responses" => ("text/event-stream", responses(&question, turns, work)),
        _ => ("application/json", "{}".to_owned()),
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    )
}

/// The tool call of a turn with the tools that there are: its name and arguments.
fn call(turn: &Turn, tools: &[String], work: &str) -> (String, Value) {
    let has = |name: &str| tools.iter().any(|tool| tool == name);
    let command = match turn {
        Turn::Write { path, content } => {
            if has("write") {
                return ("write".into(), json!({"filePath": format!("{work}/{path}"), "content": content}));
            }
            format!("printf %s {} | base64 -d >{work}/{path}", BASE64_STANDARD.encode(content))
        }
        Turn::Shell(command) => command.clone(),
    };
    for (name, arguments) in [
        ("exec_command", json!({"cmd": command})),
        ("shell_command", json!({"command": command})),
        ("shell", json!({"command": ["sh", "-c", command]})),
        ("bash", json!({"command": command, "description": "a step"})),
    ] {
        if has(name) {
            return (name.into(), arguments);
        }
    }
    panic!("no tool fits among {tools:?}");
}

/// What the model says: `Done.`, or where a form is asked for, a form with `About NAME.` in each field.
fn text(question: &Value) -> String {
    match question.pointer("/response_format/json_schema/schema/properties").and_then(Value::as_object) {
        Some(fields) => {
            let fields = fields.keys().map(|name| (name.clone(), json!(format!("About {name}."))));
            Value::Object(fields.collect()).to_string()
        }
        None => "Done.".to_owned(),
    }
}

fn chat(question: &Value, turns: &[Turn], work: &str) -> (&'static str, String) {
    let tools: Vec<String> = question["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tool| Some(tool["function"]["name"].as_str()?.to_owned()))
        .collect();
    let done = question["messages"].as_array().into_iter().flatten().filter(|m| m["role"] == "tool").count();
    // Without tools it is asked for something else, such as a title.
    let next = turns.get(done).filter(|_| !tools.is_empty());
    let (message, reason) = match next {
        Some(turn) => {
            let (name, arguments) = call(turn, &tools, work);
            let call = json!({"index": 0, "id": format!("call_{done}"), "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()}});
            (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
        }
        None => (json!({"role": "assistant", "content": text(question)}), "stop"),
    };
    let usage =
        json!({"prompt_tokens": USAGE.0, "completion_tokens": USAGE.1, "total_tokens": USAGE.0 + USAGE.1});
    if question["stream"] != true {
        let choice = json!({"index": 0, "message": message, "finish_reason": reason});
        let answer = json!({"id": "c", "object": "chat.completion", "created": 1, "model": question["model"],
            "choices": [choice], "usage": usage});
        return ("application/json", answer.to_string());
    }
    let chunk = |delta: Value, reason: Value, usage: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": question["model"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": usage})
    };
    let chunks = [chunk(message, Value::Null, Value::Null), chunk(json!({}), json!(reason), usage)];
    let events: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    ("text/event-stream", format!("{events}data: [DONE]\n\n"))
}

fn responses(question: &Value, turns: &[Turn], work: &str) -> String {
    let tools: Vec<String> = question["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tool| Some(tool["name"].as_str().or_else(|| tool["type"].as_str())?.to_owned()))
        .collect();
    let input = question["input"].as_array();
    let done = input.into_iter().flatten().filter(|item| item["type"] == "function_call_output").count();
    let item = match turns.get(done) {
        Some(turn) => {
            let (name, arguments) = call(turn, &tools, work);
            json!({"type": "function_call", "id": format!("fc_{done}"), "call_id": format!("call_{done}"),
                "name": name, "arguments": arguments.to_string(), "status": "completed"})
        }
        None => json!({"type": "message", "id": "m", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}]}),
    };
    let response = |status: &str, output: Value| {
        json!({"id": "r", "object": "response", "status": status, "model": question["model"], "output": output,
            "usage": {"input_tokens": USAGE.0, "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": USAGE.1, "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": USAGE.0 + USAGE.1}})
    };
    [
        json!({"type": "response.created", "response": response("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": response("completed", json!([item]))}),
    ]
    .iter()
    .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
    .collect()
}
