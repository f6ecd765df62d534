//! Finding by text.

use super::fresh;
use super::store::{all, commit, delete, doc, ids, put};
use crate::id::ProjectId;
use crate::port::store::{Document, Expect, Order, Query, Store};

fn says(text: &str) -> Document {
    Document { text: Some(text.to_owned()), ..doc(1) }
}

async fn search(store: &dyn Store, project: &ProjectId, text: &str) -> Vec<String> {
    let query = Query { text: Some(text.to_owned()), ..all() };
    let found = ids(store, project, &query).await;
    let mut ranked = ids(store, project, &Query { order: Order::Relevance, ..query.clone() }).await;
    let mut sorted = ids(store, project, &Query { order: Order::Sort, ..query.clone() }).await;
    let mut changed = ids(store, project, &Query { changed_after: Some(0), ..query }).await;
    let mut expected = found.clone();
    for list in [&mut expected, &mut ranked, &mut sorted, &mut changed] {
        list.sort_unstable();
    }
    assert_eq!(ranked, expected, "a search finds the same in every order: {text:?}");
    assert_eq!(sorted, expected, "a search finds the same in every order: {text:?}");
    assert_eq!(changed, expected, "a search finds the same in every order: {text:?}");
    found
}

pub(super) async fn words(store: &dyn Store) {
    let project = &fresh(store, "words").await;
    let texts = [
        ("login", "The login page crashes"),
        ("cafe", "Café CRÈME at the straße"),
        ("quote", "he said \"don't panic\" (twice)"),
        ("operators", "this AND that OR other NOT near NEAR/5 col:umn"),
        ("code", "std::vec::Vec<u8> panicked at src/main.rs:42"),
        ("kanji", "日本語 テスト"),
        ("empty", ""),
        ("marks", "!!! ***"),
    ];
    let mut writes: Vec<_> = texts.iter().map(|(id, text)| put(id, Expect::Any, says(text))).collect();
    writes.push(put("textless", Expect::Any, doc(1)));
    commit(store, project, writes).await;
    let sentence = "text finds what holds at least one of these words";
    for (text, expected) in [
        ("login", &["login"][..]),
        ("crashes nowhere", &["login"]),
        ("login panicked", &["login", "code"]),
        ("log", &[]),
        ("crash", &[]),
        ("LOGIN", &["login"]),
        ("cafe", &["cafe"]),
        ("CAFÉ", &["cafe"]),
        ("cafe\u{301}", &["cafe"]),
        ("creme", &["cafe"]),
        ("STRASSE", &["cafe"]),
        ("\"don't", &["quote"]),
        ("\"", &[]),
        ("\"login", &["login"]),
        ("'login' --", &["login"]),
        ("log*", &[]),
        ("NOT", &["operators"]),
        ("login NOT page", &["login", "operators"]),
        ("login AND nowhere", &["login", "operators"]),
        ("NEAR(login page)", &["login", "operators"]),
        ("^login", &["login"]),
        ("text:login", &["login"]),
        ("-login", &["login"]),
        ("vec", &["code"]),
        ("42", &["code"]),
        ("日本語", &["kanji"]),
        ("", &[]),
        ("   ", &[]),
        ("!!!", &[]),
        ("\u{0}", &[]),
        ("login\u{0}page", &["login"]),
        ("🦀", &[]),
    ] {
        assert_eq!(search(store, project, text).await, expected, "{sentence}: {text:?}");
    }
    let long = format!("{} login", "nothing ".repeat(3000));
    assert_eq!(search(store, project, &long).await, ["login"], "{sentence}, also of a long text");
    let many: String = (0..500).map(|n| format!("unseen{n} ")).chain(["panic".to_owned()]).collect();
    assert_eq!(search(store, project, &many).await, ["quote"], "{sentence}, also of many");
}

pub(super) async fn relevance(store: &dyn Store) {
    let project = &fresh(store, "relevance").await;
    let other = &fresh(store, "relevance-of-another").await;
    let mut writes: Vec<_> = (0..20)
        .map(|n| put(&format!("filler{n}"), Expect::Any, says("the common report of the day")))
        .collect();
    writes.push(put("rare", Expect::Any, says("the common zebra of the day")));
    writes.push(put("twice", Expect::Any, says("zebra and zebra on the day")));
    writes.push(put("long", Expect::Any, says(&format!("zebra {}", "day ".repeat(200)))));
    commit(store, project, writes).await;
    let query = Query { text: Some("common zebra".into()), order: Order::Relevance, ..all() };
    let found = ids(store, project, &query).await;
    let place = |id: &str| found.iter().position(|f| f == id).unwrap_or_else(|| panic!("{id} is found"));
    let sentence = "best match first";
    assert!(place("rare") < place("filler0"), "{sentence}: two of the words before one");
    assert!(place("twice") < place("filler0"), "{sentence}: a rare word before a common one");
    assert!(place("twice") < place("long"), "{sentence}: a short text before a long one");
    let fillers: Vec<&String> = found.iter().filter(|id| id.starts_with("filler")).collect();
    let arrived: Vec<String> = (0..20).map(|n| format!("filler{n}")).collect();
    assert!(
        fillers.iter().zip(&arrived).all(|(a, b)| *a == b),
        "equal matches come as they arrived: {found:?}"
    );

    let noise = (0..200).map(|n| put(&format!("n{n}"), Expect::Any, says("zebra zebra zebra"))).collect();
    commit(store, other, noise).await;
    let again = ids(store, project, &query).await;
    assert_eq!(again, found, "projects are walls: another's texts do not change the order of a search");
}

pub(super) async fn kept_text(store: &dyn Store) {
    let project = &fresh(store, "kept-text").await;
    let find = async |text: &str| search(store, project, text).await;
    commit(store, project, vec![put("a", Expect::Any, says("first words"))]).await;
    commit(store, project, vec![put("a", Expect::Any, doc(2))]).await;
    assert_eq!(find("first").await, ["a"], "a text of None leaves what is there");
    commit(store, project, vec![put("a", Expect::Any, says("second words"))]).await;
    assert!(find("first").await.is_empty(), "a search finds the text of the last write only");
    assert_eq!(find("second first words").await, ["a"], "a search finds the text of the last write only");
    commit(store, project, vec![put("a", Expect::Any, says(""))]).await;
    assert!(find("second").await.is_empty(), "an empty text replaces what is there");
    commit(store, project, vec![put("a", Expect::Any, says("third words"))]).await;
    commit(store, project, vec![delete("a", Expect::Any)]).await;
    assert!(find("third").await.is_empty(), "a deleted record is not found");
    commit(store, project, vec![put("a", Expect::Absent, doc(3))]).await;
    assert!(
        find("third").await.is_empty(),
        "a record written again after its deletion is new, its text is gone"
    );
}
