//! What a call took, by the answer to it.

use serde_json::Value;

/// Tokens of a call, as the answer reports them or as its size suggests.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// Bytes of the question.
    asked: u64,
    /// Bytes of the answer so far.
    answered: u64,
    /// Whether the answer comes as events.
    events: bool,
    /// The end of the answer that is not read yet: a line of events, or all of it.
    open: Vec<u8>,
    input: u64,
    output: u64,
}

impl Meter {
    pub(super) fn new(asked: usize) -> Self {
        Self { asked: asked as u64, ..Self::default() }
    }

    /// Says whether the answer comes as events, before any of it is read.
    pub(super) fn is_events(&mut self, events: bool) {
        self.events = events;
    }

    /// Takes more of the answer.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.answered += bytes.len() as u64;
        if !self.events {
            self.open.extend_from_slice(bytes);
            return;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.open);
                if let Some(data) = line.strip_prefix(b"data:") {
                    self.note(data);
                }
            }
        }
    }

    /// Bytes of the answer so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Tokens of question and answer, once there is no more of the answer. What was not reported is estimated by a
    /// token for three bytes, which is more than nearly every text has.
    pub(super) fn tokens(&mut self) -> (u64, u64) {
        let rest = std::mem::take(&mut self.open);
        self.note(rest.strip_prefix(b"data:").unwrap_or(&rest));
        let input = if self.input == 0 { self.asked.div_ceil(3) } else { self.input };
        let output = if self.output == 0 { self.answered.div_ceil(3) } else { self.output };
        (input, output)
    }

    fn note(&mut self, json: &[u8]) {
        if !json.windows(7).any(|part| part == b"\"usage\"") {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(json) else { return };
        for usage in
            ["", "/response", "/message"].iter().filter_map(|at| value.pointer(&format!("{at}/usage")))
        {
            let count = |name: &str| usage.get(name).and_then(Value::as_u64).unwrap_or_default();
            // Anthropic counts what comes from and goes to its cache apart.
            let input = count("prompt_tokens").max(
                count("input_tokens")
                    + count("cache_creation_input_tokens")
                    + count("cache_read_input_tokens"),
            );
            // Events report what it is so far.
            self.input = self.input.max(input);
            self.output = self.output.max(count("completion_tokens").max(count("output_tokens")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(events: bool, parts: &[&str]) -> (u64, u64) {
        let mut meter = Meter::new(300);
        meter.is_events(events);
        parts.iter().for_each(|part| meter.read(part.as_bytes()));
        meter.tokens()
    }

    #[test]
    fn every_dialect_reports_its_usage() {
        let chat = r#"{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
        assert_eq!(tokens(false, &[&chat[..20], &chat[20..]]), (10, 5));
        let chunk = format!("data: {{\"choices\":[]}}\n\ndata: {chat}\n\ndata: [DONE]\n\n");
        assert_eq!(tokens(true, &[&chunk[..50], &chunk[50..]]), (10, 5));
        let responses = "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":\
                         {\"usage\":{\"input_tokens\":11,\"output_tokens\":6}}}";
        assert_eq!(tokens(true, &[responses]), (11, 6));
        let start = r#"data: {"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":9,"output_tokens":1}}}"#;
        let delta = r#"data:{"type":"message_delta","usage":{"output_tokens":7}}"#;
        assert_eq!(tokens(true, &[start, "\r\n\r\n", delta, "\r\n\r\n"]), (12, 7));
    }

    #[test]
    fn what_is_not_reported_is_estimated_by_its_bytes() {
        assert_eq!(tokens(false, &["not json, no usage"]), (100, 6));
        assert_eq!(tokens(true, &["data: {\"text\":\"usage\"}\n\n", "data: [DO"]), (100, 11));
        assert_eq!(tokens(true, &["data: {\"usage\":null}\n\n"]), (100, 8));
        assert_eq!(tokens(false, &[""]), (100, 0));
    }
}
