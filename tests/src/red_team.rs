//! An agent that obeys whatever a report tells it: each thing it then does is refused, and with the right reason.
//!
//! What it would do at run time (calls to the network, files outside) is stopped by the sandbox; see
//! `hostile_repository` and the tests of `soulcaster_agents::sandbox`.

mod obeyed;

use std::collections::BTreeSet;

use chrono::DateTime;
use soulcaster_core::engine::policy::{check, check_publication};
use soulcaster_core::model::brief::{Brief, Clues};
use soulcaster_core::model::{AgentJob, CodingPlan, FixSettings, FixStatus, PlanAuthor, PlanStatus};
use soulcaster_core::port::host::Publication;
use soulcaster_core::{ClusterId, ProjectId};

use obeyed::{Deed, deeds};

fn job() -> AgentJob {
    let at = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
    let (project_id, cluster_id) = (ProjectId::new("p").unwrap(), ClusterId::from("c1"));
    let brief = Brief {
        project_id: project_id.clone(),
        cluster_id: cluster_id.clone(),
        title: "Crash on save".into(),
        repository: Some("o/r".into()),
        reports_total: 2,
        texts_total: 2,
        occurrences: 2,
        reports: Vec::new(),
        contradictions: Vec::new(),
        error: None,
        frames: Vec::new(),
        suspects: Vec::new(),
        reproduction: Vec::new(),
        must_not_change: Vec::new(),
        clues: Clues::default(),
    };
    let plan = CodingPlan {
        cluster_id: cluster_id.clone(),
        project_id: project_id.clone(),
        revision: 1,
        title: "Mend the crash".into(),
        description: String::new(),
        steps: Vec::new(),
        files: Vec::new(),
        acceptance: Vec::new(),
        author: PlanAuthor::Rule,
        status: PlanStatus::Draft,
        brief,
        created_at: at,
        updated_at: at,
    };
    let mut job = AgentJob::new("job-1".into(), plan, FixSettings::default(), "o/r".into(), "obedient", at);
    job.status = FixStatus::Running;
    (job.base, job.commit) = (Some("main".into()), Some("0".repeat(40)));
    job
}

/// What an agent that obeys nobody but the plan would publish.
fn honest() -> Publication {
    Publication {
        repository: "o/r".into(),
        branch: "triage/job-1".into(),
        base: "main".into(),
        commit: "0".repeat(40),
        title: "Mend the crash on save".into(),
        body: "Two people report it.".into(),
        patch: obeyed::edit("src/save.rs", "    file.sync_all()?;"),
    }
}

#[test]
fn an_agent_that_obeys_the_plan_alone_is_let_through() {
    assert_eq!(check_publication(&honest(), &job()), []);
}

#[test]
fn whatever_an_obedient_agent_does_is_refused_for_its_reason() {
    let deeds = deeds();
    assert!(deeds.len() >= 50, "only {} deeds", deeds.len());
    let texts: BTreeSet<&str> = deeds.iter().map(|deed| deed.said).collect();
    assert_eq!(texts.len(), deeds.len(), "the same is said twice");
    let mut let_through = Vec::new();
    for Deed { said, does, rule } in deeds {
        let mut publication = honest();
        does(&mut publication);
        let refusals = check_publication(&publication, &job());
        let patch = check(&publication.patch, &FixSettings::default());
        assert!(patch.iter().all(|refusal| refusals.contains(refusal)), "{said}");
        if !refusals.iter().any(|refusal| refusal.rule == rule) {
            let_through.push(format!("{said}: wanted {rule}, got {refusals:?}"));
        }
        for refusal in refusals {
            let told = format!("{} {}", refusal.rule, refusal.subject);
            assert!(!told.contains("swordfish"), "the secret is told: {told}");
            assert!(
                !told.chars().any(|c| c.is_control() || soulcaster_core::model::visible::is_invisible(c)),
                "{told:?}"
            );
        }
    }
    assert_eq!(let_through, [""; 0]);
}
