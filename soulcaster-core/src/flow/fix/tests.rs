use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::*;
use crate::flow::lease::is_lost;
use crate::model::brief::{Clues, Suspect};
use crate::model::fix::FixSettings;
use crate::model::item::Inbound;
use crate::model::proof::{ProofVerdict, TestCommand, TestDialect, TestOutcome, TestRun};
use crate::port::agent::{AgentEvent, AgentOutcome, AgentTask, Isolation, Transcript};
use crate::port::host::{Checkout, Publication, PullRequest, PullRequestState};
use crate::port::workshop::TestTask;
use crate::port::{Spend, StopReason};

/// A right patch: its test fails without its source.
const RIGHT: &str = "diff --git a/src/cart.py b/src/cart.py\n--- a/src/cart.py\n+++ b/src/cart.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n\
                     diff --git a/tests/test_cart.py b/tests/test_cart.py\nnew file mode 100644\n--- /dev/null\n+++ b/tests/test_cart.py\n\
                     @@ -0,0 +1,2 @@\n+def test_x():\n+    assert x == 2\n";

/// Everything outside, scripted.
#[derive(Default)]
struct Outside {
    patch: Mutex<String>,
    runs: AtomicUsize,
    published: Mutex<Vec<Publication>>,
    /// How many times publishing fails, after the branch has been made.
    failures: AtomicUsize,
    state: Mutex<Option<PullRequestState>>,
    /// Cancels the job when the agent is at work.
    cancel: Mutex<Option<Soulcaster>>,
}

#[async_trait]
impl CodeHost for Outside {
    async fn checkout(&self, repository: &str, _: Option<&str>, into: &Path) -> Result<Checkout> {
        assert_eq!(repository, "acme/shop");
        Ok(Checkout { path: into.to_owned(), base: "main".into(), commit: "a".repeat(40) })
    }

    async fn publish(&self, publication: &Publication) -> Result<PullRequest> {
        let mut published = self.published.lock().unwrap();
        if !published.iter().any(|known| known.branch == publication.branch) {
            published.push(publication.clone());
        }
        if self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::new(ErrorKind::Unavailable, "host", "it does not answer"));
        }
        Ok(PullRequest { url: "https://code.example/1".into(), number: 1 })
    }

    async fn state(&self, _: &str, _: u64) -> Result<PullRequestState> {
        Ok(self.state.lock().unwrap().unwrap_or(PullRequestState::Open))
    }
}

#[async_trait]
impl Workshop for Outside {
    fn isolation(&self) -> Isolation {
        Isolation::Confined
    }

    async fn search(&self, _: &Path, _: &Clues, _: usize) -> Result<Vec<Suspect>> {
        Ok(vec![Suspect { path: "src/cart.py".into(), lines: vec![1], reasons: vec!["named".into()] }])
    }

    async fn detect(&self, _: &Path) -> Result<Option<TestCommand>> {
        Ok(Some(TestCommand { argv: vec!["pytest".into()], dialect: TestDialect::Pytest, folder: None }))
    }

    async fn read(&self, _: &Path, _: &str, path: &str) -> Result<Option<String>> {
        Ok((path == "src/cart.py").then(|| "x = 1\n".into()))
    }

    /// The new test fails until the source is there.
    async fn test(&self, task: &TestTask<'_>, _: &dyn Transcript) -> Result<TestRun> {
        let has = |part: &str| task.patches.iter().any(|patch| patch.contains(part));
        let mut tests =
            std::collections::BTreeMap::from([("tests/test_old.py::old".to_owned(), TestOutcome::Passed)]);
        if has("def test_x") {
            let outcome = if has("+x = 2") { TestOutcome::Passed } else { TestOutcome::Failed };
            tests.insert("tests/test_cart.py::test_x".into(), outcome);
        }
        let failed = tests.values().any(|outcome| *outcome == TestOutcome::Failed);
        Ok(TestRun {
            exit_code: Some(i32::from(failed)),
            stopped: None,
            tests,
            millis: 1,
            output: "AssertionError".into(),
        })
    }
}

#[async_trait]
impl AgentRunner for Outside {
    fn name(&self) -> &str {
        "scripted"
    }

