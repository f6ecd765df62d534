//! Corrections hold through every later run, ids stay, and what a diff says is what happens.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use soulcaster_core::flow::{ClusterQuery, ItemQuery};
use soulcaster_core::model::{ConstraintKind, Verdict};
use soulcaster_core::{ClusterId, ErrorKind, FeedbackId, ProjectId, Soulcaster};

use crate::reports::{at, project, reports};

type Places = BTreeMap<FeedbackId, Option<Verdict>>;

async fn places(soulcaster: &Soulcaster, project: &ProjectId) -> Places {
    let items = soulcaster.items(project, &ItemQuery::default()).await.unwrap().items;
    items.into_iter().map(|placed| (placed.item.id, placed.verdict)).collect()
}

fn members(places: &Places) -> BTreeMap<ClusterId, BTreeSet<FeedbackId>> {
    let mut members: BTreeMap<ClusterId, BTreeSet<FeedbackId>> = BTreeMap::new();
    for (item, verdict) in places {
        if let Some(cluster) = verdict.as_ref().and_then(Verdict::cluster) {
            members.entry(cluster.clone()).or_default().insert(item.clone());
        }
    }
    members
}

async fn healthy(soulcaster: &Soulcaster, project: &ProjectId) {
    let faults: Vec<_> = soulcaster.check(project).await.unwrap().into_iter().filter(|f| f.fault).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// Every constraint in force holds for where the items are.
async fn constraints_hold(soulcaster: &Soulcaster, project: &ProjectId) {
    let places = places(soulcaster, project).await;
    let cluster = |item: &FeedbackId| places[item].as_ref().and_then(Verdict::cluster);
    for constraint in soulcaster.constraints(project).await.unwrap() {
        match &constraint.kind {
            ConstraintKind::Together { items } => {
                let clusters: BTreeSet<_> = items.iter().map(cluster).collect();
                assert!(clusters.len() == 1 && !clusters.contains(&None), "{constraint:?} in {clusters:?}");
            }
            ConstraintKind::Apart { left, right } => {
                let rights: BTreeSet<_> = right.iter().filter_map(cluster).collect();
                assert!(left.iter().filter_map(cluster).all(|c| !rights.contains(c)), "{constraint:?}");
            }
        }
    }
}

async fn grouped(n: usize) -> (Soulcaster, ProjectId) {
    let (soulcaster, project) = (Soulcaster::in_memory(), project());
    soulcaster.ingest(&project, reports(n), at(0)).await.unwrap();
    soulcaster.group(&project, at(1)).await.unwrap();
    (soulcaster, project)
}

/// What a person might do; the numbers pick clusters and items.
#[derive(Debug, Clone)]
enum Step {
    Merge(usize, usize),
    Split(usize, usize),
    Move(usize, usize),
    ConfirmCluster(usize),
    ConfirmItem(usize),
    Reject(usize),
    Undo,
    Recluster,
    Arrive(usize),
    Cleanup,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pick = || 0usize..1000;
    let step = prop_oneof![
        3 => (pick(), pick()).prop_map(|(a, b)| Step::Merge(a, b)),
        3 => (pick(), pick()).prop_map(|(a, b)| Step::Split(a, b)),
        3 => (pick(), pick()).prop_map(|(a, b)| Step::Move(a, b)),
        1 => pick().prop_map(Step::ConfirmCluster),
        1 => pick().prop_map(Step::ConfirmItem),
        1 => pick().prop_map(Step::Reject),
        3 => Just(Step::Undo),
        2 => Just(Step::Recluster),
        1 => (1usize..6).prop_map(Step::Arrive),
        1 => Just(Step::Cleanup),
    ];
    prop::collection::vec(step, 1..14)
}

/// Does `step`; a step that makes no sense now is refused with a clear kind and changes nothing.
async fn take(soulcaster: &Soulcaster, project: &ProjectId, step: &Step, time: i64) {
    let before = places(soulcaster, project).await;
    let clusters: Vec<ClusterId> = members(&before).into_keys().collect();
    let items: Vec<FeedbackId> = before.keys().cloned().collect();
    let cluster = |n: usize| &clusters[n % clusters.len()];
    let item = |n: usize| &items[n % items.len()];
    let now = at(time);
    let done = match step {
        Step::Merge(a, b) => {
            soulcaster.merge(project, cluster(*a), &[cluster(*b).clone()], now).await.map(|_| ())
        }
        Step::Split(a, b) => {
            let all: Vec<FeedbackId> = members(&before)[cluster(*a)].iter().cloned().collect();
            let some = &all[..1 + b % all.len()];
            soulcaster.split(project, cluster(*a), some, now).await.map(|_| ())
        }
        Step::Move(a, b) => soulcaster.move_item(project, item(*a), cluster(*b), now).await.map(|_| ()),
        Step::ConfirmCluster(a) => soulcaster.confirm_cluster(project, cluster(*a), now).await.map(|_| ()),
        Step::ConfirmItem(a) => soulcaster.confirm_item(project, item(*a), now).await.map(|_| ()),
        Step::Reject(a) => soulcaster.reject_item(project, item(*a), now).await.map(|_| ()),
        Step::Undo => soulcaster.undo(project, now).await.map(|_| ()),
        Step::Recluster => {
            let said = soulcaster.recluster(project, false, now).await.unwrap();
            assert_eq!(places(soulcaster, project).await, before, "a dry run changed something");
            let did = soulcaster.recluster(project, true, now).await.unwrap();
            assert_eq!(said.diff, did.diff);
            let after = places(soulcaster, project).await;
            for (item, verdict) in &after {
                match did.diff.moves.iter().find(|change| change.item == *item) {
                    Some(change) => {
                        assert_eq!((&change.from, Some(&change.to)), (&before[item], verdict.as_ref()));
                    }
                    None => assert_eq!(&before[item], verdict, "{item} moved but the diff does not say so"),
                }
            }
            Ok(())
        }
        Step::Arrive(n) => {
            let known = items.len();
            soulcaster.ingest(project, reports(known + n).split_off(known), now).await.unwrap();
            soulcaster.group(project, now).await.map(|_| ())
        }
        Step::Cleanup => soulcaster.cleanup(project, now).await.map(|_| ()),
    };
    if let Err(error) = done {
        assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound), "{step:?}: {error}");
        assert_eq!(places(soulcaster, project).await, before, "{step:?} was refused but changed something");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn every_constraint_holds_after_every_step(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (soulcaster, project) = grouped(70).await;
            for (time, step) in (10..).zip(&steps) {
                take(&soulcaster, &project, step, time).await;
                constraints_hold(&soulcaster, &project).await;
                healthy(&soulcaster, &project).await;
            }
            soulcaster.recluster(&project, true, at(1000)).await.unwrap();
            constraints_hold(&soulcaster, &project).await;
            healthy(&soulcaster, &project).await;
        });
    }

    #[test]
    fn undoing_everything_leads_back_to_the_start(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (soulcaster, project) = grouped(60).await;
            let start = places(&soulcaster, &project).await;
            for (time, step) in (10..).zip(&steps) {
                if !matches!(step, Step::Arrive(_)) {
                    take(&soulcaster, &project, step, time).await;
                }
            }
            while soulcaster.undo(&project, at(2000)).await.is_ok() {}
            assert_eq!(places(&soulcaster, &project).await, start);
            assert!(soulcaster.constraints(&project).await.unwrap().is_empty());
            healthy(&soulcaster, &project).await;
        });
    }
}

