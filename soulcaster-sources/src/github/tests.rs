use serde_json::json;
use soulcaster_core::{ErrorKind, Secret};

use super::*;
use crate::fixture::{bytes, decoded, delivery, now, report, shown};
use crate::signature::SecretHash;

fn github() -> GithubWebhook {
    GithubWebhook::new(Auth::AllowUnsigned, GithubSettings::default()).unwrap()
}

fn read(file: &str) -> Inbound {
    report(&github(), bytes(&format!("github/{file}.json")))
}

#[test]
fn issue_fills_every_field() {
    assert_eq!(
        shown(&read("issues.opened")),
        json!({
            "source": "github",
            "external_id": "186853002#issue:444500041",
            "title": "Spelling error in the README file",
            "body": "It looks like you accidently spelled 'commit' with two 't's.",
            "author": "Codertocat",
            "url": "https://github.com/Codertocat/Hello-World/issues/1",
            "tags": ["bug"],
            "metadata": {"kind": "issue", "repository": "Codertocat/Hello-World", "status": "open",
                "number": 1,
                "author_association": "OWNER"},
            "occurred_at": "2019-05-15T15:20:18Z",
            "updated_at": "2019-05-15T15:20:18Z",
            "auth_strength": "none",
        })
    );
}

#[test]
fn comment_has_its_own_id_and_text_under_the_issues_title() {
    let (created, edited) = (read("issue_comment.created"), read("issue_comment.edited"));
    assert_eq!(
        shown(&edited),
        json!({
            "source": "github",
            "external_id": "186853002#comment:492700400",
            "title": "Spelling error in the README file",
            "body": "You are totally right! I'll get this fixed today.",
            "author": "Codertocat",
            "url": "https://github.com/Codertocat/Hello-World/issues/1#issuecomment-492700400",
            "tags": ["bug"],
            "metadata": {"kind": "comment", "repository": "Codertocat/Hello-World", "number": 1,
                "author_association": "OWNER"},
            "occurred_at": "2019-05-15T15:20:21Z",
            "updated_at": "2019-05-15T15:20:22Z",
            "auth_strength": "none",
        })
    );
    assert_eq!(created.external_id, edited.external_id);
    assert!(created.updated_at < edited.updated_at);
}

#[test]
fn discussion_and_its_comment_are_two_items() {
    let (discussion, comment) = (read("discussion.created"), read("discussion_comment.created"));
    assert_eq!(discussion.external_id.as_deref(), Some("186853002#discussion:3299614"));
    assert_eq!((discussion.title.as_str(), discussion.body.as_str()), ("TEST edit", "TEST edit"));
    assert_eq!(discussion.metadata["category"], "General");
    assert_eq!(comment.external_id.as_deref(), Some("186853002#discussion_comment:550062"));
    assert_eq!((comment.title.as_str(), comment.body.as_str()), ("TEST edit", "ANSWER"));
}

#[test]
fn alerts_carry_their_severity_and_state() {
    let finding = read("code_scanning_alert.created");
    assert_eq!(finding.title, "Query built from user-controlled sources");
    assert!(finding.body.starts_with("Building a SQL") && finding.body.ends_with("BookService.java:84"));
    assert_eq!((finding.severity, &finding.metadata["status"]), (Some(Severity::High), &json!("open")));
    assert!(finding.external_id.unwrap().ends_with("#code_scanning:10"));
    let hole = read("dependabot_alert.created");
    assert_eq!(hole.title, "semver vulnerable to Regular Expression Denial of Service");
    assert_eq!((hole.severity, hole.tags), (Some(Severity::Medium), vec!["npm".into(), "semver".into()]));
    assert_eq!(hole.metadata["fixed_in"], "7.5.2");
    let secret = read("secret_scanning_alert.created");
    assert_eq!(secret.title, "Secret in the repository: Example API Token");
    assert_eq!((secret.severity, secret.body.as_str()), (Some(Severity::Critical), "Validity: active"));
    assert!(!shown(&secret).to_string().contains("not-to-be-shown"));
}

