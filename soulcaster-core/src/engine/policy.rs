//! What a patch may change and what may be published: rules that hold whatever an agent was talked into.
//!
//! | rule | refuses |
//! | --- | --- |
//! | `malformed` | a diff that `git diff --binary` would not write |
//! | `size` | more than [`Budget`](crate::port::agent::Budget) allows |
//! | `path` | absolute paths, `..`, `.git` in any spelling, back-slashes, control and invisible characters |
//! | `protected_path` | CI, hooks, instructions for agents, editors' run settings, owners, registries' settings |
//! | `symlink`, `submodule` | links that are not relative and inside, submodules |
//! | `executable` | files that become executable and are no scripts |
//! | `binary` | bytes that nobody can review |
//! | `hidden_characters` | added lines and texts with characters that nobody sees |
//! | `registry` | packages from another place than before, scripts that run when packages are installed |
//! | `secret` | what looks like a credential |
//! | `branch`, `repository`, `base`, `title`, `body` | a publication that is not the job's |

mod glob;
mod path;
mod protected;
mod publication;
mod registry;

use std::fmt::Write as _;

use crate::engine::patch::{FileDiff, Patch};
use crate::engine::secrets::{SecretFinding, secrets};
use crate::model::fix::{FixSettings, Refusal};
use crate::model::visible::is_invisible;

pub use glob::matches;
pub use publication::{check_publication, is_branch_name};

/// No more refusals than these are listed.
const MOST_REFUSALS: usize = 100;

/// Holds a patch against the rules; nothing refused means that it may be proven and published.
///
/// No refusal repeats a secret, and what it repeats of a path is free of invisible characters.
///
/// ```
/// use soulcaster_core::engine::policy::check;
/// use soulcaster_core::model::FixSettings;
/// let patch = "diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml\n\
///     deleted file mode 100644\nindex 1..0\n--- a/.github/workflows/ci.yml\n+++ /dev/null\n@@ -1 +0,0 @@\n-on: push\n";
/// let refusals = check(patch, &FixSettings::default());
/// assert_eq!(refusals[0].rule, "protected_path");
/// assert_eq!(refusals[0].subject, ".github/workflows/ci.yml");
/// ```
#[must_use]
pub fn check(patch: &str, settings: &FixSettings) -> Vec<Refusal> {
    let mut refusals = Refusals::default();
    let budget = &settings.budget;
    if patch.len() > budget.diff_bytes {
        refusals
            .add("size", &format!("the patch has {} bytes, allowed are {}", patch.len(), budget.diff_bytes));
        return refusals.all;
    }
    let patch = match Patch::parse(patch) {
        Ok(patch) => patch,
        Err(error) => {
            refusals.add("malformed", error.message());
            return refusals.all;
        }
    };
    for (what, found, allowed) in [
        ("files", patch.files.len(), budget.diff_files),
        ("lines that change", patch.changed_lines(), budget.diff_lines),
    ] {
        if found > allowed {
            refusals.add("size", &format!("the patch has {found} {what}, allowed are {allowed}"));
        }
    }
    for file in &patch.files {
        check_file(file, settings, &mut refusals);
    }
    refusals.all
}

fn check_file(file: &FileDiff<'_>, settings: &FixSettings, refusals: &mut Refusals) {
    for touched in file.paths() {
        if let Some(why) = path::fault(touched) {
            refusals.add("path", &format!("{touched}: {why}"));
        }
        if protected::is_protected(touched) || settings.protected.iter().any(|glob| matches(glob, touched)) {
            refusals.add("protected_path", touched);
        }
        for SecretFinding { kind, .. } in secrets(touched) {
            refusals.add("secret", &format!("the path of a file ({kind})"));
        }
    }
    let path = file.path();
    if file.is_submodule() {
        refusals.add("submodule", path);
    }
    if file.is_symlink() && !file.added().all(|(_, target)| path::stays_inside(path, target)) {
        refusals.add("symlink", path);
    }
    if file.is_symlink()
        && file.old_path != file.new_path
        && file.old_path.is_some()
        && file.new_path.is_some()
    {
        refusals.add("symlink", &format!("{path}: a link that moves leads elsewhere"));
    }
    if file.becomes_executable() && !path::may_be_executable(path) {
        refusals.add("executable", path);
    }
    if file.binary {
        refusals.add("binary", path);
    }
    let mut added = String::new();
    let mut numbers = Vec::new();
    for (number, line) in file.added() {
        if let Some(hidden) = hidden(line) {
            refusals.add("hidden_characters", &format!("{path}:{number}: {hidden}"));
        }
        numbers.push((added.len(), number));
        added.push_str(line);
        added.push('\n');
    }
    for (number, why) in registry::faults(file) {
        refusals.add("registry", &format!("{path}:{number}: {why}"));
    }
    for SecretFinding { kind, range } in secrets(&added) {
        let line = numbers.partition_point(|(begin, _)| *begin <= range.start);
        let number = line.checked_sub(1).and_then(|at| numbers.get(at)).map_or(0, |(_, number)| *number);
        refusals.add("secret", &format!("{path}:{number} ({kind})"));
    }
}

/// The first character of a line that does not show or steers a terminal. What makes one sign of several, as in
/// emoji, is taken between signs; between letters it would make two names look alike.
fn hidden(line: &str) -> Option<String> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let is_sign = |c: char| !c.is_ascii() && !c.is_alphanumeric() && !c.is_whitespace() && !is_invisible(c);
    let mut before = 'a';
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        let joins = match c {
            '\u{fe0e}' | '\u{fe0f}' => is_sign(before),
            '\u{200d}' => is_sign(before) && rest.peek().is_some_and(|next| is_sign(*next)),
            _ => false,
        };
        if is_invisible(c) && !joins || c.is_control() && c != '\t' && c != '\u{c}' {
            return Some(format!("U+{:04X}", u32::from(c)));
        }
        if !matches!(c, '\u{fe0e}' | '\u{fe0f}') {
            before = c;
        }
    }
    None
}

#[derive(Default)]
struct Refusals {
    all: Vec<Refusal>,
}

impl Refusals {
    fn add(&mut self, rule: &str, subject: &str) {
        if self.all.len() >= MOST_REFUSALS {
            return;
        }
        let mut shown = String::new();
        for c in subject.chars().take(300) {
            if is_invisible(c) || c.is_control() {
                let _ = write!(shown, "⟦U+{:04X}⟧", u32::from(c));
            } else {
                shown.push(c);
            }
        }
        let refusal = Refusal { rule: rule.to_owned(), subject: shown };
        if !self.all.contains(&refusal) {
            self.all.push(refusal);
        }
    }
}

#[cfg(test)]
mod tests;
