//! The real program as a process: `rulegate serve` on the rules about limits, on ports of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rulegate::auth::development::SigningKey;
use serde_json::{Value, json};

use crate::gateway::{Answer, exchange};
use crate::http_served::token;
use crate::uploads::id;

pub const CASE: &str = "tests/cases/limits";
/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `rulegate serve`.
pub struct Program {
    pub public: SocketAddr,
    pub child: Child,
    pub key: SigningKey,
    log: Receiver<String>,
    folder: PathBuf,
}

/// The schema of the rules about limits.
pub fn schema() -> String {
    fs::read_to_string(Path::new(CASE).join("schema.sql")).unwrap()
}

fn command(words: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rulegate"));
    command
        .args(words)
        .current_dir(folder)
        .env_remove("DATABASE_URL")
        .env_remove("JWKS_URI")
        .stdin(Stdio::null());
    command
}

impl Program {
    /// Starts one that verifies tokens with a key of its own; `settings` are further lines of rulegate.yaml. The database has our schema.
    pub fn start(uri: &str, settings: &str) -> Self {
        let key = SigningKey::generate().unwrap();
        let folder = folder(&key);
        let migrated = command(&["migrate", "rules", "--database", uri], &folder).output();
        let migrated = migrated.unwrap();
        assert!(migrated.status.success(), "{migrated:?}");
        let keys = format!("jwks: {}", key.jwks());
        Self::serve(uri, key, folder, &keys, settings)
    }

    /// Starts one whose keys are fetched from there. Its database may be away.
    pub fn with_keys_at(uri: &str, keys: SocketAddr) -> Self {
        let key = SigningKey::generate().unwrap();
        let folder = folder(&key);
        let keys = format!("jwks_uri: http://{keys}/keys");
        Self::serve(uri, key, folder, &keys, "")
    }

    fn serve(uri: &str, key: SigningKey, folder: PathBuf, keys: &str, settings: &str) -> Self {
        let file =
            format!("version: 1\nclient_auth: {{ {keys}, audience: [powersync] }}\n{settings}");
        fs::write(folder.join("rules/rulegate.yaml"), file).unwrap();
        let words = [
            "serve",
            "rules",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--database",
            uri,
        ];
        let mut child = command(&words, &folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, log) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut program = Self {
            public: "127.0.0.1:0".parse().unwrap(),
            child,
            key,
            log,
            folder,
        };
        let line = program.says("for operators on");
        let after = line.split("on http://").nth(1).unwrap();
        program.public = after.split(',').next().unwrap().parse().unwrap();
        program
    }

    /// Waits for a line of the log with these words.
    pub fn says(&self, words: &str) -> String {
        let began = Instant::now();
        let mut heard = Vec::new();
        while let Some(left) = PATIENCE.checked_sub(began.elapsed()) {
            let Ok(line) = self.log.recv_timeout(left) else {
                break;
            };
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
        panic!("`{words}` was not said, but {heard:#?}");
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A request of a subject with this body.
    pub fn request(&self, subject: &str, body: &str) -> String {
        let token = token(&self.key, subject);
        format!(
            "POST /api/data HTTP/1.1\r\nhost: test\r\nconnection: close\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// One transaction for each of these notes, each a name and how many milliseconds it takes.
    pub async fn put(&self, notes: &[(&str, u32)]) -> Answer {
        let one = |(name, ms): &(&str, u32)| json!({"crud": [{"op": "PUT", "table": "notes", "id": id(name), "op_data": {"n": ms}}]});
        let transactions: Vec<Value> = notes.iter().map(one).collect();
        let body = json!({ "transactions": transactions }).to_string();
        exchange(self.public, &self.request("ann", &body)).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        exchange(self.public, &head).await
    }

    /// Waits until `/readyz` answers with this status; its reasons.
    pub async fn readiness(&self, status: u16) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.get("/readyz").await;
            if answer.status == status {
                return answer.body["reasons"].to_string();
            }
            assert!(Instant::now() < until, "{}", answer.body);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the kernel says of its memory, in KiB: `VmHWM` is the most it ever held.
    pub fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

fn folder(key: &SigningKey) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("rulegate-program-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("rules")).unwrap();
    for entry in fs::read_dir(Path::new(CASE).join("rules")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join("rules").join(path.file_name().unwrap())).unwrap();
    }
    let file = format!(
        "version: 1\nclient_auth: {{ jwks: {}, audience: [powersync] }}\n",
        key.jwks()
    );
    fs::write(folder.join("rules/rulegate.yaml"), file).unwrap();
    folder
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