#[test]
fn deletion_is_the_last_version_whatever_comes_first() {
    let deleted = read("issues.deleted");
    assert_eq!(deleted.metadata["status"], "deleted");
    assert_eq!(deleted.updated_at.unwrap().to_rfc3339(), "2021-10-11T16:40:56.001+00:00");
    assert_eq!(read("issues.transferred").metadata["status"], "transferred");
    let mut edit: Value = serde_json::from_slice(&bytes("github/issues.deleted.json")).unwrap();
    edit["action"] = json!("edited");
    let edit = report(&github(), edit.to_string());
    let project = soulcaster_core::ProjectId::new("p").unwrap();
    let end = |first: &Inbound, second: &Inbound| {
        let mut item = soulcaster_core::model::FeedbackItem::first(&project, first.clone(), now());
        item.absorb(second.clone(), now());
        item.metadata["status"].clone()
    };
    assert_eq!((end(&edit, &deleted), end(&deleted, &edit)), (json!("deleted"), json!("deleted")));
}

#[test]
fn other_events_are_ignored_with_their_name() {
    let answer = |event: &str, file: &str| {
        let headers = [("x-github-event", event)];
        github().decode(&delivery(&headers, bytes(&format!("github/{file}.json"))), now()).unwrap()
    };
    assert_eq!(answer("ping", "ping.ping"), Decoded::Ignored(Ignored::Ping));
    assert_eq!(answer("pull_request", "pull_request.opened"), payload::not_a_report("pull_request"));
    assert_eq!(answer("brand_new", "issues.opened"), payload::unknown("brand_new"));
    let advisory = decoded(&github(), bytes("github/security_advisory.published.json"));
    assert_eq!(advisory, payload::not_a_report("security_advisory"));
    let mut pull: Value = serde_json::from_slice(&bytes("github/issue_comment.created.json")).unwrap();
    pull["issue"]["pull_request"] = json!({"url": "https://api.github.com/x"});
    assert_eq!(decoded(&github(), pull.to_string()), payload::not_a_report("pull_request"));
    assert_eq!(decoded(&github(), ""), Decoded::Ignored(Ignored::Empty));
}

#[test]
fn the_headers_event_must_fit_the_body() {
    let headers = [("X-GitHub-Event", "issues")];
    let error = github().decode(&delivery(&headers, "{\"zen\":\"x\"}"), now()).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Invalid, "/issue is missing"));
}

#[test]
fn nullable_fields_may_be_null() {
    let body = json!({"action": "opened", "repository": {"id": 9}, "issue": {"id": 1, "title": "x",
        "body": null,
        "user": null, "labels": [null, {"name": "Priority: High"}, {"name": "low"}, {"name": "error"}]}});
    let item = report(&github(), body.to_string());
    assert_eq!((item.author, item.body.as_str(), item.severity), (None, "", Some(Severity::High)));
    assert_eq!(item.tags, ["Priority: High", "low", "error"]);
}

#[test]
fn settings_choose_repositories_and_name_severities() {
    let settings = |repository: &str| GithubSettings {
        repositories: vec![repository.into()],
        severities: [("BUG".into(), Severity::Low)].into(),
    };
    let github = |repository| GithubWebhook::new(Auth::AllowUnsigned, settings(repository)).unwrap();
    let body = bytes("github/issues.opened.json");
    assert_eq!(decoded(&github("other/repo"), &body[..]), payload::filtered("repositories"));
    assert_eq!(report(&github("codertocat/hello-world"), &body[..]).severity, Some(Severity::Low));
    for wrong in ["", "repo", "a/b/c", "/b"] {
        assert!(GithubWebhook::new(Auth::AllowUnsigned, settings(wrong)).is_err(), "{wrong}");
    }
    assert!(GithubWebhook::new(Auth::Signed { secrets: vec![] }, GithubSettings::default()).is_err());
}

#[test]
fn a_form_holds_the_json_in_its_payload() {
    let form = b"payload=%7B%22zen%22%3A%22x%22%2C%22hook%22%3A%7B%7D%7D";
    assert_eq!(decoded(&github(), &form[..]), Decoded::Ignored(Ignored::Ping));
}

#[test]
fn a_header_secret_marks_items_as_such() {
    let auth =
        Auth::HeaderSecret { header: "X-Key".into(), secrets: vec![SecretHash::of(&Secret::new("k"))] };
    let github = GithubWebhook::new(auth, GithubSettings::default()).unwrap();
    let delivery = delivery(&[("x-key", "k")], bytes("github/issues.opened.json"));
    let Decoded::Reports(reports) = github.decode(&delivery, now()).unwrap() else { panic!() };
    assert_eq!(reports[0].auth_strength, soulcaster_core::model::AuthStrength::SharedSecret);
}
