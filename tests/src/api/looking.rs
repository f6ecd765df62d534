//! Lists, pages, searches, explanations, counts.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use soulcaster_core::model::Scope;

use super::{Shop, fixture, ids, list, pages, problem, text};

#[test]
fn every_item_is_on_one_page_while_others_arrive() {
    let shop = Shop::full(60);
    let known: BTreeSet<String> =
        ids(&shop.client.get("/feedback?limit=1000").is(200).json()["items"]).into_iter().collect();
    assert_eq!(known.len(), 60);
    let found = pages(&shop.client, "/feedback?limit=7", "items", |page| {
        if page < 4 {
            let more: Value =
                (0..3).map(|n| json!({"text": format!("late report {n} of page {page}")})).collect();
            shop.client.post("/ingest/manual", &more).is(202);
            shop.client.settled();
        }
    });
    let found: Vec<String> = found.iter().map(|item| text(&item["id"])).collect();
    let once: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!((found.len(), once.len()), (72, 72), "an item came twice or not at all");
    assert!(known.is_subset(&once));
}

#[test]
fn every_item_of_a_cluster_is_on_one_page_while_others_join_and_leave() {
    let shop = Shop::full(60);
    let cluster = shop.clusters()[0].clone();
    let (id, title) = (text(&cluster["id"]), text(&cluster["title"]));
    let known = shop.members(&id);
    assert!(known.len() > 6, "{cluster}");
    let gone = known[0].clone();
    let other = text(&shop.clusters()[1]["id"]);
    let path = format!("/clusters/{id}/items?limit=2");
    let found = pages(&shop.client, &path, "items", |page| {
        // One that was shown leaves, one joins.
        if page == 0 {
            shop.client.post(&format!("/feedback/{gone}/move"), &json!({"to": other})).is(200);
            shop.client.post("/ingest/manual", &json!({"text": title, "id": "joins"})).is(202);
            shop.client.settled();
        }
    });
    let found: Vec<String> = found.iter().map(|item| text(&item["id"])).collect();
    let once: BTreeSet<&String> = found.iter().collect();
    assert_eq!(found.len(), once.len(), "an item came twice");
    let missed: Vec<_> = known.iter().filter(|id| !once.contains(id)).collect();
    assert!(missed.is_empty(), "{missed:?} of {known:?} were on no page");
    let evidence = pages(&shop.client, &format!("/clusters/{id}/evidence?limit=3"), "evidence", |_| {});
    let evidence: BTreeSet<String> = evidence.iter().map(|one| text(&one["item"]["id"])).collect();
    assert_eq!(evidence, shop.members(&id).into_iter().collect());
}

#[test]
fn filters_leave_out_what_was_not_asked_for() {
    let shop = Shop::full(60);
    let client = &shop.client;
    let generic = client.get("/feedback?source=generic&limit=1000").is(200).json();
    assert_eq!((&generic["total"], list(&generic["items"]).len()), (&json!(20), 20));
    assert!(list(&generic["items"]).iter().all(|item| item["source"] == "generic"));
    let cluster = text(&shop.clusters()[0]["id"]);
    let members = shop.members(&cluster);
    let path = format!("/feedback?cluster={cluster}&source=generic&limit=1000");
    let both = client.get(&path).is(200).json();
    let expected: Vec<String> = list(&generic["items"])
        .iter()
        .map(|item| text(&item["id"]))
        .filter(|id| members.contains(id))
        .collect();
    assert_eq!(ids(&both["items"]), expected);
    assert_eq!(both["total"], expected.len());
    let paged =
        pages(client, &format!("/feedback?cluster={cluster}&source=generic&limit=2"), "items", |_| {});
    assert_eq!(ids(&Value::Array(paged)), expected);
    assert_eq!(client.get("/feedback?source=nobody").is(200).json()["total"], 0);
    problem(client.get("/feedback?cluster=nowhere"), 404, "not_found");
    // A cursor goes on with the list that it came from.
    let next = text(&client.get("/feedback?limit=1").is(200).json()["next"]);
    client.get(&format!("/feedback?limit=5&cursor={next}")).is(200);
    for other in ["/feedback?source=generic", "/feedback?unsure=true", "/clusters?limit=1"] {
        problem(client.get(&format!("{other}&cursor={next}")), 404, "not_found");
    }
    for wrong in ["limit=0", "limit=1001", "limit=x", "page=2", "unsure=perhaps"] {
        problem(client.get(&format!("/feedback?{wrong}")), 400, "invalid");
    }
}

