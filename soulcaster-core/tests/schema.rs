//! The schema of every type that goes over HTTP describes what serde writes of it.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use jsonschema::Validator;
use serde::Serialize;
use serde_json::{Map, Value, json};
use soulcaster_core::flow::{
    ClusterQuery, ClusterSort, Credential, Finding, ImportReport, ItemQuery, Named, NewSource, NewUser,
    OverviewOptions, PlacedItem, QuotaState,
};
use soulcaster_core::model::*;
use soulcaster_core::port::{EmbedderId, Ignored, Rejected};
use soulcaster_core::{
    ClusterId, ConstraintId, Error, ErrorKind, EventId, FeedbackId, ProjectId, Secret, Soulcaster,
};
use utoipa::ToSchema;

#[path = "schema/fixes.rs"]
mod fixes;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// The types whose values have been looked at.
#[derive(Default)]
struct Checked(BTreeSet<String>);

impl Checked {
    /// Checks that each value is what the schema says, without a property that it does not name.
    #[track_caller]
    fn look<T: ToSchema + Serialize>(&mut self, values: &[T]) {
        let schema = strict::<T>();
        assert!(!values.is_empty());
        for value in values {
            let value = serde_json::to_value(value).unwrap();
            let errors: Vec<String> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?} in {value:#}", T::name());
            if let Value::Object(fields) = &value {
                let mut more = fields.clone();
                more.insert("not_in_the_schema".into(), Value::Null);
                assert!(!schema.is_valid(&more.into()), "the schema of {} says nothing", T::name());
            }
            assert!(!schema.is_valid(&json!([[value]])), "the schema of {} takes anything", T::name());
        }
        self.0.insert(T::name().into_owned());
    }
}

/// The schema of `T`, with no room for other properties.
fn strict<T: ToSchema>() -> Validator {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    let schemas: BTreeMap<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap())).collect();
    let root = json!({
        "$ref": format!("#/components/schemas/{}", T::name()),
        "unevaluatedProperties": false,
        "components": { "schemas": schemas },
    });
    jsonschema::draft202012::options().should_validate_formats(true).build(&root).unwrap()
}

fn shop() -> ProjectId {
    ProjectId::new("shop").unwrap()
}

fn report(n: usize, title: &str) -> Inbound {
    Inbound {
        author: Some("ann".into()),
        url: Some("https://example.com/1".into()),
        severity: Some(Severity::High),
        tags: vec!["card".into()],
        metadata: Map::from_iter([("plan".to_owned(), json!({ "name": "pro", "seats": [1, null] }))]),
        occurred_at: Some(NOW),
        updated_at: Some(NOW),
        raw_payload: Some(vec![1]),
        ..Inbound::new("mail", title).external_id(n.to_string()).body("It happened again today.")
    }
}

/// A project with groups, corrections and a history.
async fn project() -> Soulcaster {
    let soulcaster = Soulcaster::in_memory();
    let titles = [
        "my card payment was declined at the shop",
        "card payment declined in a shop",
        "the card payment was declined",
        "payment with my card got declined",
        "how do I change my password",
        "I cannot change the password",
        "changing my password does not work",
        "password change fails",
        "the parcel has not arrived",
    ];
    let reports = titles.iter().enumerate().map(|(n, title)| report(n, title)).collect();
    soulcaster.ingest(&shop(), reports, NOW).await.unwrap();
    soulcaster
}

#[tokio::test]
async fn what_is_written_is_what_the_schema_says() {
    let mut checked = Checked::default();
    answers(&mut checked).await;
    accounts(&mut checked).await;
    words(&mut checked);
    fixes::fixes(&mut checked).await;
    every_variant(&mut checked);
    let missing: Vec<String> = derived().into_iter().filter(|name| !checked.0.contains(name)).collect();
    assert!(missing.is_empty(), "no value of {missing:?} has been looked at");
}

