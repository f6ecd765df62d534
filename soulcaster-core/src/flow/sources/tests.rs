use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::error::ErrorKind;
use crate::flow::overtaken::overtaken;
use crate::memory::MemoryStore;
use crate::port::store::Record;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const LONG: &str = "a-secret-that-nobody-guesses";

fn engine() -> (Arc<MemoryStore>, Soulcaster) {
    let store = Arc::new(MemoryStore::new());
    (store.clone(), Soulcaster::builder(store).build().unwrap())
}

fn shop() -> ProjectId {
    ProjectId::new("shop").unwrap()
}

fn new(proof: Proof, secret: Option<&str>) -> NewSource {
    let settings = Map::from_iter([("labels".to_owned(), json!(["bug"]))]);
    NewSource { vendor: "github".into(), proof, secret: secret.map(Secret::new), enabled: true, settings }
}

fn header() -> Proof {
    Proof::Header { name: "X-Key".into() }
}

#[tokio::test]
async fn a_source_is_found_by_its_id_alone_and_shown_without_secrets() {
    let (_, soulcaster) = engine();
    let (view, made) =
        soulcaster.add_source(&shop(), new(Proof::Signature, Some(LONG)), &[1; 20], NOW).await.unwrap();
    assert!(made.is_none() && !view.unsigned && view.enabled);
    assert_eq!((view.id.len(), view.secrets.len()), (16, 1));
    let config = soulcaster.source_config(&view.id).await.unwrap();
    config.check().unwrap();
    assert_eq!((&config.project_id, &config.settings), (&shop(), &view.settings));
    let SecretValue::Plain(kept) = &config.secrets[0].value else { panic!("a signature needs the secret") };
    assert_eq!(kept.expose(), LONG);
    assert_eq!(soulcaster.sources(&shop()).await.unwrap(), std::slice::from_ref(&view));
    assert_eq!(soulcaster.source(&shop(), &view.id).await.unwrap(), view);
    assert_eq!(soulcaster.all_sources().await.unwrap()[0].secrets.len(), 1);
    let shown = [
        serde_json::to_string(&view).unwrap(),
        serde_json::to_string(&config).unwrap(),
        format!("{view:?} {config:?} {:?}", new(Proof::Pull, Some(LONG))),
    ];
    assert!(shown.iter().all(|text| !text.contains(LONG)), "{shown:?}");
    assert!(soulcaster.projects().await.unwrap().is_empty(), "sources are no project");
}

#[tokio::test]
async fn what_comes_in_a_header_or_path_is_kept_as_its_hash() {
    let (_, soulcaster) = engine();
    let add = async |proof, secret, random: u8| {
        let added = soulcaster.add_source(&shop(), new(proof, secret), &[random; 20], NOW).await;
        let (view, made) = added.unwrap();
        let config = soulcaster.source_config(&view.id).await.unwrap();
        config.check().unwrap();
        let SecretValue::Sha256(hex) = &config.secrets[0].value else { panic!("kept as it is") };
        (hex.clone(), made)
    };
    let (hex, made) = add(header(), Some(LONG), 1).await;
    assert!(made.is_none());
    assert_eq!(hex, "3a01c4fd9836730cb5bd646113b22de3d52ed5f884ff390998a3951b20aea378");
    for (proof, random) in [(header(), 2), (Proof::PathToken, 3)] {
        let (hex, made) = add(proof.clone(), None, random).await;
        let made = made.unwrap();
        assert_eq!(made.expose().len(), 40);
        let SecretValue::Sha256(expected) = SecretValue::of(&made, &proof) else { panic!("no hash") };
        assert_eq!(hex, expected);
    }
}

