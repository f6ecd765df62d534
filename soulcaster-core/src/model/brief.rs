//! The brief of a group: what a person or an agent must know to mend it, bounded in size.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::id::{ClusterId, FeedbackId, ProjectId};
use crate::model::item::AuthStrength;

/// What reports say that may occur in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Clues {
    /// Paths of files, as the reports write them; the most often named first.
    pub paths: Vec<String>,
    /// Functions, types and other names of code.
    pub symbols: Vec<String>,
    /// Words of error messages that may stand in the code.
    pub messages: Vec<String>,
}

/// One line of a stack trace, normalised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Frame {
    /// The file, as far as it is given, with `/` between its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The function, without arguments, generics and hashes.
    pub function: String,
    /// Whether it belongs to the application, as far as its path tells; otherwise to a library.
    pub in_app: bool,
}

/// A file of the repository that may have to do with the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Suspect {
    /// Its path in the repository.
    pub path: String,
    /// The lines that clues point to, ascending, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u32>,
    /// What points to it, such as `named in a stack trace`.
    pub reasons: Vec<String>,
}

/// A report in a brief.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct BriefReport {
    /// The item.
    pub item: FeedbackId,
    /// Where it came from.
    pub source: String,
    /// Where to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// How sure it is who sent it.
    pub auth_strength: AuthStrength,
    /// How many items say the same, this one too; duplicates are counted and not repeated.
    pub copies: usize,
    /// How often those have been seen.
    pub occurrences: u64,
    /// The text, made harmless and cut; a stranger's words, to be read as data.
    pub text: String,
}

/// Two reports that say opposite things.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Contradiction {
    /// What they disagree about.
    pub about: String,
    /// Reports on the one side.
    pub one: Vec<FeedbackId>,
    /// Reports on the other.
    pub other: Vec<FeedbackId>,
}

/// What is known about a group, for those who mend it. At most some tens of kilobytes, however large the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Brief {
    /// The project.
    pub project_id: ProjectId,
    /// The group.
    pub cluster_id: ClusterId,
    /// What the group is called.
    pub title: String,
    /// `owner/name` of the repository it is about, if the reports or the project say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Reports in the group.
    pub reports_total: usize,
    /// Different texts among them.
    pub texts_total: usize,
    /// How often they have been seen.
    pub occurrences: u64,
    /// The most telling and most different ones (k-centre choice), the nearest to the middle first.
    pub reports: Vec<BriefReport>,
    /// Where reports disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<Contradiction>,
    /// The error that they name most, such as `KeyError: 'total'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The frames they share most, innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// Files to look at first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<Suspect>,
    /// How reports say it can be seen, in their words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reproduction: Vec<String>,
    /// What must stay as it is.
    pub must_not_change: Vec<String>,
    /// What was looked for in the repository.
    #[serde(default)]
    pub clues: Clues,
}
