use std::sync::Mutex as StdMutex;

use soulcaster_core::model::proof::{TestDialect, TestOutcome};
use soulcaster_core::port::agent::Budget;

use super::*;
use crate::git::Git;

#[derive(Default)]
struct Kept(StdMutex<Vec<AgentEvent>>);

#[async_trait]
impl Transcript for Kept {
    async fn append(&self, events: Vec<AgentEvent>) -> Result<()> {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }
}

/// A repository with these files; the folder and the commit.
async fn repository(files: &[(&str, &str)]) -> (TempDir, String) {
    let folder = scratch().unwrap();
    let git = Git::new(folder.path()).setting("user.name", "Test").setting("user.email", "test@example.com");
    git.run(&["init", "--quiet"]).await.unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    git.run(&["add", "--all"]).await.unwrap();
    git.run(&["commit", "--quiet", "--allow-empty", "--message=first"]).await.unwrap();
    let commit = git.text(&["rev-parse", "HEAD"]).await.unwrap();
    (folder, commit)
}

fn shell(script: &str, dialect: TestDialect) -> TestCommand {
    TestCommand { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), dialect, folder: None }
}

fn workshop() -> LocalWorkshop {
    // The scripts are of this test.
    LocalWorkshop::new(Sandbox::find()).least(Isolation::None)
}

async fn run(files: &[(&str, &str)], patches: Vec<&str>, command: &TestCommand) -> Result<TestRun> {
    let (folder, commit) = repository(files).await;
    let budget = Budget { wall_seconds: 60, ..Budget::default() };
    let task = TestTask { checkout: folder.path(), commit: &commit, patches, command, budget: &budget };
    workshop().test(&task, &Kept::default()).await
}

const PATCH: &str = "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n";