/// What the flows answer.
async fn answers(checked: &mut Checked) {
    let (soulcaster, shop) = (project().await, shop());
    let again = vec![report(0, "the card was declined once more"), Inbound::new("", "no source")];
    checked.look(&[soulcaster.ingest(&shop, again, NOW).await.unwrap()]);
    let grouped = soulcaster.group(&shop, NOW).await.unwrap();
    assert!(!grouped.diff.moves.is_empty() && grouped.calibration.is_some());
    checked.look(std::slice::from_ref(&grouped.diff));
    checked.look(&grouped.diff.moves);
    checked.look(grouped.calibration.as_slice());
    let all = ClusterQuery { singles: true, limit: 1, ..ClusterQuery::default() };
    let page = soulcaster.clusters(&shop, &all).await.unwrap();
    assert!(page.next.is_some());
    checked.look(&[all.clone(), ClusterQuery::default()]);
    checked.look(&[ClusterSort::Size, ClusterSort::LastSeen, ClusterSort::Created]);
    let job = ClusterJob {
        id: "j1".into(),
        project_id: shop.clone(),
        full: true,
        status: JobStatus::Pending,
        created_at: NOW,
        started_at: None,
        finished_at: None,
        error: None,
        stats: None,
    };
    let done = soulcaster.run_job(job.clone(), || NOW).await.unwrap();
    checked.look(done.stats.as_slice());
    checked.look(&[job, done]);
    checked.look(&[JobStatus::Pending, JobStatus::Running, JobStatus::Succeeded, JobStatus::Failed]);
    let mut pulled = PullState::new("s1");
    checked.look(std::slice::from_ref(&pulled));
    pulled.fail(&Error::new(ErrorKind::RateLimited, "x", "slow down"), NOW);
    checked.look(pulled.last_failure.as_slice());
    checked.look(&[pulled]);
    checked.look(&page.clusters);
    checked.look(&[page]);
    let all = soulcaster.clusters(&shop, &ClusterQuery { limit: 0, ..all }).await.unwrap().clusters;
    let [first, second, ..] = &all[..] else { panic!("{all:?}") };
    let merged = soulcaster.merge(&shop, &first.id, std::slice::from_ref(&second.id), NOW).await.unwrap();
    let items = soulcaster.items(&shop, &ItemQuery::default()).await.unwrap();
    let one = items.items[0].item.id.clone();
    let (_, split) = soulcaster.split(&shop, &first.id, std::slice::from_ref(&one), NOW).await.unwrap();
    let kinds: Vec<EventKind> = [&merged, &split].map(|event| event.kind).into();
    checked.look(&kinds);
    checked.look(&[merged, split, soulcaster.undo(&shop, NOW).await.unwrap()]);
    let report = soulcaster.recluster(&shop, false, NOW).await.unwrap();
    checked.look(&[grouped, report]);
    checked.look(&soulcaster.constraints(&shop).await.unwrap());
    checked.look(&[ItemQuery { cluster: Some(first.id.clone()), ..ItemQuery::default() }]);
    checked.look(&[items]);
    let detail = soulcaster.cluster(&shop, &first.id).await.unwrap();
    checked.look(&detail.items);
    checked.look(&[PlacedItem { verdict: None, ..detail.items[0].clone() }]);
    checked.look(&[detail]);
    let explained = soulcaster.explain(&shop, &one).await.unwrap();
    let decision = explained.decision.clone().unwrap();
    assert!(!decision.evidence.nearest.is_empty() && !explained.corrections.is_empty());
    checked.look(&explained.nearest);
    checked.look(&decision.evidence.nearest);
    checked.look(&[decision.evidence.nearest[0].scores]);
    checked.look(std::slice::from_ref(&decision.evidence.embedder));
    checked.look(std::slice::from_ref(&decision.evidence));
    checked.look(&[decision]);
    checked.look(&[explained]);
    checked.look(&[soulcaster.find(&shop, one.as_str()).await.unwrap(), Named::Cluster("c1".into())]);
    checked.look(&soulcaster.search(&shop, "card declined", 3).await.unwrap());
    let analysis = soulcaster.analyze(&shop).await.unwrap();
    assert!(!analysis.clusters.is_empty());
    checked.look(&analysis.clusters);
    checked.look(&[analysis]);
    let overview = soulcaster.overview(&shop, &OverviewOptions::default(), NOW).await.unwrap();
    assert!(!overview.points.is_empty() && !overview.buckets.is_empty());
    checked.look(&[OverviewOptions::default()]);
    checked.look(&overview.groups);
    checked.look(&overview.groups[0].examples);
    checked.look(&[overview.groups[0].cohesion.unwrap()]);
    checked.look(&[overview.counts]);
    checked.look(&[overview]);
    let head = Head { embedder: Some(EmbedderId("x".into())), ..Head::empty(&shop) };
    checked.look(&[Head::empty(&shop), head]);
}

