//! Agents that did their work before.

use std::path::Path;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use soulcaster_core::port::agent::{
    AgentEvent, AgentOutcome, AgentRunner, AgentTask, Isolation, Spend, StopReason, Transcript,
};
use soulcaster_core::{Error, ErrorKind, Result};

use crate::patch::Pristine;

const OPERATION: &str = "replay.run";

/// What an agent did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Its name.
    #[serde(default = "replay")]
    pub name: String,
    /// What happened, in order.
    #[serde(default)]
    pub events: Vec<AgentEvent>,
    /// The patch that it left.
    pub patch: String,
    /// Why it ended.
    #[serde(default = "finished")]
    pub stop_reason: StopReason,
    /// More about the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What its model calls took.
    #[serde(default)]
    pub spend: Spend,
}

fn replay() -> String {
    "replay".to_owned()
}

fn finished() -> StopReason {
    StopReason::Finished
}

/// Repeats a [`Recording`]: the events go to the transcript, and the patch is taken over if it fits the checkout.
/// Nothing is run, so nothing has to be shut in, and it says of itself that it is.
///
/// ```
/// # use soulcaster_agents::replay::ReplayRunner;
/// let runner = ReplayRunner::parse(r#"{"patch": "", "events": [{"kind": "text", "text": "Nothing to do."}]}"#)?;
/// # Ok::<_, soulcaster_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReplayRunner {
    recording: Recording,
}

impl ReplayRunner {
    /// Repeats `recording`.
    #[must_use]
    pub fn new(recording: Recording) -> Self {
        Self { recording }
    }

    /// Reads a recording, JSON.
    ///
    /// # Errors
    /// `Invalid` when it is none.
    pub fn parse(json: &str) -> Result<Self> {
        let recording = serde_json::from_str(json);
        recording
            .map(Self::new)
            .map_err(|e| Error::invalid(OPERATION, "the recording cannot be read").with_source(e))
    }

    /// Reads a recording from a file.
    ///
    /// # Errors
    /// `NotFound` when the file cannot be read, else as [`ReplayRunner::parse`].
    pub fn open(file: &Path) -> Result<Self> {
        let json = std::fs::read_to_string(file);
        let missing = |e| Error::not_found(OPERATION, "no recording can be read there").with_source(e);
        Self::parse(&json.map_err(missing)?)
    }
}

#[async_trait]
impl AgentRunner for ReplayRunner {
    fn name(&self) -> &str {
        &self.recording.name
    }

    fn isolation(&self) -> Isolation {
        Isolation::Machine
    }

    async fn run(&self, task: &AgentTask, transcript: &dyn Transcript) -> Result<AgentOutcome> {
        let recording = self.recording.clone();
        let pristine = Pristine::keep(&task.checkout).await?;
        if !recording.events.is_empty() {
            transcript.append(recording.events).await?;
        }
        let (mut stop_reason, mut message) = (recording.stop_reason, recording.message);
        let patch = match pristine.accept(recording.patch.as_bytes(), &task.budget).await {
            Ok(patch) => {
                if let Some(excess) = patch.excess {
                    (stop_reason, message) = (StopReason::Diff, Some(excess));
                }
                patch.text
            }
            Err(error) if error.kind() == ErrorKind::Invalid => {
                (stop_reason, message) = (StopReason::AgentFailed, Some(error.message().to_owned()));
                String::new()
            }
            Err(error) => return Err(error),
        };
        Ok(AgentOutcome { patch, stop_reason, message, spend: recording.spend })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use soulcaster_core::port::agent::Budget;

    use super::*;
    use crate::git::Git;

    #[derive(Default)]
    struct Notes(Mutex<Vec<AgentEvent>>);

    #[async_trait]
    impl Transcript for Notes {
        async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
            self.0.lock().unwrap().extend(events);
            Ok(())
        }
    }

    const PATCH: &str = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n";

    async fn play(patch: &str) -> (AgentOutcome, Vec<AgentEvent>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "one\n").unwrap();
        let git = Git::new(folder.path()).setting("user.name", "T").setting("user.email", "t@example.com");
        for args in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "first"]] {
            git.run(args).await.unwrap();
        }
        let recording = serde_json::json!({"name": "kilo", "patch": patch, "events": [{"kind": "text", "text": "Done."}]});
        let runner = ReplayRunner::parse(&recording.to_string()).unwrap();
        let task = AgentTask {
            job: "j".into(),
            checkout: folder.path().into(),
            instructions: String::new(),
            budget: Budget::default(),
        };
        let notes = Notes::default();
        let outcome = runner.run(&task, &notes).await.unwrap();
        assert_eq!(runner.name(), "kilo");
        (outcome, notes.0.into_inner().unwrap())
    }

    #[tokio::test]
    async fn recorded_patch_and_events_come_back() {
        let (outcome, events) = play(PATCH).await;
        assert_eq!((outcome.stop_reason, outcome.message), (StopReason::Finished, None));
        assert!(
            outcome.patch.contains("-one\n+two\n") && outcome.patch.contains("index "),
            "{}",
            outcome.patch
        );
        assert_eq!(events, [AgentEvent::Text { text: "Done.".into() }]);
    }

    #[tokio::test]
    async fn patch_for_something_else_is_a_failure_of_the_agent() {
        let (outcome, _) = play(&PATCH.replace("-one", "-nine")).await;
        assert_eq!((outcome.stop_reason, &*outcome.patch), (StopReason::AgentFailed, ""));
        assert!(outcome.message.unwrap().contains("does not fit"));
    }

    #[test]
    fn recordings_of_another_form_are_refused() {
        for odd in ["", "{}", "[]", r#"{"patch": "", "pacth": ""}"#, r#"{"patch": 1}"#] {
            assert_eq!(ReplayRunner::parse(odd).unwrap_err().kind(), ErrorKind::Invalid);
        }
        assert_eq!(ReplayRunner::open(Path::new("/no/such")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
