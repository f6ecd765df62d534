//! Requests whose ends cannot be agreed on, headers without end, and clients that do not read.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::wire::Wire;
use crate::{LIMIT, Victim, taken_in};

const HEAD: &str = "POST /cluster-jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

/// Every status that is answered to `bytes`, until the server closes or has nothing more to say.
fn answers(victim: &Victim, bytes: &[u8]) -> (Vec<u16>, bool) {
    let mut wire = Wire::open(&victim.server);
    wire.0.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    wire.send(bytes);
    let mut statuses = Vec::new();
    while let Some(reply) = wire.answer() {
        statuses.push(reply.status);
    }
    (statuses, wire.is_closed())
}

#[test]
fn a_request_has_one_end_or_the_connection_has() {
    let victim = Victim::start();
    let hidden = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    // Two programs could read these differently: the hidden request must never be answered.
    let pairs = [
        format!("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: identity\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Content-Length: 0\r\nContent-Length: 44\r\n\r\n{hidden}"),
        format!("Content-Length: 0, 44\r\n\r\n{hidden}"),
        format!("Content-Length: +0\r\n\r\n{hidden}"),
        format!("Content-Length: -1\r\n\r\n{hidden}"),
        format!("Content-Length: 0x0\r\n\r\n{hidden}"),
        format!("Content-Length: 18446744073709551616\r\n\r\n{hidden}"),
        format!("Content-Length: 18446744073709551615\r\n\r\n{hidden}"),
        format!("Content-Length:\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n0x2\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n2;{}\r\n{{}}\r\n0\r\n\r\n{hidden}", "x".repeat(50_000)),
        format!("Transfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n{hidden}", "X: y\r\n".repeat(5000)),
    ];
    for pair in &pairs {
        let (statuses, closed) = answers(&victim, format!("{HEAD}{pair}").as_bytes());
        let told = format!("{:?} of {:.80}", statuses, pair.escape_debug().to_string());
        assert!(statuses.len() <= 1 && !statuses.contains(&200), "the hidden request was answered: {told}");
        assert!(closed, "the connection goes on: {told}");
        assert!(statuses.iter().all(|status| (400..500).contains(status)), "{told}");
    }
    // The same without a quarrel is two requests.
    let plain = format!("{HEAD}Content-Length: 2\r\n\r\n{{}}{hidden}");
    assert_eq!(answers(&victim, plain.as_bytes()).0, [401, 200]);
    victim.is_well();
}

#[test]
fn a_body_shorter_than_it_says_is_not_taken() {
    let victim = Victim::start();
    let key = victim.client.bearer();
    let head = format!("POST /ingest/manual HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n");
    let report = r#"{"text": "a report that is whole, but for the length that was said", "id": "half"}"#;
    let mut wire = Wire::open(&victim.server);
    wire.send(format!("{head}Content-Length: {}\r\n\r\n{report}", report.len() + 10).as_bytes());
    wire.0.shutdown(Shutdown::Write).unwrap();
    let answer = wire.answer();
    assert!(answer.is_none_or(|reply| reply.status == 400), "half a body was taken");
    let mut wire = Wire::open(&victim.server);
    wire.send(
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{report}\r\n", report.len()).as_bytes(),
    );
    wire.0.shutdown(Shutdown::Write).unwrap();
    let answer = wire.answer();
    assert!(answer.is_none_or(|reply| reply.status == 400), "a body without its last chunk was taken");
    victim.is_well();
    taken_in(&victim.client);
    let kept = victim.client.get("/feedback?limit=1000").is(200);
    let kept = String::from_utf8(kept.body).unwrap();
    assert!(kept.contains("are you well?") && !kept.contains("but for the length"), "half a body was kept");
}

#[test]
fn headers_without_end_are_refused() {
    let victim = Victim::start().used();
    let line = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(length));
    let with = |headers: String| format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    let requests = [
        ("a long path", line(100_000)),
        ("a path without end", line(5 << 20)),
        ("a long header", with(format!("X: {}\r\n", "a".repeat(100_000)))),
        ("a header without end", with(format!("X: {}\r\n", "a".repeat(5 << 20)))),
        ("many headers", with((0..10_000).map(|n| format!("X{n}: y\r\n")).collect())),
        ("one header many times", with("Cookie: a=b\r\n".repeat(10_000))),
        ("a long name", with(format!("{}: y\r\n", "a".repeat(70_000)))),
        ("NUL in the path", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()),
        ("NUL in a header", with("X: a\0b\r\n".to_owned())),
        ("NUL in a name", with("X\0: a\r\n".to_owned())),
        ("nothing but NUL", "\0".repeat(10_000)),
        ("no HTTP", "\u{16}\u{3}\u{1}\0\u{a5}\u{1}\0\0\u{a1}\u{3}\u{3}".repeat(100)),
        ("another version", "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n".to_owned()),
    ];
    for (name, request) in requests {
        let (before, begun) = (victim.memory(), Instant::now());
        let (statuses, closed) = answers(&victim, request.as_bytes());
        let (took, grown) = (begun.elapsed(), victim.memory().saturating_sub(before));
        let told = format!("{name}: {statuses:?} within {took:?}, {grown} bytes more");
        assert!(statuses.iter().all(|status| (400..500).contains(status)) && statuses.len() <= 1, "{told}");
        assert!(closed, "the connection goes on: {told}");
        assert!(took < Duration::from_secs(3) && grown < 2 * LIMIT, "{told}");
        victim.is_well();
    }
}

#[test]
fn who_does_not_read_is_left_alone_in_the_end() {
    let victim = Victim::start().used();
    let before = victim.memory();
    let mut wires: Vec<Wire> = (0..20)
        .map(|_| {
            let mut wire = Wire::open(&victim.server);
            // Answers of 150 KB and more, hundreds of them, and nobody to take them.
            wire.send("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300).as_bytes());
            wire
        })
        .collect();
    let begun = Instant::now();
    victim.is_well();
    let (mut ended, mut most) = (0, 0);
    while ended < wires.len() && begun.elapsed() < Duration::from_secs(25) {
        std::thread::sleep(Duration::from_millis(250));
        most = most.max(victim.memory());
        wires.iter_mut().for_each(|wire| wire.0.set_write_timeout(Some(Duration::from_millis(1))).unwrap());
        ended = wires
            .iter_mut()
            .filter_map(|wire| wire.0.write(b"G").err())
            .filter(|e| is_over(e.kind()))
            .count();
    }
    assert_eq!(ended, wires.len(), "after {:?} some connections are still held", begun.elapsed());
    let grown = most.saturating_sub(before);
    assert!(grown < 2 * LIMIT * 20, "20 clients that do not read took {grown} bytes");
    victim.is_well();
}

fn is_over(kind: std::io::ErrorKind) -> bool {
    !matches!(kind, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
