//! Answers of a language model as JSON of a schema.

use serde::de::DeserializeOwned;
use serde_json::{Deserializer, Value};

use crate::engine::conform::conform;
use crate::engine::sanitise::{fence, sanitise};
use crate::error::{Error, ErrorKind, Result};
use crate::port::language::{LanguageModel, Prompt};

/// How often a model may mend its answer.
const REPAIRS: usize = 2;
/// Most bytes of an answer.
const ANSWER_BYTES: usize = 256 * 1024;
/// Places in an answer where JSON is looked for.
const PLACES: usize = 64;
/// Bytes of a wrong answer that are shown to the model again.
const SHOWN_BYTES: usize = 4 * 1024;

/// What a model answered, and which.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered<T> {
    /// The answer.
    pub value: T,
    /// The model that wrote it.
    pub model: String,
}

/// Asks for JSON of `prompt.schema` and reads it as a `T`.
///
/// The JSON may stand between code fences or sentences. It has to conform to the schema and to be a `T`, which refuses
/// unknown fields if it is declared so. What does not is told to the model with the reason, at most twice.
///
/// # Errors
/// `Invalid` when the prompt has no schema; `Unexpected` when the second repair is wrong as well; those of the model.
/// Whoever calls has something of its own to fall back on.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use serde_json::json;
/// use soulcaster_core::{flow::ask_json, port::Prompt, testing::ScriptedModel};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Title {
///     title: String,
/// }
/// let model = ScriptedModel::new().then("I cannot say.").then("Sure:\n```json\n{\"title\": \"It crashes\"}\n```");
/// let schema = json!({"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}});
/// let prompt = Prompt { task: "title", schema: Some(schema), ..Prompt::default() };
/// let answered = ask_json::<Title>(&model, &prompt).await?;
/// assert_eq!(answered.value.title, "It crashes");
/// assert_eq!(model.prompts().len(), 2);
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
pub async fn ask_json<T: DeserializeOwned>(
    model: &dyn LanguageModel,
    prompt: &Prompt,
) -> Result<Answered<T>> {
    let Some(schema) = &prompt.schema else {
        return Err(Error::invalid("answer.ask", format!("the prompt for {} has no schema", prompt.task)));
    };
    let mut asked = prompt.clone();
    let mut repairs = 0;
    loop {
        let completion = model.complete(&asked).await?;
        let fault = match read(&completion.text, schema) {
            Ok(value) => return Ok(Answered { value, model: completion.model }),
            Err(fault) => fault,
        };
        if repairs == REPAIRS {
            let (name, task) = (&completion.model, prompt.task);
            let message = format!("{name} answers {task} wrongly also after {REPAIRS} repairs: {fault}");
            return Err(Error::new(ErrorKind::Unexpected, "answer.ask", message));
        }
        repairs += 1;
        let answer = fence("answer", &sanitise(&completion.text, SHOWN_BYTES));
        asked.user = format!(
            "{}\n\nYour last answer cannot be used: {fault}. It is below, as data. Give the whole answer again, as \
             JSON of the schema alone, without that fault.\n{answer}",
            prompt.user
        );
    }
}

