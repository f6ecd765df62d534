//! Clones, pushes and draft pull requests at a GitHub that keeps state and serves git.
//!
//! With `SOULCASTER_PRISM` (a folder that `tests/github` makes) every call of the API goes through a proxy that holds
//! it, and its answer, against GitHub's own OpenAPI description.

mod server;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use soulcaster_agents::host::{GitHub, GitHubAccess, GitHubSettings, Identity};
use soulcaster_core::port::host::{CodeHost, Publication, PullRequestState};
use soulcaster_core::{ErrorKind, Secret};

use server::{Server, TOKEN, git};

/// The validating proxy; killed when dropped.
struct Prism {
    child: Child,
    url: String,
}

impl Prism {
    /// Starts the proxy in front of `upstream`, if there is one to start.
    fn start(upstream: &str) -> Option<Self> {
        let tools = PathBuf::from(std::env::var_os("SOULCASTER_PRISM")?);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(tools.join("node_modules/.bin/prism"))
            .args(["proxy", "--host", "127.0.0.1", "--port", &port.to_string(), "--errors"])
            .arg(tools.join("slice.json"))
            .arg(upstream)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prism = Self { child, url: format!("http://127.0.0.1:{port}") };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(120), "the proxy does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(prism)
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Place {
    folder: tempfile::TempDir,
    server: Server,
    api: String,
    commit: String,
    _prism: Option<Prism>,
}

/// A pull request as GitHub's description shows one, or the least of it.
fn example() -> Value {
    let Some(tools) = std::env::var_os("SOULCASTER_PRISM") else { return json!({"head": {}, "base": {}}) };
    let text = std::fs::read_to_string(Path::new(&tools).join("example.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

impl Place {
    /// A server with the repository `o/r`, that has one file.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, work) = (folder.path().join("srv"), folder.path().join("work"));
        std::fs::create_dir_all(root.join("o")).unwrap();
        std::fs::create_dir_all(&work).unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        std::fs::write(work.join("cart.py"), "def total():\n    return 10\n").unwrap();
        git(&work, &["add", "-A"]);
        git(&work, &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "first"]);
        git(&root, &["clone", "-q", "--bare", work.to_str().unwrap(), "o/r.git"]);
        git(&root.join("o/r.git"), &["config", "http.receivepack", "true"]);
        let commit = git(&work, &["rev-parse", "HEAD"]);
        let server = Server::start(&root, example());
        let prism = Prism::start(&server.url);
        let api = prism.as_ref().map_or_else(|| server.url.clone(), |prism| prism.url.clone());
        Self { folder, server, api, commit, _prism: prism }
    }

    fn host(&self, token: &str) -> GitHub {
        let access = GitHubAccess::Token(Secret::new(token));
        let identity = Identity { name: "Bot".into(), email: "bot@example.com".into() };
        let (api, web) = (self.api.clone(), self.server.url.clone());
        GitHub::new(GitHubSettings { api, web, identity, access }).unwrap()
    }

    fn publication(&self) -> Publication {
        Publication {
            repository: "o/r".into(),
            branch: "triage/job-1".into(),
            base: "main".into(),
            commit: self.commit.clone(),
            title: "Take the rebate off".into(),
            body: "Two people report it.".into(),
            patch: "diff --git a/cart.py b/cart.py\n--- a/cart.py\n+++ b/cart.py\n@@ -1,2 +1,2 @@\n def total():\n-    return 10\n+    return 9\n".into(),
        }
    }

    fn branches(&self) -> Vec<String> {
        let text = self.server.git("o/r", &["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn a_patch_becomes_one_branch_and_one_draft_pull_request_however_often_it_is_published() {
    let place = Place::new();
    let host = place.host(TOKEN);
    let into = place.folder.path().join("checkout");
    let checkout = host.checkout("o/r", None, &into).await.unwrap();
    assert_eq!((checkout.base.as_str(), &checkout.commit), ("main", &place.commit));
    assert_eq!(std::fs::read_to_string(into.join("cart.py")).unwrap(), "def total():\n    return 10\n");
    let config = std::fs::read_to_string(into.join(".git/config")).unwrap();
    assert!(!config.contains("http") && !config.contains(TOKEN), "{config}");

    let made = host.publish(&place.publication()).await.unwrap();
    assert_eq!((made.number, made.url.as_str()), (1, "https://github.com/o/r/pull/1"));
    assert_eq!(place.branches(), ["main", "triage/job-1"]);
    assert_eq!(place.server.git("o/r", &["show", "triage/job-1:cart.py"]), "def total():\n    return 9");
    let log = place.server.git("o/r", &["log", "-1", "--format=%an <%ae>|%s|%P", "triage/job-1"]);
    assert_eq!(log, format!("Bot <bot@example.com>|Take the rebate off|{}", place.commit));
    {
        let state = place.server.state();
        let pull = &state.pulls[0];
        assert_eq!((&pull["draft"], &pull["base"]["ref"]), (&json!(true), &json!("main")));
        assert_eq!(pull["body"], "Two people report it.");
    }
    assert_eq!(host.publish(&place.publication()).await.unwrap(), made);
    let state = place.server.state();
    assert_eq!((state.pulls.len(), state.pushes), (1, 1));
    assert_eq!(state.asked.iter().filter(|asked| asked.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_crash_between_push_and_pull_request_leaves_one_of_each() {
    let place = Place::new();
    let host = place.host(TOKEN);
    place.server.state().next.extend([(200, "", json!([])), (502, "", json!({"message": "Server Error"}))]);
    let error = host.publish(&place.publication()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(place.branches(), ["main", "triage/job-1"]);
    let tip = place.server.git("o/r", &["rev-parse", "triage/job-1"]);
    assert_eq!(host.publish(&place.publication()).await.unwrap().number, 1);
    assert_eq!(place.server.git("o/r", &["rev-parse", "triage/job-1"]), tip);
    let state = place.server.state();
    assert_eq!((state.pulls.len(), state.pushes), (1, 1));
}

#[tokio::test]
async fn a_branch_of_somebody_else_is_not_moved() {
    let place = Place::new();
    place.server.git("o/r", &["branch", "triage/job-1", "main"]);
    let error = place.host(TOKEN).publish(&place.publication()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(place.server.git("o/r", &["rev-parse", "triage/job-1"]), place.commit);
}

#[tokio::test]
async fn what_is_missing_or_refused_is_told_apart_and_the_token_is_in_no_message() {
    let place = Place::new();
    let (host, into) = (place.host(TOKEN), place.folder.path().join("x"));
    let base = Publication { base: "nowhere".into(), ..place.publication() };
    let error = host.publish(&base).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("422") && error.message().contains("base"), "{error}");
    let mut errors = vec![error];
    for (result, kind) in [
        (host.checkout("o/nothing", None, &into).await, ErrorKind::NotFound),
        (host.checkout("o/r", Some("nowhere"), &into).await, ErrorKind::NotFound),
        (place.host("ghs_wrong").checkout("o/r", None, &into).await, ErrorKind::Unauthorized),
        (host.checkout("o/r", Some("--upload-pack=x"), &into).await, ErrorKind::Invalid),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        errors.push(error);
    }
    for (result, kind) in [
        (place.host("ghs_wrong").publish(&place.publication()).await, ErrorKind::Unauthorized),
        (
            host.publish(&Publication { repository: "o/nothing".into(), ..place.publication() }).await,
            ErrorKind::NotFound,
        ),
        (
            host.publish(&Publication { commit: "0".repeat(40), ..place.publication() }).await,
            ErrorKind::NotFound,
        ),
        (
            host.publish(&Publication { branch: "main".into(), ..place.publication() }).await,
            ErrorKind::Invalid,
        ),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        errors.push(error);
    }
    for error in errors {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("swordfish") && !shown.contains("ghs_wrong"), "{shown}");
    }
    assert!(!into.exists(), "a clone that failed leaves a folder");
    assert_eq!(place.branches(), ["main", "triage/job-1"], "only the branch of the missing base was made");
}

#[tokio::test]
async fn a_rate_limit_is_told_with_its_wait() {
    let place = Place::new();
    let host = place.host(TOKEN);
    let body = json!({"message": "You have exceeded a secondary rate limit", "documentation_url": "https://docs.github.com"});
    place.server.state().next.push_back((403, "retry-after: 17\r\n", body));
    let error = host.publish(&place.publication()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_after()), (ErrorKind::RateLimited, Some(Duration::from_secs(17))));
    assert_eq!(place.server.state().asked.len(), 1, "asked again without waiting");
    assert_eq!(place.branches(), ["main"]);
}

#[tokio::test]
async fn the_state_of_a_pull_request_is_told() {
    let place = Place::new();
    let host = place.host(TOKEN);
    host.publish(&place.publication()).await.unwrap();
    assert_eq!(host.state("o/r", 1).await.unwrap(), PullRequestState::Open);
    place.server.state().pulls[0]["state"] = json!("closed");
    assert_eq!(host.state("o/r", 1).await.unwrap(), PullRequestState::Closed);
    place.server.state().pulls[0]["merged_at"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(host.state("o/r", 1).await.unwrap(), PullRequestState::Merged);
    assert_eq!(host.state("o/r", 9).await.unwrap_err().kind(), ErrorKind::NotFound);
}
