//! Values of everything that plans and fixes are made of.

use soulcaster_core::flow::{FixRequest, PlanChange, RunnerRecord, WatchReport};
use soulcaster_core::model::*;
use soulcaster_core::port::{
    AgentEvent, Budget, Isolation, PullRequest, PullRequestState, Spend, StopReason,
};

use super::{Checked, NOW, project, shop};

pub(super) async fn fixes(checked: &mut Checked) {
    let (soulcaster, shop) = (project().await, shop());
    soulcaster.group(&shop, NOW).await.unwrap();
    let cluster = soulcaster.clusters(&shop, &Default::default()).await.unwrap().clusters[0].id.clone();
    let suspect = Suspect { path: "src/pay.rs".into(), lines: vec![3], reasons: vec!["named".into()] };
    let plan = soulcaster.make_plan(&shop, &cluster, vec![suspect.clone()], None, NOW).await.unwrap();
    checked.look(&[suspect, Suspect { path: "a".into(), lines: Vec::new(), reasons: Vec::new() }]);
    let frame = Frame { file: Some("a.rs".into()), line: Some(1), function: "f".into(), in_app: true };
    checked.look(&[frame.clone(), Frame { file: None, line: None, ..frame.clone() }]);
    let contradiction = Contradiction { about: "x".into(), one: vec!["f1".into()], other: vec!["f2".into()] };
    checked.look(std::slice::from_ref(&contradiction));
    checked.look(&plan.brief.reports);
    let full = Brief {
        repository: Some("acme/shop".into()),
        contradictions: vec![contradiction],
        error: Some("KeyError".into()),
        frames: vec![frame],
        reproduction: vec!["1. Pay".into()],
        ..plan.brief.clone()
    };
    checked.look(&[plan.brief.clone(), full]);
    let clues = Clues { paths: vec!["a.rs".into()], symbols: vec!["f".into()], messages: vec!["x y".into()] };
    checked.look(&[clues, Clues::default()]);
    checked.look(&[PlanAuthor::Rule, PlanAuthor::Model { name: "m".into() }, PlanAuthor::Person]);
    checked.look(&[PlanStatus::Draft, PlanStatus::Approved]);
    checked.look(std::slice::from_ref(&plan));
    let change =
        PlanChange { title: Some("t".into()), steps: Some(vec!["s".into()]), ..PlanChange::default() };
    checked.look(&[change, PlanChange::default()]);
    proofs(checked);
    jobs(checked, plan);
    checked.look(&[FixRequest {
        runner: Some("r".into()),
        repository: Some("a/b".into()),
        reproduction: Some("d".into()),
    }]);
    checked.look(&[WatchReport {
        merged: vec!["j".into()],
        failed: vec![("j".into(), "w".into())],
        ..WatchReport::default()
    }]);
    checked.look(&[RunnerRecord { runner: "r".into(), ended: 1, ..RunnerRecord::default() }]);
    let used = UsageEvent {
        id: "u1".into(),
        project_id: shop,
        task: "plan".into(),
        model: "m".into(),
        job: Some("j1".into()),
        spend: Spend { calls: 1, ..Spend::default() },
        at: NOW,
    };
    checked.look(&[UsageEvent { job: None, ..used.clone() }, used]);
    checked.look(&[Ceilings { micro_usd_per_day: Some(1), ..Ceilings::default() }, Ceilings::default()]);
}

