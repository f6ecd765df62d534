//! What reading a patch tells about it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Judged, Plan, manifest, refuted, suspicion, unproven};
use crate::engine::patch::{Change, FileDiff, Parts, Patch, apply, rewrite, split};
use crate::engine::role::{Role, role, rust_test_lines, with_tests_of};

/// Files that are read before they are judged.
pub(super) fn needed(patch: &Patch<'_>) -> Vec<String> {
    let files =
        patch.files.iter().filter(|file| manifest::is_manifest(file.path()) || file.path().ends_with(".rs"));
    files.filter_map(|file| file.old_path.clone()).collect()
}

pub(super) fn plan(patch: &Patch<'_>, contents: &BTreeMap<String, String>, supplied: bool) -> Judged<Plan> {
    for file in &patch.files {
        let before = file.old_path.as_ref().and_then(|path| contents.get(path)).map(String::as_str);
        let configures = file.paths().iter().any(|path| role(path) == Role::TestConfig);
        if configures || manifest::changes_tests(file, before) {
            return Err(unproven(format!(
                "the patch changes how tests are run (test_config): {}",
                shown(file)
            )));
        }
    }
    let Parts { mut tests, mut source } =
        split(patch, |file| file.paths().iter().all(|path| role(path) == Role::Test));
    let inline: Vec<(&str, [String; 2])> =
        patch.files.iter().filter_map(|file| Some((file.text, inline(file, contents)?))).collect();
    for (whole, [test_part, source_part]) in &inline {
        tests.push_str(test_part);
        source = source.replacen(whole, source_part, 1);
    }
    let read = |part| {
        Patch::parse(part)
            .map_err(|_| unproven("the tests of the patch cannot be told from its source".into()))
    };
    let (test_part, source_part) = (read(&tests)?, read(&source)?);
    if !source_part.files.iter().any(suspicion::changes_code) {
        return Err(refuted(
            "the patch changes no code: there are only tests, prose, comments or blanks in it".into(),
        ));
    }
    if let Some(found) = source_part.files.iter().find_map(suspicion::asks_for_tests) {
        return Err(unproven(format!(
            "the source asks whether it is under test, or meddles with tests: {found}"
        )));
    }
    if !supplied && tests.is_empty() {
        return Err(unproven(
            "the patch has no test and no reproduction is supplied, so nothing shows the problem".into(),
        ));
    }
    if !supplied && let Some(found) = suspicion::reads_source(&test_part, &source_part) {
        return Err(unproven(format!(
            "a test reads a file of the patch's source instead of running it: {found}"
        )));
    }
    let fresh = fresh(&source_part);
    Ok(Plan { tests, source, fresh })
}

fn shown(file: &FileDiff<'_>) -> String {
    file.path().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// What a patch does to the tests within a Rust file and to the rest of it, as two diffs; nothing for other files,
/// and where the patch does not fit what is known.
fn inline(file: &FileDiff<'_>, contents: &BTreeMap<String, String>) -> Option<[String; 2]> {
    let path = file.path();
    if !path.ends_with(".rs") || file.old_path != file.new_path || role(path) != Role::Source {
        return None;
    }
    let before = contents.get(path)?;
    let after = apply(before, file)?;
    if rust_test_lines(before).is_empty() && rust_test_lines(&after).is_empty() {
        return None;
    }
    let (tests, source) = (with_tests_of(before, &after), with_tests_of(&after, before));
    Some([rewrite(file, before, &tests), rewrite(file, before, &source)])
}

/// Names in lines that the source adds which are in none that it removes or leaves around them.
fn fresh(source: &Patch<'_>) -> BTreeSet<String> {
    let (mut new, mut old) = (BTreeSet::new(), BTreeSet::new());
    for file in &source.files {
        for line in file.hunks.iter().flat_map(|hunk| &hunk.lines) {
            let names = if line.change == Change::Added { &mut new } else { &mut old };
            names.extend(words(line.text).map(str::to_owned));
        }
        if file.old_path.is_none() {
            let stem = file.path().rsplit('/').next().and_then(|name| name.split('.').next());
            new.extend(stem.map(str::to_owned));
        }
    }
    new.difference(&old).cloned().collect()
}

pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
    words.filter(|word| word.len() > 1 && !word.starts_with(|c: char| c.is_ascii_digit()))
}
