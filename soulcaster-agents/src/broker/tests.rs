//! Calls through a broker to an upstream that says what it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};
use soulcaster_core::port::agent::Budget;

use super::*;

const KEY: &str = "sk-swordfish";

/// What the upstream got.
#[derive(Debug, Clone)]
struct Got {
    path: String,
    headers: hyper::HeaderMap,
    body: Value,
}

#[derive(Default)]
struct Script {
    status: u16,
    kind: &'static str,
    body: String,
    delay: Duration,
}

struct Fake {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    /// The most calls that it had at one time.
    most: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Fake {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/base/v1", listener.local_addr().unwrap());
        let (got, now, most) =
            (Arc::<Mutex<Vec<Got>>>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (script, mut serving) = (Arc::new(script), JoinSet::new());
        let (seen, peak) = (got.clone(), most.clone());
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, seen, now, peak) = (script.clone(), seen.clone(), now.clone(), peak.clone());
                connections.spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let (script, seen, now, peak) =
                            (script.clone(), seen.clone(), now.clone(), peak.clone());
                        async move {
                            peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            let (parts, body) = request.into_parts();
                            let body = body.collect().await.unwrap().to_bytes();
                            let body = serde_json::from_slice(&body).unwrap();
                            let path = parts.uri.to_string();
                            seen.lock().unwrap().push(Got { path, headers: parts.headers, body });
                            tokio::time::sleep(script.delay).await;
                            now.fetch_sub(1, Ordering::SeqCst);
                            let answer =
                                Response::builder().status(script.status).header("content-type", script.kind);
                            let answer = answer.header("retry-after", "7");
                            answer.body(Full::<Bytes>::from(script.body.clone()))
                        }
                    });
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { url, got, most, _serving: serving }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn upstream(&self) -> Upstream {
        Upstream::new(UpstreamConfig {
            key: Some(Secret::new(KEY)),
            price: Arc::new(|model, input, output| {
                assert_eq!(model, "the-model");
                input + 2 * output
            }),
            ..UpstreamConfig::new(&self.url, "the-model")
        })
        .unwrap()
    }
}

fn chat(input: u64, output: u64) -> Script {
    let usage = json!({"prompt_tokens": input, "completion_tokens": output});
    let body = json!({"choices": [{"message": {"content": "hello"}}], "usage": usage}).to_string();
    Script { status: 200, kind: "application/json", body, delay: Duration::ZERO }
}

fn budget(tokens: u64, micro_usd: u64) -> Budget {
    Budget { tokens, micro_usd, ..Budget::default() }
}

/// What an agent sends and gets.
async fn ask(broker: &Broker, path: &str, question: &Value) -> (u16, String) {
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", broker.url().unwrap());
    let request = client.post(url).bearer_auth(broker.token()).header("x-agent", "1").json(question);
    let Ok(response) = request.send().await else { return (0, "broken off".to_owned()) };
    (response.status().as_u16(), response.text().await.unwrap_or_else(|_| "broken off".to_owned()))
}

#[tokio::test]
async fn key_is_added_and_nothing_else_of_the_agent_is_passed_on() {
    let fake = Fake::start(chat(10, 5)).await;
    let upstream = fake.upstream();
    let broker = Broker::on_loopback(&upstream, &budget(1000, 1000)).await.unwrap();
    let (status, body) =
        ask(&broker, "/v1/chat/completions?x=y", &json!({"model": "other", "messages": []})).await;
    assert_eq!((status, body.contains("hello")), (200, true));
    let got = &fake.got()[0];
    assert_eq!(got.path, "/base/v1/chat/completions");
    assert_eq!(got.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(got.body["model"], "the-model");
    assert!(!got.headers.contains_key("x-agent") && !format!("{:?}", got.headers).contains(broker.token()));
    let spend = Spend { calls: 1, input_tokens: 10, output_tokens: 5, micro_usd: 20 };
    assert_eq!(broker.close().await, spend);
    assert!(!format!("{upstream:?}").contains("swordfish"));
}

#[tokio::test]
async fn streamed_answers_are_passed_on_and_counted() {
    let body = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n\
                data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n";
    let script = Script { body: body.to_owned(), kind: "text/event-stream", ..chat(0, 0) };
    let fake = Fake::start(script).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(1000, 1000)).await.unwrap();
    let (status, answer) =
        ask(&broker, "/v1/chat/completions", &json!({"stream": true, "messages": []})).await;
    assert_eq!((status, &*answer), (200, body));
    assert_eq!(fake.got()[0].body["stream_options"], json!({"include_usage": true}));
    assert_eq!(broker.spend(), Spend { calls: 1, input_tokens: 3, output_tokens: 4, micro_usd: 11 });
}

#[tokio::test]
async fn only_known_paths_with_the_token_of_the_run_are_served() {
    let fake = Fake::start(chat(1, 1)).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(1000, 1000)).await.unwrap();
    for path in ["/v1/files", "/v1/embeddings", "/v1/chat/completions/x", "/", "/v1/models/../files"] {
        assert_eq!(ask(&broker, path, &json!({})).await.0, 404, "{path}");
    }
    let url = broker.url().unwrap().to_owned();
    let client = Client::builder().no_proxy().build().unwrap();
    let models =
        client.get(format!("{url}/v1/models")).header("x-api-key", broker.token()).send().await.unwrap();
    assert_eq!(models.json::<Value>().await.unwrap()["data"][0]["id"], "the-model");
    for key in ["", "wrong", KEY, &"0".repeat(48)] {
        let post = client.post(format!("{url}/v1/messages")).bearer_auth(key).json(&json!({}));
        assert_eq!(post.send().await.unwrap().status(), 401);
    }
    assert_eq!((fake.got().len(), broker.spend()), (0, Spend::default()));
}

