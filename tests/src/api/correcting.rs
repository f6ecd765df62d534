//! Corrections through HTTP, and their effects.

use serde_json::{Value, json};
use soulcaster_core::model::Scope;

use super::{Shop, ids, list, problem, text};

/// Where every item is.
fn places(shop: &Shop) -> Value {
    let items = shop.client.get("/feedback?limit=1000").is(200).json();
    list(&items["items"]).iter().map(|item| json!([item["id"], item["verdict"]])).collect()
}

/// The latest event.
fn latest(shop: &Shop) -> Value {
    shop.client.get("/timeline?limit=1").is(200).json()[0].clone()
}

fn undo(shop: &Shop) -> Value {
    shop.client.post("/undo", &json!({})).is(200).json()
}

#[test]
fn clusters_are_merged_and_parted_again() {
    let shop = Shop::full(60);
    let before = places(&shop);
    let clusters = shop.clusters();
    let [a, b, c] = [0, 1, 2].map(|at: usize| text(&clusters[at]["id"]));
    let size: u64 = (0..3).map(|at: usize| clusters[at]["size"].as_u64().unwrap()).sum();
    let event = shop.client.post(&format!("/clusters/{a}/merge"), &json!({"others": [b, c]})).is(200).json();
    assert_eq!((&event["kind"], latest(&shop)), (&json!("merged"), event.clone()));
    assert_eq!(shop.members(&a).len() as u64, size);
    for gone in [&b, &c] {
        let told = problem(shop.client.get(&format!("/clusters/{gone}")), 404, "not_found");
        assert!(text(&told["detail"]).contains(&a), "it says where it went: {told}");
        let history = shop.client.get(&format!("/clusters/{gone}/timeline")).is(200).json();
        assert_eq!(history[0]["id"], event["id"]);
    }
    // Grouping everything anew keeps them together.
    shop.client.post("/cluster-jobs", &json!({"full": true})).is(202);
    shop.client.settled();
    assert_eq!(shop.members(&a).len() as u64, size);
    while latest(&shop)["kind"] == "reclustered" {
        undo(&shop);
    }
    let undone = undo(&shop);
    assert_eq!((&undone["kind"], &undone["undoes"]), (&json!("undone"), &event["id"]));
    assert_eq!(places(&shop), before);
    problem(shop.client.post(&format!("/clusters/{a}/merge"), &json!({"others": [a]})), 400, "invalid");
    problem(shop.client.post(&format!("/clusters/{a}/merge"), &json!({"others": []})), 400, "invalid");
    problem(
        shop.client.post(&format!("/clusters/{a}/merge"), &json!({"others": ["none"]})),
        404,
        "not_found",
    );
    assert_eq!(places(&shop), before, "what is refused changes nothing");
}

#[test]
fn items_are_split_off_and_moved() {
    let shop = Shop::full(60);
    let before = places(&shop);
    let [a, b] = [0, 1].map(|at: usize| text(&shop.clusters()[at]["id"]));
    let members = shop.members(&a);
    let some = &members[..2];
    let split = shop.client.post(&format!("/clusters/{a}/split"), &json!({"items": some})).is(200).json();
    let new = text(&split["cluster"]);
    assert_eq!(split["event"]["kind"], "split");
    assert_eq!(shop.members(&new), some);
    assert_eq!(shop.members(&a), members[2..]);
    assert_eq!(
        shop.client.get(&format!("/clusters/{new}")).is(200).json()["cluster"]["lineage"]["split_from"],
        a
    );
    let moved = shop.client.post(&format!("/feedback/{}/move", members[2]), &json!({"to": b})).is(200).json();
    assert_eq!((&moved["kind"], &moved["moved"]), (&json!("moved"), &json!(1)));
    assert!(shop.members(&b).contains(&members[2]));
    let why = shop.client.get(&format!("/feedback/{}/explanation", members[2])).is(200).json();
    assert!(!list(&why["corrections"]).is_empty(), "{why}");
    shop.client.post("/cluster-jobs", &json!({"full": true})).is(202);
    shop.client.settled();
    assert!(shop.members(&b).contains(&members[2]), "a later run obeys");
    while places(&shop) != before {
        undo(&shop);
    }
    problem(shop.client.post(&format!("/clusters/{a}/split"), &json!({"items": []})), 400, "invalid");
    let foreign = shop.members(&b)[0].clone();
    problem(shop.client.post(&format!("/clusters/{a}/split"), &json!({"items": [foreign]})), 400, "invalid");
    problem(shop.client.post(&format!("/feedback/{foreign}/move"), &json!({"to": "none"})), 404, "not_found");
    assert_eq!(places(&shop), before);
}