fn proofs(checked: &mut Checked) {
    let argv = vec!["pytest".to_owned()];
    checked.look(&[TestCommand { argv, dialect: TestDialect::Pytest, folder: Some("a".into()) }]);
    checked.look(&[
        TestDialect::Cargo,
        TestDialect::Pytest,
        TestDialect::Unittest,
        TestDialect::Tap,
        TestDialect::Go,
        TestDialect::Maven,
        TestDialect::ExitCode,
    ]);
    checked.look(&[TestOutcome::Passed, TestOutcome::Failed, TestOutcome::Skipped]);
    let run = TestRun {
        exit_code: Some(1),
        stopped: Some(StopReason::WallClock),
        tests: [("t".to_owned(), TestOutcome::Failed)].into(),
        millis: 5,
        output: "no".into(),
    };
    checked.look(&[TestRun { exit_code: None, stopped: None, ..run.clone() }, run.clone()]);
    let step = ProofStep { name: "suite".into(), run };
    checked.look(std::slice::from_ref(&step));
    let verdicts = [
        ProofVerdict::Proven,
        ProofVerdict::Unproven { reason: "r".into() },
        ProofVerdict::Refuted { evidence: "e".into() },
    ];
    checked.look(&verdicts);
    let report =
        ProofReport { verdict: ProofVerdict::Proven, reproduction: vec!["t".into()], steps: vec![step] };
    let evidence = FixEvidence { job: "j".into(), patch: "p".into(), proof: Some(report.clone()) };
    checked.look(&[FixEvidence { proof: None, ..evidence.clone() }, evidence]);
    checked.look(&[report]);
}

fn jobs(checked: &mut Checked, plan: CodingPlan) {
    let settings = FixSettings {
        repository: Some("acme/shop".into()),
        base: Some("main".into()),
        runner: Some("kilo".into()),
        protected: vec!["infra/**".into()],
        ..FixSettings::default()
    };
    checked.look(&[settings.clone(), FixSettings::default()]);
    checked.look(&[Budget::default()]);
    checked.look(&[Isolation::None, Isolation::Confined, Isolation::Machine]);
    checked.look(&[Spend::default()]);
    checked.look(&[StopReason::Finished, StopReason::AgentFailed, StopReason::Tokens, StopReason::Disk]);
    checked.look(&[
        AgentEvent::Step { text: "s".into() },
        AgentEvent::Text { text: "s".into() },
        AgentEvent::Tool { name: "n".into(), input: "i".into(), output: Some("o".into()) },
        AgentEvent::Tool { name: "n".into(), input: "i".into(), output: None },
        AgentEvent::Output { text: "s".into() },
        AgentEvent::Refused { text: "s".into() },
        AgentEvent::Spend { spend: Spend::default() },
    ]);
    let line = LogLine { job: "j".into(), number: 1, at: NOW, event: AgentEvent::Text { text: "x".into() } };
    checked.look(&[line]);
    let refusal = Refusal { rule: "protected_path".into(), subject: ".github/x".into() };
    checked.look(std::slice::from_ref(&refusal));
    let lease = Lease { holder: "h".into(), token: 1, until: NOW };
    checked.look(std::slice::from_ref(&lease));
    let pull_request = PullRequest { url: "https://example.com/1".into(), number: 1 };
    checked.look(std::slice::from_ref(&pull_request));
    checked.look(&[PullRequestState::Open, PullRequestState::Merged, PullRequestState::Closed]);
    checked.look(&[FixStep::Prepare, FixStep::Agent, FixStep::Check, FixStep::Prove, FixStep::Publish]);
    checked.look(&[
        FixStatus::Pending,
        FixStatus::Running,
        FixStatus::Succeeded,
        FixStatus::Failed,
        FixStatus::Cancelled,
    ]);
    let job = AgentJob::new("j1".into(), plan, settings, "acme/shop".into(), "kilo", NOW);
    let full = AgentJob {
        reproduction: Some("d".into()),
        step: Some(FixStep::Publish),
        base: Some("main".into()),
        commit: Some("c".into()),
        stop_reason: Some(StopReason::Finished),
        refusals: vec![refusal],
        verdict: Some(ProofVerdict::Proven),
        branch: Some("triage/j1".into()),
        pull_request: Some(pull_request),
        merged_at: Some(NOW),
        regressed_at: Some(NOW),
        error: Some("e".into()),
        lease: Some(lease),
        started_at: Some(NOW),
        finished_at: Some(NOW),
        ..job.clone()
    };
    checked.look(&[job, full]);
}
