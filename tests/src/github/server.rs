//! A small GitHub: pull requests in memory, repositories by `git http-backend`, one token.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};

/// The token that is taken.
pub(super) const TOKEN: &str = "ghs_swordfish";

/// What has happened and is to happen.
#[derive(Default)]
pub(super) struct State {
    /// The pull requests, as they were asked for.
    pub(super) pulls: Vec<Value>,
    /// Answers given instead of the next ones to the API: status, headers, body.
    pub(super) next: VecDeque<(u16, &'static str, Value)>,
    /// What was asked, such as `POST /repos/o/r/pulls`.
    pub(super) asked: Vec<String>,
    /// What each push was asked to do.
    pub(super) pushes: usize,
}

/// The server; it ends with the process.
pub(super) struct Server {
    pub(super) url: String,
    pub(super) state: Arc<Mutex<State>>,
    root: PathBuf,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            Some(line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let text = line()?;
            let Some((name, value)) = text.split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut request =
            Self { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
        if request.header("transfer-encoding") == "chunked" {
            loop {
                let mut size = String::new();
                reader.read_line(&mut size).ok()?;
                let size = usize::from_str_radix(size.trim(), 16).ok()?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk).ok()?;
                if size == 0 {
                    break;
                }
                request.body.extend_from_slice(&chunk[..size]);
            }
        } else {
            let length = request.header("content-length").parse().unwrap_or(0);
            request.body = vec![0; length];
            reader.read_exact(&mut request.body).ok()?;
        }
        Some(request)
    }
}

impl Server {
    /// Serves the bare repositories under `root`; `example` is a pull request as GitHub writes them.
    pub(super) fn start(root: &Path, example: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { url, state: Arc::default(), root: root.to_owned() };
        let (state, root) = (Arc::clone(&server.state), root.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (state, root, example) = (Arc::clone(&state), root.clone(), example.clone());
                std::thread::spawn(move || {
                    if let Some(request) = Request::read(&stream) {
                        let answer = if request.path.contains(".git/") {
                            backend(&root, &state, &request)
                        } else {
                            api(&root, &state, &request, &example)
                        };
                        let _ = (&stream).write_all(&answer);
                    }
                });
            }
        });
        server
    }

    /// What git says about a repository.
    pub(super) fn git(&self, repository: &str, args: &[&str]) -> String {
        git(&self.root.join(format!("{repository}.git")), args)
    }

    pub(super) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Runs git for the test itself.
pub(super) fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn json(status: u16, headers: &str, body: &Value) -> Vec<u8> {
    let headers = format!("content-type: application/json; charset=utf-8\r\n{headers}");
    http(status, &headers, body.to_string().as_bytes())
}

fn backend(root: &Path, state: &Mutex<State>, request: &Request) -> Vec<u8> {
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{TOKEN}"));
    if request.header("authorization") != format!("Basic {basic}") {
        return http(401, "www-authenticate: Basic realm=\"GitHub\"\r\n", b"Bad credentials");
    }
    if request.path.ends_with("/git-receive-pack") {
        state.lock().unwrap().pushes += 1;
    }
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_USER", "bot")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("GIT_PROTOCOL", request.header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (mut stdin, body) = (child.stdin.take().unwrap(), request.body.clone());
    let writer = std::thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let (mut status, mut headers) = (200, String::new());
    for line in head.lines() {
        match line.strip_prefix("Status: ") {
            Some(code) => status = code[..3].parse().unwrap(),
            None => headers += &format!("{line}\r\n"),
        }
    }
    http(status, &headers, &output[end + 4..])
}

fn api(root: &Path, state: &Mutex<State>, request: &Request, example: &Value) -> Vec<u8> {
    let mut state = state.lock().unwrap();
    state.asked.push(format!("{} {}", request.method, request.path));
    if let Some((status, headers, body)) = state.next.pop_front() {
        return json(status, headers, &body);
    }
    if request.header("authorization") != format!("Bearer {TOKEN}") {
        return json(
            401,
            "",
            &json!({"message": "Bad credentials", "documentation_url": "https://docs.github.com"}),
        );
    }
    let missing =
        || json(404, "", &json!({"message": "Not Found", "documentation_url": "https://docs.github.com"}));
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let ["repos", owner, name, "pulls", rest @ ..] = parts.as_slice() else { return missing() };
    let bare = root.join(owner).join(format!("{name}.git"));
    if !bare.is_dir() {
        return missing();
    }
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let field = |name: &str| {
                let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
                pairs
                    .filter(|(key, _)| *key == name)
                    .map(|(_, value)| value.replace("%3A", ":").replace("%2F", "/"))
                    .next()
            };
            let head = field("head");
            let all = field("state").as_deref() == Some("all");
            let found: Vec<Value> = state
                .pulls
                .iter()
                .filter(|pull| all || pull["state"] == "open")
                .filter(|pull| {
                    let label = format!("{owner}:{}", pull["head"]["ref"].as_str().unwrap());
                    head.as_ref().is_none_or(|head| *head == label)
                })
                .cloned()
                .collect();
            json(200, "", &found.into_iter().collect())
        }
        ("GET", [number]) => {
            let found = state.pulls.iter().find(|pull| pull["number"].as_u64() == number.parse().ok());
            found.map_or_else(missing, |pull| json(200, "", pull))
        }
        ("POST", []) => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let exists = |field: &str| {
                !git(
                    &bare,
                    &[
                        "rev-parse",
                        "-q",
                        "--verify",
                        &format!("refs/heads/{}", asked[field].as_str().unwrap()),
                    ],
                )
                .is_empty()
            };
            let refused = |field: &str| {
                let error = json!({"resource": "PullRequest", "field": field, "code": "invalid"});
                json(
                    422,
                    "",
                    &json!({"message": "Validation Failed", "errors": [error], "documentation_url": "https://docs.github.com"}),
                )
            };
            for field in ["head", "base"] {
                if !exists(field) {
                    return refused(field);
                }
            }
            let mut pull = example.clone();
            let number = state.pulls.len() + 1;
            pull["number"] = json!(number);
            pull["html_url"] = json!(format!("https://github.com/{owner}/{name}/pull/{number}"));
            pull["state"] = json!("open");
            pull["merged_at"] = Value::Null;
            for field in ["title", "body", "draft"] {
                pull[field] = asked[field].clone();
            }
            pull["head"]["ref"] = asked["head"].clone();
            pull["base"]["ref"] = asked["base"].clone();
            state.pulls.push(pull.clone());
            json(201, "", &pull)
        }
        _ => missing(),
    }
}
