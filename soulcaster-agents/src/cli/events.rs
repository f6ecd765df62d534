//! What agents print while they work, as events.

use serde_json::Value;
use soulcaster_core::port::agent::AgentEvent;

use super::Cli;

/// The most that is kept of what an agent says, in bytes.
const TEXT: usize = 8 << 10;

/// The most that is kept of what goes into a tool or comes out of it, in bytes.
const TOOL: usize = 4 << 10;

/// Reads the lines of an agent.
#[derive(Debug)]
pub(crate) struct Reader {
    dialect: Dialect,
    /// What the agent last said of itself when something went wrong.
    trouble: Option<String>,
    /// The last lines that were no events.
    last: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Dialect {
    Opencode,
    Codex,
    Claude,
    Lines,
}

impl Reader {
    pub(crate) fn new(cli: &Cli) -> Self {
        let dialect = match cli {
            Cli::Kilo | Cli::Opencode => Dialect::Opencode,
            Cli::Codex => Dialect::Codex,
            Cli::Claude => Dialect::Claude,
            Cli::Command { .. } => Dialect::Lines,
        };
        Self { dialect, trouble: None, last: None }
    }

    /// The events of a line of output.
    pub(crate) fn read(&mut self, line: &str) -> Vec<AgentEvent> {
        if line.trim().is_empty() {
            return Vec::new();
        }
        let value = if matches!(self.dialect, Dialect::Lines) { None } else { object(line) };
        let Some(value) = value else {
            self.last = Some(cut(line, TOOL));
            return vec![AgentEvent::Output { text: cut(line, TOOL) }];
        };
        match self.dialect {
            Dialect::Opencode => self.opencode(&value),
            Dialect::Codex => self.codex(&value),
            Dialect::Claude => self.claude(&value),
            Dialect::Lines => Vec::new(),
        }
    }

    /// The last words of an agent that failed.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.trouble.clone().or_else(|| self.last.clone())
    }

    fn complain(&mut self, value: &Value) -> Vec<AgentEvent> {
        let message = value.pointer("/data/message").or_else(|| value.get("message")).unwrap_or(value);
        let text = cut(&shown(message), TOOL);
        self.trouble = Some(text.clone());
        vec![AgentEvent::Output { text }]
    }

    fn opencode(&mut self, line: &Value) -> Vec<AgentEvent> {
        let part = &line["part"];
        match line["type"].as_str() {
            Some("text") => said(&part["text"]),
            Some("tool_use") => {
                let state = &part["state"];
                let output = state.get("output").or_else(|| state.get("error"));
                vec![tool(&part["tool"], &state["input"], output)]
            }
            Some("error") => self.complain(&line["error"]),
            _ => Vec::new(),
        }
    }

    fn codex(&mut self, line: &Value) -> Vec<AgentEvent> {
        match line["type"].as_str() {
            Some("item.completed") => {}
            Some("turn.failed") => return self.complain(&line["error"]),
            Some("error") => return self.complain(line),
            _ => return Vec::new(),
        }
        let item = &line["item"];
        match item["type"].as_str() {
            Some("agent_message") => said(&item["text"]),
            Some("command_execution") => {
                vec![tool(&"shell".into(), &item["command"], item.get("aggregated_output"))]
            }
            Some("file_change") => vec![tool(&"edit".into(), &item["changes"], None)],
            Some("mcp_tool_call") => vec![tool(&item["tool"], &item["arguments"], item.get("result"))],
            Some("error") => self.complain(item),
            _ => Vec::new(),
        }
    }

    fn claude(&mut self, line: &Value) -> Vec<AgentEvent> {
        if line["type"] == "result" && line["is_error"] == true {
            return self.complain(&line["result"]);
        }
        let Some(parts) = line.pointer("/message/content").and_then(Value::as_array) else {
            return Vec::new();
        };
        let event = |part: &Value| match part["type"].as_str() {
            Some("text") => said(&part["text"]),
            Some("tool_use") => vec![tool(&part["name"], &part["input"], None)],
            Some("tool_result") => vec![AgentEvent::Output { text: cut(&shown(&part["content"]), TOOL) }],
            _ => Vec::new(),
        };
        // What it was told is no event.
        let told = line["type"] == "user";
        parts.iter().filter(|part| !told || part["type"] != "text").flat_map(event).collect()
    }
}

