//! Every fault on every wire, asked for whole and in pieces: an error of its kind or success after another attempt, in
//! bounded time, without the key.

use std::time::Instant as Wall;

use soulcaster_core::flow::ask_json;

use super::*;

/// What comes of a fault that stays.
struct Fault {
    name: &'static str,
    reply: Reply,
    kind: ErrorKind,
    /// Whether it is tried again.
    again: bool,
}

fn faults(wire: Wire, stream: bool) -> Vec<Fault> {
    let fault = |name, kind, again, reply| Fault { name, reply, kind, again };
    let refusal = |kind: &str| json!({"error": {"message": format!("no, {KEY}: {kind}"), "type": kind}});
    let soon = "Retry-After: 0";
    let past = "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT";
    let html = "<html><body>Bad gateway</body></html>";
    let [done, length, refused] = ends(wire);
    let ended = |end: &str| {
        if !stream {
            return Reply::json(200, &whole(wire, "Coup", end));
        }
        let events = events(wire, &["Coup"]).concat();
        let events =
            String::from_utf8(events).unwrap().replace(&format!("\"{done}\""), &format!("\"{end}\""));
        Reply::new(200, events)
    };
    let half = |answer: Reply| match answer {
        Reply::Whole { body, .. } => Reply::Pieces(vec![body[..body.len() / 2].to_vec()], Duration::ZERO),
        other => other,
    };
    use ErrorKind::{
        Invalid, NotFound, QuotaExceeded, RateLimited, TooLarge, Unauthorized, Unavailable, Unexpected,
    };
    let mut all = vec![
        fault("429 in seconds", RateLimited, true, Reply::json(429, &refusal("rate")).with(soon)),
        fault("429 with a date", RateLimited, true, Reply::json(429, &refusal("rate")).with(past)),
        fault(
            "429 in an hour",
            RateLimited,
            false,
            Reply::json(429, &refusal("rate")).with("Retry-After: 3600"),
        ),
        fault("429 in HTML", RateLimited, true, Reply::new(429, html).with(soon)),
        fault("no quota", QuotaExceeded, false, Reply::json(429, &refusal("insufficient_quota")).with(soon)),
        fault("500", Unavailable, true, Reply::json(500, &refusal("server")).with(soon)),
        fault("502 in HTML", Unavailable, true, Reply::new(502, html).with(soon)),
        fault("529", Unavailable, true, Reply::json(529, &refusal("overloaded_error")).with(soon)),
        fault("400", Invalid, false, Reply::json(400, &refusal("invalid"))),
        fault("401", Unauthorized, false, Reply::json(401, &refusal("key"))),
        fault("404", NotFound, false, Reply::json(404, &refusal("model"))),
        fault("redirect", Invalid, false, Reply::new(302, "").with("Location: http://127.0.0.1:9/x")),
        fault("5 MB of refusal", Unavailable, true, Reply::new(500, vec![b'x'; 5 << 20]).with(soon)),
        fault("5 MB", TooLarge, false, Reply::new(200, vec![b' '; 5 << 20])),
        fault("cut at its tokens", TooLarge, false, ended(length)),
        fault("refused", Invalid, false, ended(refused)),
        fault("silence", Unavailable, false, Reply::Silence),
        fault(
            "drip",
            Unavailable,
            false,
            Reply::Pieces(vec![b" ".to_vec(); 1000], Duration::from_millis(20)),
        ),
    ];
    if !stream {
        all.push(fault("HTML and success", Unexpected, false, Reply::new(200, html)));
        all.push(fault("bad JSON", Unexpected, false, Reply::new(200, "{\"choices\": [")));
        all.push(fault("other JSON", Unexpected, false, Reply::json(200, &json!({"title": "x"}))));
        all.push(fault("no text", Unexpected, false, Reply::json(200, &whole(wire, " ", done))));
        all.push(fault("deep", Unexpected, false, Reply::new(200, "[".repeat(1 << 20))));
        if wire == Wire::Gemini {
            let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}});
            all.push(fault("blocked", Invalid, false, Reply::json(200, &blocked)));
        }
    }
    // The pauses of these are real, half a second and one; one wire shows them.
    if wire == Wire::OpenAi {
        all.push(fault("hangup", Unavailable, true, Reply::Hangup));
        // Of the stream it leaves nothing to hand on.
        all.push(fault("cut off", Unavailable, true, half(ended(done))));
    }
    all
}