#[tokio::test]
async fn calls_are_refused_once_the_budget_is_used_up() {
    for (budget, reason) in [(budget(30, 1000), StopReason::Tokens), (budget(1000, 50), StopReason::Cost)] {
        let fake = Fake::start(chat(10, 5)).await;
        let broker = Broker::on_loopback(&fake.upstream(), &budget).await.unwrap();
        let question = json!({"messages": []});
        let mut passed = 0;
        while ask(&broker, "/v1/messages", &question).await.0 == 200 {
            passed += 1;
        }
        assert_eq!(fake.got().len(), passed);
        let (status, body) = ask(&broker, "/v1/messages", &question).await;
        assert_eq!((status, body.contains("insufficient_quota")), (402, true));
        assert_eq!(broker.exhausted().await, reason);
        let spend = broker.close().await;
        // The ceiling, and one call of 15 tokens and 20 millionths.
        assert!(spend.tokens() < budget.tokens + 15 && spend.micro_usd < budget.micro_usd + 20, "{spend:?}");
    }
}

#[tokio::test]
async fn calls_at_the_same_time_do_not_overshoot() {
    let fake = Fake::start(Script { delay: Duration::from_millis(30), ..chat(10, 5) }).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(31, 100_000)).await.unwrap();
    let question = json!({"messages": []});
    let one = || async { ask(&broker, "/v1/chat/completions", &question).await.0 };
    let all = tokio::join!(one(), one(), one(), one(), one(), one());
    let statuses = [all.0, all.1, all.2, all.3, all.4, all.5];
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
    assert_eq!(fake.most.load(Ordering::SeqCst), 1);
    assert_eq!(broker.spend().tokens(), 45);
}

#[tokio::test]
async fn complaints_of_the_upstream_are_passed_on_without_the_key() {
    let body = format!("{{\"error\":\"slow down, {KEY}\"}}");
    let fake = Fake::start(Script { status: 429, body, ..chat(0, 0) }).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(1000, 1000)).await.unwrap();
    let (status, body) = ask(&broker, "/v1/responses", &json!({"input": "x"})).await;
    assert_eq!((status, &*body), (429, "{\"error\":\"slow down, ***\"}"));
    assert_eq!(broker.fault().as_deref(), Some("the upstream answers 429"));
    assert_eq!(broker.spend(), Spend { calls: 1, ..Spend::default() });

    let fake = Fake::start(Script { status: 401, body: format!("no such key: {KEY}"), ..chat(0, 0) }).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(1000, 1000)).await.unwrap();
    let (status, body) = ask(&broker, "/v1/responses", &json!({"input": "x"})).await;
    assert_eq!((status, body.contains("swordfish")), (502, false));
}

#[tokio::test]
async fn unreported_usage_is_estimated_and_unseen_answers_count_in_full() {
    let fake = Fake::start(Script { body: "x".repeat(600), ..chat(0, 0) }).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(1_000_000, 1_000_000)).await.unwrap();
    ask(&broker, "/v1/chat/completions", &json!({"messages": "x".repeat(3000)})).await;
    let spend = broker.spend();
    assert!(spend.input_tokens > 1000 && spend.output_tokens == 200, "{spend:?}");

    let fake = Fake::start(Script { delay: Duration::from_secs(60), ..chat(1, 1) }).await;
    let broker = Broker::on_loopback(&fake.upstream(), &budget(1_000_000, 1_000_000)).await.unwrap();
    let question = json!({"messages": []});
    let gone = tokio::time::timeout(Duration::from_secs(1), ask(&broker, "/v1/chat/completions", &question));
    assert!(gone.await.is_err() && !fake.got().is_empty());
    let mut spend = broker.ledger.spend.subscribe();
    let spend = *spend.wait_for(|spend| spend.calls == 1).await.unwrap();
    assert_eq!(spend.output_tokens, 32_000);
}

#[tokio::test]
async fn size_of_questions_and_answers_is_capped() {
    let fake = Fake::start(Script { body: "x".repeat(5000), ..chat(0, 0) }).await;
    let config =
        UpstreamConfig { request_bytes: 1000, response_bytes: 4000, ..UpstreamConfig::new(&fake.url, "m") };
    let broker = Broker::on_loopback(&Upstream::new(config).unwrap(), &budget(10_000, 10_000)).await.unwrap();
    let large = json!({"messages": "x".repeat(1000)});
    assert_eq!(ask(&broker, "/v1/chat/completions", &large).await.0, 413);
    assert_eq!(fake.got().len(), 0);
    assert_eq!(ask(&broker, "/v1/chat/completions", &json!({})).await.1, "broken off");
    assert!(broker.spend().output_tokens > 1300);
}

#[tokio::test]
async fn unreachable_upstream_costs_nothing() {
    let upstream = Upstream::new(UpstreamConfig::new("http://127.0.0.1:9", "m")).unwrap();
    let broker = Broker::on_loopback(&upstream, &budget(1000, 1000)).await.unwrap();
    assert_eq!(ask(&broker, "/v1/chat/completions", &json!({})).await.0, 502);
    assert_eq!(broker.fault().as_deref(), Some("the upstream cannot be reached"));
    assert_eq!(broker.spend(), Spend { calls: 1, ..Spend::default() });
}

#[test]
fn unfit_options_are_refused_without_showing_the_key() {
    for (url, model, key) in [
        ("http://host.example", "m", KEY),
        ("https://host.example", " ", KEY),
        ("https://host.example", "m", "a\nswordfish"),
    ] {
        let config = UpstreamConfig { key: Some(Secret::new(key)), ..UpstreamConfig::new(url, model) };
        let error = Upstream::new(config).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!format!("{error:?}").contains("swordfish"));
    }
}