/// The first JSON in `text` that conforms and is a `T`, or what is wrong with the first JSON there is.
fn read<T: DeserializeOwned>(text: &str, schema: &Value) -> Result<T, String> {
    if text.len() > ANSWER_BYTES {
        return Err(format!("it is longer than {ANSWER_BYTES} bytes"));
    }
    let mut fault = None;
    let mut start = 0;
    for _ in 0..PLACES {
        let Some(found) = text[start..].find(['{', '[']) else { break };
        start += found;
        let mut values = Deserializer::from_str(&text[start..]).into_iter::<Value>();
        let (why, length) = match values.next() {
            Some(Ok(value)) => match conform(&value, schema).map(|()| serde_json::from_value(value)) {
                Ok(Ok(value)) => return Ok(value),
                // Without the words of serde: they repeat what the model wrote.
                Ok(Err(_)) => ("it does not fit its form".to_owned(), values.byte_offset()),
                Err(why) => (why, values.byte_offset()),
            },
            Some(Err(e)) if e.is_eof() => ("it is cut off before its end".to_owned(), 1),
            _ => ("it is no JSON".to_owned(), 1),
        };
        fault.get_or_insert(why);
        start += length;
    }
    Err(fault.unwrap_or_else(|| "there is no JSON in it".to_owned()))
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::testing::ScriptedModel;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
        #[serde(default)]
        marks: Vec<u8>,
    }

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["text"],
            "properties": {
                "text": {"type": "string", "maxLength": 20},
                "marks": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
            },
        })
    }

    fn prompt() -> Prompt {
        Prompt { task: "note", user: "What is it?".into(), schema: Some(schema()), ..Prompt::default() }
    }

    fn note(text: &str) -> Note {
        Note { text: text.into(), marks: vec![] }
    }

    #[tokio::test]
    async fn json_is_found_between_fences_and_sentences() {
        for text in [
            r#"{"text": "yes"}"#,
            " \n{\"text\": \"yes\"}\n",
            "```json\n{\"text\": \"yes\"}\n```",
            "Here is {the} answer [1]:\n```\n{\"text\": \"yes\"}\n```\nI hope {it} helps.",
            "{\"thought\": 1} {\"text\": \"yes\"}",
            "\u{feff}{\"text\": \"yes\"} trailing",
        ] {
            let model = ScriptedModel::new().then(text);
            let answered = ask_json::<Note>(&model, &prompt()).await.unwrap();
            assert_eq!(answered, Answered { value: note("yes"), model: "scripted".into() }, "{text}");
        }
    }

    #[tokio::test]
    async fn fault_is_told_and_mended_at_most_twice() {
        let faults = [
            ("no", "there is no JSON in it"),
            ("{text}", "it is no JSON"),
            (r#"{"text": "cut"#, "it is cut off before its end"),
            (r#"{"marks": [1]}"#, "$ has no text"),
            (r#"{"text": "much longer than it may be"}"#, "$.text is longer than 20 characters"),
            (r#"{"text": "x", "marks": [1, 2, 3]}"#, "$.marks has more than 2 items"),
            (r#"{"text": "x", "marks": [256]}"#, "it does not fit its form"),
            (r#"{"text": "x", "evil": true}"#, "it does not fit its form"),
        ];
        for (text, fault) in faults {
            let model = ScriptedModel::new().then(text).then(r#"{"text": "mended"}"#);
            assert_eq!(ask_json::<Note>(&model, &prompt()).await.unwrap().value, note("mended"));
            let asked = model.prompts().pop().unwrap().user;
            assert!(asked.starts_with("What is it?") && asked.contains(fault), "{asked}");
            assert!(asked.contains("--- begin answer "), "{asked}");

            let model = ScriptedModel::new().then(text).then(text).then(text).then(r#"{"text": "late"}"#);
            let error = ask_json::<Note>(&model, &prompt()).await.unwrap_err();
            assert_eq!((error.kind(), model.prompts().len()), (ErrorKind::Unexpected, 3), "{text}");
            assert!(error.message().ends_with(fault) && !error.message().contains("evil"), "{error}");
        }
    }

    #[tokio::test]
    async fn error_of_the_model_is_not_asked_again() {
        let model = ScriptedModel::new().fail(ErrorKind::Unavailable).then(r#"{"text": "late"}"#);
        let error = ask_json::<Note>(&model, &prompt()).await.unwrap_err();
        assert_eq!((error.kind(), model.prompts().len()), (ErrorKind::Unavailable, 1));
        let error = ask_json::<Note>(&model, &Prompt::default()).await.unwrap_err();
        assert_eq!((error.kind(), model.prompts().len()), (ErrorKind::Invalid, 1));
    }

    #[test]
    fn huge_and_deep_answers_are_refused_quickly() {
        assert!(read::<Note>(&"[".repeat(ANSWER_BYTES), &schema()).is_err());
        assert!(read::<Note>(&"{\"a\":".repeat(ANSWER_BYTES / 5), &schema()).is_err());
        let why = read::<Note>(&" ".repeat(ANSWER_BYTES + 1), &schema()).unwrap_err();
        assert!(why.contains("longer"), "{why}");
    }

    proptest! {
        #[test]
        fn any_text_around_leaves_the_answer_readable(before in "[^{\\[]{0,40}", after in any::<String>()) {
            let text = format!("{before}{{\"text\": \"yes\"}}{after}");
            prop_assert_eq!(read::<Note>(&text, &schema()), Ok(note("yes")));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\":,a1\\\\é]{0,200}") {
            let _ = read::<Note>(&text, &schema());
        }
    }
}
