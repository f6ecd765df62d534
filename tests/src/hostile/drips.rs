//! A thousand clients that send a byte a second.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Victim, p99};

const DRIPS: usize = 1000;

/// How one connection ended.
struct Ended {
    is_body: bool,
    after: Duration,
    /// What was answered before the end, if anything.
    status: Option<u16>,
}

/// Drips until it is cut: the headers, or the body after whole headers.
async fn drip(address: SocketAddr, is_body: bool) -> Ended {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    let head = "POST /ingest/manual HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let begin = if is_body { format!("{head}Content-Length: 4096\r\n\r\n{{") } else { "P".to_owned() };
    let rest: &[u8] = if is_body { b" " } else { &head.as_bytes()[1..] };
    let mut rest = rest.iter().cycle();
    let _ = stream.write_all(begin.as_bytes()).await;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break,
                Ok(n) => answer.extend(&buffer[..n]),
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                if stream.write_all(&[*rest.next().unwrap()]).await.is_err() {
                    break;
                }
            }
        }
    }
    let status = answer.get(9..12).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
    Ended { is_body, after: begun.elapsed(), status }
}

#[test]
fn a_thousand_drips_slow_nobody_and_are_cut() {
    let victim = Victim::start();
    let address: SocketAddr = victim.server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let calm = p99(&victim.client, 7, 300);
    let (stop, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let drips: Vec<_> = (0..DRIPS)
        .map(|n| {
            let (stop, open) = (stop.clone(), open.clone());
            runtime.spawn(async move {
                let mut ended = Vec::new();
                // They do not all begin at once, and come again when they are cut.
                tokio::time::sleep(Duration::from_millis(n as u64)).await;
                while !stop.load(Ordering::Relaxed) {
                    open.fetch_add(1, Ordering::Relaxed);
                    ended.push(drip(address, n % 2 == 0).await);
                    open.fetch_sub(1, Ordering::Relaxed);
                }
                ended
            })
        })
        .collect();
    let begun = Instant::now();
    while open.load(Ordering::Relaxed) < DRIPS * 9 / 10 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{open:?} connections");
        std::thread::sleep(Duration::from_millis(20));
    }
    let busy = p99(&victim.client, 9, 300);
    let dripping = open.load(Ordering::Relaxed);
    victim.is_well();
    stop.store(true, Ordering::Relaxed);
    let ended: Vec<Ended> = runtime.block_on(async {
        let mut all = Vec::new();
        for drip in drips {
            all.extend(drip.await.unwrap());
        }
        all
    });
    // The machine may have become slower meanwhile, for reasons of its own.
    let calm = calm.max(p99(&victim.client, 7, 300));
    let longest = |is_body| ended.iter().filter(|e| e.is_body == is_body).map(|e| e.after).max().unwrap();
    let (headers, bodies) = (longest(false), longest(true));
    let told = format!(
        "p99 of healthy clients {calm:?} alone and {busy:?} beside {dripping} drips; headers were cut after at most \
         {headers:?}, bodies after {bodies:?}"
    );
    println!("{told}");
    assert!(dripping >= DRIPS * 9 / 10, "{told}");
    assert!(busy <= calm * 2 || busy < Duration::from_millis(25), "{told}");
    assert!(headers.max(bodies) <= Duration::from_secs(10), "{told}");
    for end in &ended {
        let right =
            if end.is_body { end.status == Some(408) } else { matches!(end.status, None | Some(408)) };
        assert!(right, "a drip was answered {:?} after {:?}", end.status, end.after);
    }
}