#[tokio::test]
async fn a_run_sees_the_commit_with_its_diffs_and_nothing_else() {
    let (folder, commit) = repository(&[("a.txt", "one\n"), ("sub/b.txt", "b\n")]).await;
    std::fs::write(folder.path().join("a.txt"), "changed\n").unwrap();
    std::fs::write(folder.path().join("stray.txt"), "stray\n").unwrap();
    let command = shell("cat a.txt; ls; echo new >made.txt", TestDialect::ExitCode);
    let budget = Budget::default();
    let workshop = workshop();
    let mut task = TestTask {
        checkout: folder.path(),
        commit: &commit,
        patches: vec![],
        command: &command,
        budget: &budget,
    };
    let transcript = Kept::default();
    let base = workshop.test(&task, &transcript).await.unwrap();
    assert_eq!((base.exit_code, base.output.as_str()), (Some(0), "one\na.txt\nsub\n"));
    task.patches = vec![PATCH];
    assert_eq!(workshop.test(&task, &transcript).await.unwrap().output, "two\na.txt\nsub\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("a.txt")).unwrap(), "changed\n");
    assert!(transcript.0.lock().unwrap().contains(&AgentEvent::Output { text: "two".into() }));
}

#[tokio::test]
async fn both_outputs_are_read_in_their_order() {
    let script = "echo '     Running tests/a.rs (target/debug/deps/a-1f)' >&2; echo 'test one ... ok'; \
        echo '     Running tests/b.rs (target/debug/deps/b-1f)' >&2; echo 'test one ... FAILED'; exit 101";
    let run = run(&[], vec![], &shell(script, TestDialect::Cargo)).await.unwrap();
    assert_eq!(run.exit_code, Some(101));
    let tests: Vec<_> = run.tests.into_iter().collect();
    assert_eq!(
        tests,
        [
            ("tests/a.rs one".to_owned(), TestOutcome::Passed),
            ("tests/b.rs one".to_owned(), TestOutcome::Failed)
        ]
    );
}

#[tokio::test]
async fn a_diff_that_does_not_fit_is_invalid_and_a_missing_program_no_failure() {
    let command = shell("true", TestDialect::ExitCode);
    let error = run(&[("a.txt", "other\n")], vec![PATCH], &command).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let missing = TestCommand { argv: vec!["no-such-program".into()], ..command.clone() };
    assert_eq!(run(&[], vec![], &missing).await.unwrap().exit_code, None);
    for folder in ["..", "/etc", "a/../../b"] {
        let outside = TestCommand { folder: Some(folder.into()), ..command.clone() };
        assert_eq!(run(&[], vec![], &outside).await.unwrap_err().kind(), ErrorKind::Invalid, "{folder}");
    }
    let inside = TestCommand { folder: Some("sub".into()), ..shell("cat b.txt", TestDialect::ExitCode) };
    assert_eq!(run(&[("sub/b.txt", "b\n")], vec![], &inside).await.unwrap().output, "b\n");
}

#[tokio::test]
async fn only_the_end_of_long_output_is_kept_and_all_of_it_is_read() {
    let script = "echo 'test first ... ok'; yes 'äää a line of some length' | head -2000";
    let run = run(&[], vec![], &shell(script, TestDialect::Cargo)).await.unwrap();
    assert!(run.output.len() <= KEPT && run.output.len() > KEPT - 100);
    assert_eq!(run.tests.len(), 1);
}

#[tokio::test]
async fn build_products_of_the_same_commit_are_handed_on_as_copies() {
    let (folder, commit) = repository(&[("a.txt", "one\n")]).await;
    let command = shell(
        "cat target/built 2>/dev/null; mkdir -p target; echo $$ >target/other; echo built >>target/built",
        TestDialect::ExitCode,
    );
    let budget = Budget::default();
    let workshop = workshop();
    let mut outputs = Vec::new();
    for patches in [vec![], vec![PATCH], vec![PATCH]] {
        let task = TestTask {
            checkout: folder.path(),
            commit: &commit,
            patches,
            command: &command,
            budget: &budget,
        };
        outputs.push(workshop.test(&task, &Kept::default()).await.unwrap().output);
    }
    assert_eq!(outputs, ["", "built\n", "built\n"]);
}

#[tokio::test]
async fn a_transcript_that_fails_ends_the_run() {
    struct Failing;
    #[async_trait]
    impl Transcript for Failing {
        async fn append(&self, _: Vec<AgentEvent>) -> Result<()> {
            Err(Error::conflict("transcript", "cancelled"))
        }
    }
    let (folder, commit) = repository(&[]).await;
    let (command, budget) = (shell("echo hello; sleep 60", TestDialect::ExitCode), Budget::default());
    let task = TestTask {
        checkout: folder.path(),
        commit: &commit,
        patches: vec![],
        command: &command,
        budget: &budget,
    };
    let begun = std::time::Instant::now();
    let error = workshop().test(&task, &Failing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(begun.elapsed().as_secs() < 30);
}

#[tokio::test]
async fn files_of_a_commit_are_read_and_others_are_not() {
    let (folder, commit) = repository(&[("a.txt", "one\n"), ("b.bin", "\u{0}"), ("sub/c.txt", "c")]).await;
    let large = "x".repeat((1 << 20) + 1);
    std::fs::write(folder.path().join("new.txt"), "new").unwrap();
    let read = async |path: &str| workshop().read(folder.path(), &commit, path).await.unwrap();
    assert_eq!(read("a.txt").await.as_deref(), Some("one\n"));
    assert_eq!(read("sub/c.txt").await.as_deref(), Some("c"));
    for path in ["new.txt", "sub", "../a.txt", "", "nowhere"] {
        assert_eq!(read(path).await, None, "{path}");
    }
    let (folder, commit) = repository(&[("large.txt", &large)]).await;
    assert_eq!(workshop().read(folder.path(), &commit, "large.txt").await.unwrap(), None);
    assert!(workshop().read(folder.path(), "--help", "large.txt").await.is_err());
    assert_eq!(
        workshop().read(folder.path(), &"0".repeat(40), "a").await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn repositories_are_tested_by_the_conventions_of_their_language() {
    for (files, expected) in [
        (
            &[("Cargo.toml", "[package]")][..],
            Some(("cargo test --offline --workspace --no-fail-fast", TestDialect::Cargo)),
        ),
        (&[("go.mod", "module a")], Some(("go test -v -count=1 ./...", TestDialect::Go))),
        (
            &[("pyproject.toml", "[tool.pytest.ini_options]"), ("package.json", "{}")],
            Some(("python3 -B -m pytest", TestDialect::Pytest)),
        ),
        (&[("tests/test_a.py", "")], Some(("python3 -B -m pytest", TestDialect::Pytest))),
        (
            &[("package.json", "{\"scripts\": {\"test\": \"node --test test/\"}}")],
            Some(("node --test --test-reporter=tap test/", TestDialect::Tap)),
        ),
        (&[("package.json", "{}")], Some(("node --test --test-reporter=tap", TestDialect::Tap))),
        (
            &[("package.json", "{\"scripts\": {\"test\": \"vitest run\"}}")],
            Some(("node_modules/.bin/vitest run --reporter=tap-flat", TestDialect::Tap)),
        ),
        (
            &[("package.json", "{\"scripts\": {\"test\": \"jest && echo\"}}")],
            Some(("npm test --offline", TestDialect::ExitCode)),
        ),
        (&[("a.test.js", "")], Some(("node --test --test-reporter=tap", TestDialect::Tap))),
        (&[("pom.xml", "")], Some(("mvn --offline", TestDialect::Maven))),
        (&[("README.md", "")], None),
    ] {
        let (folder, _) = repository(files).await;
        let found = workshop().detect(folder.path()).await.unwrap();
        let found = found.map(|command| (command.argv.join(" "), command.dialect));
        match (&found, expected) {
            (Some((argv, dialect)), Some((begin, wanted))) => {
                assert!(argv.starts_with(begin) && *dialect == wanted, "{argv}");
            }
            (None, None) => {}
            _ => panic!("{files:?}: {found:?}"),
        }
    }
}

#[tokio::test]
async fn suspects_are_ranked_by_how_directly_they_are_named() {
    let (folder, _) = repository(&[
        ("app/cart/total.py", "x = 1\n"),
        ("app/other/total.py", "x = 1\n"),
        ("app/rebate.py", "import x\n\ndef apply_rebate(cart):\n    pass\n"),
        ("app/views.py", "from app.rebate import apply_rebate\napply_rebate(1)\n"),
        ("app/errors.py", "raise ValueError('rebate is larger than the total')\n"),
        ("tests/test_rebate.py", "def apply_rebate(): pass\n"),
        ("README.md", "apply_rebate\n"),
        ("app/unrelated.py", "apply_rebates = 1\n"),
    ])
    .await;
    let clues = Clues {
        paths: vec!["/srv/shop/app/cart/total.py".into()],
        symbols: vec!["shop.rebate.apply_rebate()".into()],
        messages: vec!["rebate is larger than the total".into()],
    };
    let found = workshop().search(folder.path(), &clues, 10).await.unwrap();
    let paths: Vec<&str> = found.iter().map(|suspect| suspect.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "app/cart/total.py",
            "app/rebate.py",
            "tests/test_rebate.py",
            "app/views.py",
            "README.md",
            "app/errors.py"
        ]
    );
    assert_eq!(
        (found[1].lines.as_slice(), found[1].reasons[0].as_str()),
        (&[3][..], "defines `apply_rebate`")
    );
    assert_eq!(workshop().search(folder.path(), &clues, 2).await.unwrap().len(), 2);
    assert!(workshop().search(folder.path(), &Clues::default(), 10).await.unwrap().is_empty());
}
