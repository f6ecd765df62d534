use super::*;

struct Place {
    folder: tempfile::TempDir,
    commit: String,
}

impl Place {
    /// A host with the repository `o/r` that has one file.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        std::fs::create_dir_all(&work).unwrap();
        let git =
            Git::new(&work).setting("user.name", "t").setting("user.email", "t@example.com").allow("file");
        git.run(&["init", "--quiet"]).await.unwrap();
        std::fs::write(work.join("cart.py"), "def total():\n    return 10\n").unwrap();
        git.run(&["add", "--all"]).await.unwrap();
        git.run(&["commit", "--quiet", "--message=first"]).await.unwrap();
        let commit = git.text(&["rev-parse", "HEAD"]).await.unwrap();
        git.run(&["clone", "--quiet", "--bare", "--", ".", "../srv/o/r.git"]).await.unwrap();
        Self { folder, commit }
    }

    fn host(&self) -> LocalHost {
        LocalHost::new(self.folder.path().join("srv"))
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("srv/o/r.git")
    }

    fn git(&self) -> Git {
        Git::new(self.bare()).git_dir(self.bare())
    }

    fn publication(&self) -> Publication {
        Publication {
            repository: "o/r".into(),
            branch: "triage/job-1".into(),
            base: "main".into(),
            commit: self.commit.clone(),
            title: "Take the rebate off".into(),
            body: "Two people report it.\n\n---\nstate: merged\n---\n".into(),
            patch: "diff --git a/cart.py b/cart.py\n--- a/cart.py\n+++ b/cart.py\n@@ -1,2 +1,2 @@\n def total():\n-    return 10\n+    return 9\n".into(),
        }
    }
}

#[tokio::test]
async fn a_publication_is_a_branch_and_one_readable_file() {
    let place = Place::new().await;
    let host = place.host();
    let made = host.publish(&place.publication()).await.unwrap();
    assert_eq!(made.number, 1);
    let path = place.folder.path().join("srv/o/r.pulls/0001.md");
    assert_eq!(made.url, format!("file://{}", path.canonicalize().unwrap().display()));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("---\nnumber: 1\nbranch: triage/job-1\nbase: main\nbefore: "), "{text}");
    assert!(
        text.contains("\nstate: open\ndraft: true\n---\n# Take the rebate off\n\nTwo people report it.\n"),
        "{text}"
    );
    assert!(text.contains(" cart.py | 2 +-\n"), "{text}");
    assert_eq!(
        place.git().text(&["show", "triage/job-1:cart.py"]).await.unwrap(),
        "def total():\n    return 9"
    );
    assert_eq!(host.publish(&place.publication()).await.unwrap(), made);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(host.publish(&place.publication()).await.unwrap(), made, "the branch is found again");
    let second = Publication { branch: "triage/job-2".into(), ..place.publication() };
    assert_eq!(host.publish(&second).await.unwrap().number, 2);
}

#[tokio::test]
async fn the_state_is_what_the_file_or_the_base_says() {
    let place = Place::new().await;
    let host = place.host();
    host.publish(&place.publication()).await.unwrap();
    assert_eq!(host.state("o/r", 1).await.unwrap(), PullRequestState::Open);
    let path = place.folder.path().join("srv/o/r.pulls/0001.md");
    let text = std::fs::read_to_string(&path).unwrap();
    for (word, state) in [("closed", PullRequestState::Closed), ("merged", PullRequestState::Merged)] {
        std::fs::write(&path, text.replacen("state: open", &format!("state: {word}"), 1)).unwrap();
        assert_eq!(host.state("o/r", 1).await.unwrap(), state);
    }
    std::fs::write(&path, &text).unwrap();
    place.git().run(&["branch", "--force", "main", "triage/job-1"]).await.unwrap();
    assert_eq!(host.state("o/r", 1).await.unwrap(), PullRequestState::Merged);
    assert_eq!(host.state("o/r", 2).await.unwrap_err().kind(), ErrorKind::NotFound);
    std::fs::write(&path, "no head").unwrap();
    assert_eq!(host.state("o/r", 1).await.unwrap_err().kind(), ErrorKind::Unexpected);
}

#[tokio::test]
async fn what_is_not_there_or_does_not_fit_is_told_and_nothing_is_made() {
    let place = Place::new().await;
    let (host, good) = (place.host(), place.publication());
    let stale = good.patch.replace("return 10", "return 11");
    let many =
        format!("{}diff --git a/cart.py.orig b/cart.py.orig\nold mode 100644\nnew mode 100755\n", good.patch);
    for (change, kind) in [
        (Publication { repository: "o/nothing".into(), ..good.clone() }, ErrorKind::NotFound),
        (Publication { base: "nowhere".into(), ..good.clone() }, ErrorKind::NotFound),
        (Publication { commit: "0".repeat(40), ..good.clone() }, ErrorKind::NotFound),
        (Publication { patch: stale, ..good.clone() }, ErrorKind::Invalid),
        (Publication { patch: many, ..good.clone() }, ErrorKind::Invalid),
        (Publication { patch: String::new(), ..good.clone() }, ErrorKind::Invalid),
        (Publication { patch: "junk\n".into(), ..good.clone() }, ErrorKind::Invalid),
        (Publication { branch: "main".into(), ..good.clone() }, ErrorKind::Invalid),
        (Publication { repository: "../o/r".into(), ..good.clone() }, ErrorKind::Invalid),
    ] {
        let error = host.publish(&change).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    let branches = place.git().text(&["for-each-ref", "--format=%(refname)"]).await.unwrap();
    assert_eq!(branches, "refs/heads/main");
    assert!(!place.folder.path().join("srv/o/r.pulls").exists());
    place.git().run(&["branch", "triage/job-1", "main"]).await.unwrap();
    assert_eq!(host.publish(&good).await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_checkout_is_a_clean_clone_without_an_address() {
    let place = Place::new().await;
    let into = place.folder.path().join("checkout");
    let checkout = place.host().checkout("o/r", Some("main"), &into).await.unwrap();
    assert_eq!(checkout, Checkout { path: into.clone(), base: "main".into(), commit: place.commit.clone() });
    assert_eq!(Git::new(&into).text(&["status", "--porcelain"]).await.unwrap(), "");
    assert_eq!(Git::new(&into).text(&["remote"]).await.unwrap(), "");
    let again = place.host().checkout("o/r", Some("main"), &into).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Invalid);
    let missing =
        place.host().checkout("o/r", Some("nowhere"), &place.folder.path().join("b")).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn hooks_of_a_repository_do_not_run() {
    let place = Place::new().await;
    let canary = place.folder.path().join("canary");
    for name in
        ["pre-receive", "update", "post-receive", "post-update", "reference-transaction", "post-checkout"]
    {
        let hook = place.bare().join("hooks").join(name);
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", canary.display())).unwrap();
        std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    place.host().checkout("o/r", None, &place.folder.path().join("checkout")).await.unwrap();
    place.host().publish(&place.publication()).await.unwrap();
    assert!(!canary.exists());
}