#[tokio::test]
async fn a_secret_that_does_not_fit_the_proof_is_refused() {
    let (_, soulcaster) = engine();
    let wrong = [
        (header(), Some("fifteen-bytes-x")),
        (header(), Some(" ")),
        (Proof::Signature, Some("")),
        (Proof::Pull, Some("\n")),
        (Proof::PathToken, Some(LONG)),
        (Proof::Unsigned, Some(LONG)),
        (Proof::Header { name: "X Key".into() }, Some(LONG)),
        (Proof::Header { name: String::new() }, Some(LONG)),
    ];
    for (proof, secret) in wrong {
        let told = format!("{proof:?} {secret:?}");
        let error = soulcaster.add_source(&shop(), new(proof, secret), &[1; 20], NOW).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{told}");
        assert!(!error.to_string().contains(LONG), "{error}");
    }
    for vendor in ["", "Git Hub", "a/b", &"a".repeat(65)] {
        let new = NewSource { vendor: vendor.into(), ..new(Proof::Signature, None) };
        assert!(soulcaster.add_source(&shop(), new, &[1; 20], NOW).await.is_err(), "{vendor:?}");
    }
    assert!(soulcaster.add_source(&shop(), new(Proof::Unsigned, None), &[1; 19], NOW).await.is_err());
    assert!(soulcaster.sources(&shop()).await.unwrap().is_empty());
    for proof in [Proof::Unsigned, Proof::Pull] {
        let random = [u8::from(proof == Proof::Pull); 20];
        let (view, made) =
            soulcaster.add_source(&shop(), new(proof.clone(), None), &random, NOW).await.unwrap();
        assert!(view.secrets.is_empty() && made.is_none());
        assert_eq!(view.unsigned, proof == Proof::Unsigned);
        soulcaster.source_config(&view.id).await.unwrap().check().unwrap();
    }
}

#[tokio::test]
async fn secrets_are_exchanged_without_a_moment_of_none_or_of_three() {
    let (_, soulcaster) = engine();
    let later = DateTime::from_timestamp(60, 0).unwrap();
    let (view, _) = soulcaster.add_source(&shop(), new(header(), None), &[1; 20], NOW).await.unwrap();
    let (id, first) = (view.id.clone(), view.secrets[0].id.clone());
    let last = soulcaster.remove_source_secret(&shop(), &id, &first, later).await.unwrap_err();
    assert_eq!(last.kind(), ErrorKind::Conflict);
    let (view, made) = soulcaster.add_source_secret(&shop(), &id, None, &[2; 20], later).await.unwrap();
    assert!(made.is_some());
    assert_eq!((view.secrets.len(), view.created_at, view.updated_at), (2, NOW, later));
    let third = soulcaster.add_source_secret(&shop(), &id, None, &[3; 20], later).await.unwrap_err();
    assert_eq!(third.kind(), ErrorKind::Conflict);
    assert!(third.message().ends_with(&format!("remove-secret {id} {first}`")), "{third}");
    let view = soulcaster.remove_source_secret(&shop(), &id, &first, later).await.unwrap();
    assert_ne!(view.secrets[0].id, first);
    let unknown = soulcaster.remove_source_secret(&shop(), &id, &first, later).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let used = soulcaster.add_source_secret(&shop(), &id, None, &[2; 20], later).await.unwrap_err();
    assert_eq!(used.kind(), ErrorKind::Conflict);
    let (pull, _) = soulcaster.add_source(&shop(), new(Proof::Pull, Some("t")), &[4; 20], NOW).await.unwrap();
    assert!(soulcaster.add_source_secret(&shop(), &pull.id, None, &[5; 20], NOW).await.is_err());
    let view = soulcaster.remove_source_secret(&shop(), &pull.id, &pull.secrets[0].id, NOW).await.unwrap();
    assert!(view.secrets.is_empty(), "a vendor may be asked without a token");
}