#[tokio::test]
async fn merged_clusters_stay_merged_under_the_first_one_s_id() {
    let (soulcaster, project) = grouped(120).await;
    let clusters = soulcaster.clusters(&project, &ClusterQuery::default()).await.unwrap().clusters;
    let (a, b) = (clusters[0].id.clone(), clusters[1].id.clone());
    let all: BTreeSet<FeedbackId> = {
        let members = members(&places(&soulcaster, &project).await);
        members[&a].union(&members[&b]).cloned().collect()
    };
    soulcaster.merge(&project, &a, std::slice::from_ref(&b), at(2)).await.unwrap();
    soulcaster.recluster(&project, true, at(3)).await.unwrap();
    let after = members(&places(&soulcaster, &project).await);
    assert!(after[&a].is_superset(&all));
    assert!(!after.contains_key(&b));
    let error = soulcaster.cluster(&project, &b).await.unwrap_err();
    assert!(error.to_string().contains(&format!("it was merged into {a}")), "{error}");
}

#[tokio::test]
async fn a_moved_item_stays_where_it_was_put() {
    let (soulcaster, project) = grouped(120).await;
    let clusters = soulcaster.clusters(&project, &ClusterQuery::default()).await.unwrap().clusters;
    let item = soulcaster.cluster(&project, &clusters[0].id).await.unwrap().items[1].item.id.clone();
    let goal = clusters[2].id.clone();
    soulcaster.move_item(&project, &item, &goal, at(2)).await.unwrap();
    for round in 0..3 {
        soulcaster.recluster(&project, true, at(3 + round)).await.unwrap();
        assert_eq!(
            places(&soulcaster, &project).await[&item].as_ref().and_then(Verdict::cluster),
            Some(&goal)
        );
    }
    let explanation = soulcaster.explain(&project, &item).await.unwrap();
    assert!(!explanation.corrections.is_empty());
}