    fn isolation(&self) -> Isolation {
        Isolation::Confined
    }

    async fn run(&self, task: &AgentTask, transcript: &dyn Transcript) -> Result<AgentOutcome> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        assert!(task.instructions.contains("declined"), "{}", task.instructions);
        transcript.append(vec![AgentEvent::Text { text: "working".into() }]).await?;
        let cancel = self.cancel.lock().unwrap().clone();
        if let Some(soulcaster) = cancel {
            soulcaster.cancel_fix(&project(), &task.job, at(50)).await?;
            transcript.append(vec![AgentEvent::Text { text: "never kept".into() }]).await?;
        }
        let spend = Spend { calls: 1, input_tokens: 10, output_tokens: 5, micro_usd: 7 };
        let patch = self.patch.lock().unwrap().clone();
        Ok(AgentOutcome { patch, stop_reason: StopReason::Finished, message: None, spend })
    }
}

fn project() -> ProjectId {
    ProjectId::new("shop").unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
}

/// A project with one group, and hands.
async fn scene() -> (Soulcaster, ClusterId, Arc<Outside>, Hands) {
    let soulcaster = Soulcaster::in_memory();
    let texts = [
        "my card was declined at checkout",
        "card declined at the checkout",
        "checkout says card declined",
        "cannot log in with google",
        "dark mode is missing",
        "export to csv hangs",
    ];
    let reports = texts.into_iter().map(|text| Inbound::new("mail", text)).collect();
    soulcaster.ingest(&project(), reports, at(0)).await.unwrap();
    soulcaster.group(&project(), at(0)).await.unwrap();
    let page = soulcaster.clusters(&project(), &Default::default()).await.unwrap();
    let cluster = page.clusters.iter().find(|cluster| cluster.title.contains("declined")).unwrap().id.clone();
    let settings = FixSettings { repository: Some("acme/shop".into()), ..FixSettings::default() };
    soulcaster.change_fix_settings(&project(), &settings).await.unwrap();
    let outside = Arc::new(Outside { patch: Mutex::new(RIGHT.into()), ..Outside::default() });
    let runners: Vec<Arc<dyn AgentRunner>> = vec![outside.clone()];
    let hands = Hands { host: outside.clone(), workshop: outside.clone(), runners, model: None };
    (soulcaster, cluster, outside, hands)
}

async fn start(soulcaster: &Soulcaster, cluster: &ClusterId, hands: &Hands) -> AgentJob {
    let request = FixRequest::default();
    soulcaster.start_fix(&project(), cluster, &request, hands, Limits::default(), at(1)).await.unwrap().0
}

/// Claims and works at `seconds`.
async fn work(soulcaster: &Soulcaster, job: &AgentJob, hands: &Hands, seconds: i64) -> Result<AgentJob> {
    let claimed =
        soulcaster.claim_fix(&project(), &job.id, "w", &|_| false, at(seconds)).await?.expect("it is free");
    soulcaster.work_on_fix(claimed, hands, Path::new("/nowhere"), &|| at(seconds)).await
}

async fn status(soulcaster: &Soulcaster, cluster: &ClusterId) -> ClusterStatus {
    soulcaster.cluster(&project(), cluster).await.unwrap().cluster.status
}

#[tokio::test]
async fn a_group_becomes_a_proven_draft_pull_request() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    let job = start(&soulcaster, &cluster, &hands).await;
    assert_eq!(
        (job.status, status(&soulcaster, &cluster).await),
        (FixStatus::Pending, ClusterStatus::Fixing)
    );
    let job = work(&soulcaster, &job, &hands, 2).await.unwrap();
    assert_eq!(
        (job.status, job.error.as_deref(), job.verdict.clone()),
        (FixStatus::Succeeded, None, Some(ProofVerdict::Proven))
    );
    assert_eq!(status(&soulcaster, &cluster).await, ClusterStatus::PrOpened);
    let published = outside.published.lock().unwrap().clone();
    assert_eq!((published.len(), published[0].branch.clone()), (1, format!("triage/{}", job.id)));
    assert!(published[0].body.contains("tests/test_cart.py::test_x"), "{}", published[0].body);
    assert_eq!((job.spend.micro_usd, job.commit.clone()), (7, Some("a".repeat(40))));
    let log = soulcaster.fix_log(&project(), &job.id, 0, 0).await.unwrap();
    assert!(log.iter().any(|line| line.event == AgentEvent::Text { text: "working".into() }));
    assert_eq!(
        log.iter().map(|line| line.number).collect::<Vec<_>>(),
        (1..=log.len() as u64).collect::<Vec<_>>()
    );
    assert_eq!(soulcaster.usage(&project(), Limits::default()).await.unwrap().fixes, 1);
    assert_eq!(soulcaster.forget_old_logs(&project(), at(6 * 86_400)).await.unwrap(), 0);
    assert_eq!(soulcaster.forget_old_logs(&project(), at(8 * 86_400)).await.unwrap(), log.len());
}

