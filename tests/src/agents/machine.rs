//! A server that speaks E2B's wire: it makes sandboxes that are folders of this machine, and runs what it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It knows the older path alone.
    Old,
    /// It answers every call with this status.
    Status(u16),
    /// It knows the key, but its sandboxes do not start processes.
    NoProcess(u16),
    /// The connection of the agent's stream breaks off.
    Drop,
    /// The sandbox is killed while the agent runs.
    Killed,
}

pub(crate) const KEY: &str = "e2b_0000000000000000000000000000000000000000";
const TOKEN: &str = "envd-token";

#[derive(Default)]
struct State {
    /// Method, path without query, and content type of each request.
    calls: Vec<String>,
    created: Vec<Value>,
    deleted: Vec<String>,
}

/// The server; it lives as long as the tests.
pub(crate) struct Machines {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Machines {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                thread::spawn(move || {
                    // A client that goes away is part of the tests.
                    let _ = serve(stream.unwrap(), fault, &shared);
                });
            }
        });
        Self { url, state }
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(crate) fn created(&self) -> Vec<Value> {
        self.state.lock().unwrap().created.clone()
    }

    pub(crate) fn deleted(&self) -> Vec<String> {
        self.state.lock().unwrap().deleted.clone()
    }
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn read(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut parts = first.split_whitespace().map(str::to_owned);
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    if headers.get("expect").is_some_and(|value| value == "100-continue") {
        (&mut &*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().unwrap(), 0);
        reader.read_exact(&mut body)?;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = query.map(|(name, value)| (name.to_owned(), unescape(value))).collect();
    Ok(Some(Request { method, path: path.to_owned(), query, headers, body }))
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn answer(mut stream: &TcpStream, status: u16, kind: &str, body: &[u8]) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nretry-after: 7\r\nconnection: \
         close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

fn answer_json(stream: &TcpStream, status: u16, body: &Value) -> std::io::Result<()> {
    answer(stream, status, "application/json", body.to_string().as_bytes())
}

fn serve(stream: TcpStream, fault: Fault, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(request) = read(&stream)? else { return Ok(()) };
    let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
    let kind = header("content-type").split(';').next().unwrap().to_owned();
    state
        .lock()
        .unwrap()
        .calls
        .push(format!("{} {} {kind}", request.method, request.path).trim_end().to_owned());
    let refuse = |status: u16| answer_json(&stream, status, &json!({"code": status, "message": "no"}));
    let inner = request.path == "/files" || request.path.starts_with("/process.");
    if let Fault::Status(status) = fault {
        return refuse(status);
    }
    let known = if inner {
        header("x-access-token") == TOKEN
            && header("e2b-sandbox-id") == "sbx1"
            && header("e2b-sandbox-port") == "49983"
    } else {
        header("x-api-key") == KEY
    };
    if !known {
        return refuse(401);
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/v2/sandboxes") if fault == Fault::Old => refuse(404),
        ("POST", "/v2/sandboxes" | "/sandboxes") => {
            let body: Value = serde_json::from_slice(&request.body)?;
            if !body["templateID"].is_string() || !body["timeout"].is_u64() {
                return refuse(400);
            }
            state.lock().unwrap().created.push(body);
            let created = json!({"templateID": "t", "sandboxID": "sbx1", "clientID": "c", "envdVersion": "0.3.0",
                "envdAccessToken": TOKEN, "domain": null});
            answer_json(&stream, 201, &created)
        }
        ("DELETE", path) if path.starts_with("/sandboxes/") => {
            state.lock().unwrap().deleted.push(path["/sandboxes/".len()..].to_owned());
            answer(&stream, 204, "application/json", b"")
        }
        ("POST", "/files") => {
            let boundary = header("content-type").split_once("boundary=").unwrap().1;
            let start = request.body.windows(4).position(|part| part == b"\r\n\r\n").unwrap() + 4;
            let head = String::from_utf8_lossy(&request.body[..start]).into_owned();
            assert!(head.starts_with(&format!("--{boundary}")) && head.contains("name=\"file\""), "{head}");
            let end = request.body.len() - format!("\r\n--{boundary}--\r\n").len();
            let end = if request.body.ends_with(b"--\r\n") { end } else { end + 2 };
            let path = std::path::Path::new(&request.query["path"]);
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, &request.body[start..end])?;
            let name = path.file_name().unwrap().to_string_lossy();
            answer_json(&stream, 200, &json!([{"name": name, "type": "file", "path": path}]))
        }
        ("GET", "/files") => match std::fs::read(&request.query["path"]) {
            Ok(bytes) => answer(&stream, 200, "application/octet-stream", &bytes),
            Err(_) => refuse(404),
        },
        ("POST", "/process.Process/Start") => {
            if let Fault::NoProcess(status) = fault {
                return refuse(status);
            }
            assert_eq!(
                (kind.as_str(), header("connect-protocol-version")),
                ("application/connect+json", "1")
            );
            start(&stream, fault, &request.body)
        }
        ("POST", "/process.Process/SendSignal") => {
            let message: Value = serde_json::from_slice(&request.body)?;
            assert_eq!(message["signal"], "SIGNAL_SIGKILL");
            let pid = message["process"]["pid"].as_i64().unwrap().try_into().unwrap();
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process_group(pid, rustix::process::Signal::KILL)?;
            answer_json(&stream, 200, &json!({}))
        }
        _ => refuse(404),
    }
}

/// Runs a process and streams what it does, in chunks of one frame.
fn start(mut stream: &TcpStream, fault: Fault, body: &[u8]) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
    assert_eq!((body[0], body.len()), (0, 5 + length));
    let message: Value = serde_json::from_slice(&body[5..])?;
    let process = &message["process"];
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut command = Command::new(process["cmd"].as_str().unwrap());
    command.args(texts(&process["args"])).stdin(Stdio::null()).process_group(0);
    for (name, value) in process["envs"].as_object().into_iter().flatten() {
        command.env(name, value.as_str().unwrap());
    }
    let agent = process["args"].to_string().contains("AGENT");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/connect+json\r\ntransfer-encoding: chunked\r\nconnection: \
          close\r\n\r\n",
    )?;
    let send = |flags: u8, message: &Value| {
        let text = message.to_string();
        let mut frame = vec![flags];
        frame.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend(text.as_bytes());
        let mut chunk = format!("{:x}\r\n", frame.len()).into_bytes();
        chunk.extend(frame);
        chunk.extend(b"\r\n");
        (&mut &*stream).write_all(&chunk)
    };
    let event = |event: Value| send(0, &json!({"event": event}));
    event(json!({"start": {"pid": child.id()}}))?;
    event(json!({"keepalive": {}}))?;
    let mut output = child.stdout.take().unwrap();
    let mut buffer = [0; 4096];
    loop {
        let count = output.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let sent = event(json!({"data": {"stdout": BASE64_STANDARD.encode(&buffer[..count])}}));
        if sent.is_err() || agent && matches!(fault, Fault::Drop | Fault::Killed) {
            child.kill()?;
            child.wait()?;
            if fault == Fault::Killed {
                let error = json!({"error": {"code": "unavailable", "message": "the sandbox was killed"}});
                send(2, &error)?;
                stream.write_all(b"0\r\n\r\n")?;
            }
            return sent;
        }
    }
    let mut errors = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut errors)?;
    if !errors.is_empty() {
        event(json!({"data": {"stderr": BASE64_STANDARD.encode(&errors)}}))?;
    }
    let status = child.wait()?;
    let mut end = json!({"exited": status.code().is_some(), "status": format!("{status}")});
    // JSON of protobuf leaves out what is zero.
    if let Some(code) = status.code().filter(|code| *code != 0) {
        end["exitCode"] = json!(code);
    }
    event(json!({"end": end}))?;
    send(2, &json!({}))?;
    thread::sleep(Duration::from_millis(5));
    stream.write_all(b"0\r\n\r\n")
}
