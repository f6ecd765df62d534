//! A tenant whose every text is unmistakable.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use soulcaster_core::model::{AgentJob, FixEvidence, FixSettings, FixStatus, LogLine};
use soulcaster_core::port::AgentEvent;
use soulcaster_core::port::store::{Expect, Write};
use soulcaster_core::{ClusterId, ProjectId, Soulcaster};

use crate::server::{Client, Server, block_on};

/// A user with projects, keys, sources, items, clusters, jobs and cursors.
pub(super) struct Tenant {
    /// Theirs; the first is the one that everything lies in.
    pub(super) projects: Vec<String>,
    pub(super) admin: String,
    pub(super) read: String,
    pub(super) ingest: String,
    /// An admin key that was withdrawn.
    pub(super) revoked: String,
    /// One that a job was asked for with.
    pub(super) idempotency_key: String,
    pub(super) cursors: Vec<String>,
    /// Everything that nobody else may ever be told: texts, names, ids, secrets.
    pub(super) marks: BTreeSet<String>,
    /// Ids, by what they are of.
    ids: BTreeMap<&'static str, Vec<String>>,
}

impl Tenant {
    /// Makes one called `name`, with an operator's key.
    pub(super) fn settle(server: &Server, operator: &str, name: &str) -> Self {
        let operator = Client::with_key(server, operator);
        let canary = |what: &str| format!("canary-{what}-of-{name}");
        let email = format!("{}@example.com", canary("address"));
        let user = operator.post("/users", &json!({"email": email})).is(201).json();
        let admin = text(&user["key"]);
        let mut tenant = Self {
            projects: vec![text(&user["default_project"]["id"])],
            admin: admin.clone(),
            read: String::new(),
            ingest: String::new(),
            revoked: String::new(),
            idempotency_key: canary("idempotency"),
            cursors: Vec::new(),
            marks: BTreeSet::from([email, admin.clone()]),
            ids: BTreeMap::new(),
        };
        let client = Client::with_key(server, &admin);
        tenant.note("user", &user["user"]["id"]);
        let second = client.post("/projects", &json!({"name": canary("project")})).is(201).json();
        tenant.projects.push(text(&second["project"]["id"]));
        tenant.marks.extend([canary("project"), text(&second["key"])]);
        for project in tenant.projects.clone() {
            tenant.note("project", &project.into());
        }
        [tenant.read, tenant.ingest, tenant.revoked] = ["read", "ingest", "admin"].map(|scope| {
            let made = client.post("/keys", &json!({"scope": scope})).is(201).json();
            tenant.ids.entry("key").or_default().push(text(&made["id"]));
            tenant.marks.insert(text(&made["id"]));
            text(&made["key"])
        });
        let withdrawn = tenant.revoked.split('_').nth(1).unwrap();
        client.send("DELETE", &format!("/keys/{withdrawn}"), None).unwrap().is(200);
        tenant.sources(&client, &canary);
        tenant.reports(&client, &canary);
        let first = client.header("idempotency-key", &tenant.idempotency_key);
        let job = first.post("/cluster-jobs", &json!({"full": true})).is(202).json();
        tenant.note("job", &job["id"]);
        Client::with_key(server, &admin).settled();
        tenant
    }

    fn sources(&mut self, client: &Client, canary: &impl Fn(&str) -> String) {
        let hub = json!({"vendor": "github", "secret": canary("hook-secret"), "settings": {"repositories": [format!("{}/x", canary("repo"))]}});
        for source in [hub, json!({"vendor": "splunk"}), json!({"vendor": "datadog"})] {
            let reply = client.post("/sources", &source);
            let made = reply.is(201).json();
            self.note("source", &made["id"]);
            self.note("secret", &made["secrets"][0]["id"]);
            self.marks.extend(made["secret"].as_str().map(str::to_owned));
        }
        self.marks.extend([canary("hook-secret"), canary("repo")]);
    }

    fn reports(&mut self, client: &Client, canary: &impl Fn(&str) -> String) {
        let texts =
            ["card was declined at checkout", "my card was declined at the checkout", "map stays blank"];
        let reports: Vec<Value> = texts
            .iter()
            .enumerate()
            .map(|(n, text)| {
                json!({"title": format!("{text} {}", canary("title")), "text": canary("body"), "id": canary(&format!("id-{n}")),
                       "author": canary("author"), "tags": [canary("tag")], "note": canary("metadata"),
                       "url": format!("https://example.com/{}", canary("url"))})
            })
            .collect();
        self.marks.extend(
            ["title", "body", "id-0", "id-1", "id-2", "author", "tag", "metadata", "url", "summary"]
                .map(canary),
        );
        let receipt = client.post("/ingest/manual", &Value::Array(reports)).is(202).json();
        for item in receipt["items"].as_array().unwrap() {
            self.note("item", item);
        }
        client.settled();
        let clusters = client.get("/clusters?singles=true").is(200).json();
        for cluster in clusters["clusters"].as_array().unwrap() {
            self.note("cluster", &cluster["id"]);
        }
        let cluster = self.one("cluster");
        let summary = json!({"summary": canary("summary")}).to_string();
        client.send("PATCH", &format!("/clusters/{cluster}"), Some(summary.as_bytes())).unwrap().is(200);
        client.post(&format!("/clusters/{cluster}/confirm"), &json!({})).is(200);
        client.post(&format!("/clusters/{cluster}/plan"), &json!({})).is(201);
        for list in ["/feedback?limit=1", "/clusters?singles=true&limit=1"] {
            let next = client.get(list).is(200).json();
            self.cursors.push(text(&next["next"]));
        }
        self.marks.extend(self.cursors.clone());
    }

    /// A fix that nobody works on: this server has no agent.
    pub(super) fn fix(&mut self, engine: &Soulcaster) {
        let project = ProjectId::new(&self.projects[0]).unwrap();
        let cluster = ClusterId::from(self.one("cluster"));
        block_on(async {
            let plan = engine.plan(&project, &cluster).await.unwrap().unwrap();
            let at = plan.created_at;
            let id = format!("j{}", cluster.as_str());
            let settings = FixSettings::default();
            let mut job = AgentJob::new(id.clone(), plan, settings, "acme/shop".into(), "none", at);
            (job.status, job.finished_at) = (FixStatus::Failed, Some(at));
            let event = AgentEvent::Text { text: id.clone() };
            let line = LogLine { job: id.clone(), number: 1, at, event };
            let evidence = FixEvidence { job: id.clone(), patch: id.clone(), proof: None };
            let writes = vec![
                Write::put(&job, Expect::Absent).unwrap(),
                Write::put(&line, Expect::Absent).unwrap(),
                Write::put(&evidence, Expect::Absent).unwrap(),
            ];
            engine.store().commit(&project, writes).await.unwrap();
            self.note("fix", &id.into());
        });
    }

    pub(super) fn note(&mut self, kind: &'static str, id: &Value) {
        let id = text(id);
        self.marks.insert(id.clone());
        self.ids.entry(kind).or_default().push(id);
    }

    /// The first id of that kind.
    pub(super) fn one(&self, kind: &str) -> String {
        self.ids[kind][0].clone()
    }

    /// What others may reach for: the first id of every kind, every source, the cursors.
    pub(super) fn targets(&self) -> Vec<String> {
        let firsts = self.ids.values().map(|ids| ids[0].clone());
        let sources = self.ids["source"].iter().skip(1).cloned();
        firsts.chain(sources).chain(self.cursors.iter().cloned()).collect()
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
