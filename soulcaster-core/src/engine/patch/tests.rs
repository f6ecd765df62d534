use proptest::prelude::*;

use super::*;

const MODIFIED: &str = "diff --git a/src/a.rs b/src/a.rs\nindex 1234567..89abcde 100644\n--- a/src/a.rs\n\
    +++ b/src/a.rs\n@@ -1,3 +1,4 @@ fn main() {\n one\n-two\n+deux\n+trois\n four\n";

fn fault(text: &str) -> String {
    Patch::parse(text).err().unwrap_or_else(|| panic!("taken: {text}")).to_string()
}

#[test]
fn lines_and_paths_of_a_change_are_read() {
    let patch = Patch::parse(MODIFIED).unwrap();
    let [file] = &patch.files[..] else { panic!("{patch:?}") };
    assert_eq!((file.path(), file.new_mode, file.binary), ("src/a.rs", Some(0o100_644), false));
    assert_eq!(file.added().collect::<Vec<_>>(), [(2, "deux"), (3, "trois")]);
    assert_eq!(patch.changed_lines(), 3);
    assert_eq!(file.text, MODIFIED);
}

#[test]
fn new_deleted_renamed_binary_links_and_submodules_are_told_apart() {
    let text = "diff --git a/new.txt b/new.txt\nnew file mode 100755\nindex 0000000..1\n--- /dev/null\n+++ b/new.txt\n\
        @@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n\
        diff --git a/old.txt b/old.txt\ndeleted file mode 100644\nindex 1..0000000\n--- a/old.txt\n+++ /dev/null\n\
        @@ -1 +0,0 @@\n-x\n\
        diff --git a/from here.txt b/to there.txt\nsimilarity index 100%\nrename from from here.txt\nrename to to there.txt\n\
        diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n\
        diff --git a/p.png b/p.png\nindex 1..2 100644\nGIT binary patch\nliteral 3\nKcmZ\n\nliteral 0\nHcmV?d00001\n\n\
        diff --git a/q.png b/q.png\nindex 1..2 100644\nBinary files a/q.png and b/q.png differ\n\
        diff --git a/link b/link\nnew file mode 120000\nindex 0..1\n--- /dev/null\n+++ b/link\n@@ -0,0 +1 @@\n+../x\n\
        diff --git a/sub b/sub\nnew file mode 160000\nindex 0..1\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n+Subproject\n";
    let patch = Patch::parse(text).unwrap();
    let files = &patch.files;
    assert_eq!(files.len(), 8);
    assert_eq!((files[0].old_path.as_deref(), files[0].becomes_executable()), (None, true));
    assert!(!files[0].hunks[0].lines[0].terminated);
    assert_eq!((files[1].new_path.as_deref(), files[1].path()), (None, "old.txt"));
    assert_eq!(files[2].paths(), ["from here.txt", "to there.txt"].into());
    assert!(files[3].becomes_executable());
    assert!(files[4].binary && files[5].binary && !files[3].binary);
    assert!(files[6].is_symlink() && !files[6].is_submodule() && files[7].is_submodule());
    assert_eq!(files.iter().map(|file| file.text).collect::<String>(), text);
}

#[test]
fn quoted_paths_and_paths_with_blanks_are_read() {
    for (names, sides, path) in [
        (
            "\"a/t\\303\\244st.rs\" \"b/t\\303\\244st.rs\"",
            ("\"a/t\\303\\244st.rs\"", "\"b/t\\303\\244st.rs\""),
            "täst.rs",
        ),
        (
            "\"a/q\\\"\\\\\\t.rs\" \"b/q\\\"\\\\\\t.rs\"",
            ("\"a/q\\\"\\\\\\t.rs\"", "\"b/q\\\"\\\\\\t.rs\""),
            "q\"\\\t.rs",
        ),
        ("a/x b/x b/x b/x", ("a/x b/x\t", "b/x b/x\t"), "x b/x"),
        ("a/täst.rs b/täst.rs", ("a/täst.rs", "b/täst.rs"), "täst.rs"),
    ] {
        let text = format!("diff --git {names}\n--- {}\n+++ {}\n@@ -1 +1 @@\n-a\n+b\n", sides.0, sides.1);
        assert_eq!(Patch::parse(&text).unwrap().files[0].path(), path);
    }
}

#[test]
fn carriage_returns_stay_part_of_lines() {
    let text = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n-x\r\n+y\r\n z\r\n";
    let patch = Patch::parse(text).unwrap();
    assert_eq!(patch.files[0].added().next(), Some((1, "y\r")));
}

