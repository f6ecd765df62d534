//! Users, projects, keys.

use serde_json::json;
use soulcaster_core::model::Scope;

use super::{Shop, ids, list, problem, text};
use crate::server::Client;

#[test]
fn an_operator_adds_users_who_have_projects() {
    let shop = Shop::open(&["--group-after", "0"]);
    let operator = shop.with_scope(Scope::Operator, 2);
    let made = operator.post("/users", &json!({"email": "Ann@Example.com"})).is(201).json();
    let (user, project) = (text(&made["user"]["id"]), text(&made["default_project"]["id"]));
    assert_eq!(
        (&made["user"]["email"], &made["default_project"]["name"]),
        (&json!("ann@example.com"), &json!("My Project"))
    );
    let again =
        operator.post("/users", &json!({"email": "ann@example.com", "github_id": "42"})).is(201).json();
    assert_eq!((&again["user"]["id"], &again["user"]["github_id"]), (&json!(user), &json!("42")));
    assert_ne!(again["key"], made["key"]);
    assert_eq!(ids(&operator.get("/users").is(200).json()), std::slice::from_ref(&user));
    assert_eq!(operator.get(&format!("/users/{user}")).is(200).json(), again["user"]);
    problem(operator.get("/users/nobody"), 404, "not_found");
    for wrong in [json!({}), json!({"email": "ann"}), json!({"email": ""}), json!({"name": "Ann"})] {
        problem(operator.post("/users", &wrong), 400, "invalid");
    }

    let ann = Client::with_key(&shop.server, made["key"].as_str().unwrap());
    problem(ann.get("/users"), 403, "forbidden");
    problem(ann.post("/users", &json!({"email": "bob@example.com"})), 403, "forbidden");
    problem(operator.get("/projects"), 403, "forbidden");
    let second = ann.post("/projects", &json!({"name": "Second"})).is(201).json();
    assert_eq!(second["project"]["user_id"], user);
    let mine = ann.get("/projects").is(200).json();
    assert_eq!(
        (&mine["project"], ids(&mine["projects"])),
        (&json!(project), vec![project.clone(), text(&second["project"]["id"])])
    );
    let in_second = Client::with_key(&shop.server, second["key"].as_str().unwrap());
    for (client, n) in [(&ann, 2), (&in_second, 3)] {
        let reports: Vec<_> = (0..n).map(|n| json!({"text": format!("report {n}")})).collect();
        client.post("/ingest/manual", &json!(reports)).is(202);
        client.settled();
        assert_eq!(client.get("/feedback").is(200).json()["total"], n);
    }
    assert_eq!(ann.get("/projects").is(200).json()["usage"]["items"], 5, "of all projects together");
    // A project of nobody is alone.
    assert_eq!(
        shop.client.get("/projects").is(200).json(),
        json!({"project": "default", "projects": [], "usage": {"items": 0, "items_limit": null, "fixes": 0, "fixes_limit": null}})
    );
}

#[test]
fn keys_are_made_shown_once_and_withdrawn() {
    let shop = Shop::open(&[]);
    let made = shop.client.post("/keys", &json!({"scope": "ingest"})).is(201).json();
    let (id, key) = (text(&made["id"]), text(&made["key"]));
    let ingest = Client::with_key(&shop.server, &key);
    ingest.post("/ingest/manual", &json!({"text": "by a key"})).is(202);
    Client::new(&shop.server)
        .header("x-api-key", &key)
        .post("/ingest/manual", &json!({"text": "by a key"}))
        .is(202);
    problem(ingest.get("/feedback"), 403, "forbidden");
    problem(ingest.get("/keys"), 403, "forbidden");
    let listed = shop.client.get("/keys").is(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains(key.rsplit('_').next().unwrap()));
    assert!(ids(&listed.json()).contains(&id) && !String::from_utf8_lossy(&listed.body).contains("hash"));
    let gone = shop.delete(&format!("/keys/{id}")).is(200).json();
    assert!(gone["revoked_at"].is_string(), "{gone}");
    assert_eq!(shop.delete(&format!("/keys/{id}")).is(200).json(), gone, "once is enough");
    let refused = ingest.post("/ingest/manual", &json!({"text": "late"}));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    problem(refused, 401, "unauthorized");
    problem(shop.delete("/keys/none"), 404, "not_found");
    problem(shop.client.post("/keys", &json!({"scope": "operator"})), 403, "forbidden");
    problem(shop.client.post("/keys", &json!({"scope": "root"})), 400, "invalid");
    assert_eq!(list(&shop.client.get("/keys").is(200).json()).len(), 2);
}

#[test]
fn a_key_may_do_what_its_scope_says() {
    let shop = Shop::open(&[]);
    let (read, ingest) = (shop.with_scope(Scope::Read, 2), shop.with_scope(Scope::Ingest, 3));
    read.get("/feedback").is(200);
    read.get("/sources").is(200);
    problem(read.post("/ingest/manual", &json!({"text": "x"})), 403, "forbidden");
    problem(read.get("/keys"), 403, "forbidden");
    problem(read.post("/keys", &json!({"scope": "admin"})), 403, "forbidden");
    problem(ingest.get("/stats"), 403, "forbidden");
    shop.client.post("/ingest/manual", &json!({"text": "an admin delivers too"})).is(202);
}