fn object(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

fn said(text: &Value) -> Vec<AgentEvent> {
    let text = shown(text);
    if text.trim().is_empty() { Vec::new() } else { vec![AgentEvent::Text { text: cut(&text, TEXT) }] }
}

fn tool(name: &Value, input: &Value, output: Option<&Value>) -> AgentEvent {
    let output = output.filter(|output| !output.is_null()).map(|output| cut(&shown(output), TOOL));
    AgentEvent::Tool { name: cut(&shown(name), 100), input: cut(&shown(input), TOOL), output }
}

/// A text as it is, anything else as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The beginning of a text, with a mark where it was cut.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{} […]", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cli: &Cli, lines: &[&str]) -> (Vec<AgentEvent>, Option<String>) {
        let mut reader = Reader::new(cli);
        (lines.iter().flat_map(|line| reader.read(line)).collect(), reader.last_words())
    }

    fn text(text: &str) -> AgentEvent {
        AgentEvent::Text { text: text.into() }
    }

    fn output(text: &str) -> AgentEvent {
        AgentEvent::Output { text: text.into() }
    }

    fn tool(name: &str, input: &str, output: Option<&str>) -> AgentEvent {
        AgentEvent::Tool { name: name.into(), input: input.into(), output: output.map(Into::into) }
    }

    #[test]
    fn every_agent_is_understood() {
        let kilo = read(
            &Cli::Kilo,
            &[
                r#"{"type":"step_start","part":{"type":"step-start"}}"#,
                r#"{"type":"tool_use","part":{"tool":"write","state":{"status":"completed","input":{"filePath":"a"},"output":"ok"}}}"#,
                r#"{"type":"text","part":{"text":"Done."}}"#,
                "a warning",
                r#"{"type":"error","error":{"name":"APIError","data":{"message":"no credit"}}}"#,
            ],
        );
        let events = [
            tool("write", r#"{"filePath":"a"}"#, Some("ok")),
            text("Done."),
            output("a warning"),
            output("no credit"),
        ];
        assert_eq!(kilo, (events.to_vec(), Some("no credit".into())));
        let codex = read(
            &Cli::Codex,
            &[
                r#"{"type":"thread.started","thread_id":"x"}"#,
                r#"{"type":"item.started","item":{"type":"command_execution","command":"ls"}}"#,
                r#"{"type":"item.completed","item":{"type":"command_execution","command":"ls","aggregated_output":"a\n","exit_code":0}}"#,
                r#"{"type":"item.completed","item":{"type":"agent_message","text":"Done."}}"#,
                r#"{"type":"turn.failed","error":{"message":"too long"}}"#,
            ],
        );
        let events = [tool("shell", "ls", Some("a\n")), text("Done."), output("too long")];
        assert_eq!(codex, (events.to_vec(), Some("too long".into())));
        let claude = read(
            &Cli::Claude,
            &[
                r#"{"type":"system","subtype":"init"}"#,
                r#"{"type":"assistant","message":{"content":[{"type":"text","text":"I write."},{"type":"tool_use","name":"Write","input":{}}]}}"#,
                r#"{"type":"user","message":{"content":[{"type":"text","text":"told"},{"type":"tool_result","content":"ok"}]}}"#,
                r#"{"type":"result","is_error":false,"result":"Done."}"#,
            ],
        );
        assert_eq!(claude.0, [text("I write."), tool("Write", "{}", None), output("ok")]);
        let command = Cli::Command { name: "x".into(), argv: vec![] };
        assert_eq!(read(&command, &["{}", ""]), (vec![output("{}")], Some("{}".into())));
    }

    #[test]
    fn events_are_bounded_and_odd_lines_harmless() {
        let long = format!(r#"{{"type":"text","part":{{"text":"{}"}}}}"#, "é".repeat(9000));
        let (events, _) = read(&Cli::Kilo, &[&long]);
        let AgentEvent::Text { text } = &events[0] else { panic!("{events:?}") };
        assert!(text.len() < 8300 && text.ends_with("é […]"));
        for cli in [Cli::Kilo, Cli::Codex, Cli::Claude] {
            for line in [
                "{}",
                "[]",
                "null",
                "{\"type\":1}",
                "{\"type\":\"item.completed\"}",
                "{\"type\":\"text\"}",
                "{",
                "\u{0}",
            ] {
                read(&cli, &[line]);
            }
        }
    }
}