#[test]
fn people_confirm_and_refuse() {
    let shop = Shop::tracker();
    let unsure = shop.client.get("/feedback?unsure=true&limit=1000").is(200).json();
    let unsure = list(&unsure["items"]);
    assert!(unsure.len() > 1, "no item is unsure: nothing to refuse");
    let (yes, no) = (text(&unsure[0]["id"]), text(&unsure[1]["id"]));
    let suggested = unsure[0]["verdict"]["suggestion"].clone();
    let event = shop.client.post(&format!("/feedback/{yes}/confirm"), &json!({"right": true})).is(200).json();
    assert_eq!(event["kind"], "confirmed");
    let placed = shop.client.get(&format!("/feedback/{yes}")).is(200).json();
    assert_eq!(placed["verdict"]["cluster"], suggested, "{placed}");
    let event = shop.client.post(&format!("/feedback/{no}/confirm"), &json!({"right": false})).is(200).json();
    assert_eq!(event["kind"], "rejected");
    let placed = shop.client.get(&format!("/feedback/{no}")).is(200).json();
    assert_eq!(placed["verdict"]["kind"], "new", "{placed}");
    let cluster = text(&shop.clusters()[0]["id"]);
    let event = shop.client.post(&format!("/clusters/{cluster}/confirm"), &json!({})).is(200).json();
    assert_eq!((&event["kind"], &event["moved"]), (&json!("confirmed"), &json!(0)));
    problem(shop.client.post(&format!("/feedback/{no}/confirm"), &json!({})), 400, "invalid");
    problem(shop.client.post("/feedback/none/confirm", &json!({"right": true})), 404, "not_found");
    let timeline = shop.client.get("/timeline?limit=3").is(200).json();
    assert_eq!(ids(&timeline).len(), 3);
    let reader = shop.with_scope(Scope::Read, 3);
    problem(reader.post("/undo", &json!({})), 403, "forbidden");
}

#[test]
fn clusters_that_look_like_one_are_named_and_merged_on_demand() {
    let shop = Shop::full(90);
    // Two halves of one cluster look like one.
    let cluster = text(&shop.clusters()[0]["id"]);
    let members = shop.members(&cluster);
    let half = &members[..members.len() / 2];
    shop.client.post(&format!("/clusters/{cluster}/split"), &json!({"items": half})).is(200);
    let analysis = shop.client.get("/clusters/analyze").is(200).json();
    assert_eq!(list(&analysis["clusters"]).len(), shop.clusters().len());
    undo(&shop);
    let before = places(&shop);
    let named = shop.client.post("/clusters/cleanup", &json!({})).is(200).json();
    assert_eq!((&named["event"], places(&shop)), (&Value::Null, before.clone()), "naming changes nothing");
    let done = shop.client.post("/clusters/cleanup", &json!({"apply": true})).is(200).json();
    if list(&named["suggestions"]).is_empty() {
        assert_eq!(done["event"], Value::Null);
    } else {
        assert_eq!(done["event"]["kind"], "cleaned_up", "{done}");
        assert_ne!(places(&shop), before);
        undo(&shop);
    }
    assert_eq!(places(&shop), before);
}

#[test]
fn undoing_nothing_is_said() {
    let shop = Shop::open(&[]);
    let reply = shop.client.post("/undo", &json!({}));
    let status = reply.status;
    let told = problem(reply, status, if status == 404 { "not_found" } else { "invalid" });
    assert!([400, 404].contains(&status), "{told}");
}