#[test]
fn what_is_unsure_is_listed_page_by_page() {
    let shop = Shop::tracker();
    let unsure = shop.client.get("/feedback?unsure=true&limit=1000").is(200).json();
    let items = list(&unsure["items"]);
    assert!(items.len() > 10 && items.iter().all(|item| item["verdict"]["kind"] == "unsure"), "{unsure}");
    assert_eq!(unsure["total"], items.len());
    assert_eq!(shop.client.get("/stats").is(200).json()["unsure"], unsure["total"]);
    assert_eq!(pages(&shop.client, "/feedback?unsure=true&limit=4", "items", |_| {}), items);
    let cluster = text(&items[0]["verdict"]["suggestion"]);
    let of_one = shop.client.get(&format!("/feedback?unsure=true&cluster={cluster}")).is(200).json();
    let expected = items.iter().filter(|item| item["verdict"]["suggestion"] == cluster);
    assert_eq!(ids(&of_one["items"]), expected.map(|item| text(&item["id"])).collect::<Vec<_>>());
    let shown = shop.client.get(&format!("/clusters/{cluster}")).is(200).json();
    assert_eq!(shown["unsure"], of_one["items"]);
}

#[test]
fn clusters_come_in_the_order_and_of_the_kind_asked_for() {
    let shop = Shop::full(90);
    let sizes: Vec<u64> = shop.clusters().iter().map(|c| c["size"].as_u64().unwrap()).collect();
    assert!(
        sizes.len() > 3 && sizes.is_sorted_by(|a, b| a >= b) && sizes.iter().all(|n| *n > 1),
        "{sizes:?}"
    );
    for (sort, field) in [("size", "size"), ("last_seen", "last_seen"), ("created", "created_at")] {
        let all =
            pages(&shop.client, &format!("/clusters?singles=true&sort={sort}&limit=4"), "clusters", |_| {});
        let once: BTreeSet<String> = all.iter().map(|cluster| text(&cluster["id"])).collect();
        assert_eq!(once.len(), all.len());
        let order: Vec<String> =
            all.iter().map(|cluster| format!("{:>40}", cluster[field].to_string())).collect();
        assert!(order.is_sorted_by(|a, b| a >= b), "{sort}: {order:?}");
        let total: u64 = all.iter().map(|cluster| cluster["size"].as_u64().unwrap()).sum();
        let unsure = shop.client.get("/stats").is(200).json()["unsure"].as_u64().unwrap();
        assert_eq!(total + unsure, 90);
    }
    let first = text(&shop.clusters()[0]["id"]);
    shop.patch(&format!("/clusters/{first}"), &json!({"status": "resolved", "summary": "done"})).is(200);
    let resolved = shop.client.get("/clusters?status=resolved").is(200).json();
    assert_eq!(ids(&resolved["clusters"]), std::slice::from_ref(&first));
    assert_eq!(resolved["clusters"][0]["summary"], "done");
    let generic = shop.client.get("/clusters?source=generic&singles=true&limit=1000").is(200).json();
    assert!(list(&generic["clusters"]).iter().all(|c| c["sources"]["generic"].as_u64() > Some(0)));
    assert_eq!(shop.client.get("/clusters?severity=low").is(200).json()["total"], 0);
    let bad = json!({"text": shop.clusters()[1]["title"], "severity": "critical", "id": "bad"});
    shop.client.post("/ingest/manual", &bad).is(202);
    shop.client.settled();
    let bad = shop.client.get("/clusters?severity=high&singles=true").is(200).json();
    assert_eq!((&bad["total"], &bad["clusters"][0]["severity"]), (&json!(1), &json!("critical")));
    for wrong in ["sort=title", "status=open", "severity=bad", "singles=maybe"] {
        problem(shop.client.get(&format!("/clusters?{wrong}")), 400, "invalid");
    }
}