/// Answers with `reply`, `times` times, and as the API does from then on.
async fn server(wire: Wire, reply: Reply, times: usize) -> Server {
    Server::start(move |n, asked| if n < times { reply.clone() } else { api(wire, asked) }).await
}

async fn ask(model: &RemoteModel, stream: bool) -> Result<Completion> {
    if stream { model.stream(&prompt(), &mut |_| {}).await } else { model.complete(&prompt()).await }
}

#[tokio::test]
async fn every_fault_is_a_typed_error_or_mended_by_another_attempt() {
    for wire in WIRES {
        for stream in [false, true] {
            for Fault { name, reply, kind, again } in faults(wire, stream) {
                let place = format!("{wire:?}, {name}, {}", if stream { "in pieces" } else { "whole" });
                let short = ["drip", "silence"].contains(&name);
                let timeout = Duration::from_millis(if short { 300 } else { 20_000 });
                let broken = server(wire, reply.clone(), usize::MAX).await;
                let model = RemoteModel::new(ModelConfig { timeout, ..config(wire, &broken) }).unwrap();
                let start = Wall::now();
                let error = ask(&model, stream).await.unwrap_err();
                assert_eq!((error.kind(), error.operation()), (kind, "model.complete"), "{place}: {error}");
                assert!(start.elapsed() < Duration::from_secs(15), "{place} takes {:?}", start.elapsed());
                assert!(!format!("{error} {error:?}").contains(KEY), "{place}: {error:?}");
                assert_eq!(broken.asked().len(), if again { 3 } else { 1 }, "{place}");
                if again {
                    let mended = server(wire, reply, 2).await;
                    let model = RemoteModel::new(config(wire, &mended)).unwrap();
                    assert_eq!(ask(&model, stream).await.unwrap().text, "Coupons break it", "{place}");
                }
            }
        }
    }
}

#[tokio::test]
async fn stream_that_breaks_off_is_an_error_and_is_not_begun_again() {
    for wire in WIRES {
        let mut cut = events(wire, &["Coupons ", "break"]);
        cut.truncate(cut.len() - if wire == Wire::Gemini { 1 } else { 3 });
        let server = server(wire, Reply::Pieces(cut, Duration::from_millis(5)), 1).await;
        let model = RemoteModel::new(config(wire, &server)).unwrap();
        let mut said = String::new();
        let error = model.stream(&prompt(), &mut |piece| said.push_str(piece)).await.unwrap_err();
        assert_eq!((error.kind(), server.asked().len()), (ErrorKind::Unavailable, 1), "{wire:?}: {error}");
        assert!(said.starts_with("Coupons"), "{wire:?}: {said}");
    }
}