/// Keys, sources, users, and what they may use.
async fn accounts(checked: &mut Checked) {
    let (soulcaster, shop) = (Soulcaster::in_memory(), shop());
    let (key, text) = soulcaster.create_key(&shop, Scope::Operator, &[1; 20], NOW).await.unwrap();
    checked.look(&[soulcaster.authenticate(text.expose()).await.unwrap()]);
    checked.look(&[ApiKey { revoked_at: Some(NOW), ..key.clone() }, key]);
    let mut views = Vec::new();
    for (n, proof) in proofs().into_iter().enumerate() {
        let (vendor, settings) = ("github".into(), Map::from_iter([("labels".to_owned(), json!(["bug"]))]));
        let secret = (proof == Proof::Pull).then(|| Secret::new("token"));
        let new = NewSource { vendor, proof, secret, enabled: true, settings };
        views.push(soulcaster.add_source(&shop, new, &[n as u8; 20], NOW).await.unwrap().0);
    }
    checked.look(&views[0].secrets);
    checked.look(&views);
    let new = NewUser { email: Some("a@example.com".into()), github_id: None };
    let (user, project) = soulcaster.create_user(new, &[1; 20], NOW).await.unwrap();
    checked.look(&[User { github_id: Some("1".into()), ..user.clone() }, user]);
    checked.look(&[ProjectInfo { user_id: None, ..project.clone() }, project]);
    checked.look(&[Limits::FREE_TIER, Limits::default()]);
    let used = soulcaster.usage(&shop, Limits::FREE_TIER).await.unwrap();
    checked.look(&[used, Usage::default()]);
    checked.look(&[FixSuccess { job: "j1".into(), cluster: "c1".into(), at: NOW }]);
    checked.look(&[QuotaState { current_count: 1, limit: 2, requested: u64::MAX }]);
    checked.look(&[Credential { key: "k".into(), project: shop, scope: Scope::Ingest }]);
}

fn proofs() -> [Proof; 5] {
    let header = Proof::Header { name: "X-Key".into() };
    [Proof::Signature, header, Proof::PathToken, Proof::Unsigned, Proof::Pull]
}

/// Plain ids and records that are rare.
fn words(checked: &mut Checked) {
    checked.look(&[FeedbackId::from("f1")]);
    checked.look(&[ClusterId::from("c1")]);
    checked.look(&[ConstraintId::from("k1")]);
    checked.look(&[EventId::from("e1")]);
    checked.look(&[shop()]);
    checked.look(&[report(1, "full"), Inbound::default()]);
    checked.look(&[Rejected { index: 1, reason: "no text".into() }]);
    checked.look(&[Finding { fault: true, message: "x".into() }]);
    checked.look(&[ImportReport { items: 1, clusters: 2, events: 3 }]);
    checked.look(&[RunnerUp { cluster: "c1".into(), support: 0.5 }]);
    let suggestion = json!({ "into": "c1", "from": "c2", "similarity": 0.9, "ratio": 1.0 });
    checked.look(&[serde_json::from_value::<soulcaster_core::flow::Suggestion>(suggestion).unwrap()]);
    let merge =
        json!({ "a": "c1", "b": "c2", "a_title": "A", "b_title": "B", "similarity": 0.9, "why": "x" });
    checked.look(&[serde_json::from_value::<soulcaster_core::flow::MergeView>(merge).unwrap()]);
    let unsure = json!({
        "id": "f1", "external_id": null, "title": "x", "source": "mail", "url": "https://example.com/",
        "suggestion": "c1", "suggestion_title": "A", "why": "x",
    });
    checked.look(&[serde_json::from_value::<soulcaster_core::flow::UnsureView>(unsure).unwrap()]);
    let lineage = Lineage {
        merged_into: Some("c1".into()),
        split_from: Some("c2".into()),
        merged_from: vec!["c3".into()],
    };
    checked.look(&[Lineage::default(), lineage]);
}