#[test]
fn what_git_apply_would_take_otherwise_is_refused() {
    let body = "@@ -1 +1 @@\n-a\n+b\n";
    for (text, why) in [
        (format!("junk\n{MODIFIED}"), "diff --git"),
        (format!("{MODIFIED}--- a/x\n+++ b/x\n{body}"), "diff --git"),
        (format!("{MODIFIED}\njunk\n"), "diff --git"),
        (format!("diff --git a/x b/x\n--- a/x\n+++ b/y\n{body}"), "another file"),
        (format!("diff --git a/x b/x\n--- a/y\n+++ b/y\n{body}"), "another file"),
        (format!("diff --git a/x b/x\nnew file mode 100644\n--- a/x\n+++ b/x\n{body}"), "another file"),
        (format!("diff --git a/x b/y\n--- a/x\n+++ b/y\n{body}"), "paths"),
        ("diff --git a/x b/x\nnew mode 120000\n".into(), "contradicts"),
        ("diff --git a/x b/x\nold mode 100644\nnew mode 120000\nindex 1..2 100644\n".into(), "contradicts"),
        ("diff --git a/x b/x\nnew file mode 100644\nnew file mode 120000\n".into(), "repeats"),
        ("diff --git a/x b/x\nnew file mode 040000\n".into(), "no readable value"),
        ("diff --git a/x b/y\nrename from x\n".into(), "half is missing"),
        ("diff --git a/x b/y\nrename from x\nrename to z\n".into(), "paths"),
        (format!("diff --git c/x d/x\n--- c/x\n+++ d/x\n{body}"), "paths"),
        (format!("{MODIFIED}{MODIFIED}"), "second change"),
        (MODIFIED.replace("-1,3 +1,4", "-1,3 +1,5"), "within a hunk"),
        (MODIFIED.replace("-1,3 +1,4", "-1,2 +1,3"), "diff --git"),
        (MODIFIED.replace("-1,3 +1,4", "-1,99999999999999999999 +1,4"), "head of a hunk"),
        (MODIFIED.replace("-1,3 +1,4 @@", "-1,3 +1,4 @@@"), "head of a hunk"),
        (MODIFIED.trim_end().to_owned(), "no end"),
        ("diff --git \"a/x\\777\" \"b/x\\777\"\n".into(), "paths"),
        ("diff --git \"a/\\377\" \"b/\\377\"\n".into(), "paths"),
        ("diff --git a/x b/x\nGIT binary patch\nliteral 1\n-bad\n\n".into(), "binary data"),
        ("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n a\n".into(), "changes nothing"),
        ("diff --cc x\n".into(), "diff --git"),
    ] {
        assert!(fault(&text).contains(why), "{why}: {} for {text}", fault(&text));
    }
    assert!(Patch::parse("").unwrap().files.is_empty());
}

#[test]
fn files_go_whole_to_their_part() {
    let test = MODIFIED.replace("src/a.rs", "tests/a.rs");
    let whole = format!("{MODIFIED}{test}");
    let patch = Patch::parse(&whole).unwrap();
    let parts = split(&patch, |file| file.path().starts_with("tests/"));
    assert_eq!(parts, Parts { tests: test, source: MODIFIED.to_owned() });
}

#[test]
fn a_file_is_rewritten_by_one_hunk_under_its_header() {
    let patch = Patch::parse(MODIFIED).unwrap();
    for (before, after) in [("one\ntwo\n", "two\n"), ("one", "one\n"), ("", "a\nb"), ("a\n", "")] {
        let text = rewrite(&patch.files[0], before, after);
        let again = Patch::parse(&text).unwrap();
        assert_eq!(apply(before, &again.files[0]).unwrap(), after, "{text}");
        assert!(
            text.starts_with("diff --git a/src/a.rs b/src/a.rs\nindex 1234567..89abcde 100644\n"),
            "{text}"
        );
    }
    assert_eq!(rewrite(&patch.files[0], "same\n", "same\n"), "");
}

#[test]
fn a_patch_that_does_not_fit_is_not_applied() {
    let patch = Patch::parse(MODIFIED).unwrap();
    assert_eq!(apply("one\ntwo\nfour\n", &patch.files[0]).unwrap(), "one\ndeux\ntrois\nfour\n");
    assert_eq!(apply("one\nzwei\nfour\n", &patch.files[0]), None);
    assert_eq!(apply("one\n", &patch.files[0]), None);
}

fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("diff --git a/x b/x\n".to_owned()),
        Just("diff --git \"a/\\303\\244\" \"b/x\"\n".to_owned()),
        Just("--- a/x\n".to_owned()),
        Just("+++ b/x\n".to_owned()),
        Just("@@ -1,2 +1,2 @@\n".to_owned()),
        Just("@@ -0,0 +1 @@\n".to_owned()),
        Just("GIT binary patch\nliteral 3\nKcmZ\n\n".to_owned()),
        Just("rename from x\nrename to y\n".to_owned()),
        Just("new file mode 120000\n".to_owned()),
        Just("\\ No newline at end of file\n".to_owned()),
        "[ +-][a-z]{0,3}\n",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_makes_it_panic_and_what_is_read_is_the_whole_text(text in lines()) {
        if let Ok(patch) = Patch::parse(&text) {
            prop_assert_eq!(patch.files.iter().map(|file| file.text).collect::<String>(), text.clone());
            let parts = split(&patch, |file| file.path().len() % 2 == 0);
            for part in [&parts.tests, &parts.source] {
                prop_assert!(Patch::parse(part).is_ok(), "{}", part);
            }
        }
        let _ = Patch::parse(&text[..text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at)]);
    }

    #[test]
    fn whatever_is_rewritten_can_be_read_and_applied(before in "[ab+\\-\\\\@\r\n]{0,30}", after in "[ab \n]{0,30}") {
        let patch = Patch::parse(MODIFIED).unwrap();
        let text = rewrite(&patch.files[0], &before, &after);
        prop_assert_eq!(text.is_empty(), before == after);
        if let Some(file) = Patch::parse(&text).unwrap().files.first() {
            prop_assert_eq!(apply(&before, file).unwrap(), after);
        }
    }
}
