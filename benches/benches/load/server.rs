//! The release binary, serving a new database.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use soulcaster_benches::release_binary;
use tempfile::TempDir;

use crate::client::Connection;

/// A server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    key: String,
    _folder: TempDir,
}

impl Server {
    pub(crate) fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("s.db");
        let key = Command::new(release_binary())
            .args(["keys", "create", "--quiet", "--db"])
            .arg(&db)
            .output()
            .unwrap();
        let mut child = Command::new(release_binary())
            .args(["serve", "--listen", "127.0.0.1:0", "--db"])
            .arg(&db)
            .args(args)
            .env("RUST_LOG", "warn")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").expect(&line).parse().unwrap();
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(|line| eprintln!("{line}")));
        Self {
            child,
            address,
            key: String::from_utf8(key.stdout).unwrap().trim().to_owned(),
            _folder: folder,
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.address, &self.key)
    }

    /// Waits until everything is grouped; gives how long that took.
    pub(crate) fn settle(&self) -> f64 {
        let (begun, mut connection) = (Instant::now(), self.connection());
        loop {
            let progress: serde_json::Value =
                serde_json::from_slice(connection.get("/clustering/status")).unwrap();
            if progress["pending_unclustered"] == 0 && progress["is_clustering"] == false {
                return begun.elapsed().as_secs_f64();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many clusters of two or more there are.
    pub(crate) fn clusters(&self) -> u64 {
        let page: serde_json::Value =
            serde_json::from_slice(self.connection().get("/clusters?limit=1")).unwrap();
        page["total"].as_u64().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
