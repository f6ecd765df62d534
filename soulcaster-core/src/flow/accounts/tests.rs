use std::sync::Arc;

use super::*;
use crate::error::ErrorKind;
use crate::flow::overtaken::overtaken;
use crate::flow::sources::NewSource;
use crate::memory::MemoryStore;
use crate::model::item::Inbound;
use crate::model::key::Scope;
use crate::model::source::Proof;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn new(email: Option<&str>, github_id: Option<&str>) -> NewUser {
    NewUser { email: email.map(str::to_owned), github_id: github_id.map(str::to_owned) }
}

fn engine() -> (Arc<MemoryStore>, Soulcaster) {
    let store = Arc::new(MemoryStore::new());
    (store.clone(), Soulcaster::builder(store).build().unwrap())
}

#[tokio::test]
async fn a_user_comes_with_a_first_project() {
    let (_, soulcaster) = engine();
    let (user, project) =
        soulcaster.create_user(new(Some(" Ann@Example.com "), None), &[1; 20], NOW).await.unwrap();
    assert_eq!((user.email.as_deref(), user.id.len()), (Some("ann@example.com"), 16));
    assert_eq!((project.name.as_str(), project.user_id.as_ref()), ("My Project", Some(&user.id)));
    assert_eq!(soulcaster.user(&user.id).await.unwrap(), user);
    assert_eq!(soulcaster.projects_of(&user.id).await.unwrap(), std::slice::from_ref(&project));
    assert_eq!(soulcaster.project_info(&project.id).await.unwrap(), Some(project));
    assert_eq!(soulcaster.user("nobody").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(soulcaster.projects().await.unwrap().is_empty(), "users are no project");
}

#[tokio::test]
async fn the_same_email_or_github_id_is_the_same_user() {
    let (_, soulcaster) = engine();
    let add = async |new, random: u8| soulcaster.create_user(new, &[random; 20], NOW).await;
    let (ann, project) = add(new(Some("ann@example.com"), None), 1).await.unwrap();
    let (again, same) = add(new(Some("ANN@example.com"), Some("42")), 2).await.unwrap();
    assert_eq!((&again.id, &same), (&ann.id, &project));
    assert_eq!(again.github_id.as_deref(), Some("42"), "what was not known is added");
    assert_eq!(add(new(None, Some("42")), 3).await.unwrap().0, again);
    let other = add(new(Some("ann@example.com"), Some("43")), 4).await.unwrap().0;
    assert_eq!(other, again, "what is known stays");
    let (bob, _) = add(new(None, Some("43")), 5).await.unwrap();
    assert_ne!(bob.id, ann.id);
    let error = add(new(Some("ann@example.com"), Some("43")), 6).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(soulcaster.users().await.unwrap(), [again, bob]);
}

#[tokio::test]
async fn a_user_who_is_added_twice_at_once_is_one() {
    let (store, soulcaster) = engine();
    let slow = overtaken(&soulcaster, &store, |fast| async move {
        fast.create_user(new(Some("ann@example.com"), None), &[1; 20], NOW).await.unwrap();
    });
    let (user, project) =
        slow.create_user(new(Some("ann@example.com"), Some("42")), &[2; 20], NOW).await.unwrap();
    assert_eq!(soulcaster.users().await.unwrap(), std::slice::from_ref(&user));
    assert_eq!(user.github_id.as_deref(), Some("42"));
    assert_eq!(soulcaster.projects_of(&user.id).await.unwrap(), [project]);
}

#[tokio::test]
async fn who_cannot_be_a_user_is_refused() {
    let (_, soulcaster) = engine();
    let long = format!("{}@example.com", "a".repeat(250));
    let wrong = [
        new(None, None),
        new(Some("ann"), None),
        new(Some(" "), None),
        new(Some("a\n@example.com"), None),
        new(Some(&long), None),
        new(None, Some("")),
    ];
    for wrong in wrong {
        let error = soulcaster.create_user(wrong.clone(), &[1; 20], NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{wrong:?}");
    }
    let few = soulcaster.create_user(new(None, Some("1")), &[1; 19], NOW).await.unwrap_err();
    assert_eq!(few.kind(), ErrorKind::Invalid);
    assert!(soulcaster.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_project_has_one_owner() {
    let (_, soulcaster) = engine();
    let (ann, _) = soulcaster.create_user(new(None, Some("1")), &[1; 20], NOW).await.unwrap();
    let (bob, _) = soulcaster.create_user(new(None, Some("2")), &[2; 20], NOW).await.unwrap();
    let shop = ProjectId::new("shop").unwrap();
    let create = async |user, id: Option<&ProjectId>, name, random: u8| {
        soulcaster.create_project(user, id.cloned(), name, &[random; 20], NOW).await
    };
    // A project that has reports before it has a name keeps them.
    soulcaster.ingest(&shop, vec![Inbound::new("mail", "late parcel")], NOW).await.unwrap();
    let made = create(Some(&ann.id), Some(&shop), " The Shop ", 3).await.unwrap();
    assert_eq!((made.name.as_str(), made.user_id.as_ref()), ("The Shop", Some(&ann.id)));
    assert_eq!(create(Some(&ann.id), Some(&shop), "Another name", 4).await.unwrap(), made);
    for owner in [Some(bob.id.as_str()), None] {
        let error = create(owner, Some(&shop), "Mine", 5).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{owner:?}");
    }
    let named = create(None, None, "No id", 6).await.unwrap();
    assert_eq!((named.id.as_str().len(), named.user_id), (16, None));
    let error = create(None, Some(&named.id), "No id", 7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "nobody's project is given to nobody");
    assert_eq!(create(Some("nobody"), None, "x", 7).await.unwrap_err().kind(), ErrorKind::NotFound);
    for (id, name) in [(Some(&ProjectId::system()), "x"), (None, " "), (None, "a\u{7}b")] {
        assert_eq!(
            create(None, id, name, 8).await.unwrap_err().kind(),
            ErrorKind::Invalid,
            "{id:?} {name:?}"
        );
    }
    assert_eq!(soulcaster.projects_of(&ann.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_project_is_used_once_there_is_anything_of_it() {
    let (_, soulcaster) = engine();
    let project = |id: &str| ProjectId::new(id).unwrap();
    assert!(!soulcaster.is_used(&project("new")).await.unwrap());
    soulcaster.create_project(None, Some(project("named")), "x", &[1; 20], NOW).await.unwrap();
    soulcaster.ingest(&project("full"), vec![Inbound::new("mail", "late parcel")], NOW).await.unwrap();
    soulcaster.create_key(&project("keyed"), Scope::Read, &[1; 20], NOW).await.unwrap();
    let source = NewSource {
        vendor: "manual".to_owned(),
        proof: Proof::Unsigned,
        secret: None,
        enabled: true,
        settings: Default::default(),
    };
    soulcaster.add_source(&project("sourced"), source, &[1; 20], NOW).await.unwrap();
    for id in ["named", "full", "keyed", "sourced"] {
        assert!(soulcaster.is_used(&project(id)).await.unwrap(), "{id}");
    }
    assert!(!soulcaster.is_used(&project("new")).await.unwrap());
}

#[tokio::test]
async fn a_project_that_somebody_else_takes_first_is_theirs() {
    let (store, soulcaster) = engine();
    let (ann, _) = soulcaster.create_user(new(None, Some("1")), &[1; 20], NOW).await.unwrap();
    let shop = ProjectId::new("shop").unwrap();
    let theirs = shop.clone();
    let slow = overtaken(&soulcaster, &store, |fast| async move {
        fast.create_project(None, Some(theirs), "Theirs", &[2; 20], NOW).await.unwrap();
    });
    let error = slow.create_project(Some(&ann.id), Some(shop.clone()), "Mine", &[3; 20], NOW).await;
    assert_eq!(error.unwrap_err().message(), "project shop is another's; choose another id");
    assert_eq!(soulcaster.project_info(&shop).await.unwrap().unwrap().name, "Theirs");
}