#[tokio::test]
async fn no_other_project_sees_or_changes_a_source() {
    let (_, soulcaster) = engine();
    let other = ProjectId::new("other").unwrap();
    let (view, _) = soulcaster.add_source(&shop(), new(header(), None), &[1; 20], NOW).await.unwrap();
    let (id, secret) = (view.id.as_str(), view.secrets[0].id.as_str());
    assert!(soulcaster.sources(&other).await.unwrap().is_empty());
    let change = SourceChange { enabled: Some(false), settings: None };
    let refused = [
        soulcaster.source(&other, id).await.map(|_| ()),
        soulcaster.change_source(&other, id, change.clone(), NOW).await.map(|_| ()),
        soulcaster.add_source_secret(&other, id, None, &[2; 20], NOW).await.map(|_| ()),
        soulcaster.remove_source_secret(&other, id, secret, NOW).await.map(|_| ()),
        soulcaster.remove_source(&other, id).await,
        soulcaster.remove_source(&shop(), "unknown").await,
        soulcaster.source_config("unknown").await.map(|_| ()),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(soulcaster.source(&shop(), id).await.unwrap(), view);
    let changed = soulcaster.change_source(&shop(), id, change, NOW).await.unwrap();
    assert_eq!(changed, SourceView { enabled: false, ..view.clone() });
    let change = SourceChange { enabled: None, settings: Some(Map::new()) };
    let changed = soulcaster.change_source(&shop(), id, change, NOW).await.unwrap();
    assert!(!changed.enabled && changed.settings.is_empty());
    soulcaster.remove_source(&shop(), id).await.unwrap();
    assert!(soulcaster.source_config(id).await.is_err());
}

#[tokio::test]
async fn a_change_that_is_overtaken_keeps_both() {
    let (store, soulcaster) = engine();
    let (view, _) = soulcaster.add_source(&shop(), new(header(), None), &[1; 20], NOW).await.unwrap();
    let id = view.id.clone();
    let slow = overtaken(&soulcaster, &store, |fast| async move {
        fast.add_source_secret(&shop(), &id, None, &[2; 20], NOW).await.unwrap();
    });
    let change = SourceChange { enabled: Some(false), settings: None };
    let changed = slow.change_source(&shop(), &view.id, change, NOW).await.unwrap();
    assert_eq!((changed.enabled, changed.secrets.len()), (false, 2));
    // Both would remove one of two; the later one finds the last.
    let [first, second] = &changed.secrets[..] else { panic!("{changed:?}") };
    let (id, first) = (view.id.clone(), first.id.clone());
    let slow = overtaken(&soulcaster, &store, |fast| async move {
        fast.remove_source_secret(&shop(), &id, &first, NOW).await.unwrap();
    });
    let error = slow.remove_source_secret(&shop(), &view.id, &second.id, NOW).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let id = view.id.clone();
    let slow = overtaken(&soulcaster, &store, |fast| async move {
        fast.change_source(&shop(), &id, SourceChange::default(), NOW).await.unwrap();
    });
    slow.remove_source(&shop(), &view.id).await.unwrap();
    assert!(soulcaster.sources(&shop()).await.unwrap().is_empty());
}

#[test]
fn a_source_that_cannot_prove_itself_is_refused_by_name() {
    let secret = |value: SecretValue| SourceSecret { id: "s1".into(), added_at: NOW, value };
    let plain = |text: &str| secret(SecretValue::Plain(Secret::new(text)));
    let hash = |hex: &str| secret(SecretValue::Sha256(hex.into()));
    let config = |proof, secrets| SourceConfig {
        id: "abc".into(),
        project_id: shop(),
        vendor: "github".into(),
        enabled: true,
        proof,
        secrets,
        settings: Map::new(),
        created_at: NOW,
        updated_at: NOW,
    };
    let good = "0a".repeat(32);
    config(Proof::Signature, vec![plain("x"), plain("y")]).check().unwrap();
    config(Proof::PathToken, vec![hash(&good)]).check().unwrap();
    config(Proof::Pull, vec![]).check().unwrap();
    let wrong = [
        config(Proof::Signature, vec![]),
        config(header(), vec![]),
        config(Proof::PathToken, vec![]),
        config(Proof::Signature, vec![plain("x"), plain("y"), plain("z")]),
        config(Proof::Signature, vec![plain(" ")]),
        config(Proof::Signature, vec![hash(&good)]),
        config(header(), vec![plain("x")]),
        config(header(), vec![hash("0a")]),
        config(Proof::PathToken, vec![hash(&"0A".repeat(32))]),
        config(Proof::Unsigned, vec![plain("x")]),
    ];
    for config in wrong {
        let error = config.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{config:?}");
        assert!(error.message().starts_with("source abc of github: "), "{error}");
    }
    let mut damaged = config(Proof::Signature, vec![plain("x")]);
    damaged.attach(b"no json".to_vec());
    assert!(damaged.check().is_err(), "secrets that cannot be read leave nothing open");
}