#[tokio::test]
async fn stream_whose_end_never_comes_is_not_taken_for_whole() {
    for wire in WIRES {
        let mut events = events(wire, &["Coupons ", "break"]);
        events.truncate(events.len() - if wire == Wire::Gemini { 1 } else { 3 });
        // The connection ends as it should; the answer does not.
        let server = server(wire, Reply::new(200, events.concat()), 1).await;
        let error = ask(&RemoteModel::new(config(wire, &server)).unwrap(), true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{wire:?}");
        assert!(error.message().contains("breaks off"), "{wire:?}: {error}");
    }
}

#[tokio::test]
async fn error_in_a_stream_is_told_without_the_key() {
    let event = format!(
        "data: {}\n\n",
        json!({"type": "error", "error": {"type": "overloaded_error", "message": KEY}})
    );
    let server = server(Wire::Anthropic, Reply::new(200, event), 3).await;
    let model = RemoteModel::new(ModelConfig { attempts: 1, ..config(Wire::Anthropic, &server) }).unwrap();
    let error = ask(&model, true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains("(***)"), "{error}");
}

#[tokio::test]
async fn message_that_quotes_the_prompt_is_left_out() {
    let quoted = json!({"error": {"message": "cannot answer: It breaks when I use a coupon."}});
    let server = server(Wire::OpenAi, Reply::json(400, &quoted), 1).await;
    let error = ask(&RemoteModel::new(config(Wire::OpenAi, &server)).unwrap(), false).await.unwrap_err();
    assert!(error.message().ends_with("answers 400; check the model and its settings"), "{error}");
}

#[tokio::test]
async fn server_that_keeps_failing_is_left_alone_for_thirty_seconds() {
    let server = server(Wire::OpenAi, Reply::new(500, "").with("Retry-After: 0"), 6).await;
    let model = RemoteModel::new(ModelConfig { attempts: 1, ..config(Wire::OpenAi, &server) }).unwrap();
    for _ in 0..5 {
        assert!(ask(&model, false).await.unwrap_err().message().contains("answers 500"));
    }
    let error = ask(&model, false).await.unwrap_err();
    assert_eq!((error.kind(), server.asked().len()), (ErrorKind::Unavailable, 5));
    assert!(error.retry_after().is_some_and(|wait| wait.as_secs() >= 25), "{error}");
    let pass = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    // One tries and fails, then nothing is sent again; the next one works, and all do.
    pass(31).await;
    assert!(ask(&model, false).await.unwrap_err().message().contains("answers 500"));
    assert!(ask(&model, false).await.is_err());
    assert_eq!(server.asked().len(), 6);
    pass(31).await;
    for _ in 0..2 {
        assert_eq!(ask(&model, false).await.unwrap().text, "Coupons break it");
    }
}

#[tokio::test]
async fn wrong_schema_is_mended_at_most_twice() {
    #[derive(serde::Deserialize)]
    struct Title {
        title: String,
    }
    for wire in WIRES {
        let answers = move |right: usize| {
            Server::start(move |n, _| {
                let text = if n < right { "{\"name\": 7}" } else { "```json\n{\"title\": \"x\"}\n```" };
                Reply::json(200, &whole(wire, text, ends(wire)[0]))
            })
        };
        let prompt = Prompt { schema: Some(schema()), ..prompt() };
        let server = answers(2).await;
        let model = RemoteModel::new(config(wire, &server)).unwrap();
        assert_eq!(ask_json::<Title>(&model, &prompt).await.unwrap().value.title, "x", "{wire:?}");
        let server = answers(3).await;
        let model = RemoteModel::new(config(wire, &server)).unwrap();
        let error = ask_json::<Title>(&model, &prompt).await.err().unwrap();
        assert_eq!((error.kind(), server.asked().len()), (ErrorKind::Unexpected, 3), "{wire:?}");
    }
}

#[tokio::test]
async fn flow_over_a_failing_model_ends_with_its_fallback() {
    use soulcaster_core::flow::ClusterQuery;
    use soulcaster_core::model::{Inbound, PlanAuthor};
    use soulcaster_core::{ProjectId, Soulcaster};

    let soulcaster = Soulcaster::in_memory();
    let project = ProjectId::new("shop").unwrap();
    let now = "2026-03-01T00:00:00Z".parse().unwrap();
    soulcaster.ingest(&project, vec![Inbound::new("mail", "coupons break checkout")], now).await.unwrap();
    soulcaster.group(&project, now).await.unwrap();
    let query = ClusterQuery { singles: true, ..ClusterQuery::default() };
    let id = soulcaster.clusters(&project, &query).await.unwrap().clusters[0].id.clone();
    for Fault { name, reply, .. } in faults(Wire::OpenAi, false) {
        let server = server(Wire::OpenAi, reply, usize::MAX).await;
        let timeout = Duration::from_millis(300);
        let model =
            RemoteModel::new(ModelConfig { timeout, attempts: 1, ..config(Wire::OpenAi, &server) }).unwrap();
        let plan = soulcaster.make_plan(&project, &id, Vec::new(), Some(&model), now).await.unwrap();
        assert_eq!(plan.author, PlanAuthor::Rule, "{name}");
        let cluster = soulcaster.summarize(&project, &id, Some(&model), now).await.unwrap();
        assert!(cluster.summary.unwrap().starts_with("1 report in 1 wording"), "{name}");
        assert!(!server.asked().is_empty());
    }
}