#[test]
fn an_item_says_where_it_is_and_why() {
    let shop = Shop::full(60);
    let cluster = shop.clusters()[0].clone();
    let id = text(&cluster["id"]);
    let shown = shop.client.get(&format!("/clusters/{id}")).is(200).json();
    assert_eq!(shown["cluster"], cluster);
    assert_eq!(ids(&shown["items"]), shop.members(&id));
    for item in shop.members(&id).iter().take(3) {
        let placed = shop.client.get(&format!("/feedback/{item}")).is(200).json();
        assert_eq!(placed["verdict"]["cluster"], id, "{placed}");
        let why = shop.client.get(&format!("/feedback/{item}/explanation")).is(200).json();
        assert_eq!(why["decision"]["verdict"], placed["verdict"]);
        assert_eq!(why["cluster"]["id"], id);
        assert_eq!(why["item"]["title"], placed["title"]);
        assert!(why["decision"]["evidence"]["support"].is_number(), "{why}");
    }
    let edited = json!({"title": "another title", "tags": ["seen"], "url": "https://example.com/1"});
    let item = shop.members(&id)[0].clone();
    let mended = shop.patch(&format!("/feedback/{item}"), &edited).is(200).json();
    assert_eq!((&mended["title"], &mended["tags"]), (&json!("another title"), &json!(["seen"])));
    assert_eq!(shop.client.get(&format!("/feedback/{item}")).is(200).json()["url"], "https://example.com/1");
    for wrong in [
        json!({"title": " ", "body": ""}),
        json!({"title": "x".repeat(10_001)}),
        json!({"url": "javascript:alert(1)"}),
        json!({"url": "https://example.com/a b"}),
        json!({"url": "https://"}),
        json!({"tags": [""]}),
        json!({"tags": vec!["x"; 101]}),
        json!({"source": "another"}),
    ] {
        problem(shop.patch(&format!("/feedback/{item}"), &wrong), 400, "invalid");
    }
    for path in
        ["/feedback/nothing", "/feedback/nothing/explanation", "/clusters/nothing", "/clusters/nothing/items"]
    {
        problem(shop.client.get(path), 404, "not_found");
    }
}

#[test]
fn a_search_finds_by_meaning_and_by_words() {
    let shop = Shop::full(60);
    let found = shop.client.get("/search?q=battery+drains&limit=5").is(200).json();
    let found = list(&found);
    assert_eq!(found.len(), 5);
    assert!(text(&found[0]["title"]).starts_with("battery"), "{found:?}");
    assert_eq!(found[0]["lexical"], true);
    assert!(found[0]["dense"].as_f64().unwrap() > 0.3, "{found:?}");
    shop.client.post("/ingest/manual", &json!({"text": "Die Quittung fehlt im Anhang", "id": "q"})).is(202);
    shop.client.settled();
    let found = shop.client.get("/search?q=Quittung&limit=1").is(200).json();
    assert_eq!(found[0]["external_id"], "q", "what came after the first search is found too");
    for wrong in ["q=", "q=+", "limit=3", "q=x&limit=0", &format!("q={}", "x".repeat(10_001))] {
        problem(shop.client.get(&format!("/search?{wrong}")), 400, "invalid");
    }
}

#[test]
fn stats_count_every_source() {
    let shop = Shop::full(60);
    let others =
        ["posthog/webhook.exception", "datadog/webhook.default-template", "alertmanager/zulip.two-alerts"];
    for name in others {
        let vendor = name.split('/').next().unwrap();
        let body = fixture(&format!("{name}.json"));
        shop.client.send("POST", &format!("/ingest/{vendor}"), Some(&body)).unwrap().is(202);
    }
    shop.client.settled();
    let stats = shop.client.get("/stats").is(200).json();
    let by_source = stats["by_source"].as_object().unwrap();
    let total: u64 = by_source.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!((&by_source["generic"], &by_source["manual"]), (&json!(20), &json!(40)));
    assert!(["posthog", "datadog", "alertmanager"].iter().all(|s| by_source.contains_key(*s)), "{stats}");
    assert_eq!(stats["items"], total);
    assert_eq!(stats["waiting"], 0);
    let parts: u64 = ["grouped", "singles", "unsure"].iter().map(|part| stats[part].as_u64().unwrap()).sum();
    assert_eq!(parts, total, "{stats}");
    for source in by_source.keys() {
        let listed = shop.client.get(&format!("/feedback?source={source}")).is(200).json();
        assert_eq!(listed["total"], by_source[source], "{source}");
    }
}

#[test]
fn jobs_are_seen_from_the_asking_to_the_end() {
    let shop = Shop::full(60);
    let asked = shop.client.post("/cluster-jobs", &json!({"full": true})).is(202).json();
    shop.client.settled();
    let id = text(&asked["id"]);
    let done = shop.client.get(&format!("/cluster-jobs/{id}")).is(200).json();
    assert_eq!((&done["status"], &done["full"]), (&json!("succeeded"), &json!(true)), "{done}");
    assert!(done["stats"]["unchanged"].as_u64() > Some(0), "{done}");
    let jobs = shop.client.get("/cluster-jobs?limit=2").is(200).json();
    assert_eq!(ids(&jobs)[0], id);
    let progress = shop.client.get("/clustering/status").is(200).json();
    assert_eq!(progress["last_job"]["id"], id);
    problem(shop.client.get("/cluster-jobs/none"), 404, "not_found");
    let reader = shop.with_scope(Scope::Read, 5);
    problem(reader.post("/cluster-jobs", &json!({})), 403, "forbidden");
    reader.get("/cluster-jobs").is(200);
}
