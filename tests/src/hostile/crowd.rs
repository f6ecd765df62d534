//! Ten thousand clients that keep their connections.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::{Victim, p99};

const CLIENTS: usize = 10_000;
/// Connections from one address; the ports of one would not last.
const FROM_ONE: usize = 2000;
/// Most memory of the server.
const MEMORY: u64 = 400 << 20;

/// Lets this process, and the server that it starts, have as many files as the system allows; whether that is enough.
fn may_have_files(wanted: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    if allowed >= wanted && limit.current.is_some_and(|now| now < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
    allowed >= wanted
}

async fn ask(stream: &mut TcpStream) -> bool {
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut answer = [0; 2048];
    let answered = async {
        stream.write_all(request).await.ok()?;
        stream.read(&mut answer).await.ok().filter(|n| *n > 0)
    };
    tokio::time::timeout(Duration::from_secs(20), answered).await.ok().flatten().is_some()
        && answer.starts_with(b"HTTP/1.1 200 ")
}

async fn join(address: SocketAddr, n: usize) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    let from = Ipv4Addr::new(127, 0, 0, u8::try_from(2 + n / FROM_ONE).ok()?);
    socket.bind(SocketAddrV4::new(from, 0).into()).ok()?;
    let mut stream = socket.connect(address).await.ok()?;
    ask(&mut stream).await.then_some(stream)
}

#[test]
fn ten_thousand_idle_clients_fit() {
    if !may_have_files(CLIENTS as u64 + 500) {
        let told = format!("{CLIENTS} connections take more files than `ulimit -Hn` allows");
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{told}");
        // Past what the test runner captures.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED: {told}\n").as_bytes());
        return;
    }
    let victim = Victim::start();
    let address: SocketAddr = victim.server.url.strip_prefix("http://").unwrap().parse().unwrap();
    let (before, calm) = (victim.memory(), p99(&victim.client, 3, 300));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let begun = Instant::now();
    let mut crowd = Vec::with_capacity(CLIENTS);
    for group in 0..CLIENTS / 200 {
        let joining: Vec<_> = (0..200).map(|n| runtime.spawn(join(address, group * 200 + n))).collect();
        for one in joining {
            crowd.extend(runtime.block_on(one).unwrap());
        }
    }
    assert_eq!(crowd.len(), CLIENTS, "not everybody got in");
    let took = begun.elapsed();
    let (memory, crowded) = (victim.memory(), p99(&victim.client, 5, 300));
    // Nobody was dropped meanwhile.
    let answered =
        crowd.iter_mut().step_by(10).filter_map(|stream| runtime.block_on(ask(stream)).then_some(()));
    assert_eq!(answered.count(), CLIENTS / 10);
    drop(crowd);
    // The machine may have become slower meanwhile, for reasons of its own.
    let calm = calm.max(p99(&victim.client, 3, 300));
    let told = format!(
        "{CLIENTS} clients within {took:?}: {} MiB of memory, {} before; p99 {calm:?} alone and {crowded:?} in the crowd",
        memory >> 20,
        before >> 20
    );
    println!("{told}");
    assert!(memory < MEMORY, "{told}");
    assert!(crowded <= calm * 2 || crowded < Duration::from_millis(25), "{told}");
    victim.is_well();
}