#[tokio::test]
async fn a_full_run_without_news_changes_nothing() {
    let (soulcaster, project) = grouped(200).await;
    let report = soulcaster.recluster(&project, true, at(2)).await.unwrap();
    assert!(report.diff.moves.is_empty() && report.diff.created.is_empty() && report.diff.retired.is_empty());
    assert_eq!(report.diff.unchanged, 200);
}

#[tokio::test]
async fn new_items_join_without_disturbing_the_old_ones() {
    let (soulcaster, project) = grouped(120).await;
    let before = places(&soulcaster, &project).await;
    soulcaster.ingest(&project, reports(140).split_off(120), at(2)).await.unwrap();
    let report = soulcaster.group(&project, at(3)).await.unwrap();
    assert_eq!(report.diff.moves.len(), 20);
    let after = places(&soulcaster, &project).await;
    assert!(before.iter().all(|(item, verdict)| after[item] == *verdict));
    assert!(soulcaster.group(&project, at(4)).await.unwrap().diff.moves.is_empty());
}

#[tokio::test]
async fn another_embedder_is_refused_until_the_project_is_moved_to_it() {
    use soulcaster_core::port::{Embedder, EmbedderId, Embedding};
    use std::sync::Arc;
    struct Other;
    #[async_trait::async_trait]
    impl Embedder for Other {
        fn id(&self) -> EmbedderId {
            EmbedderId("other/1".into())
        }
        fn dimensions(&self) -> usize {
            2
        }
        async fn embed(&self, texts: &[String]) -> soulcaster_core::Result<Vec<Embedding>> {
            texts.iter().map(|_| Embedding::new(vec![1.0, 0.0])).collect()
        }
    }
    let (soulcaster, project) = grouped(20).await;
    let other = Soulcaster::builder(soulcaster.store().clone()).embedder(Arc::new(Other)).build().unwrap();
    let error = other.group(&project, at(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("open it with the same embedder"), "{error}");
}

#[tokio::test]
async fn an_export_comes_back_equal_in_another_project() {
    let (soulcaster, project) = grouped(80).await;
    let clusters = soulcaster.clusters(&project, &ClusterQuery::default()).await.unwrap().clusters;
    soulcaster.merge(&project, &clusters[0].id, &[clusters[1].id.clone()], at(2)).await.unwrap();
    let mut lines: Vec<String> = Vec::new();
    soulcaster
        .export(&project, &mut |line| {
            lines.push(line.to_owned());
            Ok(())
        })
        .await
        .unwrap();
    let twin = Soulcaster::in_memory();
    let report = twin.import(&project, lines.iter().cloned().map(Ok)).await.unwrap();
    assert_eq!(report.items, 80);
    assert_eq!(places(&twin, &project).await, places(&soulcaster, &project).await);
    healthy(&twin, &project).await;
    twin.undo(&project, at(3)).await.unwrap();
    assert_eq!(twin.clusters(&project, &ClusterQuery::default()).await.unwrap().total, clusters.len());
    let error = twin.import(&project, lines.into_iter().map(Ok)).await.unwrap_err();
    assert!(error.to_string().contains("import into an empty project"), "{error}");
}