/// Every variant of every enum.
fn every_variant(checked: &mut Checked) {
    let (cluster, items) = (ClusterId::from("c1"), vec![FeedbackId::from("f1")]);
    checked.look(&[
        Verdict::Joined { cluster: cluster.clone() },
        Verdict::Unsure { suggestion: cluster.clone() },
        Verdict::New { cluster },
    ]);
    checked.look(&[Cut::Threshold(0.7), Cut::Gamma(0.1), Cut::Template(0.5), Cut::Correction]);
    checked.look(&[
        ConstraintKind::Together { items: items.clone() },
        ConstraintKind::Apart { left: items.clone(), right: items },
    ]);
    checked.look(&proofs());
    checked.look(&[
        Ignored::Ping,
        Ignored::UnknownEvent { event: "x".into() },
        Ignored::NotAReport { what: "x".into() },
        Ignored::Filtered { setting: "x".into() },
        Ignored::Empty,
        Ignored::Failure { kind: ErrorKind::RateLimited, message: "x".into() },
    ]);
    checked.look(&[Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]);
    checked.look(&[AuthStrength::None, AuthStrength::SharedSecret, AuthStrength::Signed]);
    checked.look(&[
        ClusterStatus::New,
        ClusterStatus::Fixing,
        ClusterStatus::PrOpened,
        ClusterStatus::Failed,
        ClusterStatus::Fixed,
        ClusterStatus::Regressed,
        ClusterStatus::Resolved,
    ]);
    checked.look(&[Tightness::Tight, Tightness::Moderate, Tightness::Loose]);
    checked.look(&[Regime::Template, Regime::Duplicates, Regime::Groups, Regime::Fixed]);
    checked.look(&[EventKind::Grouped, EventKind::CleanedUp, EventKind::Undone]);
    checked.look(&[Scope::Ingest, Scope::Read, Scope::Admin, Scope::Operator]);
    checked.look(&[
        ErrorKind::Invalid,
        ErrorKind::QuotaExceeded,
        ErrorKind::NotFound,
        ErrorKind::TooLarge,
        ErrorKind::RateLimited,
        ErrorKind::Full,
    ]);
}

/// The names of all types of the crate that have a schema.
fn derived() -> Vec<String> {
    const DERIVE: &str = "#[cfg_attr(feature = \"schema\", derive(utoipa::ToSchema))]";
    let mut names = Vec::new();
    let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            for rest in text.split(DERIVE).skip(1) {
                let head = rest.lines().find(|line| line.trim_start().starts_with("pub ")).unwrap();
                let word = head.split_whitespace().nth(2).unwrap();
                let name = word.split(['(', ';']).next().unwrap();
                // The ids are made by a macro and named in `words`.
                if !name.starts_with('$') {
                    names.push(name.to_owned());
                }
            }
        }
    }
    assert!(names.len() > 50, "{names:?}");
    names
}

#[test]
fn a_value_of_another_shape_is_refused() {
    let verdict = strict::<Verdict>();
    assert!(verdict.is_valid(&json!({ "kind": "new", "cluster": "c1" })));
    for wrong in [
        json!({ "kind": "new" }),
        json!({ "kind": "old", "cluster": "c1" }),
        json!({ "kind": "new", "cluster": "c1", "suggestion": "c2" }),
        json!({ "new": { "cluster": "c1" } }),
        json!({ "kind": "new", "cluster": 1 }),
    ] {
        assert!(!verdict.is_valid(&wrong), "{wrong}");
    }
    let placed = strict::<PlacedItem>();
    assert!(!placed.is_valid(&json!({ "item": { "id": "f1" }, "verdict": null })), "items are flat");
    assert!(!strict::<Limits>().is_valid(&json!({ "items_per_user": -1 })));
}
