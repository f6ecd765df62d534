//! Bodies that are too large, too deep, or nothing at all.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::wire::Wire;
use crate::{LIMIT, Victim};

/// What is sent of a body that is far too large.
const HUGE: usize = 100 << 20;

/// Most that lies in the buffers of one connection, on both sides.
fn socket_buffers() -> u64 {
    let most = |name: &str| -> u64 {
        let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
        text.split_whitespace().next_back().unwrap().parse().unwrap()
    };
    most("tcp_rmem") + most("tcp_wmem")
}

/// Sends `head` and then `piece` again and again; gives the status and how many bytes of the body could be sent.
fn pour(victim: &Victim, head: &str, piece: &[u8]) -> (Option<u16>, u64) {
    let wire = Wire::open(&victim.server);
    // Fewer in flight: what the server took is seen better.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&wire.0, 64 << 10);
    let mut reader = Wire(wire.0.try_clone().unwrap());
    let mut writer = wire;
    let head = head.to_owned();
    let piece = piece.to_vec();
    let pouring = std::thread::spawn(move || {
        let mut sent = 0u64;
        if writer.send(head.as_bytes()) {
            while sent < HUGE as u64 && writer.send(&piece) {
                sent += piece.len() as u64;
            }
        }
        sent
    });
    let status = reader.answer().map(|reply| reply.status);
    assert!(reader.is_closed(), "the connection goes on");
    (status, pouring.join().unwrap())
}

#[test]
fn a_body_of_100_mb_is_refused_unread() {
    let victim = Victim::start().used();
    let head = "POST /ingest/manual HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(vec![b' '; 0x10000]);
    chunk.extend(b"\r\n");
    let requests = [
        (format!("{head}Content-Length: {HUGE}\r\n\r\n"), vec![b' '; 0x10000]),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n"), chunk.clone()),
        (format!("{head}Content-Length: {HUGE}\r\nContent-Encoding: gzip\r\n\r\n"), vec![b' '; 0x10000]),
        (format!("{head}Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"), chunk),
    ];
    let most = LIMIT + (64 << 10) + socket_buffers();
    for (head, piece) in requests {
        let (before, begun) = (victim.memory(), Instant::now());
        let (status, sent) = pour(&victim, &head, &piece);
        let (took, grown) = (begun.elapsed(), victim.memory().saturating_sub(before));
        let told = format!(
            "{head}answered {status:?} within {took:?} after {sent} bytes, {grown} bytes more memory"
        );
        println!("{told}");
        assert_eq!(status, Some(413), "{told}");
        assert!(sent < most && sent < HUGE as u64 / 2, "more than {most}: {told}");
        assert!(took < Duration::from_secs(5), "{told}");
        assert!(grown < 2 * LIMIT, "{told}");
        victim.is_well();
    }
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bodies_that_cannot_be_are_refused_at_once() {
    let victim = Victim::start().used();
    let open = json!({"vendor": "github", "proof": {"kind": "unsigned"}});
    let hook =
        victim.client.post("/sources", &open).is(201).json()["deliver_to"].as_str().unwrap().to_owned();
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000)).into_bytes();
    let keys: String = (0..60_000).map(|n| format!("\"k{n}\":1,")).collect();
    let text = |text: &str| format!("{{\"text\": \"{text}\"}}").into_bytes();
    let bodies: [(&str, Vec<u8>); 20] = [
        ("lists in lists", deep("[", "]")),
        ("objects in objects", deep("{\"a\":", "}")),
        ("lists that do not end", vec![b'['; 1 << 20]),
        (
            "deep inside a report",
            [b"{\"text\": \"x\", \"a\": ".to_vec(), deep("[", "]"), b"}".to_vec()].concat(),
        ),
        ("many keys", format!("{{\"text\": \"x\", {keys}\"z\": 1}}").into_bytes()),
        ("many entries", format!("[{}1]", "1,".repeat(200_000)).into_bytes()),
        ("a key twice", br#"{"text": "a", "text": "b"}"#.to_vec()),
        (
            "a number without end",
            format!("{{\"text\": \"x\", \"id\": {}}}", "9".repeat(500_000)).into_bytes(),
        ),
        ("a number too great", br#"{"text": "x", "id": 1e400}"#.to_vec()),
        ("NaN", br#"{"text": "x", "n": NaN}"#.to_vec()),
        ("nothing but NUL", vec![0; 1000]),
        ("a raw NUL", text("a\0b")),
        ("no UTF-8", b"{\"text\": \"\xff\xfe\"}".to_vec()),
        ("UTF-16", "{\"text\": \"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a long key", format!("{{\"text\": \"x\", \"{}\": 1}}", "k".repeat(900_000)).into_bytes()),
        ("no text", text("")),
        ("nothing to see", text("\\u0000\\u200b\\u202e")),
        ("a text that ends early", b"{\"text\": \"x".to_vec()),
        ("two values", br#"{"text": "x"} {"text": "y"}"#.to_vec()),
        ("a number", b"42".to_vec()),
    ];
    for (name, body) in &bodies {
        for path in ["/ingest/manual", "/ingest/otlp", "/cluster-jobs", &hook] {
            let (before, begun) = (victim.memory(), Instant::now());
            let reply = victim.client.send("POST", path, Some(body)).unwrap();
            let (took, grown) = (begun.elapsed(), victim.memory().saturating_sub(before));
            let told = format!("{name} to {path}: {} within {took:?}, {grown} bytes more", reply.status);
            // What a vendor sends that is no event of a known kind is ignored, not refused.
            let is_right =
                |status: u16| (400..500).contains(&status) || (status <= 202 && path != "/ingest/manual");
            assert!(is_right(reply.status), "{told}: {}", String::from_utf8_lossy(&reply.body));
            assert!(took < Duration::from_secs(1), "{told}");
            assert!(grown < 2 * LIMIT, "{told}");
        }
        victim.is_well();
    }
    // What can be read is read: half a surrogate pair, an escaped NUL, a byte order mark.
    for good in
        [text("half \\ud800 a pair"), text("a\\u0000b"), b"\xef\xbb\xbf{\"text\": \"marked\"}".to_vec()]
    {
        victim.client.send("POST", "/ingest/manual", Some(&good)).unwrap().is(202);
    }
    let zipped = victim.client.clone().header("content-encoding", "gzip");
    let before = victim.memory();
    for plain in [256usize << 20, 64 << 20] {
        let begun = Instant::now();
        let reply = zipped.send("POST", "/ingest/manual", Some(&gzip(&vec![b' '; plain]))).unwrap();
        assert!(reply.status == 413 && begun.elapsed() < Duration::from_secs(20), "{reply:?}");
    }
    assert!(victim.memory().saturating_sub(before) < 2 * LIMIT);
    victim.is_well();
}
