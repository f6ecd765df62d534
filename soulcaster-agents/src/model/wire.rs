//! What differs between providers: where requests go, what they say, what answers mean.

use reqwest::header::{AUTHORIZATION, HeaderName};
use serde_json::Value;
use soulcaster_core::port::Prompt;

use super::{anthropic, gemini, openai};

/// How a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// `POST {base}/models/{model}:generateContent`.
    Gemini,
    /// `POST {base}/messages`.
    Anthropic,
    /// `POST {base}/chat/completions`, with a bearer token: OpenAI and servers that speak as it does.
    OpenAi,
    /// The same, with the key in the header `api-key`; the base ends with `/openai/v1`.
    Azure,
}

/// What a server has said so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    /// Absent until the server says that it has ended.
    pub(super) end: Option<End>,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Done,
    /// It was cut off at its tokens.
    Length,
    /// The model, or a filter before it, does not want to answer.
    Refused,
}

impl Wire {
    /// Where it is spoken unless somebody says otherwise; empty where everybody has a place of their own.
    #[must_use]
    pub fn base_url(self) -> &'static str {
        match self {
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Azure => "",
        }
    }

    pub(super) fn path(self, model: &str, stream: bool) -> (String, Option<&'static str>) {
        match self {
            // The API lists its models with this before their names.
            Self::Gemini if model.starts_with("models/") => self.path(&model["models/".len()..], stream),
            Self::Gemini if stream => (format!("models/{model}:streamGenerateContent"), Some("alt=sse")),
            Self::Gemini => (format!("models/{model}:generateContent"), None),
            Self::Anthropic => ("messages".into(), None),
            Self::OpenAi | Self::Azure => ("chat/completions".into(), None),
        }
    }

    pub(super) fn key_header(self) -> (HeaderName, &'static str) {
        match self {
            Self::Gemini => (HeaderName::from_static("x-goog-api-key"), ""),
            Self::Anthropic => (HeaderName::from_static("x-api-key"), ""),
            Self::OpenAi => (AUTHORIZATION, "Bearer "),
            Self::Azure => (HeaderName::from_static("api-key"), ""),
        }
    }

    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Anthropic => &[("anthropic-version", "2023-06-01")],
            _ => &[],
        }
    }

    /// The request. Without `native` a schema stands in the instructions alone.
    pub(super) fn body(self, model: &str, prompt: &Prompt, stream: bool, native: bool) -> Value {
        let schema = prompt.schema.as_ref();
        let mut system = prompt.system.clone();
        if let (false, Some(schema)) = (native, schema) {
            system = format!("{system}\n\nAnswer with JSON of this schema alone: {schema}").trim().to_owned();
        }
        let ask = Ask { model, system, prompt, schema: schema.filter(|_| native), stream };
        match self {
            Self::Gemini => gemini::body(&ask),
            Self::Anthropic => anthropic::body(&ask),
            Self::OpenAi | Self::Azure => openai::body(&ask),
        }
    }

    /// Reads a whole answer; nothing when it is none.
    pub(super) fn read(self, body: &Value) -> Option<Answer> {
        match self {
            Self::Gemini => gemini::read(body),
            Self::Anthropic => anthropic::read(body),
            Self::OpenAi | Self::Azure => openai::read(body),
        }
    }

    /// Adds an event of a stream to `answer`.
    pub(super) fn event(self, event: &Value, answer: &mut Answer) {
        match self {
            Self::Gemini => gemini::event(event, answer),
            Self::Anthropic => anthropic::event(event, answer),
            Self::OpenAi | Self::Azure => openai::event(event, answer),
        }
    }
}

/// What a request says.
pub(super) struct Ask<'a> {
    pub(super) model: &'a str,
    pub(super) system: String,
    pub(super) prompt: &'a Prompt,
    pub(super) schema: Option<&'a Value>,
    pub(super) stream: bool,
}
