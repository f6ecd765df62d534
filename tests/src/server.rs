//! `soulcaster serve` on a free port, and somebody to talk to it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use soulcaster_core::flow::NewSource;
use soulcaster_core::model::{Proof, Scope};
use soulcaster_core::{ProjectId, Secret, Soulcaster};
use soulcaster_sources::SqliteStore;

use crate::binary::Desk;

/// For the server to start, or to stop by itself.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Such as `http://127.0.0.1:40001`.
    pub(crate) url: String,
    log: Log,
}

/// What the server has written to standard error so far.
type Log = Arc<Mutex<String>>;

impl Server {
    /// Starts a server on the database of `desk`; `args` are further ones of `serve`.
    pub(crate) fn start(desk: &Desk, args: &[&str]) -> Self {
        let all = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        Self::run(desk.command(&all))
    }

    /// Starts what `command` says, and waits until it listens.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let said = BufReader::new(child.stderr.take().expect("it is piped"));
        let (tell, told) = mpsc::channel();
        let log = Log::default();
        let written = log.clone();
        // Reads to the end, so that the server is never stopped by a full pipe.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if let Some(url) = line.strip_prefix("listening on ") {
                    let _ = tell.send(url.to_owned());
                }
                written.lock().expect("nobody panics with it").push_str(&(line + "\n"));
            }
        });
        match told.recv_timeout(PATIENCE) {
            Ok(url) => Self { child, url, log },
            Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("the server did not start: {}", log.lock().expect("nobody panics with it"))
            }
        }
    }

    /// What the server has written to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Asks it to stop.
    pub(crate) fn signal(&self) {
        let signalled = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(signalled.expect("kill runs").success());
    }

    /// Asks it to stop; gives the exit code and how long it took.
    pub(crate) fn stop(mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        self.signal();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return (status.code(), begun.elapsed());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not stop");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{body}");
        self
    }
}

/// Sends requests over connections that it keeps.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    url: String,
    headers: Vec<(String, String)>,
}

impl Client {
    /// Somebody without a key.
    pub(crate) fn new(server: &Server) -> Self {
        Self::at(&server.url)
    }

    /// Somebody without a key who talks to `url`.
    pub(crate) fn at(url: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(180)))
            .build()
            .new_agent();
        Self { agent, url: url.to_owned(), headers: Vec::new() }
    }

    /// Whom it talks to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Somebody with a key.
    pub(crate) fn with_key(server: &Server, key: &str) -> Self {
        Self::new(server).key(key)
    }

    /// Shows this key.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Sends this header too.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The key that it shows.
    pub(crate) fn bearer(&self) -> &str {
        let shown = self.headers.iter().find(|(name, _)| name == "authorization");
        shown.and_then(|(_, value)| value.strip_prefix("Bearer ")).expect("somebody with a key")
    }

    /// Sends a request; `Err` when no answer came.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Reply, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if body.is_some() && !self.headers.iter().any(|(name, _)| name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).expect("a request"))?,
            None => self.agent.run(request.body(()).expect("a request"))?,
        };
        let (parts, mut body) = sent.into_parts();
        let text = |value: &ureq::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(Reply {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: body.with_config().limit(64 << 20).read_to_vec()?,
        })
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).unwrap_or_else(|e| panic!("GET {path}: {e}"))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        let body = body.to_string();
        self.send("POST", path, Some(body.as_bytes())).unwrap_or_else(|e| panic!("POST {path}: {e}"))
    }

    /// Waits until everything acknowledged has been taken in and grouped.
    #[track_caller]
    pub(crate) fn settled(&self) {
        let begun = Instant::now();
        loop {
            let progress = self.get("/clustering/status").is(200).json();
            if progress["pending_unclustered"] == 0 && progress["is_clustering"] == false {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(120), "it does not settle: {progress}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The engine over the database of `desk`, beside the server.
pub(crate) fn engine(desk: &Desk) -> Soulcaster {
    engine_at(&desk.path("s.db"))
}

/// The engine over the database at `path`.
pub(crate) fn engine_at(path: &Path) -> Soulcaster {
    let store = SqliteStore::open(path).expect("the database opens");
    Soulcaster::builder(Arc::new(store)).build().expect("the engine starts")
}

/// Runs `work` to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// Bytes that differ with `seed`, for keys and secrets.
pub(crate) fn seeded(seed: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes
}

/// A key for `project`.
pub(crate) fn key(desk: &Desk, project: &str, scope: Scope, seed: u64) -> String {
    let project = match scope {
        Scope::Operator => ProjectId::system(),
        _ => ProjectId::new(project).expect("a project"),
    };
    let now = std::time::SystemTime::now().into();
    let made = block_on(engine(desk).create_key(&project, scope, &seeded(seed), now));
    made.expect("a key").1.expose().to_owned()
}

/// A source of `project` with its secret; gives the path to deliver to.
pub(crate) fn source(
    desk: &Desk,
    project: &str,
    vendor: &str,
    proof: Proof,
    secret: &str,
    seed: u64,
) -> String {
    let project = ProjectId::new(project).expect("a project");
    let secret = (!secret.is_empty()).then(|| Secret::new(secret));
    let new =
        NewSource { vendor: vendor.to_owned(), proof, secret, enabled: true, settings: Default::default() };
    let now = std::time::SystemTime::now().into();
    let (source, made) =
        block_on(engine(desk).add_source(&project, new, &seeded(seed), now)).expect("a source");
    match made.filter(|_| source.proof == Proof::PathToken) {
        Some(token) => format!("/ingest/{vendor}/{}/{}", source.id, token.expose()),
        None => format!("/ingest/{vendor}/{}", source.id),
    }
}