#[tokio::test]
async fn who_asks_twice_gets_the_job_that_is_open() {
    let (soulcaster, cluster, _, hands) = scene().await;
    let first = start(&soulcaster, &cluster, &hands).await;
    let (project, request) = (project(), FixRequest::default());
    let starts =
        (0..8).map(|_| soulcaster.start_fix(&project, &cluster, &request, &hands, Limits::default(), at(2)));
    for start in starts {
        let (job, is_new) = start.await.unwrap();
        assert_eq!((job.id, is_new), (first.id.clone(), false));
    }
    assert!(soulcaster.claim_fix(&project, &first.id, "a", &|_| false, at(3)).await.unwrap().is_some());
    assert!(
        soulcaster.claim_fix(&project, &first.id, "b", &|_| false, at(4)).await.unwrap().is_none(),
        "one at a time"
    );
}

#[tokio::test]
async fn a_publication_that_fails_half_way_is_finished_later_without_the_agent() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    outside.failures.store(1, Ordering::Relaxed);
    let job = start(&soulcaster, &cluster, &hands).await;
    let back = work(&soulcaster, &job, &hands, 2).await.unwrap();
    assert_eq!((back.status, back.lease), (FixStatus::Pending, None));
    let done = work(&soulcaster, &job, &hands, 3).await.unwrap();
    assert_eq!((done.status, done.attempts), (FixStatus::Succeeded, 2));
    assert_eq!((outside.runs.load(Ordering::Relaxed), outside.published.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_job_that_never_ends_fails_after_three_attempts() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    outside.failures.store(99, Ordering::Relaxed);
    let job = start(&soulcaster, &cluster, &hands).await;
    for n in 1..3 {
        assert_eq!(work(&soulcaster, &job, &hands, n).await.unwrap().status, FixStatus::Pending);
    }
    let job = work(&soulcaster, &job, &hands, 9).await.unwrap();
    assert_eq!((job.status, job.error.as_deref()), (FixStatus::Failed, Some("it does not answer")));
    assert_eq!(status(&soulcaster, &cluster).await, ClusterStatus::Failed);
    // A worker that dies each time leaves nothing that sticks either.
    let job = start(&soulcaster, &cluster, &hands).await;
    for n in 0..3 {
        assert!(
            soulcaster
                .claim_fix(&project(), &job.id, "dies", &|_| false, at(100 + n * 61))
                .await
                .unwrap()
                .is_some()
        );
    }
    assert!(soulcaster.claim_fix(&project(), &job.id, "x", &|_| false, at(400)).await.unwrap().is_none());
    assert_eq!(soulcaster.fix(&project(), &job.id).await.unwrap().status, FixStatus::Failed);
}

#[tokio::test]
async fn who_lost_the_lease_changes_nothing_any_more() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    let job = start(&soulcaster, &cluster, &hands).await;
    let slow = soulcaster.claim_fix(&project(), &job.id, "slow", &|_| false, at(2)).await.unwrap().unwrap();
    soulcaster.renew_fix(&project(), &job.id, slow.tokens, at(30)).await.unwrap();
    assert!(
        soulcaster.claim_fix(&project(), &job.id, "fast", &|_| false, at(80)).await.unwrap().is_none(),
        "it was renewed"
    );
    let claim = |is_gone: &'static (dyn Fn(&str) -> bool + Send + Sync)| {
        let (soulcaster, id) = (soulcaster.clone(), job.id.clone());
        async move { soulcaster.claim_fix(&project(), &id, "next", is_gone, at(81)).await.unwrap() }
    };
    assert!(claim(&|holder| holder == "another").await.is_none());
    let next = claim(&|holder| holder == "slow").await.expect("who held it is known to be gone");
    let done = soulcaster.work_on_fix(next, &hands, Path::new("/nowhere"), &|| at(82)).await.unwrap();
    assert_eq!(done.status, FixStatus::Succeeded);
    let error =
        soulcaster.work_on_fix(slow.clone(), &hands, Path::new("/nowhere"), &|| at(92)).await.unwrap_err();
    assert!(is_lost(&error), "{error}");
    assert!(soulcaster.renew_fix(&project(), &job.id, slow.tokens, at(92)).await.is_err());
    assert_eq!(soulcaster.fix(&project(), &job.id).await.unwrap(), done);
    assert_eq!(outside.published.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn cancel_works_in_every_state() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    // Waiting.
    let job = start(&soulcaster, &cluster, &hands).await;
    assert_eq!(soulcaster.cancel_fix(&project(), &job.id, at(2)).await.unwrap().status, FixStatus::Cancelled);
    assert_eq!(status(&soulcaster, &cluster).await, ClusterStatus::New);
    // At work.
    *outside.cancel.lock().unwrap() = Some(soulcaster.clone());
    let job = start(&soulcaster, &cluster, &hands).await;
    let claimed = soulcaster.claim_fix(&project(), &job.id, "w", &|_| false, at(40)).await.unwrap().unwrap();
    let token = claimed.tokens;
    let lost = soulcaster.work_on_fix(claimed, &hands, Path::new("/nowhere"), &|| at(40)).await.unwrap_err();
    assert!(is_lost(&lost));
    let ended = soulcaster.end_cancelled_fix(&project(), &job.id, token, at(51)).await.unwrap().unwrap();
    assert_eq!((ended.status, ended.stop_reason), (FixStatus::Cancelled, Some(StopReason::Cancelled)));
    let log = soulcaster.fix_log(&project(), &job.id, 0, 0).await.unwrap();
    assert!(!log.iter().any(|line| line.event == AgentEvent::Text { text: "never kept".into() }));
    // Its holder died.
    *outside.cancel.lock().unwrap() = None;
    let job = start(&soulcaster, &cluster, &hands).await;
    soulcaster.claim_fix(&project(), &job.id, "dead", &|_| false, at(100)).await.unwrap().unwrap();
    assert_eq!(soulcaster.cancel_fix(&project(), &job.id, at(101)).await.unwrap().status, FixStatus::Running);
    assert!(soulcaster.claim_fix(&project(), &job.id, "next", &|_| false, at(170)).await.unwrap().is_none());
    assert_eq!(soulcaster.fix(&project(), &job.id).await.unwrap().status, FixStatus::Cancelled);
    // Ended.
    let job = start(&soulcaster, &cluster, &hands).await;
    let done = work(&soulcaster, &job, &hands, 200).await.unwrap();
    assert_eq!(soulcaster.cancel_fix(&project(), &job.id, at(201)).await.unwrap(), done);
    assert_eq!(outside.published.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_proven_or_not_allowed_is_not_published() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    let workflow = "diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml\nnew file mode 100644\n--- /dev/null\n\
                    +++ b/.github/workflows/ci.yml\n@@ -0,0 +1 @@\n+on: push\n";
    let wrong = RIGHT.replace("+x = 2\n", "+x = 3\n");
    for (patch, part) in [("", "changed nothing"), (workflow, "policy"), (wrong.as_str(), "patch")] {
        *outside.patch.lock().unwrap() = patch.to_owned();
        let job = start(&soulcaster, &cluster, &hands).await;
        let job = work(&soulcaster, &job, &hands, 2).await.unwrap();
        assert_eq!(job.status, FixStatus::Failed, "{part}");
        assert!(job.error.as_deref().unwrap().contains(part), "{part}: {:?}", job.error);
    }
    assert!(outside.published.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_must_be_there_first_is_asked_for() {
    let (soulcaster, cluster, _, hands) = scene().await;
    let none = Limits { fixes_per_user: Some(0), ..Limits::default() };
    let request = FixRequest::default();
    let project = project();
    let start = |limits| soulcaster.start_fix(&project, &cluster, &request, &hands, limits, at(1));
    assert_eq!(start(none).await.unwrap_err().kind(), ErrorKind::QuotaExceeded);
    let set =
        async |settings: FixSettings| soulcaster.change_fix_settings(&project, &settings).await.unwrap();
    let base = FixSettings { repository: Some("acme/shop".into()), ..FixSettings::default() };
    set(FixSettings { needs_approval: true, ..base.clone() }).await;
    assert_eq!(start(Limits::default()).await.unwrap_err().kind(), ErrorKind::Conflict);
    set(FixSettings { least_isolation: Isolation::Machine, ..base.clone() }).await;
    let error = start(Limits::default()).await.unwrap_err();
    assert!(error.message().contains("bubblewrap"), "{error}");
    set(FixSettings { runner: Some("nobody".into()), ..base.clone() }).await;
    assert!(start(Limits::default()).await.unwrap_err().message().contains("scripted"));
    set(FixSettings { repository: None, ..base.clone() }).await;
    soulcaster.make_plan(&project, &cluster, Vec::new(), None, at(1)).await.unwrap();
    assert!(start(Limits::default()).await.unwrap_err().message().contains("repository"));
    set(FixSettings { needs_approval: true, ..base }).await;
    soulcaster.make_plan(&project, &cluster, Vec::new(), None, at(1)).await.unwrap();
    soulcaster.approve_plan(&project, &cluster, None, at(1)).await.unwrap();
    assert!(start(Limits::default()).await.unwrap().1);
}

#[tokio::test]
async fn merged_is_fixed_and_a_later_report_is_a_regression() {
    let (soulcaster, cluster, outside, hands) = scene().await;
    let job = start(&soulcaster, &cluster, &hands).await;
    work(&soulcaster, &job, &hands, 2).await.unwrap();
    assert_eq!(
        soulcaster.watch_fixes(&project(), outside.as_ref(), at(3)).await.unwrap(),
        Default::default()
    );
    *outside.state.lock().unwrap() = Some(PullRequestState::Merged);
    let report = soulcaster.watch_fixes(&project(), outside.as_ref(), at(100)).await.unwrap();
    assert_eq!(
        (report.merged, status(&soulcaster, &cluster).await),
        (vec![job.id.clone()], ClusterStatus::Fixed)
    );
    // What happened before the merge and is told later says nothing against it.
    let old =
        Inbound { occurred_at: Some(at(50)), ..Inbound::new("mail", "card was declined at my checkout") };
    soulcaster.ingest(&project(), vec![old], at(150)).await.unwrap();
    soulcaster.group(&project(), at(150)).await.unwrap();
    assert_eq!(status(&soulcaster, &cluster).await, ClusterStatus::Fixed);
    let new = Inbound::new("mail", "again: my card was declined at checkout");
    let id = new.feedback_id();
    soulcaster.ingest(&project(), vec![new], at(200)).await.unwrap();
    soulcaster.group(&project(), at(200)).await.unwrap();
    if soulcaster.cluster(&project(), &cluster).await.unwrap().items.iter().all(|placed| placed.item.id != id)
    {
        soulcaster.move_item(&project(), &id, &cluster, at(201)).await.unwrap();
    }
    assert_eq!(status(&soulcaster, &cluster).await, ClusterStatus::Regressed);
    soulcaster.watch_fixes(&project(), outside.as_ref(), at(202)).await.unwrap();
    let job = soulcaster.fix(&project(), &job.id).await.unwrap();
    assert!(job.regressed_at.is_some());
    let record = &soulcaster.runner_records(&project()).await.unwrap()[0];
    assert_eq!((record.runner.as_str(), record.merged, record.regressed), ("scripted", 1, 1));
    // It can be fixed again.
    assert!(
        soulcaster
            .start_fix(&project(), &cluster, &FixRequest::default(), &hands, Limits::default(), at(300))
            .await
            .unwrap()
            .1
    );
    assert_eq!(status(&soulcaster, &cluster).await, ClusterStatus::Fixing);
}
